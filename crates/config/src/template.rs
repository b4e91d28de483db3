//! Address templates: `{{ GetPrivateIP }}`, `{{ GetAllInterfaces | include "name" "eth.*" | attr "address" }}` (agent-config.md §5).
//!
//! A small evaluator over the interfaces a [`Host`] reports. It knows pipelines of the listed functions and nothing of
//! general templates.

use crate::host::{Host, Interface};
use regex::Regex;
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest template that is evaluated, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 16 << 10;
/// Longest regular expression program that a template may need, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Evaluates every `{{ … }}` of a text and trims the result.
pub(crate) fn expand(host: &dyn Host, text: &str) -> Result<String, String> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err("template too long".to_string());
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (body, tail) = after
            .split_once("}}")
            .ok_or("unable to parse template: unclosed action")?;
        out.push_str(before);
        out.push_str(&evaluate(host, body)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out.trim().to_string())
}

enum Value {
    Interfaces(Vec<Interface>),
    Text(String),
}

fn evaluate(host: &dyn Host, body: &str) -> Result<String, String> {
    let body = body.strip_prefix('-').unwrap_or(body);
    let body = body.strip_suffix('-').unwrap_or(body);
    let mut value = None;
    for command in split_commands(body)? {
        let Some((name, args)) = command.split_first() else {
            return Err("unable to parse template: missing value for command".to_string());
        };
        value = Some(call(host, name, args, value)?);
    }
    match value {
        Some(Value::Text(text)) => Ok(text),
        Some(Value::Interfaces(list)) => Ok(join(&list, "address", " ")?),
        None => Err("unable to parse template: missing value for command".to_string()),
    }
}

/// Words of each stage of the pipeline.
fn split_commands(body: &str) -> Result<Vec<Vec<String>>, String> {
    let mut commands = vec![Vec::new()];
    let mut chars = body.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            '|' => {
                chars.next();
                commands.push(Vec::new());
            }
            c if c.is_whitespace() => {
                chars.next();
            }
            '"' | '`' => {
                let quote = c;
                chars.next();
                let mut word = String::new();
                loop {
                    match chars.next() {
                        None => {
                            return Err(
                                "unable to parse template: unterminated quoted string".into()
                            );
                        }
                        Some('\\') if quote == '"' => word.extend(chars.next()),
                        Some(c) if c == quote => break,
                        Some(c) => word.push(c),
                    }
                }
                if let Some(last) = commands.last_mut() {
                    last.push(word);
                }
            }
            _ => {
                let mut word = String::new();
                while let Some(&c) = chars.peek() {
                    if c.is_whitespace() || c == '|' {
                        break;
                    }
                    word.push(c);
                    chars.next();
                }
                if let Some(last) = commands.last_mut() {
                    last.push(word);
                }
            }
        }
    }
    Ok(commands)
}

