//! Who may be in a pool (spec/wire.md §2.10). Texts are the reference's: they are what a failed join says.

use crate::Build;
use crate::server::{Server, is_client};
use serf::{Member, Rules, Status};
use std::collections::HashMap;

/// Members of this version and later have IDs that are their own.
const OWN_IDS_SINCE: [u64; 3] = [0, 8, 5];

/// The rules of a datacenter's pool.
#[derive(Clone, Debug)]
pub struct LanRules {
    /// Our datacenter.
    pub datacenter: String,
    /// Our name.
    pub name: String,
    /// Our ID, in lower case.
    pub id: String,
}

impl Rules for LanRules {
    fn admits(&mut self, member: &Member) -> Result<(), String> {
        self.admits_all(std::slice::from_ref(member))
    }

    fn admits_all(&mut self, members: &[Member]) -> Result<(), String> {
        let [major, minor, patch] = OWN_IDS_SINCE;
        let since = Build::release(major, minor, patch);
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for member in members {
            let id = member.tags.get("id").map_or("", String::as_str);
            if !id.is_empty() && member.status != Status::Left {
                if id == self.id && !member.name.eq_ignore_ascii_case(&self.name) {
                    return Err(format!(
                        "Member '{}' has conflicting node ID '{id}' with this agent's ID",
                        member.name
                    ));
                }
                if let Some(other) = seen.get(id) {
                    return Err(format!(
                        "Member '{}' has conflicting node ID '{id}' with member '{other}'",
                        member.name
                    ));
                }
                let build = member
                    .tags
                    .get("build")
                    .and_then(|build| Build::parse(build));
                if build.is_some_and(|build| build >= since) {
                    seen.insert(id, &member.name);
                }
            }
            self.same_datacenter(member)?;
        }
        Ok(())
    }
}

impl LanRules {
    fn same_datacenter(&self, member: &Member) -> Result<(), String> {
        let told = if is_client(member) {
            member.tags.get("dc").cloned().unwrap_or_default()
        } else if let Some(server) = Server::of(member) {
            server.datacenter
        } else {
            return Ok(());
        };
        if told == self.datacenter {
            return Ok(());
        }
        Err(format!(
            "Member '{}' part of wrong datacenter '{told}'",
            member.name
        ))
    }
}

/// The rules of the pool of all datacenters.
#[derive(Clone, Debug)]
pub struct WanRules {
    /// Our datacenter, if it is to be the only one.
    pub alone: Option<String>,
}

impl Rules for WanRules {
    fn admits(&mut self, member: &Member) -> Result<(), String> {
        let Some(server) = Server::of(member) else {
            return Err(format!("Member '{}' is not a server", member.name));
        };
        match &self.alone {
            Some(own) if *own != server.datacenter => Err(format!(
                "Member '{}' part of wrong datacenter '{}'; WAN federation is disabled",
                member.name, server.datacenter
            )),
            _ => Ok(()),
        }
    }

    fn admits_all(&mut self, members: &[Member]) -> Result<(), String> {
        members.iter().try_for_each(|member| self.admits(member))
    }
}
