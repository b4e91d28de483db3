//! Blocking queries as streams.

use crate::{Error, QueryMeta, QueryOptions};
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Wait after a first failure; doubles with each further one.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// Longest wait after failures.
const RETRY_MAX: Duration = Duration::from_secs(60);

type Answer<T> = Result<(T, QueryMeta), Error>;
type Pending<T> = Pin<Box<dyn Future<Output = Answer<T>> + Send>>;
/// A read that can be repeated with other options.
pub type Read<T> = Box<dyn Fn(QueryOptions) -> Pending<T> + Send>;

/// Results of a read as they change: the first one at once, then one whenever the index moves. Errors are items as well;
/// after one the next attempt waits, ever longer. The stream never ends.
///
/// An index that falls back (a restored snapshot) starts the wait over, as the API demands of its clients.
pub struct Watch<T> {
    read: Read<T>,
    options: QueryOptions,
    pending: Option<Pending<T>>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    failures: u32,
}

impl<T> std::fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watch").field(&self.options).finish()
    }
}

impl<T> Watch<T> {
    /// Watches what `read` asks; it gets the options with the index to wait on.
    pub fn new(options: QueryOptions, read: Read<T>) -> Self {
        Self {
            read,
            options,
            pending: None,
            pause: None,
            failures: 0,
        }
    }

    /// The next change.
    pub async fn next(&mut self) -> Answer<T> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer<T>> {
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let pending = self
                .pending
                .get_or_insert_with(|| (self.read)(self.options.clone()));
            let answer = std::task::ready!(pending.as_mut().poll(cx));
            self.pending = None;
            match answer {
                Err(e) => {
                    let wait = RETRY_MIN.saturating_mul(1 << self.failures.min(6));
                    self.failures += 1;
                    self.pause = Some(Box::pin(tokio::time::sleep(wait.min(RETRY_MAX))));
                    return Poll::Ready(Err(e));
                }
                Ok((rows, meta)) => {
                    self.failures = 0;
                    let before = self.options.index;
                    self.options.index = next_index(before, meta.index);
                    if before == 0 || meta.index != before {
                        return Poll::Ready(Ok((rows, meta)));
                    }
                }
            }
        }
    }
}

/// The index to wait on: never below 1, and 0 (no wait) once after it fell back.
fn next_index(before: u64, answered: u64) -> u64 {
    let answered = answered.max(1);
    if answered < before { 0 } else { answered }
}

impl<T> Stream for Watch<T> {
    type Item = Answer<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx).map(Some)
    }
}

impl<T> Unpin for Watch<T> {}

#[cfg(test)]
mod tests {
    #[test]
    fn indexes() {
        assert_eq!(super::next_index(0, 0), 1);
        assert_eq!(super::next_index(5, 7), 7);
        assert_eq!(super::next_index(7, 7), 7);
        assert_eq!(super::next_index(7, 5), 0);
    }
}