fn call(
    host: &dyn Host,
    name: &str,
    args: &[String],
    input: Option<Value>,
) -> Result<Value, String> {
    let arg = |i: usize| {
        args.get(i)
            .map(String::as_str)
            .ok_or_else(|| format!("wrong number of args for {name}"))
    };
    let list = |input: Option<Value>| match input {
        Some(Value::Interfaces(list)) => Ok(list),
        _ => Err(format!("{name} needs a list of interfaces")),
    };
    let all = || host.interfaces();
    let text = |list: Vec<Interface>, attr: &str| -> Result<Value, String> {
        match list.first() {
            Some(first) => Ok(Value::Text(attribute(first, attr)?)),
            None => Ok(Value::Text(String::new())),
        }
    };
    Ok(match name {
        "GetAllInterfaces" => Value::Interfaces(all()),
        "GetDefaultInterfaces" => {
            Value::Interfaces(all().into_iter().filter(|i| i.default_route).collect())
        }
        "GetPrivateInterfaces" => Value::Interfaces(reachable(all(), true)),
        "GetPublicInterfaces" => Value::Interfaces(reachable(all(), false)),
        "GetPrivateIP" => text(reachable(all(), true), "address")?,
        "GetPublicIP" => text(reachable(all(), false), "address")?,
        "GetPrivateIPs" => Value::Text(join(&reachable(all(), true), "address", " ")?),
        "GetPublicIPs" => Value::Text(join(&reachable(all(), false), "address", " ")?),
        "GetInterfaceIP" => {
            let mut found = keep(
                all(),
                "name",
                &format!("^{}$", regex::escape(arg(0)?)),
                true,
            )?;
            found.retain(|i| forwardable(i.ip));
            sort(&mut found, "type,size")?;
            text(found, "address")?
        }
        "GetInterfaceIPs" => {
            let mut found = keep(
                all(),
                "name",
                &format!("^{}$", regex::escape(arg(0)?)),
                true,
            )?;
            sort(&mut found, "type,size")?;
            Value::Text(join(&found, "address", " ")?)
        }
        "include" => Value::Interfaces(keep(list(input)?, arg(0)?, arg(1)?, true)?),
        "exclude" => Value::Interfaces(keep(list(input)?, arg(0)?, arg(1)?, false)?),
        "sort" => {
            let mut found = list(input)?;
            sort(&mut found, arg(0)?)?;
            Value::Interfaces(found)
        }
        "unique" => {
            let key = arg(0)?.to_string();
            let mut seen = std::collections::BTreeSet::new();
            let mut out = Vec::new();
            for i in list(input)? {
                if seen.insert(attribute(&i, &key)?) {
                    out.push(i);
                }
            }
            Value::Interfaces(out)
        }
        "limit" => {
            let n: usize = number(arg(0)?)?;
            let mut found = list(input)?;
            found.truncate(n);
            Value::Interfaces(found)
        }
        "offset" => {
            let found = list(input)?;
            let n: i64 = number(arg(0)?)?;
            let skip = if n < 0 {
                found.len().saturating_sub(n.unsigned_abs() as usize)
            } else {
                n as usize
            };
            Value::Interfaces(found.into_iter().skip(skip).collect())
        }
        "attr" => {
            let attr = arg(0)?.to_string();
            text(list(input)?, &attr)?
        }
        "join" => Value::Text(join(&list(input)?, arg(0)?, arg(1)?)?),
        "math" => Value::Interfaces(math(list(input)?, arg(0)?, arg(1)?)?),
        other => {
            return Err(format!(
                "unable to parse template: function {other:?} not defined"
            ));
        }
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("bad number: {text:?}"))
}

/// Forwardable addresses of interfaces that are up, private (RFC 6890) or not; default route, family and size order them.
fn reachable(list: Vec<Interface>, private: bool) -> Vec<Interface> {
    let mut list: Vec<Interface> = list
        .into_iter()
        .filter(|i| i.up && forwardable(i.ip) && is_in(i.ip, RFC6890) == private)
        .collect();
    list.sort_by(|a, b| {
        (b.default_route.cmp(&a.default_route))
            .then_with(|| compare(a, b, "type"))
            .then_with(|| compare(a, b, "size"))
    });
    list
}

fn join(list: &[Interface], attr: &str, separator: &str) -> Result<String, String> {
    let words: Result<Vec<String>, String> = list.iter().map(|i| attribute(i, attr)).collect();
    Ok(words?.join(separator))
}

fn flags(i: &Interface) -> Vec<&'static str> {
    [
        (i.up, "up"),
        (i.loopback, "loopback"),
        (i.broadcast, "broadcast"),
        (i.point_to_point, "pointtopoint"),
        (i.multicast, "multicast"),
        (forwardable(i.ip), "forwardable"),
        (is_global(i.ip), "global unicast"),
        (is_link_local(i.ip), "link-local unicast"),
        (i.ip.is_unspecified(), "unspecified"),
    ]
    .into_iter()
    .filter_map(|(on, name)| on.then_some(name))
    .collect()
}

