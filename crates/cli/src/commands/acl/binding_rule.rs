//! `consul acl binding-rule …` (spec: cli.md §8.7).

use super::{
    Acl, DESCRIPTION, FORMAT, Failure, META, NO_MERGE, Outcome, after, finish, ids, needed, print,
    required, show,
};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::{AclBindingRule, AclTemplateVariables};
use std::fmt::Write;

pub(crate) const GROUP: Command = Command::group(
    "acl binding-rule",
    "Manages what logins are given",
    "Creates, reads and changes binding rules: they say what the token of a login may do.

 $ consul acl binding-rule create -method ci -bind-type service -bind-name '${value.user}'",
);

const BIND_NAME: Flag = Flag::string(
    "bind-name",
    "Name of what is bound; ${…} in it stands for facts of the login.",
);
const BIND_TYPE: Flag = Flag::string(
    "bind-type",
    "What is bound: service, role, node, policy or templated-policy.",
)
.with_default("service");
const BIND_VARS: Flag = Flag::map(
    "bind-vars",
    "A variable of the template: NAME=VALUE. May be given many times.",
);
const ID: Flag = Flag::string(
    "id",
    "The binding rule: its ID, or a beginning of it that no other rule has.",
);
const SELECTOR: Flag = Flag::string(
    "selector",
    "Expression that the facts of a login must satisfy. Default: all logins do.",
);

pub(crate) const CREATE: Command = Command {
    path: "acl binding-rule create",
    synopsis: "Creates a binding rule",
    usage: "[options]",
    about: "Creates a binding rule for an auth method.",
    groups: CSN,
    flags: &[
        BIND_NAME,
        BIND_TYPE,
        BIND_VARS,
        DESCRIPTION,
        FORMAT,
        META,
        Flag::string("method", "Name of the auth method."),
        SELECTOR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, create)),
};

pub(crate) const DELETE: Command = Command {
    path: "acl binding-rule delete",
    synopsis: "Removes a binding rule",
    usage: "[options]",
    about: "Removes a binding rule. Tokens that came from it stay.",
    groups: CSN,
    flags: &[ID],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, delete)),
};

pub(crate) const LIST: Command = Command {
    path: "acl binding-rule list",
    synopsis: "Lists binding rules",
    usage: "[options]",
    about: "Prints the binding rules of one auth method or of all.",
    groups: CSN,
    flags: &[
        FORMAT,
        META,
        Flag::string("method", "Only the rules of this auth method."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, list)),
};

pub(crate) const READ: Command = Command {
    path: "acl binding-rule read",
    synopsis: "Prints a binding rule",
    usage: "[options]",
    about: "Prints one binding rule.",
    groups: CSN,
    flags: &[FORMAT, ID, META],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, read)),
};

pub(crate) const UPDATE: Command = Command {
    path: "acl binding-rule update",
    synopsis: "Changes a binding rule",
    usage: "-id ID [options]",
    about: "Changes the given parts of a binding rule. Its auth method stays. Without -bind-type it becomes a rule for services.",
    groups: CSN,
    flags: &[
        BIND_NAME,
        BIND_TYPE,
        BIND_VARS,
        DESCRIPTION,
        FORMAT,
        ID,
        META,
        NO_MERGE,
        SELECTOR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, update)),
};

/// The type that takes variables.
const TEMPLATED: &str = "templated-policy";

/// Variables of `-bind-vars`, if any are given; there is one, others are passed over.
fn variables(call: &Call<'_>) -> Option<AclTemplateVariables> {
    let given = call.flags.map("bind-vars");
    if given.is_empty() {
        return None;
    }
    let mut variables = AclTemplateVariables::default();
    for (name, value) in given {
        if name.eq_ignore_ascii_case("name") {
            value.clone_into(&mut variables.name);
        }
    }
    Some(variables)
}

/// A rule of nothing but the flags; variables beside another type are refused with `misplaced`.
fn from_flags(
    call: &Call<'_>,
    auth_method: String,
    misplaced: &str,
) -> Result<AclBindingRule, Failure> {
    let text = |flag: &str| call.flags.string(flag).to_owned();
    let (bind_type, bind_vars) = (text("bind-type"), variables(call));
    if bind_vars.is_some() && bind_type != TEMPLATED {
        return Err(Failure::Usage(misplaced.to_owned()));
    }
    Ok(AclBindingRule {
        description: text("description"),
        auth_method,
        selector: text("selector"),
        bind_type,
        bind_name: text("bind-name"),
        bind_vars,
        ..AclBindingRule::default()
    })
}

