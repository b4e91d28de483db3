//! What input may cost: depth, elements, and how often a byte is looked at.
//!
//! Every reader, printer, clone, comparison and drop of a nested value here either stops at a named depth or is a loop.

use dialect::msgpack::{self, Error, Scan, Value};
use dialect::{Any, Dict, List, hcl, json, record};

/// Levels that no input may bring a program down with.
const DEEP: usize = 1_000_000;
/// The smallest stack that threads of the server have, bytes (those of the runtime and of consensus have 2 MiB).
const STACK: usize = 1 << 20;

record! {
    struct Opaque {
        config: Dict<Any> = "Config",
        children: List<Opaque> = "Children",
    }
}

/// Runs on a small stack: recursion that is bounded must fit into it with room to spare.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(body)
        .unwrap()
        .join()
        .unwrap();
}

/// `levels` times what opens, then what closes.
fn json_of(levels: usize, open: &str, middle: &str, close: &str) -> String {
    format!("{}{middle}{}", open.repeat(levels), close.repeat(levels))
}

/// Every reader of text, by name: whether it takes the input.
type Taken = fn(&str) -> bool;
const READERS: &[(&str, Taken)] = &[
    ("json any strict", |text| {
        json::from_slice::<Any>(text.as_bytes(), json::Mode::Strict).is_ok()
    }),
    ("json any whole", |text| {
        json::unmarshal::<Any>(text.as_bytes(), json::Mode::Lax).is_ok()
    }),
    ("json record", |text| {
        json::from_slice::<Opaque>(text.as_bytes(), json::Mode::Lax).is_ok()
    }),
    ("json scan", |text| json::scan(text.as_bytes()).is_ok()),
    ("hcl parse", |text| hcl::parse(text).is_ok()),
    ("hcl items", |text| {
        hcl::items(text, hcl::Duplicates::Refuse).is_ok()
    }),
];

#[test]
fn a_million_levels_are_refused_by_every_reader() {
    on_a_small_stack(|| {
        let texts = [
            json_of(DEEP, "[", "1", "]"),
            json_of(DEEP, "{\"Config\":", "1", "}"),
            json_of(DEEP, "{\"Children\":[", "", "]}"),
            json_of(DEEP, "a {", "", "}"),
            json_of(DEEP, "a = [", "", "]"),
            json_of(DEEP, "[{\"a\":", "1", "}]"),
        ];
        for text in &texts {
            for (name, taken) in READERS {
                assert!(!taken(text), "{name} takes {}…", &text[..16]);
            }
        }
        for unit in [&b"\x91"[..], b"\x81\xa1a", b"\x81\xa8Children\x91"] {
            let deep = unit.repeat(DEEP);
            for error in [
                msgpack::from_slice::<Any>(&deep).map(drop),
                msgpack::from_slice::<Value>(&deep).map(drop),
                msgpack::from_slice::<Opaque>(&deep).map(drop),
            ] {
                assert!(error.is_err());
            }
            let whole = [&deep[..], b"\xc0"].concat();
            assert_eq!(msgpack::Reader::new(&whole).skip(), Ok(()));
            assert_eq!(Scan::default().advance(&whole), Ok(Some(whole.len())));
        }
    });
}

#[test]
fn what_json_may_hold_every_server_can_decode() {
    on_a_small_stack(|| {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            // The outermost level is the map of the record's field, the one around it the record.
            let inner = json_of(json::MAX_DEPTH - 2, open, "1", close);
            let text = format!("{{\"Config\":{{\"deep\":{inner}}}}}");
            let read: Opaque = json::from_slice(text.as_bytes(), json::Mode::Lax).unwrap();
            let sent = msgpack::to_vec(&read);
            let back: Opaque = msgpack::from_slice(&sent).unwrap();
            assert!(back.clone() == read, "not the same any more");
            assert_eq!(json::to_string(&back), json::to_string(&read));
            assert!(!json::to_vec_pretty(&back).is_empty());
            assert!(!format!("{back:?}").is_empty());
            let value: Value = msgpack::from_slice(&sent).unwrap();
            assert_eq!(msgpack::to_vec(&value), sent);
            assert!(value.clone() == value);
        }
    });
}

#[test]
fn elements_are_paid_for() {
    const MEMORY: usize = 1 << 20;
    // Arrays and maps of a million elements that take a byte or two each.
    let mut list = b"\xdd\x00\x0f\x42\x40".to_vec();
    list.resize(list.len() + 1_000_000, 0xc0);
    let mut map = b"\xdf\x00\x0f\x42\x40".to_vec();
    for number in 0..1_000_000u32 {
        map.extend([0xa4]);
        map.extend(number.to_be_bytes());
        map.extend([0xc0]);
    }
    let memory = |error| matches!(error, Err(Error::Memory { .. }));
    assert!(memory(
        msgpack::from_slice_within::<List<Opaque>>(&list, MEMORY).map(drop)
    ));
    assert!(memory(
        msgpack::from_slice_within::<Any>(&list, MEMORY).map(drop)
    ));
    assert!(memory(
        msgpack::from_slice_within::<Value>(&list, MEMORY).map(drop)
    ));
    assert!(memory(
        msgpack::from_slice_within::<Dict<u64>>(&map, MEMORY).map(drop)
    ));
    assert!(memory(
        msgpack::from_slice_within::<Any>(&map, MEMORY).map(drop)
    ));
    // Many small lists count together.
    let nested = [
        &b"\xdd\x00\x00\x27\x10"[..],
        &b"\x93\xc0\xc0\xc0".repeat(10_000),
    ]
    .concat();
    assert!(memory(
        msgpack::from_slice_within::<List<List<Opaque>>>(&nested, MEMORY).map(drop)
    ));
    // Bytes are paid for by the input.
    let long = msgpack::to_vec(&List::from([dialect::Bytes::from(vec![b'x'; 4 * MEMORY])]));
    assert!(msgpack::from_slice_within::<List<dialect::Bytes>>(&long, MEMORY).is_ok());
}

