//! The objects of the ACL endpoints. Their members stand in the order in which the reference's client writes them.

use super::{Bytes64, Map, nullable};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

fn is_zero(number: &i64) -> bool {
    *number == 0
}

object! {
    /// A link to a policy or role: by ID or by name. Answers hold both.
    AclLink {
        /// ID.
        id: String = "ID",
        /// Name.
        name: String = "Name",
    }
}

object! {
    /// The rights of a service and of its proxy.
    AclServiceIdentity {
        /// Name of the service.
        service_name: String = "ServiceName",
        /// Where they hold; empty for everywhere.
        datacenters: Vec<String> = "Datacenters" unless "Vec::is_empty",
    }
}

object! {
    /// The rights of a node.
    AclNodeIdentity {
        /// Name of the node.
        node_name: String = "NodeName",
        /// Where they hold.
        datacenter: String = "Datacenter",
    }
}

/// What a template is filled in with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclTemplateVariables {
    /// The name in the template; servers write it in lower case.
    #[serde(
        rename = "Name",
        alias = "name",
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
}

object! {
    /// A template with its variables.
    AclTemplatedPolicy {
        /// `builtin/service`, `builtin/node`, ….
        template_name: String = "TemplateName",
        /// Variables; `None` for templates without any.
        template_variables: Option<AclTemplateVariables> = "TemplateVariables" unless "Option::is_none",
        /// Where the rights hold; empty for everywhere.
        datacenters: Vec<String> = "Datacenters" unless "Vec::is_empty",
    }
}

object! {
    /// A token.
    AclToken {
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
        /// Its public ID.
        accessor_id: String = "AccessorID",
        /// What a request shows; `<hidden>` for readers without the right to write.
        secret_id: String = "SecretID",
        /// Description.
        description: String = "Description",
        /// Policies.
        policies: Vec<AclLink> = "Policies" unless "Vec::is_empty",
        /// Roles.
        roles: Vec<AclLink> = "Roles" unless "Vec::is_empty",
        /// Services it may act as.
        service_identities: Vec<AclServiceIdentity> = "ServiceIdentities" unless "Vec::is_empty",
        /// Nodes it may act as.
        node_identities: Vec<AclNodeIdentity> = "NodeIdentities" unless "Vec::is_empty",
        /// Templates.
        templated_policies: Vec<AclTemplatedPolicy> = "TemplatedPolicies" unless "Vec::is_empty",
        /// Whether it holds in its own datacenter only.
        local: bool = "Local",
        /// Auth method that it came from.
        auth_method: String = "AuthMethod" unless "String::is_empty",
        /// Length of its life, nanoseconds; for creation only.
        expiration_ttl: i64 = "ExpirationTTL" unless "is_zero",
        /// End of its life, RFC 3339.
        expiration_time: Option<String> = "ExpirationTime" unless "Option::is_none",
        /// When it was created, RFC 3339.
        create_time: String = "CreateTime" unless "String::is_empty",
        /// Hash of its content.
        hash: Option<Bytes64> = "Hash" unless "Option::is_none",
        /// Enterprise namespace; empty elsewhere.
        namespace: String = "Namespace" unless "String::is_empty",
        /// Enterprise partition; empty elsewhere.
        partition: String = "Partition" unless "String::is_empty",
        /// Enterprise namespace of the auth method; empty elsewhere.
        auth_method_namespace: String = "AuthMethodNamespace" unless "String::is_empty",
    }
}

object! {
    /// What a token is worth at the server that answers.
    AclExpansion {
        /// Its policies, those of its roles, and those made from identities and templates.
        expanded_policies: Option<Vec<AclPolicy>> = "ExpandedPolicies",
        /// Its roles.
        expanded_roles: Option<Vec<AclRole>> = "ExpandedRoles",
        /// Enterprise only.
        namespace_default_policy_ids: Option<Vec<String>> = "NamespaceDefaultPolicyIDs",
        /// Enterprise only.
        namespace_default_role_ids: Option<Vec<String>> = "NamespaceDefaultRoleIDs",
        /// `allow` or `deny`.
        default_policy: String = "AgentACLDefaultPolicy",
        /// What holds while the primary datacenter cannot be reached.
        down_policy: String = "AgentACLDownPolicy",
        /// Node that answered.
        resolved_by: String = "ResolvedByAgent",
    }
}

/// A token with what it is worth; one flat object in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AclTokenExpanded {
    /// What it is worth.
    #[serde(flatten)]
    pub expansion: AclExpansion,
    /// The token.
    #[serde(flatten)]
    pub token: AclToken,
}

