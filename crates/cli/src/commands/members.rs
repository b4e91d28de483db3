//! `consul members` (spec: cli.md §6).

use crate::command::{CP, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::{api, text};
use proconsul_client::Member;

pub(crate) const COMMAND: Command = Command {
    path: "members",
    synopsis: "Lists the members of the gossip pool",
    usage: "[options]",
    about: "Prints the members that the agent knows, servers first. The exit status is 2 when none is left after filtering.",
    groups: CP,
    flags: &[
        Flag::bool("detailed", "Print all tags."),
        Flag::string("filter", "Expression that members must satisfy."),
        Flag::string("segment", "Network segment (Enterprise only).").with_default("_all"),
        Flag::string(
            "status",
            "Regular expression that the status word must match.",
        )
        .with_default(".*"),
        Flag::bool("wan", "List the WAN pool of the servers instead."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

/// Exit status when nothing is left to print.
const EXIT_NONE: i32 = 2;

fn run(call: &mut Call<'_>) -> i32 {
    let pattern = call.flags.string("status").to_owned();
    let wanted = match bexpr::regexp::compile(pattern.as_bytes()) {
        Ok(regex) => regex,
        Err(e) => return call.fail(format!("Failed to compile status regexp: {e}")),
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let segment = call.flags.string("segment").to_owned();
    let filter = call.flags.string("filter").to_owned();
    let wan = call.flags.bool("wan");
    let mut members = match api.wait(api.client.agent_members(wan, &segment, &filter)) {
        Ok(members) => members,
        Err(e) => return call.fail(format!("Error retrieving members: {e}")),
    };
    members.retain(|m| wanted.is_match(status(m).as_bytes()));
    if members.is_empty() {
        return EXIT_NONE;
    }
    for member in &mut members {
        complete(member, &segment);
    }
    members.sort_by_cached_key(order);
    let rows = if call.flags.bool("detailed") {
        detailed(&members)
    } else {
        plain(&members)
    };
    call.out(text::table(&rows));
    0
}

fn tag<'a>(member: &'a Member, name: &str) -> &'a str {
    member
        .tags
        .get(name)
        .map(String::as_str)
        .unwrap_or_default()
}

fn status(member: &Member) -> &'static str {
    match member.status {
        0 => "none",
        1 => "alive",
        2 => "leaving",
        3 => "left",
        4 => "failed",
        _ => "unknown",
    }
}

/// Adds the tags that members of an open-source cluster leave out.
fn complete(member: &mut Member, asked: &str) {
    let server = tag(member, "role") == "consul";
    let segment = if server && !asked.is_empty() {
        "<all>"
    } else {
        "<default>"
    };
    for (name, value) in [("ap", "default"), ("segment", segment)] {
        let place = member.tags.entry(name.to_owned()).or_default();
        if place.is_empty() || (name == "segment" && server) {
            value.clone_into(place);
        }
    }
}

/// Servers, then the default partition, then by segment, partition and name.
fn order(member: &Member) -> (bool, bool, String, String, String) {
    (
        tag(member, "role") != "consul",
        tag(member, "ap") != "default",
        tag(member, "segment").to_owned(),
        tag(member, "ap").to_owned(),
        member.name.clone(),
    )
}

fn address(member: &Member) -> String {
    if member.addr.contains(':') {
        format!("[{}]:{}", member.addr, member.port)
    } else {
        format!("{}:{}", member.addr, member.port)
    }
}

fn plain(members: &[Member]) -> Vec<Vec<String>> {
    let mut rows = vec![text::row([
        "Node",
        "Address",
        "Status",
        "Type",
        "Build",
        "Protocol",
        "DC",
        "Partition",
        "Segment",
    ])];
    for member in members {
        let address = address(member);
        let mut row = text::row([&member.name, &address, status(member)]);
        let kind = match tag(member, "role") {
            "consul" => "server",
            "node" => "client",
            _ => {
                row.extend(text::row(["unknown", "", "", "", "", ""]));
                rows.push(row);
                continue;
            }
        };
        let build = match tag(member, "build").split(':').next() {
            None | Some("") => "< 0.3",
            Some(build) => build,
        };
        let cells = ["vsn", "dc", "ap", "segment"].map(|name| tag(member, name));
        row.extend(text::row([kind, build]));
        row.extend(text::row(cells));
        rows.push(row);
    }
    rows
}

fn detailed(members: &[Member]) -> Vec<Vec<String>> {
    let mut rows = vec![text::row(["Node", "Address", "Status", "Tags"])];
    for member in members {
        let tags: Vec<_> = member
            .tags
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let (address, tags) = (address(member), tags.join(","));
        rows.push(text::row([&member.name, &address, status(member), &tags]));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, role: &str, build: &str) -> Member {
        let tags = [
            ("role", role),
            ("build", build),
            ("vsn", "2"),
            ("dc", "dc1"),
        ];
        let mut member = Member {
            name: name.into(),
            addr: "10.0.0.1".into(),
            port: 8301,
            status: 1,
            tags: tags.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        };
        complete(&mut member, "_all");
        member
    }

    #[test]
    fn tables() {
        let mut members = vec![
            member("a", "node", ""),
            member("z", "consul", "1.21.4:abc"),
            member("m", "?", "x"),
        ];
        members.sort_by_cached_key(order);
        assert_eq!(
            text::table(&plain(&members)),
            "Node  Address        Status  Type     Build   Protocol  DC   Partition  Segment\n\
             z     10.0.0.1:8301  alive   server   1.21.4  2         dc1  default    <all>\n\
             a     10.0.0.1:8301  alive   client   < 0.3   2         dc1  default    <default>\n\
             m     10.0.0.1:8301  alive   unknown                                    "
        );
        assert_eq!(
            detailed(&members)[1][3],
            "ap=default,build=1.21.4:abc,dc=dc1,role=consul,segment=<all>,vsn=2"
        );
    }
}
