//! `consul acl templated-policy …` (spec: cli.md §8.8).

use super::{Acl, FORMAT, META, Outcome, after, finish, links, print, required, show};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use proconsul_client::AclTemplate;
use serde::Serialize;
use std::fmt::Write;

pub(crate) const GROUP: Command = Command::group(
    "acl templated-policy",
    "Shows templates of policies",
    "Shows the templates that every cluster has, and what becomes of them when they are filled in.

 $ consul acl templated-policy preview -name builtin/service -var name:web",
);

pub(crate) const LIST: Command = Command {
    path: "acl templated-policy list",
    synopsis: "Lists templates",
    usage: "[options]",
    about: "Prints the names of all templates.",
    groups: CSN,
    flags: &[FORMAT],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, list)),
};

pub(crate) const PREVIEW: Command = Command {
    path: "acl templated-policy preview",
    synopsis: "Prints the policy that a template gives",
    usage: "[options]",
    about: "Fills in a template, named by flags or by a file, and prints the policy. Nothing is created.",
    groups: CSN,
    flags: &[
        Flag::string(
            "file",
            "File, HCL or JSON, with one template and its variables.",
        ),
        FORMAT,
        Flag::string("name", "Name of the template."),
        links::VAR,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, preview)),
};

pub(crate) const READ: Command = Command {
    path: "acl templated-policy read",
    synopsis: "Prints a template",
    usage: "[options]",
    about: "Prints one template: what it is for, which variables it takes and how it is used.",
    groups: CSN,
    flags: &[FORMAT, META, Flag::string("name", "Name of the template.")],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, read)),
};

/// As [`print`], with these commands' own words for an unknown form.
fn print_template(
    call: &mut Call<'_>,
    answer: &impl Serialize,
    pretty: impl FnOnce() -> String,
) -> Outcome {
    match call.flags.string("format") {
        "json" | "pretty" => print(call, answer, pretty),
        other => Err(format!("unknown format: {}", text::quote(other)).into()),
    }
}

fn list(call: &mut Call<'_>) -> Outcome {
    let acl = Acl::connect(call)?;
    let templates = acl
        .wait(acl.client.acl_templates(&acl.options))
        .map_err(after("Failed to retrieve the templated policies list"))?;
    print_template(call, &templates, || {
        templates.keys().map(|name| format!("{name}\n")).collect()
    })
}

fn read(call: &mut Call<'_>) -> Outcome {
    let name = required(call, "name", "Must specify the -name parameter")?;
    let acl = Acl::connect(call)?;
    let words = format!("Error reading templated policy {}", text::quote(&name));
    let template = acl
        .wait(acl.client.acl_template(&name, &acl.options))
        .map_err(after(&words))?;
    let meta = call.flags.bool("meta");
    print_template(call, &template, || shown(&template, meta))
}

fn preview(call: &mut Call<'_>) -> Outcome {
    if !links::given(call, &[], &["name", "file"]) {
        return Err("Cannot preview a templated policy without specifying -name or -file".into());
    }
    let acl = Acl::connect(call)?;
    let templates = links::templates(call, "name", "file")?;
    let [template] = templates.as_slice() else {
        return Err("Can only preview a single templated policy at a time.".into());
    };
    let variables = template.template_variables.clone().unwrap_or_default();
    let policy = acl
        .wait(
            acl.client
                .acl_template_preview(&template.template_name, &variables, &acl.options),
        )
        .map_err(after("Failed to generate the templated policy preview"))?;
    print(call, &policy, || show::policy(&policy, false))
}

/// Templates that take a name: what it names, and an example.
const NAMED: &[(&str, &str, &str)] = &[
    ("builtin/service", "The name of the service", "api"),
    ("builtin/node", "The node name", "node-1"),
    (
        "builtin/api-gateway",
        "The api gateway service name",
        "api-gateway",
    ),
];

fn shown(template: &AclTemplate, with_meta: bool) -> String {
    let name = &template.template_name;
    let mut out = String::new();
    let _ = writeln!(out, "{:17}{name}", "Name:");
    let _ = writeln!(out, "{:17}{}", "Description:", template.description);
    let named = NAMED.iter().find(|(known, ..)| known == name);
    let variable = match named {
        Some((_, what, example)) => {
            let _ = writeln!(out, "Input variables:\n\tName: String - Required - {what}.");
            format!(" -var name:{example}")
        }
        None => {
            out.push_str("Input variables: None\n");
            String::new()
        }
    };
    let _ = writeln!(
        out,
        "Example usage:\n\tconsul acl token create -templated-policy {name}{variable}"
    );
    if with_meta {
        if !template.schema.is_empty() {
            let _ = writeln!(out, "Schema:\n{}", template.schema);
        }
        let _ = writeln!(out, "Raw Template:\n{}", template.template);
    }
    out
}
