//! `/v1/txn` (spec/http-api.md §14).

use crate::encode::{Embedded, list, stored_check, stored_service};
use crate::fault::Fault;
use crate::read::reading;
use crate::reply::Reply;
use crate::request::{Handled, Outcome, Request};
use dialect::json::{Mode, ToJson as _, Writer, from_slice};
use dialect::{Any, Bytes, Dict, DurText, List, Readable, duration, record};
use model::{
    ConnectProxyConfig, HealthCheck, HealthCheckDefinition, KvEntry, Locality, Node, NodeService,
    RaftIndex, ServiceAddress, ServiceConnect, Weights,
};
use ports::{Caller, ReadOptions, Write};
use wire::command::{TxnCheckOp, TxnKvOp, TxnNodeOp, TxnOp, TxnRequest, TxnResponse, TxnServiceOp};

/// Most operations of one transaction.
const MAX_OPS: usize = 128;
const HELP: &str =
    "See https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len.";

record! {
    /// A KV operation as clients write it.
    pub struct KvBody {
        verb: String = "Verb",
        key: String = "Key",
        value: Option<Bytes> = "Value",
        flags: u64 = "Flags",
        index: u64 = "Index",
        session: String = "Session",
        namespace: String = "Namespace",
        partition: String = "Partition",
    }
}

record! {
    /// A node operation as clients write it.
    pub struct NodeBody {
        verb: String = "Verb",
        node: Node = "Node",
    }
}

