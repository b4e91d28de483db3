use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600 + seconds)
}

fn metrics(hostname: Option<&str>) -> Metrics {
    Metrics::new(MetricsConfig {
        hostname: hostname.map(Into::into),
        prometheus_retention: Duration::from_secs(60),
        version: "1.21.4".into(),
        started: at(0),
        ..MetricsConfig::default()
    })
}

/// Values for every label of a row, and for the place in its name.
fn values(row: usize) -> Vec<String> {
    (0..ROWS[row].values()).map(|n| format!("v{n}")).collect()
}

#[test]
fn rows_are_sorted_and_unique() {
    assert!(ROWS.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn what_waits_for_later_is_in_the_table() {
    for (pattern, reason) in later::LATER {
        let (beginning, reason) = (pattern.trim_end_matches('*'), reason.trim());
        assert!(
            ROWS.iter().any(|row| row.name.starts_with(beginning)),
            "{pattern}"
        );
        assert!(!reason.is_empty(), "{pattern}");
    }
    let waits = |name: &str| table().find(|row| row.name == name).unwrap().later;
    assert_eq!(waits("kvs.apply"), None);
    assert_eq!(waits("client.rpc"), Some("client mode"));
    assert_eq!(waits("client.rpc.error.catalog_nodes"), None);
    assert_eq!(waits("memberlist.gossip"), Some("gossip"));
}

#[test]
fn every_metric_changes_once() {
    let metrics = Metrics::new(MetricsConfig {
        allowed: vec!["consul".into(), "consul.rpc.server.call".into()],
        ..MetricsConfig::default()
    });
    for row in 0..ROWS.len() {
        let values = values(row);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        metrics.series(Metric(row), &values).unwrap().record(2.5);
    }
    let interval = metrics.interval();
    assert_eq!(
        interval.gauges.len() + interval.counters.len() + interval.samples.len(),
        ROWS.len()
    );
    assert!(interval.gauges.iter().all(|gauge| gauge.value == 2.5));
    for row in interval.counters.iter().chain(&interval.samples) {
        assert_eq!(
            (row.count, row.sum, row.rate),
            (1, 2.5, 0.25),
            "{}",
            row.name
        );
    }
    let text = metrics.prometheus().finish();
    for (row, line) in ROWS.iter().enumerate() {
        let name = format!(
            "consul_{}",
            line.name.replace(['.', '-'], "_").replace('*', "v0")
        );
        let kind = match line.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            _ => "summary",
        };
        assert!(
            text.contains(&format!("# TYPE {name} {kind}\n")),
            "{row} {name}"
        );
    }
}

#[test]
fn known_metrics_are_there_from_the_start() {
    let text = metrics(None).prometheus().finish();
    assert!(text.contains("\nconsul_raft_apply 0\n"));
    assert!(text.contains("\nconsul_kvs_apply{quantile=\"0.99\"} NaN\nconsul_kvs_apply_sum 0\nconsul_kvs_apply_count 0\n"));
    assert!(text.contains("\nconsul_version{version=\"1.21.4\"} 1\n"));
    assert!(text.contains("\nprocess_resident_memory_bytes "));
}

/// Boards made for programs in Go find what has a meaning here, and nothing pretends to be what has none.
#[tokio::test]
async fn the_process_is_told_under_known_names() {
    let text = metrics(None).prometheus().finish();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in {text}"))
            .parse()
            .unwrap()
    };
    for row in &process::OWN {
        assert!(
            text.contains(&format!("# TYPE {} {}\n", row.name, row.kind.word())),
            "{}",
            row.name
        );
        assert!(value(row.name) >= 0.0, "{}", row.name);
    }
    assert!(value("process_resident_memory_bytes") <= value("process_virtual_memory_bytes"));
    assert!(value("process_open_fds") <= value("process_max_fds"));
    assert!(value("process_start_time_seconds") > 1.6e9 && value("go_threads") >= 1.0);
    let before = value("go_goroutines");
    let task = tokio::spawn(std::future::pending::<()>());
    let text = metrics(None).prometheus().finish();
    assert!(
        text.contains(&format!("\ngo_goroutines {}\n", before + 1.0)),
        "{text}"
    );
    task.abort();
    for (names, _) in process::ABSENT {
        for name in names.split(", ") {
            let start = format!("\n{}", name.trim_end_matches('*'));
            assert!(!text.contains(&start), "{name}");
        }
    }
}

