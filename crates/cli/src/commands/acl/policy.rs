//! `consul acl policy …` (spec: cli.md §8.4).

use super::{
    Acl, DESCRIPTION, FORMAT, Failure, META, NO_MERGE, Outcome, after, data, finish, ids, needed,
    print, show,
};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::{AclPolicy, AclPolicyEntry, Error};
use std::fmt::Write;

pub(crate) const GROUP: Command = Command::group(
    "acl policy",
    "Manages policies",
    "Creates, reads and changes policies: rules with a name, to be linked to tokens and roles.

 $ consul acl policy create -name readers -rules 'key_prefix \"\" { policy = \"read\" }'",
);

const ID: Flag = Flag::string(
    "id",
    "The policy: its ID, or a beginning of it that no other policy has.",
);
const NAME: Flag = Flag::string("name", "The policy, by its name.");
const RULES: Flag = Flag::string(
    "rules",
    "The rules, in HCL or JSON; @file reads a file, - standard input.",
);
const VALID_DATACENTER: Flag = Flag::list(
    "valid-datacenter",
    "A datacenter where the policy holds. May be given many times. Default: it holds everywhere.",
);

pub(crate) const CREATE: Command = Command {
    path: "acl policy create",
    synopsis: "Creates a policy",
    usage: "-name NAME [options]",
    about: "Creates a policy.

 $ consul acl policy create -name readers -description \"may look\" -rules @readers.hcl",
    groups: CSN,
    flags: &[
        DESCRIPTION,
        FORMAT,
        META,
        Flag::string("name", "Name of the new policy."),
        RULES,
        VALID_DATACENTER,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, create)),
};

pub(crate) const DELETE: Command = Command {
    path: "acl policy delete",
    synopsis: "Removes a policy",
    usage: "[options]",
    about: "Removes a policy, by its ID or name. Tokens and roles that have it lose its rules.",
    groups: CSN,
    flags: &[ID, NAME],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, delete)),
};

pub(crate) const LIST: Command = Command {
    path: "acl policy list",
    synopsis: "Lists policies",
    usage: "[options]",
    about: "Prints all policies, without their rules.",
    groups: CSN,
    flags: &[FORMAT, META],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, list)),
};

pub(crate) const READ: Command = Command {
    path: "acl policy read",
    synopsis: "Prints a policy",
    usage: "[options]",
    about: "Prints one policy, by its ID or name.",
    groups: CSN,
    flags: &[FORMAT, ID, META, NAME],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, read)),
};

pub(crate) const UPDATE: Command = Command {
    path: "acl policy update",
    synopsis: "Changes a policy",
    usage: "[options]",
    about: "Changes the given parts of a policy. With -id, -name is its new name; without, it says which policy.",
    groups: CSN,
    flags: &[
        DESCRIPTION,
        FORMAT,
        ID,
        META,
        Flag::string("name", "The policy, by its name; with -id its new name."),
        NO_MERGE,
        RULES,
        VALID_DATACENTER,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, update)),
};

/// Rules of the flag; a failure is printed after `words`.
fn rules(call: &mut Call<'_>, words: &str) -> Result<String, Failure> {
    let given = call.flags.string("rules").to_owned();
    data(call, &given, words)
}

/// Datacenters of the flag; none given stands for everywhere.
fn datacenters(call: &Call<'_>) -> Option<Vec<String>> {
    let list = call.flags.list("valid-datacenter");
    (!list.is_empty()).then(|| list.to_vec())
}

/// `-id` and `-name`, of which one must be given.
fn selectors(call: &Call<'_>) -> Result<(String, String), Failure> {
    let [id, name] = ["id", "name"].map(|flag| call.flags.string(flag).to_owned());
    if id.is_empty() && name.is_empty() {
        return Err("Must specify either the -id or -name parameters".into());
    }
    Ok((id, name))
}

/// The ID of the policy that the flags select; `-id` is the stronger one.
fn selected(acl: &Acl, id: &str, name: &str) -> Result<String, Failure> {
    let found = match id {
        "" => ids::policy_by_name(acl, name),
        id => ids::policy(acl, id),
    };
    found.map_err(after("Error determining policy ID"))
}