fn create(call: &mut Call<'_>) -> Outcome {
    let method = needed(call, "method")?;
    needed(call, "bind-type")?;
    needed(call, "bind-name")?;
    let misplaced = "Cannot specify -bind-vars when -bind-type is not templated-policy";
    let rule = from_flags(call, method, misplaced)?;
    let acl = Acl::connect(call)?;
    let rule = acl
        .wait(acl.client.acl_binding_rule_create(&rule, &acl.options))
        .map_err(after("Failed to create new binding rule"))?;
    let meta = call.flags.bool("meta");
    print(call, &rule, || shown(&rule, meta))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let part = required(call, "id", "Must specify the -id parameter")?;
    let acl = Acl::connect(call)?;
    let id = ids::binding_rule(&acl, &part).map_err(after("Error determining binding rule ID"))?;
    let quoted = text::quote(&id);
    acl.wait(acl.client.acl_binding_rule_delete(&id, &acl.options))
        .map_err(after(&format!("Error deleting binding rule {quoted}")))?;
    call.out(format!("Binding rule {quoted} deleted successfully"));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let acl = Acl::connect(call)?;
    let method = call.flags.string("method").to_owned();
    let rules = acl
        .wait(acl.client.acl_binding_rules(&method, &acl.options))
        .map_err(after("Failed to retrieve the binding rule list"))?;
    let meta = call.flags.bool("meta");
    print(call, &rules, || {
        rules.iter().map(|rule| entry(rule, meta)).collect()
    })
}

fn read(call: &mut Call<'_>) -> Outcome {
    let part = required(call, "id", "Must specify the -id parameter.")?;
    let acl = Acl::connect(call)?;
    let id = ids::binding_rule(&acl, &part).map_err(after("Error determining binding rule ID"))?;
    let quoted = text::quote(&id);
    let rule = acl
        .wait(acl.client.acl_binding_rule(&id, &acl.options))
        .map_err(after(&format!("Error reading binding rule {quoted}")))?
        .ok_or_else(|| format!("Binding rule not found with ID {quoted}"))?;
    let meta = call.flags.bool("meta");
    print(call, &rule, || shown(&rule, meta))
}

fn update(call: &mut Call<'_>) -> Outcome {
    let missing = "Cannot update a binding rule without specifying the -id parameter";
    let part = required(call, "id", missing)?;
    let acl = Acl::connect(call)?;
    let id = ids::binding_rule(&acl, &part).map_err(after("Error determining binding rule ID"))?;
    let quoted = text::quote(&id);
    let current = acl
        .wait(acl.client.acl_binding_rule(&id, &acl.options))
        .map_err(after("Error when retrieving current binding rule"))?
        .ok_or_else(|| format!("Binding rule not found with ID {quoted}"))?;
    let mut rule = if call.flags.bool("no-merge") {
        let misplaced = "-bind-vars cannot be specified when -bind-type is not templated-policy";
        from_flags(call, current.auth_method, misplaced)?
    } else {
        merged(call, current)
    };
    rule.id = id;
    let rule = acl
        .wait(acl.client.acl_binding_rule_update(&rule, &acl.options))
        .map_err(after(&format!("Error updating binding rule {quoted}")))?;
    let meta = call.flags.bool("meta");
    print(call, &rule, || shown(&rule, meta))
}

/// The rule as it is, with what the flags change. The type has a default, so it always changes.
fn merged(call: &Call<'_>, mut rule: AclBindingRule) -> AclBindingRule {
    for (flag, place) in [
        ("description", &mut rule.description),
        ("bind-name", &mut rule.bind_name),
        ("bind-type", &mut rule.bind_type),
    ] {
        let value = call.flags.string(flag);
        if !value.is_empty() {
            value.clone_into(place);
        }
    }
    if call.flags.is_set("selector") {
        call.flags.string("selector").clone_into(&mut rule.selector);
    }
    rule.bind_vars = match rule.bind_type.as_str() {
        TEMPLATED => variables(call).or(rule.bind_vars),
        _ => None,
    };
    rule
}

fn entry(rule: &AclBindingRule, with_meta: bool) -> String {
    let mut out = format!("{}:\n", rule.id);
    write(&mut out, "   ", "      ", rule, with_meta);
    out
}

fn shown(rule: &AclBindingRule, with_meta: bool) -> String {
    const WIDTH: usize = show::WIDTH;
    let mut out = format!("{:WIDTH$}{}\n", "ID:", rule.id);
    write(&mut out, "", "     ", rule, with_meta);
    out
}

fn write(out: &mut String, indent: &str, deeper: &str, rule: &AclBindingRule, with_meta: bool) {
    const WIDTH: usize = show::WIDTH;
    for (label, value) in [
        ("AuthMethod:", &rule.auth_method),
        ("Description:", &rule.description),
        ("BindType:", &rule.bind_type),
        ("BindName:", &rule.bind_name),
    ] {
        let _ = writeln!(out, "{indent}{label:WIDTH$}{value}");
    }
    if let Some(variables) = &rule.bind_vars {
        let _ = writeln!(out, "{indent}{:WIDTH$}", "BindVars:");
        if !variables.name.is_empty() {
            let _ = writeln!(out, "{deeper}- Name: {}", variables.name);
        }
    }
    let _ = writeln!(out, "{indent}{:WIDTH$}{}", "Selector:", rule.selector);
    if with_meta {
        let indexes = [rule.create_index, rule.modify_index];
        show::meta(out, indent, WIDTH, None, indexes);
    }
}
