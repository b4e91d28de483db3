//! Address templates and the addresses that follow from them (agent-config.md §5).

use crate::host::{Machine, accept, interface, load_on, machine};
use config::Flags;
use proptest::prelude::*;
use serde_json::json;

fn client(template: &str) -> Result<Vec<String>, String> {
    let text =
        json!({"data_dir": "/d", "bind_addr": "127.0.0.1", "client_addr": template}).to_string();
    load_on(machine(), &[("/t.json", &text)], &Flags::default())
        .map(|l| {
            l.config
                .net
                .client
                .iter()
                .map(ToString::to_string)
                .collect()
        })
        .map_err(|e| e.to_string())
}

#[test]
fn functions() {
    for (template, want) in [
        ("{{ GetPrivateIP }}", "10.0.0.7"),
        ("{{GetPrivateIPs}}", "10.0.0.7"),
        ("{{ GetPublicIP }}", "8.8.4.9"),
        ("{{ GetInterfaceIP \"eth0\" }}", "10.0.0.7"),
        ("{{ GetInterfaceIPs \"eth1\" }}", "8.8.4.9 2600::9"),
        (
            "{{ GetAllInterfaces | include \"network\" \"127.0.0.0/8\" | attr \"address\" }}",
            "127.0.0.1",
        ),
        (
            "{{ GetAllInterfaces | include \"name\" \"eth.*\" | include \"type\" \"ipv4\" | join \"address\" \" \" }}",
            "10.0.0.7 8.8.4.9",
        ),
        (
            "{{ GetAllInterfaces | exclude \"type\" \"ipv6\" | exclude \"flags\" \"loopback\" | sort \"-address\" | limit 1 | attr \"address\" }}",
            "10.0.0.7",
        ),
        (
            "{{ GetAllInterfaces | include \"rfc\" \"1918\" | attr \"address\" }}",
            "10.0.0.7",
        ),
        (
            "{{ GetAllInterfaces | include \"type\" \"ipv4\" | offset 1 | limit 1 | attr \"address\" }}",
            "10.0.0.7",
        ),
        (
            "{{ GetPrivateInterfaces | math \"network\" \"+5\" | attr \"address\" }}",
            "10.0.0.5",
        ),
        (
            "{{ GetPrivateInterfaces | math \"network\" \"-1\" | attr \"address\" }}",
            "10.0.0.255",
        ),
        (
            "{{ GetPrivateInterfaces | math \"address\" \"+1\" | attr \"address\" }}",
            "10.0.0.8",
        ),
        (
            "{{ GetDefaultInterfaces | include \"type\" \"ipv4\" | attr \"address\" }}",
            "10.0.0.7",
        ),
        ("127.0.0.1 {{ GetPrivateIP }}", "127.0.0.1 10.0.0.7"),
        (
            "{{ GetAllInterfaces | unique \"name\" | include \"size\" \"8\" | attr \"address\" }}",
            "127.0.0.1",
        ),
    ] {
        let want: Vec<String> = want.split(' ').map(String::from).collect();
        assert_eq!(client(template), Ok(want), "{template}");
    }
}

#[test]
fn mistakes_are_told() {
    for template in [
        "{{ GetPrivateIP",
        "{{ Nonsense }}",
        "{{ GetAllInterfaces | include \"name\" \"(\" | attr \"address\" }}",
        "{{ GetAllInterfaces | include \"name\" }}",
        "{{ GetAllInterfaces | attr \"nope\" }}",
        "{{ \"unclosed }}",
        "{{ }}",
    ] {
        let got = client(template).expect_err(template);
        let head = format!("1 error occurred:\n\t* client_addr: error parsing {template:?}: ");
        assert!(got.starts_with(&head), "{got}");
    }
}

