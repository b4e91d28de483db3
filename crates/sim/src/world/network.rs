//! What becomes of messages, and of snapshots that arrive piece by piece.

use std::rc::Rc;

use bytes::Bytes;
use consensus::driver::Input;

use crate::Failure;
use crate::server::Arrival;
use crate::world::{Event, MS, Time, World};

impl World {
    pub(super) fn post(
        &mut self,
        from: usize,
        to: u64,
        bytes: Bytes,
        content: Option<Rc<Vec<u8>>>,
    ) {
        let snapshot = content.is_some();
        if self.random.chance(self.weather.loss) {
            if snapshot {
                self.report(from, to, false, 500 * MS);
            }
            return;
        }
        let copies = if self.random.chance(self.weather.duplicates) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let stray = self.random.chance(self.weather.stray);
            let most = if stray { 800 * MS } else { self.weather.delay };
            let delay = self.random.between(50, most.max(50));
            let event = Event::Deliver {
                to,
                from,
                bytes: bytes.clone(),
                content: content.clone(),
            };
            self.later(delay, event);
        }
    }

    pub(super) fn report(&mut self, server: usize, peer: u64, arrived: bool, delay: Time) {
        let life = self.servers[server].life;
        let event = Event::SnapshotEnded {
            server,
            life,
            peer,
            arrived,
        };
        self.later(delay, event);
    }

    pub(super) fn deliver(
        &mut self,
        to: u64,
        from: usize,
        bytes: Bytes,
        content: Option<Rc<Vec<u8>>>,
    ) -> Result<(), Failure> {
        let at = self.servers.iter().position(|s| s.id == to);
        let open = at.filter(|at| !self.blocked.contains(&(from, *at)));
        let Some(at) = open else {
            if content.is_some() {
                self.report(from, to, false, 2 * MS);
            }
            return Ok(());
        };
        let sender = self.servers[from].id;
        let Some(content) = content else {
            return self.give(at, [Input::Message(sender, bytes)]);
        };
        self.streams += 1;
        let number = self.streams;
        if self.servers[at].open_stream(self.now, number, sender, bytes, content) {
            self.next_piece(at, from, number);
            Ok(())
        } else {
            self.report(from, to, false, 2 * MS);
            self.give(at, [])
        }
    }

    fn next_piece(&mut self, server: usize, from: usize, number: u64) {
        let delay = self.random.between(50, self.weather.delay.max(50));
        let life = self.servers[server].life;
        let event = Event::Stream {
            server,
            life,
            from,
            number,
        };
        self.later(delay, event);
    }

    /// A piece of a snapshot arrives, or the stream breaks.
    pub(super) fn stream(
        &mut self,
        server: usize,
        life: u64,
        from: usize,
        number: u64,
    ) -> Result<(), Failure> {
        let to = self.servers[server].id;
        let broken =
            self.blocked.contains(&(from, server)) || self.random.chance(self.weather.loss);
        if !self.lives(server, life) || broken {
            if self.lives(server, life) {
                self.servers[server].break_stream(number);
            }
            self.report(from, to, false, 2 * MS);
            return Ok(());
        }
        match self.servers[server].stream(self.now, number, &self.ledger)? {
            Arrival::More => self.next_piece(server, from, number),
            Arrival::Ended(arrived, effects) => {
                self.report(from, to, arrived, 2 * MS);
                self.hand_on(server, effects);
            }
        }
        self.give(server, [])
    }
}
