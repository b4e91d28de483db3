use super::frame::Bench;
use crate::Config;

#[test]
fn metrics_come_as_json_and_as_prometheus() {
    let bench = Bench::new(Config::default());
    bench.ask("GET", "/v1/kv/k", &[], "");
    let json = bench.ask("GET", "/v1/agent/metrics", &[], "").body;
    assert!(
        json.starts_with("{\"Timestamp\":\"1970-01-01 00:00:00 +0000 UTC\",\"Gauges\":["),
        "{json}"
    );
    assert!(
        json.contains("\"Name\":\"consul.api.http\",\"Count\":1,"),
        "{json}"
    );
    assert!(
        json.contains("\"Labels\":{\"method\":\"GET\",\"path\":\"v1_kv_\"}"),
        "{json}"
    );
    for (target, accept) in [
        ("/v1/agent/metrics?format=prometheus", ""),
        ("/v1/agent/metrics", "x/y, application/openmetrics-text"),
        ("/v1/agent/metrics", "text/plain;version=0.4.0;q=0.5"),
    ] {
        let got = bench.ask("GET", target, &[("accept", accept)], "");
        assert!(
            got.body
                .contains("consul_api_http_count{method=\"GET\",path=\"v1_kv_\"} 1\n"),
            "{target} {accept}"
        );
        assert!(!got.body.contains("consul_up "));
    }
    let plain = bench.ask("GET", "/v1/agent/metrics", &[("accept", "text/plain")], "");
    assert!(plain.body.starts_with('{'));
}

#[test]
fn the_exporter_is_asked_for() {
    let bench = Bench::new(Config::default());
    let got = bench.ask(
        "GET",
        "/v1/agent/metrics?format=prometheus&exporter",
        &[],
        "",
    );
    assert!(got.body.contains("# TYPE consul_up gauge\nconsul_up 1\n"));
    assert!(got.body.contains("\nconsul_raft_leader 1\n"));
    let line = "\nconsul_serf_lan_member_info{member=\"a\",role=\"\",version=\"\"} 1\n";
    assert!(got.body.contains(line));
    let got = bench.ask(
        "GET",
        "/v1/agent/metrics?format=prometheus&exporter&kv-prefix=/&kv-filter=(",
        &[],
        "",
    );
    assert_eq!(
        (got.status, got.body.as_str()),
        (
            400,
            "Invalid regular expression for kv-filter: error parsing regexp: missing closing ): `(`"
        )
    );
}

#[test]
fn monitors_get_lines_at_their_level() {
    let bench = Bench::new(Config::default());
    let got = bench.ask("GET", "/v1/agent/monitor?loglevel=debug&logjson", &[], "");
    assert_eq!((got.status, got.body.as_str()), (200, "json=true\ntwo\n"));
    let got = bench.ask("GET", "/v1/agent/monitor?loglevel=nonsense", &[], "");
    assert_eq!(
        (got.status, got.body.as_str()),
        (400, "Unknown log level: nonsense")
    );
}
