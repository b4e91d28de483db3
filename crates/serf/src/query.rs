//! Queries: who is meant, what is answered, what comes back (spec/wire.md §2.6).

use crate::config::{Event, QUERY_SIZE_MAX, QueryKey, Question, Refused};
use crate::core::{Core, Later};
use crate::keys::{KeyTask, Operation};
use crate::member::socket;
use crate::messages::{
    Message, Query, QueryResponse, TagFilter, decode, encode_conflict, flag, kind,
};
use bytes::Bytes;
use dialect::msgpack;
use std::collections::HashSet;
use std::time::Duration;

/// Names of questions that nodes answer by themselves.
const INTERNAL: &str = "_serf_";
/// Filters of a query that are looked at; one with more is nobody's.
const FILTERS_MAX: usize = 64;

/// Who is asked what.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The question's name.
    pub name: String,
    /// What it carries.
    pub payload: Bytes,
    /// Only these nodes; empty for all.
    pub nodes: Vec<String>,
    /// Only nodes whose tags match these patterns.
    pub tags: Vec<(String, String)>,
    /// Whether receivers acknowledge.
    pub ack: bool,
    /// How many others an answer also goes through.
    pub relay_factor: u8,
    /// How long answers are waited for; zero for the pool's default.
    pub timeout: Duration,
}

impl Ask {
    pub(crate) fn filters(&self) -> Vec<Bytes> {
        let mut filters = Vec::new();
        if !self.nodes.is_empty() {
            let mut out = vec![0];
            let mut writer = msgpack::Writer::new(&mut out);
            writer.array(self.nodes.len());
            for node in &self.nodes {
                writer.str(node);
            }
            filters.push(out.into());
        }
        for (tag, expr) in &self.tags {
            let filter = TagFilter {
                tag: tag.clone(),
                expr: expr.clone(),
            };
            filters.push(crate::messages::encode(1, &filter).into());
        }
        filters
    }
}

/// A question of ours, while answers are waited for.
pub(crate) struct Asked {
    pub(crate) until: Duration,
    acknowledged: HashSet<String>,
    answered: HashSet<String>,
    pub(crate) conflict: Option<Votes>,
}

/// Answers to who owns our name.
#[derive(Default)]
pub(crate) struct Votes {
    pub(crate) all: usize,
    pub(crate) ours: usize,
}

impl Asked {
    pub(crate) fn new(until: Duration) -> Self {
        Self {
            until,
            acknowledged: HashSet::new(),
            answered: HashSet::new(),
            conflict: None,
        }
    }

    /// Takes an answer: each node's once, at most `most` of them, and in time.
    pub(crate) fn take(
        &mut self,
        key: QueryKey,
        response: QueryResponse,
        now: Duration,
        most: usize,
    ) -> Option<Event> {
        let ack = response.flags & flag::ACK != 0;
        let seen = if ack {
            &mut self.acknowledged
        } else {
            &mut self.answered
        };
        if now > self.until || seen.len() >= most || !seen.insert(response.from.clone()) {
            return None;
        }
        Some(Event::Answer {
            key,
            from: response.from,
            payload: (!ack).then_some(response.payload),
        })
    }
}

impl Core {
    /// A question came, or is asked by us; whether to tell it further.
    pub(crate) fn on_query(&mut self, query: Query, now: Duration) -> bool {
        if !self.query_clock.witness(query.time) {
            return false;
        }
        if !self
            .seen_queries
            .put(self.query_clock, query.time, query.id)
        {
            return false;
        }
        let further = query.flags & flag::NO_BROADCAST == 0;
        if !self.is_meant(&query) {
            return further;
        }
        if query.flags & flag::ACK != 0 {
            let ack = QueryResponse {
                time: query.time,
                id: query.id,
                from: self.config.name.clone(),
                flags: flag::ACK,
                payload: Bytes::new(),
            };
            self.send_response(&query, &ack, now);
        }
        let timeout = u64::try_from(query.timeout.0).unwrap_or_default();
        let question = Question {
            until: now.saturating_add(Duration::from_nanos(timeout)),
            asked: query,
        };
        match question.asked.name.strip_prefix(INTERNAL) {
            Some(what) => {
                let what = what.to_owned();
                self.internal(&what, question, now);
            }
            None => self.events.push_back(Event::Query(question)),
        }
        further
    }

