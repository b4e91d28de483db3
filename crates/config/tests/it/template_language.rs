//! The language of address templates: Go's, with go-sockaddr's functions.

use crate::host::{Machine, interface, load_on, machine};
use config::Flags;
use proptest::prelude::*;
use serde_json::json;

/// What a template writes, its white space made one blank; `retry_join` takes any words.
fn written_on(machine: Machine, template: &str) -> Result<String, String> {
    let text = json!({"data_dir": "/d", "bind_addr": "127.0.0.1", "retry_join": [template]});
    load_on(
        machine,
        &[("/t.json", &text.to_string())],
        &Flags::default(),
    )
    .map(|l| l.config.join.lan.join(" "))
    .map_err(|e| e.to_string())
}

fn written(template: &str) -> String {
    match written_on(machine(), template) {
        Ok(text) => text,
        Err(e) => panic!("{template}: {e}"),
    }
}

/// What is said of a template, without the part that tells which key it stood in.
fn refused(template: &str) -> String {
    let error = written_on(machine(), template).expect_err(template);
    let at = error
        .find("template: sockaddr.Parse:")
        .expect("a fault of the template");
    error[at..].trim_end().to_string()
}

#[test]
fn texts_comments_and_trim_marks() {
    for (template, want) in [
        ("{{/* a word */}}x", "x"),
        ("a {{- /* a word */ -}} b", "ab"),
        ("{{ \"a\" }}{{ `b\\n` }}", "ab\\n"),
        ("{{ \"\\x61\\u00e9\\101\" }}", "aéA"),
        ("a  {{- \"b\" -}}  c", "abc"),
        ("a{{ -1 }}", "a-1"),
        (
            "{{ 0x10 }} {{ 'a' }} {{ 1.5 }} {{ 1e3 }} {{ 1_000 }} {{ true }}",
            "16 97 1.5 1000 1000 true",
        ),
        ("{{ print }}x", "x"),
        ("}} {{ \"x\" }}", "}} x"),
    ] {
        assert_eq!(written(template), want, "{template}");
    }
}

#[test]
fn branches_loops_and_variables() {
    for (template, want) in [
        ("{{ if GetPrivateIP }}yes{{ else }}no{{ end }}", "yes"),
        (
            "{{ if eq 1 2 }}a{{ else if eq 1 1 }}b{{ else }}c{{ end }}",
            "b",
        ),
        (
            "{{ if false }}a{{ else if \"\" }}b{{ else }}c{{ end }}",
            "c",
        ),
        ("{{ with GetPublicIP }}{{ . }}{{ end }}", "8.8.4.9"),
        ("{{ with \"\" }}a{{ else with \"b\" }}{{ . }}{{ end }}", "b"),
        (
            "{{ with $x := GetPrivateIP }}{{ $x }}/{{ . }}{{ end }}",
            "10.0.0.7/10.0.0.7",
        ),
        (
            "{{ range . | include \"type\" \"ipv4\" }}{{ .Name }} {{ end }}",
            "lo eth0 eth1",
        ),
        (
            "{{ range $i, $a := . }}{{ if eq $i 2 }}{{ break }}{{ end }}{{ $i }}{{ $a.Name }} {{ end }}",
            "0lo 1lo",
        ),
        (
            "{{ range . }}{{ if eq .Name \"lo\" }}{{ continue }}{{ end }}{{ .Name }} {{ end }}",
            "eth0 eth0 eth1 eth1",
        ),
        (
            "{{ range . | include \"name\" \"none\" }}a{{ else }}b{{ end }}",
            "b",
        ),
        (
            "{{ $n := 0 }}{{ range . }}{{ $n = len (print $n .Name) }}{{ end }}{{ $n }}",
            "5",
        ),
        (
            "{{ $x := \"a\" }}{{ if true }}{{ $x := \"b\" }}{{ $x }}{{ end }}{{ $x }}",
            "ba",
        ),
        (
            "{{ $x := \"a\" }}{{ if true }}{{ $x = \"b\" }}{{ end }}{{ $x }}",
            "b",
        ),
        ("{{ len $ }}", "6"),
    ] {
        assert_eq!(written(template), want, "{template}");
    }
}

