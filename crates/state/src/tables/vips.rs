//! Virtual addresses of services in the mesh (spec/server.md §3.10, spec/mesh.md §6.6).
//!
//! Owns the rows, the counter and the one freed address that is handed out again first. Rows hold an offset; the address
//! that clients see is 240.0.0.0 plus that offset. Must not learn why a service has an address.

use crate::Root;
use crate::key::{Path, node_path};
use crate::table::Table;
use crate::tables::spec::{Archived, Native, TableSpec};
use dialect::{Bytes, List, record};
use model::RaftIndex;
use std::net::Ipv4Addr;
use std::sync::Arc;
use wire::command::kind;
use wire::errors::state as text;

/// Types that occur only in archives.
const SERVICE_VIP: u8 = 32;
const FREE_VIP: u8 = 33;

pub(crate) const VIPS: TableSpec = TableSpec {
    name: "service-virtual-ips",
    record: "ServiceVip",
    changed_by: &[kind::REGISTER, kind::DEREGISTER, kind::TXN],
    wakes: &[],
    reads: &[],
    native: Native {
        byte: 14,
        save: |root, out| out.rows(&root.vips.rows),
        load: |root, r| {
            root.vips.put(r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[SERVICE_VIP],
        place: 10,
        save: |root, out| out.rows(SERVICE_VIP, &root.vips.rows),
        load: |root, record| record.read(|row| root.vips.put(row)),
    }],
    rules: &[],
};

pub(crate) const FREE_VIPS: TableSpec = TableSpec {
    name: "free-virtual-ips",
    record: "FreeVip",
    changed_by: &[kind::REGISTER, kind::DEREGISTER, kind::TXN],
    wakes: &[],
    reads: &[],
    native: Native {
        byte: 15,
        save: |root, out| {
            root.vips
                .free_rows()
                .try_for_each(|row| out.record(Some(&row)))
        },
        load: |root, r| {
            root.vips.put_free(&r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[FREE_VIP],
        place: 20,
        save: |root, out| {
            let mut rows = root.vips.free_rows();
            rows.try_for_each(|row| out.record(FREE_VIP, &row))
        },
        load: |root, record| record.read(|row| root.vips.put_free(&row)),
    }],
    rules: &[],
};

/// Where the addresses begin.
const BASE: u32 = u32::from_be_bytes([240, 0, 0, 0]);
/// The last offset that is handed out.
const LAST: u32 = u32::from_be_bytes([15, 255, 255, 253]);

record! {
    /// A service of a peer as a row spells it; `name` is where archives from before 1.13 have it.
    pub(crate) struct VipService {
        service_name: VipName = "ServiceName",
        peer: String = "Peer",
        name: String = "Name" [wire_omit],
    }
}

record! {
    /// A service's name.
    pub(crate) struct VipName {
        name: String = "Name",
    }
}

record! {
    /// A service's virtual address: an offset in the 16-byte form of IPv4.
    pub(crate) struct ServiceVip {
        service: VipService = "Service",
        ip: Bytes = "IP",
        manual_ips: List<String> = "ManualIPs",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// The counter, or an offset that may be handed out again.
    pub(crate) struct FreeVip {
        ip: Bytes = "IP",
        is_counter: bool = "IsCounter",
    }
}

/// The virtual addresses.
#[derive(Clone, Default)]
pub(crate) struct Vips {
    /// By peer, service name.
    pub(crate) rows: Table<Arc<ServiceVip>>,
    /// The last offset that was taken by counting.
    counter: Option<u32>,
    /// The offset that was freed last.
    freed: Option<u32>,
}

/// The IPv4 address at the end of its 4-byte or 16-byte form.
fn offset_of(ip: &[u8]) -> u32 {
    ip.last_chunk()
        .map_or(0, |octets| u32::from_be_bytes(*octets))
}

/// An offset in the 16-byte form.
fn form_of(offset: u32) -> Bytes {
    let mapped = Ipv4Addr::from(offset).to_ipv6_mapped();
    Bytes::copy_from_slice(&mapped.octets())
}

fn address(row: &ServiceVip) -> Ipv4Addr {
    Ipv4Addr::from(BASE.wrapping_add(offset_of(&row.ip)))
}

impl Vips {
    /// The address of a service, if it has one.
    pub(crate) fn get(&self, peer: &str, name: &str) -> Option<Ipv4Addr> {
        self.rows
            .get(&node_path(peer, name))
            .map(|row| address(row))
    }

    /// Gives a service without an address one.
    pub(crate) fn assign(
        &mut self,
        index: u64,
        peer: &str,
        name: &str,
    ) -> Result<Ipv4Addr, &'static str> {
        let offset = match self.freed.take() {
            Some(offset) => offset,
            None => {
                let last = self.counter.unwrap_or(0);
                if last >= LAST {
                    return Err(text::NO_VIRTUAL_IPS);
                }
                self.counter = Some(last + 1);
                last + 1
            }
        };
        let row = ServiceVip {
            service: VipService {
                service_name: VipName {
                    name: name.to_owned(),
                },
                peer: peer.to_owned(),
                name: String::new(),
            },
            ip: form_of(offset),
            manual_ips: List::default(),
            indexes: RaftIndex {
                create_index: index,
                modify_index: index,
            },
        };
        let given = address(&row);
        self.put(row);
        Ok(given)
    }

    /// Takes a service's address away; whether it had one.
    pub(crate) fn free(&mut self, peer: &str, name: &str) -> bool {
        let Some(row) = self.rows.remove(&node_path(peer, name)) else {
            return false;
        };
        self.freed = Some(offset_of(&row.ip));
        true
    }

    /// Stores a row as a snapshot brings it.
    pub(crate) fn put(&mut self, mut row: ServiceVip) {
        let service = &mut row.service;
        if service.service_name.name.is_empty() {
            service.service_name.name = std::mem::take(&mut service.name);
        }
        service.name.clear();
        let key = Path::key(&node_path(&service.peer, &service.service_name.name));
        self.rows.insert(key, Arc::new(row));
    }

    /// Stores a row of the other table as a snapshot brings it.
    pub(crate) fn put_free(&mut self, row: &FreeVip) {
        let place = if row.is_counter {
            &mut self.counter
        } else {
            &mut self.freed
        };
        *place = Some(offset_of(&row.ip));
    }

    /// The rows of the other table: what is free, then the counter.
    pub(crate) fn free_rows(&self) -> impl Iterator<Item = FreeVip> {
        let row = |offset: Option<u32>, is_counter| {
            offset.map(|offset| FreeVip {
                ip: form_of(offset),
                is_counter,
            })
        };
        row(self.freed, false)
            .into_iter()
            .chain(row(self.counter, true))
    }
}

impl Root {
    /// The virtual address of a service: IPv4 from 240.0.0.1 on, `None` where none was assigned.
    pub fn virtual_ip(&self, peer: &str, name: &str) -> Option<Ipv4Addr> {
        self.vips.get(peer, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_freed_offset_comes_first_and_counting_ends() {
        let mut vips = Vips::default();
        let ip = |last| Ok(Ipv4Addr::new(240, 0, 0, last));
        assert_eq!(vips.assign(1, "", "a"), ip(1));
        assert_eq!(vips.assign(1, "", "b"), ip(2));
        assert!(vips.free("", "A") && vips.free("", "b") && !vips.free("", "b"));
        // Only the one freed last is remembered.
        assert_eq!(vips.assign(1, "", "c"), ip(2));
        assert_eq!(vips.assign(1, "", "d"), ip(3));
        vips.counter = Some(LAST);
        assert_eq!(vips.assign(1, "", "e"), Err(text::NO_VIRTUAL_IPS));
    }

    #[test]
    fn both_spellings_of_a_service_are_read() {
        let mut vips = Vips::default();
        vips.put(ServiceVip {
            service: VipService {
                name: "old".into(),
                ..VipService::default()
            },
            ip: Bytes::from_static(&[0, 0, 1, 0]),
            ..ServiceVip::default()
        });
        assert_eq!(vips.get("", "OLD"), Some(Ipv4Addr::new(240, 0, 1, 0)));
    }
}
