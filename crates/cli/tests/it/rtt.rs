//! `consul rtt` against a scripted agent.

use crate::fake::Fake;
use crate::run::consul_with;

const SELF: &str = r#"{"Config": {"NodeName": "n1", "Datacenter": "dc1"},
    "Coord": {"Vec": [0.0], "Error": 1.5, "Adjustment": 0.0, "Height": 0.00001}}"#;
const TWO: &str = r#"[
    {"Node": "n1", "Segment": "", "Coord": {"Vec": [0.0], "Error": 1.5, "Adjustment": 0.0, "Height": 0.001}},
    {"Node": "n2", "Segment": "", "Coord": {"Vec": [0.01], "Error": 1.5, "Adjustment": 0.0, "Height": 0.001}}]"#;

/// Exit status and the last line of what was said.
fn rtt(script: &[(u16, &str)], args: &[&str]) -> (i32, String) {
    let fake = Fake::new(script);
    let args = [&["rtt"], args].concat();
    let done = consul_with(&args, &[("CONSUL_HTTP_ADDR", &fake.address)], "");
    let said = done.out + &done.err;
    (done.status, said.trim_end().to_owned())
}

#[test]
fn one_node_is_measured_from_this_agents() {
    let (status, said) = rtt(&[(200, SELF), (200, TWO)], &["n2"]);
    assert_eq!(
        (status, said.as_str()),
        (
            0,
            "Estimated n2 <-> n1 rtt: 12.000 ms (using LAN coordinates)"
        )
    );
}

/// An agent knows its own coordinate before the servers do.
#[test]
fn a_node_is_near_itself_even_where_the_servers_know_nothing_yet() {
    let estimated = "Estimated n1 <-> n1 rtt: 0.020 ms (using LAN coordinates)";
    for script in [
        &[(200, SELF), (200, "[]"), (200, SELF)][..],
        &[(200, "[]"), (200, SELF)],
    ] {
        let args: &[&str] = if script.len() == 3 {
            &["n1"]
        } else {
            &["n1", "n1"]
        };
        assert_eq!(rtt(script, args), (0, estimated.to_owned()));
    }
    let (status, said) = rtt(&[(200, "[]"), (200, SELF)], &["n3", "n3"]);
    assert_eq!(
        (status, said.as_str()),
        (1, "Could not find a coordinate for node \"n3\"")
    );
}
