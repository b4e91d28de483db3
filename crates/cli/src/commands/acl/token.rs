//! `consul acl token …` but `update` (spec: cli.md §8.3).

use super::links::{self, given};
use super::{
    Acl, DESCRIPTION, FORMAT, Failure, META, Outcome, after, expanded, finish, ids, print, show,
};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::AclToken;

pub(crate) const GROUP: Command = Command::group(
    "acl token",
    "Manages tokens",
    "Creates, reads and changes tokens: what a request shows to be allowed something.

 $ consul acl token create -description \"web servers\" -service-identity web
 $ consul acl token read -self",
);

pub(super) const ACCESSOR_ID: Flag = Flag::string(
    "accessor-id",
    "The token: its accessor ID, or a beginning of it that no other token has.",
);
pub(super) const OLD_ID: Flag = Flag::string("id", "Old name of -accessor-id.").old();

pub(crate) const CREATE: Command = Command {
    path: "acl token create",
    synopsis: "Creates a token",
    usage: "[options]",
    about: "Creates a token with the rights of policies, roles, identities and templates; at least one of them must be given.

 $ consul acl token create -policy-name readers -expires-ttl 24h
 $ consul acl token create -templated-policy builtin/service -var name:web",
    groups: CSN,
    flags: &[
        Flag::string("accessor", "Accessor ID of the new token, a UUID. Default: a random one."),
        DESCRIPTION,
        Flag::duration("expires-ttl", "How long the token lives. Default: for ever."),
        FORMAT,
        Flag::bool("local", "The token holds in its own datacenter only."),
        META,
        links::NODE_IDENTITY,
        links::POLICY_ID,
        links::POLICY_NAME,
        links::ROLE_ID,
        links::ROLE_NAME,
        Flag::string("secret", "Secret of the new token, a UUID. Default: a random one."),
        links::SERVICE_IDENTITY,
        links::TEMPLATED_POLICY,
        links::TEMPLATED_POLICY_FILE,
        links::VAR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, create)),
};

pub(crate) const CLONE: Command = Command {
    path: "acl token clone",
    synopsis: "Creates a token with the rights of another",
    usage: "[options]",
    about: "Creates a token with the same rights as another one but with IDs of its own.",
    groups: CSN,
    flags: &[
        ACCESSOR_ID,
        Flag::string(
            "description",
            "Description of the new token. Default: that of the other.",
        ),
        FORMAT,
        OLD_ID,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, clone)),
};

pub(crate) const DELETE: Command = Command {
    path: "acl token delete",
    synopsis: "Removes a token",
    usage: "[options] -accessor-id TOKEN",
    about: "Removes a token; requests that show it are refused from then on.",
    groups: CSN,
    flags: &[ACCESSOR_ID, OLD_ID],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, delete)),
};

pub(crate) const LIST: Command = Command {
    path: "acl token list",
    synopsis: "Lists tokens",
    usage: "[options]",
    about: "Prints all tokens.",
    groups: CSN,
    flags: &[FORMAT, META],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, list)),
};

pub(crate) const READ: Command = Command {
    path: "acl token read",
    synopsis: "Prints a token",
    usage: "[options] -accessor-id TOKENID",
    about: "Prints one token: by its accessor ID, or the one that the request itself shows.",
    groups: CSN,
    flags: &[
        ACCESSOR_ID,
        Flag::bool(
            "expanded",
            "Print also the content of its policies and roles, and the defaults of the server.",
        ),
        FORMAT,
        META,
        OLD_ID,
        Flag::bool("self", "The token of the request."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, read)),
};

/// What a token may be made of: lists, then texts.
const LINK_LISTS: &[&str] = &[
    "policy-name",
    "policy-id",
    "role-name",
    "role-id",
    "service-identity",
    "node-identity",
];
const LINK_TEXTS: &[&str] = &["templated-policy", "templated-policy-file"];

/// The accessor ID or part of it, as typed. The old flag counts when the new one is not given, and says so with `warning`.
pub(super) fn accessor(
    call: &mut Call<'_>,
    warning: &str,
    missing: &str,
) -> Result<String, Failure> {
    match (call.flags.string("accessor-id"), call.flags.string("id")) {
        ("", "") => Err(missing.into()),
        ("", old) => {
            let old = old.to_owned();
            call.err(warning);
            Ok(old)
        }
        (id, _) => Ok(id.to_owned()),
    }
}