#[test]
fn a_value_in_pieces_is_looked_at_once() {
    let value = Any::List(vec![
        Any::Str("abc".repeat(100)),
        Any::Map([("k".to_owned(), Any::Float(1.5))].into()),
        Any::Null,
    ]);
    let whole = msgpack::to_vec(&value);
    let more = [&whole[..], b"rest"].concat();
    for cut in 0..whole.len() {
        let mut scan = Scan::default();
        assert_eq!(scan.advance(&more[..cut]), Ok(None), "cut at {cut}");
        assert!(scan.at_least() <= whole.len() as u64);
        assert_eq!(scan.advance(&more), Ok(Some(whole.len())), "cut at {cut}");
    }
    let mut scan = Scan::default();
    for end in 0..whole.len() {
        assert_eq!(scan.advance(&more[..end]), Ok(None));
    }
    assert_eq!(scan.advance(&more), Ok(Some(whole.len())));
    assert!(Scan::default().advance(b"\x91\xc1").is_err());
    // What a head claims is known at once.
    let mut scan = Scan::default();
    assert_eq!(scan.advance(b"\xdd\xff\xff\xff\xff"), Ok(None));
    assert!(scan.at_least() > u64::from(u32::MAX));
}

record! {
    struct Wide {
        a: String = "A", b: String = "B", c: String = "C", d: String = "D", e: String = "E", f: String = "F",
        g: String = "G", h: String = "H", i: String = "I", j: String = "J", k: String = "K", l: String = "L",
        inner: Option<Box<Wide>> = "Inner",
        many: List<Wide> = "Many",
        named: Dict<Wide> = "Named",
        any: Any = "Any",
    }
}

#[test]
fn short_elements_do_not_become_memory_without_end() {
    let read = |text: &str| json::from_slice::<Wide>(text.as_bytes(), json::Mode::Lax);
    let refused = |text: String| {
        let error = read(&text).unwrap_err().to_string();
        assert_eq!(
            error,
            "json: the elements of the value take too much memory"
        );
    };
    let list = |one: &str, times: usize| vec![one; times].join(",");
    let named = |one: &str| {
        let members: Vec<String> = (0..50_000).map(|at| format!("\"{at}\":{one}")).collect();
        members.join(",")
    };
    refused(format!("{{\"Many\":[{}]}}", list("{}", 100_000)));
    refused(format!("{{\"Many\":[{}]}}", list("{\"Inner\":{}}", 50_000)));
    refused(format!("{{\"Named\":{{{}}}}}", named("{}")));
    refused(format!("{{\"Any\":[{}]}}", list("{\"a\":1}", 50_000)));
    // What people send is far below.
    let full = format!("{{\"A\":\"{}\",\"Any\":{{\"k\":\"v\"}}}}", "a".repeat(200));
    let text = format!("{{\"Many\":[{}]}}", list(&full, 20_000));
    assert_eq!(read(&text).unwrap().many.len(), 20_000);
}

struct NoVariables;

impl dialect::hil::Scope for NoVariables {
    fn variable(&self, _: &str) -> Option<String> {
        Some("x".to_owned())
    }

    fn group(&self, _: i64) -> Option<String> {
        Some("y".to_owned())
    }
}

#[test]
fn a_million_levels_of_a_template_need_little_stack() {
    use dialect::hil::{Program, Text};
    on_a_small_stack(|| {
        for (open, middle, close) in [
            ("${", "1", "}"),
            ("(", "1", ")"),
            ("match(", "1", ")"),
            ("!", "true", ""),
            ("-", "1", ""),
            ("1 + ", "1", ""),
            ("1 == ", "1", ""),
            ("true && ", "true", ""),
            ("true ? 1 : ", "1", ""),
            ("true ? ", "1", " : 1"),
            ("\"${", "1", "}\""),
            ("x.", "y", ""),
            ("x[", "1", "]"),
        ] {
            let inside = format!("{}{middle}{}", open.repeat(DEEP), close.repeat(DEEP));
            for text in [format!("${{{inside}}}"), inside] {
                let program = Text::parse(&text).and_then(|text| Program::of(&text, &NoVariables));
                if let Ok(program) = program {
                    let _ = program.render(&NoVariables);
                }
            }
        }
    });
}
