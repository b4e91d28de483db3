//! An evaluator that nobody would ship, written from the specification's words alone: it keeps rules as the text says them and
//! looks through all of them for every question. The compiled one must agree on random policies.

use acl::{Access, Authorizer, By, Context, Fallback, Policy, Resource, Right, Source, explain};
use rand::prelude::*;
use rand::rngs::SmallRng;

const NAMED: [&str; 7] = [
    "agent", "event", "key", "node", "query", "service", "session",
];
const PLAIN: [&str; 5] = ["acl", "keyring", "mesh", "operator", "peering"];
/// Few letters, so that names are often equal or prefixes of each other; some longer than eight bytes.
const NAMES: [&str; 16] = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "abd",
    "b/",
    "b/a",
    "*",
    "a\u{e9}",
    "abcdefgh",
    "abcdefghi",
    "abcdefghij",
    "abcdefgh-x",
    "web",
    "web-1",
];

/// One rule of a text.
#[derive(Clone, Debug)]
struct Said {
    kind: &'static str,
    prefix: bool,
    name: &'static str,
    level: &'static str,
    intentions: &'static str,
}

/// Texts of a few policies with what they say.
fn random(rng: &mut SmallRng) -> (Vec<String>, Vec<Said>) {
    let (mut texts, mut said) = (Vec::new(), Vec::new());
    for _ in 0..rng.random_range(1..5) {
        let mut text = String::new();
        let mut given = Vec::new();
        for _ in 0..rng.random_range(0..24) {
            if rng.random_bool(0.2) {
                let kind = *PLAIN.choose(rng).unwrap();
                if given.contains(&kind) {
                    continue;
                }
                given.push(kind);
                let level = *["read", "write", "deny", ""].choose(rng).unwrap();
                text += &format!("{kind} = {level:?}\n");
                said.push(Said {
                    kind,
                    prefix: false,
                    name: "",
                    level,
                    intentions: "",
                });
                continue;
            }
            // Keys and services have rules of their own: ask them more often.
            let kind = *NAMED
                .iter()
                .chain(&["key", "service", "service"])
                .choose(rng)
                .unwrap();
            let prefix = rng.random_bool(0.6);
            let name = *NAMES.choose(rng).unwrap();
            let levels: &[&str] = if kind == "key" {
                &["read", "list", "write", "deny"]
            } else {
                &["read", "write", "deny"]
            };
            let level = *levels.choose(rng).unwrap();
            let intentions = match kind {
                "service" => *["", "", "read", "write", "deny"].choose(rng).unwrap(),
                _ => "",
            };
            let word = if prefix {
                format!("{kind}_prefix")
            } else {
                kind.to_owned()
            };
            text += &format!("{word} {name:?} {{ policy = {level:?}");
            if !intentions.is_empty() {
                text += &format!(" intentions = {intentions:?}");
            }
            text += " }\n";
            said.push(Said {
                kind,
                prefix,
                name,
                level,
                intentions,
            });
        }
        texts.push(text);
    }
    (texts, said)
}

fn strongest<'a>(levels: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let levels: Vec<_> = levels.collect();
    ["deny", "write", "list", "read"]
        .into_iter()
        .find(|level| levels.contains(level))
}

/// What is said of one key of a rule.
fn of_key<'a>(said: &[&'a Said], resource: &str, prefix: bool, name: &str) -> Option<&'a str> {
    let kind = if resource == "intention" {
        "service"
    } else {
        resource
    };
    let mine = || {
        said.iter()
            .filter(|s| s.kind == kind && s.prefix == prefix && s.name == name)
    };
    let level = strongest(mine().map(|s| s.level))?;
    if resource != "intention" {
        return Some(level);
    }
    let given = strongest(mine().map(|s| s.intentions));
    Some(given.unwrap_or(if level == "deny" { "deny" } else { "read" }))
}

fn grants(level: &str, wanted: &str) -> bool {
    match level {
        "write" => true,
        "list" => wanted != "write",
        "read" => wanted == "read",
        _ => false,
    }
}

/// All keys of a resource, as prefix and name.
fn keys(said: &[&Said], resource: &str) -> Vec<(bool, &'static str)> {
    let kind = if resource == "intention" {
        "service"
    } else {
        resource
    };
    said.iter()
        .filter(|s| s.kind == kind)
        .map(|s| (s.prefix, s.name))
        .collect()
}

