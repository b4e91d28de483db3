//! `consul tls …` (spec: cli.md §18). Works on files in the current folder; no agent is asked.

use crate::api::os_text;
use crate::command::{Call, Command, FLAG_ERRORS_AGAIN};
use crate::flag::Flag;
use pki::{Authority, Extended, Request, Usage};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const GROUP: Command = Command {
    usage: "<subcommand> <subcommand> [options]",
    ..Command::group(
        "tls",
        "Makes an authority and certificates",
        "Makes certificates for the TLS of agents, offline.",
    )
};

pub(crate) const CA: Command = Command {
    usage: "<subcommand> [options]",
    ..Command::group(
        "tls ca",
        "Makes an authority",
        "Makes the authority that signs certificates of agents.",
    )
};

pub(crate) const CERT: Command = Command {
    usage: "<subcommand> [options]",
    ..Command::group(
        "tls cert",
        "Makes certificates",
        "Makes certificates of agents, signed by an authority.",
    )
};

pub(crate) const CA_CREATE: Command = Command {
    path: "tls ca create",
    synopsis: "Makes an authority",
    usage: "[options]",
    about: "Writes certificate and key of a new authority into the current folder.",
    groups: &[],
    flags: &[
        Flag::list(
            "additional-name-constraint",
            "Further domain that the authority may sign for; with -name-constraint. Repeatable.",
        ),
        Flag::string(
            "cluster-id",
            "ID of the cluster, for an authority of the service mesh.",
        ),
        Flag::string("common-name", "Common name of the certificate."),
        Flag::int("days", "Days of validity.").with_default("1825"),
        Flag::string("domain", "DNS domain of the cluster.").with_default("consul"),
        Flag::bool(
            "name-constraint",
            "Let the authority sign only for the domain.",
        ),
    ],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(ca_create),
};

pub(crate) const CERT_CREATE: Command = Command {
    path: "tls cert create",
    synopsis: "Makes a certificate",
    usage: "[options]",
    about: "Writes certificate and key of a server, client or command-line user into the current folder.",
    groups: &[],
    flags: &[
        Flag::list("additional-dnsname", "Further DNS name. Repeatable."),
        Flag::list("additional-ipaddress", "Further IP address. Repeatable."),
        Flag::string("ca", "File of the authority's certificate.")
            .with_default("#DOMAIN#-agent-ca.pem"),
        Flag::bool("cli", "Certificate of a command-line user."),
        Flag::bool("client", "Certificate of a client agent."),
        Flag::int("days", "Days of validity.").with_default("365"),
        Flag::string("dc", "Datacenter.").with_default("dc1"),
        Flag::string("domain", "DNS domain of the cluster.").with_default("consul"),
        Flag::string("key", "File of the authority's key.")
            .with_default("#DOMAIN#-agent-ca-key.pem"),
        Flag::string(
            "node",
            "Name of the node, for its own DNS name; with -server.",
        ),
        Flag::bool("server", "Certificate of a server."),
    ],
    flag_errors: FLAG_ERRORS_AGAIN,
    run: Some(cert_create),
};

const SERVER_WARNING: &str = "==> WARNING: Server Certificates grants authority to become a
    server and access all state in the cluster including root keys
    and all ACL tokens. Do not distribute them to production hosts
    that are not server nodes. Store them as securely as CA keys.";
/// How many certificates of one kind fit in a folder.
const NUMBERS_MAX: u32 = 10_000;
const DAY_SECONDS: i64 = 86_400;

fn ca_create(call: &mut Call<'_>) -> i32 {
    let flags = &call.flags;
    let domain = flags.string("domain").to_owned();
    let certificate = format!("{domain}-agent-ca.pem");
    let key = format!("{domain}-agent-ca-key.pem");
    for file in [&certificate, &key] {
        if Path::new(file).exists() {
            return call.fail(format!("{file} already exists."));
        }
    }
    let mut permitted = Vec::new();
    if flags.bool("name-constraint") {
        permitted.extend_from_slice(flags.list("additional-name-constraint"));
        permitted.extend([domain.clone(), "localhost".to_owned()]);
    }
    let uris = match flags.string("cluster-id") {
        "" => Vec::new(),
        id => vec![format!("spiffe://{id}.{domain}")],
    };
    let name = flags.string("common-name").to_owned();
    let made = validity(flags.int("days")).and_then(|(serial, from, to)| {
        let name = match name.as_str() {
            "" => format!("Consul Agent CA {serial}"),
            given => given.to_owned(),
        };
        let request = Request {
            serial,
            not_before: from,
            not_after: to,
            name,
            dns: Vec::new(),
            ips: Vec::new(),
            uris,
            usage: Usage::Authority { permitted },
        };
        let (pair, key_pem) = pki::new_key()?;
        let der = pki::self_signed(&request, &pair)?;
        Ok((pki::pem("CERTIFICATE", &der), key_pem))
    });
    match made {
        Ok(texts) => save(call, [&certificate, &key], texts),
        Err(e) => call.fail(e),
    }
}

