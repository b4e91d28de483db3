//! Tokens, policies and roles.

use crate::{AclHash, RaftIndex, Secret};
use dialect::{GoTime, List, Nanos, record};

record! {
    /// A policy that a token or role links to. The ID counts; the name is looked up at every read.
    pub struct AclPolicyLink = "ACLTokenPolicyLink" {
        id: String = "ID",
        name: String = "Name",
    }
}

record! {
    /// A role that a token links to.
    pub struct AclRoleLink = "ACLTokenRoleLink" {
        id: String = "ID",
        name: String = "Name",
    }
}

record! {
    /// What a service needs, in the datacenters named (in all of them if none is).
    pub struct AclServiceIdentity = "ACLServiceIdentity" {
        service_name: String = "ServiceName",
        datacenters: List<String> = "Datacenters" [omit],
    }
}

record! {
    /// What a node's agent needs, in one datacenter.
    pub struct AclNodeIdentity = "ACLNodeIdentity" {
        node_name: String = "NodeName",
        datacenter: String = "Datacenter",
    }
}

record! {
    /// What a template is filled with.
    pub struct AclTemplateVariables = "ACLTemplatedPolicyVariables" {
        name: String = "Name" [json = "name"],
    }
}

record! {
    /// A policy made from a template of the server (spec/acl.md §3.1).
    pub struct AclTemplatedPolicy = "ACLTemplatedPolicy" {
        template_id: String = "TemplateID" [omit],
        template_name: String = "TemplateName" [omit],
        /// Absent and empty differ: the first is refused where a name is needed, with another text.
        template_variables: Option<AclTemplateVariables> = "TemplateVariables" [omit],
        datacenters: List<String> = "Datacenters" [omit],
    }
}

record! {
    /// A token: a secret and what it grants.
    pub struct AclToken = "ACLToken" {
        /// The name by which a token is talked about; not secret.
        accessor_id: String = "AccessorID",
        secret_id: Secret = "SecretID",
        description: String = "Description",
        policies: List<AclPolicyLink> = "Policies" [omit],
        roles: List<AclRoleLink> = "Roles" [omit],
        service_identities: List<AclServiceIdentity> = "ServiceIdentities" [omit],
        node_identities: List<AclNodeIdentity> = "NodeIdentities" [omit],
        templated_policies: List<AclTemplatedPolicy> = "TemplatedPolicies" [omit],
        /// Known in its own datacenter only.
        local: bool = "Local",
        /// The method it was made by at a login, or "".
        auth_method: String = "AuthMethod" [omit],
        expiration_time: Option<GoTime> = "ExpirationTime" [omit],
        /// Only in requests; storage holds the moment instead.
        expiration_ttl: Nanos = "ExpirationTTL" [omit],
        create_time: GoTime = "CreateTime",
        hash: AclHash = "Hash",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// A token as lists show it.
    pub struct AclTokenListStub = "ACLTokenListStub" {
        accessor_id: String = "AccessorID",
        secret_id: Secret = "SecretID",
        description: String = "Description",
        policies: List<AclPolicyLink> = "Policies" [omit],
        roles: List<AclRoleLink> = "Roles" [omit],
        service_identities: List<AclServiceIdentity> = "ServiceIdentities" [omit],
        node_identities: List<AclNodeIdentity> = "NodeIdentities" [omit],
        templated_policies: List<AclTemplatedPolicy> = "TemplatedPolicies" [omit],
        local: bool = "Local",
        auth_method: String = "AuthMethod" [omit],
        expiration_time: Option<GoTime> = "ExpirationTime" [omit],
        create_time: GoTime = "CreateTime",
        hash: AclHash = "Hash",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// Rules under a name.
    pub struct AclPolicy = "ACLPolicy" {
        id: String = "ID",
        name: String = "Name",
        description: String = "Description",
        rules: String = "Rules",
        /// Where it counts; nowhere named is everywhere.
        datacenters: List<String> = "Datacenters" [omit],
        hash: AclHash = "Hash",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// A policy as lists show it: without rules, and with `null` for no datacenters.
    pub struct AclPolicyListStub = "ACLPolicyListStub" {
        id: String = "ID",
        name: String = "Name",
        description: String = "Description",
        datacenters: List<String> = "Datacenters",
        hash: AclHash = "Hash",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// Policies and identities under a name.
    pub struct AclRole = "ACLRole" {
        id: String = "ID",
        name: String = "Name",
        description: String = "Description",
        policies: List<AclPolicyLink> = "Policies" [omit],
        service_identities: List<AclServiceIdentity> = "ServiceIdentities" [omit],
        node_identities: List<AclNodeIdentity> = "NodeIdentities" [omit],
        templated_policies: List<AclTemplatedPolicy> = "TemplatedPolicies" [omit],
        hash: AclHash = "Hash",
        #flatten indexes: RaftIndex,
    }
}

impl AclToken {
    /// Whether it has stopped working at `now`. The zero time is no expiry.
    pub fn is_expired(&self, now: GoTime) -> bool {
        self.expiration_time
            .is_some_and(|at| !at.is_zero_time() && at <= now)
    }

    /// The row of a list.
    pub fn stub(&self) -> AclTokenListStub {
        let token = self.clone();
        AclTokenListStub {
            accessor_id: token.accessor_id,
            secret_id: token.secret_id,
            description: token.description,
            policies: token.policies,
            roles: token.roles,
            service_identities: token.service_identities,
            node_identities: token.node_identities,
            templated_policies: token.templated_policies,
            local: token.local,
            auth_method: token.auth_method,
            expiration_time: token.expiration_time,
            create_time: token.create_time,
            hash: token.hash,
            indexes: token.indexes,
        }
    }
}

impl AclPolicy {
    /// The row of a list.
    pub fn stub(&self) -> AclPolicyListStub {
        AclPolicyListStub {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            datacenters: self.datacenters.clone(),
            hash: self.hash.clone(),
            indexes: self.indexes.clone(),
        }
    }
}
