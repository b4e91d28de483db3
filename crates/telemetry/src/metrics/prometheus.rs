//! The Prometheus text format, version 0.0.4 (spec/agent-config.md §21.1).

use super::cell::Cell;
use super::row::Kind;
use super::table::ROWS;
use super::{Metrics, labels, name_on};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Quantiles of a summary.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99")];

/// Families being written; names are those of Prometheus already.
#[derive(Debug, Default)]
pub struct Exposition(BTreeMap<String, Family>);

#[derive(Debug)]
struct Family {
    help: String,
    kind: &'static str,
    lines: String,
    /// Counters by what stands before the value. Two names may become one (`msg.dead`, `msg_dead`), and a series that
    /// is there twice makes Prometheus drop it: they count together.
    counted: BTreeMap<String, f64>,
}

impl Exposition {
    /// Begins a family, or goes on with it. `kind` is `counter`, `gauge` or `summary`.
    fn family(&mut self, name: &str, kind: &'static str, help: &str) -> &mut Family {
        self.0.entry(name.to_owned()).or_insert_with(|| Family {
            help: help.replace('\\', "\\\\").replace('\n', "\\n"),
            kind,
            lines: String::new(),
            counted: BTreeMap::new(),
        })
    }

    /// One value of a gauge.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let family = self.family(name, "gauge", help);
        line(&mut family.lines, name, "", labels, None, value);
    }

    /// One value of a counter; what a series is given twice adds up.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let mut key = String::new();
        series(&mut key, name, "", labels, None);
        let family = self.family(name, "counter", help);
        *family.counted.entry(key).or_default() += value;
    }

    /// The text, families by name.
    pub fn finish(self) -> String {
        let mut out = String::with_capacity(self.0.values().map(|f| f.lines.len() + 128).sum());
        for (name, family) in self.0 {
            let _ = writeln!(out, "# HELP {name} {}", family.help);
            let _ = writeln!(out, "# TYPE {name} {}", family.kind);
            out.push_str(&family.lines);
            for (key, value) in &family.counted {
                out.push_str(key);
                number(&mut out, *value);
            }
        }
        out
    }
}

/// Characters that names have here and Prometheus does not become underscores.
fn mangled(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == ':' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn line(
    out: &mut String,
    name: &str,
    ending: &str,
    labels: &[(&str, &str)],
    quantile: Option<&str>,
    value: f64,
) {
    series(out, name, ending, labels, quantile);
    number(out, value);
}

/// What stands before a value.
fn series(
    out: &mut String,
    name: &str,
    ending: &str,
    labels: &[(&str, &str)],
    quantile: Option<&str>,
) {
    out.push_str(name);
    out.push_str(ending);
    let mut open = '{';
    for (label, text) in labels
        .iter()
        .copied()
        .chain(quantile.map(|q| ("quantile", q)))
    {
        out.push(open);
        open = ',';
        out.push_str(label);
        out.push_str("=\"");
        for c in text.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    if open == ',' {
        out.push('}');
    }
}

fn number(out: &mut String, value: f64) {
    // Formatting into a string cannot fail.
    let _ = match value {
        v if v.is_nan() => writeln!(out, " NaN"),
        v if v == f64::INFINITY => writeln!(out, " +Inf"),
        v if v == f64::NEG_INFINITY => writeln!(out, " -Inf"),
        v => writeln!(out, " {v}"),
    };
}

impl Metrics {
    /// Everything as it is now. Known metrics are there from the start: 0, or NaN as a quantile.
    pub fn prometheus(&self) -> Exposition {
        let mut out = Exposition::default();
        self.each(|cell| self.expose(&mut out, cell));
        super::process::expose(&mut out);
        out
    }

    fn expose(&self, out: &mut Exposition, cell: &Arc<Cell>) {
        let row = &ROWS[cell.row];
        let mut tally = cell.tally.lock();
        cell.collect(&mut tally);
        if row.open() && cell.values.is_empty() {
            // The name is not complete without a value.
            return;
        }
        let mut labels: Vec<(&str, &str)> = labels(cell).collect();
        labels.sort_unstable();
        let values: Vec<&str> = cell.values.iter().map(AsRef::as_ref).collect();
        let name = mangled(&name_on(&self.0.config.prefix, None, cell.row, &values));
        match row.kind {
            Kind::Counter => out.counter(&name, row.help, &labels, tally.sum),
            Kind::Gauge => {
                out.gauge(&name, row.help, &labels, cell.value());
                // With host names in names, both names are there: the plain one is what dashboards ask for.
                if self.0.config.hostname.is_some() && tally.set {
                    let name = mangled(&self.name(cell));
                    out.gauge(&name, row.help, &labels, cell.value());
                }
            }
            Kind::Timer | Kind::Sample => {
                let lines = &mut out.family(&name, "summary", row.help).lines;
                for (share, text) in QUANTILES {
                    let value = tally.quantile(share).unwrap_or(f64::NAN);
                    line(lines, &name, "", &labels, Some(text), value);
                }
                line(lines, &name, "_sum", &labels, None, tally.sum);
                line(lines, &name, "_count", &labels, None, tally.count as f64);
            }
        }
    }
}
