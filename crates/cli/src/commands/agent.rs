//! `consul agent`: its flags (spec: agent-config.md §3). The agent itself is behind [`crate::AgentMain`].

use crate::command::{Call, Command, FLAG_ERRORS};
use crate::flag::{Flag, FlagKind};
use crate::values::Values;
use config::{FlagValue, Flags};

pub(crate) const COMMAND: Command = Command {
    path: "agent",
    synopsis: "Runs an agent",
    usage: "[options]",
    about: "Runs an agent in the foreground until it is told to leave or to stop. An agent is a server, which stores the state of its datacenter together with other servers, or a client, which registers what runs on its machine and asks servers.

Most flags have a key in configuration files; a flag wins over a file.",
    groups: &[],
    flags: FLAGS,
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

const fn text(name: &'static str, help: &'static str) -> Flag {
    Flag::string(name, help).strconv()
}
const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag::bool(name, help).strconv()
}
const fn number(name: &'static str, help: &'static str) -> Flag {
    Flag::int(name, help).strconv()
}

/// Flags of the agent, sorted. Texts that must be durations or addresses are judged with the configuration.
pub(crate) const FLAGS: &[Flag] = &[
    text("advertise", "Address told to others in the datacenter."),
    text("advertise-wan", "Address told to other datacenters."),
    Flag::list("allow-write-http-from", "Network, as CIDR, from which HTTP writes are accepted. May be given several times."),
    text("alt-domain", "Second domain to answer DNS questions for."),
    switch("auto-reload-config", "Watch the configuration files and reload them when they change."),
    text("bind", "Address to bind the cluster ports to."),
    switch("bootstrap", "Let this server elect itself."),
    number("bootstrap-expect", "Number of servers to wait for before the first election."),
    number("check_output_max_size", "Most bytes of output that are kept of a check."),
    text("client", "Addresses to bind HTTP, DNS and gRPC to."),
    Flag::list("config-dir", "Directory whose .json and .hcl files are read in the order of their names. May be given several times.").kept_with("config-file"),
    Flag::list("config-file", "File to read. May be given several times."),
    Flag::string("config-format", "Format of all configuration files, hcl or json, whatever their names end in."),
    text("data-dir", "Directory for the agent's own files."),
    text("datacenter", "Name of the datacenter."),
    text("default-query-time", "How long a blocking query waits by default."),
    switch("dev", "Run a server for development: alone, in memory, on the loopback address."),
    switch("disable-host-node-id", "Draw a random node id instead of deriving it from the machine."),
    switch("disable-keyring-file", "Do not store gossip keys in a file."),
    number("dns-port", "Port of DNS."),
    text("domain", "Domain to answer DNS questions for."),
    switch("enable-local-script-checks", "Allow script checks from configuration files."),
    switch("enable-script-checks", "Allow script checks from files and through the API."),
    text("encrypt", "Gossip key, base64."),
    number("grpc-port", "Port of gRPC without TLS."),
    number("grpc-tls-port", "Port of gRPC with TLS."),
    Flag::list("hcl", "Configuration text that is laid over everything else. May be given several times."),
    number("http-port", "Port of HTTP."),
    number("https-port", "Port of HTTPS."),
    Flag::list("join", "Deprecated: use -retry-join."),
    Flag::list("join-wan", "Deprecated: use -retry-join-wan."),
    text("log-file", "File to log to as well; a path that ends in a slash is a directory."),
    switch("log-json", "Log JSON lines."),
    text("log-level", "Lowest level that is logged: trace, debug, info, warn, error."),
    number("log-rotate-bytes", "Size at which the log file is rotated."),
    text("log-rotate-duration", "Age at which the log file is rotated."),
    number("log-rotate-max-files", "Number of rotated log files that are kept."),
    text("max-query-time", "How long a blocking query may wait at most."),
    text("node", "Name of this node, unique in the datacenter."),
    text("node-id", "Id of this node, a UUID."),
    Flag::list("node-meta", "Metadata of this node, `key:value`. May be given several times."),
    switch("non-voting-server", "Deprecated: use -read-replica."),
    text("pid-file", "File to write the process id to."),
    Flag::list("primary-gateway", "Mesh gateway of the primary datacenter. May be given several times."),
    number("protocol", "Gossip protocol version."),
    number("raft-protocol", "Raft protocol version."),
    switch("read-replica", "(Enterprise only) A server that does not vote."),
    Flag::list("recursor", "DNS server for questions outside the domain. May be given several times."),
    switch("rejoin", "Rejoin the cluster even after having left it."),
    text("retry-interval", "Pause between attempts to join."),
    text("retry-interval-wan", "Pause between attempts to join with -retry-join-wan."),
    Flag::list("retry-join", "Agent to join, tried again until it works. May be given several times."),
    Flag::list("retry-join-wan", "Server of another datacenter to join, tried again until it works. May be given several times."),
    number("retry-max", "Attempts to join after the first; 0 = no end."),
    number("retry-max-wan", "Attempts to join with -retry-join-wan after the first; 0 = no end."),
    text("segment", "(Enterprise only) Network segment to join."),
    Flag::list("serf-lan-allowed-cidrs", "Network, as CIDR, whose members may join. May be given several times."),
    text("serf-lan-bind", "Address to bind LAN gossip to."),
    number("serf-lan-port", "Port of LAN gossip."),
    Flag::list("serf-wan-allowed-cidrs", "Network, as CIDR, whose servers may join from other datacenters. May be given several times."),
    text("serf-wan-bind", "Address to bind WAN gossip to."),
    number("serf-wan-port", "Port of WAN gossip."),
    switch("server", "Run as a server."),
    number("server-port", "Port of the servers."),
    switch("syslog", "Log to syslog as well."),
    switch("ui", "Serve the web interface."),
    text("ui-content-path", "Path of the web interface."),
    text("ui-dir", "Directory with a web interface to serve instead of the built-in one."),
];