fn attribute(i: &Interface, attr: &str) -> Result<String, String> {
    let max = if i.ip.is_ipv4() { 32 } else { 128 };
    Ok(match attr.to_ascii_lowercase().as_str() {
        "address" | "host" | "string" => i.ip.to_string(),
        "name" => i.name.clone(),
        "network" => network(i).to_string(),
        "netmask" => mask(i).to_string(),
        "broadcast" => broadcast(i).to_string(),
        "first_usable" => add(network(i), 1).unwrap_or(i.ip).to_string(),
        "last_usable" => add(broadcast(i), -1).unwrap_or(i.ip).to_string(),
        "mask_bits" => i.prefix.to_string(),
        "size" => size(i).to_string(),
        "type" => if max == 32 { "IPv4" } else { "IPv6" }.to_string(),
        "flags" => flags(i).join("|"),
        "mtu" => i.mtu.to_string(),
        "mac" => i.mac.clone(),
        "port" => "0".to_string(),
        other => return Err(format!("unsupported attribute: {other:?}")),
    })
}

fn size(i: &Interface) -> u128 {
    let max: u32 = if i.ip.is_ipv4() { 32 } else { 128 };
    let free = max.saturating_sub(u32::from(i.prefix));
    1u128.checked_shl(free).unwrap_or(u128::MAX)
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn of_bits(like: IpAddr, n: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(n as u32)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(n)),
    }
}

fn mask_bits(width: u32, prefix: u8) -> u128 {
    let all = if width == 128 {
        u128::MAX
    } else {
        (1 << width) - 1
    };
    let free = width.saturating_sub(u32::from(prefix));
    all & u128::MAX.checked_shl(free).unwrap_or(0)
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn mask(i: &Interface) -> IpAddr {
    of_bits(i.ip, mask_bits(width(i.ip), i.prefix))
}

fn network(i: &Interface) -> IpAddr {
    of_bits(i.ip, bits(i.ip) & mask_bits(width(i.ip), i.prefix))
}

fn broadcast(i: &Interface) -> IpAddr {
    let w = width(i.ip);
    of_bits(
        i.ip,
        bits(i.ip) | (mask_bits(w, w as u8) & !mask_bits(w, i.prefix)),
    )
}

fn add(ip: IpAddr, n: i64) -> Option<IpAddr> {
    let limit = mask_bits(width(ip), width(ip) as u8);
    let sum = if n < 0 {
        bits(ip).checked_sub(u128::from(n.unsigned_abs()))?
    } else {
        bits(ip).checked_add(n as u128)?
    };
    (sum <= limit).then(|| of_bits(ip, sum))
}

/// `math "address" "+1"` adds to the address, `math "network" "+1"` counts from the network's first (or, negative, last).
fn math(list: Vec<Interface>, operation: &str, operand: &str) -> Result<Vec<Interface>, String> {
    let bad = || format!("invalid operand {operand:?} for operation {operation:?}");
    let n: i64 = operand.parse().map_err(|_| bad())?;
    list.into_iter()
        .map(|mut i| {
            let from = match (operation, n < 0) {
                ("address", _) => i.ip,
                ("network", false) => network(&i),
                ("network", true) => broadcast(&i),
                _ => return Err(format!("unsupported math operation: {operation:?}")),
            };
            i.ip = add(from, n).ok_or_else(bad)?;
            Ok(i)
        })
        .collect()
}

fn keep(
    list: Vec<Interface>,
    selector: &str,
    param: &str,
    wanted: bool,
) -> Result<Vec<Interface>, String> {
    let test = test(selector, param)?;
    Ok(list.into_iter().filter(|i| test(i) == wanted).collect())
}

type Test = Box<dyn Fn(&Interface) -> bool>;

fn test(selector: &str, param: &str) -> Result<Test, String> {
    let owned = param.to_string();
    let pattern = |param: &str| {
        regex::RegexBuilder::new(param)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|e| format!("Failed to compile {selector} regexp {param:?}: {e}"))
    };
    Ok(match selector.to_ascii_lowercase().as_str() {
        "name" => {
            let re: Regex = pattern(param)?;
            Box::new(move |i| re.is_match(&i.name))
        }
        "address" => {
            let re: Regex = pattern(param)?;
            Box::new(move |i| re.is_match(&i.ip.to_string()))
        }
        "type" => match param.to_ascii_lowercase().as_str() {
            "ip" => Box::new(|_| true),
            "ipv4" => Box::new(|i| i.ip.is_ipv4()),
            "ipv6" => Box::new(|i| i.ip.is_ipv6()),
            "unix" => Box::new(|_| false),
            _ => return Err(format!("unsupported type: {param:?}")),
        },
        "flag" | "flags" => Box::new(move |i| {
            let on = flags(i);
            owned
                .to_ascii_lowercase()
                .split('|')
                .all(|want| on.contains(&want.trim()))
        }),
        "network" => {
            let net: Net = owned
                .parse()
                .map_err(|()| format!("unable to parse {param:?} as a network"))?;
            Box::new(move |i| net.contains(i.ip))
        }
        "rfc" | "rfcs" => {
            let nets: Result<Vec<&'static [&'static str]>, String> = owned
                .split('|')
                .map(|n| rfc(n.trim()).ok_or_else(|| format!("unsupported RFC: {n:?}")))
                .collect();
            let nets = nets?;
            Box::new(move |i| nets.iter().any(|n| is_in(i.ip, n)))
        }
        "size" => {
            let n: u32 = number(param.trim_start_matches('/'))?;
            Box::new(move |i| u32::from(i.prefix) == n)
        }
        "port" => {
            let re: Regex = pattern(param)?;
            Box::new(move |_| re.is_match("0"))
        }
        other => return Err(format!("invalid include/exclude selector: {other:?}")),
    })
}

