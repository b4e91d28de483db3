//! Watches that come and go: some are answered, some run out, some clients leave while they wait.

use super::dice::Dice;
use crate::bench::http::Client;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Watches looked at between two pauses.
const TURN: u64 = 20;
/// Time between two turns.
const PAUSE: Duration = Duration::from_millis(20);
/// One in so many looks at a watch that still waits ends it.
const LEAVES: u64 = 12;

/// The crowd.
pub(super) struct Watches<'a> {
    address: &'a str,
    dice: Dice,
    most: usize,
    open: Vec<Watch>,
}

struct Watch {
    client: Client,
    target: String,
}

impl<'a> Watches<'a> {
    /// Up to `most` watches at a time.
    pub(super) fn new(address: &'a str, most: usize, dice: Dice) -> Self {
        Self {
            address,
            dice,
            most,
            open: Vec::new(),
        }
    }

    /// Keeps the crowd moving until `stop`; counts watches that ended.
    pub(super) fn run(mut self, stop: &AtomicBool, ended: &AtomicU64) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..TURN {
                if self.open.len() < self.most {
                    let watch = self.come()?;
                    self.open.push(watch);
                }
                let at = self.dice.below(self.open.len() as u64) as usize;
                ended.fetch_add(u64::from(self.look(at)?), Ordering::Relaxed);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn come(&mut self) -> Result<Watch> {
        let mut watch = Watch {
            client: Client::connect(self.address)?,
            target: self.target(),
        };
        // The first answer comes at once and tells the index to wait beyond.
        watch.client.send("GET", &watch.target, b"")?;
        Ok(watch)
    }

    /// What happens to a watch now; whether it ended.
    fn look(&mut self, at: usize) -> Result<bool> {
        let Some(watch) = self.open.get_mut(at) else {
            return Ok(false);
        };
        if !watch.client.is_answered()? {
            if self.dice.once_in(LEAVES) {
                // The client goes while it waits.
                drop(self.open.swap_remove(at));
                return Ok(true);
            }
            return Ok(false);
        }
        let answer = watch.client.receive()?;
        if self.dice.once_in(5) {
            drop(self.open.swap_remove(at));
            return Ok(true);
        }
        let (index, wait) = (answer.index.max(1), 1 + self.dice.below(90));
        let sign = if watch.target.contains('?') { '&' } else { '?' };
        let target = format!("{}{sign}index={index}&wait={wait}s", watch.target);
        watch.client.send("GET", &target, b"")?;
        Ok(true)
    }

    fn target(&mut self) -> String {
        let dice = &mut self.dice;
        let (service, node) = (dice.below(60), dice.below(80));
        match dice.below(12) {
            0 | 1 => format!("/v1/health/service/service-{service}"),
            2 => format!("/v1/health/service/service-{service}?passing"),
            3 => format!("/v1/health/service/service-{service}?cached"),
            4 => format!("/v1/kv/soak/{}/{}", dice.below(20), dice.below(50)),
            5 => format!("/v1/kv/soak/{}/?recurse", dice.below(20)),
            6 => format!("/v1/kv/soak/{}/?keys&separator=/", dice.below(20)),
            7 => format!("/v1/health/node/node-{node}"),
            8 => format!("/v1/catalog/node/node-{node}"),
            9 => "/v1/catalog/services".to_owned(),
            10 => format!(
                "/v1/health/state/{}",
                dice.of(&["any", "critical", "passing"])
            ),
            _ => format!("/v1/session/node/node-{node}"),
        }
    }
}
