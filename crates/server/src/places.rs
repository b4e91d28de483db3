//! What clients may hold at a time, and what is said to one more. A client is an IPv4 address or an IPv6 network of 64 bits.

use ports::{Caller, NoPlace, Place, Places, RpcError};

/// Streams of changes that one server serves.
const STREAMS: usize = 1024;
const STREAMS_PER_CLIENT: usize = 128;
/// Archives that are made, taken in or read: each holds a file as large as the state, and a thread for a while.
const ARCHIVES: usize = 16;
const ARCHIVES_PER_CLIENT: usize = 8;

/// One kind of thing to hold.
pub(crate) struct Held {
    places: Places,
    what: &'static str,
    more: &'static str,
}

impl Held {
    pub(crate) fn streams() -> Held {
        Held {
            places: Places::new(STREAMS, STREAMS_PER_CLIENT),
            what: "streams of changes",
            more: "",
        }
    }

    pub(crate) fn archives() -> Held {
        Held {
            places: Places::new(ARCHIVES, ARCHIVES_PER_CLIENT),
            what: "archives",
            more: " under way",
        }
    }

    /// A place for the caller.
    pub(crate) fn take(&self, caller: &Caller) -> Result<Place, RpcError> {
        let Held { what, more, .. } = self;
        let place = self.places.take(caller.remote.map(|remote| remote.ip()));
        place.map_err(|why| {
            RpcError::Limited(match why {
                NoPlace::All(limit) => format!("too many {what}{more} (limit {limit})"),
                NoPlace::OfClient(limit) => {
                    format!("too many {what} of one client{more} (limit {limit})")
                }
            })
        })
    }
}
