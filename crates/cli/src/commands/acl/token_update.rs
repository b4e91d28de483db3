//! `consul acl token update` (spec: cli.md §8.3): reads the token, changes it and writes it back.

use super::token::{ACCESSOR_ID, OLD_ID, accessor};
use super::{
    Acl, DESCRIPTION, FORMAT, Failure, META, Outcome, after, finish, ids, links, print, show,
};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use proconsul_client::{AclLink, AclNodeIdentity, AclToken};

pub(crate) const COMMAND: Command = Command {
    path: "acl token update",
    synopsis: "Changes a token",
    usage: "[options]",
    about: "Changes the given parts of a token. Policies, roles and templates that no flag names stay; service and node identities do not: without a flag for them the token loses its own.

 $ consul acl token update -accessor-id 5a1b -append-policy-name writers",
    groups: CSN,
    flags: &[
        ACCESSOR_ID,
        Flag::list("append-node-identity", "A node to add: NAME:DATACENTER. May be given many times."),
        Flag::list("append-policy-id", "A policy to add, by its ID. May be given many times."),
        Flag::list("append-policy-name", "A policy to add, by its name. May be given many times."),
        Flag::list("append-role-id", "A role to add, by its ID. May be given many times."),
        Flag::list("append-role-name", "A role to add, by its name. May be given many times."),
        Flag::list(
            "append-service-identity",
            "A service to add: NAME, or NAME:DC1,DC2. May be given many times.",
        ),
        links::APPEND_TEMPLATED_POLICY,
        links::APPEND_TEMPLATED_POLICY_FILE,
        DESCRIPTION,
        FORMAT,
        OLD_ID,
        Flag::bool("merge-node-identities", "Old form of -append-node-identity.").old(),
        Flag::bool("merge-policies", "Old form of -append-policy-id and -append-policy-name.").old(),
        Flag::bool("merge-roles", "Old form of -append-role-id and -append-role-name.").old(),
        Flag::bool("merge-service-identities", "Old form of -append-service-identity.").old(),
        META,
        links::NODE_IDENTITY,
        links::POLICY_ID,
        links::POLICY_NAME,
        links::REPLACE_TEMPLATED_POLICY,
        links::REPLACE_TEMPLATED_POLICY_FILE,
        links::ROLE_ID,
        links::ROLE_NAME,
        links::SERVICE_IDENTITY,
        links::VAR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, run)),
};

fn run(call: &mut Call<'_>) -> Outcome {
    let part = accessor(
        call,
        "Use the -accessor-id parameter to specify token by Accessor ID",
        "Cannot update a token without specifying the -accessor-id parameter",
    )?;
    let acl = Acl::connect(call)?;
    let id = ids::token(&acl, &part).map_err(after("Error determining token ID"))?;
    let mut token = acl
        .wait(acl.client.acl_token(&id, &acl.options))
        .map_err(after("Error when retrieving current token"))?;
    let description = call.flags.string("description");
    if !description.is_empty() {
        description.clone_into(&mut token.description);
    }
    for (old, new) in [
        ("merge-policies", "append-policy-name` or `append-policy-id"),
        ("merge-roles", "append-role-name` or `append-role-id"),
    ] {
        if call.flags.bool(old) {
            call.err(format!("{old} is deprecated and will be removed in a future Consul version. Use `{new}` instead."));
        }
    }
    update_policies(call, &acl, &mut token)?;
    update_roles(call, &acl, &mut token)?;
    update_services(call, &mut token)?;
    update_nodes(call, &mut token)?;
    update_templates(call, &mut token)?;
    let token = acl
        .wait(acl.client.acl_token_update(&token, &acl.options))
        .map_err(after(&format!("Failed to update token {id}")))?;
    let meta = call.flags.bool("meta");
    print(call, &token, || show::token(&token, meta))
}

/// Refuses flags that replace beside flags that add.
fn not_both(call: &Call<'_>, replace: &[&str], append: &[&str], text: &str) -> Result<(), Failure> {
    if links::given(call, replace, &[]) && links::given(call, append, &[]) {
        return Err(text.into());
    }
    Ok(())
}

fn update_policies(call: &Call<'_>, acl: &Acl, token: &mut AclToken) -> Outcome {
    not_both(
        call,
        &["policy-id", "policy-name"],
        &["append-policy-id", "append-policy-name"],
        "Cannot combine the use of policy-id/policy-name flags with append- variants. To set or overwrite existing policies, use -policy-id or -policy-name. To append to existing policies, use -append-policy-id or -append-policy-name.",
    )?;
    let flags = &call.flags;
    let plain = links::policies(acl, flags.list("policy-name"), flags.list("policy-id"))?;
    let more = links::policies(
        acl,
        flags.list("append-policy-name"),
        flags.list("append-policy-id"),
    )?;
    replace_or_append(
        &mut token.policies,
        plain,
        more,
        flags.bool("merge-policies"),
    );
    Ok(())
}

