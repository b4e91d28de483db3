//! What waits for a peer.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Nobody empties this queue any more.
    closed: bool,
}

/// What waits for a peer on one of its lanes.
#[derive(Default)]
pub struct Link {
    queue: Mutex<Queue>,
    filled: Notify,
    /// The peer was heard of: no pause is worth keeping.
    heard: Notify,
}

impl Link {
    /// Puts a message behind the others, or drops it when `limit` bytes wait. `false` when this link has ended.
    pub fn put(&self, message: &Bytes, limit: usize) -> bool {
        let mut queue = self.queue.lock();
        if queue.closed {
            return false;
        }
        if queue.bytes + message.len() <= limit {
            queue.bytes += message.len();
            queue.messages.push_back(message.clone());
            drop(queue);
            self.filled.notify_one();
        }
        true
    }

    /// The peer called by itself.
    pub fn hear(&self) {
        self.heard.notify_one();
    }

    /// Returns when the peer called.
    pub async fn heard(&self) {
        self.heard.notified().await;
    }

    /// Ends this link when nothing waits.
    pub fn close_if_empty(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.closed = queue.messages.is_empty();
        queue.closed
    }

    /// What was to be said when nobody listened is old news.
    pub fn clear(&self) {
        let mut queue = self.queue.lock();
        queue.messages.clear();
        queue.bytes = 0;
    }

    /// Hands what waits to `take`, until it wants no more.
    pub fn drain(&self, mut take: impl FnMut(Bytes) -> bool) {
        let mut queue = self.queue.lock();
        while let Some(message) = queue.messages.pop_front() {
            queue.bytes -= message.len();
            if !take(message) {
                break;
            }
        }
    }

    /// Returns when something waits.
    pub async fn wait(&self) {
        loop {
            let filled = self.filled.notified();
            if !self.queue.lock().messages.is_empty() {
                return;
            }
            filled.await;
        }
    }
}
