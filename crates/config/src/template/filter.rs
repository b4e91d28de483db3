//! Which addresses stay (`include`, `exclude`) and in which order (`sort`).

use super::attribute::{address, has_flag};
use super::network::{Net, RFC6890, bits, is_in, rfc};
use crate::host::Interface;
use std::cmp::Ordering;

/// Longest regular expression program that a template may need, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Those whose test gives `wanted`. `verb` is the function that asks.
pub(super) fn keep(
    list: Vec<Interface>,
    verb: &str,
    selector: &str,
    param: &str,
    wanted: bool,
) -> Result<Vec<Interface>, String> {
    let test = test(verb, selector, param)?;
    let mut out = Vec::with_capacity(list.len());
    for one in list {
        if test(&one)? == wanted {
            out.push(one);
        }
    }
    Ok(out)
}

type Test = Box<dyn Fn(&Interface) -> Result<bool, String>>;

fn test(verb: &str, selector: &str, param: &str) -> Result<Test, String> {
    let pattern = || {
        regex::RegexBuilder::new(param)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|e| format!("unable to compile {selector} regexp {param:?}: {e}"))
    };
    let lower = param.to_ascii_lowercase();
    let words = || lower.split('|').map(|w| w.trim().to_string());
    Ok(match selector.to_ascii_lowercase().as_str() {
        "name" => {
            let re = pattern()?;
            Box::new(move |i| Ok(re.is_match(&i.name)))
        }
        "address" => {
            let re = pattern()?;
            Box::new(move |i| Ok(re.is_match(&address(i))))
        }
        "type" => {
            let wanted: Vec<String> = words().collect();
            let known = ["ip", "ipv4", "ipv6", "unix"];
            if let Some(word) = wanted.iter().find(|w| !known.contains(&w.as_str())) {
                return Err(format!("unsupported type: {word:?}"));
            }
            Box::new(move |i| {
                let family = if i.ip.is_ipv4() { "ipv4" } else { "ipv6" };
                Ok(wanted.iter().any(|w| w == "ip" || w == family))
            })
        }
        "flag" | "flags" => {
            let wanted: Vec<String> = words().collect();
            Box::new(move |i| {
                let mut all = true;
                for flag in &wanted {
                    all &= has_flag(i, flag)?;
                }
                Ok(all)
            })
        }
        "network" => {
            let nets: Result<Vec<Net>, String> = words()
                .map(|n| {
                    n.parse()
                        .map_err(|()| format!("unable to parse {n:?} as a network"))
                })
                .collect();
            let nets = nets?;
            Box::new(move |i| Ok(nets.iter().any(|n| n.contains(i.ip))))
        }
        "rfc" | "rfcs" => {
            let nets: Result<Vec<&'static [&'static str]>, String> = words()
                .map(|n| rfc(&n).ok_or_else(|| format!("unsupported RFC: {n:?}")))
                .collect();
            let nets = nets?;
            Box::new(move |i| Ok(nets.iter().any(|n| is_in(i.ip, n))))
        }
        "size" => {
            let size = param.trim_start_matches('/');
            let n: u8 = size
                .parse()
                .map_err(|_| format!("unable to parse {param:?} as a mask size"))?;
            Box::new(move |i| Ok(i.prefix == n))
        }
        "port" => {
            let n: u16 = param
                .parse()
                .map_err(|_| format!("unable to parse {param:?} as a port"))?;
            // Addresses of interfaces have none.
            Box::new(move |_| Ok(n == 0))
        }
        _ => return Err(format!("invalid {verb} selector {selector:?}")),
    })
}

fn compare(a: &Interface, b: &Interface, key: &str) -> Ordering {
    match key {
        "address" => bits(a.ip).cmp(&bits(b.ip)),
        "default" => b.default_route.cmp(&a.default_route),
        "name" => a.name.cmp(&b.name),
        // Larger networks first; those of another family are another matter.
        "size" => (a.ip.is_ipv6(), a.prefix).cmp(&(b.ip.is_ipv6(), b.prefix)),
        "type" => a.ip.is_ipv6().cmp(&b.ip.is_ipv6()),
        "private" => is_in(b.ip, RFC6890).cmp(&is_in(a.ip, RFC6890)),
        _ => Ordering::Equal,
    }
}

/// Sorts by keys between commas, `-` before one that counts down. Equals keep their order.
pub(super) fn sort(mut list: Vec<Interface>, keys: &str) -> Result<Vec<Interface>, String> {
    const KNOWN: [&str; 7] = [
        "address", "default", "name", "size", "type", "private", "port",
    ];
    let keys: Vec<(bool, String)> = keys
        .split(',')
        .map(|k| {
            let k = k.trim();
            let down = k.starts_with('-');
            (down, k.trim_start_matches(['-', '+']).to_ascii_lowercase())
        })
        .collect();
    if let Some((_, key)) = keys.iter().find(|(_, k)| !KNOWN.contains(&k.as_str())) {
        return Err(format!("unknown sort type: {key:?}"));
    }
    list.sort_by(|a, b| {
        keys.iter()
            .map(|(down, key)| {
                let order = compare(a, b, key);
                if *down { order.reverse() } else { order }
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    Ok(list)
}
