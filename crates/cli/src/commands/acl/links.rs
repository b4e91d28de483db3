//! What tokens and roles are made of, as flags say it: policies, roles, identities, templates (spec: cli.md §8).

use super::ids::IdError;
use super::{Acl, Failure, file, ids};
use crate::command::Call;
use crate::flag::Flag;
use crate::text;
use dialect::hcl;
use proconsul_client::{
    AclLink, AclNodeIdentity, AclServiceIdentity, AclTemplateVariables, AclTemplatedPolicy,
};

pub(super) const POLICY_ID: Flag = Flag::list(
    "policy-id",
    "A policy, by its ID or the beginning of it. May be given many times.",
);
pub(super) const POLICY_NAME: Flag = Flag::list(
    "policy-name",
    "A policy, by its name. May be given many times.",
);
pub(super) const ROLE_ID: Flag = Flag::list(
    "role-id",
    "A role, by its ID or the beginning of it. May be given many times.",
);
pub(super) const ROLE_NAME: Flag =
    Flag::list("role-name", "A role, by its name. May be given many times.");
pub(super) const SERVICE_IDENTITY: Flag = Flag::list(
    "service-identity",
    "The rights of a service and its proxy: NAME, or NAME:DC1,DC2 for some datacenters. May be given many times.",
);
pub(super) const NODE_IDENTITY: Flag = Flag::list(
    "node-identity",
    "The rights of a node: NAME:DATACENTER. May be given many times.",
);
pub(super) const TEMPLATED_POLICY: Flag = Flag::string(
    "templated-policy",
    "Name of a template of policies; its variables are given with -var.",
);
pub(super) const TEMPLATED_POLICY_FILE: Flag = Flag::string(
    "templated-policy-file",
    "File, HCL or JSON, that names several templates with their variables.",
);
pub(super) const APPEND_TEMPLATED_POLICY: Flag = Flag::string(
    "append-templated-policy",
    "Name of a template to add; its variables are given with -var.",
);
pub(super) const APPEND_TEMPLATED_POLICY_FILE: Flag = Flag::string(
    "append-templated-policy-file",
    "File, HCL or JSON, with templates to add.",
);
pub(super) const REPLACE_TEMPLATED_POLICY: Flag = Flag::string(
    "replace-templated-policy",
    "Name of a template to have in place of all; its variables are given with -var.",
);
pub(super) const REPLACE_TEMPLATED_POLICY_FILE: Flag = Flag::string(
    "replace-templated-policy-file",
    "File, HCL or JSON, with templates to have in place of all.",
);
pub(super) const VAR: Flag = Flag::list(
    "var",
    "A variable of the template: NAME:VALUE. May be given many times.",
);

/// Whether any of these flags has a value.
pub(super) fn given(call: &Call<'_>, lists: &[&str], texts: &[&str]) -> bool {
    lists.iter().any(|name| !call.flags.list(name).is_empty())
        || texts.iter().any(|name| !call.flags.string(name).is_empty())
}

/// Refuses `-templated-policy` beside `-templated-policy-file`; `object` is what is created.
pub(super) fn one_template_source(call: &Call<'_>, object: &str) -> Result<(), Failure> {
    let texts = ["templated-policy", "templated-policy-file"];
    if texts.iter().any(|name| call.flags.string(name).is_empty()) {
        return Ok(());
    }
    Err(format!("Cannot combine the use of templated-policy flag with templated-policy-file. To create a {object} with a single templated policy and simple use case, use -templated-policy. For multiple templated policies and more complicated use cases, use -templated-policy-file").into())
}

/// `NAME` or `NAME:DC1,DC2`.
pub(super) fn service_identities(list: &[String]) -> Result<Vec<AclServiceIdentity>, Failure> {
    list.iter().map(|text| service_identity(text)).collect()
}

fn service_identity(given: &str) -> Result<AclServiceIdentity, Failure> {
    let (name, datacenters) = match given.split_once(':') {
        None => (given, Vec::new()),
        Some((_, rest)) if rest.contains(':') => return Err(malformed("service-identity", given)),
        Some((name, list)) => (name, list.split(',').map(str::to_owned).collect()),
    };
    Ok(AclServiceIdentity {
        service_name: name.to_owned(),
        datacenters,
    })
}

