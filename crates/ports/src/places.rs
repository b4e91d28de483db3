//! Places for what clients may hold: so many in all, and not all of them for one client.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Places of one kind.
#[derive(Clone)]
pub struct Places(Arc<Kind>);

struct Kind {
    all: usize,
    per_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Never more entries than places; those who hold none are removed.
    by_client: HashMap<Option<IpAddr>, usize>,
}

/// A place taken; dropping it frees it.
pub struct Place {
    client: Option<IpAddr>,
    places: Places,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// All are taken: how many there are.
    All(usize),
    /// The client has its share: how many that is.
    OfClient(usize),
}

impl Places {
    /// `all` places, of which one client may hold `per_client`: an IPv4 address, or an IPv6 network of 64 bits, which is what one host
    /// may have. Who has no address (a unix socket, this process) counts as one client.
    #[must_use]
    pub fn new(all: usize, per_client: usize) -> Places {
        Places(Arc::new(Kind {
            all,
            per_client,
            taken: Mutex::default(),
        }))
    }

    /// A place for somebody at this address.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn take(&self, from: Option<IpAddr>) -> Result<Place, NoPlace> {
        let client = from.map(client);
        let mut taken = self.0.taken.lock();
        if taken.all >= self.0.all {
            return Err(NoPlace::All(self.0.all));
        }
        let of_client = taken.by_client.get(&client).copied().unwrap_or(0);
        if of_client >= self.0.per_client {
            return Err(NoPlace::OfClient(self.0.per_client));
        }
        taken.all += 1;
        taken.by_client.insert(client, of_client + 1);
        drop(taken);
        Ok(Place {
            client,
            places: self.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.taken.lock();
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

    fn taken(places: &Places, from: &str) -> (Vec<Place>, NoPlace) {
        let from = from.parse().ok();
        let mut held = Vec::new();
        loop {
            match places.take(from) {
                Ok(place) => held.push(place),
                Err(why) => return (held, why),
            }
        }
    }

    #[test]
    fn one_client_has_its_share_and_gives_it_back() {
        let places = Places::new(100, 10);
        let full = NoPlace::OfClient(10);
        let (first, why) = taken(&places, "192.0.2.1");
        assert_eq!((first.len(), why), (10, full));
        assert_eq!(taken(&places, "::ffff:192.0.2.1").0.len(), 0);
        let (six, _) = taken(&places, "2001:db8::1");
        assert_eq!(six.len(), 10);
        assert_eq!(taken(&places, "2001:db8::2").0.len(), 0, "the same network");
        let (local, why) = taken(&places, "no address");
        assert_eq!((local.len(), why), (10, full));
        drop(first);
        assert_eq!(taken(&places, "192.0.2.1").0.len(), 10);
        drop((six, local));
        assert!(places.0.taken.lock().by_client.is_empty());
        assert_eq!(places.0.taken.lock().all, 0);
    }

    #[test]
    fn many_clients_share_all_places() {
        let places = Places::new(95, 10);
        let held: Vec<_> = (0..20)
            .map(|i| taken(&places, &format!("192.0.2.{i}")))
            .collect();
        assert_eq!(held.iter().map(|(held, _)| held.len()).sum::<usize>(), 95);
        assert_eq!(held[9].1, NoPlace::All(95));
        assert_eq!(held[10].1, NoPlace::All(95));
    }
}
