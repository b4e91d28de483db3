//! The functions over lists of addresses: where they come from, which stay, in which order, what is made of them.

use super::attribute::attribute;
use super::filter::{keep, sort};
use super::network::{RFC6890, add, bits, forwardable, is_in, mask_bits, of_bits, width, within};
use super::tree::{Operand, Term};
use super::value::Value;
use crate::host::{Host, Interface};

/// The number of arguments of a function, if it is one.
pub(super) fn arity(name: &str) -> Option<(usize, Option<usize>)> {
    signature(name).map(|types| (types.len(), Some(types.len())))
}

/// What an argument must be.
#[derive(Clone, Copy, PartialEq)]
enum Type {
    Text,
    Int,
    Count,
    List,
    ListOrOne,
}

fn signature(name: &str) -> Option<&'static [Type]> {
    use Type::{Count, Int, List, ListOrOne, Text};
    Some(match name {
        "GetAllInterfaces"
        | "GetDefaultInterfaces"
        | "GetPrivateInterfaces"
        | "GetPublicInterfaces"
        | "GetPrivateIP"
        | "GetPrivateIPs"
        | "GetPublicIP"
        | "GetPublicIPs" => &[],
        "GetInterfaceIP" | "GetInterfaceIPs" => &[Text],
        "include" | "exclude" | "math" | "join" => &[Text, Text, List],
        "sort" | "unique" => &[Text, List],
        "attr" | "Attr" => &[Text, ListOrOne],
        "limit" => &[Count, List],
        "offset" => &[Int, List],
        _ => return None,
    })
}

/// Compares arguments with what the function takes; the place of the first that is of another type, and what to say.
pub(super) fn types(name: &str, args: &[Value], words: &[Operand]) -> Result<(), (usize, String)> {
    for (i, (wanted, value)) in signature(name)
        .unwrap_or_default()
        .iter()
        .zip(args)
        .enumerate()
    {
        let right = match (wanted, value) {
            (Type::Text, Value::Text(_)) | (Type::Int, Value::Int(_)) => true,
            (Type::Count, Value::Int(n)) => *n >= 0,
            (Type::List | Type::ListOrOne, Value::List(_)) | (Type::ListOrOne, Value::One(_)) => {
                true
            }
            _ => false,
        };
        if right {
            continue;
        }
        let (constant, go) = match wanted {
            Type::Text => ("string", "string"),
            Type::Int => ("integer", "int"),
            Type::Count => ("unsigned integer", "uint"),
            Type::List | Type::ListOrOne => ("sockaddr.IfAddrs", "sockaddr.IfAddrs"),
        };
        let is_constant = |w: &&Operand| {
            matches!(
                w.term,
                Term::Text(..) | Term::Int(..) | Term::Float(..) | Term::Bool(_)
            )
        };
        return Err((
            i,
            match words.get(i).filter(is_constant) {
                Some(word) if !matches!(wanted, Type::List | Type::ListOrOne) => {
                    format!("expected {constant}; found {word}")
                }
                _ => format!("wrong type for value; expected {go}; got {}", value.kind()),
            },
        ));
    }
    Ok(())
}

