//! What every transport has to do.

use std::sync::Arc;

use consensus::testing::conformance::{Bench, check};
use consensus::{Inbound, Transport};

use crate::support::{Servers, limits};

/// Of sockets and proxies between two servers.
const BUFFERS: usize = 1 << 20;

struct Loopback(Arc<Servers>);

impl Bench for Loopback {
    fn transport(&self, own: u64) -> Arc<dyn Transport> {
        self.0.transport(own)
    }

    fn join(&self, id: u64, inbound: Arc<dyn Inbound>) {
        self.0.join(id, inbound);
    }

    fn cut(&self, from: u64, to: u64, cut: bool) {
        self.0.cut(from, to, cut);
    }

    fn stall(&self, from: u64, to: u64, stalled: bool) {
        self.0.stall(from, to, stalled);
    }

    fn queue_bytes(&self) -> usize {
        limits().queue_bytes + BUFFERS
    }
}

#[test]
fn connections_over_sockets_are_a_transport() {
    check(&Loopback(Servers::new(limits())));
}
