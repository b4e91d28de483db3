//! Auth methods and binding rules: how people and programs that have no token come by one (spec/acl.md §11).

use crate::{AclTemplateVariables, Hidden, RaftIndex, Secret};
use dialect::{Any, Dict, DurText, List, record};

record! {
    /// Who may log in, and who says so.
    pub struct AclAuthMethod = "ACLAuthMethod" {
        name: String = "Name",
        /// `kubernetes`, `jwt`, `aws-iam`.
        method_type: String = "Type",
        display_name: String = "DisplayName" [omit],
        description: String = "Description" [omit],
        /// How long a token from a login lives, zero for ever.
        max_token_ttl: DurText = "MaxTokenTTL" [omit],
        /// `local` (or empty) or `global`.
        token_locality: String = "TokenLocality" [omit],
        /// By type; holds what we log in elsewhere with.
        config: Hidden<Dict<Any>> = "Config",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// An auth method as lists show it: without its configuration.
    pub struct AclAuthMethodListStub = "ACLAuthMethodListStub" {
        name: String = "Name",
        method_type: String = "Type",
        display_name: String = "DisplayName" [omit],
        description: String = "Description" [omit],
        max_token_ttl: DurText = "MaxTokenTTL" [omit],
        token_locality: String = "TokenLocality" [omit],
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// What a login by a method grants.
    pub struct AclBindingRule = "ACLBindingRule" {
        id: String = "ID",
        description: String = "Description",
        auth_method: String = "AuthMethod",
        /// A filter over the verified claims; empty takes everyone.
        selector: String = "Selector",
        /// `service`, `node`, `role`, `policy` or `templated-policy`.
        bind_type: String = "BindType",
        bind_name: String = "BindName",
        bind_vars: Option<AclTemplateVariables> = "BindVars" [omit],
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// What somebody brings to a login.
    pub struct AclLoginParams = "ACLLoginParams" {
        auth_method: String = "AuthMethod",
        bearer_token: Secret = "BearerToken",
        meta: Dict<String> = "Meta" [omit],
    }
}

record! {
    /// One question of `/v1/internal/acl/authorize`.
    pub struct AclAuthorizationRequest = "ACLAuthorizationRequest" {
        resource: String = "Resource",
        segment: String = "Segment" [omit],
        access: String = "Access",
    }
}

record! {
    /// The question with its answer.
    pub struct AclAuthorizationResponse = "ACLAuthorizationResponse" {
        #flatten question: AclAuthorizationRequest,
        allow: bool = "Allow",
    }
}

record! {
    /// What an expanded read tells beside a token.
    pub struct AclExpandedToken = "ExpandedTokenInfo" {
        expanded_policies: List<crate::AclPolicy> = "ExpandedPolicies",
        expanded_roles: List<crate::AclRole> = "ExpandedRoles",
        namespace_default_policy_ids: List<String> = "NamespaceDefaultPolicyIDs",
        namespace_default_role_ids: List<String> = "NamespaceDefaultRoleIDs",
        agent_acl_default_policy: String = "AgentACLDefaultPolicy",
        agent_acl_down_policy: String = "AgentACLDownPolicy",
        resolved_by_agent: String = "ResolvedByAgent",
    }
}

impl AclAuthMethod {
    /// The row of a list.
    pub fn stub(&self) -> AclAuthMethodListStub {
        AclAuthMethodListStub {
            name: self.name.clone(),
            method_type: self.method_type.clone(),
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            max_token_ttl: self.max_token_ttl,
            token_locality: self.token_locality.clone(),
            indexes: self.indexes.clone(),
        }
    }
}
