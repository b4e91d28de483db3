//! Request rate limits of a server (`limits.request_limits`, spec/server.md §10): one token bucket for reads, one for writes,
//! in front of the port.

use parking_lot::Mutex;
use ports::{
    Answered, BoxFuture, Caller, ClusterStatus, Execute, Executed, Explained, Query, ReadOptions,
    Rpc, RpcError, Write,
};
use rt::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use telemetry::{Metrics, names};
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};

/// A bucket holds this many seconds of its rate.
const BURST_SECONDS: f64 = 10.0;

const READ_REFUSED: &str = "rate limit exceeded, try again later or against a different server";
const WRITE_REFUSED: &str =
    "rate limit exceeded for operation that can only be performed by the leader, try again later";

/// What exceeding a limit leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LimitMode {
    /// Nothing is counted.
    #[default]
    Disabled = 0,
    /// A line in the log.
    Permissive = 1,
    /// A refusal.
    Enforcing = 2,
}

/// The limits in force; a negative rate is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestLimits {
    /// What exceeding leads to.
    pub mode: LimitMode,
    /// Reads a second.
    pub read_rate: f64,
    /// Writes a second.
    pub write_rate: f64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            mode: LimitMode::Disabled,
            read_rate: -1.0,
            write_rate: -1.0,
        }
    }
}

struct Bucket {
    rate: f64,
    tokens: f64,
    filled: rt::Instant,
}

impl Bucket {
    fn new(rate: f64, now: rt::Instant) -> Self {
        Self {
            rate,
            tokens: Self::burst(rate),
            filled: now,
        }
    }

    /// Whole tokens only: a rate below a tenth of a request a second admits nothing.
    fn burst(rate: f64) -> f64 {
        (rate * BURST_SECONDS).floor()
    }

    fn take(&mut self, now: rt::Instant) -> bool {
        if self.rate < 0.0 {
            return true;
        }
        let passed = now.since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + passed * self.rate).min(Self::burst(self.rate));
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            true
        } else {
            false
        }
    }
}

/// A port whose requests are counted against limits that may change while it runs.
pub struct RateLimited {
    inner: Arc<dyn Rpc>,
    time: Time,
    mode: AtomicU8,
    buckets: Mutex<(Bucket, Bucket)>,
    metrics: Metrics,
}

impl RateLimited {
    /// Puts limits before a port.
    pub fn new(
        inner: Arc<dyn Rpc>,
        time: Time,
        limits: RequestLimits,
        metrics: Metrics,
    ) -> Arc<Self> {
        let now = time.now();
        let buckets = Mutex::new((
            Bucket::new(limits.read_rate, now),
            Bucket::new(limits.write_rate, now),
        ));
        Arc::new(Self {
            inner,
            time,
            mode: AtomicU8::new(limits.mode as u8),
            buckets,
            metrics,
        })
    }

    /// Other limits from now on; both buckets start full.
    pub fn set(&self, limits: RequestLimits) {
        let now = self.time.now();
        *self.buckets.lock() = (
            Bucket::new(limits.read_rate, now),
            Bucket::new(limits.write_rate, now),
        );
        self.mode.store(limits.mode as u8, Ordering::Relaxed);
    }

    /// Counts a request, of a door that asks before it reads what is asked for; it is then made at the port behind this one. One
    /// relaxed load as long as limits are off.
    ///
    /// # Errors
    /// There were too many.
    pub fn admit(&self, write: bool) -> Result<(), RpcError> {
        let mode = self.mode.load(Ordering::Relaxed);
        if mode == LimitMode::Disabled as u8 {
            return Ok(());
        }
        let now = self.time.now();
        let within = {
            let mut buckets = self.buckets.lock();
            if write {
                buckets.1.take(now)
            } else {
                buckets.0.take(now)
            }
        };
        if within {
            return Ok(());
        }
        let enforced = mode == LimitMode::Enforcing as u8;
        let kind = if write { "global/write" } else { "global/read" };
        let mode = if enforced { "enforcing" } else { "permissive" };
        self.metrics
            .incr_with(names::RPC_RATE_LIMIT_EXCEEDED, &[kind, "", mode]);
        tracing::debug!(write, enforced, "RPC exceeded allowed rate limit");
        match (enforced, write) {
            (false, _) => Ok(()),
            (true, true) => Err(RpcError::Limited(WRITE_REFUSED.into())),
            (true, false) => Err(RpcError::Limited(READ_REFUSED.into())),
        }
    }

    fn or<'a, T: Send + 'a>(
        &self,
        write: bool,
        call: impl FnOnce() -> BoxFuture<'a, Result<T, RpcError>>,
    ) -> BoxFuture<'a, Result<T, RpcError>> {
        match self.admit(write) {
            Ok(()) => call(),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

impl Rpc for RateLimited {
    fn read<'a>(
        &'a self,
        caller: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        self.or(false, || self.inner.read(caller, query, options))
    }

    fn read_now(
        &self,
        caller: &Caller,
        query: &Query,
        options: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        if self.mode.load(Ordering::Relaxed) == LimitMode::Disabled as u8 {
            return self.inner.read_now(caller, query, options);
        }
        // Counted once, in `read`, whether it waits or not.
        None
    }

    fn write<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        self.or(true, || self.inner.write(caller, datacenter, write))
    }

    fn session_renew<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<model::Session>, RpcError>> {
        self.or(true, || self.inner.session_renew(caller, datacenter, id))
    }

    fn txn_read<'a>(
        &'a self,
        caller: &'a Caller,
        request: TxnRequest,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        self.or(false, || self.inner.txn_read(caller, request, options))
    }

    fn execute<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Executed, RpcError>> {
        self.or(false, || self.inner.execute(caller, request, options))
    }

    fn explain<'a>(
        &'a self,
        caller: &'a Caller,
        request: Execute,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Explained, RpcError>> {
        self.or(false, || self.inner.explain(caller, request, options))
    }

    fn changes<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        subjects: Vec<ports::changes::Subject>,
        since: Option<u64>,
    ) -> BoxFuture<'a, Result<Box<dyn ports::changes::ChangeStream>, RpcError>> {
        self.or(false, || {
            self.inner.changes(caller, datacenter, subjects, since)
        })
    }

    fn datacenters<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        self.or(false, || self.inner.datacenters(caller))
    }

    fn status(&self) -> ClusterStatus {
        self.inner.status()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn buckets_fill_again() {
        let now = rt::Instant::from_nanos(0);
        let mut bucket = Bucket::new(1.0, now);
        assert_eq!((0..12).filter(|_| bucket.take(now)).count(), 10);
        let later = now.after(Duration::from_secs(2));
        assert_eq!((0..12).filter(|_| bucket.take(later)).count(), 2);
    }

    #[test]
    fn a_negative_rate_is_no_limit() {
        let now = rt::Instant::from_nanos(0);
        let mut bucket = Bucket::new(-1.0, now);
        assert!((0..1000).all(|_| bucket.take(now)));
    }
}
