//! Snapshot archives: a compressed tar of metadata, state and checksums (spec: wire.md §7.1), and the records of a state
//! (§7.3). Reads streams, so an archive of any size is verified in constant memory.

pub(crate) use wire::archive::read;

/// Why an archive cannot be read, without the number that the operating system gives its errors.
pub(crate) fn reason(problem: impl Into<String>) -> String {
    let text: String = problem.into();
    match text.split_once(" (os error ") {
        Some((plain, _)) => plain.to_owned(),
        None => text,
    }
}

/// Record types by their byte.
const TYPES: &[(u8, &str)] = &[
    (0, "Register"),
    (1, "Deregister"),
    (2, "KVS"),
    (3, "Session"),
    (4, "ACL"),
    (5, "Tombstone"),
    (6, "CoordinateBatchUpdate"),
    (7, "PreparedQuery"),
    (8, "Txn"),
    (9, "Autopilot"),
    (10, "Area"),
    (11, "ACLBootstrap"),
    (12, "Intention"),
    (13, "ConnectCA"),
    (14, "ConnectCAProviderState"),
    (15, "ConnectCAConfig"),
    (16, "Index"),
    (17, "ACLToken"),
    (18, "ACLTokenDelete"),
    (19, "ACLPolicy"),
    (20, "ACLPolicyDelete"),
    (21, "ConnectCALeaf"),
    (22, "ConfigEntry"),
    (23, "ACLRole"),
    (24, "ACLRoleDelete"),
    (25, "ACLBindingRule"),
    (26, "ACLBindingRuleDelete"),
    (27, "ACLAuthMethod"),
    (28, "ACLAuthMethodDelete"),
    (29, "ChunkingState"),
    (30, "FederationState"),
    (31, "SystemMetadata"),
    (32, "ServiceVirtualIP"),
    (33, "FreeVirtualIP"),
    (34, "KindServiceName"),
    (35, "Peering"),
    (36, "PeeringDelete"),
    (38, "PeeringTrustBundle"),
    (39, "PeeringTrustBundleDelete"),
    (40, "PeeringSecret"),
    (41, "RaftLogVerifierCheckpoint"),
    (42, "Resource"),
    (43, "UpdateManualVirtualIPRequestType"),
];

/// Name of a record type.
pub(crate) fn type_name(byte: u8) -> String {
    let known = TYPES.iter().find(|(b, _)| *b == byte);
    known.map_or_else(
        || format!("Unknown({byte})"),
        |(_, name)| (*name).to_owned(),
    )
}

/// One record of a state.
pub(crate) struct Record<'a> {
    /// Type byte.
    pub(crate) kind: u8,
    /// Bytes since the end of the record before, type byte included.
    pub(crate) size: u64,
    /// The record itself, msgpack.
    pub(crate) body: &'a [u8],
}

/// Walks the records of a state; the header (the first value) is the answer.
pub(crate) fn walk<'a>(
    state: &'a [u8],
    mut each: impl FnMut(Record<'a>) -> Result<(), String>,
) -> Result<&'a [u8], String> {
    let damaged = |e: &dyn std::fmt::Display| format!("failed to read snapshot: {e}");
    let value_end = |from: usize| {
        let mut reader = dialect::msgpack::Reader::new(&state[from..]);
        reader.skip().map_err(|e| damaged(&e))?;
        Ok::<usize, String>(from + reader.position())
    };
    let header = value_end(0)?;
    // The bytes of the header are counted with the first record.
    let mut counted = 0;
    let mut at = header;
    while let Some(kind) = state.get(at) {
        let end = value_end(at + 1)?;
        each(Record {
            kind: *kind,
            size: (end - counted) as u64,
            body: &state[at + 1..end],
        })?;
        (at, counted) = (end, end);
    }
    Ok(&state[..header])
}
