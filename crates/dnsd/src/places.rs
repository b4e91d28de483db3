//! Places for connections: so many in all, and not all of them for one client.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Open connections of one listener.
pub(crate) const CONNECTIONS_MAX: usize = 2048;
/// Of these at most so many for one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one host may have.
pub(crate) const CONNECTIONS_PER_CLIENT_MAX: usize = 256;

/// The places of one listener.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    /// Never more entries than places; those without connections are removed.
    by_client: HashMap<IpAddr, usize>,
}

/// A place taken; dropping it frees it.
pub(crate) struct Place {
    client: IpAddr,
    places: Places,
}

impl Places {
    /// A place for a connection from this address, if there is one.
    pub(crate) fn take(&self, from: IpAddr) -> Option<Place> {
        let client = client(from);
        let mut taken = self.0.lock();
        let of_client = taken.by_client.get(&client).copied().unwrap_or(0);
        if taken.all >= CONNECTIONS_MAX || of_client >= CONNECTIONS_PER_CLIENT_MAX {
            return None;
        }
        taken.all += 1;
        taken.by_client.insert(client, of_client + 1);
        drop(taken);
        Some(Place {
            client,
            places: self.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        taken.all -= 1;
        if let Some(of_client) = taken.by_client.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

fn client(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) & !0 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(places: &Places, from: &str) -> Vec<Place> {
        let from = from.parse().expect("an address");
        std::iter::from_fn(|| places.take(from)).collect()
    }

    #[test]
    fn one_client_has_its_share_and_gives_it_back() {
        let places = Places::default();
        let first = taken(&places, "192.0.2.1");
        assert_eq!(first.len(), CONNECTIONS_PER_CLIENT_MAX);
        assert_eq!(taken(&places, "::ffff:192.0.2.1").len(), 0);
        let six = taken(&places, "2001:db8::1");
        assert_eq!(six.len(), CONNECTIONS_PER_CLIENT_MAX);
        assert_eq!(taken(&places, "2001:db8::2").len(), 0, "the same network");
        drop(first);
        assert_eq!(
            taken(&places, "192.0.2.1").len(),
            CONNECTIONS_PER_CLIENT_MAX
        );
        drop(six);
        assert!(places.0.lock().by_client.is_empty());
        assert_eq!(places.0.lock().all, 0);
    }

    #[test]
    fn many_clients_share_all_places() {
        let places = Places::default();
        let held: Vec<_> = (0..20)
            .flat_map(|i| taken(&places, &format!("192.0.2.{i}")))
            .collect();
        assert_eq!(held.len(), CONNECTIONS_MAX);
    }
}
