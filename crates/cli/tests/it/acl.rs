//! `consul acl …` against a scripted agent: what is asked, what is printed (spec: cli.md §8, http-api.md §22).

mod logins;
mod policies;
mod tokens;

use crate::fake::Fake;
use crate::run::{Done, consul_with};

const A: &str = "11111111-aaaa-4aaa-8aaa-000000000001";
const P: &str = "22222222-bbbb-4bbb-8bbb-000000000001";
const R: &str = "33333333-cccc-4ccc-8ccc-000000000001";
const B: &str = "44444444-dddd-4ddd-8ddd-000000000001";

/// Runs a command against an agent with this script.
fn run(script: &[(u16, &str)], words: &str, more: &[&str]) -> (Done, Fake) {
    run_with(script, words, more, "")
}

fn run_with(script: &[(u16, &str)], words: &str, more: &[&str], stdin: &str) -> (Done, Fake) {
    let fake = Fake::new(script);
    let args: Vec<&str> = words.split(' ').chain(more.iter().copied()).collect();
    let env = [
        ("CONSUL_HTTP_ADDR", fake.address.as_str()),
        ("CONSUL_HTTP_TOKEN", "key"),
    ];
    let done = consul_with(&args, &env, stdin);
    assert_eq!(
        fake.asked().len(),
        script.len(),
        "{words}: {}{}",
        done.out,
        done.err
    );
    (done, fake)
}

/// Output of a command that must succeed.
fn ok(script: &[(u16, &str)], words: &str, more: &[&str]) -> (String, Fake) {
    let (done, fake) = run(script, words, more);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{words}");
    (done.out, fake)
}

/// Error text of a command that must fail with status 1 and no output.
fn fails(script: &[(u16, &str)], words: &str, more: &[&str]) -> String {
    let (done, _) = run(script, words, more);
    assert_eq!((done.status, done.out.as_str()), (1, ""), "{words}");
    done.err
}
