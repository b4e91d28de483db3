//! Which texts make up a configuration, and in which order (agent-config.md §1).

use crate::decode::decode;
use crate::deprecated;
use crate::effect;
use crate::error::{ConfigError, errors_occurred};
use crate::flags::{FlagValue, Flags};
use crate::host::{FileKind, Host, go_error};
use crate::merge::{defaults, get, merge, set, take};
use crate::read::{Format, read};
use crate::schema::{Kind, ROOT, walk};
use crate::tree::{Map, Tree};

/// Most files of one directory that are looked at.
pub const DIRECTORY_ENTRIES_MAX: usize = 100_000;

/// All sources in one.
pub(crate) struct Sources {
    /// Decoded, and complete with defaults.
    pub(crate) merged: Map,
    /// Paths of the keys that a file, fragment or flag gives.
    pub(crate) given: Vec<String>,
}

impl Sources {
    fn add(&mut self, source: Map, warnings: &mut Vec<String>) {
        deprecated::enterprise(&source, warnings);
        effect::given(&source, &mut self.given);
        merge(&mut self.merged, source);
    }
}

/// Loads and merges all sources.
pub(crate) fn load(
    host: &dyn Host,
    flags: &Flags,
    warnings: &mut Vec<String>,
) -> Result<Sources, ConfigError> {
    let format = match flags.config_format.as_deref() {
        None | Some("") => None,
        Some(name) => Some(Format::of_name(name).ok_or(ConfigError::Format)?),
    };
    let files = collect(host, &flags.paths, format, warnings)?;
    let mut sources = Sources {
        merged: defaults(flags.dev),
        given: Vec::new(),
    };
    let (lists, others) = flag_sources(flags, warnings);
    sources.add(lists, warnings);
    for (path, text, format) in files {
        let source = parse(&path, &text, format, warnings)?;
        sources.add(source, warnings);
    }
    sources.add(others, warnings);
    for (i, text) in flags.hcl.iter().enumerate() {
        let source = parse(&format!("flags-{i}.hcl"), text, Format::Hcl, warnings)?;
        sources.add(source, warnings);
    }
    deprecated::translate_merged(&mut sources.merged, warnings);
    Ok(sources)
}

/// Reads one text into a decoded source.
fn parse(
    path: &str,
    text: &str,
    format: Format,
    warnings: &mut Vec<String>,
) -> Result<Map, ConfigError> {
    let refused = |why: String| ConfigError::Parse {
        path: path.to_string(),
        why,
    };
    if text.is_empty() {
        return Ok(Map::new());
    }
    let map = read(text, format).map_err(refused)?;
    let (mut map, mut findings) = decode(ROOT, map);
    if !findings.wrong.is_empty() {
        findings.wrong.sort();
        let list: Vec<String> = findings.wrong.iter().map(|w| format!("* {w}")).collect();
        return Err(refused(format!(
            "{} error(s) decoding:\n\n{}",
            list.len(),
            list.join("\n")
        )));
    }
    findings.unknown.retain(|key| {
        if key == "acl_enforce_version_8" {
            warnings.push(format!(
                "config key {key:?} is deprecated and should be removed"
            ));
            return false;
        }
        if key.starts_with("audit.sink[") && key.ends_with("].name") {
            warnings
                .push("config key audit.sink[].name is deprecated and should be removed".into());
            return false;
        }
        true
    });
    if !findings.unknown.is_empty() {
        let list: Vec<String> = findings
            .unknown
            .iter()
            .map(|key| format!("invalid config key {key}"))
            .collect();
        return Err(refused(errors_occurred(&list)));
    }
    singular_into_list(&mut map);
    deprecated::translate(&mut map, warnings);
    Ok(map)
}

/// `service {}` and `check {}` join the list of their own file.
fn singular_into_list(map: &mut Map) {
    for (one, many) in [("check", "checks"), ("service", "services")] {
        let Some(single) = take(map, one) else {
            continue;
        };
        match map.get_mut(many) {
            Some(Tree::List { items, .. }) => items.push(single),
            _ => {
                map.insert(many.to_string(), Tree::list(vec![single]));
            }
        }
    }
}

type Texts = Vec<(String, String, Format)>;

