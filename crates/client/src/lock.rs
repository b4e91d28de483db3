//! Mutual exclusion by a key.

use crate::error::LockError;
use crate::session_keeper::{Loss, SessionKeeper};
use crate::{Bytes64, Client, Error, KvPair, QueryOptions};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Flags of a key that is a lock, so that other uses of the key are noticed. Shared with the reference's clients.
pub const LOCK_FLAG: u64 = 0x2ddc_cbc0_58a5_0c18;

/// Longest wait of one read while the key is held by another.
const WAIT: Duration = Duration::from_secs(15);
/// Pause after an attempt that the lock delay refused.
const DELAY_RETRY: Duration = Duration::from_secs(5);
/// Pause between tolerated failures of the monitor.
const MONITOR_RETRY: Duration = Duration::from_secs(1);

/// How to take a lock.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    /// The key; its content is the lock's.
    pub key: String,
    /// Value written while it is held.
    pub value: Vec<u8>,
    /// Name of the session that holds it.
    pub session_name: String,
    /// Give up after this time; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// How many server errors in a row the monitor tolerates before it reports the loss.
    pub monitor_retries: u32,
}

/// A held lock. Dropping it lets the session expire; [`LockGuard::release`] gives it up at once.
#[derive(Debug)]
pub struct LockGuard {
    client: Client,
    key: String,
    session: SessionKeeper,
    loss: Loss,
    monitor: tokio::task::JoinHandle<()>,
}

/// Waits for an attempt no longer than until the deadline.
pub(crate) async fn in_time(
    deadline: Option<Instant>,
    attempt: impl Future<Output = Result<u64, Error>>,
) -> Result<u64, Error> {
    match deadline {
        None => attempt.await,
        Some(at) if at <= Instant::now() => Err(LockError::Timeout.into()),
        Some(at) => tokio::time::timeout_at(at.into(), attempt)
            .await
            .map_err(|_| LockError::Timeout)?,
    }
}

impl Lock {
    /// Waits until the lock is held.
    ///
    /// # Errors
    /// [`LockError::Timeout`], [`LockError::LockConflict`], or a failed call. The session is left to its TTL.
    pub async fn acquire(&self, client: &Client) -> Result<LockGuard, Error> {
        let deadline = self.timeout.map(|t| Instant::now() + t);
        let session = SessionKeeper::create(client, &self.session_name).await?;
        let mut options = QueryOptions {
            wait: Some(WAIT),
            ..QueryOptions::default()
        };
        // However short the time is, a free lock is taken.
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
            self.key.clone(),
            session.id.clone(),
            index,
            self.monitor_retries,
            sender,
        ));
        Ok(LockGuard {
            client: client.clone(),
            key: self.key.clone(),
            session,
            loss,
            monitor,
        })
    }

    /// Waits until the key is free and tries to take it, until that succeeds. The answer is the index at which it was free.
    async fn attempt(
        &self,
        client: &Client,
        session: &str,
        mut options: QueryOptions,
    ) -> Result<u64, Error> {
        loop {
            if options.index == 0 {
                // Somebody was faster, or the lock delay holds: the key tells which.
                let (pair, meta) = client.kv_get(&self.key, &options).await?;
                if pair.is_some_and(|p| !p.session.is_empty()) {
                    options.index = meta.index;
                } else {
                    tokio::time::sleep(DELAY_RETRY).await;
                }
            }
            if let Some(index) = self.round(client, session, &mut options).await? {
                return Ok(index);
            }
        }
    }

    /// One look at the key, after `options.index`, and a try if it is free. What to wait for next is left in the options.
    async fn round(
        &self,
        client: &Client,
        session: &str,
        options: &mut QueryOptions,
    ) -> Result<Option<u64>, Error> {
        let (pair, meta) = client.kv_get(&self.key, options).await?;
        if let Some(pair) = &pair {
            if pair.flags != LOCK_FLAG {
                return Err(LockError::LockConflict.into());
            }
            if pair.session == session {
                return Ok(Some(meta.index));
            }
            if !pair.session.is_empty() {
                options.index = meta.index;
                return Ok(None);
            }
        }
        let wanted = KvPair {
            key: self.key.clone(),
            value: Bytes64(self.value.clone()),
            session: session.to_owned(),
            flags: LOCK_FLAG,
            ..KvPair::default()
        };
        let taken = client.kv_acquire(&wanted).await?;
        options.index = 0;
        Ok(taken.then_some(meta.index))
    }

    /// Deletes the key if nobody holds it.
    ///
    /// # Errors
    /// [`LockError::LockInUse`], [`LockError::LockConflict`], or a failed call.
    pub async fn destroy(&self, client: &Client) -> Result<(), Error> {
        let (pair, _) = client.kv_get(&self.key, &QueryOptions::default()).await?;
        let Some(pair) = pair else { return Ok(()) };
        if pair.flags != LOCK_FLAG {
            return Err(LockError::LockConflict.into());
        }
        let free = pair.session.is_empty();
        if free && client.kv_delete_cas(&pair.key, pair.modify_index).await? {
            return Ok(());
        }
        Err(LockError::LockInUse.into())
    }
}

impl LockGuard {
    /// News of the loss of the lock.
    pub fn loss(&self) -> Loss {
        self.loss.clone()
    }

    /// Gives the lock up and ends its session.
    ///
    /// # Errors
    /// A failed call; the session then ends with its TTL.
    pub async fn release(self) -> Result<(), Error> {
        self.monitor.abort();
        let pair = KvPair {
            key: self.key.clone(),
            session: self.session.id.clone(),
            flags: LOCK_FLAG,
            ..KvPair::default()
        };
        self.client.kv_release(&pair).await?;
        self.session.destroy().await
    }
}

/// Reports when the key is no longer held by the session.
async fn monitor(
    client: Client,
    key: String,
    session: String,
    mut index: u64,
    retries: u32,
    lost: watch::Sender<bool>,
) {
    let mut left = retries;
    loop {
        let options = QueryOptions {
            consistent: true,
            index,
            ..QueryOptions::default()
        };
        match client.kv_get(&key, &options).await {
            Ok((Some(pair), meta)) if pair.session == session => {
                left = retries;
                index = meta.index;
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