/// Serial, begin and end for so many days from now.
fn validity(days: i64) -> Result<(u128, i64, i64), String> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|e| e.to_string())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    let end = now.saturating_add(days.saturating_mul(DAY_SECONDS));
    // Certificates know years of four digits.
    Ok((u128::from_be_bytes(serial), now, end.min(253_402_300_799)))
}

/// Writes certificate and key and says so.
fn save(call: &mut Call<'_>, files: [&str; 2], (certificate, key): (String, String)) -> i32 {
    for (file, text, mode) in [(files[0], certificate, 0o644), (files[1], key, 0o600)] {
        if let Err(e) = write(file, &text, mode) {
            return call.fail(format!("open {file}: {}", os_text(&e)));
        }
        call.out(format!("==> Saved {file}"));
    }
    0
}

fn write(file: &str, text: &str, mode: u32) -> std::io::Result<()> {
    if let Some(folder) = Path::new(file).parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut out = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(file)?;
    out.write_all(text.as_bytes())
}

fn cert_create(call: &mut Call<'_>) -> i32 {
    let flags = &call.flags;
    let kinds = ["server", "client", "cli"];
    let chosen: Vec<_> = kinds.iter().filter(|k| flags.bool(k)).collect();
    if !flags.string("node").is_empty() && !flags.bool("server") {
        return call.fail("-node requires -server");
    }
    let [kind] = chosen.as_slice() else {
        return call.fail("Please provide either -server, -client, or -cli");
    };
    if flags.string("ca").is_empty() {
        return call.fail("Please provide the ca");
    }
    if flags.string("key").is_empty() {
        return call.fail("Please provide the key");
    }
    let (domain, dc) = (
        flags.string("domain").to_owned(),
        flags.string("dc").to_owned(),
    );
    let named = |name: &str| flags.string(name).replacen("#DOMAIN#", &domain, 1);
    let (ca_file, key_file) = (named("ca"), named("key"));
    let prefix = format!("{dc}-{kind}-{domain}");
    let Some(files) = free_names(&prefix) else {
        return call.fail("Could not find a filename that doesn't already exist");
    };
    let read = |file: &str, what: &str| {
        std::fs::read(file)
            .map_err(|e| format!("Error reading {what}: open {file}: {}", os_text(&e)))
    };
    let read = read(&ca_file, "CA").and_then(|ca| Ok((ca, read(&key_file, "CA key")?)));
    let (ca, key) = match read {
        Ok(read) => read,
        Err(e) => return call.fail(e),
    };
    let kind = **kind;
    if kind == "server" {
        call.out(SERVER_WARNING);
    }
    call.out(format!("==> Using {ca_file} and {key_file}"));
    let made = Authority::read(&ca, &key).and_then(|authority| {
        let request = request(call, kind, &domain, &dc)?;
        let (pair, key_pem) = pki::new_key()?;
        let der = authority.issue(&request, &pair)?;
        Ok((pki::pem("CERTIFICATE", &der), key_pem))
    });
    match made {
        Ok(texts) => save(call, [&files.0, &files.1], texts),
        Err(e) => call.fail(e),
    }
}

/// The lowest number for which neither file exists.
fn free_names(prefix: &str) -> Option<(String, String)> {
    (0..NUMBERS_MAX)
        .map(|n| (format!("{prefix}-{n}.pem"), format!("{prefix}-{n}-key.pem")))
        .find(|(certificate, key)| !Path::new(certificate).exists() && !Path::new(key).exists())
}

fn request(call: &Call<'_>, kind: &str, domain: &str, dc: &str) -> Result<Request, String> {
    let flags = &call.flags;
    let name = format!("{kind}.{dc}.{domain}");
    let mut ips = Vec::new();
    for text in flags.list("additional-ipaddress") {
        // The reference notices only when it reads its own certificate back.
        let ip: IpAddr = text
            .parse()
            .map_err(|_| "failed to parse certificate".to_owned())?;
        ips.push(ip);
    }
    let mut dns = Vec::new();
    let mut extended = Vec::new();
    if kind != "cli" {
        dns.extend_from_slice(flags.list("additional-dnsname"));
        ips.push(Ipv4Addr::LOCALHOST.into());
        extended = match kind {
            "server" => vec![Extended::Server, Extended::Client],
            _ => vec![Extended::Client, Extended::Server],
        };
    }
    if !flags.string("node").is_empty() {
        dns.push(format!("{}.{name}", flags.string("node")));
    }
    dns.extend([name.clone(), "localhost".to_owned()]);
    let (serial, not_before, not_after) = validity(flags.int("days"))?;
    Ok(Request {
        serial,
        not_before,
        not_after,
        name,
        dns,
        ips,
        uris: Vec::new(),
        usage: Usage::Endpoint { extended },
    })
}
