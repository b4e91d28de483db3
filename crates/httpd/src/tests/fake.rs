//! A port that answers from fixed rows.

use bytes::Bytes;
use model::{KvEntry, Session};
use parking_lot::Mutex;
use ports::changes::{ChangeStream, Subject};
use ports::{
    Answer, Answered, BoxFuture, Caller, ClusterStatus, Data, Query, Read, ReadOptions, Rpc,
    RpcError, Write,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use wire::Outcome;
use wire::command::{TxnRequest, TxnResponse};

/// Holds one key, `k`; remembers what it was asked.
#[derive(Default)]
pub(crate) struct Fake {
    pub asked: Mutex<Vec<(Query, ReadOptions)>>,
    pub written: Mutex<Vec<Write>>,
    /// The next stream of changes.
    pub changes: Mutex<Option<super::changes::Script>>,
    /// What streams were asked for.
    pub streamed: Mutex<Vec<(Vec<Subject>, Option<u64>)>>,
    /// Reads that wait now; those with `?index=` do, for ever.
    pub parked: AtomicUsize,
    /// Tells of every change of `parked`.
    pub moved: Notify,
    /// Ends the reads that wait.
    pub release: Notify,
}

/// A wait in progress.
struct Parked<'a>(&'a Fake);

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.parked.fetch_sub(1, Ordering::SeqCst);
        self.0.moved.notify_one();
    }
}

impl Fake {
    fn answer(&self, query: &Query) -> Result<Answered, RpcError> {
        if !query.datacenter.is_empty() {
            return Err(RpcError::NoPath);
        }
        let data = match &query.read {
            Read::KvGet { key } if key.as_ref() == b"k" => {
                let value = Some(Bytes::from_static(b"v"));
                Data::KvEntry(Some(Arc::new(KvEntry {
                    key: "k".into(),
                    value,
                    ..KvEntry::default()
                })))
            }
            Read::KvGet { .. } => Data::KvEntry(None),
            Read::KvKeys { .. } => Data::Keys(vec![Bytes::from("k".repeat(2000))]),
            Read::Sessions => Data::Sessions(vec![]),
            Read::NodeChecks { node } if node == "agent2" => {
                Data::Checks(vec![Arc::new(model::HealthCheck {
                    check_id: "serfHealth".into(),
                    ..model::HealthCheck::default()
                })])
            }
            _ => Data::Checks(vec![]),
        };
        Ok(Answered {
            answer: Arc::new(Answer::new(7, data, false)),
            known_leader: true,
            last_contact: Duration::ZERO,
            filtered_by_acls: false,
        })
    }
}

impl Rpc for Fake {
    fn read<'a>(
        &'a self,
        _: &'a Caller,
        query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'a, Result<Answered, RpcError>> {
        self.asked.lock().push((query.clone(), options));
        Box::pin(async move {
            if options.min_index > 1000 {
                self.parked.fetch_add(1, Ordering::SeqCst);
                self.moved.notify_one();
                let _parked = Parked(self);
                self.release.notified().await;
            }
            self.answer(&query)
        })
    }

    fn read_now(
        &self,
        _: &Caller,
        query: &Query,
        options: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        if options.min_index > 0 {
            return None;
        }
        self.asked.lock().push((query.clone(), *options));
        Some(self.answer(query))
    }

    fn write<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        write: Write,
    ) -> BoxFuture<'a, Result<Outcome, RpcError>> {
        self.written.lock().push(write);
        Box::pin(async { Ok(Outcome::Bool(true)) })
    }

    fn session_renew<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Session>, RpcError>> {
        Box::pin(async { Ok(None) })
    }

    fn txn_read<'a>(
        &'a self,
        _: &'a Caller,
        _: TxnRequest,
        _: ReadOptions,
    ) -> BoxFuture<'a, Result<(TxnResponse, Answered), RpcError>> {
        Box::pin(async { Err(RpcError::NoLeader) })
    }

    fn changes<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        subjects: Vec<Subject>,
        since: Option<u64>,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeStream>, RpcError>> {
        self.streamed.lock().push((subjects, since));
        let stream = self.changes.lock().take();
        Box::pin(std::future::ready(match stream {
            Some(stream) => Ok(Box::new(stream) as Box<dyn ChangeStream>),
            None => Err(RpcError::Unavailable("no stream".into())),
        }))
    }

    fn datacenters<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Vec<String>, RpcError>> {
        Box::pin(async { Ok(vec!["dc1".to_owned()]) })
    }

    fn status(&self) -> ClusterStatus {
        ClusterStatus {
            leader: "127.0.0.1:8300".into(),
            peers: vec!["127.0.0.1:8300".into()],
            peer_ids: vec!["7bd7e3a2-9d1d-4a8f-b5b0-7a3a5a3b9f10".into()],
            ..ClusterStatus::default()
        }
    }
}
