//! Names by which code records.

use super::row::{Metric, metric};

/// `acl.ResolveToken`, timer.
pub const ACL_RESOLVE_TOKEN: Metric = metric("acl.ResolveToken");
/// `api.http`, timer. Labels: method, path.
pub const API_HTTP: Metric = metric("api.http");
/// `autopilot.failure_tolerance`, gauge.
pub const AUTOPILOT_FAILURE_TOLERANCE: Metric = metric("autopilot.failure_tolerance");
/// `autopilot.healthy`, gauge.
pub const AUTOPILOT_HEALTHY: Metric = metric("autopilot.healthy");
/// `cache.entries_count`, gauge.
pub const CACHE_ENTRIES_COUNT: Metric = metric("cache.entries_count");
/// `cache.evict_expired`, counter.
pub const CACHE_EVICT_EXPIRED: Metric = metric("cache.evict_expired");
/// `cache.fetch_success`, counter. Labels: result_not_modified.
pub const CACHE_FETCH_SUCCESS: Metric = metric("cache.fetch_success");
/// `catalog.connect.not-found`, counter. Labels: service.
pub const CATALOG_CONNECT_NOT_FOUND: Metric = metric("catalog.connect.not-found");
/// `catalog.connect.query`, counter. Labels: service.
pub const CATALOG_CONNECT_QUERY: Metric = metric("catalog.connect.query");
/// `catalog.connect.query-tag`, counter. Labels: service, tag.
pub const CATALOG_CONNECT_QUERY_TAG: Metric = metric("catalog.connect.query-tag");
/// `catalog.connect.query-tags`, counter. Labels: service, tags.
pub const CATALOG_CONNECT_QUERY_TAGS: Metric = metric("catalog.connect.query-tags");
/// `catalog.deregister`, timer.
pub const CATALOG_DEREGISTER: Metric = metric("catalog.deregister");
/// `catalog.register`, timer.
pub const CATALOG_REGISTER: Metric = metric("catalog.register");
/// `catalog.service.not-found`, counter. Labels: service.
pub const CATALOG_SERVICE_NOT_FOUND: Metric = metric("catalog.service.not-found");
/// `catalog.service.query`, counter. Labels: service.
pub const CATALOG_SERVICE_QUERY: Metric = metric("catalog.service.query");
/// `catalog.service.query-tag`, counter. Labels: service, tag.
pub const CATALOG_SERVICE_QUERY_TAG: Metric = metric("catalog.service.query-tag");
/// `catalog.service.query-tags`, counter. Labels: service, tags.
pub const CATALOG_SERVICE_QUERY_TAGS: Metric = metric("catalog.service.query-tags");
/// `client.api.catalog_datacenters`, counter. Labels: node.
pub const CLIENT_API_CATALOG_DATACENTERS: Metric = metric("client.api.catalog_datacenters");
/// `client.api.catalog_deregister`, counter. Labels: node.
pub const CLIENT_API_CATALOG_DEREGISTER: Metric = metric("client.api.catalog_deregister");
/// `client.api.catalog_node_service_list`, counter. Labels: node.
pub const CLIENT_API_CATALOG_NODE_SERVICE_LIST: Metric =
    metric("client.api.catalog_node_service_list");
/// `client.api.catalog_node_services`, counter. Labels: node.
pub const CLIENT_API_CATALOG_NODE_SERVICES: Metric = metric("client.api.catalog_node_services");
/// `client.api.catalog_nodes`, counter. Labels: node.
pub const CLIENT_API_CATALOG_NODES: Metric = metric("client.api.catalog_nodes");
/// `client.api.catalog_register`, counter. Labels: node.
pub const CLIENT_API_CATALOG_REGISTER: Metric = metric("client.api.catalog_register");
/// `client.api.catalog_service_nodes`, counter. Labels: node.
pub const CLIENT_API_CATALOG_SERVICE_NODES: Metric = metric("client.api.catalog_service_nodes");
/// `client.api.catalog_services`, counter. Labels: node.
pub const CLIENT_API_CATALOG_SERVICES: Metric = metric("client.api.catalog_services");
/// `client.api.error.catalog_service_nodes`, counter. Labels: node.
pub const CLIENT_API_ERROR_CATALOG_SERVICE_NODES: Metric =
    metric("client.api.error.catalog_service_nodes");
