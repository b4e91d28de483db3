//! `consul rtt` (spec: cli.md §6).

use crate::api::{self, Api};
use crate::command::{C, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use proconsul_client::{Coordinate, DatacenterCoordinates, NetCoord, QueryOptions};

pub(crate) const COMMAND: Command = Command {
    path: "rtt",
    synopsis: "Estimates the round-trip time between nodes",
    usage: "[options] node1 [node2]",
    about: "Estimates the round-trip time from network coordinates, without sending a packet. The second node defaults to that of the agent. With -wan nodes are servers, written NAME.DATACENTER.",
    groups: C,
    flags: &[Flag::bool("wan", "Use the coordinates of the WAN pool.")],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    if !matches!(call.args.len(), 1 | 2) {
        return api::fail_with_help(call, "One or two node names must be specified");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let wan = call.flags.bool("wan");
    let names = call.args.clone();
    let found = if wan {
        wide(&api, &names)
    } else {
        local(&api, &names)
    };
    match found {
        Err(e) => call.fail(e),
        Ok((first, second, seconds)) => {
            let pool = if wan { "WAN" } else { "LAN" };
            let ms = seconds * 1000.0;
            call.out(format!(
                "Estimated {first} <-> {second} rtt: {ms:.3} ms (using {pool} coordinates)"
            ));
            0
        }
    }
}

type Found = Result<(String, String, f64), String>;

fn unknown(node: &str) -> String {
    format!(
        "Could not find a coordinate for node {}",
        crate::text::quote(node)
    )
}

fn this_agent(api: &Api) -> Result<serde_json::Value, String> {
    api.wait(api.client.agent_self())
        .map_err(|e| format!("Unable to look up agent info: {e}"))
}

/// The coordinate that the agent tells of itself, if that is its node: it knows where it is before the servers do.
fn own_coordinate(api: &Api, node: &str) -> Result<Option<NetCoord>, String> {
    let mut this = this_agent(api)?;
    let own = this["Config"]["NodeName"].as_str();
    if !own.is_some_and(|name| name.eq_ignore_ascii_case(node)) {
        return Ok(None);
    }
    Ok(serde_json::from_value(this["Coord"].take()).ok())
}

fn local(api: &Api, names: &[String]) -> Found {
    let first = names.first().cloned().unwrap_or_default();
    let second = match names.get(1) {
        Some(name) => name.clone(),
        None => this_agent(api)?["Config"]["NodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    let asked = api.wait(api.client.coordinate_nodes(&QueryOptions::default()));
    let (rows, _) = asked.map_err(|e| format!("Error getting coordinates: {e}"))?;
    let of = |name: &str| -> Vec<&Coordinate> {
        rows.iter()
            .filter(|c| c.node.eq_ignore_ascii_case(name))
            .collect()
    };
    let (a, b) = (of(&first), of(&second));
    if a.is_empty()
        && first.eq_ignore_ascii_case(&second)
        && let Some(own) = own_coordinate(api, &first)?
    {
        return Ok((first, second, own.distance(&own)));
    }
    if a.is_empty() {
        return Err(unknown(&first));
    }
    // Coordinates of different segments cannot be compared.
    let pair = a.iter().find_map(|x| {
        let y = b.iter().find(|y| y.segment == x.segment)?;
        Some(x.coord.distance(&y.coord))
    });
    let seconds = pair.ok_or_else(|| unknown(&second))?;
    Ok((first, second, seconds))
}

/// `node.dc` into its parts.
fn split(name: &str) -> Result<(&str, &str), String> {
    let bad = "Node names must be specified as <node name>.<datacenter> with -wan";
    let (node, dc) = name.split_once('.').ok_or(bad)?;
    if dc.contains('.') {
        return Err(bad.to_owned());
    }
    Ok((node, dc))
}

fn wide(api: &Api, names: &[String]) -> Found {
    let first = names.first().cloned().unwrap_or_default();
    split(&first)?;
    let second = match names.get(1) {
        Some(name) => name.clone(),
        None => {
            let this = this_agent(api)?;
            let config = |name: &str| this["Config"][name].as_str().unwrap_or_default().to_owned();
            format!("{}.{}", config("NodeName"), config("Datacenter"))
        }
    };
    split(&second)?;
    let asked = api.wait(api.client.coordinate_datacenters());
    let areas = asked.map_err(|e| format!("Error getting coordinates: {e}"))?;
    let of = |name: &str| -> Result<Vec<(String, NetCoord)>, String> {
        let (node, dc) = split(name)?;
        Ok(servers(&areas, node, dc))
    };
    let (a, b) = (of(&first)?, of(&second)?);
    let pair = a.iter().find_map(|(area, x)| {
        let (_, y) = b.iter().find(|(other, _)| other == area)?;
        Some(x.distance(y))
    });
    let seconds = pair.ok_or_else(|| unknown(&first))?;
    Ok((first, second, seconds))
}

fn servers(areas: &[DatacenterCoordinates], node: &str, dc: &str) -> Vec<(String, NetCoord)> {
    let name = format!("{node}.{dc}");
    areas
        .iter()
        .filter(|area| area.datacenter.eq_ignore_ascii_case(dc))
        .flat_map(|area| area.coordinates.iter().map(move |c| (area, c)))
        .filter(|(_, c)| c.node.eq_ignore_ascii_case(node) || c.node.eq_ignore_ascii_case(&name))
        .map(|(area, c)| (area.area_id.clone(), c.coord.clone()))
        .collect()
}
