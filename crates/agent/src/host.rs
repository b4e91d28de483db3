//! The machine as `/v1/agent/host` shows it (spec/http-api.md §10.12), from the kernel's files.

use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs::read_to_string;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads everything; what cannot be read is `null`, and says why among the errors.
pub(crate) fn describe(now: SystemTime) -> Value {
    let mut errors = Vec::new();
    let mut part = |found: Result<Value, std::io::Error>| {
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot describe the machine");
            errors.push(json!({}));
            Value::Null
        })
    };
    let (memory, cpu, host) = (part(memory()), part(processors()), part(system(now)));
    let disk = part(disk("/"));
    let nanos = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    json!({
        "Memory": memory,
        "CPU": cpu,
        "Host": host,
        "Disk": disk,
        "CollectionTime": u64::try_from(nanos).unwrap_or(u64::MAX),
        "Errors": if errors.is_empty() { Value::Null } else { Value::Array(errors) },
    })
}

/// Members of `Memory` that `/proc/meminfo` has under another name, in the order shown; "" is always 0.
const MEMORY: &[(&str, &str)] = &[
    ("free", "MemFree"),
    ("active", "Active"),
    ("inactive", "Inactive"),
    ("wired", ""),
    ("laundry", ""),
    ("buffers", "Buffers"),
    ("cached", "Cached"),
    ("writeBack", "Writeback"),
    ("dirty", "Dirty"),
    ("writeBackTmp", "WritebackTmp"),
    ("shared", "Shmem"),
    ("slab", "Slab"),
    ("sreclaimable", "SReclaimable"),
    ("sunreclaim", "SUnreclaim"),
    ("pageTables", "PageTables"),
    ("swapCached", "SwapCached"),
    ("commitLimit", "CommitLimit"),
    ("committedAS", "Committed_AS"),
    ("highTotal", "HighTotal"),
    ("highFree", "HighFree"),
    ("lowTotal", "LowTotal"),
    ("lowFree", "LowFree"),
    ("swapTotal", "SwapTotal"),
    ("swapFree", "SwapFree"),
    ("mapped", "Mapped"),
    ("vmallocTotal", "VmallocTotal"),
    ("vmallocUsed", "VmallocUsed"),
    ("vmallocChunk", "VmallocChunk"),
    ("hugePagesTotal", "HugePages_Total"),
    ("hugePagesFree", "HugePages_Free"),
    ("hugePagesRsvd", "HugePages_Rsvd"),
    ("hugePagesSurp", "HugePages_Surp"),
    ("hugePageSize", "Hugepagesize"),
];

fn memory() -> std::io::Result<Value> {
    let text = read_to_string("/proc/meminfo")?;
    let rows: HashMap<&str, u64> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let mut words = rest.split_whitespace();
            let number: u64 = words.next()?.parse().ok()?;
            let unit = if words.next() == Some("kB") { 1024 } else { 1 };
            Some((name, number.saturating_mul(unit)))
        })
        .collect();
    let of = |name: &str| rows.get(name).copied().unwrap_or(0);
    let (total, available) = (of("MemTotal"), of("MemAvailable"));
    let cached = of("Cached").saturating_add(of("SReclaimable"));
    let used = total.saturating_sub(of("MemFree") + of("Buffers") + cached);
    let mut out = Map::new();
    out.insert("total".into(), total.into());
    out.insert("available".into(), available.into());
    out.insert("used".into(), used.into());
    out.insert("usedPercent".into(), percent(used, total).into());
    for (name, row) in MEMORY {
        let value = if *name == "cached" { cached } else { of(row) };
        out.insert((*name).into(), value.into());
    }
    Ok(out.into())
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}

fn processors() -> std::io::Result<Value> {
    let text = read_to_string("/proc/cpuinfo")?;
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let list = blocks.enumerate().map(|(at, block)| {
        let rows: HashMap<&str, &str> = block
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let text = |name: &str| rows.get(name).copied().unwrap_or_default();
        let float = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        let cache = text("cache size").trim_end_matches(" KB").parse::<i64>();
        json!({
            "cpu": text("processor").parse::<i64>().unwrap_or(i64::try_from(at).unwrap_or(0)),
            "vendorId": text("vendor_id"),
            "family": text("cpu family"),
            "model": text("model"),
            "stepping": text("stepping").parse::<i64>().unwrap_or(0),
            "physicalId": text("physical id"),
            "coreId": text("core id"),
            "cores": 1,
            "modelName": text("model name"),
            "mhz": float(text("cpu MHz")),
            "cacheSize": cache.unwrap_or(0),
            "flags": text("flags").split_whitespace().collect::<Vec<_>>(),
            "microcode": text("microcode"),
        })
    });
    Ok(list.collect())
}

fn system(now: SystemTime) -> std::io::Result<Value> {
    let line = |path: &str| {
        read_to_string(path)
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    let uptime = read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0);
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let release = read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    let running = std::fs::read_dir("/proc")?
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .count();
    let family = field("ID_LIKE");
    let family = family.split_whitespace().next().unwrap_or_default();
    let platform = field("ID");
    let id = match line("/sys/class/dmi/id/product_uuid") {
        id if id.is_empty() => line("/proc/sys/kernel/random/boot_id"),
        id => id,
    };
    let arch = line("/proc/sys/kernel/arch");
    Ok(json!({
        "hostname": line("/proc/sys/kernel/hostname"),
        "uptime": uptime as u64,
        "bootTime": seconds.saturating_sub(uptime as u64),
        "procs": running,
        "os": std::env::consts::OS,
        "platformFamily": if family.is_empty() { platform.as_str() } else { family },
        "platform": platform,
        "platformVersion": field("VERSION_ID"),
        "kernelVersion": line("/proc/sys/kernel/osrelease"),
        "kernelArch": if arch.is_empty() { std::env::consts::ARCH } else { arch.as_str() },
        "virtualizationSystem": "",
        "virtualizationRole": "",
        "hostId": id.to_lowercase(),
    }))
}

fn disk(path: &str) -> std::io::Result<Value> {
    let stat = nix::sys::statvfs::statvfs(path).map_err(std::io::Error::from)?;
    let unit = stat.fragment_size();
    let total = stat.blocks().saturating_mul(unit);
    let free = stat.blocks_available().saturating_mul(unit);
    let used = stat
        .blocks()
        .saturating_sub(stat.blocks_free())
        .saturating_mul(unit);
    let (inodes, inodes_free) = (stat.files(), stat.files_free());
    let inodes_used = inodes.saturating_sub(inodes_free);
    let mounts = read_to_string("/proc/self/mounts").unwrap_or_default();
    let kind = mounts.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        (words.next()? == path).then(|| words.next().unwrap_or_default().to_owned())
    });
    Ok(json!({
        "path": path,
        "fstype": kind.unwrap_or_default(),
        "total": total,
        "free": free,
        "used": used,
        "usedPercent": percent(used, used.saturating_add(free)),
        "inodesTotal": inodes,
        "inodesUsed": inodes_used,
        "inodesFree": inodes_free,
        "inodesUsedPercent": percent(inodes_used, inodes),
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_can_be_described() {
        let found = super::describe(std::time::SystemTime::now());
        assert!(found["Memory"]["total"].as_u64().unwrap() > 0);
        assert!(!found["CPU"].as_array().unwrap().is_empty());
        assert!(found["Disk"]["total"].as_u64().unwrap() > 0);
        assert!(found["Errors"].is_null());
    }
}