fn update_roles(call: &Call<'_>, acl: &Acl, token: &mut AclToken) -> Outcome {
    not_both(
        call,
        &["role-id", "role-name"],
        &["append-role-id", "append-role-name"],
        "Cannot combine the use of role-id/role-name flags with append- variants. To set or overwrite existing roles, use -role-id or -role-name. To append to existing roles, use -append-role-id or -append-role-name.",
    )?;
    let flags = &call.flags;
    let merge = flags.bool("merge-roles");
    let mut plain = links::roles(acl, flags.list("role-name"), flags.list("role-id"))?;
    if merge {
        // The reference sends the ID as a name here; servers then say that there is no such role.
        for link in plain.iter_mut().filter(|link| !link.id.is_empty()) {
            *link = links::by_name(&link.id);
        }
    }
    let more = links::roles(
        acl,
        flags.list("append-role-name"),
        flags.list("append-role-id"),
    )?;
    replace_or_append(&mut token.roles, plain, more, merge);
    Ok(())
}

fn replace_or_append(old: &mut Vec<AclLink>, plain: Vec<AclLink>, more: Vec<AclLink>, merge: bool) {
    if merge {
        links::append(old, plain);
    } else if !plain.is_empty() {
        *old = plain;
    }
    links::append(old, more);
}

fn update_services(call: &Call<'_>, token: &mut AclToken) -> Outcome {
    not_both(
        call,
        &["service-identity"],
        &["append-service-identity"],
        "Cannot combine the use of service-identity flag with append-service-identity. To set or overwrite existing service identities, use -service-identity. To append to existing service identities, use -append-service-identity.",
    )?;
    let plain = links::service_identities(call.flags.list("service-identity"))?;
    let more = links::service_identities(call.flags.list("append-service-identity"))?;
    let old = &mut token.service_identities;
    if call.flags.bool("merge-service-identities") {
        links::append_services(old, plain);
    } else if more.is_empty() {
        *old = plain;
    }
    links::append_services(old, more);
    Ok(())
}

fn update_nodes(call: &Call<'_>, token: &mut AclToken) -> Outcome {
    not_both(
        call,
        &["node-identity"],
        &["append-node-identity"],
        "Cannot combine the use of node-identity flag with append-node-identity. To set or overwrite existing node identities, use -node-identity. To append to existing node identities, use -append-node-identity.",
    )?;
    let plain = links::node_identities(call.flags.list("node-identity"))?;
    let more = links::node_identities(call.flags.list("append-node-identity"))?;
    let old = &mut token.node_identities;
    if call.flags.bool("merge-node-identities") {
        append_nodes(old, plain);
    } else if more.is_empty() {
        *old = plain;
    }
    append_nodes(old, more);
    Ok(())
}

/// Adds identities that are not there yet: the same node in another datacenter is another one.
fn append_nodes(old: &mut Vec<AclNodeIdentity>, new: Vec<AclNodeIdentity>) {
    for identity in new {
        if !old.contains(&identity) {
            old.push(identity);
        }
    }
}

fn update_templates(call: &mut Call<'_>, token: &mut AclToken) -> Outcome {
    if let Some((templates, append)) = changed_templates(call)? {
        if !append {
            token.templated_policies.clear();
        }
        token.templated_policies.extend(templates);
    }
    Ok(())
}

/// The templates of the replacing or the adding flags, and whether they add; shared with roles.
pub(super) fn changed_templates(
    call: &mut Call<'_>,
) -> Result<Option<(Vec<proconsul_client::AclTemplatedPolicy>, bool)>, Failure> {
    const APPEND: [&str; 2] = ["append-templated-policy", "append-templated-policy-file"];
    const REPLACE: [&str; 2] = ["replace-templated-policy", "replace-templated-policy-file"];
    let (append, replace) = (
        links::given(call, &[], &APPEND),
        links::given(call, &[], &REPLACE),
    );
    if append && replace {
        return Err("Cannot combine the use of -append-templated-policy flags with replace-templated-policy. To set or overwrite existing templated policies, use -replace-templated-policy or -replace-templated-policy-file. To append to existing templated policies, use -append-templated-policy or -append-templated-policy-file.".into());
    }
    if !append && !replace {
        return Ok(None);
    }
    let [name, file] = if append { APPEND } else { REPLACE };
    Ok(Some((links::templates(call, name, file)?, append)))
}
