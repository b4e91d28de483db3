//! `retry_join`: asks for the pool's members again and again until one answers (spec/agent-config.md §4.4).

use ports::Members;
use rt::{Room, Time};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// One pool and how it is joined.
pub(crate) struct RetryJoin {
    /// Name of the pool in the log.
    pub(crate) cluster: &'static str,
    pub(crate) wan: bool,
    pub(crate) addresses: Vec<String>,
    /// Of addresses without one.
    pub(crate) port: u16,
    pub(crate) interval: Duration,
    /// Attempts after the first; 0 = no end.
    pub(crate) attempts_max: i64,
}

impl RetryJoin {
    /// Joins beside everything else. When the attempts are used up, `failed` hears why the process has to end.
    pub(crate) fn start(
        self,
        members: Arc<dyn Members>,
        failed: mpsc::Sender<String>,
        room: &Room,
        time: &Time,
    ) {
        if self.addresses.is_empty() {
            return;
        }
        let time = time.clone();
        room.spawn("retry join", async move {
            if let Err(error) = self.run(&*members, &time).await {
                // Who would end the process may be ending it already.
                let _ = failed.send(error).await;
            }
        });
    }

    async fn run(&self, members: &dyn Members, time: &Time) -> Result<(), String> {
        let cluster = self.cluster;
        tracing::info!(target: "agent", cluster, "Joining cluster...");
        let mut attempts = 0;
        loop {
            let error = match self.attempt(members).await {
                Ok(joined) => {
                    tracing::info!(target: "agent", cluster, num_agents = joined, "Join cluster completed. Synced with initial agents");
                    return Ok(());
                }
                Err(error) => error,
            };
            attempts += 1;
            if self.attempts_max > 0 && attempts > self.attempts_max {
                return Err(format!(
                    "agent: max join {cluster} retry exhausted, exiting"
                ));
            }
            let nanos = i64::try_from(self.interval.as_nanos()).unwrap_or(i64::MAX);
            tracing::warn!(
                target: "agent",
                cluster,
                retry_interval = dialect::duration::format(nanos),
                error,
                "Join cluster failed, will retry"
            );
            time.sleep(self.interval).await;
        }
    }

    /// How many answered, at least one.
    async fn attempt(&self, members: &dyn Members) -> Result<usize, String> {
        let pool = self.cluster;
        let quoted: Vec<String> = self.addresses.iter().map(|a| format!("{a:?}")).collect();
        // A list is shown as the reference's log shows one.
        let list = format!("[{}]", quoted.join(", "));
        if self.wan {
            tracing::info!(target: "agent", wan_addresses = %list, "({pool}) joining");
        } else {
            tracing::info!(target: "agent", lan_addresses = %list, "({pool}) joining");
        }
        let (mut joined, mut last) = (0, String::new());
        for address in &self.addresses {
            let full = match address.parse::<IpAddr>() {
                Ok(ip) => SocketAddr::new(ip, self.port).to_string(),
                Err(_) => address.clone(),
            };
            match members.join(&full, self.wan).await {
                Ok(()) => joined += 1,
                Err(error) => last = error,
            }
        }
        if joined > 0 {
            tracing::info!(target: "agent", number_of_nodes = joined, "({pool}) joined");
            return Ok(joined);
        }
        tracing::warn!(target: "agent", number_of_nodes = 0, error = last.trim_end(), "({pool}) couldn't join");
        Err(last.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use ports::BoxFuture;

    /// A pool that refuses so many attempts and keeps whom it was asked for.
    struct Pool(Mutex<(usize, Vec<String>)>);

    impl Members for Pool {
        fn is_server(&self) -> bool {
            true
        }

        fn own(&self) -> ports::Member {
            unreachable!("nobody asks")
        }

        fn lan(&self) -> Vec<ports::Member> {
            Vec::new()
        }

        fn wan(&self) -> Option<Vec<ports::Member>> {
            None
        }

        fn join<'a>(&'a self, address: &'a str, _: bool) -> BoxFuture<'a, Result<(), String>> {
            let mut pool = self.0.lock();
            pool.1.push(address.to_owned());
            let refused = pool.0 > 0;
            pool.0 = pool.0.saturating_sub(1);
            let result = if refused {
                Err("refused".to_owned())
            } else {
                Ok(())
            };
            Box::pin(std::future::ready(result))
        }

        fn force_leave<'a>(
            &'a self,
            _: &'a str,
            _: bool,
            _: bool,
        ) -> BoxFuture<'a, Result<(), String>> {
            unreachable!("nobody asks")
        }
    }

    async fn tried(refusals: usize, attempts_max: i64) -> (Result<(), String>, Vec<String>) {
        let join = RetryJoin {
            cluster: "LAN",
            wan: false,
            addresses: vec!["127.0.0.9".into()],
            port: 8301,
            interval: Duration::from_secs(30),
            attempts_max,
        };
        let (pool, time) = (Pool(Mutex::new((refusals, Vec::new()))), Time::manual());
        let run = join.run(&pool, &time);
        let turn = async {
            loop {
                tokio::task::yield_now().await;
                time.advance(Duration::from_secs(30));
            }
        };
        let result = tokio::select! {
            result = run => result,
            () = turn => unreachable!("it turns for ever"),
        };
        let asked = std::mem::take(&mut pool.0.lock().1);
        (result, asked)
    }

    #[tokio::test]
    async fn it_tries_until_somebody_answers() {
        let (result, asked) = tried(2, 0).await;
        assert_eq!(result, Ok(()));
        assert_eq!(asked, ["127.0.0.9:8301"; 3]);
    }

    #[tokio::test]
    async fn it_gives_up_when_told_to() {
        let (result, asked) = tried(9, 1).await;
        let text = "agent: max join LAN retry exhausted, exiting";
        assert_eq!(result, Err(text.to_owned()));
        assert_eq!(asked.len(), 2);
    }
}
