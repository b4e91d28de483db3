//! `consul acl role …` but `update` (spec: cli.md §8.5).

use super::links::{self, given};
use super::{Acl, DESCRIPTION, FORMAT, META, Outcome, after, finish, ids, needed, print, show};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::AclRole;
use std::fmt::Write;

pub(crate) const GROUP: Command = Command::group(
    "acl role",
    "Manages roles",
    "Creates, reads and changes roles: policies and identities under one name, to be linked to tokens.

 $ consul acl role create -name crew -policy-name readers -policy-name writers",
);

pub(super) const ID: Flag = Flag::string(
    "id",
    "The role: its ID, or a beginning of it that no other role has.",
);
const NAME: Flag = Flag::string("name", "The role, by its name.");

pub(crate) const CREATE: Command = Command {
    path: "acl role create",
    synopsis: "Creates a role",
    usage: "-name NAME [options]",
    about: "Creates a role with the rights of policies, identities and templates; at least one of them must be given.",
    groups: CSN,
    flags: &[
        DESCRIPTION,
        FORMAT,
        META,
        Flag::string("name", "Name of the new role."),
        links::NODE_IDENTITY,
        links::POLICY_ID,
        links::POLICY_NAME,
        links::SERVICE_IDENTITY,
        links::TEMPLATED_POLICY,
        links::TEMPLATED_POLICY_FILE,
        links::VAR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, create)),
};

pub(crate) const DELETE: Command = Command {
    path: "acl role delete",
    synopsis: "Removes a role",
    usage: "[options]",
    about: "Removes a role, by its ID or name. Tokens that have it lose its rights.",
    groups: CSN,
    flags: &[ID, NAME],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, delete)),
};

pub(crate) const LIST: Command = Command {
    path: "acl role list",
    synopsis: "Lists roles",
    usage: "[options]",
    about: "Prints all roles.",
    groups: CSN,
    flags: &[FORMAT, META],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, list)),
};

pub(crate) const READ: Command = Command {
    path: "acl role read",
    synopsis: "Prints a role",
    usage: "[options]",
    about: "Prints one role, by its ID or name.",
    groups: CSN,
    flags: &[FORMAT, ID, META, NAME],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, read)),
};

fn create(call: &mut Call<'_>) -> Outcome {
    let name = needed(call, "name")?;
    let lists = [
        "policy-name",
        "policy-id",
        "service-identity",
        "node-identity",
    ];
    let texts = ["templated-policy-file", "templated-policy"];
    if !given(call, &lists, &texts) {
        return Err("Cannot create a role without specifying -policy-name, -policy-id, -service-identity, -node-identity, -templated-policy-file or -templated-policy at least once".into());
    }
    links::one_template_source(call, "role")?;
    let acl = Acl::connect(call)?;
    let templates = links::templates(call, "templated-policy", "templated-policy-file")?;
    let flags = &call.flags;
    let role = AclRole {
        name,
        description: flags.string("description").to_owned(),
        policies: links::policies(&acl, flags.list("policy-name"), flags.list("policy-id"))?,
        service_identities: links::service_identities(flags.list("service-identity"))?,
        node_identities: links::node_identities(flags.list("node-identity"))?,
        templated_policies: templates,
        ..AclRole::default()
    };
    let role = acl
        .wait(acl.client.acl_role_create(&role, &acl.options))
        .map_err(after("Failed to create new role"))?;
    let meta = call.flags.bool("meta");
    print(call, &role, || shown(&role, meta))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let [id, name] = ["id", "name"].map(|flag| call.flags.string(flag).to_owned());
    if id.is_empty() && name.is_empty() {
        return Err("Must specify the -id or -name parameters".into());
    }
    let acl = Acl::connect(call)?;
    let id = match id.as_str() {
        "" => ids::role_by_name(&acl, &name),
        id => ids::role(&acl, id),
    };
    let id = id.map_err(after("Error determining role ID"))?;
    let quoted = text::quote(&id);
    acl.wait(acl.client.acl_role_delete(&id, &acl.options))
        .map_err(after(&format!("Error deleting role {quoted}")))?;
    call.out(format!("Role {quoted} deleted successfully"));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let acl = Acl::connect(call)?;
    let roles = acl
        .wait(acl.client.acl_roles(&acl.options))
        .map_err(after("Failed to retrieve the role list"))?;
    let meta = call.flags.bool("meta");
    print(call, &roles, || {
        roles
            .iter()
            .map(|role| {
                let mut out = format!("{}:\n", role.name);
                write(&mut out, "   ", role, false, meta);
                out
            })
            .collect()
    })
}

fn read(call: &mut Call<'_>) -> Outcome {
    let [id, name] = ["id", "name"].map(|flag| call.flags.string(flag).to_owned());
    if id.is_empty() && name.is_empty() {
        return Err("Must specify either the -id or -name parameters".into());
    }
    let acl = Acl::connect(call)?;
    let role = if id.is_empty() {
        let quoted = text::quote(&name);
        acl.wait(acl.client.acl_role_by_name(&name, &acl.options))
            .map_err(after(&format!("Error reading role {quoted}")))?
            .ok_or_else(|| format!("Role not found with name {quoted}"))?
    } else {
        let id = ids::role(&acl, &id).map_err(after("Error determining role ID"))?;
        let quoted = text::quote(&id);
        acl.wait(acl.client.acl_role(&id, &acl.options))
            .map_err(after(&format!("Error reading role {quoted}")))?
            .ok_or_else(|| format!("Role not found with ID {quoted}"))?
    };
    let meta = call.flags.bool("meta");
    print(call, &role, || shown(&role, meta))
}

pub(super) fn shown(role: &AclRole, with_meta: bool) -> String {
    let mut out = String::new();
    write(&mut out, "", role, true, with_meta);
    out
}

fn write(out: &mut String, indent: &str, role: &AclRole, with_name: bool, with_meta: bool) {
    const WIDTH: usize = show::WIDTH;
    let name = with_name.then_some(("Name:", role.name.as_str()));
    let lines = [("ID:", role.id.as_str())]
        .into_iter()
        .chain(name)
        .chain([("Description:", role.description.as_str())]);
    for (label, value) in lines {
        let _ = writeln!(out, "{indent}{label:WIDTH$}{value}");
    }
    if with_meta {
        let indexes = [role.create_index, role.modify_index];
        show::meta(out, indent, WIDTH, Some(role.hash.as_ref()), indexes);
    }
    let links = show::Links {
        policies: &role.policies,
        roles: &[],
        services: &role.service_identities,
        nodes: &role.node_identities,
        templates: &role.templated_policies,
    };
    links.write(out, indent);
}
