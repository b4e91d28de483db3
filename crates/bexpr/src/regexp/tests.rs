use super::*;

#[track_caller]
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let regex = compile(pattern.as_bytes()).expect(pattern);
    for text in yes {
        assert!(regex.is_match(text.as_bytes()), "{pattern} on {text}");
    }
    for text in no {
        assert!(!regex.is_match(text.as_bytes()), "{pattern} on {text}");
    }
}

#[test]
fn matches_like_go() {
    check(r"^\d+\.", &["10.0"], &["a10", "٣."]);
    check("(?i)N1", &["n1"], &["n2"]);
    check("^n[12]$", &["n1"], &["n1\n", "n3"]);
    check(r"a{", &["a{"], &["a"]);
    check(r"a{,2}", &["a{,2}"], &["aa"]);
    check(r"a{01}", &["a{01}"], &["a"]);
    check(r"^a{2,3}?$", &["aa", "aaa"], &["a"]);
    check(r"^a{2,}$", &["aa", "aaaa"], &["a"]);
    check(r"\Qa.b\E+", &["a.bb"], &["axb"]);
    check(r"a\Q(\E*b", &["a((b", "ab"], &["a)b"]);
    check(r"\101\x42\x{43}\060", &["ABC0"], &["abc0"]);
    check(r"[]a]", &["]", "a"], &["b"]);
    check(r"[a&&b]", &["&"], &["c"]);
    check(r"[a-]", &["-", "a"], &["b"]);
    check(r"[a\-c]", &["-"], &["b"]);
    check(r"[[:digit:]x]", &["1", "x"], &["y"]);
    check(r"[[:^digit:]]", &["x"], &["1"]);
    check(r"[[:x]", &[":", "["], &["y"]);
    check(r"[^\d]", &["x"], &["1"]);
    check(r"\bfoo\B", &["foox"], &["foo", "xfoox"]);
    check(r"\pL\p{^Greek}", &["ab"], &["1", "ββ"]);
    check(r"\P{Greek}", &["a"], &["β"]);
    check(r"\p{Any}", &["a"], &[""]);
    check(r"^\p{C}$", &["\u{1}"], &["a", "\u{378}"]);
    check(r"[\x{d800}-\x{e000}]", &["\u{e000}"], &["a"]);
    check(r"a|\x{d800}", &["a"], &["b"]);
    check(r"(?P<1a>x)(?:y)", &["xy"], &["x"]);
    check(r"(?P<n>a)(?<n>b)", &["ab"], &["a"]);
    check(r"(?)a(?i:b)", &["aB"], &["AB"]);
    check(r"a(?i)b|c(?-i)d", &["aB", "Cd"], &["Ab", "CD"]);
    check(r"(?i)[^k]", &["x"], &["k", "K", "\u{212a}"]);
    check(r"(?s)^a.b$", &["a\nb"], &[]);
    check(r"(?m)^b$", &["a\nb"], &["ab"]);
    check(r"^(?:a*\Q\E*)?$", &["", "aa"], &["b"]);
    check(r"^(?i)*a$", &["a", "A"], &["b"]);
    check("", &["", "x"], &[]);
    check("a||b", &["x"], &[]);
    check(r"\_\<", &["_<"], &["_"]);
    check(r"(|a)*", &[""], &[]);
}

#[test]
fn greed_can_be_swapped() {
    let found = |pattern: &str| {
        let regex = compile_capturing(pattern.as_bytes()).expect(pattern);
        let captures = regex.captures(b"aaa").expect("matches");
        String::from_utf8_lossy(&captures[1]).into_owned()
    };
    assert_eq!(found("(a+)"), "aaa");
    assert_eq!(found("(a+?)"), "a");
    assert_eq!(found("(?U)(a+)"), "a");
    assert_eq!(found("(?U)(a+?)"), "aaa");
    assert_eq!(found("(?U)((?-U)a+)"), "aaa");
    assert_eq!(found("(?:x)?(?P<n>a)"), "a");
}

#[track_caller]
fn refused(pattern: &[u8], expected: &str) {
    let shown = String::from_utf8_lossy(pattern).into_owned();
    let refusal = compile(pattern).expect_err(&shown).to_string();
    assert_eq!(
        refusal,
        format!("error parsing regexp: {expected}"),
        "{shown}"
    );
}