#[test]
fn functions_of_every_template() {
    for (template, want) in [
        ("{{ printf \"%s:%d\" GetPrivateIP 8301 }}", "10.0.0.7:8301"),
        ("{{ GetPrivateIP | printf \"%s:8301\" }}", "10.0.0.7:8301"),
        (
            "{{ printf \"%03d|%-4s|%4s|%q|%x|%X|%t|%v|%T|%%\" 7 \"a\" \"b\" \"c\" 255 \"k\" true 1.5 1 }}",
            "007|a | b|\"c\"|ff|6B|true|1.5|int|%",
        ),
        (
            "{{ printf \"%d\" \"a\" }}{{ printf \"%s\" }}{{ printf \"a\" 1 }}",
            "%!d(string=a)%!s(MISSING)a%!(EXTRA int=1)",
        ),
        (
            "{{ printf \"%.1f %+d %#x %5.2s|\" 2.25 1 16 \"abc\" }}",
            "2.2 +1 0x10 ab|",
        ),
        ("{{ and 1 0 2 }} {{ or 0 \"\" 3 }} {{ not 1 }}", "0 3 false"),
        (
            "{{ eq 1 2 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt \"b\" \"a\" }} {{ ge 1 2 }}",
            "true true true true true false",
        ),
        (
            "{{ GetAllInterfaces | include \"name\" \"lo\" | len | eq 2 }}",
            "true",
        ),
        (
            "{{ . | include \"rfc\" \"6598\" | print | len | eq (len \"[]\") }}",
            "true",
        ),
        (
            "{{ (index . 2).Name }} {{ index \"abc\" 1 }} {{ slice \"abc\" 1 2 }} {{ len (slice . 1 3) }}",
            "eth0 98 b 2",
        ),
        ("{{ print 1 2 \"a\" \"b\" 3 }}", "1 2ab3"),
        ("{{ or false (printf \"%s\" \"x\") }}", "x"),
        // The second is never asked for.
        ("{{ or 1 (index . 99) }}", "1"),
    ] {
        assert_eq!(written(template), want, "{template}");
    }
}

