//! `consul debug` (spec: cli.md §20).

use crate::api::{self, Api};
use crate::command::{C, Call, Command, FLAG_ERRORS};
use crate::commands::operator::raft::peers_table;
use crate::flag::Flag;
use crate::signals::Stop;
use dialect::duration;
use proconsul_client::{Client, Error, QueryOptions};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const COMMAND: Command = Command {
    path: "debug",
    synopsis: "Collects facts about an agent into an archive",
    usage: "[options]",
    about: "Collects configuration, members, metrics, logs and profiles of an agent for a while and packs them into one file, to be looked at later or elsewhere. The file may hold secrets.",
    groups: C,
    flags: &[
        Flag::bool("archive", "Pack everything into one file.").with_default("true"),
        Flag::list(
            "capture",
            "What to collect: agent, host, members, metrics, logs, pprof. Repeatable. Default: all.",
        ),
        Flag::duration("duration", "How long to collect, at least 10s.").with_default("5m"),
        Flag::duration("interval", "How often to collect, at least 5s.").with_default("30s"),
        Flag::string("output", "Name of the folder and of the file."),
        Flag::string("since", "Kept for other tools; has no effect."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

const TARGETS: &[&str] = &["metrics", "logs", "pprof", "host", "agent", "members"];
const INTERVAL_MIN: Duration = Duration::from_secs(5);
const DURATION_MIN: Duration = Duration::from_secs(10);
/// How much longer than asked the collection of logs may take.
const GRACE: Duration = Duration::from_secs(2);

struct Plan {
    targets: Vec<String>,
    interval: Duration,
    duration: Duration,
    folder: PathBuf,
    archive: bool,
}

fn run(call: &mut Call<'_>) -> i32 {
    if !call.args.is_empty() {
        return call.fail("==> debug: Too many arguments provided, expected 0");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let (mut plan, this) = match plan(call, &api) {
        Ok(plan) => plan,
        Err(e) => return call.fail(format!("==> Capture validation failed: {e}")),
    };
    if let Err(e) = std::fs::create_dir_all(&plan.folder) {
        let reason = api::os_text(&e);
        return call.fail(format!("==> Capture validation failed: {reason}"));
    }
    announce(call, &mut plan, &this);
    let collected = api.wait(collect(call, &api.client, &plan));
    let finished = collected.and_then(|()| pack(&plan));
    match finished {
        Ok(file) => {
            call.out(format!("==> Saved debug archive: {file}"));
            0
        }
        Err(e) => call.fail(format!("==> Capture failed: {e}")),
    }
}

fn plan(call: &mut Call<'_>, api: &Api) -> Result<(Plan, Value), String> {
    let (interval, length) = (
        call.flags.duration("interval"),
        call.flags.duration("duration"),
    );
    let text = |d: Duration| duration::format(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX));
    let least = text(DURATION_MIN);
    if length < DURATION_MIN {
        return Err(format!("duration must be longer than {least}"));
    }
    if interval < INTERVAL_MIN {
        // The reference names the other minimum.
        return Err(format!("interval must be longer than {least}"));
    }
    if length < interval {
        let (length, interval) = (text(length), text(interval));
        return Err(format!(
            "duration ({length}) must be longer than interval ({interval})"
        ));
    }
    let mut targets = call.flags.list("capture").to_vec();
    if targets.is_empty() {
        targets = TARGETS.iter().map(|t| (*t).to_owned()).collect();
    }
    for target in &mut targets {
        if target == "cluster" {
            "members".clone_into(target);
        }
        if !TARGETS.contains(&target.as_str()) {
            return Err(format!("target not found: {target}"));
        }
    }
    let this = api.wait(api.client.agent_self()).map_err(|e| {
        format!("error querying target agent: {e}. verify connectivity and agent address")
    })?;
    if targets.iter().any(|t| t == "pprof")
        && !this["DebugConfig"]["EnableDebug"]
            .as_bool()
            .unwrap_or(false)
    {
        targets.retain(|t| t != "pprof");
        call.err("[WARN] Unable to capture pprof. Set enable_debug to true on target agent to enable profiling.");
    }
    if targets.iter().any(|t| t == "pprof")
        && let Err(e) = api.wait(api.client.agent_profile("goroutine", 0))
    {
        targets.retain(|t| t != "pprof");
        call.err(format!(
            "[WARN] Unable to capture pprof. The target agent has no profiles: {e}"
        ));
    }
    if targets.is_empty() {
        return Err("nothing to capture".into());
    }
    let folder = match call.flags.string("output") {
        "" => format!("consul-debug-{}", stamp("-")),
        given => given.to_owned(),
    };
    if Path::new(&folder).exists() {
        return Err(format!("output directory already exists: {folder}"));
    }
    let plan = Plan {
        targets,
        interval,
        duration: length,
        folder: folder.into(),
        archive: call.flags.bool("archive"),
    };
    Ok((plan, this))
}

/// The present moment in UTC, `2006-01-02T15-04-05Z` with the given separator of the time.
fn stamp(separator: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    let (year, month, day, hour, minute, second) = pki::civil(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}{separator}{minute:02}{separator}{second:02}Z")
}

fn announce(call: &mut Call<'_>, plan: &mut Plan, this: &Value) {
    let nanos = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    let version = this["Config"]["Version"].as_str().unwrap_or_default();
    let file = output_name(plan);
    call.out("==> Starting debugger and capturing static information...");
    for (label, value) in [
        ("Agent Version", version),
        ("Interval", &duration::format(nanos(plan.interval))),
        ("Duration", &duration::format(nanos(plan.duration))),
        ("Output", &file),
        ("Capture", &plan.targets.join(", ")),
    ] {
        call.out(format!("{label:>18}: '{value}'"));
    }
    let index = json!({
        "Version": 1, "AgentVersion": version,
        "Interval": duration::format(nanos(plan.interval)), "Duration": duration::format(nanos(plan.duration)),
        "Targets": plan.targets,
    });
    // A failure shows again with the next file, where it is reported.
    let _ = std::fs::write(
        plan.folder.join("index.json"),
        crate::text::json(&index, "\t"),
    );
}

fn output_name(plan: &Plan) -> String {
    let folder = plan.folder.display();
    if plan.archive {
        format!("{folder}.tar.gz")
    } else {
        folder.to_string()
    }
}

impl Plan {
    fn wants(&self, target: &str) -> bool {
        self.targets.iter().any(|t| t == target)
    }

    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes)
            .map_err(|e| format!("open {}: {}", path.display(), api::os_text(&e)))
    }

    fn save_json(&self, name: &str, value: &Value) -> Result<(), String> {
        self.save(name, crate::text::json(value, "\t").as_bytes())
    }
}

async fn collect(call: &mut Call<'_>, client: &Client, plan: &Plan) -> Result<(), String> {
    let text = |e: Error| e.to_string();
    if plan.wants("agent") {
        plan.save_json("agent.json", &client.agent_self().await.map_err(text)?)?;
    }
    if plan.wants("host") {
        plan.save_json("host.json", &client.agent_host().await.map_err(text)?)?;
    }
    if plan.wants("members") {
        let members = client.agent_members(true, "_all", "").await.map_err(text)?;
        plan.save_json("members.json", &json!(members))?;
        // A client agent without a leader has no list of peers: that is worth knowing, not worth stopping.
        let peers = client.raft_configuration(&QueryOptions::default()).await;
        let table = peers.map_or_else(|e| e.to_string(), |p| peers_table(&p.servers));
        plan.save("listpeers.json", table.as_bytes())?;
    }
    let mut stop = Stop::listen();
    let logs = logs(client, plan);
    let rounds = rounds(call, client, plan);
    tokio::select! {
        () = stop.wait() => Ok(()),
        ended = async { tokio::try_join!(logs, rounds) } => ended.map(drop),
    }
}

/// The log, until the time is over.
async fn logs(client: &Client, plan: &Plan) -> Result<(), String> {
    if !plan.wants("logs") {
        return Ok(());
    }
    let path = plan.folder.join("consul.log");
    let mut file = File::create(&path).map_err(|e| api::os_text(&e))?;
    let read = async {
        let mut stream = client.agent_monitor("DEBUG", false).await?;
        while let Some(chunk) = stream.chunk().await? {
            if file.write_all(&chunk).is_err() {
                break;
            }
        }
        Ok::<(), Error>(())
    };
    match tokio::time::timeout(plan.duration + GRACE, read).await {
        Ok(ended) => ended.map_err(|e| e.to_string()),
        // The usual end: the agent would go on.
        Err(_) => Ok(()),
    }
}

/// What is collected again and again.
async fn rounds(call: &mut Call<'_>, client: &Client, plan: &Plan) -> Result<(), String> {
    let text = |e: Error| e.to_string();
    if !plan.wants("metrics") && !plan.wants("pprof") {
        return Ok(());
    }
    if plan.wants("pprof") {
        let seconds = plan.interval.as_secs();
        for (name, file) in [("profile", "profile.prof"), ("trace", "trace.out")] {
            // Programs without a profiler answer 404; the other facts are still worth having.
            if let Ok(bytes) = client.agent_profile(name, seconds).await {
                plan.save(file, &bytes)?;
            }
        }
    }
    let mut metrics = Vec::new();
    let count = (plan.duration.as_secs_f64() / plan.interval.as_secs_f64()).floor() as u64;
    for round in 0..count.max(1) {
        if round > 0 {
            tokio::time::sleep(plan.interval).await;
        }
        let begun = stamp(":");
        call.out(format!("==> Beginning capture interval {begun} ({round})"));
        if plan.wants("metrics") {
            let value = client.agent_metrics().await.map_err(text)?;
            metrics.extend(crate::text::json_compact(&value).into_bytes());
            metrics.push(b'\n');
            plan.save("metrics.json", &metrics)?;
        }
        if plan.wants("pprof") {
            let folder = stamp("-");
            let made = std::fs::create_dir_all(plan.folder.join(&folder));
            made.map_err(|e| api::os_text(&e))?;
            for name in ["heap", "goroutine"] {
                if let Ok(bytes) = client.agent_profile(name, 0).await {
                    plan.save(&format!("{folder}/{name}.prof"), &bytes)?;
                }
            }
        }
        call.out(format!("==> Capture successful {begun} ({round})"));
    }
    Ok(())
}

/// Packs the folder and removes it; the answer is what to show to people.
fn pack(plan: &Plan) -> Result<String, String> {
    let name = output_name(plan);
    if !plan.archive {
        return Ok(name);
    }
    let packed = || -> std::io::Result<()> {
        let gzip =
            flate2::write::GzEncoder::new(File::create(&name)?, flate2::Compression::default());
        let mut tar = tar::Builder::new(gzip);
        let top = plan.folder.file_name().unwrap_or(plan.folder.as_os_str());
        tar.append_dir_all(top, &plan.folder)?;
        tar.into_inner()?.finish()?.sync_all()?;
        std::fs::remove_dir_all(&plan.folder)
    };
    packed().map_err(|e| format!("error archiving: {}", api::os_text(&e)))?;
    Ok(name)
}
