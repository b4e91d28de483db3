//! `consul operator usage …`.

use crate::command::{CS, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::{api, text};
use proconsul_client::ServiceUsage;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) const GROUP: Command = Command::group(
    "operator usage",
    "Counts nodes and services",
    "Prints how much a cluster holds.",
);

pub(crate) const INSTANCES: Command = Command {
    path: "operator usage instances",
    synopsis: "Counts service instances and nodes",
    usage: "[options]",
    about: "Prints numbers of services, instances and nodes, of this datacenter or of all.",
    groups: CS,
    flags: &[
        Flag::bool("all-datacenters", "Count in all known datacenters."),
        Flag::bool("billable", "Print only instances that count for billing."),
        Flag::bool("connect", "Print only instances of the service mesh."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(instances),
};

type Usage = BTreeMap<String, ServiceUsage>;

fn instances(call: &mut Call<'_>) -> i32 {
    if let Some(status) = api::too_many(call, 0) {
        return status;
    }
    let (billable, connect) = (call.flags.bool("billable"), call.flags.bool("connect"));
    if billable && connect {
        return call.fail("Cannot specify both -billable and -connect flags");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let all = call.flags.bool("all-datacenters");
    let usage = match api.wait(api.client.usage(all)) {
        Ok(usage) => usage,
        Err(e) => return call.fail(format!("Error fetching usage information: {e}")),
    };
    if !connect {
        call.out(billable_text(&usage, all));
        call.out(nodes_text(&usage));
    }
    if !billable {
        call.out(connect_text(&usage, all));
    }
    0
}

/// Spaces beyond the widest cell of a column.
const GAP: usize = 6;

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

fn billable_text(usage: &Usage, all: bool) -> String {
    let total: i64 = usage.values().map(|u| u.billable_service_instances).sum();
    let mut out = format!("Billable Service Instances Total: {total}\n");
    for (dc, u) in usage {
        let n = u.billable_service_instances;
        let _ = writeln!(out, "{dc} Billable Service Instances: {n}");
    }
    let mut rows = vec![cells(["Services", "Service instances"])];
    let numbers = |services: i64, instances: i64| vec![services.to_string(), instances.to_string()];
    for u in usage.values() {
        rows.push(numbers(u.services, u.billable_service_instances));
    }
    if all {
        let names = std::iter::once("Datacenter").chain(usage.keys().map(String::as_str));
        for (row, name) in rows.iter_mut().zip(names) {
            row.insert(0, name.to_owned());
        }
        let services = usage.values().map(|u| u.services).sum();
        rows.push(cells(["", "", ""]));
        rows.push(
            cells(["Total"])
                .into_iter()
                .chain(numbers(services, total))
                .collect(),
        );
    }
    let _ = write!(
        out,
        "\nBillable Services\n{}\n\n",
        text::columns(&rows, GAP, 0)
    );
    out
}

fn nodes_text(usage: &Usage) -> String {
    // The header has two empty cells more than the rows, padded like any other.
    let mut rows = vec![cells([
        "Datacenter",
        &format!("Count{}", " ".repeat(2 * GAP)),
    ])];
    for (dc, u) in usage {
        rows.push(vec![dc.clone(), u.nodes.to_string()]);
    }
    let total: i64 = usage.values().map(|u| u.nodes).sum();
    rows.push(cells(["", ""]));
    rows.push(cells(["Total", &total.to_string()]));
    format!("Nodes\n{}\n\n", text::columns(&rows, GAP, 0))
}

fn connect_text(usage: &Usage, all: bool) -> String {
    let mut rows = vec![cells(["Type", "Service instances"])];
    let mut total = 0;
    if all {
        rows[0].insert(0, "Datacenter".to_owned());
    }
    for (dc, u) in usage {
        for (kind, count) in &u.connect_service_instances {
            total += count;
            let mut row = vec![kind.clone(), count.to_string()];
            if all {
                row.insert(0, dc.clone());
            }
            rows.push(row);
        }
    }
    if all {
        rows.push(cells(["", "", ""]));
        rows.push(cells(["Total", "", &total.to_string()]));
    }
    format!("Connect Services\n{}", text::columns(&rows, GAP, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let usage = ServiceUsage {
            nodes: 1,
            services: 5,
            billable_service_instances: 3,
            connect_service_instances: [("connect-proxy".to_owned(), 1)].into(),
            ..ServiceUsage::default()
        };
        let one: Usage = [("dc1".to_owned(), usage)].into();
        assert_eq!(
            billable_text(&one, false),
            "Billable Service Instances Total: 3\ndc1 Billable Service Instances: 3\n\nBillable Services\nServices      Service instances\n5             3\n\n"
        );
        assert_eq!(
            nodes_text(&one),
            "Nodes\nDatacenter      Count            \ndc1             1\n                \nTotal           1\n\n"
        );
        assert_eq!(
            connect_text(&one, true),
            "Connect Services\nDatacenter      Type               Service instances\ndc1             connect-proxy      1\n                                   \nTotal                              1"
        );
        assert!(
            billable_text(&one, true)
                .ends_with("\n                              \nTotal           5             3\n\n")
        );
    }
}
