//! What `?cached` shows (spec/http-api.md §5.5): which answers the agent had asked for before, and how old they are.
//!
//! Answers themselves are shared and kept current below the port, so a cached read is an ordinary stale one; this only keeps
//! the account that the headers tell of.

use crate::reply::Reply;
use crate::request::Request;
use hyper::header::{AGE, CACHE_CONTROL, HeaderName, HeaderValue};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use telemetry::{Metrics, names};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
/// Entries live this long after the last request.
const IDLE: Duration = Duration::from_secs(72 * 3600);
/// Most entries; when it is reached, the account starts over.
const MAX_ENTRIES: usize = 65_536;

/// How an entry is kept fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Refreshed in the background: once there, always current.
    Refreshed,
    /// Fetched again when older than the client allows.
    Simple,
}

/// Whether and how an answer came from the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Miss,
    /// With the entry's age in seconds.
    Hit(u64),
}

#[derive(Clone, Copy)]
struct Entry {
    fetched: SystemTime,
    asked: SystemTime,
}

/// The account of cached requests.
#[derive(Default)]
pub(crate) struct Account {
    entries: Mutex<HashMap<u64, Entry>>,
    /// Entries dropped since this was last told.
    dropped: AtomicUsize,
}

impl Account {
    /// Notes a request and says whether it is answered from the cache.
    pub fn ask(&self, key: u64, kind: Kind, wish: Wish, now: SystemTime) -> Hit {
        let mut entries = self.entries.lock();
        let since = |then: SystemTime| now.duration_since(then).unwrap_or_default();
        if let Some(entry) = entries.get_mut(&key) {
            let age = since(entry.fetched);
            let stale = kind == Kind::Simple
                && (wish.must_revalidate || wish.max_age.is_some_and(|limit| age > limit));
            if !stale && since(entry.asked) < IDLE {
                entry.asked = now;
                return Hit::Hit(if kind == Kind::Refreshed {
                    0
                } else {
                    age.as_secs()
                });
            }
            if !stale {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
        if entries.len() >= MAX_ENTRIES {
            self.dropped.fetch_add(entries.len(), Relaxed);
            entries.clear();
        }
        entries.insert(
            key,
            Entry {
                fetched: now,
                asked: now,
            },
        );
        Hit::Miss
    }

    /// Tells of something new in the account.
    fn tell(&self, metrics: &Metrics) {
        metrics.incr_with(names::CACHE_FETCH_SUCCESS, &["false"]);
        let entries = self.entries.lock().len();
        metrics.gauge(names::CACHE_ENTRIES_COUNT, entries as f64);
        let dropped = self.dropped.swap(0, Relaxed);
        if dropped > 0 {
            metrics.record(names::CACHE_EVICT_EXPIRED, dropped as f64);
        }
    }
}

/// What `Cache-Control` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub must_revalidate: bool,
    pub max_age: Option<Duration>,
}

impl Wish {
    /// Reads the header; `None` for a number that is none.
    pub fn of(req: &Request) -> Option<Self> {
        let mut wish = Self::default();
        let Some(value) = req.headers.get(CACHE_CONTROL) else {
            return Some(wish);
        };
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        for directive in text.split(',').map(str::trim) {
            let (name, seconds) = directive.split_once('=').unwrap_or((directive, ""));
            match name {
                "must-revalidate" => wish.must_revalidate = true,
                "max-age" => {
                    let seconds: i64 = seconds.parse().ok()?;
                    wish.must_revalidate |= seconds == 0;
                    wish.max_age = u64::try_from(seconds).ok().map(Duration::from_secs);
                }
                "stale-if-error" => drop(seconds.parse::<i64>().ok()?),
                _ => {}
            }
        }
        Some(wish)
    }
}

/// Notes a cached request.
pub(crate) fn ask(req: &Request, kind: Kind) -> Hit {
    let mut hasher = DefaultHasher::new();
    req.path.hash(&mut hasher);
    req.caller.token.hash(&mut hasher);
    for (name, value) in req.params.pairs() {
        // These do not decide what is in the answer.
        if !matches!(
            name,
            "cached"
                | "stale"
                | "leader"
                | "index"
                | "wait"
                | "pretty"
                | "token"
                | "max_stale"
                | "pem"
        ) {
            (name, value).hash(&mut hasher);
        }
    }
    let wish = Wish::of(req).unwrap_or_default();
    let door = &req.door;
    let hit = door
        .cached
        .ask(hasher.finish(), kind, wish, door.ports.time.wall());
    if hit == Hit::Miss {
        door.cached.tell(&door.ports.metrics);
    }
    hit
}

/// Adds the headers.
pub(crate) fn show(reply: Reply, hit: Option<Hit>) -> Reply {
    match hit {
        None => reply,
        Some(Hit::Miss) => reply.with(X_CACHE, HeaderValue::from_static("MISS")),
        Some(Hit::Hit(age)) => reply
            .with(X_CACHE, HeaderValue::from_static("HIT"))
            .with(AGE, HeaderValue::from(age)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_age() {
        let account = Account::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let any = Wish::default();
        let young = Wish {
            max_age: Some(Duration::from_secs(5)),
            ..any
        };
        assert_eq!(account.ask(1, Kind::Simple, any, at(0)), Hit::Miss);
        assert_eq!(account.ask(1, Kind::Simple, young, at(5)), Hit::Hit(5));
        assert_eq!(account.ask(1, Kind::Simple, young, at(6)), Hit::Miss);
        assert_eq!(
            account.ask(
                1,
                Kind::Simple,
                Wish {
                    must_revalidate: true,
                    ..any
                },
                at(6)
            ),
            Hit::Miss
        );
        assert_eq!(account.ask(2, Kind::Refreshed, any, at(0)), Hit::Miss);
        assert_eq!(account.ask(2, Kind::Refreshed, young, at(100)), Hit::Hit(0));
        assert_eq!(
            account.ask(2, Kind::Refreshed, any, at(100 + 72 * 3600)),
            Hit::Miss
        );
        let metrics = Metrics::default();
        account.tell(&metrics);
        let interval = metrics.interval();
        let counted: Vec<_> = interval
            .counters
            .iter()
            .map(|row| (&*row.name, row.sum))
            .collect();
        assert_eq!(
            counted,
            [
                ("consul.cache.evict_expired", 1.0),
                ("consul.cache.fetch_success", 1.0)
            ]
        );
        assert_eq!(interval.gauges[0].value, 2.0);
    }
}
