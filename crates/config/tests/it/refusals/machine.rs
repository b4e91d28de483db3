//! What files, flags and the machine bring, and the warnings.

use crate::host::{BASE, flags, load_on, load_text, machine, text};
use config::{FlagValue, Flags};

#[test]
fn files_and_flags() {
    let case = |paths: &[&str], f: Flags| {
        let mut m = machine();
        m.files.insert("/base.json".into(), BASE.into());
        m.files.insert("/d/x.txt".into(), "not read".into());
        let f = Flags {
            paths: paths.iter().map(|p| p.to_string()).collect(),
            ..f
        };
        config::load(&f, &m)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    let none = Flags::default();
    assert_eq!(case(&[], none.clone()), "data_dir cannot be empty");
    assert_eq!(
        case(&["/no.json"], none.clone()),
        "config: Open failed on /no.json. open /no.json: no such file or directory"
    );
    assert_eq!(
        case(&["/d/x.txt"], none.clone()),
        "file /d/x.txt has unknown extension; must be .hcl or .json, or config format must be set"
    );
    let format = |f: &str| Flags {
        config_format: Some(f.into()),
        ..none.clone()
    };
    assert_eq!(
        case(&[], format("xml")),
        "config: -config-format must be either 'hcl' or 'json'"
    );
    assert!(
        case(&["/d/x.txt"], format("json"))
            .starts_with("failed to parse /d/x.txt: invalid character 'o' in literal null")
    );
    assert_eq!(
        case(
            &["/base.json"],
            flags(&[("node-meta", FlagValue::Texts(vec!["consul-x:1".into()]))])
        ),
        "node_meta invalid: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use"
    );
    let dev = Flags {
        dev: true,
        ..flags(&[("bootstrap-expect", FlagValue::Int(3))])
    };
    assert_eq!(
        case(&[], dev),
        "'bootstrap_expect > 0' not allowed in dev mode"
    );
    assert_eq!(
        case(&["/base.json"], flags(&[("retry-interval", text("soon"))])),
        "1 error occurred:\n\t* retry_interval: invalid duration: \"soon\": time: invalid duration \"soon\"\n\n"
    );
}

#[test]
fn the_machine_sets_limits() {
    let mut m = machine();
    m.open_files = Some(219);
    let got = load_on(m.clone(), &[("/base.json", BASE)], &Flags::default());
    assert_eq!(
        got.map(|_| ()).map_err(|e| e.to_string()),
        Err("system allows a max of 219 file descriptors, but limits.http_max_conns_per_client: 200 needs at least 220".to_string())
    );
    m.open_files = Some(220);
    assert!(load_on(m, &[("/base.json", BASE)], &Flags::default()).is_ok());
    let mut m = machine();
    m.files
        .insert("/nowhere/data/mdb/data.mdb".into(), String::new());
    let got = load_on(
        m,
        &[("/base.json", BASE)],
        &flags(&[("server", FlagValue::Bool(true))]),
    );
    assert!(got.is_err_and(|e| {
        e.to_string()
            .starts_with("CRITICAL: Deprecated data folder found at \"/nowhere/data/mdb\"!\n")
    }));
}

#[test]
fn warnings() {
    let deployment =
        "See https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table";
    let renamed = |old: &str, new: &str| {
        format!("The '{old}' field is deprecated. Use the '{new}' field instead.")
    };
    let enterprise = |key: &str| {
        format!("\"{key}\" is a Consul Enterprise configuration and will have no effect")
    };
    for (case, want) in [
        (r#"{}"#, vec![]),
        (r#"{"bootstrap_expect": 1, "server": true}"#, vec![
            "BootstrapExpect is set to 1; this is the same as Bootstrap mode.".to_string(),
            "bootstrap = true: do not enable unless necessary".to_string(),
        ]),
        (r#"{"bootstrap_expect": 2, "server": true}"#, vec![
            format!("bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. {deployment}"),
            "bootstrap_expect > 0: expecting 2 servers".to_string(),
        ]),
        (r#"{"bootstrap_expect": 4, "server": true}"#, vec![
            format!("bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance. {deployment}"),
            "bootstrap_expect > 0: expecting 4 servers".to_string(),
        ]),
        (r#"{"node_name": "a_b"}"#, vec!["Node name \"a_b\" will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.".to_string()]),
        (r#"{"client_addr": ""}"#, vec!["client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections".to_string()]),
        (r#"{"start_join": ["x"]}"#, vec![renamed("start_join", "retry_join")]),
        (r#"{"ui": true}"#, vec![renamed("ui", "ui_config.enabled")]),
        (r#"{"acl": {"tokens": {"master": "x"}}}"#, vec![renamed("acl.tokens.master", "acl.tokens.initial_management")]),
        (r#"{"verify_incoming_rpc": true}"#, vec![renamed("verify_incoming_rpc", "tls.internal_rpc.verify_incoming")]),
        (r#"{"tls_min_version": "tls12"}"#, vec![
            renamed("tls_min_version", "tls.defaults.tls_min_version"),
            "'tls_min_version' value 'tls12' is deprecated, please specify 'TLSv1_2' instead".to_string(),
        ]),
        (r#"{"tls_prefer_server_cipher_suites": true}"#, vec!["The 'tls_prefer_server_cipher_suites' field is deprecated and will be ignored.".to_string()]),
        (r#"{"acl_enforce_version_8": true}"#, vec!["config key \"acl_enforce_version_8\" is deprecated and should be removed".to_string()]),
        (r#"{"audit": {"enabled": true, "sink": {"a": {"name": "x", "type": "file"}}}}"#, vec![
            "config key audit.sink[].name is deprecated and should be removed".to_string(),
            enterprise("audit"),
        ]),
        (r#"{"non_voting_server": true}"#, vec![enterprise("read_replica (or the deprecated non_voting_server)")]),
        (r#"{"partition": "x"}"#, vec![enterprise("partition")]),
        (r#"{"license_poll_max_time": "1m", "snapshot_agent": {"x": 1}}"#, vec![]),
        (r#"{"enable_script_checks": true, "http_config": {"allow_write_http_from": ["127.0.0.0/8"]}}"#, vec![]),
        (r#"{"telemetry": {"prefix_filter": ["", "x", "+a", "-b"]}}"#, vec![
            "Cannot have empty filter rule in prefix_filter".to_string(),
            "Filter rule must begin with either '+' or '-': \"x\"".to_string(),
        ]),
        (r#"{"auto_encrypt": {"ip_san": ["x"]}}"#, vec!["Cannot parse ip \"x\" from AutoEncrypt.IPSAN".to_string()]),
        (r#"{"rpc": {"enable_streaming": true}}"#, vec!["rpc.enable_streaming = true has no effect when not running in server mode".to_string()]),
    ] {
        let got = load_text("/case.json", case).map(|l| l.warnings).map_err(|e| e.to_string());
        assert_eq!(got, Ok(want), "{case}");
    }
}
