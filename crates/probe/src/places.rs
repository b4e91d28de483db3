//! Who may begin a probe: places that keep many checks that come due together from starting together.
//!
//! Each kind of check has places of its own, so that slow scripts hold up no connection. A place is for the beginning of a
//! probe (connecting, starting a program): one that only waits for a silent peer costs next to nothing and gives its place
//! back. And nobody waits long for a place: however many checks are slow, every other one runs, at worst after its interval
//! once more.

use crate::kinds::within;
use crate::{Kind, Probe};
use rt::Time;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Longest wait for a place, where the check's interval is not shorter still.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a probe keeps its place.
const HELD_MAX: Duration = Duration::from_secs(1);
/// Kinds of checks.
const KINDS: usize = 7;

/// The places of every kind.
pub(crate) struct Places([Semaphore; KINDS]);

impl Places {
    /// So many places for each kind, at least one.
    pub(crate) fn new(each: usize) -> Self {
        Self(std::array::from_fn(|_| Semaphore::new(each.max(1))))
    }

    fn of(&self, kind: &Kind) -> &Semaphore {
        let [script, http, tcp, udp, grpc, h2ping, docker] = &self.0;
        match kind {
            Kind::Script { .. } => script,
            Kind::Http { .. } => http,
            Kind::Tcp { .. } => tcp,
            Kind::Udp { .. } => udp,
            Kind::Grpc { .. } => grpc,
            Kind::H2Ping { .. } => h2ping,
            Kind::Docker { .. } => docker,
        }
    }

    /// Carries out a probe in turn.
    pub(crate) fn run<T>(
        &self,
        probe: &Probe,
        time: &Time,
        probing: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        // Boxed outside the `async` block, which would keep it twice, and once more for each `within`.
        let mut probing = Box::pin(probing);
        async move {
            let longest = probe.interval.min(WAIT_MAX);
            let place = within(time, longest, self.of(&probe.kind).acquire()).await;
            if place.is_some()
                && let Some(done) = within(time, HELD_MAX, &mut probing).await
            {
                return done;
            }
            drop(place);
            probing.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn probe(kind: Kind, interval: u64) -> Probe {
        Probe {
            kind,
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(3600),
            output_max: 64,
        }
    }

    fn udp(interval: u64) -> Probe {
        let address = "127.0.0.1:9".into();
        probe(Kind::Udp { address }, interval)
    }

    fn script() -> Probe {
        probe(Kind::Script { args: vec![] }, 60)
    }

    struct Bench {
        places: Arc<Places>,
        time: Time,
        begun: Arc<AtomicUsize>,
    }

    impl Bench {
        fn new(places: usize) -> Self {
            Self {
                places: Arc::new(Places::new(places)),
                time: Time::manual(),
                begun: Arc::default(),
            }
        }

        /// A probe that never ends, counted from its beginning.
        fn silent(&self, probe: Probe) {
            let (places, time, begun) =
                (self.places.clone(), self.time.clone(), self.begun.clone());
            tokio::spawn(async move {
                let probing = async {
                    begun.fetch_add(1, Ordering::Relaxed);
                    pending::<()>().await;
                };
                places.run(&probe, &time, probing).await;
            });
        }

        async fn begun_after(&self, wait: Duration) -> usize {
            self.time.advance(wait);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            self.begun.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_silent_probe_gives_its_place_back() {
        let bench = Bench::new(2);
        for _ in 0..6 {
            bench.silent(udp(60));
        }
        assert_eq!(bench.begun_after(Duration::ZERO).await, 2);
        assert_eq!(bench.begun_after(HELD_MAX).await, 4);
        assert_eq!(bench.begun_after(HELD_MAX).await, 6);
    }

    #[tokio::test]
    async fn kinds_do_not_wait_for_each_other() {
        let bench = Bench::new(1);
        bench.silent(udp(60));
        bench.silent(udp(60));
        bench.silent(script());
        assert_eq!(bench.begun_after(Duration::ZERO).await, 2);
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_its_interval() {
        let bench = Bench::new(1);
        // More than can begin one after the other within half a minute.
        for _ in 0..100 {
            bench.silent(udp(60));
        }
        bench.silent(udp(3));
        assert_eq!(bench.begun_after(Duration::ZERO).await, 1);
        for _ in 0..3 {
            bench.begun_after(Duration::from_secs(1)).await;
        }
        let before = 1 + 3 + 1;
        assert_eq!(bench.begun.load(Ordering::Relaxed), before);
        for _ in 3..30 {
            bench.begun_after(Duration::from_secs(1)).await;
        }
        assert_eq!(bench.begun.load(Ordering::Relaxed), 101);
    }
}
