//! What the metrics say of their own process and machine, read from the kernel's files, and the task that collects.

use super::{Exposition, INTERVAL, Kind, Metrics, names, sink};
use rt::{Room, Time};
use std::fs;
use std::time::Duration;

/// Time between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of a page; what every platform we run on uses for `statm`.
const PAGE: u64 = 4096;
/// Clock ticks per second in `/proc/self/stat` (`USER_HZ`, fixed for user space).
const TICKS_PER_SECOND: f64 = 100.0;

/// Virtual, resident and anonymous resident pages.
fn memory() -> Option<(u64, u64, u64)> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().map(|n| n.parse::<u64>().ok());
    let (all, resident, shared) = (pages.next()??, pages.next()??, pages.next()??);
    Some((all, resident, resident.saturating_sub(shared)))
}

/// Processor seconds used, and seconds from the machine's start to the process's.
fn processor() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything, but ends with the last parenthesis.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((
        (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
        ticks(19)? / TICKS_PER_SECOND,
    ))
}

/// A field of `/proc/stat` or `/proc/meminfo` style files.
fn named(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.split([' ', ':']).next() == Some(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A value of the process under the name that client libraries of Prometheus give it. They stand in the exposition only.
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

const fn own(name: &'static str, kind: Kind, help: &'static str) -> Own {
    Own { name, kind, help }
}

/// What every client library says of its process, and what boards for programs in Go ask of their runtime where that has a
/// meaning here.
pub(super) const OWN: [Own; 8] = [
    own("go_goroutines", Kind::Gauge, "Tasks alive in the runtime."),
    own("go_threads", Kind::Gauge, "Threads of the process."),
    own(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Processor time in seconds.",
    ),
    own("process_max_fds", Kind::Gauge, "Files that may be open."),
    own("process_open_fds", Kind::Gauge, "Open files."),
    own(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Resident memory in bytes.",
    ),
    own(
        "process_start_time_seconds",
        Kind::Gauge,
        "Start of the process in seconds since 1970.",
    ),
    own(
        "process_virtual_memory_bytes",
        Kind::Gauge,
        "Virtual memory in bytes.",
    ),
];

/// What boards made for a program in Go ask beside that, and why it is not there.
pub(super) const ABSENT: &[(&str, &str)] = &[
    ("go_gc_*", "nothing collects garbage"),
    (
        "go_memstats_*",
        "the allocator counts no objects; see `process_resident_memory_bytes`",
    ),
    (
        "go_info, go_sched_*, go_cgo_*, go_cpu_*, go_sync_*, go_godebug_*",
        "there is no such runtime",
    ),
    (
        "consul_runtime_free_count, consul_runtime_malloc_count",
        "allocations are not counted: it would cost each of them",
    ),
    (
        "consul_runtime_gc_pause_ns, consul_runtime_total_gc_pause_ns, consul_runtime_total_gc_runs",
        "nothing collects garbage",
    ),
    (
        "promhttp_*",
        "the exposition is written by this program itself",
    ),
];

/// The present values, in the order of [`OWN`]; `None` where the machine does not tell.
fn readings() -> [Option<f64>; OWN.len()] {
    let read = |path: &str| fs::read_to_string(path).ok();
    let bytes = |pages: u64| (pages * PAGE) as f64;
    let (memory, processor) = (memory(), processor());
    let limit = |text: String| {
        let line = text
            .lines()
            .find(|line| line.starts_with("Max open files"))?;
        line.split_ascii_whitespace().nth(3)?.parse::<f64>().ok()
    };
    // The folder is open while it is counted.
    let open = fs::read_dir("/proc/self/fd").ok();
    let boot = read("/proc/stat").and_then(|text| named(&text, "btime"));
    [
        tasks(),
        read("/proc/self/status").and_then(|text| named(&text, "Threads")),
        processor.map(|(used, _)| used),
        read("/proc/self/limits").and_then(limit),
        open.map(|open| open.count().saturating_sub(1) as f64),
        memory.map(|(_, resident, _)| bytes(resident)),
        boot.zip(processor)
            .map(|(boot, (_, started))| boot + started),
        memory.map(|(all, ..)| bytes(all)),
    ]
}

/// Tasks alive in the runtime of the caller.
fn tasks() -> Option<f64> {
    let runtime = tokio::runtime::Handle::try_current().ok()?;
    Some(runtime.metrics().num_alive_tasks() as f64)
}

/// Writes [`OWN`].
pub(super) fn expose(out: &mut Exposition) {
    for (row, value) in OWN.iter().zip(readings()) {
        match (value, row.kind) {
            (Some(value), Kind::Counter) => out.counter(row.name, row.help, &[], value),
            (Some(value), _) => out.gauge(row.name, row.help, &[], value),
            (None, _) => {}
        }
    }
}

impl Metrics {
    /// Starts collecting, and the sinks.
    ///
    /// # Errors
    /// A sink whose host is not found, unless `retry` is set: the text with which the start ends.
    pub async fn start(&self, room: &Room, time: &Time) -> Result<(), String> {
        self.tick(time.wall());
        self.own();
        let waiting = self.0.waiting.lock().take();
        if let Some(events) = waiting {
            sink::start(self, events, room, time).await?;
        }
        let (metrics, time) = (self.clone(), time.clone());
        room.spawn("metrics", async move {
            let mut machine = Machine::default();
            let mut looked = time.now();
            machine.look(&metrics);
            loop {
                time.sleep(TICK).await;
                metrics.own();
                if time.now().since(looked) >= INTERVAL {
                    looked = time.now();
                    machine.look(&metrics);
                }
                metrics.tick(time.wall());
            }
        });
        Ok(())
    }

    /// Gauges of the own process.
    fn own(&self) {
        if let Some(tasks) = tasks() {
            self.gauge(names::RUNTIME_NUM_GOROUTINES, tasks);
        }
        if let Some((all, resident, anonymous)) = memory() {
            self.gauge(names::RUNTIME_SYS_BYTES, (all * PAGE) as f64);
            self.gauge(names::RUNTIME_ALLOC_BYTES, (resident * PAGE) as f64);
            self.gauge(names::RUNTIME_HEAP_OBJECTS, anonymous as f64);
        }
    }
}

/// Processor times of the last look, by processor.
#[derive(Default)]
struct Machine {
    before: Vec<(String, [f64; 5])>,
}

impl Machine {
    /// `host.*`, if asked for.
    fn look(&mut self, metrics: &Metrics) {
        let Some(folder) = &metrics.0.config.host_metrics else {
            return;
        };
        let host = crate::hostname();
        memory_of_machine(metrics, &host);
        self.processors(metrics, &host);
        disk(metrics, &host, folder);
        let uptime = fs::read_to_string("/proc/uptime").ok();
        let seconds = uptime.and_then(|text| text.split('.').next()?.parse().ok());
        if let Some(seconds) = seconds {
            metrics.gauge_with(names::HOST_UPTIME, &[&host], seconds);
        }
    }

    /// Shares of the time since the last look; nothing at the first.
    fn processors(&mut self, metrics: &Metrics, host: &str) {
        let Ok(text) = fs::read_to_string("/proc/stat") else {
            return;
        };
        let now: Vec<(String, [f64; 5])> = text.lines().filter_map(times).collect();
        for (name, times) in &now {
            let Some((_, before)) = self.before.iter().find(|(old, _)| old == name) else {
                continue;
            };
            let all = times[4] - before[4];
            if all <= 0.0 {
                continue;
            }
            let share = |at: usize| 100.0 * (times[at] - before[at]).max(0.0) / all;
            let idle = share(2);
            let parts = [
                (names::HOST_CPU_USER, share(0)),
                (names::HOST_CPU_SYSTEM, share(1)),
                (names::HOST_CPU_IDLE, idle),
                (names::HOST_CPU_IOWAIT, share(3)),
                (names::HOST_CPU_TOTAL, (100.0 - idle).max(0.0)),
            ];
            for (metric, value) in parts {
                metrics.gauge_with(metric, &[host, name], value);
            }
        }
        self.before = now;
    }
}

/// User, system, idle, waiting and all ticks of one processor's line.
fn times(line: &str) -> Option<(String, [f64; 5])> {
    let mut fields = line.split_ascii_whitespace();
    let name = fields.next()?;
    // The line without a number is the sum of the others.
    name.strip_prefix("cpu")
        .filter(|number| !number.is_empty())?;
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    let at = |index: usize| ticks.get(index).copied().unwrap_or(0.0);
    // Guests' time is within that of users already.
    let all = ticks.iter().take(8).sum();
    Some((name.to_owned(), [at(0) + at(1), at(2), at(3), at(4), all]))
}

fn memory_of_machine(metrics: &Metrics, host: &str) {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else {
        return;
    };
    let bytes = |name: &str| named(&text, name).unwrap_or(0.0) * 1024.0;
    let (total, free, available) = (bytes("MemTotal"), bytes("MemFree"), bytes("MemAvailable"));
    let used = (total - free - bytes("Buffers") - bytes("Cached")).max(0.0);
    let values = [
        (names::HOST_MEMORY_TOTAL, total),
        (names::HOST_MEMORY_AVAILABLE, available),
        (names::HOST_MEMORY_FREE, free),
        (names::HOST_MEMORY_USED, used),
        (
            names::HOST_MEMORY_USED_PERCENT,
            100.0 * used / total.max(1.0),
        ),
    ];
    for (metric, value) in values {
        metrics.gauge_with(metric, &[host], value);
    }
}

fn disk(metrics: &Metrics, host: &str, folder: &str) {
    let Ok(found) = nix::sys::statvfs::statvfs(folder) else {
        return;
    };
    let block = found.fragment_size() as f64;
    let size = found.blocks() as f64 * block;
    let used = size - found.blocks_free() as f64 * block;
    let available = found.blocks_available() as f64 * block;
    let (inodes, free) = (found.files() as f64, found.files_free() as f64);
    let values = [
        (names::HOST_DISK_SIZE, size),
        (names::HOST_DISK_USED, used),
        (names::HOST_DISK_AVAILABLE, available),
        (
            names::HOST_DISK_USED_PERCENT,
            100.0 * used / (used + available).max(1.0),
        ),
        (
            names::HOST_DISK_INODES_PERCENT,
            100.0 * (inodes - free) / inodes.max(1.0),
        ),
    ];
    for (metric, value) in values {
        metrics.gauge_with(metric, &[host, folder], value);
    }
}