/// Calls one; number and types of the arguments are right.
pub(super) fn call(host: &dyn Host, name: &str, args: Vec<Value>) -> Result<Value, String> {
    let all = || host.interfaces();
    let mut args = args;
    let list = match args.pop() {
        Some(Value::List(list)) => list,
        Some(Value::One(one)) => vec![*one],
        other => {
            args.extend(other);
            Vec::new()
        }
    };
    let text = |i: usize| match args.get(i) {
        Some(Value::Text(t)) => t.as_str(),
        _ => "",
    };
    let int = match args.first() {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    Ok(match name {
        "GetAllInterfaces" => Value::List(all()),
        "GetDefaultInterfaces" => {
            Value::List(all().into_iter().filter(|i| i.default_route).collect())
        }
        "GetPrivateInterfaces" => Value::List(reachable(all(), true)?),
        "GetPublicInterfaces" => Value::List(reachable(all(), false)?),
        "GetPrivateIP" => first(&reachable(all(), true)?, "address")?,
        "GetPublicIP" => first(&reachable(all(), false)?, "address")?,
        "GetPrivateIPs" => join(&reachable(all(), true)?, "address", " ")?,
        "GetPublicIPs" => join(&reachable(all(), false)?, "address", " ")?,
        "GetInterfaceIP" => {
            let mut found = named(all(), text(0))?;
            found.retain(|i| forwardable(i.ip));
            first(&found, "address")?
        }
        "GetInterfaceIPs" => join(&named(all(), text(0))?, "address", " ")?,
        "include" => Value::List(keep(list, name, text(0), text(1), true)?),
        "exclude" => Value::List(keep(list, name, text(0), text(1), false)?),
        "sort" => Value::List(sort(list, text(0))?),
        "unique" => Value::List(unique(list, text(0))?),
        "limit" => Value::List(
            list.into_iter()
                .take(usize::try_from(int).unwrap_or(usize::MAX))
                .collect(),
        ),
        "offset" => Value::List(offset(list, int)?),
        "attr" | "Attr" => first(&list, text(0))?,
        "join" => join(&list, text(0), text(1))?,
        _ => Value::List(math(list, text(0), text(1))?),
    })
}

fn first(list: &[Interface], attr: &str) -> Result<Value, String> {
    list.first()
        .map_or(Ok(String::new()), |one| attribute(one, attr))
        .map(Value::Text)
}

fn join(list: &[Interface], attr: &str, separator: &str) -> Result<Value, String> {
    let words: Result<Vec<String>, String> = list.iter().map(|i| attribute(i, attr)).collect();
    Ok(Value::Text(words?.join(separator)))
}

fn named(list: Vec<Interface>, name: &str) -> Result<Vec<Interface>, String> {
    sort(
        list.into_iter().filter(|i| i.name == name).collect(),
        "type,size",
    )
}

/// Forwardable addresses of interfaces that are up, private (RFC 6890) or not; default route, family and size order them.
fn reachable(list: Vec<Interface>, private: bool) -> Result<Vec<Interface>, String> {
    let list = list
        .into_iter()
        .filter(|i| i.up && forwardable(i.ip) && is_in(i.ip, RFC6890) == private);
    sort(list.collect(), "default,type,size")
}

/// The first of neighbours that are alike.
fn unique(list: Vec<Interface>, attr: &str) -> Result<Vec<Interface>, String> {
    let mut out: Vec<Interface> = Vec::with_capacity(list.len());
    let mut last = None;
    for one in list {
        let this = attribute(&one, attr)?;
        if last.replace(this.clone()) != Some(this) {
            out.push(one);
        }
    }
    Ok(out)
}

fn offset(list: Vec<Interface>, n: i64) -> Result<Vec<Interface>, String> {
    let off = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    if off > list.len() {
        return Err(format!(
            "unable to seek past the end of the interface array: offset ({off}) exceeds the number of interfaces ({})",
            list.len()
        ));
    }
    let skip = if n < 0 { list.len() - off } else { off };
    Ok(list.into_iter().skip(skip).collect())
}

/// `math "address" "+1"` moves the address and `math "network" "+1"` counts inside its network, both wrapping at the ends;
/// `math "mask" "24"` is the address' network of that size, or its own where that is the larger.
fn math(list: Vec<Interface>, operation: &str, value: &str) -> Result<Vec<Interface>, String> {
    let operation = operation.to_ascii_lowercase();
    let bad = || format!("unable to convert {value:?} to a number for operation {operation:?}");
    let signed = || match value.starts_with(['+', '-']) {
        true => value.parse::<i128>().map_err(|_| bad()),
        false => Err(format!(
            "sign (+/-) is required for operation {operation:?}"
        )),
    };
    list.into_iter()
        .map(|mut i| {
            match operation.as_str() {
                "address" => i.ip = add(i.ip, signed()?),
                "network" => i.ip = within(&i, signed()?),
                "mask" => {
                    let prefix: u8 = value.parse().map_err(|_| bad())?;
                    if u32::from(prefix) > width(i.ip) {
                        return Err(bad());
                    }
                    let ip = of_bits(i.ip, bits(i.ip) & mask_bits(width(i.ip), prefix));
                    i.prefix = i.prefix.min(prefix);
                    i.ip = ip;
                }
                _ => return Err(format!("unsupported math operation: {operation:?}")),
            }
            Ok(i)
        })
        .collect()
}