#[test]
fn addresses_and_their_fields() {
    for (template, want) in [
        (
            "{{ . | include \"name\" \"lo\" }}",
            "[127.0.0.1/8 {1 1500 lo up|loopback} ::1 {1 1500 lo up|loopback}]",
        ),
        (
            "{{ range . | include \"name\" \"eth0\" }}{{ .SockAddr }} {{ .SockAddr.NetIP }} {{ .MTU }} {{ .Flags }} {{ .Type }} {{ end }}",
            "10.0.0.7/24 10.0.0.7 1500 up|broadcast|multicast IPv4 fe80::1/64 fe80::1 1500 up|broadcast|multicast IPv6",
        ),
        (
            "{{ with index GetPrivateInterfaces 0 }}{{ .Attr \"netmask\" }} {{ attr \"size\" . }} {{ . | attr \"name\" }} {{ Attr \"network\" . }}{{ end }}",
            "255.255.255.0 256 eth0 10.0.0.0",
        ),
        (
            "{{ with GetPrivateInterfaces }}{{ range $a := slice . 0 1 }}{{ attr \"binary\" $a }} {{ attr \"hex\" $a }} {{ attr \"octets\" $a }} {{ attr \"uint32\" $a }} {{ attr \"string\" $a }}{{ end }}{{ end }}",
            "00001010000000000000000000000111 0a000007 10 0 0 7 167772167 10.0.0.7/24",
        ),
        (
            "{{ GetPrivateInterfaces | join \"first_usable\" \" \" }} {{ GetPrivateInterfaces | join \"last_usable\" \" \" }} {{ GetPrivateInterfaces | join \"broadcast\" \" \" }}",
            "10.0.0.1 10.0.0.254 10.0.0.255",
        ),
        (
            "{{ . | include \"name\" \"eth1\" | include \"type\" \"IPv6\" | attr \"last_usable\" }}",
            "2600::ffff:ffff:ffff:ffff",
        ),
        (
            "{{ . | include \"flags\" \"up|loopback\" | join \"name\" \",\" }}",
            "lo,lo",
        ),
        (
            "{{ . | include \"flags\" \"link-local unicast\" | join \"address\" \",\" }}",
            "fe80::1",
        ),
        ("{{ . | exclude \"flags\" \"down\" | len }}", "6"),
        ("{{ . | include \"type\" \"IPv4|IPv6\" | len }}", "6"),
        (
            "{{ . | include \"network\" \"10.0.0.0/8|8.0.0.0/8\" | join \"address\" \",\" }}",
            "10.0.0.7,8.8.4.9",
        ),
        (
            "{{ . | sort \"type,size,-address\" | join \"address\" \",\" }}",
            "127.0.0.1,10.0.0.7,8.8.4.9,fe80::1,2600::9,::1",
        ),
        (
            "{{ . | sort \"name\" | unique \"name\" | join \"name\" \",\" }}",
            "eth0,eth1,lo",
        ),
        (
            "{{ . | offset -2 | join \"name\" \",\" }} {{ . | offset 6 | len }} {{ . | limit 99 | len }}",
            "eth1,eth1 0 6",
        ),
    ] {
        assert_eq!(written(template), want, "{template}");
    }
}

/// The example of go-sockaddr's documentation: 127.0.0.1/8, ::1/128, fe80::1/64.
#[test]
fn mathematics() {
    let lo = || Machine {
        interfaces: vec![
            interface("lo", 1, "127.0.0.1", 8),
            interface("lo", 1, "::1", 128),
            interface("lo", 1, "fe80::1", 64),
        ],
        ..Machine::default()
    };
    for (operation, want) in [
        ("\"address\" \"+2\"", "127.0.0.3 ::3 fe80::3"),
        (
            "\"address\" \"+4294967294\"",
            "126.255.255.255 ::ffff:ffff fe80::ffff:ffff",
        ),
        (
            "\"address\" \"-256\"",
            "126.255.255.1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff01 fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ff01",
        ),
        ("\"network\" \"+2\"", "127.0.0.2 ::1 fe80::2"),
        (
            "\"network\" \"+4278255368\"",
            "127.0.255.8 ::1 fe80::ff00:ff08",
        ),
        (
            "\"network\" \"-2\"",
            "127.255.255.254 ::1 fe80::ffff:ffff:ffff:fffe",
        ),
        (
            "\"network\" \"-4278190088\"",
            "127.255.255.248 ::1 fe80::ffff:ffff:ff:fff8",
        ),
        ("\"mask\" \"4\"", "112.0.0.0 :: f000::"),
    ] {
        let template = format!("{{{{ . | math {operation} | join \"address\" \" \" }}}}");
        assert_eq!(
            written_on(lo(), &template),
            Ok(want.to_string()),
            "{operation}"
        );
    }
    let masked = "{{ . | include \"type\" \"IPv4\" | math \"mask\" \"28\" | attr \"string\" }} {{ . | include \"type\" \"IPv4\" | math \"mask\" \"4\" | attr \"string\" }}";
    assert_eq!(
        written_on(lo(), masked),
        Ok("127.0.0.0/8 112.0.0.0/4".to_string())
    );
}