fn create(call: &mut Call<'_>) -> Outcome {
    if !given(call, LINK_LISTS, LINK_TEXTS) {
        return Err("Cannot create a token without specifying -policy-name, -policy-id, -role-name, -role-id, -service-identity, -node-identity, -templated-policy, or -templated-policy-file at least once".into());
    }
    links::one_template_source(call, "token")?;
    let acl = Acl::connect(call)?;
    let templates = links::templates(call, "templated-policy", "templated-policy-file")?;
    let flags = &call.flags;
    let token = AclToken {
        accessor_id: flags.string("accessor").to_owned(),
        secret_id: flags.string("secret").to_owned(),
        description: flags.string("description").to_owned(),
        local: flags.bool("local"),
        expiration_ttl: flags.nanos("expires-ttl"),
        service_identities: links::service_identities(flags.list("service-identity"))?,
        node_identities: links::node_identities(flags.list("node-identity"))?,
        templated_policies: templates,
        policies: links::policies(&acl, flags.list("policy-name"), flags.list("policy-id"))?,
        roles: links::roles(&acl, flags.list("role-name"), flags.list("role-id"))?,
        ..AclToken::default()
    };
    let token = acl
        .wait(acl.client.acl_token_create(&token, &acl.options))
        .map_err(after("Failed to create new token"))?;
    let meta = call.flags.bool("meta");
    print(call, &token, || show::token(&token, meta))
}

fn clone(call: &mut Call<'_>) -> Outcome {
    let part = accessor(
        call,
        "The -id parameter is deprecated. Use the -accessor-id parameter instead.",
        "Cannot update a token without specifying the -accessor-id parameter",
    )?;
    let acl = Acl::connect(call)?;
    let id = ids::token(&acl, &part).map_err(after("Error determining token Accessor ID"))?;
    let description = call.flags.string("description").to_owned();
    let token = acl
        .wait(acl.client.acl_token_clone(&id, &description, &acl.options))
        .map_err(after("Error cloning token"))?;
    print(call, &token, || show::token(&token, false))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let part = accessor(
        call,
        "Use the -accessor-id parameter to specify token by Accessor ID.",
        "Must specify the -accessor-id parameter",
    )?;
    let acl = Acl::connect(call)?;
    let id = ids::token(&acl, &part).map_err(after("Error determining token ID"))?;
    let quoted = text::quote(&id);
    acl.wait(acl.client.acl_token_delete(&id, &acl.options))
        .map_err(after(&format!("Error deleting token {quoted}")))?;
    call.out(format!("Token {quoted} deleted successfully"));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let acl = Acl::connect(call)?;
    let tokens = acl
        .wait(acl.client.acl_tokens(&acl.options))
        .map_err(after("Failed to retrieve the token list"))?;
    let meta = call.flags.bool("meta");
    print(call, &tokens, || {
        let blocks: Vec<_> = tokens.iter().map(|t| show::token(t, meta)).collect();
        blocks.join("\n")
    })
}

fn read(call: &mut Call<'_>) -> Outcome {
    let meta = call.flags.bool("meta");
    let is_expanded = call.flags.bool("expanded");
    if call.flags.bool("self") {
        if is_expanded {
            return Err("Cannot use both -expanded and -self. Instead, use -expanded and -accessor-id=<accessor id>.".into());
        }
        let acl = Acl::connect(call)?;
        let token = acl
            .wait(acl.client.acl_token_self(&acl.options))
            .map_err(after("Error reading token"))?;
        return print(call, &token, || show::token(&token, meta));
    }
    let part = accessor(
        call,
        "Use the -accessor-id parameter to specify token by Accessor ID",
        "Must specify the -accessor-id parameter",
    )?;
    let acl = Acl::connect(call)?;
    let id = ids::token(&acl, &part).map_err(after("Error determining token ID"))?;
    let words = format!("Error reading token {}", text::quote(&id));
    if is_expanded {
        let token = acl
            .wait(acl.client.acl_token_expanded(&id, &acl.options))
            .map_err(after(&words))?;
        return print(call, &token, || expanded::token(&token, meta));
    }
    let token = acl
        .wait(acl.client.acl_token(&id, &acl.options))
        .map_err(after(&words))?;
    print(call, &token, || show::token(&token, meta))
}
