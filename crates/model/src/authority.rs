//! The mesh's certificate authority as servers keep it (spec/mesh.md §8, spec/wire.md §5).

use crate::RaftIndex;
use dialect::{Any, Dict, GoTime, List, record};

record! {
    /// A root certificate. `serial_number` is that of the certificate; the ID is its SHA-1 in hexadecimal.
    pub struct CaRoot {
        id: String = "ID",
        name: String = "Name",
        serial_number: u64 = "SerialNumber",
        signing_key_id: String = "SigningKeyID",
        external_trust_domain: String = "ExternalTrustDomain",
        not_before: GoTime = "NotBefore",
        not_after: GoTime = "NotAfter",
        root_cert: String = "RootCert",
        intermediate_certs: List<String> = "IntermediateCerts",
        signing_cert: String = "SigningCert" [no_json],
        signing_key: String = "SigningKey" [no_json],
        active: bool = "Active",
        rotated_out_at: GoTime = "RotatedOutAt" [no_json],
        private_key_type: String = "PrivateKeyType",
        private_key_bits: i64 = "PrivateKeyBits",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// Which provider signs, and how.
    pub struct CaConfiguration {
        cluster_id: String = "ClusterID" [no_json],
        provider: String = "Provider",
        config: Dict<Any> = "Config",
        state: Dict<String> = "State",
        force_without_cross_signing: bool = "ForceWithoutCrossSigning",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// What the built-in provider keeps: its key and certificate, by the hash of what it was made from. Secret.
    pub struct CaProviderState {
        id: String = "ID",
        private_key: String = "PrivateKey",
        root_cert: String = "RootCert",
        intermediate_cert: String = "IntermediateCert",
        #flatten indexes: RaftIndex,
    }
}