#[test]
fn what_cannot_be_read() {
    for (template, want) in [
        ("{{", "1: unclosed action"),
        ("a\n{{ GetPrivateIP", "2: unclosed action"),
        ("{{ Nonsense }}", "1: function \"Nonsense\" not defined"),
        ("{{ eth0 }}", "1: function \"eth0\" not defined"),
        ("{{ }}", "1: missing value for command"),
        ("{{ if }}a{{ end }}", "1: missing value for if"),
        ("{{ ( ) }}", "1: missing value for parenthesized pipeline"),
        ("{{ (1 }}", "1: unclosed left paren"),
        ("{{ 1) }}", "1: unexpected right paren"),
        ("{{ \"a }}", "1: unterminated quoted string"),
        ("{{ `a }}", "1: unterminated raw quoted string"),
        ("{{/* a }}", "1: unclosed comment"),
        ("{{/* a */ b }}", "1: comment ends before closing delimiter"),
        ("{{ if 1 }}a", "1: unexpected EOF"),
        ("{{ end }}", "1: unexpected {{end}}"),
        ("{{ else }}", "1: unexpected {{else}}"),
        ("{{ break }}", "1: {{break}} outside {{range}}"),
        ("{{ $x }}", "1: undefined variable \"$x\""),
        (
            "{{ if $x := 1 }}{{ end }}{{ $x }}",
            "1: undefined variable \"$x\"",
        ),
        (
            "{{ GetPrivateIP | 1 }}",
            "1: non executable command in pipeline stage 2",
        ),
        ("{{ GetPrivateIP | }}", "1: missing value for command"),
        (
            "{{ 1 @ }}",
            "1: unrecognized character in action: U+0040 '@'",
        ),
        ("{{ .a@ }}", "1: bad character U+0040 '@'"),
        ("{{ 1x }}", "1: bad number syntax: \"1x\""),
        ("{{ define \"a\" }}{{ end }}", "1: unexpected {{define}}"),
    ] {
        assert_eq!(
            refused(template),
            format!("template: sockaddr.Parse:{want}"),
            "{template}"
        );
    }
}

#[test]
fn what_cannot_be_done() {
    for (template, at, want) in [
        (
            "{{ . | offset 7 }}",
            "1:7",
            "<offset>: error calling offset: unable to seek past the end of the interface array: offset (7) exceeds the number of interfaces (6)",
        ),
        (
            "{{ . | offset -7 }}",
            "1:7",
            "<offset>: error calling offset: unable to seek past the end of the interface array: offset (7) exceeds the number of interfaces (6)",
        ),
        (
            "{{ . | offset \"1\" }}",
            "1:14",
            "<\"1\">: expected integer; found \"1\"",
        ),
        (
            "{{ . | limit -1 }}",
            "1:13",
            "<-1>: expected unsigned integer; found -1",
        ),
        (
            "{{ . | include \"flags\" \"upp\" }}",
            "1:7",
            "<include>: error calling include: unsupported interface flag: \"upp\"",
        ),
        (
            "{{ . | include \"nope\" \"x\" }}",
            "1:7",
            "<include>: error calling include: invalid include selector \"nope\"",
        ),
        (
            "{{ . | exclude \"nope\" \"x\" }}",
            "1:7",
            "<exclude>: error calling exclude: invalid exclude selector \"nope\"",
        ),
        (
            "{{ . | include \"rfc\" \"99999999999\" }}",
            "1:7",
            "<include>: error calling include: unsupported RFC: \"99999999999\"",
        ),
        (
            "{{ . | attr \"nope\" }}",
            "1:7",
            "<attr>: error calling attr: unsupported attribute: \"nope\"",
        ),
        (
            "{{ . | math \"address\" \"1\" }}",
            "1:7",
            "<math>: error calling math: sign (+/-) is required for operation \"address\"",
        ),
        (
            "{{ . | include \"name\" }}",
            "1:7",
            "<include>: wrong number of args for include: want 3 got 2",
        ),
        (
            "{{ GetPrivateIP | include \"name\" \"x\" }}",
            "1:18",
            "<include>: wrong type for value; expected sockaddr.IfAddrs; got string",
        ),
        (
            "{{ include 1 \"x\" . }}",
            "1:11",
            "<1>: expected string; found 1",
        ),
        (
            "{{ .Name }}",
            "1:3",
            "<.Name>: can't evaluate field Name in type sockaddr.IfAddrs",
        ),
        (
            "{{ range . }}{{ .Nope }}{{ end }}",
            "1:16",
            "<.Nope>: can't evaluate field Nope in type sockaddr.IfAddr",
        ),
        (
            "{{ range 3 }}{{ end }}",
            "1:9",
            "<3>: range can't iterate over 3",
        ),
        ("{{ nil }}", "1:3", "<nil>: nil is not a command"),
        (
            "{{ 1 2 }}",
            "1:3",
            "<1>: can't give argument to non-function 1",
        ),
        (
            "{{ eq 1 \"a\" }}",
            "1:3",
            "<eq>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{ lt true false }}",
            "1:3",
            "<lt>: error calling lt: invalid type for comparison",
        ),
        (
            "a\n {{ index . 9 }}",
            "2:4",
            "<index>: error calling index: index out of range: 9",
        ),
        (
            "{{ and }}",
            "1:3",
            "<and>: wrong number of args for and: want at least 1 got 0",
        ),
        (
            "{{ len 1 }}",
            "1:3",
            "<len>: error calling len: len of type int",
        ),
    ] {
        let want = format!("template: sockaddr.Parse:{at}: executing \"sockaddr.Parse\" at {want}");
        assert_eq!(refused(template), want, "{template}");
    }
}

