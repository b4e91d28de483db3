//! `/v1/operator/keyring` (spec/http-api.md §21.2). Pools without encryption have no keyring: every one reports so.

use super::json_body;
use crate::fault::Fault;
use crate::request::{Handled, Request, attempt};
use dialect::json::{Mode, from_slice_into};
use dialect::record;
use ports::Member;

/// Largest value of `?relay-factor`.
const RELAY_FACTOR_MAX: u64 = 5;

record! {
    /// The key that a change concerns.
    pub struct KeyBody {
        key: String = "Key",
        token: String = "Token",
        relay_factor: u64 = "RelayFactor",
        local_only: bool = "LocalOnly",
        datacenter: String = "Datacenter",
    }
}

/// The parameters of all four calls; whether only the LAN is asked.
fn local_only(req: &Request, listing: bool) -> Result<bool, Fault> {
    if let Some(text) = req.params.get("relay-factor") {
        let factor: u64 = text.parse().map_err(|_| {
            Fault::bad(format!(
                "Error parsing relay factor: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        })?;
        if factor > RELAY_FACTOR_MAX {
            return Err(Fault::bad(
                "Invalid relay-factor: Relay factor must be in range: [0, 5]",
            ));
        }
    }
    let Some(text) = req.params.get("local-only") else {
        return Ok(false);
    };
    let only = match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        _ => {
            let text = format!(
                "Error parsing local-only: strconv.ParseBool: parsing {text:?}: invalid syntax"
            );
            return Err(Fault::bad(text));
        }
    };
    if only && !listing {
        return Err(Fault::bad(
            "Invalid use of local-only: local-only can only be set for list requests",
        ));
    }
    Ok(only)
}

/// One pool: its name and members.
type Pool = (String, Vec<Member>);

fn pools(req: &Request, local_only: bool) -> Vec<Pool> {
    let members = &req.door.ports.members;
    let lan = (
        format!("{} (LAN)", req.door.settings().config.datacenter),
        members.lan(),
    );
    let wan = members
        .wan()
        .filter(|_| !local_only)
        .map(|wan| ("WAN".to_owned(), wan));
    wan.into_iter().chain([lan]).collect()
}

/// Every pool's refusal with this text of each of its members.
fn all_refuse(pools: &[Pool], text: &str) -> Fault {
    let mut lines = Vec::new();
    for (name, members) in pools {
        let count = members.len();
        lines.push(format!(
            "{name} error: {count}/{count} nodes reported failure"
        ));
        lines.extend(
            members
                .iter()
                .map(|member| format!("{}: {text}", member.name)),
        );
    }
    several(&lines)
}

fn several(lines: &[String]) -> Fault {
    let head = if lines.len() == 1 {
        "1 error occurred:".to_owned()
    } else {
        format!("{} errors occurred:", lines.len())
    };
    let rows: String = lines.iter().map(|line| format!("\n\t* {line}")).collect();
    Fault::internal(format!("{head}{rows}\n\n"))
}

/// The keys in use.
pub(crate) fn list(req: Request) -> Handled {
    let only = attempt!(local_only(&req, true));
    all_refuse(
        &pools(&req, only),
        "Keyring is empty (encryption not enabled)",
    )
    .into()
}

/// Installs a key, makes it the primary one, or removes it.
pub(crate) fn change(req: Request) -> Handled {
    attempt!(local_only(&req, false));
    let pools = pools(&req, false);
    let Request { body, .. } = req;
    Handled::later(async move {
        let bytes = json_body(body).await?;
        let mut asked = KeyBody::default();
        from_slice_into(&mut asked, &bytes, Mode::Strict).map_err(|error| Fault::decode(&error))?;
        if let Err(fault) = dialect::base64::decode(asked.key.as_bytes()) {
            let lines: Vec<String> = pools
                .iter()
                .map(|(name, _)| format!("{name} error: {fault}"))
                .collect();
            return Err(several(&lines));
        }
        Err(all_refuse(
            &pools,
            "No keyring to modify (encryption not enabled)",
        ))
    })
}
