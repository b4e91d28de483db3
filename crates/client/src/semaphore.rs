//! A limited number of holders under a prefix.
//!
//! Every contender writes an entry `PREFIX/<session>`; the entry `PREFIX/.lock` lists the holders and is changed by
//! check-and-set. A holder whose own entry lost its session is taken off the list by whoever looks next.

use crate::error::LockError;
use crate::lock::in_time;
use crate::session_keeper::{Loss, SessionKeeper};
use crate::{Bytes64, Client, Error, KvPair, QueryOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Flags of the keys of a semaphore. Shared with the reference's clients.
pub const SEMAPHORE_FLAG: u64 = 0xe0f6_9a2b_aa41_4de0;
/// Name of the entry that lists the holders.
const ENTRY: &str = ".lock";
const WAIT: Duration = Duration::from_secs(15);
const MONITOR_RETRY: Duration = Duration::from_secs(1);

/// How to take a place.
#[derive(Clone, Debug, Default)]
pub struct Semaphore {
    /// Prefix without a slash at its end.
    pub prefix: String,
    /// How many may hold a place; all contenders must agree.
    pub limit: usize,
    /// Value of the contender's entry.
    pub value: Vec<u8>,
    /// Name of the session.
    pub session_name: String,
    /// Give up after this time; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// How many server errors in a row the monitor tolerates before it reports the loss.
    pub monitor_retries: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Holders {
    limit: usize,
    holders: BTreeMap<String, bool>,
}

/// A held place. Dropping it lets the session expire; [`SemaphoreGuard::release`] gives it up at once.
#[derive(Debug)]
pub struct SemaphoreGuard {
    client: Client,
    semaphore: Semaphore,
    session: SessionKeeper,
    loss: Loss,
    monitor: tokio::task::JoinHandle<()>,
}

/// What is written under the prefix.
struct Seen {
    entry: KvPair,
    holders: Holders,
    index: u64,
}

impl Semaphore {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Waits until a place is held.
    ///
    /// # Errors
    /// [`LockError::Timeout`], [`LockError::SemaphoreConflict`], [`LockError::LimitConflict`], or a failed call.
    pub async fn acquire(&self, client: &Client) -> Result<SemaphoreGuard, Error> {
        let deadline = self.timeout.map(|t| Instant::now() + t);
        let session = SessionKeeper::create(client, &self.session_name).await?;
        self.contend(client, &session.id).await?;
        let mut options = QueryOptions {
            wait: Some(WAIT),
            ..QueryOptions::default()
        };
        // However short the time is, a free place is taken.
        let index = match self.round(client, &session.id, &mut options).await? {
            Some(index) => index,
            None => {
                let attempt = self.attempt(client, &session.id, options);
                in_time(deadline, attempt).await?
            }
        };
        let (sender, loss) = Loss::channel();
        let monitor = tokio::spawn(monitor(
            client.clone(),
            self.clone(),
            session.id.clone(),
            index,
            sender,
        ));
        Ok(SemaphoreGuard {
            client: client.clone(),
            semaphore: self.clone(),
            session,
            loss,
            monitor,
        })
    }

    /// Puts the session among the contenders.
    async fn contend(&self, client: &Client, session: &str) -> Result<(), Error> {
        let contender = KvPair {
            key: self.key(session),
            value: Bytes64(self.value.clone()),
            session: session.to_owned(),
            flags: SEMAPHORE_FLAG,
            ..KvPair::default()
        };
        if client.kv_acquire(&contender).await? {
            Ok(())
        } else {
            Err(LockError::SemaphoreConflict.into())
        }
    }

    async fn attempt(
        &self,
        client: &Client,
        session: &str,
        mut options: QueryOptions,
    ) -> Result<u64, Error> {
        loop {
            if let Some(index) = self.round(client, session, &mut options).await? {
                return Ok(index);
            }
        }
    }

    /// One look at the holders, after `options.index`, and a try if there is a place. What to wait for next is left in the
    /// options.
    async fn round(
        &self,
        client: &Client,
        session: &str,
        options: &mut QueryOptions,
    ) -> Result<Option<u64>, Error> {
        let mut seen = self.look(client, options).await?;
        if seen.holders.limit != 0 && seen.holders.limit != self.limit {
            let theirs = seen.holders.limit;
            let ours = self.limit;
            return Err(LockError::LimitConflict { theirs, ours }.into());
        }
        seen.holders.limit = self.limit;
        if seen.holders.holders.len() >= self.limit {
            options.index = seen.index;
            return Ok(None);
        }
        seen.holders.holders.insert(session.to_owned(), true);
        let taken = self.write(client, &seen).await?;
        options.index = 0;
        Ok(taken.then_some(seen.index))
    }

    /// Reads the entries and takes holders without a live session off the list.
    async fn look(&self, client: &Client, options: &QueryOptions) -> Result<Seen, Error> {
        let (pairs, meta) = client.kv_list(&self.key(""), options).await?;
        let name = self.key(ENTRY);
        let mut entry = None;
        let mut live = Vec::new();
        for pair in pairs {
            if pair.key == name {
                entry = Some(pair);
            } else if !pair.session.is_empty() {
                live.push(pair.session);
            }
        }
        let (entry, mut holders) = match entry {
            None => (
                KvPair {
                    key: name,
                    ..KvPair::default()
                },
                Holders::default(),
            ),
            Some(pair) if pair.flags != SEMAPHORE_FLAG => {
                return Err(LockError::SemaphoreConflict.into());
            }
            Some(pair) => {
                let read = serde_json::from_slice(&pair.value.0);
                (pair, read.map_err(|e| Error::Decode(e.to_string()))?)
            }
        };
        holders.holders.retain(|holder, _| live.contains(holder));
        Ok(Seen {
            entry,
            holders,
            index: meta.index,
        })
    }

    async fn write(&self, client: &Client, seen: &Seen) -> Result<bool, Error> {
        // A map with text keys: writing it cannot fail.
        let value = serde_json::to_vec(&seen.holders).unwrap_or_default();
        let pair = KvPair {
            key: seen.entry.key.clone(),
            value: Bytes64(value),
            flags: SEMAPHORE_FLAG,
            modify_index: seen.entry.modify_index,
            ..KvPair::default()
        };
        client.kv_cas(&pair).await
    }

    /// Deletes the list of holders if it is empty.
    ///
    /// # Errors
    /// [`LockError::SemaphoreInUse`], [`LockError::SemaphoreConflict`], or a failed call.
    pub async fn destroy(&self, client: &Client) -> Result<(), Error> {
        let seen = self.look(client, &QueryOptions::default()).await?;
        if seen.entry.modify_index == 0 {
            return Ok(());
        }
        let (key, index) = (&seen.entry.key, seen.entry.modify_index);
        let free = seen.holders.holders.is_empty();
        if free && client.kv_delete_cas(key, index).await? {
            return Ok(());
        }
        Err(LockError::SemaphoreInUse.into())
    }
}

impl SemaphoreGuard {
    /// News of the loss of the place.
    pub fn loss(&self) -> Loss {
        self.loss.clone()
    }

    /// Gives the place up, removes the contender's entry and ends its session.
    ///
    /// # Errors
    /// A failed call; the session then ends with its TTL.
    pub async fn release(self) -> Result<(), Error> {
        self.monitor.abort();
        let id = self.session.id.clone();
        loop {
            let mut seen = self
                .semaphore
                .look(&self.client, &QueryOptions::default())
                .await?;
            let held = seen.holders.holders.remove(&id).is_some();
            if !held || self.semaphore.write(&self.client, &seen).await? {
                break;
            }
        }
        self.client.kv_delete(&self.semaphore.key(&id)).await?;
        self.session.destroy().await
    }
}

async fn monitor(
    client: Client,
    semaphore: Semaphore,
    session: String,
    mut index: u64,
    lost: watch::Sender<bool>,
) {
    let mut left = semaphore.monitor_retries;
    loop {
        let options = QueryOptions {
            consistent: true,
            index,
            ..QueryOptions::default()
        };
        match semaphore.look(&client, &options).await {
            Ok(seen) if seen.holders.holders.contains_key(&session) => {
                left = semaphore.monitor_retries;
                index = seen.index;
            }
            Err(e) if e.is_retryable() && left > 0 => {
                left -= 1;
                tokio::time::sleep(MONITOR_RETRY).await;
                index = 0;
            }
            _ => {
                lost.send_replace(true);
                return;
            }
        }
    }
}
