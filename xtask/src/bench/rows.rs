//! Rows whose cost is CPU per operation under load.

use super::agent::{Agent, HOST};
use super::load::{Nginx, Nsd, dnsperf, wrk};
use super::{Figure, Unit, rounds};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Names in the list of services.
const SERVICE_NAMES: usize = 500;

/// How a row loads the agent.
enum Load {
    Http {
        path: &'static str,
        connections: u32,
        script: Option<&'static str>,
    },
    Dns {
        queries: &'static str,
    },
}

/// A row before it is measured.
struct Row {
    key: &'static str,
    work: &'static str,
    wanted: &'static str,
    load: Load,
}

/// A thousand keys in turn, 100 bytes each.
const PUT_SCRIPT: &str = r#"
local n = 0
local value = string.rep("v", 100)
request = function()
  n = n + 1
  return wrk.format("PUT", "/v1/kv/bench/put/" .. (n % 1000), nil, value)
end
"#;

/// Two hundred nodes in turn; the check of a node changes its status every time.
const REGISTER_SCRIPT: &str = r#"
local n = 0
request = function()
  n = n + 1
  local i = n % 200
  local status = (math.floor(n / 200) % 2 == 0) and "passing" or "warning"
  local body = string.format('{"Node":"reg-%d","Address":"10.9.0.1","Service":{"ID":"reg","Service":"reg-%d","Port":80},' ..
    '"Check":{"CheckID":"reg","Name":"alive","ServiceID":"reg","Status":"%s"}}', i, i % 20, status)
  return wrk.format("PUT", "/v1/catalog/register", nil, body)
end
"#;

fn table() -> Vec<Row> {
    let get = |key, work, wanted, path| Row {
        key,
        work,
        wanted,
        load: Load::Http {
            path,
            connections: 32,
            script: None,
        },
    };
    vec![
        get(
            "kv-get",
            "KV GET, 32 connections",
            "≤ 1.8 × nginx",
            "/v1/kv/bench/get",
        ),
        Row {
            key: "kv-put",
            work: "KV PUT, 100 bytes, 64 connections, durable",
            wanted: "≤ 4 × nginx",
            load: Load::Http {
                path: "/",
                connections: 64,
                script: Some(PUT_SCRIPT),
            },
        },
        get(
            "health-3",
            "health of a service with 3 instances",
            "≤ 2 × nginx",
            "/v1/health/service/three",
        ),
        get(
            "health-300",
            "health of a service with 300 instances",
            "≤ 12 × nginx",
            "/v1/health/service/many",
        ),
        get(
            "catalog-services",
            "catalog services, 500 names",
            "≤ 4 × nginx",
            "/v1/catalog/services",
        ),
        Row {
            key: "register",
            work: "catalog register with a check, 32 connections, durable",
            wanted: "≤ 8 × nginx",
            load: Load::Http {
                path: "/",
                connections: 32,
                script: Some(REGISTER_SCRIPT),
            },
        },
        Row {
            key: "dns-3",
            work: "DNS A and SRV, 3 instances",
            wanted: "≤ 2 × nsd",
            load: Load::Dns {
                queries: "three.service.consul. A\nthree.service.consul. SRV\n",
            },
        },
        Row {
            key: "dns-300",
            work: "DNS A and SRV, 300 instances",
            wanted: "≤ 3 × nsd",
            load: Load::Dns {
                queries: "many.service.consul. A\nmany.service.consul. SRV\n",
            },
        },
    ]
}

/// Measures the rows that were asked for.
pub(crate) fn measure(binary: &Path, asked: &dyn Fn(&str) -> bool) -> Result<Vec<Figure>> {
    let rows: Vec<Row> = table().into_iter().filter(|row| asked(row.key)).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (nginx, nsd) = (Nginx::start()?, Nsd::start()?);
    let agent = Agent::start(binary, "rows")?;
    fill(&agent)?;
    let mut figures: Vec<Figure> = rows
        .iter()
        .map(|row| Figure {
            work: row.work,
            wanted: row.wanted,
            values: Vec::new(),
            unit: Unit::Micros,
            yardstick: Vec::new(),
        })
        .collect();
    for round in 0..rounds() {
        for (row, figure) in rows.iter().zip(&mut figures) {
            let (yardstick, value) = match &row.load {
                Load::Http {
                    path,
                    connections,
                    script,
                } => {
                    let script: Option<PathBuf> = script
                        .map(|text| agent.scratch.file("load.lua", text))
                        .transpose()?;
                    let yardstick = nginx.cost(*connections)?;
                    let url = agent.url(path);
                    let value = agent.cost(|| wrk(&url, *connections, script.as_deref()))?;
                    (yardstick, value)
                }
                Load::Dns { queries } => {
                    let file = agent.scratch.file("queries", queries)?;
                    let yardstick = nsd.cost()?;
                    (yardstick, agent.cost(|| dnsperf(HOST, 8600, &file))?)
                }
            };
            eprintln!(
                "round {round} {}: {value:.1} µs, yardstick {yardstick:.1} µs, {:.2} ×",
                row.key,
                value / yardstick
            );
            figure.values.push(value);
            figure.yardstick.push(yardstick);
        }
    }
    Ok(figures)
}

fn fill(agent: &Agent) -> Result<()> {
    let mut client = agent.client()?;
    client.must("PUT", "/v1/kv/bench/get", "v".repeat(100).as_bytes())?;
    agent.service("three", 3)?;
    agent.service("many", 300)?;
    // The two above and the server itself count as well.
    for n in 3..SERVICE_NAMES {
        let body = format!(
            r#"{{"Node":"names","Address":"10.8.0.1","Service":{{"ID":"s{n}","Service":"service-{n}","Tags":["v1"],"Port":80}}}}"#
        );
        client.must("PUT", "/v1/catalog/register", body.as_bytes())?;
    }
    Ok(())
}
