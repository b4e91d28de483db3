//! `consul acl role update` (spec: cli.md §8.5).

use super::role::{ID, shown};
use super::token_update::changed_templates;
use super::{
    Acl, DESCRIPTION, FORMAT, Failure, META, NO_MERGE, Outcome, after, finish, ids, links, print,
    required,
};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::{AclNodeIdentity, AclRole};

pub(crate) const COMMAND: Command = Command {
    path: "acl role update",
    synopsis: "Changes a role",
    usage: "[options]",
    about: "Changes the given parts of a role: policies and identities are added to what it has. With -no-merge it has nothing but what is given.",
    groups: CSN,
    flags: &[
        links::APPEND_TEMPLATED_POLICY,
        links::APPEND_TEMPLATED_POLICY_FILE,
        DESCRIPTION,
        FORMAT,
        ID,
        META,
        Flag::string("name", "New name of the role."),
        NO_MERGE,
        links::NODE_IDENTITY,
        links::POLICY_ID,
        links::POLICY_NAME,
        links::REPLACE_TEMPLATED_POLICY,
        links::REPLACE_TEMPLATED_POLICY_FILE,
        links::SERVICE_IDENTITY,
        links::VAR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, run)),
};

fn run(call: &mut Call<'_>) -> Outcome {
    let missing = "Cannot update a role without specifying the -id parameter";
    let part = required(call, "id", missing)?;
    let acl = Acl::connect(call)?;
    let role = if call.flags.bool("no-merge") {
        // The ID goes out as typed.
        from_flags(call, &acl, part)?.0
    } else {
        merged(call, &acl, &part)?
    };
    let words = format!("Error updating role {}", text::quote(&role.id));
    let role = acl
        .wait(acl.client.acl_role_update(&role, &acl.options))
        .map_err(after(&words))?;
    let meta = call.flags.bool("meta");
    print(call, &role, || shown(&role, meta))
}

/// A role of nothing but the flags, and whether its templates take the place of others; none given do not.
fn from_flags(call: &mut Call<'_>, acl: &Acl, id: String) -> Result<(AclRole, bool), Failure> {
    let templates = changed_templates(call)?;
    let replace = matches!(templates, Some((_, false)));
    let flags = &call.flags;
    let role = AclRole {
        id,
        name: flags.string("name").to_owned(),
        description: flags.string("description").to_owned(),
        policies: links::policies(acl, flags.list("policy-name"), flags.list("policy-id"))?,
        service_identities: links::service_identities(flags.list("service-identity"))?,
        node_identities: links::node_identities(flags.list("node-identity"))?,
        templated_policies: templates.map(|(list, _)| list).unwrap_or_default(),
        ..AclRole::default()
    };
    Ok((role, replace))
}

/// The role as it is, with what the flags add.
fn merged(call: &mut Call<'_>, acl: &Acl, part: &str) -> Result<AclRole, Failure> {
    let id = ids::role(acl, part).map_err(after("Error determining role ID"))?;
    let (new, replace_templates) = from_flags(call, acl, id.clone())?;
    let mut role = acl
        .wait(acl.client.acl_role(&id, &acl.options))
        .map_err(after("Error when retrieving current role"))?
        .ok_or_else(|| format!("Role not found with ID {}", text::quote(&id)))?;
    for (value, place) in [
        (new.name, &mut role.name),
        (new.description, &mut role.description),
    ] {
        if !value.is_empty() {
            *place = value;
        }
    }
    links::append(&mut role.policies, new.policies);
    links::append_services(&mut role.service_identities, new.service_identities);
    append_nodes(&mut role.node_identities, new.node_identities);
    if replace_templates {
        role.templated_policies.clear();
    }
    role.templated_policies.extend(new.templated_policies);
    Ok(role)
}

/// Adds identities, but not of a node that has one in another datacenter; servers drop what is there twice.
fn append_nodes(old: &mut Vec<AclNodeIdentity>, new: Vec<AclNodeIdentity>) {
    for identity in new {
        let elsewhere = |o: &AclNodeIdentity| {
            o.node_name == identity.node_name && o.datacenter != identity.datacenter
        };
        if !old.iter().any(elsewhere) {
            old.push(identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stays_where_it_is() {
        let node = |name: &str, dc: &str| AclNodeIdentity {
            node_name: name.into(),
            datacenter: dc.into(),
        };
        let mut old = vec![node("a", "x")];
        append_nodes(&mut old, vec![node("a", "y"), node("b", "y")]);
        assert_eq!(old, [node("a", "x"), node("b", "y")]);
    }
}