/// Reads the named files and the files of the named directories.
fn collect(
    host: &dyn Host,
    paths: &[String],
    format: Option<Format>,
    warnings: &mut Vec<String>,
) -> Result<Texts, ConfigError> {
    let mut out = Texts::new();
    for path in paths {
        let kind = host.kind(path).map_err(|e| ConfigError::Open {
            path: path.clone(),
            why: go_error("open", path, &e),
        })?;
        if kind != FileKind::Directory {
            let format = format
                .or_else(|| Format::of_path(path))
                .ok_or_else(|| ConfigError::Extension(path.clone()))?;
            out.push((path.clone(), text_of(host, path)?, format));
            continue;
        }
        let mut names = host.list(path).map_err(|e| ConfigError::Open {
            path: path.clone(),
            why: go_error("open", path, &e),
        })?;
        names.sort();
        for name in names.into_iter().take(DIRECTORY_ENTRIES_MAX) {
            let file = join(path, &name);
            // A link that leads nowhere, or a file that has gone meanwhile, is an error like any unreadable file.
            let kind = host.kind(&file).map_err(|e| ConfigError::Read {
                path: file.clone(),
                why: go_error("stat", &file, &e),
            })?;
            if kind == FileKind::Directory {
                continue;
            }
            match format.or_else(|| Format::of_path(&file)) {
                Some(format) => out.push((file.clone(), text_of(host, &file)?, format)),
                None => warnings.push(format!(
                    "skipping file {file}, extension must be .hcl or .json, or config format must be set"
                )),
            }
        }
    }
    Ok(out)
}

fn join(dir: &str, name: &str) -> String {
    let dir = dir.strip_prefix("./").unwrap_or(dir).trim_end_matches('/');
    match dir {
        "." => name.to_string(),
        "" => format!("/{name}"),
        _ => format!("{dir}/{name}"),
    }
}

fn text_of(host: &dyn Host, path: &str) -> Result<String, ConfigError> {
    let bytes = host.read(path).map_err(|e| ConfigError::Read {
        path: path.to_string(),
        why: go_error("open", path, &e),
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Splits the flags into the lists, which come before the files, and the rest, which comes after.
fn flag_sources(flags: &Flags, warnings: &mut Vec<String>) -> (Map, Map) {
    let (mut lists, mut others) = (Map::new(), Map::new());
    for (name, value) in &flags.given {
        let (name, old) = match name.as_str() {
            "join" => ("retry-join", true),
            "join-wan" => ("retry-join-wan", true),
            "non-voting-server" => ("read-replica", false),
            other => (other, false),
        };
        if old {
            let was = name.trim_start_matches("retry-");
            warnings.push(format!(
                "The flag '-{was}' is deprecated. Use the '-{name}' flag instead."
            ));
        }
        let Some((path, kind)) = path_of_flag(name) else {
            continue;
        };
        let early = matches!(kind, Kind::Texts) && !path.contains('.');
        let target = if early { &mut lists } else { &mut others };
        let tree = tree_of(kind, value);
        match (get(target, &path).cloned(), tree) {
            (Some(Tree::List { mut items, .. }), Tree::List { items: more, .. }) => {
                items.extend(more);
                set(target, &path, Tree::list(items));
            }
            (_, tree) => set(target, &path, tree),
        }
    }
    (lists, others)
}

fn path_of_flag(flag: &str) -> Option<(String, Kind)> {
    let mut found = None;
    walk(&mut |path, field| {
        if field.flag == flag {
            found = Some((path.to_string(), field.kind));
        }
    });
    found
}

fn tree_of(kind: Kind, value: &FlagValue) -> Tree {
    match (kind, value) {
        (_, FlagValue::Bool(b)) => Tree::Bool(*b),
        (_, FlagValue::Int(n)) => Tree::Int(*n),
        (_, FlagValue::Text(s)) => Tree::text(s.as_str()),
        // `-node-meta=key:value`; the first colon splits, without one the value is empty.
        (Kind::TextMap, FlagValue::Texts(list)) => Tree::Map(
            list.iter()
                .map(|pair| {
                    let (k, v) = pair.split_once(':').unwrap_or((pair, ""));
                    (k.to_string(), Tree::text(v))
                })
                .collect(),
        ),
        (_, FlagValue::Texts(list)) => {
            Tree::list(list.iter().map(|s| Tree::text(s.as_str())).collect())
        }
    }
}