/// `NODE:DATACENTER`.
pub(super) fn node_identities(list: &[String]) -> Result<Vec<AclNodeIdentity>, Failure> {
    let read = |given: &String| match given.split_once(':') {
        Some((name, datacenter)) if !datacenter.contains(':') => Ok(AclNodeIdentity {
            node_name: name.to_owned(),
            datacenter: datacenter.to_owned(),
        }),
        _ => Err(malformed("node-identity", given)),
    };
    list.iter().map(read).collect()
}

fn malformed(flag: &str, given: &str) -> Failure {
    let given = text::quote(given);
    Failure::Text(format!("Malformed -{flag} argument: {given}"))
}

/// `NAME:VALUE` of `-var`; there is one variable, others are passed over.
pub(super) fn variables(list: &[String]) -> Result<AclTemplateVariables, Failure> {
    let mut variables = AclTemplateVariables::default();
    for given in list {
        match given.split_once(':') {
            Some((name, value)) if !value.contains(':') => {
                if name.eq_ignore_ascii_case("name") {
                    value.clone_into(&mut variables.name);
                }
            }
            _ => {
                let given = text::quote(given);
                let text =
                    format!("malformed -var argument: {given}, expecting VariableName:Value");
                return Err(text.into());
            }
        }
    }
    Ok(variables)
}

/// The templates of a pair of flags: one by name, many in a file.
pub(super) fn templates(
    call: &mut Call<'_>,
    by_name: &str,
    by_file: &str,
) -> Result<Vec<AclTemplatedPolicy>, Failure> {
    let mut all = Vec::new();
    let name = call.flags.string(by_name).to_owned();
    if !name.is_empty() {
        all.push(AclTemplatedPolicy {
            template_name: name,
            template_variables: Some(variables(call.flags.list("var"))?),
            datacenters: Vec::new(),
        });
    }
    let path = call.flags.string(by_file).to_owned();
    if !path.is_empty() {
        all.extend(templates_of(&file(call, &path)?)?);
    }
    Ok(all)
}

/// `TemplatedPolicy "builtin/service" { Name = "api" }`, any number of times. Keys mind no case.
fn templates_of(text: &str) -> Result<Vec<AclTemplatedPolicy>, Failure> {
    let items = hcl::items(text, hcl::Duplicates::Allow).map_err(|e| e.to_string())?;
    let mut all = Vec::new();
    for item in &items {
        match item.keys.as_slice() {
            [word] if is(word, "TemplatedPolicy") => {
                // The form of JSON: an object of templates by name.
                for inner in members(&item.value) {
                    if let [name] = inner.keys.as_slice() {
                        add(&mut all, &name.text, &inner.value);
                    }
                }
            }
            [word, name] if is(word, "TemplatedPolicy") => add(&mut all, &name.text, &item.value),
            _ => {}
        }
    }
    Ok(all)
}

fn is(key: &hcl::Key, name: &str) -> bool {
    key.text.eq_ignore_ascii_case(name)
}

fn members(node: &hcl::Node) -> &[hcl::Item] {
    match node {
        hcl::Node::Object(_, items) => items,
        _ => &[],
    }
}

/// Adds a template; a list of objects stands for as many.
fn add(all: &mut Vec<AclTemplatedPolicy>, name: &str, value: &hcl::Node) {
    if let hcl::Node::List(_, many) = value {
        for one in many.iter().filter(|v| matches!(v, hcl::Node::Object(..))) {
            add(all, name, one);
        }
        return;
    }
    let mut variables = AclTemplateVariables::default();
    for item in members(value) {
        if let ([key], hcl::Node::Str(_, text)) = (item.keys.as_slice(), &item.value)
            && is(key, "Name")
        {
            text.clone_into(&mut variables.name);
        }
    }
    all.push(AclTemplatedPolicy {
        template_name: name.to_owned(),
        template_variables: Some(variables),
        datacenters: Vec::new(),
    });
}

/// Links by name, then by ID, which may be shortened.
fn links(
    acl: &Acl,
    names: &[String],
    parts: &[String],
    word: &str,
    whole: fn(&Acl, &str) -> Result<String, IdError>,
) -> Result<Vec<AclLink>, Failure> {
    let mut all: Vec<AclLink> = names.iter().map(|name| by_name(name)).collect();
    for part in parts {
        // The reference forgets the ID in this text.
        let id = whole(acl, part).map_err(|e| format!("Error resolving {word} ID : {e}"))?;
        all.push(AclLink {
            id,
            name: String::new(),
        });
    }
    Ok(all)
}

pub(super) fn by_name(name: &str) -> AclLink {
    AclLink {
        id: String::new(),
        name: name.to_owned(),
    }
}