    fn is_meant(&self, query: &Query) -> bool {
        let mut budget = bexpr::regexp::Budget::default();
        query.filters.len() <= FILTERS_MAX
            && query
                .filters
                .iter()
                .all(|filter| self.passes(filter, &mut budget))
    }

    fn passes(&self, filter: &[u8], budget: &mut bexpr::regexp::Budget) -> bool {
        match filter.split_first() {
            Some((0, body)) => {
                let names: dialect::List<String> = match msgpack::from_slice(body) {
                    Ok(names) => names,
                    Err(_) => return false,
                };
                names.contains(&self.config.name)
            }
            Some((1, _)) => {
                let Some(wanted) = decode::<TagFilter>(1, filter) else {
                    return false;
                };
                let own = self.members.get(&self.config.name);
                let value = own.and_then(|own| own.member.tags.get(&wanted.tag));
                let value = value.map_or("", String::as_str);
                budget
                    .compile(wanted.expr.as_bytes())
                    .is_ok_and(|pattern| pattern.is_match(value.as_bytes()))
            }
            _ => false,
        }
    }

    fn internal(&mut self, what: &str, question: Question, now: Duration) {
        match what {
            "conflict" => {
                let name = String::from_utf8_lossy(question.payload()).into_owned();
                if name == self.config.name {
                    return;
                }
                let member = self.members.get(&name).map(|entry| entry.member.record());
                let payload = encode_conflict(member.as_ref());
                // It is ours to answer, and was not answered before.
                let _ = self.respond(&question, payload.into(), now);
            }
            _ => {
                if let Some(operation) = Operation::of(what) {
                    self.later
                        .push_back(Later::Key(KeyTask::new(operation, question)));
                }
            }
        }
    }

    /// Answers a question.
    pub(crate) fn respond(
        &mut self,
        question: &Question,
        payload: Bytes,
        now: Duration,
    ) -> Result<(), Refused> {
        if now > question.until {
            return Err(Refused::Late);
        }
        let response = QueryResponse {
            time: question.asked.time,
            id: question.asked.id,
            from: self.config.name.clone(),
            flags: 0,
            payload,
        };
        if Message::Response(response.clone()).encode().len() > QUERY_SIZE_MAX {
            return Err(Refused::Response(QUERY_SIZE_MAX));
        }
        // Those whose time is over are refused as late.
        while self.answered.first().is_some_and(|(end, _)| *end < now) {
            self.answered.pop_first();
        }
        let key = QueryKey {
            time: question.asked.time,
            id: question.asked.id,
        };
        if !self.answered.insert((question.until, key)) {
            return Err(Refused::Answered);
        }
        self.send_response(&question.asked, &response, now);
        Ok(())
    }

    fn send_response(&mut self, query: &Query, response: &QueryResponse, now: Duration) {
        let Some(to) = socket(&query.addr, query.port) else {
            return;
        };
        let message = Bytes::from(Message::Response(response.clone()).encode());
        if to == self.config.addr && query.source == self.config.name {
            // To oneself nothing needs to travel.
            swim::Upper::message(self, now, message);
            return;
        }
        self.later.push_back(Later::Respond {
            to,
            name: query.source.clone(),
            factor: query.relay_factor,
            message,
        });
    }

    /// Counts an answer to who owns our name, if it is one.
    pub(crate) fn vote(&mut self, key: QueryKey, payload: &[u8]) {
        let Some(votes) = self
            .asked
            .get_mut(&key)
            .and_then(|asked| asked.conflict.as_mut())
        else {
            return;
        };
        let told = decode::<crate::messages::MemberRecord>(kind::CONFLICT_RESPONSE, payload);
        let Some(told) = told.filter(|told| told.name == self.config.name) else {
            return;
        };
        votes.all += 1;
        if socket(&told.addr, told.port) == Some(self.config.addr) {
            votes.ours += 1;
        }
    }
}