fn detect(interfaces: Vec<config::Interface>, bind: &str) -> Result<String, String> {
    let m = Machine {
        interfaces,
        ..Machine::default()
    };
    let text = json!({"data_dir": "/d", "bind_addr": bind}).to_string();
    load_on(m, &[("/t.json", &text)], &Flags::default())
        .map(|l| l.config.net.advertise_lan.to_string())
        .map_err(|e| e.to_string())
}

#[test]
fn the_address_to_advertise() {
    let lo = || interface("lo", 1, "127.0.0.1", 8);
    let one = || interface("eth0", 2, "10.0.0.7", 24);
    assert_eq!(detect(vec![lo(), one()], "0.0.0.0"), Ok("10.0.0.7".into()));
    assert_eq!(detect(vec![lo()], "0.0.0.0"), Ok("127.0.0.1".into()));
    // What is no private address is not advertised: a public one must be configured, a test network counts as none.
    for (other, wanted) in [
        ("8.8.8.8", Err("No private IPv4 address found".to_string())),
        (
            "172.32.0.1",
            Err("No private IPv4 address found".to_string()),
        ),
        ("192.0.2.1", Ok("127.0.0.1".to_string())),
        ("198.51.100.1", Ok("127.0.0.1".to_string())),
        ("203.0.113.1", Ok("127.0.0.1".to_string())),
        ("198.18.0.1", Ok("127.0.0.1".to_string())),
        ("240.0.0.1", Ok("127.0.0.1".to_string())),
        ("192.0.0.1", Ok("127.0.0.1".to_string())),
    ] {
        let machine = vec![lo(), interface("eth0", 2, other, 24)];
        assert_eq!(detect(machine, "0.0.0.0"), wanted, "{other}");
    }
    for private in [
        "10.255.0.1",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.0.1",
        "100.64.0.1",
        "100.127.0.1",
        "169.254.1.1",
    ] {
        let machine = vec![
            lo(),
            interface("eth0", 2, private, 24),
            interface("eth1", 3, "198.19.0.1", 24),
        ];
        assert_eq!(detect(machine, "0.0.0.0"), Ok(private.into()));
    }
    assert_eq!(
        detect(vec![lo(), one(), interface("eth1", 3, "192.168.1.1", 24)], "0.0.0.0"),
        Err("Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.".into())
    );
    assert_eq!(
        detect(vec![lo(), one(), interface("eth1", 3, "2600::1", 64)], "::"),
        Ok("2600::1".into())
    );
    assert_eq!(
        detect(vec![lo(), one()], "::"),
        Err("No public IPv6 address found".into())
    );
    let mut down = interface("eth1", 3, "192.168.1.1", 24);
    down.up = false;
    assert_eq!(
        detect(vec![lo(), one(), down], "0.0.0.0"),
        Ok("10.0.0.7".into())
    );
}

#[test]
fn tagged_addresses_of_the_node() {
    let c = accept(
        json!({"advertise_addr": "10.0.0.1", "advertise_addr_ipv6": "2600::1", "advertise_addr_wan": "1.2.3.4",
        "tagged_addresses": {"mine": "x", "lan": "overwritten"}}),
    );
    let got: Vec<(&str, &str)> = c
        .net
        .tagged_addresses
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        got,
        [
            ("lan", "10.0.0.1"),
            ("lan_ipv4", "10.0.0.1"),
            ("lan_ipv6", "2600::1"),
            ("mine", "x"),
            ("wan", "1.2.3.4"),
            ("wan_ipv4", "1.2.3.4")
        ]
    );
}

proptest! {
    #[test]
    fn no_template_breaks_the_evaluator(
        words in proptest::collection::vec(
            "GetAllInterfaces|GetPrivateIPs|\\||include|exclude|sort|limit|offset|attr|join|math|\"(name|address|network|type|size|flags|rfc|/?[0-9]{1,3}|[-+][0-9]{1,20}|[0-9.]{1,9}/[0-9]{1,3}|.{0,5})\"|-?[0-9]{1,20}",
            0..12,
        )
    ) {
        let _ = client(&format!("{{{{ {} }}}}", words.join(" ")));
    }
}