pub(super) fn policies(
    acl: &Acl,
    names: &[String],
    parts: &[String],
) -> Result<Vec<AclLink>, Failure> {
    links(acl, names, parts, "policy", ids::policy)
}

pub(super) fn roles(
    acl: &Acl,
    names: &[String],
    parts: &[String],
) -> Result<Vec<AclLink>, Failure> {
    links(acl, names, parts, "role", ids::role)
}

/// Adds links that are not there yet.
pub(super) fn append(old: &mut Vec<AclLink>, new: Vec<AclLink>) {
    for link in new {
        let same = |o: &AclLink| match link.id.as_str() {
            "" => o.name == link.name,
            id => o.id == id,
        };
        if !old.iter().any(same) {
            old.push(link);
        }
    }
}

/// Adds identities; one of a service that is there already takes its place.
pub(super) fn append_services(old: &mut Vec<AclServiceIdentity>, new: Vec<AclServiceIdentity>) {
    for identity in new {
        match old
            .iter_mut()
            .find(|o| o.service_name == identity.service_name)
        {
            Some(place) => *place = identity,
            None => old.push(identity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
        match result {
            Err(Failure::Text(text)) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn identities() {
        let read = |s: &str| service_identities(&[s.to_owned()]);
        let one = read("api:east,west").expect("well formed");
        assert_eq!(one[0].service_name, "api");
        assert_eq!(one[0].datacenters, ["east", "west"]);
        assert!(read("api").expect("well formed")[0].datacenters.is_empty());
        assert_eq!(
            text(read("a:b:c")),
            "Malformed -service-identity argument: \"a:b:c\""
        );
        let node = |s: &str| node_identities(&[s.to_owned()]);
        assert_eq!(node("n7:east").expect("well formed")[0].datacenter, "east");
        for bad in ["n7", "n7:a:b", ""] {
            let expected = format!("Malformed -node-identity argument: \"{bad}\"");
            assert_eq!(text(node(bad)), expected);
        }
    }

    #[test]
    fn one_variable_in_any_case() {
        let read = |list: &[&str]| {
            variables(&list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).map(|v| v.name)
        };
        assert_eq!(
            read(&["NAME:first", "other:x", "name:last"]).expect("ok"),
            "last"
        );
        assert_eq!(read(&[]).expect("ok"), "");
        assert_eq!(
            text(read(&["name"])),
            "malformed -var argument: \"name\", expecting VariableName:Value"
        );
    }

    #[test]
    fn files_of_templates() {
        let native = "templatedpolicy \"builtin/service\" {\n name = \"a\"\n}\nTemplatedPolicy \"builtin/dns\" {}\nTemplatedPolicy \"builtin/service\" { Name = \"b\" }";
        let json = r#"{"TemplatedPolicy": {"builtin/service": [{"Name": "a"}, {"Name": "b"}], "builtin/dns": {}}}"#;
        for (form, expected) in [
            (
                native,
                [
                    ("builtin/service", "a"),
                    ("builtin/dns", ""),
                    ("builtin/service", "b"),
                ],
            ),
            (
                json,
                [
                    ("builtin/service", "a"),
                    ("builtin/service", "b"),
                    ("builtin/dns", ""),
                ],
            ),
        ] {
            let read = templates_of(form).expect("well formed");
            let pairs: Vec<_> = read
                .iter()
                .map(|t| {
                    let name = t.template_variables.as_ref().expect("there").name.as_str();
                    (t.template_name.as_str(), name)
                })
                .collect();
            assert_eq!(pairs, expected, "{form}");
        }
        assert!(templates_of("TemplatedPolicy \"x\" {").is_err());
        assert!(templates_of("a = 1").expect("well formed").is_empty());
    }

    #[test]
    fn appending() {
        let link = |id: &str, name: &str| AclLink {
            id: id.into(),
            name: name.into(),
        };
        let mut old = vec![link("1", "one")];
        append(
            &mut old,
            vec![by_name("one"), by_name("two"), link("1", ""), link("3", "")],
        );
        assert_eq!(old, [link("1", "one"), link("", "two"), link("3", "")]);
        let mut services = service_identities(&["a".into(), "b:x".into()]).expect("ok");
        append_services(
            &mut services,
            service_identities(&["c".into(), "a:y".into()]).expect("ok"),
        );
        let names: Vec<_> = services.iter().map(|s| s.service_name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(services[0].datacenters, ["y"]);
    }
}
