//! What is known of a call only when it is over: `rpc.server.call`, which is blocked unless the filters name it, and reads of
//! services that have no instance (spec/agent-config.md §21.2).

use crate::methods;
use crate::server::{Server, leads};
use ports::{Answered, BoxFuture, Caller, Consistency, Data, Query, ReadOptions, RpcError, Write};
use rt::Instant;
use telemetry::metrics::Metric;
use telemetry::names;

/// What is counted when a call ends.
pub(crate) struct Told {
    call: Option<Call>,
    /// The counter of misses, and the service that was looked for.
    missing: Option<(Metric, String)>,
}

struct Call {
    began: Instant,
    method: &'static str,
    target: String,
    /// Whether a stale answer would do, and whether it waits; reads only.
    read: Option<(bool, bool)>,
}

fn word(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

impl Server {
    fn call(
        &self,
        datacenter: &str,
        method: impl FnOnce() -> &'static str,
        read: Option<(bool, bool)>,
    ) -> Option<Call> {
        let taken = self.config.metrics.takes(names::RPC_SERVER_CALL);
        taken.then(|| Call {
            began: self.time.now(),
            method: method(),
            target: if datacenter.is_empty() {
                self.config.datacenter.clone()
            } else {
                datacenter.to_owned()
            },
            read,
        })
    }

    /// What a read has to tell at its end; usually nothing.
    pub(crate) fn tells(&self, query: &Query, options: &ReadOptions) -> Option<Told> {
        let stale = options.consistency == Consistency::Stale;
        let told = Told {
            call: self.call(
                &query.datacenter,
                || query.read.method().name,
                Some((stale, options.min_index > 0)),
            ),
            missing: methods::of_read(&query.read, |method| {
                method
                    .misses()
                    .map(|(metric, name)| (metric, name.to_owned()))
            }),
        };
        (told.call.is_some() || told.missing.is_some()).then_some(told)
    }

    /// The same of a read that is answered at once, which needs no copy of the name.
    pub(crate) fn tell_now(
        &self,
        query: &Query,
        options: &ReadOptions,
        began: Option<Instant>,
        answered: &Result<Answered, RpcError>,
    ) {
        methods::of_read(&query.read, |method| {
            if let Some((metric, name)) = method.misses() {
                self.tell_missing(metric, name, answered);
            }
        });
        if let Some(began) = began {
            let read = Some((
                options.consistency == Consistency::Stale,
                options.min_index > 0,
            ));
            let call = self.call(&query.datacenter, || query.read.method().name, read);
            let told = Told {
                call: call.map(|call| Call { began, ..call }),
                missing: None,
            };
            self.tell_call(told, answered.is_err());
        }
    }

    /// When a call begins, if calls are told of.
    pub(crate) fn begins(&self) -> Option<Instant> {
        let taken = self.config.metrics.takes(names::RPC_SERVER_CALL);
        taken.then(|| self.time.now())
    }

    fn tell_missing(&self, metric: Metric, name: &str, answered: &Result<Answered, RpcError>) {
        if let Ok(answered) = answered
            && matches!(&answered.answer.data, Data::ServiceNodes(rows) if rows.is_empty())
        {
            self.config.metrics.incr_with(metric, &[name]);
        }
    }

    /// A write with its call.
    pub(crate) fn tells_write(&self, datacenter: &str, write: &Write) -> Option<Told> {
        let call = self.call(datacenter, || write.method().name, None)?;
        Some(Told {
            call: Some(call),
            missing: None,
        })
    }

    /// A read is over.
    pub(crate) fn tell(&self, told: Told, answered: &Result<Answered, RpcError>) {
        if let Some((metric, name)) = &told.missing {
            self.tell_missing(*metric, name, answered);
        }
        self.tell_call(told, answered.is_err());
    }

    /// A call is over.
    pub(crate) fn tell_call(&self, told: Told, errored: bool) {
        let Some(call) = told.call else { return };
        let (stale, blocking) = match call.read {
            Some((stale, blocking)) => (word(stale), word(blocking)),
            None => ("", ""),
        };
        let values = [
            call.method,
            word(errored),
            if call.read.is_some() { "read" } else { "write" },
            "internal",
            word(leads(&self.consensus.status())),
            stale,
            blocking,
            &call.target,
            if self.is_local(&call.target) {
                "local"
            } else {
                "forwarded"
            },
        ];
        let took = self.time.now().since(call.began);
        self.config
            .metrics
            .time_with(names::RPC_SERVER_CALL, &values, took);
    }

    /// A read that tells of itself when it is over.
    pub(crate) fn read_told(
        &self,
        caller: &Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'_, Result<Answered, RpcError>> {
        let told = self.tells(&query, &options);
        let reading = Self::read(self, caller, query, options);
        let Some(told) = told else { return reading };
        Box::pin(async move {
            let answered = reading.await;
            self.tell(told, &answered);
            answered
        })
    }
}
