//! Templates: a query whose texts are filled in from the name asked for (spec/http-api.md §19.6).

use dialect::hil::{Program, Scope, Text};
use model::PreparedQuery;
use parking_lot::Mutex;
use ports::filter::regexp::{self, Regex};
use state::TEMPLATE_TYPE;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

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

    fn group(&self, n: i64) -> Option<String> {
        let group = usize::try_from(n).ok().and_then(|n| self.groups.get(n));
        Some(group.cloned().unwrap_or_default())
    }
}

/// A template whose pattern and texts are compiled.
pub(crate) struct Template {
    regexp: Option<Regex>,
    /// By the text they come from.
    programs: BTreeMap<String, Program>,
}

/// Checks that a query that is a template can be rendered.
///
/// # Errors
/// What stands behind `failed compiling template: `.
pub(crate) fn check(query: &PreparedQuery) -> Result<(), String> {
    let kind = &query.template.template_type;
    if kind.is_empty() {
        return Ok(());
    }
    if kind != TEMPLATE_TYPE {
        return Err(format!("Bad Template.Type '{kind}'"));
    }
    let template = Template::compile(query)?;
    template.render(query, &query.name).map(drop)
}

impl Template {
    /// Compiles a definition's texts and its pattern.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn compile(query: &PreparedQuery) -> Result<Self, String> {
        let names = Names {
            full: &query.name,
            prefix: &query.name,
            groups: Vec::new(),
        };
        let mut programs = BTreeMap::new();
        fill_in(&mut query.clone(), &mut |text, path| {
            let parsed = Text::parse(text)
                .map_err(|why| format!("Bad format '{text}' in Service{path}: {why}"))?;
            let program = Program::of(&parsed, &names)
                .map_err(|why| format!("Bad evaluation for '{text}' in Service{path}: {why}"))?;
            programs.insert(text.clone(), program);
            Ok(())
        })?;
        let regexp = match query.template.regexp.as_bytes() {
            [] => None,
            pattern => Some(
                rt::aside(|| regexp::compile_capturing(pattern))
                    .map_err(|why| format!("Bad Regexp: {why}"))?,
            ),
        };
        Ok(Self { regexp, programs })
    }

    /// The query for a name, from the definition that this was compiled from.
    ///
    /// # Errors
    /// The first text that cannot be rendered.
    pub(crate) fn render(
        &self,
        query: &PreparedQuery,
        name: &str,
    ) -> Result<PreparedQuery, String> {
        let found = self
            .regexp
            .as_ref()
            .and_then(|regexp| regexp.captures(name.as_bytes()));
        let text = |group: Option<regexp::Match<'_>>| {
            group.map_or(String::new(), |group| {
                String::from_utf8_lossy(group.as_bytes()).into_owned()
            })
        };
        let names = Names {
            full: name,
            prefix: &query.name,
            groups: found.map_or(Vec::new(), |found| found.iter().map(text).collect()),
        };
        let mut out = query.clone();
        fill_in(&mut out, &mut |text, path| {
            let Some(program) = self.programs.get(text) else {
                return Ok(());
            };
            *text = program
                .render(&names)
                .map_err(|why| format!("Bad evaluation for '{text}' in Service{path}: {why}"))?;
            Ok(())
        })?;
        if query.template.remove_empty_tags && !out.service.tags.is_empty() {
            out.service.tags.make_mut().retain(|tag| !tag.is_empty());
        }
        Ok(out)
    }
}

/// Templates that are kept compiled. One takes up to 2 MiB for its pattern (`bexpr::regexp`), most a few KiB.
const TEMPLATES_MAX: usize = 16;

/// The templates asked for lately, compiled.
#[derive(Default)]
pub(crate) struct Templates(Mutex<VecDeque<(Arc<PreparedQuery>, Arc<Template>)>>);

impl Templates {
    /// The query for a name by a stored definition, which is compiled the first time.
    ///
    /// # Errors
    /// A text that cannot be rendered.
    pub(crate) fn render(
        &self,
        query: &Arc<PreparedQuery>,
        name: &str,
    ) -> Result<PreparedQuery, String> {
        // A definition that was changed is another row.
        let is_it = |known: &(Arc<PreparedQuery>, _)| Arc::ptr_eq(&known.0, query);
        let known = self.0.lock().iter().find(|known| is_it(known)).cloned();
        if let Some((_, template)) = known {
            return template.render(query, name);
        }
        let template = Arc::new(Template::compile(query)?);
        let mut kept = self.0.lock();
        if !kept.iter().any(is_it) {
            kept.retain(|known| known.0.id != query.id);
            if kept.len() == TEMPLATES_MAX {
                kept.pop_front();
            }
            kept.push_back((query.clone(), template.clone()));
        }
        drop(kept);
        template.render(query, name)
    }
}

/// Does something with a text that has parts to fill in, given its path in the definition.
type Visit<'a> = &'a mut dyn FnMut(&mut String, &str) -> Result<(), String>;

fn one(text: &mut String, path: &str, visit: Visit<'_>) -> Result<(), String> {
    if text.contains('$') {
        visit(text, path)?;
    }
    Ok(())
}

fn all<'a>(
    texts: impl Iterator<Item = &'a mut String>,
    path: &str,
    visit: Visit<'_>,
) -> Result<(), String> {
    for (at, text) in texts.enumerate() {
        one(text, &format!("{path}[{at}]"), visit)?;
    }
    Ok(())
}

fn fill_in(query: &mut PreparedQuery, visit: Visit<'_>) -> Result<(), String> {
    let service = &mut query.service;
    one(&mut service.service, ".Service", visit)?;
    one(&mut service.sameness_group, ".SamenessGroup", visit)?;
    let failover = &mut service.failover;
    if !failover.datacenters.is_empty() {
        all(
            failover.datacenters.make_mut().iter_mut(),
            ".Failover.Datacenters",
            visit,
        )?;
    }
    if !failover.targets.is_empty() {
        for (at, target) in failover.targets.make_mut().iter_mut().enumerate() {
            one(
                &mut target.peer,
                &format!(".Failover.Targets[{at}].Peer"),
                visit,
            )?;
            one(
                &mut target.datacenter,
                &format!(".Failover.Targets[{at}].Datacenter"),
                visit,
            )?;
        }
    }
    if !service.ignore_check_ids.is_empty() {
        all(
            service.ignore_check_ids.make_mut().iter_mut(),
            ".IgnoreCheckIDs",
            visit,
        )?;
    }
    one(&mut service.near, ".Near", visit)?;
    if !service.tags.is_empty() {
        all(service.tags.make_mut().iter_mut(), ".Tags", visit)?;
    }
    for (meta, path) in [
        (&mut service.node_meta, ".NodeMeta"),
        (&mut service.service_meta, ".ServiceMeta"),
    ] {
        if !meta.is_empty() {
            for (key, value) in meta.make_mut() {
                one(value, &format!("{path}[{key}]"), visit)?;
            }
        }
    }
    one(&mut service.peer, ".Peer", visit)
}
