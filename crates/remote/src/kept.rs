//! Answers for when no server answers: the last one to each read that any server might have answered.

use parking_lot::Mutex;
use ports::{Answered, Query, Token};
use rt::Instant;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that kept answers may take, estimated; when it is reached the collection starts over.
pub const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What an entry takes beside its answer, bytes, roughly.
const ENTRY_BYTES: usize = 512;

/// The last answers.
#[derive(Default)]
pub(crate) struct Kept {
    answers: Mutex<HashMap<(Token, Query), (Instant, Answered)>>,
    /// What they take.
    bytes: Arc<AtomicUsize>,
}

impl Kept {
    /// Keeps an answer in the place of the one before.
    pub(crate) fn keep(&self, token: &Token, query: &Query, answered: &Answered, now: Instant) {
        let mut answers = self.answers.lock();
        let entries = answers.len() * ENTRY_BYTES;
        if self.bytes.load(Ordering::Relaxed) + entries >= KEPT_BYTES_MAX {
            answers.clear();
        }
        answered.answer.charge(&self.bytes);
        answers.insert((token.clone(), query.clone()), (now, answered.clone()));
    }

    /// Whether there is one.
    pub(crate) fn has(&self, token: &Token, query: &Query) -> bool {
        let answers = self.answers.lock();
        answers.contains_key(&(token.clone(), query.clone()))
    }

    /// The last answer: it knows no leader, and its contact is as long ago as it came.
    pub(crate) fn last(&self, token: &Token, query: &Query, now: Instant) -> Option<Answered> {
        let answers = self.answers.lock();
        let (came, answered) = answers.get(&(token.clone(), query.clone()))?;
        Some(Answered {
            known_leader: false,
            last_contact: answered.last_contact + now.since(*came),
            ..answered.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::{Answer, Data, Read};
    use std::time::Duration;

    fn answered(bytes: usize) -> Answered {
        let name = bytes::Bytes::from(vec![b'k'; bytes]);
        Answered {
            answer: Arc::new(Answer::new(7, Data::Keys(vec![name]), false)),
            known_leader: true,
            last_contact: Duration::from_millis(5),
            filtered_by_acls: false,
        }
    }

    fn of_node(node: &str) -> Query {
        Query::new(Read::NodeChecks {
            node: node.to_owned(),
        })
    }

    #[test]
    fn an_answer_grows_old_and_is_its_token_s() {
        let (kept, now) = (Kept::default(), Instant::from_nanos(0));
        let (token, query) = (Token::new("t"), of_node("a"));
        kept.keep(&token, &query, &answered(1), now);
        let later = now.after(Duration::from_secs(9));
        let last = kept.last(&token, &query, later).unwrap();
        assert_eq!(last.last_contact, Duration::from_millis(9_005));
        assert!(!last.known_leader && last.answer.index == 7);
        assert!(kept.has(&token, &query) && !kept.has(&Token::default(), &query));
        assert!(kept.last(&token, &of_node("b"), later).is_none());
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let (kept, now) = (Kept::default(), Instant::from_nanos(0));
        let token = Token::default();
        for number in 0..100 {
            let query = of_node(&number.to_string());
            kept.keep(&token, &query, &answered(KEPT_BYTES_MAX / 10), now);
            let most = KEPT_BYTES_MAX + KEPT_BYTES_MAX / 5;
            assert!(kept.bytes.load(Ordering::Relaxed) <= most);
            assert!(kept.has(&token, &query));
        }
        // In the place of the one before it takes no more.
        for _ in 0..100 {
            kept.keep(&token, &of_node("99"), &answered(1000), now);
        }
        assert!(kept.bytes.load(Ordering::Relaxed) <= KEPT_BYTES_MAX);
    }
}