fn compare(a: &Interface, b: &Interface, key: &str) -> Ordering {
    match key {
        "address" => bits(a.ip).cmp(&bits(b.ip)),
        "default" => b.default_route.cmp(&a.default_route),
        "name" => a.name.cmp(&b.name),
        "size" => size(a).cmp(&size(b)),
        "type" => a.ip.is_ipv6().cmp(&b.ip.is_ipv6()),
        "private" => is_in(b.ip, RFC6890).cmp(&is_in(a.ip, RFC6890)),
        _ => Ordering::Equal,
    }
}

fn sort(list: &mut [Interface], keys: &str) -> Result<(), String> {
    let keys: Vec<(bool, String)> = keys
        .split(',')
        .map(|k| {
            let k = k.trim();
            match k.strip_prefix('-') {
                Some(k) => (true, k.to_ascii_lowercase()),
                None => (false, k.trim_start_matches('+').to_ascii_lowercase()),
            }
        })
        .collect();
    for (_, key) in &keys {
        if ![
            "address", "default", "name", "size", "type", "private", "port",
        ]
        .contains(&key.as_str())
        {
            return Err(format!("unknown sort type: {key:?}"));
        }
    }
    list.sort_by(|a, b| {
        keys.iter()
            .map(|(down, key)| {
                let order = compare(a, b, key);
                if *down { order.reverse() } else { order }
            })
            .find(|o| *o != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    });
    Ok(())
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

fn is_in(ip: IpAddr, nets: &[&str]) -> bool {
    nets.iter()
        .filter_map(|n| n.parse::<Net>().ok())
        .any(|n| n.contains(ip))
}

fn is_link_local(ip: IpAddr) -> bool {
    is_in(ip, &["169.254.0.0/16", "fe80::/10"])
}

fn is_global(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast() && !is_link_local(ip)
}

/// Not one of the blocks that no router forwards (RFC 6890, column "Forwardable").
fn forwardable(ip: IpAddr) -> bool {
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

const RFC6890: &[&str] = &[
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

fn rfc(number: &str) -> Option<&'static [&'static str]> {
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
