//! What is known of an interface's address: attributes, flags, how it is printed.

use super::network::{
    bits, broadcast, forwardable, is_global, is_link_local, mask, network, size, width, within,
};
use crate::host::Interface;
use std::net::IpAddr;

/// Flags of the interface as the system names them, in its order.
pub(super) fn system_flags(i: &Interface) -> String {
    let flags = [
        (i.up, "up"),
        (i.broadcast, "broadcast"),
        (i.loopback, "loopback"),
        (i.point_to_point, "pointtopoint"),
        (i.multicast, "multicast"),
    ];
    let on: Vec<&str> = flags
        .into_iter()
        .filter_map(|(on, name)| on.then_some(name))
        .collect();
    match on.is_empty() {
        true => "0".to_string(),
        false => on.join("|"),
    }
}

/// Whether an interface or its address has a flag of `include "flags"`.
pub(super) fn has_flag(i: &Interface, flag: &str) -> Result<bool, String> {
    Ok(match flag {
        "broadcast" => i.broadcast,
        "down" => !i.up,
        "forwardable" => forwardable(i.ip),
        "global unicast" => is_global(i.ip),
        "interface-local multicast" => multicast_scope(i.ip, 1),
        "link-local multicast" => match i.ip {
            IpAddr::V4(ip) => ip.octets().starts_with(&[224, 0, 0]),
            IpAddr::V6(_) => multicast_scope(i.ip, 2),
        },
        "link-local unicast" => is_link_local(i.ip),
        "loopback" => i.loopback || i.ip.is_loopback(),
        "multicast" => i.multicast,
        "point-to-point" => i.point_to_point,
        "unspecified" => i.ip.is_unspecified(),
        "up" => i.up,
        _ => return Err(format!("unsupported interface flag: {flag:?}")),
    })
}

fn multicast_scope(ip: IpAddr, scope: u8) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.octets()[0] == 0xff && ip.octets()[1] & 0xf == scope,
    }
}

/// The value of an attribute.
pub(super) fn attribute(i: &Interface, name: &str) -> Result<String, String> {
    let v4 = i.ip.is_ipv4();
    Ok(match name.to_ascii_lowercase().as_str() {
        "address" | "host" => i.ip.to_string(),
        "string" => address(i),
        "type" => if v4 { "IPv4" } else { "IPv6" }.to_string(),
        "name" => i.name.clone(),
        "flags" => system_flags(i),
        "mtu" => i.mtu.to_string(),
        "mac" => i.mac.clone(),
        "port" => "0".to_string(),
        "network" => network(i).to_string(),
        "netmask" => mask(i).to_string(),
        "mask_bits" => i.prefix.to_string(),
        "size" => size(i).to_string(),
        "binary" => format!("{:01$b}", bits(i.ip), width(i.ip) as usize),
        "hex" => format!("{:01$x}", bits(i.ip), width(i.ip) as usize / 4),
        "octets" => octets(i.ip),
        "first_usable" => first_usable(i).to_string(),
        "last_usable" => last_usable(i).to_string(),
        "broadcast" if v4 => broadcast(i).to_string(),
        "uint32" if v4 => bits(i.ip).to_string(),
        "uint128" if !v4 => bits(i.ip).to_string(),
        _ => return Err(format!("unsupported attribute: {name:?}")),
    })
}

/// Networks of IPv4 with more than two addresses keep the first for themselves.
pub(super) fn first_usable(i: &Interface) -> IpAddr {
    within(i, i128::from(i.ip.is_ipv4() && i.prefix < 31))
}

/// Networks of IPv4 with more than two addresses keep the last for the broadcast.
pub(super) fn last_usable(i: &Interface) -> IpAddr {
    within(
        i,
        if i.ip.is_ipv4() && i.prefix < 31 {
            -2
        } else {
            -1
        },
    )
}

fn octets(ip: IpAddr) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    octets
        .iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The address with its prefix, which the address of a single host does without.
pub(super) fn address(i: &Interface) -> String {
    match u32::from(i.prefix) == width(i.ip) {
        true => i.ip.to_string(),
        false => format!("{}/{}", i.ip, i.prefix),
    }
}

/// The address and what is known of its interface: `127.0.0.1/8 {1 16384 lo0  up|loopback|multicast}`.
pub(super) fn described(i: &Interface) -> String {
    let interface = format!(
        "{} {} {} {} {}",
        i.index,
        i.mtu,
        i.name,
        i.mac,
        system_flags(i)
    );
    format!("{} {{{interface}}}", address(i))
}
