//! Durations and times, in Go's words.

use dialect::{DurText, GoTime, Nanos, duration, json, msgpack};
use proptest::prelude::*;

#[test]
fn durations_read() {
    for (text, nanos) in [
        ("0", 0),
        ("-0", 0),
        ("5s", 5_000_000_000),
        ("-1.5h", -5_400_000_000_000),
        ("+3m", 180_000_000_000),
        ("1h15m30.918273645s", 4_530_918_273_645),
        (".5s", 500_000_000),
        ("5.s", 5_000_000_000),
        ("1us", 1_000),
        ("1\u{b5}s", 1_000),
        ("1\u{3bc}s", 1_000),
        ("0.100000000000000000000h", 360_000_000_000),
        ("9223372036854775807ns", i64::MAX),
        ("-9223372036854775808ns", i64::MIN),
        ("0.3333333333333333333h", 1_200_000_000_000),
    ] {
        assert_eq!(duration::parse(text), Ok(nanos), "{text}");
    }
}

#[test]
fn durations_are_refused_in_go_words() {
    for (text, wanted) in [
        ("", r#"time: invalid duration """#),
        ("-", r#"time: invalid duration "-""#),
        ("s", r#"time: invalid duration "s""#),
        (".", r#"time: invalid duration ".""#),
        ("10", r#"time: missing unit in duration "10""#),
        ("1d", r#"time: unknown unit "d" in duration "1d""#),
        ("1s2", r#"time: missing unit in duration "1s2""#),
        (
            "9223372036854775808ns",
            r#"time: invalid duration "9223372036854775808ns""#,
        ),
        (
            "99999999999999999999h",
            r#"time: invalid duration "99999999999999999999h""#,
        ),
        (
            "1\u{e9}\"",
            r#"time: unknown unit "\xc3\xa9\"" in duration "1\xc3\xa9\"""#,
        ),
    ] {
        assert_eq!(
            duration::parse(text).unwrap_err().to_string(),
            wanted,
            "{text}"
        );
    }
}

#[test]
fn durations_print() {
    for (nanos, wanted) in [
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1\u{b5}s"),
        (2_200_000, "2.2ms"),
        (200_000_000, "200ms"),
        (3_300_000_000, "3.3s"),
        (60_000_000_000, "1m0s"),
        (305_000_000_000, "5m5s"),
        (3_600_000_000_000, "1h0m0s"),
        (259_200_000_000_000, "72h0m0s"),
        (4_530_918_273_645, "1h15m30.918273645s"),
        (i64::MAX, "2562047h47m16.854775807s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(duration::format(nanos), wanted);
    }
}

proptest! {
    #[test]
    fn durations_survive(nanos in any::<i64>(), shift in 0u32..64) {
        let nanos = nanos >> shift;
        prop_assert_eq!(duration::parse(&duration::format(nanos)), Ok(nanos));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.nuµsmh]{0,12}", other in "\\PC{0,30}") {
        let _ = duration::parse(&text);
        let _ = duration::parse(&other);
        let _ = GoTime::parse(&text);
        let _ = GoTime::parse(&other);
    }

    #[test]
    fn no_mangled_time_panics(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[.0-9]{0,12}[Z+-]?[0-9:é]{0,6}") {
        if let Ok(time) = GoTime::parse(&text) {
            let shown = time.to_string();
            prop_assert_eq!(GoTime::parse(&shown).map(|again| again.to_string()), Ok(shown));
        }
    }
}

#[test]
fn duration_fields() {
    let read = |text: &str| json::from_slice::<Nanos>(text.as_bytes(), json::Mode::Strict).unwrap();
    assert_eq!(read("\"1m\""), Nanos::from_secs(60));
    assert_eq!(read("15"), Nanos(15));
    assert_eq!(read("1.9"), Nanos(1));
    assert_eq!(read("1e9"), Nanos(1_000_000_000));
    for ignored in ["true", "[]", "{\"a\":1}", "null"] {
        assert_eq!(read(ignored), Nanos(0));
    }
    assert_eq!(json::to_string(&Nanos::from_secs(1)), "1000000000");
    assert_eq!(json::to_string(&DurText::from_secs(10)), "\"10s\"");
    assert_eq!(msgpack::to_vec(&DurText(-1)), [0xff]);
}

#[test]
fn times_read_and_print() {
    for text in [
        "0001-01-01T00:00:00Z",
        "2024-02-29T23:59:59.000000001Z",
        "1969-12-31T23:59:59.5Z",
        "2024-01-02T03:04:05+02:00",
        "2024-01-02T03:04:05-11:30",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(GoTime::parse(text).unwrap().to_string(), text);
    }
    assert!(
        GoTime::parse("0001-01-01T00:00:00Z")
            .unwrap()
            .is_zero_time()
    );
    assert_eq!(
        GoTime::parse("1970-01-01T02:00:01+02:00")
            .unwrap()
            .unix_seconds(),
        1
    );
    assert!(
        GoTime::parse("2024-01-02T03:04:05+02:00").unwrap()
            < GoTime::parse("2024-01-02T03:04:05Z").unwrap()
    );
}

#[test]
fn times_are_refused_in_go_words() {
    for (text, wanted) in [
        (
            "x",
            r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#,
        ),
        (
            "2024-01-02",
            r#"parsing time "2024-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#,
        ),
        (
            "2024-13-02T00:00:00Z",
            r#"parsing time "2024-13-02T00:00:00Z": month out of range"#,
        ),
        (
            "2023-02-29T00:00:00Z",
            r#"parsing time "2023-02-29T00:00:00Z": day out of range"#,
        ),
        (
            "2024-01-02T24:00:00Z",
            r#"parsing time "2024-01-02T24:00:00Z": hour out of range"#,
        ),
        (
            "2024-01-02T03:04:05",
            r#"parsing time "2024-01-02T03:04:05" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
        ),
        (
            "2024-01-02T03:04:05Zx",
            r#"parsing time "2024-01-02T03:04:05Zx": extra text: "x""#,
        ),
    ] {
        assert_eq!(GoTime::parse(text).unwrap_err(), wanted);
    }
}

#[test]
fn times_in_binary() {
    let zero = b"\xaf\x01\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff";
    assert_eq!(msgpack::to_vec(&GoTime::default()), zero);
    let time = GoTime::parse("2024-01-02T03:04:05.5Z").unwrap();
    let bytes = b"\xaf\x01\0\0\0\x0e\xdd\x25\x74\x25\x1d\xcd\x65\0\xff\xff";
    assert_eq!(msgpack::to_vec(&time), bytes);
    assert_eq!(msgpack::from_slice(bytes), Ok(time));
    let east = GoTime::parse("2024-01-02T03:04:05+02:00").unwrap();
    assert_eq!(msgpack::from_slice(&msgpack::to_vec(&east)), Ok(east));
    let seconds = b"\xb0\x02\0\0\0\x0e\xdd\x25\x74\x25\0\0\0\0\0\x01\x1e";
    assert_eq!(
        msgpack::to_vec(&msgpack::from_slice::<GoTime>(seconds).unwrap()),
        seconds
    );
    assert_eq!(
        msgpack::from_slice::<GoTime>(&[0xc0]),
        Ok(GoTime::default())
    );
    assert!(msgpack::from_slice::<GoTime>(b"\xa2\x01\x02").is_err());
}
