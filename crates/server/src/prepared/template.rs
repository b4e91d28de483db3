//! Templates: a query whose texts are filled in from the name asked for (spec/http-api.md §19.6).

use super::expression::{Scope, Text};
use bexpr::regexp;
use model::PreparedQuery;
use state::TEMPLATE_TYPE;

/// The names within a template.
struct Names<'a> {
    full: &'a str,
    prefix: &'a str,
    groups: Vec<String>,
}

impl Scope for Names<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        let text = match name {
            "name.full" => self.full,
            "name.prefix" => self.prefix,
            // The whole name when only the case of the prefix differs.
            "name.suffix" => self.full.strip_prefix(self.prefix).unwrap_or(self.full),
            "agent.segment" => "",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn group(&self, n: i64) -> String {
        usize::try_from(n)
            .ok()
            .and_then(|n| self.groups.get(n))
            .cloned()
            .unwrap_or_default()
    }
}

/// Checks that a query that is a template can be rendered.
///
/// # Errors
/// What stands behind `failed compiling template: `.
pub(crate) fn compile(query: &PreparedQuery) -> Result<(), String> {
    let kind = &query.template.template_type;
    if kind.is_empty() {
        return Ok(());
    }
    if kind != TEMPLATE_TYPE {
        return Err(format!("Bad Template.Type '{kind}'"));
    }
    render(query, &query.name).map(drop)
}

/// The query for a name.
///
/// # Errors
/// The first text that cannot be rendered.
pub(crate) fn render(query: &PreparedQuery, name: &str) -> Result<PreparedQuery, String> {
    let mut groups = Vec::new();
    if !query.template.regexp.is_empty() {
        let regexp = regexp::compile_capturing(query.template.regexp.as_bytes())
            .map_err(|why| format!("Bad Regexp: {why}"))?;
        if let Some(found) = regexp.captures(name.as_bytes()) {
            groups = found
                .iter()
                .map(|group| {
                    group.map_or(String::new(), |group| {
                        String::from_utf8_lossy(group.as_bytes()).into_owned()
                    })
                })
                .collect();
        }
    }
    let names = Names {
        full: name,
        prefix: &query.name,
        groups,
    };
    let mut out = query.clone();
    fill_in(&mut out, &names)?;
    if query.template.remove_empty_tags && !out.service.tags.is_empty() {
        out.service.tags.make_mut().retain(|tag| !tag.is_empty());
    }
    Ok(out)
}

fn one(text: &mut String, path: &str, names: &Names<'_>) -> Result<(), String> {
    if !text.contains('$') {
        return Ok(());
    }
    let parsed =
        Text::parse(text).map_err(|why| format!("Bad format '{text}' in Service{path}: {why}"))?;
    *text = parsed
        .render(names)
        .map_err(|why| format!("Bad evaluation for '{text}' in Service{path}: {why}"))?;
    Ok(())
}

fn all<'a>(
    texts: impl Iterator<Item = &'a mut String>,
    path: &str,
    names: &Names<'_>,
) -> Result<(), String> {
    for (at, text) in texts.enumerate() {
        one(text, &format!("{path}[{at}]"), names)?;
    }
    Ok(())
}

fn fill_in(query: &mut PreparedQuery, names: &Names<'_>) -> Result<(), String> {
    let service = &mut query.service;
    one(&mut service.service, ".Service", names)?;
    one(&mut service.sameness_group, ".SamenessGroup", names)?;
    let failover = &mut service.failover;
    if !failover.datacenters.is_empty() {
        all(
            failover.datacenters.make_mut().iter_mut(),
            ".Failover.Datacenters",
            names,
        )?;
    }
    if !failover.targets.is_empty() {
        for (at, target) in failover.targets.make_mut().iter_mut().enumerate() {
            one(
                &mut target.peer,
                &format!(".Failover.Targets[{at}].Peer"),
                names,
            )?;
            one(
                &mut target.datacenter,
                &format!(".Failover.Targets[{at}].Datacenter"),
                names,
            )?;
        }
    }
    if !service.ignore_check_ids.is_empty() {
        all(
            service.ignore_check_ids.make_mut().iter_mut(),
            ".IgnoreCheckIDs",
            names,
        )?;
    }
    one(&mut service.near, ".Near", names)?;
    if !service.tags.is_empty() {
        all(service.tags.make_mut().iter_mut(), ".Tags", names)?;
    }
    for (meta, path) in [
        (&mut service.node_meta, ".NodeMeta"),
        (&mut service.service_meta, ".ServiceMeta"),
    ] {
        if !meta.is_empty() {
            for (key, value) in meta.make_mut() {
                one(value, &format!("{path}[{key}]"), names)?;
            }
        }
    }
    one(&mut service.peer, ".Peer", names)
}
