//! Networks: masks, the blocks that RFCs name, and what an address is in them.

use crate::host::Interface;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn size(i: &Interface) -> u128 {
    let max: u32 = if i.ip.is_ipv4() { 32 } else { 128 };
    let free = max.saturating_sub(u32::from(i.prefix));
    1u128.checked_shl(free).unwrap_or(u128::MAX)
}

pub(super) fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

pub(super) fn of_bits(like: IpAddr, n: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(n as u32)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(n)),
    }
}

pub(super) fn mask_bits(width: u32, prefix: u8) -> u128 {
    let all = if width == 128 {
        u128::MAX
    } else {
        (1 << width) - 1
    };
    let free = width.saturating_sub(u32::from(prefix));
    all & u128::MAX.checked_shl(free).unwrap_or(0)
}

pub(super) fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

pub(super) fn mask(i: &Interface) -> IpAddr {
    of_bits(i.ip, mask_bits(width(i.ip), i.prefix))
}

pub(super) fn network(i: &Interface) -> IpAddr {
    of_bits(i.ip, bits(i.ip) & mask_bits(width(i.ip), i.prefix))
}

pub(super) fn broadcast(i: &Interface) -> IpAddr {
    let w = width(i.ip);
    of_bits(
        i.ip,
        bits(i.ip) | (mask_bits(w, w as u8) & !mask_bits(w, i.prefix)),
    )
}

/// An address so many steps further, wrapping at the ends of its family.
pub(super) fn add(ip: IpAddr, n: i128) -> IpAddr {
    // The width of a family divides that of the number, so wrapping in the number wraps in the family.
    of_bits(ip, bits(ip).wrapping_add(n as u128))
}

/// The address so many steps into the network, counted from its end when negative, wrapping at its ends.
pub(super) fn within(i: &Interface, n: i128) -> IpAddr {
    let base = bits(network(i));
    let offset = (n as u128) & !mask_bits(width(i.ip), i.prefix);
    of_bits(i.ip, base | offset)
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// First address.
    pub base: IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

impl Net {
    /// Whether the address lies in the network; families never mix.
    pub fn contains(&self, ip: IpAddr) -> bool {
        if self.base.is_ipv4() != ip.is_ipv4() {
            return false;
        }
        let m = mask_bits(width(ip), self.prefix);
        bits(ip) & m == bits(self.base) & m
    }
}

impl std::str::FromStr for Net {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (ip, prefix) = text.split_once('/').ok_or(())?;
        let ip: IpAddr = ip.parse().map_err(|_| ())?;
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        let prefix: u8 = prefix.parse().map_err(|_| ())?;
        if u32::from(prefix) > width(ip) {
            return Err(());
        }
        Ok(Self {
            base: of_bits(ip, bits(ip) & mask_bits(width(ip), prefix)),
            prefix,
        })
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

pub(super) fn is_in(ip: IpAddr, nets: &[&str]) -> bool {
    nets.iter()
        .filter_map(|n| n.parse::<Net>().ok())
        .any(|n| n.contains(ip))
}

pub(super) fn is_link_local(ip: IpAddr) -> bool {
    is_in(ip, &["169.254.0.0/16", "fe80::/10"])
}

pub(super) fn is_global(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast() && !is_link_local(ip)
}

/// Not one of the blocks that no router forwards (RFC 6890, column "Forwardable").
pub(super) fn forwardable(ip: IpAddr) -> bool {
    !is_in(
        ip,
        &[
            "0.0.0.0/8",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "255.255.255.255/32",
            "::1/128",
            "::/128",
            "::ffff:0:0/96",
            "2001:db8::/32",
            "2001:10::/28",
            "fe80::/10",
        ],
    )
}

/// IPv6 addresses that are neither local nor private.
pub(crate) fn is_public_v6(ip: IpAddr) -> bool {
    ip.is_ipv6() && is_global(ip) && !is_in(ip, RFC6890)
}

pub(super) const RFC6890: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::1/128",
    "::/128",
    "64:ff9b::/96",
    "::ffff:0:0/96",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
];

pub(super) fn rfc(number: &str) -> Option<&'static [&'static str]> {
    Some(match number {
        "1122" => &["0.0.0.0/8", "127.0.0.0/8"],
        "1918" => &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        "2544" => &["198.18.0.0/15"],
        "3068" => &["192.88.99.0/24"],
        "3849" => &["2001:db8::/32"],
        "3879" => &["fec0::/10"],
        "3927" => &["169.254.0.0/16"],
        "4038" => &["::ffff:0:0/96"],
        "4193" => &["fc00::/7"],
        "4291" => &["::/128", "::1/128", "ff00::/8", "fe80::/10"],
        "4380" => &["2001::/32"],
        "4843" => &["2001:10::/28"],
        "4862" => &["fe80::/10"],
        "5180" => &["2001:200::/48"],
        "5735" => &["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"],
        "5771" => &["224.0.0.0/4"],
        "6052" => &["64:ff9b::/96"],
        "6333" => &["192.0.0.0/29"],
        "6598" => &["100.64.0.0/10"],
        "6666" => &["100::/64"],
        "6890" => RFC6890,
        "7335" => &["192.0.0.0/29"],
        _ => return None,
    })
}