/// Neither depth nor loops nor widths cost more than their limit.
#[test]
fn work_is_bounded() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(7000), ")".repeat(7000));
    assert!(refused(&deep).ends_with("nested deeper than 50"));
    let loops = format!("{}x{}", "{{ range $ }}".repeat(12), "{{ end }}".repeat(12));
    assert!(refused(&loops).ends_with("steps") || refused(&loops).ends_with("bytes"));
    let doubles = format!(
        "{{{{ $x := \"0123456789abcdef\" }}}}{}",
        "{{ $x = print $x $x }}".repeat(40)
    );
    assert!(refused(&doubles).ends_with("more than 65536 bytes"));
    assert!(refused("{{ printf \"%999999999d\" 1 }}").ends_with("wider than 65536 bytes"));
}

proptest! {
    #[test]
    fn no_template_breaks_the_language(
        words in proptest::collection::vec(
            "\\{\\{-? ?|-? ?\\}\\}|if|else|end|range|with|break|\\$x?|:?=|,|\\.[a-zA-Z]{0,5}|\\(|\\)|\\||print|printf|len|index|slice|eq|and|GetAllInterfaces|\"[^\"]{0,5}\"|`a|'.'|/\\*|-?[0-9a-fx.]{1,6}| |\n|é",
            0..30,
        )
    ) {
        let _ = written_on(machine(), &words.concat());
    }
}

#[test]
fn a_million_levels_need_little_stack() {
    let deep = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        const DEEP: usize = 1_000_000;
        for (open, middle, close) in [
            ("{{", "1", "}}"),
            ("{{(", "1", ")}}"),
            ("{{ if true }}", "x", "{{ end }}"),
            ("{{ range . }}", "x", "{{ end }}"),
            ("{{ with 1 }}", "", "{{ else }}{{ end }}"),
            ("{{ 1", "", " | len }}"),
            ("{{/*", "", "*/}}"),
        ] {
            let nested = format!("{}{middle}{}", open.repeat(DEEP), close.repeat(DEEP));
            assert!(written_on(machine(), &nested).is_err(), "{open}");
        }
        for inside in ["(", "not ", "| len ", ".a", "$a ", "-", "\"", "`", "'"] {
            let text = format!("{{{{ {} }}}}", inside.repeat(DEEP));
            assert!(written_on(machine(), &text).is_err(), "{inside}");
        }
    });
    deep.expect("a thread").join().expect("no overflow");
}