/// `client.api.success.catalog_datacenters`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_DATACENTERS: Metric =
    metric("client.api.success.catalog_datacenters");
/// `client.api.success.catalog_deregister`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_DEREGISTER: Metric =
    metric("client.api.success.catalog_deregister");
/// `client.api.success.catalog_node_service_list`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_NODE_SERVICE_LIST: Metric =
    metric("client.api.success.catalog_node_service_list");
/// `client.api.success.catalog_node_services`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_NODE_SERVICES: Metric =
    metric("client.api.success.catalog_node_services");
/// `client.api.success.catalog_nodes`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_NODES: Metric = metric("client.api.success.catalog_nodes");
/// `client.api.success.catalog_register`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_REGISTER: Metric =
    metric("client.api.success.catalog_register");
/// `client.api.success.catalog_service_nodes`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_SERVICE_NODES: Metric =
    metric("client.api.success.catalog_service_nodes");
/// `client.api.success.catalog_services`, counter. Labels: node.
pub const CLIENT_API_SUCCESS_CATALOG_SERVICES: Metric =
    metric("client.api.success.catalog_services");
/// `client.rpc.error.catalog_datacenters`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_DATACENTERS: Metric =
    metric("client.rpc.error.catalog_datacenters");
/// `client.rpc.error.catalog_deregister`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_DEREGISTER: Metric =
    metric("client.rpc.error.catalog_deregister");
/// `client.rpc.error.catalog_node_service_list`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_NODE_SERVICE_LIST: Metric =
    metric("client.rpc.error.catalog_node_service_list");
/// `client.rpc.error.catalog_node_services`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_NODE_SERVICES: Metric =
    metric("client.rpc.error.catalog_node_services");
/// `client.rpc.error.catalog_nodes`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_NODES: Metric = metric("client.rpc.error.catalog_nodes");
/// `client.rpc.error.catalog_register`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_REGISTER: Metric = metric("client.rpc.error.catalog_register");
/// `client.rpc.error.catalog_service_nodes`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_SERVICE_NODES: Metric =
    metric("client.rpc.error.catalog_service_nodes");