fn run(call: &mut Call<'_>) -> i32 {
    if !call.args.is_empty() {
        let text = format!("==> Unexpected extra arguments: [{}]", call.args.join(" "));
        return call.fail(text);
    }
    call.process
        .agent
        .run(flags(&call.flags), &call.process.build)
}

/// The part of the command line that the configuration reads.
pub(crate) fn flags(values: &Values) -> Flags {
    let mut out = Flags {
        paths: values.list("config-file").to_vec(),
        config_format: values
            .is_set("config-format")
            .then(|| values.string("config-format").to_string()),
        dev: values.bool("dev"),
        hcl: values.list("hcl").to_vec(),
        given: Vec::new(),
    };
    for flag in FLAGS {
        let special = matches!(
            flag.name,
            "config-file" | "config-dir" | "config-format" | "dev" | "hcl"
        );
        if special || !values.is_set(flag.name) {
            continue;
        }
        let value = match flag.kind {
            FlagKind::Bool => FlagValue::Bool(values.bool(flag.name)),
            FlagKind::Int => FlagValue::Int(values.int(flag.name)),
            FlagKind::List => FlagValue::Texts(values.list(flag.name).to_vec()),
            _ => FlagValue::Text(values.string(flag.name).to_string()),
        };
        out.given.push((flag.name.to_string(), value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_key_and_every_key_s_flag_exists() {
        let mut keys = std::collections::BTreeSet::new();
        config::schema::walk(&mut |_, field| {
            if !field.flag.is_empty() {
                keys.insert(field.flag);
            }
        });
        let without_key = [
            "config-dir",
            "config-file",
            "config-format",
            "dev",
            "hcl",
            "join",
            "join-wan",
            "non-voting-server",
        ];
        let flags: std::collections::BTreeSet<&str> = FLAGS
            .iter()
            .map(|f| f.name)
            .filter(|f| !without_key.contains(f))
            .collect();
        assert_eq!(flags, keys);
    }
}