fn create(call: &mut Call<'_>) -> Outcome {
    let name = needed(call, "name")?;
    let rules = rules(call, "Error loading rules")?;
    let acl = Acl::connect(call)?;
    let policy = AclPolicy {
        name,
        description: call.flags.string("description").to_owned(),
        datacenters: datacenters(call),
        rules,
        ..AclPolicy::default()
    };
    let policy = acl
        .wait(acl.client.acl_policy_create(&policy, &acl.options))
        .map_err(after("Failed to create new policy"))?;
    let meta = call.flags.bool("meta");
    print(call, &policy, || show::policy(&policy, meta))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let (id, name) = selectors(call)?;
    let acl = Acl::connect(call)?;
    let id = selected(&acl, &id, &name)?;
    let quoted = text::quote(&id);
    let deleted = acl.wait(acl.client.acl_policy_delete(&id, &acl.options));
    // This call of the reference forgets what the server says.
    let silent = |e| match e {
        Error::Status { code, .. } => Error::Status {
            code,
            body: String::new(),
        },
        other => other,
    };
    deleted
        .map_err(silent)
        .map_err(after(&format!("Error deleting policy {quoted}")))?;
    call.out(format!("Policy {quoted} deleted successfully"));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let acl = Acl::connect(call)?;
    let policies = acl
        .wait(acl.client.acl_policies(&acl.options))
        .map_err(after("Failed to retrieve the policy list"))?;
    let meta = call.flags.bool("meta");
    print(call, &policies, || {
        policies.iter().map(|p| entry(p, meta)).collect()
    })
}

fn entry(policy: &AclPolicyEntry, with_meta: bool) -> String {
    const WIDTH: usize = show::WIDTH;
    let mut out = format!("{}:\n", policy.name);
    let dcs = policy.datacenters.as_deref().unwrap_or_default().join(", ");
    for (label, value) in [
        ("ID:", policy.id.as_str()),
        ("Description:", &policy.description),
        ("Datacenters:", &dcs),
    ] {
        let _ = writeln!(out, "   {label:WIDTH$}{value}");
    }
    if with_meta {
        let indexes = [policy.create_index, policy.modify_index];
        show::meta(&mut out, "   ", WIDTH, Some(policy.hash.as_ref()), indexes);
    }
    out
}

fn read(call: &mut Call<'_>) -> Outcome {
    let (id, name) = selectors(call)?;
    let acl = Acl::connect(call)?;
    let policy = if id.is_empty() {
        let words =
            format!("Error reading policy \"name:{name}\": Failed to find policy with name {name}");
        acl.wait(acl.client.acl_policy_by_name(&name, &acl.options))
            .map_err(after(&words))?
            .ok_or_else(|| format!("Error policy not found: {name}"))?
    } else {
        let id = ids::policy(&acl, &id).map_err(after("Error determining policy ID"))?;
        acl.wait(acl.client.acl_policy(&id, &acl.options))
            .map_err(after(&format!("Error reading policy \"id:{id}\"")))?
    };
    let meta = call.flags.bool("meta");
    print(call, &policy, || show::policy(&policy, meta))
}

fn update(call: &mut Call<'_>) -> Outcome {
    let (id, name) = selectors(call)?;
    let acl = Acl::connect(call)?;
    let id = selected(&acl, &id, &name)?;
    let rules = rules(call, "Error loading data source")?;
    let flags = &call.flags;
    let description = flags.string("description").to_owned();
    let policy = if flags.bool("no-merge") {
        AclPolicy {
            id: id.clone(),
            name,
            description,
            datacenters: datacenters(call),
            rules,
            ..AclPolicy::default()
        }
    } else {
        let mut policy = acl
            .wait(acl.client.acl_policy(&id, &acl.options))
            .map_err(after("Error when retrieving current policy"))?;
        for (flag, value, place) in [
            ("name", name, &mut policy.name),
            ("description", description, &mut policy.description),
            ("rules", rules, &mut policy.rules),
        ] {
            if flags.is_set(flag) {
                *place = value;
            }
        }
        if let Some(list) = datacenters(call) {
            policy.datacenters = Some(list);
        }
        policy
    };
    let words = format!("Error updating policy {}", text::quote(&id));
    let policy = acl
        .wait(acl.client.acl_policy_update(&policy, &acl.options))
        .map_err(after(&words))?;
    let meta = call.flags.bool("meta");
    print(call, &policy, || show::policy(&policy, meta))
}