impl<'de> Deserialize<'de> for AclTokenExpanded {
    // Twice over the same object: numbers of any precision do not survive serde's own flattening.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(d)?;
        let expansion = AclExpansion::deserialize(&value).map_err(serde::de::Error::custom)?;
        let token = AclToken::deserialize(&value).map_err(serde::de::Error::custom)?;
        Ok(Self { expansion, token })
    }
}

object! {
    /// A policy.
    AclPolicy {
        /// ID.
        id: String = "ID",
        /// Name, unique.
        name: String = "Name",
        /// Description.
        description: String = "Description",
        /// Rules, in HCL or JSON.
        rules: String = "Rules",
        /// Where it holds; `None` or empty for everywhere.
        datacenters: Option<Vec<String>> = "Datacenters",
        /// Hash of its content.
        hash: Option<Bytes64> = "Hash",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// A policy in a list: without its rules.
    AclPolicyEntry {
        /// ID.
        id: String = "ID",
        /// Name, unique.
        name: String = "Name",
        /// Description.
        description: String = "Description",
        /// Where it holds; `None` or empty for everywhere.
        datacenters: Option<Vec<String>> = "Datacenters",
        /// Hash of its content.
        hash: Option<Bytes64> = "Hash",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// A role.
    AclRole {
        /// ID.
        id: String = "ID",
        /// Name, unique.
        name: String = "Name",
        /// Description.
        description: String = "Description",
        /// Policies.
        policies: Vec<AclLink> = "Policies" unless "Vec::is_empty",
        /// Services it may act as.
        service_identities: Vec<AclServiceIdentity> = "ServiceIdentities" unless "Vec::is_empty",
        /// Nodes it may act as.
        node_identities: Vec<AclNodeIdentity> = "NodeIdentities" unless "Vec::is_empty",
        /// Templates.
        templated_policies: Vec<AclTemplatedPolicy> = "TemplatedPolicies" unless "Vec::is_empty",
        /// Hash of its content.
        hash: Option<Bytes64> = "Hash",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// What a login through an auth method is given.
    AclBindingRule {
        /// ID.
        id: String = "ID",
        /// Description.
        description: String = "Description",
        /// The auth method.
        auth_method: String = "AuthMethod",
        /// Filter over the facts of a login; empty for all logins.
        selector: String = "Selector",
        /// `service`, `node`, `role`, `policy` or `templated-policy`.
        bind_type: String = "BindType",
        /// What it is named; may hold `${…}` of the login's facts.
        bind_name: String = "BindName",
        /// Variables of a template.
        bind_vars: Option<AclTemplateVariables> = "BindVars" unless "Option::is_none",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// A way to log in.
    AclAuthMethod {
        /// Longest life of its tokens, duration text; empty for no end.
        max_token_ttl: String = "MaxTokenTTL" unless "String::is_empty",
        /// Name, unique.
        name: String = "Name",
        /// `jwt`, `kubernetes` or `aws-iam`.
        kind: String = "Type",
        /// Name for people.
        display_name: String = "DisplayName" unless "String::is_empty",
        /// Description.
        description: String = "Description" unless "String::is_empty",
        /// `local`, `global` or empty, which is local.
        token_locality: String = "TokenLocality" unless "String::is_empty",
        /// Settings of its type.
        config: Option<serde_json::Map<String, Value>> = "Config",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// An auth method in a list: without its settings.
    AclAuthMethodEntry {
        /// Longest life of its tokens, duration text; empty for no end.
        max_token_ttl: String = "MaxTokenTTL" unless "String::is_empty",
        /// Name, unique.
        name: String = "Name",
        /// `jwt`, `kubernetes` or `aws-iam`.
        kind: String = "Type",
        /// Name for people.
        display_name: String = "DisplayName" unless "String::is_empty",
        /// Description.
        description: String = "Description" unless "String::is_empty",
        /// `local`, `global` or empty, which is local.
        token_locality: String = "TokenLocality" unless "String::is_empty",
        /// Index of its first write.
        create_index: u64 = "CreateIndex",
        /// Index of its last write.
        modify_index: u64 = "ModifyIndex",
    }
}

object! {
    /// A template of policies.
    AclTemplate {
        /// `builtin/service`, `builtin/node`, ….
        template_name: String = "TemplateName",
        /// JSON schema of its variables; empty for none.
        schema: String = "Schema",
        /// Rules with places to fill in.
        template: String = "Template",
        /// Description.
        description: String = "Description",
    }
}

/// What a login sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AclLogin {
    /// The auth method.
    pub auth_method: String,
    /// The proof, in the form that the method expects.
    pub bearer_token: String,
    /// Facts that go into the token's description.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub meta: Map,
}