fn decide(said: &[Said], resource: &str, name: &str, access: &str, peer: bool) -> Option<bool> {
    let said: Vec<&Said> = said.iter().collect();
    let level = |prefix, name: &str| of_key(&said, resource, prefix, name);
    let wanted = access.split('-').next().unwrap();
    if PLAIN.contains(&resource) {
        let own = |kind: &str| strongest(said.iter().filter(|s| s.kind == kind).map(|s| s.level));
        let level = match resource {
            "mesh" | "peering" => own(resource).or_else(|| own("operator")),
            _ => own(resource),
        }?;
        return Some(grants(level, wanted));
    }
    let every = || {
        keys(&said, resource)
            .into_iter()
            .map(|(p, n)| grants(level(p, n).unwrap(), wanted))
    };
    let root = || level(true, "").map(|level| grants(level, wanted));
    let all = || {
        if every().any(|ok| !ok) {
            Some(false)
        } else {
            root()
        }
    };
    let any = || {
        if every().any(|ok| ok) {
            Some(true)
        } else {
            root()
        }
    };
    let longest = || {
        let prefixes = keys(&said, resource)
            .into_iter()
            .filter(|(p, n)| *p && name.starts_with(n));
        prefixes
            .map(|(_, n)| n)
            .max_by_key(|n| n.len())
            .and_then(|n| level(true, n))
    };
    if peer && wanted == "read" && access == "read" && ["node", "service"].contains(&resource) {
        let services: Vec<_> = keys(&said, "service");
        let writer = services
            .iter()
            .any(|(p, n)| of_key(&said, "service", *p, n) == Some("write"));
        return if writer { Some(true) } else { all() };
    }
    match access {
        "read-all" => all(),
        "write-any" => any(),
        "read-prefix" | "write-prefix" => {
            let above = longest().map(|level| grants(level, wanted));
            let below = keys(&said, resource)
                .into_iter()
                .filter(|(_, n)| n.starts_with(name));
            let refused = below
                .into_iter()
                .any(|(p, n)| !grants(level(p, n).unwrap(), wanted));
            if above == Some(false) || refused {
                Some(false)
            } else {
                above
            }
        }
        "read" if resource == "intention" && name == "*" => any(),
        "write" if resource == "intention" && name == "*" => all(),
        _ => level(false, name)
            .or_else(longest)
            .map(|level| grants(level, wanted)),
    }
}

const ACCESSES: [(&str, Access); 7] = [
    ("read", Access::Read),
    ("list", Access::List),
    ("write", Access::Write),
    ("read-prefix", Access::ReadPrefix),
    ("write-prefix", Access::WritePrefix),
    ("read-all", Access::ReadAll),
    ("write-any", Access::WriteAny),
];

/// Compares both on random policies until so many decisions were made.
fn compare(seed: u64, decisions: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut made, mut by_rule) = (0, 0);
    while made < decisions {
        let (texts, said) = random(&mut rng);
        let policies: Vec<Policy> = texts
            .iter()
            .map(|text| Policy::parse(text).unwrap())
            .collect();
        let fallback = *[Fallback::Allow, Fallback::Deny].choose(&mut rng).unwrap();
        let authorizer = Authorizer::compile(&policies.iter().collect::<Vec<_>>(), fallback);
        for _ in 0..20 {
            let resource = *Resource::ALL.choose(&mut rng).unwrap();
            let (word, access) = *ACCESSES.choose(&mut rng).unwrap();
            let mut name = (*NAMES.choose(&mut rng).unwrap()).to_owned();
            if rng.random_bool(0.3) {
                name.push_str(NAMES.choose(&mut rng).unwrap());
            }
            let peer = rng.random_bool(0.1);
            let naive = decide(&said, resource.word(), &name, word, peer);
            let expected =
                naive.unwrap_or(fallback == Fallback::Allow && resource != Resource::Acl);
            let context = Context {
                peer: if peer { "p" } else { "" },
            };
            let told = authorizer
                .decide(Right::new(resource, &name, access), context)
                .is_allowed();
            assert_eq!(
                told, expected,
                "{texts:#?}\n{resource:?} {name:?} {word} peer {peer} {fallback:?}"
            );
            if made % 8 == 0 {
                let sources: Vec<Source<'_>> = policies
                    .iter()
                    .map(|policy| Source {
                        id: "",
                        name: "",
                        policy,
                    })
                    .collect();
                let right = Right::new(resource, &name, access);
                let why = explain(&sources, fallback, right, context);
                assert_eq!(
                    why.decision.is_allowed(),
                    expected,
                    "{texts:#?}\n{right} {why:?}"
                );
                assert_eq!(
                    matches!(why.by, By::Rule(_)),
                    naive.is_some(),
                    "{texts:#?}\n{right}"
                );
            }
            made += 1;
            by_rule += u64::from(naive.is_some());
        }
    }
    assert!(
        by_rule * 4 > made,
        "random rules decide too little: {by_rule} of {made}"
    );
}

#[test]
fn the_compiled_one_decides_as_the_naive_one() {
    compare(1, 100_000);
}

/// By hand: `cargo test --profile ci -p acl -- --ignored ten_million --nocapture`.
#[test]
#[ignore = "minutes"]
fn ten_million_decisions() {
    let begun = std::time::Instant::now();
    compare(2, 10_000_000);
    println!("10^7 decisions equal in {:?}", begun.elapsed());
}

/// What a decision costs. By hand: `cargo test --profile ci -p acl -- --ignored hot_path --nocapture`.
#[test]
#[ignore = "a measurement"]
fn hot_path() {
    for rules in [2usize, 20, 1000] {
        let text: String = (0..rules)
            .map(|n| format!("key_prefix \"config/service-{n:04}/\" {{ policy = \"read\" }}\n"))
            .collect();
        let policy = Policy::parse(&text).unwrap();
        let authorizer = Authorizer::compile(&[&policy], Fallback::Deny);
        let names: Vec<String> = (0..1024)
            .map(|n| format!("config/service-{:04}/some/key", n * 7 % rules))
            .collect();
        let rounds = 2000;
        let mut allowed = 0u64;
        let begun = std::time::Instant::now();
        for _ in 0..rounds {
            for name in &names {
                let right = Right::new(Resource::Key, name, Access::Read);
                let told = authorizer.decide(std::hint::black_box(right), Context::LOCAL);
                allowed += u64::from(told.is_allowed());
            }
        }
        let each = begun.elapsed().as_nanos() as f64 / (rounds * names.len()) as f64;
        assert_eq!(allowed, (rounds * names.len()) as u64);
        println!("{rules} rules: {each:.1} ns a decision");
    }
}