record! {
    /// The service of a service operation: the shape of the agent's endpoints.
    pub struct ServiceShape {
        kind: String = "Kind",
        id: String = "ID",
        service: String = "Service",
        tags: List<String> = "Tags",
        meta: Dict<String> = "Meta",
        port: i64 = "Port",
        address: String = "Address",
        socket_path: String = "SocketPath",
        tagged_addresses: Dict<ServiceAddress> = "TaggedAddresses",
        weights: Weights = "Weights",
        enable_tag_override: bool = "EnableTagOverride",
        content_hash: String = "ContentHash",
        proxy: Option<Box<ConnectProxyConfig>> = "Proxy",
        connect: Option<Box<ServiceConnect>> = "Connect",
        peer_name: String = "PeerName",
        namespace: String = "Namespace",
        partition: String = "Partition",
        datacenter: String = "Datacenter",
        locality: Option<Box<Locality>> = "Locality",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// A service operation as clients write it.
    pub struct ServiceBody {
        verb: String = "Verb",
        node: String = "Node",
        service: ServiceShape = "Service",
        namespace: String = "Namespace",
        partition: String = "Partition",
    }
}

record! {
    /// The definition of a check as the client's types have it. Each duration has two names; what the longer one says counts.
    pub struct DefinitionShape {
        http: String = "HTTP",
        header: Dict<List<String>> = "Header",
        method: String = "Method",
        body: String = "Body",
        tls_server_name: String = "TLSServerName",
        tls_skip_verify: bool = "TLSSkipVerify",
        tcp: String = "TCP",
        tcp_use_tls: bool = "TCPUseTLS",
        udp: String = "UDP",
        grpc: String = "GRPC",
        os_service: String = "OSService",
        grpc_use_tls: bool = "GRPCUseTLS",
        interval: Readable = "Interval",
        interval_duration: Any = "IntervalDuration",
        timeout: Readable = "Timeout",
        timeout_duration: Any = "TimeoutDuration",
        deregister_critical_service_after: Readable = "DeregisterCriticalServiceAfter",
        deregister_critical_service_after_duration: Any = "DeregisterCriticalServiceAfterDuration",
    }
}

record! {
    /// The check of a check operation.
    pub struct CheckShape {
        node: String = "Node",
        check_id: String = "CheckID",
        name: String = "Name",
        status: String = "Status",
        notes: String = "Notes",
        output: String = "Output",
        service_id: String = "ServiceID",
        service_name: String = "ServiceName",
        service_tags: List<String> = "ServiceTags",
        check_type: String = "Type",
        namespace: String = "Namespace",
        partition: String = "Partition",
        exposed_port: i64 = "ExposedPort",
        peer_name: String = "PeerName",
        definition: DefinitionShape = "Definition" [lax],
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// A check operation as clients write it.
    pub struct CheckBody {
        verb: String = "Verb",
        check: CheckShape = "Check",
    }
}

record! {
    /// One element of the body.
    pub struct OpBody {
        kv: Option<Box<KvBody>> = "KV",
        node: Option<Box<NodeBody>> = "Node",
        service: Option<Box<ServiceBody>> = "Service",
        check: Option<Box<CheckBody>> = "Check",
    }
}

/// Runs a transaction: one log entry, or a read if no operation writes.
pub(crate) fn put(req: Request) -> Handled {
    // Only a read looks at these, and after the body.
    let reading = reading(&req);
    let datacenter = req.datacenter();
    let config = &req.settings.config;
    let value_limit = config.kv_max_value_size;
    let limit = config.txn_max_req_len.max(value_limit);
    if let Some(len) = req.content_length().filter(|len| *len > limit) {
        let text = format!("Request body({len} bytes) too large, max size: {limit} bytes. {HELP}");
        return Fault::new(413, text).into();
    }
    let own = config.datacenter.clone();
    let Request {
        door,
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        let too_large = || {
            Fault::new(
                413,
                format!("Request body too large, max size: {limit} bytes. {HELP}"),
            )
        };
        let broken = |text| Fault::bad(format!("Failed to parse body: {text}"));
        let body = body.read(limit).await;
        let body = body.map_err(|fault| fault.fault(too_large, broken))?;
        let elements: List<OpBody> = from_slice(&body, Mode::Strict)
            .map_err(|error| Fault::bad(format!("Failed to parse body: {error}")))?;
        let ops = operations(elements, value_limit, &own)?;
        let reads = ops.iter().all(only_reads);
        let request = TxnRequest {
            datacenter,
            ops: ops.into(),
            ..TxnRequest::default()
        };
        if reads {
            read(&*door.ports.rpc, &caller, request, reading?.options, shape).await
        } else {
            write(&*door.ports.rpc, &caller, request, shape).await
        }
    })
}

async fn read(
    rpc: &dyn ports::Rpc,
    caller: &Caller,
    request: TxnRequest,
    options: ReadOptions,
    shape: crate::reply::Shape,
) -> Outcome {
    let (response, answered) = rpc.txn_read(caller, request, options).await?;
    let reply = shape.json(|w| {
        w.begin_object();
        members(w, &response);
        Embedded::of(&answered, "").write(w);
        w.end_object();
    });
    Ok(reply
        .with_status(status(&response))
        .with_leader(Some(&answered)))
}

async fn write(
    rpc: &dyn ports::Rpc,
    caller: &Caller,
    request: TxnRequest,
    shape: crate::reply::Shape,
) -> Outcome {
    let datacenter = request.datacenter.clone();
    let response = match rpc
        .write(caller, &datacenter, Write::Txn(Box::new(request)))
        .await?
    {
        wire::Outcome::Txn(response) => response,
        other => return Err(Fault::internal(format!("unexpected outcome: {other:?}"))),
    };
    let reply: Reply = shape.json(|w| {
        w.begin_object();
        members(w, &response);
        w.end_object();
    });
    Ok(reply.with_status(status(&response)))
}

fn status(response: &TxnResponse) -> u16 {
    if response.errors.is_empty() { 200 } else { 409 }
}

fn members(w: &mut Writer<'_>, response: &TxnResponse) {
    w.key("Results");
    if response.errors.is_empty() {
        list(w, response.results.iter(), |w, result| {
            w.begin_object();
            if let Some(entry) = &result.kv {
                w.member("KV", entry.as_ref());
            } else if let Some(node) = &result.node {
                w.member("Node", node.as_ref());
            } else if let Some(service) = &result.service {
                w.key("Service");
                stored_service(w, service);
            } else if let Some(check) = &result.check {
                w.key("Check");
                stored_check(w, check);
            }
            w.end_object();
        });
        w.key("Errors");
        w.null();
    } else {
        w.null();
        w.key("Errors");
        list(w, response.errors.iter(), |w, error| error.write_json(w));
    }
}

/// Checks limits and brings the elements into the form of the log; empty ones are dropped.
fn operations(elements: List<OpBody>, value_limit: u64, own: &str) -> Result<Vec<TxnOp>, Fault> {
    let count = elements.len();
    if count > MAX_OPS {
        return Err(Fault::new(
            413,
            format!("Transaction contains too many operations ({count} > {MAX_OPS})"),
        ));
    }
    let mut ops = Vec::with_capacity(count);
    for element in elements {
        if let Some(kv) = element.kv {
            let len = kv.value.as_ref().map_or(0, |value| value.len() as u64);
            if len > value_limit {
                let text = format!(
                    "Value for key {:?} is too large ({len} > {value_limit} bytes)",
                    kv.key
                );
                return Err(Fault::new(413, text));
            }
            ops.push(TxnOp {
                kv: Some(Box::new(kv_op(*kv))),
                ..TxnOp::default()
            });
        } else if let Some(node) = element.node {
            let NodeBody { verb, mut node } = *node;
            if node.datacenter.is_empty() {
                own.clone_into(&mut node.datacenter);
            }
            node.partition.clear();
            ops.push(TxnOp {
                node: Some(Box::new(TxnNodeOp { verb, node })),
                ..TxnOp::default()
            });
        } else if let Some(service) = element.service {
            ops.push(TxnOp {
                service: Some(Box::new(service_op(*service))),
                ..TxnOp::default()
            });
        } else if let Some(check) = element.check {
            ops.push(TxnOp {
                check: Some(Box::new(check_op(*check)?)),
                ..TxnOp::default()
            });
        }
    }
    Ok(ops)
}

fn kv_op(body: KvBody) -> TxnKvOp {
    let entry = KvEntry {
        key: body.key.into(),
        flags: body.flags,
        value: body.value.filter(|value| !value.is_empty()),
        session: body.session,
        indexes: RaftIndex {
            modify_index: body.index,
            ..RaftIndex::default()
        },
        ..KvEntry::default()
    };
    TxnKvOp {
        verb: body.verb,
        entry,
    }
}

/// Of the proxy only what the original carries over.
fn service_op(body: ServiceBody) -> TxnServiceOp {
    let shape = body.service;
    let proxy = shape.proxy.map(|proxy| ConnectProxyConfig {
        destination_service_name: proxy.destination_service_name,
        destination_service_id: proxy.destination_service_id,
        local_service_address: proxy.local_service_address,
        local_service_port: proxy.local_service_port,
        local_service_socket_path: proxy.local_service_socket_path,
        mode: proxy.mode,
        mesh_gateway: proxy.mesh_gateway,
        transparent_proxy: proxy.transparent_proxy,
        ..ConnectProxyConfig::default()
    });
    let service = NodeService {
        kind: shape.kind,
        id: shape.id,
        service: shape.service,
        tags: shape.tags,
        address: shape.address,
        tagged_addresses: shape.tagged_addresses,
        meta: shape.meta,
        port: shape.port,
        weights: Some(Box::new(shape.weights)),
        enable_tag_override: shape.enable_tag_override,
        proxy: proxy.unwrap_or_default(),
        indexes: shape.indexes,
        ..NodeService::default()
    };
    TxnServiceOp {
        verb: body.verb,
        node: body.node,
        service,
    }
}

/// Of the definition only what the original carries over.
fn check_op(body: CheckBody) -> Result<TxnCheckOp, Fault> {
    let shape = body.check;
    let definition = HealthCheckDefinition {
        interval: length(
            shape.definition.interval,
            &shape.definition.interval_duration,
        )?,
        timeout: length(shape.definition.timeout, &shape.definition.timeout_duration)?,
        deregister_critical_service_after: length(
            shape.definition.deregister_critical_service_after,
            &shape.definition.deregister_critical_service_after_duration,
        )?,
        http: shape.definition.http,
        tls_server_name: shape.definition.tls_server_name,
        tls_skip_verify: shape.definition.tls_skip_verify,
        header: shape.definition.header,
        method: shape.definition.method,
        body: shape.definition.body,
        tcp: shape.definition.tcp,
        tcp_use_tls: shape.definition.tcp_use_tls,
        os_service: shape.definition.os_service,
        grpc: shape.definition.grpc,
        grpc_use_tls: shape.definition.grpc_use_tls,
        ..HealthCheckDefinition::default()
    };
    let check = HealthCheck {
        node: shape.node,
        check_id: shape.check_id,
        name: shape.name,
        status: shape.status,
        notes: shape.notes,
        output: shape.output,
        service_id: shape.service_id,
        service_name: shape.service_name,
        service_tags: shape.service_tags,
        check_type: shape.check_type,
        exposed_port: shape.exposed_port,
        definition,
        indexes: shape.indexes,
        ..HealthCheck::default()
    };
    Ok(TxnCheckOp {
        verb: body.verb,
        check,
    })
}

/// A duration by its two names: `long`, a text or a number of nanoseconds, before `short`; of another kind it says nothing.
fn length(short: Readable, long: &Any) -> Result<DurText, Fault> {
    let nanos = match long {
        Any::Str(text) => duration::parse(text)
            .map_err(|error| Fault::bad(format!("Failed to parse body: {error}")))?,
        other => other.as_f64().map_or(short.0, |nanos| nanos as i64),
    };
    Ok(DurText(nanos))
}

/// Whether an operation cannot change anything. Unknown KV verbs count as reads, others as writes.
fn only_reads(op: &TxnOp) -> bool {
    if let Some(kv) = &op.kv {
        return !matches!(
            kv.verb.as_str(),
            "set" | "cas" | "lock" | "unlock" | "delete" | "delete-cas" | "delete-tree"
        );
    }
    let verb = op.node.as_ref().map(|op| &op.verb);
    let verb = verb
        .or(op.service.as_ref().map(|op| &op.verb))
        .or(op.check.as_ref().map(|op| &op.verb));
    verb.is_none_or(|verb| verb == "get")
}
