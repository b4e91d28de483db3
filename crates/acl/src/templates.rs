//! Templated policies (spec/acl.md §3.1): rules of the server's making, filled with a name.

use model::AclTemplateVariables;

use crate::validate::is_identity_name;

/// What a template is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Any name but the empty one.
    Name,
    /// The name of a service or a node, with the words that say so in its error text.
    Identity(&'static str),
}

/// A template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name, `builtin/…`.
    pub name: &'static str,
    /// Its ID.
    pub id: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its rules, with `{{.Name}}` where the name goes.
    pub rules: &'static str,
    takes: Takes,
}

/// Where the name goes.
const PLACE: &str = "{{.Name}}";

/// The schema of templates that take a name.
const NAME_SCHEMA: &str = "{\n\t\"type\": \"object\",\n\t\"properties\": {\n\t\t\"name\": { \"type\": \"string\", \"$ref\": \"#/definitions/min-length-one\" }\n\t},\n\t\"required\": [\"name\"],\n\t\"definitions\": {\n\t\t\"min-length-one\": {\n\t\t\t\t\"type\": \"string\",\n\t\t\t\t\"minLength\": 1\n\t\t}\n\t}\n}";

/// For services and their sidecars.
pub const SERVICE: Template = Template {
    name: "builtin/service",
    id: "00000000-0000-0000-0000-000000000003",
    description: "Gives the token or role permissions to register a service and discover services in the Consul catalog. It also gives the specified service's sidecar proxy the permission to discover and route traffic to other services.",
    rules: "\nservice \"{{.Name}}\" {\n\tpolicy = \"write\"\n}\nservice \"{{.Name}}-sidecar-proxy\" {\n\tpolicy = \"write\"\n}\nservice_prefix \"\" {\n\tpolicy = \"read\"\n}\nnode_prefix \"\" {\n\tpolicy = \"read\"\n}",
    takes: Takes::Identity("service identity \"{}\" "),
};

/// For the agents of nodes.
pub const NODE: Template = Template {
    name: "builtin/node",
    id: "00000000-0000-0000-0000-000000000004",
    description: "Gives the token or role permissions for a register an agent/node into the catalog. A node is typically a consul agent but can also be a physical server, cloud instance or a container.",
    rules: "\nnode \"{{.Name}}\" {\n\tpolicy = \"write\"\n}\nservice_prefix \"\" {\n\tpolicy = \"read\"\n}",
    takes: Takes::Identity("node identity \"{}\"  "),
};

/// For DNS.
pub const DNS: Template = Template {
    name: "builtin/dns",
    id: "00000000-0000-0000-0000-000000000005",
    description: "Gives the token or role permissions for the Consul DNS to query services in the network.",
    rules: "\nnode_prefix \"\" {\n\tpolicy = \"read\"\n}\nservice_prefix \"\" {\n\tpolicy = \"read\"\n}\nquery_prefix \"\" {\n\tpolicy = \"read\"\n}",
    takes: Takes::Nothing,
};

const NOMAD_SERVER: Template = Template {
    name: "builtin/nomad-server",
    id: "00000000-0000-0000-0000-000000000006",
    description: "Gives the token or role permissions required for integration with a nomad server.",
    rules: "\nacl = \"write\"\nagent_prefix \"\" {\n  policy = \"read\"\n}\nnode_prefix \"\" {\n  policy = \"read\"\n}\nservice_prefix \"\" {\n  policy = \"write\"\n}",
    takes: Takes::Nothing,
};

const API_GATEWAY: Template = Template {
    name: "builtin/api-gateway",
    id: "00000000-0000-0000-0000-000000000008",
    description: "Gives the token or role permissions for a Consul api gateway",
    rules: "mesh = \"read\"\nnode_prefix \"\" {\n\tpolicy = \"read\"\n}\nservice_prefix \"\" {\n\tpolicy = \"read\"\n}\nservice \"{{.Name}}\" {\n\tpolicy = \"write\"\n}",
    takes: Takes::Name,
};

const NOMAD_CLIENT: Template = Template {
    name: "builtin/nomad-client",
    id: "00000000-0000-0000-0000-000000000009",
    description: "Gives the token or role permissions required for integration with a nomad client.",
    rules: "agent_prefix \"\" {\n  policy = \"read\"\n}\nnode_prefix \"\" {\n  policy = \"read\"\n}\nservice_prefix \"\" {\n  policy = \"write\"\n}\nkey_prefix \"\" {\n  policy = \"read\"\n}",
    takes: Takes::Nothing,
};

/// Why a template cannot be filled so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A name is needed and there are no variables at all.
    #[error("1 error occurred:\n\t* Invalid type. Expected: object, given: null\n\n")]
    NoVariables,
    /// A name is needed and there is none among the variables.
    #[error("1 error occurred:\n\t* name is required\n\n")]
    NoName,
    /// The name would end the rule it stands in: it could grant anything. The reference takes it (docs/compatibility.md).
    #[error("the name {} cannot stand in a rule", dialect::url::quote(.0.as_bytes()))]
    UnsafeName(String),
    /// The name is none of a service or node.
    #[error(
        "{0}has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed"
    )]
    BadName(String),
}

impl Template {
    /// Every template. ID …0007 is retired and never used again.
    pub const ALL: [Template; 6] = [SERVICE, NODE, DNS, NOMAD_SERVER, API_GATEWAY, NOMAD_CLIENT];

    /// The one of that name, in its exact case.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        static ALL: [Template; 6] = Template::ALL;
        ALL.iter().find(|one| one.name == name)
    }

    /// The JSON schema of its variables; empty if it takes none.
    pub const fn schema(&self) -> &'static str {
        match self.takes {
            Takes::Nothing => "",
            Takes::Name | Takes::Identity(_) => NAME_SCHEMA,
        }
    }

    /// Whether it can be filled so. Variables of a template that takes none count for nothing.
    ///
    /// # Errors
    /// The reference's texts, without what it puts before them.
    pub fn check(&self, variables: Option<&AclTemplateVariables>) -> Result<(), TemplateError> {
        let name = variables.map(|variables| variables.name.as_str());
        match (self.takes, name) {
            (Takes::Nothing, _) => Ok(()),
            (_, None) => Err(TemplateError::NoVariables),
            (Takes::Name, Some("")) => Err(TemplateError::NoName),
            (Takes::Name, Some(name)) if !is_plain(name) => {
                Err(TemplateError::UnsafeName(name.to_owned()))
            }
            (Takes::Identity(who), Some(name)) if !is_identity_name(name) => {
                Err(TemplateError::BadName(who.replace("{}", name)))
            }
            (Takes::Name | Takes::Identity(_), Some(_)) => Ok(()),
        }
    }

    /// The rules filled with a name.
    ///
    /// # Errors
    /// As [`Template::check`]: no name that says more than itself gets into rules.
    pub fn fill(&self, variables: Option<&AclTemplateVariables>) -> Result<String, TemplateError> {
        self.check(variables)?;
        let name = variables.map_or("", |variables| variables.name.as_str());
        Ok(self.rules.replace(PLACE, name))
    }
}

/// Whether a text in quotes stays one text.
fn is_plain(name: &str) -> bool {
    !name.contains(['"', '\\', '$']) && !name.contains(char::is_control)
}