#[test]
fn refuses_with_the_words_of_go() {
    for (pattern, expected) in [
        ("(", "missing closing ): `(`"),
        ("a(b", "missing closing ): `a(b`"),
        ("(a|b|", "missing closing ): `(a|b|`"),
        ("(?:a", "missing closing ): `(?:a`"),
        ("a)", "unexpected ): `a)`"),
        ("(a|b|))", "unexpected ): `(a|b|))`"),
        ("[", "missing closing ]: `[`"),
        ("[]", "missing closing ]: `[]`"),
        ("[^]", "missing closing ]: `[^]`"),
        ("x[a-", "missing closing ]: `[a-`"),
        ("([a-z)", "missing closing ]: `[a-z)`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|+?", "missing argument to repetition operator: `+?`"),
        ("({2}", "missing argument to repetition operator: `{2}`"),
        ("(?i)*", "missing argument to repetition operator: `*`"),
        (r"\Q\E*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*+", "invalid nested repetition operator: `*+`"),
        ("a??*", "invalid nested repetition operator: `??*`"),
        ("a+{2}", "invalid nested repetition operator: `+{2}`"),
        ("a{2}{3}?", "invalid nested repetition operator: `{2}{3}?`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{1001}?", "invalid repeat count: `{1001}`"),
        ("a{9876543210}", "invalid repeat count: `{9876543210}`"),
        ("a{1001,}", "invalid repeat count: `{1001,}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("{1001}", "invalid repeat count: `{1001}`"),
        ("(a{32}){32}?", "invalid repeat count: `{32}?`"),
        ("((a{100}){10}){2}", "invalid repeat count: `{2}`"),
        ("(a{501,}x){2}", "invalid repeat count: `{2}`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[9-0]", "invalid character class range: `9-0`"),
        ("(?i)[a-Z]", "invalid character class range: `a-Z`"),
        (r"[\x{61}-A]", r"invalid character class range: `\x{61}-A`"),
        ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
        (r"\p{greek}", r"invalid character class range: `\p{greek}`"),
        (
            r"\p{Letter}",
            r"invalid character class range: `\p{Letter}`",
        ),
        (r"\p{Grek}", r"invalid character class range: `\p{Grek}`"),
        (
            r"\p{sc=Greek}",
            r"invalid character class range: `\p{sc=Greek}`",
        ),
        (r"\pX", r"invalid character class range: `\pX`"),
        (r"\p", r"invalid character class range: `\p`"),
        (r"[\p{L", r"invalid character class range: `\p{L`"),
        (r"\y", r"invalid escape sequence: `\y`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"[\b]", r"invalid escape sequence: `\b`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\x", r"invalid escape sequence: `\x`"),
        (r"\xz", r"invalid escape sequence: `\xz`"),
        (r"\x1g2", r"invalid escape sequence: `\x1g`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\x{4z}", r"invalid escape sequence: `\x{4z`"),
        (r"\x{12", r"invalid escape sequence: `\x{12`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        ("\\", "trailing backslash at end of expression: ``"),
        ("[\\", "trailing backslash at end of expression: ``"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
        ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?", "invalid or unsupported Perl syntax: `(?`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?i-s-m)", "invalid or unsupported Perl syntax: `(?i-s-`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?P<", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?<", "invalid or unsupported Perl syntax: `(?<`"),
        ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
        ("(?P<>x)", "invalid named capture: `(?P<>`"),
        ("(?P<name", "invalid named capture: `(?P<name`"),
        ("x(?<n y>a)", "invalid named capture: `(?<n y>`"),
    ] {
        refused(pattern.as_bytes(), expected);
    }
    for (pattern, expected) in [
        (&b"a\xff"[..], "invalid UTF-8: `\u{fffd}`"),
        (b"[\xff]", "invalid UTF-8: `\u{fffd}]`"),
        (b"\\\xffx", "invalid UTF-8: `\u{fffd}x`"),
        (b"a)\xff", "unexpected ): `a)\u{fffd}`"),
        (b"(?P<n\xff", "invalid UTF-8: `\u{fffd}`"),
        (b"\\p{L\xff", "invalid UTF-8: `\u{fffd}`"),
    ] {
        refused(pattern, expected);
    }
}

#[test]
fn every_name_is_known_to_the_engine() {
    assert!(names::SCRIPTS.is_sorted());
    for name in names::SCRIPTS.iter().chain(&["L", "Zs", "C", "Cs", "Any"]) {
        for pattern in [format!(r"\p{{{name}}}"), format!(r"\P{{{name}}}")] {
            assert!(compile(pattern.as_bytes()).is_ok(), "{pattern}");
        }
    }
}

#[test]
fn what_costs_too_much_is_refused_before_it_is_built() {
    for pattern in [
        r"\pL{1000}".to_owned(),
        r"(?:[^a]{1000}){1}".repeat(4),
        r"\pL".repeat(27_000),
        "a".repeat(PATTERN_BYTES_MAX + 1),
        "(?i)".repeat(20_000),
        "a|".repeat(30_000),
        format!("[{}]", r"\d".repeat(30_000)),
        format!("[{}", "[:".repeat(30_000)),
        "()".repeat(30_000),
    ] {
        let refusal = compile(pattern.as_bytes()).expect_err("too large");
        let text = refusal.to_string();
        assert!(text.starts_with("error parsing regexp: expression too large: `"));
        assert!(text.ends_with(&format!("{pattern}`")));
    }
    // Places of groups are kept for every state of the program.
    let groups = format!("{}{}", "(a)".repeat(500), "b".repeat(500));
    assert!(compile(groups.as_bytes()).is_ok());
    assert!(compile_capturing(groups.as_bytes()).is_err());
}

#[test]
fn one_budget_serves_many_patterns() {
    let mut budget = Budget::default();
    let mut kept = Vec::new();
    let refused = loop {
        match budget.compile(format!("^web-{}$", kept.len()).as_bytes()) {
            Ok(pattern) => kept.push(pattern),
            Err(refused) => break refused,
        }
    };
    assert!(kept.len() > 100 && kept.len() < 1000, "{}", kept.len());
    assert!(refused.to_string().contains("expression too large"));
    assert!(budget.taken() <= COMPILED_BYTES_MAX);
}

#[test]
fn levels_are_bounded_and_need_little_stack() {
    let nested =
        |before: &str, after: &str, n: usize| format!("{}a{}", before.repeat(n), after.repeat(n));
    let deep = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            for (before, after, levels) in [
                ("(", ")", 1),
                ("(?:x", ")?", 2),
                ("(?:x|", "y)*", 2),
                ("(?i:[a-c]", "z){1,}", 2),
            ] {
                let most = (NESTING_MAX - 1) / levels;
                let regex = compile_capturing(nested(before, after, most).as_bytes());
                if let Ok(regex) = regex {
                    regex.is_match(b"xxxxa");
                }
                for n in [most + 2, 9_000] {
                    let pattern = nested(before, after, n);
                    let refused = compile(pattern.as_bytes()).expect_err("deep").to_string();
                    assert!(
                        refused.contains("expression nests too deeply: `")
                            || refused.contains("expression too large: `"),
                        "{before} {n}: {refused:.80}"
                    );
                }
            }
            for part in ["(", "[", "(?:", "a{2}", "(?i", "\\Q", "[[:", "(?P<"] {
                let _ = compile(part.repeat(PATTERN_BYTES_MAX / part.len()).as_bytes());
                let _ = compile(part.repeat(1_000_000).as_bytes());
            }
        });
    deep.expect("a thread").join().expect("no overflow");
}

proptest::proptest! {
    #[test]
    fn never_panics(pattern in r"[\\\[\](){}*+?|^$.a-c0-9:<>PQEdpxiU,é-]{0,24}", text in "[a-c0-9.]{0,8}") {
        if let Ok(regex) = compile(pattern.as_bytes()) {
            regex.is_match(text.as_bytes());
        }
    }

    /// What is read without a fault is never refused by the engine behind: its refusals would be told as the wrong fault.
    #[test]
    fn what_is_read_is_built(pattern in proptest::collection::vec(0u8..=255, 0..16), more in r"[\\\[\](){}*+?|^$.a-c0-2:<>PQEdpxiU,-]{0,24}") {
        for pattern in [pattern, more.into_bytes()] {
            if let Err(refused) = compile(&pattern) {
                proptest::prop_assert!(!refused.to_string().contains(TOO_LARGE), "{:?}", pattern);
            }
        }
    }
}
