//! A session kept alive as long as something holds it, and news of its loss.

use crate::{Client, Error, SessionRequest};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// TTL of sessions of locks and semaphores, seconds.
const TTL_SECONDS: u64 = 15;
/// Pause after a renewal that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Tells once that a lock or semaphore is no longer held.
#[derive(Clone, Debug)]
pub struct Loss(watch::Receiver<bool>);

impl Loss {
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits for the loss.
    pub async fn wait(&mut self) {
        // An error means that the watching task ended: then nothing guards the lock any more.
        let _ = self.0.wait_for(|lost| *lost).await;
    }

    /// Whether it is lost already.
    pub fn is_lost(&self) -> bool {
        *self.0.borrow()
    }
}

/// Ends the renewal when dropped; the session then ends with its TTL unless it is destroyed.
#[derive(Debug)]
pub(crate) struct SessionKeeper {
    client: Client,
    pub(crate) id: String,
    task: JoinHandle<()>,
}

impl SessionKeeper {
    /// Creates a session (TTL 15 s, keys are released at its end) and renews it.
    pub(crate) async fn create(client: &Client, name: &str) -> Result<Self, Error> {
        let request = SessionRequest {
            name: name.to_owned(),
            ttl: format!("{TTL_SECONDS}s"),
            ..SessionRequest::default()
        };
        let id = client.session_create(&request).await?;
        Ok(Self::keep(client, id))
    }

    fn keep(client: &Client, id: String) -> Self {
        let renewing = client.clone();
        let session = id.clone();
        let task = tokio::spawn(async move {
            let mut pause = Duration::from_secs(TTL_SECONDS / 2);
            loop {
                tokio::time::sleep(pause).await;
                match renewing.session_renew(&session).await {
                    Ok(Some(_)) => pause = Duration::from_secs(TTL_SECONDS / 2),
                    Ok(None) => return,
                    Err(_) => pause = RETRY,
                }
            }
        });
        Self {
            client: client.clone(),
            id,
            task,
        }
    }

    /// Ends renewal and session.
    pub(crate) async fn destroy(self) -> Result<(), Error> {
        self.task.abort();
        self.client.session_destroy(&self.id).await
    }
}

impl Drop for SessionKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