/// `client.rpc.error.catalog_services`, counter. Labels: node.
pub const CLIENT_RPC_ERROR_CATALOG_SERVICES: Metric = metric("client.rpc.error.catalog_services");
/// `dns.domain_query`, timer. Labels: node.
pub const DNS_DOMAIN_QUERY: Metric = metric("dns.domain_query");
/// `dns.ptr_query`, timer. Labels: node.
pub const DNS_PTR_QUERY: Metric = metric("dns.ptr_query");
/// `dns.query`, timer. Labels: node, type.
pub const DNS_QUERY: Metric = metric("dns.query");
/// `dns.stale_queries`, counter.
pub const DNS_STALE_QUERIES: Metric = metric("dns.stale_queries");
/// `fsm.acl.policy`, timer. Labels: op.
pub const FSM_ACL_POLICY: Metric = metric("fsm.acl.policy");
/// `fsm.acl.token`, timer. Labels: op.
pub const FSM_ACL_TOKEN: Metric = metric("fsm.acl.token");
/// `fsm.autopilot`, timer.
pub const FSM_AUTOPILOT: Metric = metric("fsm.autopilot");
/// `fsm.ca`, timer.
pub const FSM_CA: Metric = metric("fsm.ca");
/// `fsm.config_entry.*`, timer. Labels: (place in the name), op.
pub const FSM_CONFIG_ENTRY_ANY: Metric = metric("fsm.config_entry.*");
/// `fsm.coordinate.batch-update`, timer.
pub const FSM_COORDINATE_BATCH_UPDATE: Metric = metric("fsm.coordinate.batch-update");
/// `fsm.deregister`, timer.
pub const FSM_DEREGISTER: Metric = metric("fsm.deregister");
/// `fsm.intention`, timer. Labels: op.
pub const FSM_INTENTION: Metric = metric("fsm.intention");
/// `fsm.kvs`, timer. Labels: op.
pub const FSM_KVS: Metric = metric("fsm.kvs");
/// `fsm.persist`, timer.
pub const FSM_PERSIST: Metric = metric("fsm.persist");
/// `fsm.prepared-query`, timer. Labels: op.
pub const FSM_PREPARED_QUERY: Metric = metric("fsm.prepared-query");
/// `fsm.register`, timer.
pub const FSM_REGISTER: Metric = metric("fsm.register");
/// `fsm.session`, timer. Labels: op.
pub const FSM_SESSION: Metric = metric("fsm.session");
/// `fsm.system_metadata`, timer. Labels: op.
pub const FSM_SYSTEM_METADATA: Metric = metric("fsm.system_metadata");
/// `fsm.tombstone`, timer. Labels: op.
pub const FSM_TOMBSTONE: Metric = metric("fsm.tombstone");
/// `fsm.txn`, timer.
pub const FSM_TXN: Metric = metric("fsm.txn");
/// `host.cpu.idle`, gauge. Labels: host, cpu.
pub const HOST_CPU_IDLE: Metric = metric("host.cpu.idle");
/// `host.cpu.iowait`, gauge. Labels: host, cpu.
pub const HOST_CPU_IOWAIT: Metric = metric("host.cpu.iowait");
/// `host.cpu.system`, gauge. Labels: host, cpu.
pub const HOST_CPU_SYSTEM: Metric = metric("host.cpu.system");
/// `host.cpu.total`, gauge. Labels: host, cpu.
pub const HOST_CPU_TOTAL: Metric = metric("host.cpu.total");
/// `host.cpu.user`, gauge. Labels: host, cpu.
pub const HOST_CPU_USER: Metric = metric("host.cpu.user");
/// `host.disk.available`, gauge. Labels: host, path.
pub const HOST_DISK_AVAILABLE: Metric = metric("host.disk.available");
/// `host.disk.inodes_percent`, gauge. Labels: host, path.
pub const HOST_DISK_INODES_PERCENT: Metric = metric("host.disk.inodes_percent");
/// `host.disk.size`, gauge. Labels: host, path.
pub const HOST_DISK_SIZE: Metric = metric("host.disk.size");
/// `host.disk.used`, gauge. Labels: host, path.
pub const HOST_DISK_USED: Metric = metric("host.disk.used");
/// `host.disk.used_percent`, gauge. Labels: host, path.
pub const HOST_DISK_USED_PERCENT: Metric = metric("host.disk.used_percent");
/// `host.memory.available`, gauge. Labels: host.
pub const HOST_MEMORY_AVAILABLE: Metric = metric("host.memory.available");
/// `host.memory.free`, gauge. Labels: host.
pub const HOST_MEMORY_FREE: Metric = metric("host.memory.free");
/// `host.memory.total`, gauge. Labels: host.
pub const HOST_MEMORY_TOTAL: Metric = metric("host.memory.total");
/// `host.memory.used`, gauge. Labels: host.
pub const HOST_MEMORY_USED: Metric = metric("host.memory.used");
/// `host.memory.used_percent`, gauge. Labels: host.
pub const HOST_MEMORY_USED_PERCENT: Metric = metric("host.memory.used_percent");
/// `host.uptime`, gauge. Labels: host.
pub const HOST_UPTIME: Metric = metric("host.uptime");
/// `kvs.apply`, timer.
pub const KVS_APPLY: Metric = metric("kvs.apply");
/// `leader.barrier`, timer.
pub const LEADER_BARRIER: Metric = metric("leader.barrier");
/// `leader.reapTombstones`, timer.
pub const LEADER_REAP_TOMBSTONES: Metric = metric("leader.reapTombstones");
/// `leader.reconcile`, timer.
pub const LEADER_RECONCILE: Metric = metric("leader.reconcile");
/// `leader.reconcileMember`, timer.
pub const LEADER_RECONCILE_MEMBER: Metric = metric("leader.reconcileMember");
/// `members.clients`, gauge. Labels: datacenter.
pub const MEMBERS_CLIENTS: Metric = metric("members.clients");
/// `members.servers`, gauge. Labels: datacenter.
pub const MEMBERS_SERVERS: Metric = metric("members.servers");
/// `prepared-query.apply`, timer.
pub const PREPARED_QUERY_APPLY: Metric = metric("prepared-query.apply");
/// `prepared-query.execute`, timer.
pub const PREPARED_QUERY_EXECUTE: Metric = metric("prepared-query.execute");
/// `prepared-query.explain`, timer.
pub const PREPARED_QUERY_EXPLAIN: Metric = metric("prepared-query.explain");
/// `raft.applied_index`, gauge.
pub const RAFT_APPLIED_INDEX: Metric = metric("raft.applied_index");
/// `raft.apply`, counter.
pub const RAFT_APPLY: Metric = metric("raft.apply");
/// `raft.barrier`, counter.
pub const RAFT_BARRIER: Metric = metric("raft.barrier");
/// `raft.commitNumLogs`, gauge.
pub const RAFT_COMMIT_NUM_LOGS: Metric = metric("raft.commitNumLogs");
/// `raft.commitTime`, timer.
pub const RAFT_COMMIT_TIME: Metric = metric("raft.commitTime");
/// `raft.fsm.apply`, timer.
pub const RAFT_FSM_APPLY: Metric = metric("raft.fsm.apply");
/// `raft.fsm.enqueue`, timer.
pub const RAFT_FSM_ENQUEUE: Metric = metric("raft.fsm.enqueue");
/// `raft.fsm.lastRestoreDuration`, gauge.
pub const RAFT_FSM_LAST_RESTORE_DURATION: Metric = metric("raft.fsm.lastRestoreDuration");
/// `raft.fsm.restore`, timer.
pub const RAFT_FSM_RESTORE: Metric = metric("raft.fsm.restore");
/// `raft.fsm.snapshot`, timer.
pub const RAFT_FSM_SNAPSHOT: Metric = metric("raft.fsm.snapshot");
/// `raft.last_index`, gauge.
pub const RAFT_LAST_INDEX: Metric = metric("raft.last_index");
/// `raft.leader.dispatchLog`, timer.
pub const RAFT_LEADER_DISPATCH_LOG: Metric = metric("raft.leader.dispatchLog");
/// `raft.leader.dispatchNumLogs`, gauge.
pub const RAFT_LEADER_DISPATCH_NUM_LOGS: Metric = metric("raft.leader.dispatchNumLogs");
/// `raft.leader.lastContact`, timer.
pub const RAFT_LEADER_LAST_CONTACT: Metric = metric("raft.leader.lastContact");
/// `raft.restore`, counter.
pub const RAFT_RESTORE: Metric = metric("raft.restore");
/// `raft.restoreUserSnapshot`, timer.
pub const RAFT_RESTORE_USER_SNAPSHOT: Metric = metric("raft.restoreUserSnapshot");
/// `raft.snapshot.create`, timer.
pub const RAFT_SNAPSHOT_CREATE: Metric = metric("raft.snapshot.create");
/// `raft.snapshot.persist`, timer.
pub const RAFT_SNAPSHOT_PERSIST: Metric = metric("raft.snapshot.persist");
/// `raft.snapshot.takeSnapshot`, timer.
pub const RAFT_SNAPSHOT_TAKE_SNAPSHOT: Metric = metric("raft.snapshot.takeSnapshot");
/// `raft.state.candidate`, counter.
pub const RAFT_STATE_CANDIDATE: Metric = metric("raft.state.candidate");
/// `raft.state.follower`, counter.
pub const RAFT_STATE_FOLLOWER: Metric = metric("raft.state.follower");
/// `raft.state.leader`, counter.
pub const RAFT_STATE_LEADER: Metric = metric("raft.state.leader");
/// `raft.transition.heartbeat_timeout`, counter.
pub const RAFT_TRANSITION_HEARTBEAT_TIMEOUT: Metric = metric("raft.transition.heartbeat_timeout");
/// `raft.verify_leader`, counter.
pub const RAFT_VERIFY_LEADER: Metric = metric("raft.verify_leader");
/// `raft.wal.head_truncations`, counter.
pub const RAFT_WAL_HEAD_TRUNCATIONS: Metric = metric("raft.wal.head_truncations");
/// `raft.wal.last_segment_age_seconds`, gauge.
pub const RAFT_WAL_LAST_SEGMENT_AGE_SECONDS: Metric = metric("raft.wal.last_segment_age_seconds");
/// `raft.wal.log_appends`, counter.
pub const RAFT_WAL_LOG_APPENDS: Metric = metric("raft.wal.log_appends");
/// `raft.wal.log_entries_read`, counter.
pub const RAFT_WAL_LOG_ENTRIES_READ: Metric = metric("raft.wal.log_entries_read");
/// `raft.wal.log_entries_written`, counter.
pub const RAFT_WAL_LOG_ENTRIES_WRITTEN: Metric = metric("raft.wal.log_entries_written");
/// `raft.wal.log_entry_bytes_read`, counter.
pub const RAFT_WAL_LOG_ENTRY_BYTES_READ: Metric = metric("raft.wal.log_entry_bytes_read");
/// `raft.wal.log_entry_bytes_written`, counter.
pub const RAFT_WAL_LOG_ENTRY_BYTES_WRITTEN: Metric = metric("raft.wal.log_entry_bytes_written");
/// `raft.wal.segment_rotations`, counter.
pub const RAFT_WAL_SEGMENT_ROTATIONS: Metric = metric("raft.wal.segment_rotations");
/// `raft.wal.stable_gets`, counter.
pub const RAFT_WAL_STABLE_GETS: Metric = metric("raft.wal.stable_gets");
/// `raft.wal.stable_sets`, counter.
pub const RAFT_WAL_STABLE_SETS: Metric = metric("raft.wal.stable_sets");
/// `raft.wal.tail_truncations`, counter.
pub const RAFT_WAL_TAIL_TRUNCATIONS: Metric = metric("raft.wal.tail_truncations");
/// `rpc.accept_conn`, counter.
pub const RPC_ACCEPT_CONN: Metric = metric("rpc.accept_conn");
/// `rpc.consistentRead`, timer.
pub const RPC_CONSISTENT_READ: Metric = metric("rpc.consistentRead");
/// `rpc.cross-dc`, counter. Labels: datacenter.
pub const RPC_CROSS_DC: Metric = metric("rpc.cross-dc");
/// `rpc.queries_blocking`, gauge.
pub const RPC_QUERIES_BLOCKING: Metric = metric("rpc.queries_blocking");
/// `rpc.query`, counter.
pub const RPC_QUERY: Metric = metric("rpc.query");
/// `rpc.rate_limit.exceeded`, counter. Labels: limit_type, op, mode.
pub const RPC_RATE_LIMIT_EXCEEDED: Metric = metric("rpc.rate_limit.exceeded");
/// `rpc.request`, counter.
pub const RPC_REQUEST: Metric = metric("rpc.request");
/// `rpc.request_error`, counter.
pub const RPC_REQUEST_ERROR: Metric = metric("rpc.request_error");
/// `rpc.server.call`, timer. Labels: method, errored, request_type, rpc_type, leader, allow_stale, blocking, target_datacenter, locality.
pub const RPC_SERVER_CALL: Metric = metric("rpc.server.call");
/// `runtime.alloc_bytes`, gauge.
pub const RUNTIME_ALLOC_BYTES: Metric = metric("runtime.alloc_bytes");
/// `runtime.heap_objects`, gauge.
pub const RUNTIME_HEAP_OBJECTS: Metric = metric("runtime.heap_objects");
/// `runtime.num_goroutines`, gauge.
pub const RUNTIME_NUM_GOROUTINES: Metric = metric("runtime.num_goroutines");
/// `runtime.sys_bytes`, gauge.
pub const RUNTIME_SYS_BYTES: Metric = metric("runtime.sys_bytes");
/// `serf.events`, counter. Labels: network.
pub const SERF_EVENTS: Metric = metric("serf.events");
/// `serf.events.*`, counter. Labels: (place in the name), network.
pub const SERF_EVENTS_ANY: Metric = metric("serf.events.*");
/// `serf.member.failed`, counter. Labels: network.
pub const SERF_MEMBER_FAILED: Metric = metric("serf.member.failed");
/// `serf.member.flap`, counter. Labels: network.
pub const SERF_MEMBER_FLAP: Metric = metric("serf.member.flap");
/// `serf.member.join`, counter. Labels: network.
pub const SERF_MEMBER_JOIN: Metric = metric("serf.member.join");
/// `serf.member.left`, counter. Labels: network.
pub const SERF_MEMBER_LEFT: Metric = metric("serf.member.left");
/// `server.isLeader`, gauge.
pub const SERVER_IS_LEADER: Metric = metric("server.isLeader");
/// `session.apply`, timer.
pub const SESSION_APPLY: Metric = metric("session.apply");
/// `session.renew`, timer.
pub const SESSION_RENEW: Metric = metric("session.renew");
/// `session_ttl.active`, gauge.
pub const SESSION_TTL_ACTIVE: Metric = metric("session_ttl.active");
/// `session_ttl.invalidate`, timer.
pub const SESSION_TTL_INVALIDATE: Metric = metric("session_ttl.invalidate");
/// `state.billable_service_instances`, gauge. Labels: datacenter.
pub const STATE_BILLABLE_SERVICE_INSTANCES: Metric = metric("state.billable_service_instances");
/// `state.config_entries`, gauge. Labels: datacenter, kind.
pub const STATE_CONFIG_ENTRIES: Metric = metric("state.config_entries");
/// `state.connect_instances`, gauge. Labels: datacenter, kind.
pub const STATE_CONNECT_INSTANCES: Metric = metric("state.connect_instances");
/// `state.kv_entries`, gauge. Labels: datacenter.
pub const STATE_KV_ENTRIES: Metric = metric("state.kv_entries");
/// `state.nodes`, gauge. Labels: datacenter.
pub const STATE_NODES: Metric = metric("state.nodes");
/// `state.peerings`, gauge. Labels: datacenter.
pub const STATE_PEERINGS: Metric = metric("state.peerings");
/// `state.service_instances`, gauge. Labels: datacenter.
pub const STATE_SERVICE_INSTANCES: Metric = metric("state.service_instances");
/// `state.services`, gauge. Labels: datacenter.
pub const STATE_SERVICES: Metric = metric("state.services");
/// `telemetry.dropped`, counter. Labels: reason.
pub const TELEMETRY_DROPPED: Metric = metric("telemetry.dropped");
/// `txn.apply`, timer.
pub const TXN_APPLY: Metric = metric("txn.apply");
/// `txn.read`, timer.
pub const TXN_READ: Metric = metric("txn.read");
/// `version`, gauge. Labels: version, pre_release.
pub const VERSION: Metric = metric("version");