#[test]
fn labels_make_series() {
    let metrics = metrics(None);
    let took = Duration::from_millis(3);
    metrics.time_with(names::API_HTTP, &["GET", "v1_kv_"], took);
    metrics.time_with(names::API_HTTP, &["GET", "v1_kv_"], took);
    metrics.time_with(names::API_HTTP, &["PUT", "say \"x\""], took);
    let text = metrics.prometheus().finish();
    assert!(text.contains("consul_api_http{method=\"GET\",path=\"v1_kv_\",quantile=\"0.5\"} 3\n"));
    assert!(text.contains("consul_api_http_count{method=\"GET\",path=\"v1_kv_\"} 2\n"));
    assert!(text.contains("consul_api_http_count{method=\"PUT\",path=\"say \\\"x\\\"\"} 1\n"));
}

#[test]
fn gauges_carry_the_machine_and_counters_do_not() {
    let metrics = metrics(Some("box"));
    metrics.gauge(names::SERVER_IS_LEADER, 1.0);
    metrics.incr(names::RAFT_APPLY);
    let interval = metrics.interval();
    assert_eq!(interval.gauges[0].name, "consul.box.server.isLeader");
    assert_eq!(interval.counters[0].name, "consul.raft.apply");
    let text = metrics.prometheus().finish();
    assert!(text.contains("\nconsul_box_server_isLeader 1\n"));
    assert!(text.contains("\nconsul_server_isLeader 1\n"));
}

#[test]
fn intervals_end_with_their_ten_seconds() {
    let metrics = metrics(None);
    let mut stream = metrics.subscribe();
    metrics.incr(names::RAFT_APPLY);
    metrics.tick(at(9));
    assert!(stream.try_recv().is_err());
    metrics.tick(at(10));
    let done = stream.try_recv().unwrap();
    assert_eq!(done.timestamp, "2025-01-01 00:00:00 +0000 UTC");
    assert_eq!(done.counters.len(), 1);
    assert_eq!(metrics.interval(), done);
    metrics.tick(at(20));
    assert!(metrics.interval().counters.is_empty());
    assert!(
        metrics
            .dump()
            .contains("[C] 'consul.raft.apply': Count: 1 ")
    );
    // What Prometheus sees goes on growing.
    metrics.incr(names::RAFT_APPLY);
    assert!(
        metrics
            .prometheus()
            .finish()
            .contains("\nconsul_raft_apply 2\n")
    );
}

#[test]
fn silent_series_are_forgotten() {
    let metrics = metrics(None);
    metrics.incr_with(names::RPC_CROSS_DC, &["dc2"]);
    let held = metrics.series(names::RPC_CROSS_DC, &["dc3"]).unwrap();
    for interval in 1..20 {
        metrics.tick(at(interval * 10));
    }
    let text = metrics.prometheus().finish();
    assert!(!text.contains("dc2"));
    assert!(text.contains("consul_rpc_cross_dc{datacenter=\"dc3\"} 0\n"));
    held.incr();
    assert!(
        metrics
            .prometheus()
            .finish()
            .contains("consul_rpc_cross_dc{datacenter=\"dc3\"} 1\n")
    );
}

#[test]
fn series_have_a_limit() {
    let metrics = metrics(None);
    for n in 0..=SERIES_MAX {
        metrics.incr_with(names::RPC_CROSS_DC, &[&n.to_string()]);
    }
    assert!(metrics.series(names::RPC_CROSS_DC, &["one more"]).is_none());
    let text = metrics.prometheus().finish();
    assert!(text.contains("consul_telemetry_dropped{reason=\"series\"} 2\n"));
}

#[test]
fn filters_reload() {
    let metrics = metrics(None);
    let text = |name: &str| vec![name.to_owned()];
    metrics.set_filter(&[], &text("consul.raft"), true);
    metrics.incr(names::RAFT_APPLY);
    metrics.incr(names::RPC_REQUEST);
    assert_eq!(metrics.interval().counters.len(), 1);
    metrics.set_filter(&[], &[], true);
    metrics.incr(names::RAFT_APPLY);
    assert_eq!(metrics.interval().counters.len(), 2);
}

#[test]
fn the_document_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), document());
}

/// Names in the dashboard's expressions: words with an underscore before a brace, bracket or space.
fn dashboard_names(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| {
            ["consul_", "process_", "go_"]
                .iter()
                .any(|start| word.starts_with(start))
        })
        .map(|word| word.trim_end_matches("_count").to_owned())
        .collect()
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/grafana/proconsul.json"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let shown = metrics(None).prometheus().finish();
    // Written by the door, from the catalog.
    let exporter = [
        "consul_catalog_service_node_healthy",
        "consul_health_service_status",
    ];
    let names = dashboard_names(&text);
    assert!(names.len() > 20);
    for name in names {
        let there = shown.contains(&format!("# TYPE {name} "));
        assert!(there || exporter.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn no_series_is_there_twice() {
    let text = metrics(None).prometheus().finish();
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').map(|(series, _)| series);
        assert!(seen.insert(series), "{line}");
    }
    assert!(seen.len() > 100);
}
