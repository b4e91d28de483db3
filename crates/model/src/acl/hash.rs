//! The hash that replication compares objects by (spec/acl.md §2.6): BLAKE2b-256 over the members that matter.

use std::borrow::Cow;

use blake2::{Blake2b, Digest, digest::consts::U32};
use dialect::Bytes;
use dialect::json::{self, FromJson, Kind, ToJson};
use dialect::msgpack::{self, Decode, Encode};

use super::{
    AclNodeIdentity, AclPolicy, AclRole, AclServiceIdentity, AclTemplatedPolicy, AclToken,
};

/// The hash of an object: 32 bytes, or none where nobody has computed it yet. Base64 in JSON. What clients send in its place
/// is not looked at, for servers compute it anew with every write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclHash(Bytes);

impl AclHash {
    /// Whether nobody has computed it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Encode for AclHash {
    fn encode(&self, w: &mut msgpack::Writer<'_>) {
        self.0.encode(w);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Decode for AclHash {
    fn decode(r: &mut msgpack::Reader<'_>) -> Result<Self, msgpack::Error> {
        Bytes::decode(r).map(AclHash)
    }
}

impl ToJson for AclHash {
    fn write_json(&self, w: &mut json::Writer<'_>) {
        self.0.write_json(w);
    }

    fn is_empty_json(&self) -> bool {
        self.is_empty()
    }
}

impl FromJson for AclHash {
    fn read_json(&mut self, r: &mut json::Reader<'_>) {
        match r.kind() {
            Kind::String | Kind::Null => r.skip(),
            _ => r.mismatch("string"),
        }
    }

    fn go_type() -> Cow<'static, str> {
        "string".into()
    }
}

/// Gathers the bytes of an object, without separators as the reference does.
struct Hasher(Blake2b<U32>);

impl Hasher {
    fn new() -> Self {
        Hasher(Blake2b::new())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.update(text);
        self
    }

    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a String>) -> &mut Self {
        for text in texts {
            self.text(text);
        }
        self
    }

    fn identities(
        &mut self,
        services: &[AclServiceIdentity],
        nodes: &[AclNodeIdentity],
        templated: &[AclTemplatedPolicy],
    ) -> &mut Self {
        for service in services {
            self.text(&service.service_name).texts(&service.datacenters);
        }
        for node in nodes {
            self.text(&node.node_name).text(&node.datacenter);
        }
        for policy in templated {
            self.text(&policy.template_id).text(&policy.template_name);
            if let Some(variables) = &policy.template_variables {
                self.text(&variables.name);
            }
            self.texts(&policy.datacenters);
        }
        self
    }

    fn finish(&mut self) -> AclHash {
        AclHash(Bytes::copy_from_slice(&self.0.finalize_reset()))
    }
}

impl AclPolicy {
    /// Computes [`AclPolicy::hash`] from name, description, rules and datacenters.
    pub fn set_hash(&mut self) {
        self.hash = Hasher::new()
            .text(&self.name)
            .text(&self.description)
            .text(&self.rules)
            .texts(&self.datacenters)
            .finish();
    }
}

impl AclRole {
    /// Computes [`AclRole::hash`] from name, description, the IDs of policies, and identities.
    pub fn set_hash(&mut self) {
        self.hash = Hasher::new()
            .text(&self.name)
            .text(&self.description)
            .texts(self.policies.iter().map(|link| &link.id))
            .identities(
                &self.service_identities,
                &self.node_identities,
                &self.templated_policies,
            )
            .finish();
    }
}

impl AclToken {
    /// Computes [`AclToken::hash`] from description, locality, the IDs of policies and roles, and identities. Secret, expiry and
    /// auth method are not part of it.
    pub fn set_hash(&mut self) {
        self.hash = Hasher::new()
            .text(&self.description)
            .text(if self.local { "local" } else { "global" })
            .texts(self.policies.iter().map(|link| &link.id))
            .texts(self.roles.iter().map(|link| &link.id))
            .identities(
                &self.service_identities,
                &self.node_identities,
                &self.templated_policies,
            )
            .finish();
    }
}
