//! The rules once more, as plainly as possible: plain maps, full scans, names in lower case only.

use std::collections::BTreeMap;

/// One random step.
#[derive(Clone, Debug)]
pub enum Step {
    Node {
        node: String,
        address: String,
    },
    Service {
        node: String,
        name: String,
        id: String,
        port: i64,
    },
    Check {
        node: String,
        id: String,
        service: String,
        status: String,
    },
    Deregister {
        node: String,
        service: String,
        check: String,
    },
    Set {
        key: String,
        value: String,
    },
    Cas {
        key: String,
        value: String,
        index: u64,
    },
    Delete {
        key: String,
    },
    DeleteTree {
        prefix: String,
    },
    Lock {
        key: String,
        session: String,
    },
    Unlock {
        key: String,
        session: String,
    },
    Session {
        id: String,
        node: String,
        check: String,
        behavior: String,
    },
    Destroy {
        id: String,
    },
    Reap {
        index: u64,
    },
}

type Stamp = (u64, u64);

#[derive(Clone, Default)]
pub struct Naive {
    pub nodes: BTreeMap<String, (String, Stamp)>,
    /// (node, id) → name, port.
    pub services: BTreeMap<(String, String), (String, i64, Stamp)>,
    /// (node, id) → service id, service name, status.
    pub checks: BTreeMap<(String, String), (String, String, String, Stamp)>,
    /// key → value, session, lock index.
    pub kv: BTreeMap<String, (String, String, u64, Stamp)>,
    pub tombs: BTreeMap<String, u64>,
    /// id → node, check, behavior.
    pub sessions: BTreeMap<String, (String, String, String, u64)>,
    pub indexes: BTreeMap<String, u64>,
}

impl Naive {
    fn bump(&mut self, name: &str, at: u64) {
        self.indexes.insert(name.to_owned(), at);
    }

    fn bump2(&mut self, name: &str, at: u64) {
        self.bump(name, at);
        self.bump(&format!("peer.~:{name}"), at);
    }

    fn bump_service(&mut self, name: &str, at: u64) {
        self.bump(&format!("peer.~:service.{name}"), at);
        self.bump2("service_kind.typical", at);
    }

    fn names_on(&self, node: &str) -> Vec<String> {
        self.services
            .iter()
            .filter(|((n, _), _)| n == node)
            .map(|(_, (name, ..))| name.clone())
            .collect()
    }

    /// Applies a step; false when it is refused or a condition fails.
    pub fn step(&mut self, at: u64, step: &Step) -> bool {
        let before = self.clone();
        let done = self.run(at, step);
        if !done {
            *self = before;
        }
        done
    }

    fn node(&mut self, at: u64, node: &str, address: &str) {
        let created = match self.nodes.get(node) {
            Some((old, _)) if old == address => return,
            Some((_, (created, _))) => *created,
            None => at,
        };
        self.nodes
            .insert(node.into(), (address.into(), (created, at)));
        self.bump2("nodes", at);
        self.bump(&format!("peer.~:node.{node}"), at);
        for name in self.names_on(node) {
            self.bump_service(&name, at);
        }
    }

    fn run(&mut self, at: u64, step: &Step) -> bool {
        match step {
            Step::Node { node, address } => self.node(at, node, address),
            Step::Service {
                node,
                name,
                id,
                port,
            } => {
                if !self.nodes.contains_key(node) {
                    self.node(at, node, "a");
                }
                let key = (node.clone(), id.clone());
                let created = match self.services.get(&key) {
                    Some((n, p, _)) if n == name && p == port => return true,
                    Some((_, _, (created, _))) => *created,
                    None => at,
                };
                self.services
                    .insert(key, (name.clone(), *port, (created, at)));
                self.bump_service(name, at);
                self.bump2("services", at);
                self.bump2("nodes", at);
                self.bump(&format!("peer.~:node.{node}"), at);
            }
            Step::Check {
                node,
                id,
                service,
                status,
            } => {
                if !self.nodes.contains_key(node) {
                    self.node(at, node, "a");
                }
                return self.check(at, node, id, service, status);
            }
            Step::Deregister {
                node,
                service,
                check,
            } => {
                if !service.is_empty() {
                    self.drop_service(at, node, service);
                } else if !check.is_empty() {
                    self.drop_check(at, node, check);
                } else {
                    self.drop_node(at, node);
                }
            }
            Step::Set { key, value } => {
                let session = self
                    .kv
                    .get(key)
                    .map(|row| row.1.clone())
                    .unwrap_or_default();
                self.put(at, key, value, &session, 0);
            }
            Step::Cas { key, value, index } => {
                let stored = self.kv.get(key).map_or(0, |row| row.3.1);
                if stored != *index {
                    return false;
                }
                let session = self
                    .kv
                    .get(key)
                    .map(|row| row.1.clone())
                    .unwrap_or_default();
                self.put(at, key, value, &session, 0);
            }
            Step::Delete { key } => self.delete(at, key),
            Step::DeleteTree { prefix } => {
                let keys: Vec<String> = self
                    .kv
                    .keys()
                    .filter(|key| key.starts_with(prefix))
                    .cloned()
                    .collect();
                if !keys.is_empty() {
                    keys.iter().for_each(|key| drop(self.kv.remove(key)));
                    if !prefix.is_empty() {
                        self.tombs.insert(prefix.clone(), at);
                    }
                    self.bump("kvs", at);
                    self.bump("tombstones", at);
                }
            }
            Step::Lock { key, session } => {
                if !self.sessions.contains_key(session) {
                    return false;
                }
                let count = match self.kv.get(key) {
                    None => 1,
                    Some(row) if row.1 == *session => row.2,
                    Some(row) if row.1.is_empty() => row.2 + 1,
                    Some(_) => return false,
                };
                self.put(at, key, "locked", session, count);
            }
            Step::Unlock { key, session } => match self.kv.get(key).cloned() {
                Some(row) if row.1 == *session && !session.is_empty() => {
                    self.put(at, key, "free", "", row.2)
                }
                _ => return false,
            },
            Step::Session {
                id,
                node,
                check,
                behavior,
            } => {
                if !self.nodes.contains_key(node) {
                    return false;
                }
                if !check.is_empty() {
                    match self.checks.get(&(node.clone(), check.clone())) {
                        Some(row) if row.2 != "critical" => {}
                        _ => return false,
                    }
                }
                self.sessions.insert(
                    id.clone(),
                    (node.clone(), check.clone(), behavior.clone(), at),
                );
                self.bump("sessions", at);
            }
            Step::Destroy { id } => self.destroy(at, id),
            Step::Reap { index } => self.tombs.retain(|_, tomb| *tomb > *index),
        }
        true
    }

    fn check(&mut self, at: u64, node: &str, id: &str, service: &str, status: &str) -> bool {
        let mut name = String::new();
        if !service.is_empty() {
            match self.services.get(&(node.to_owned(), service.to_owned())) {
                Some(row) => name = row.0.clone(),
                None => return false,
            }
        }
        let key = (node.to_owned(), id.to_owned());
        let old = self.checks.get(&key).cloned();
        if status == "critical" {
            self.end_by_check(at, node, id);
        }
        if let Some((s, n, st, _)) = &old {
            if s == service && *n == name && st == status {
                return true;
            }
            // Instances that the check no longer decides over.
            if s != service {
                self.decides(at, node, s);
            }
        }
        let created = old.map_or(at, |row| row.3.0);
        self.checks
            .insert(key, (service.into(), name, status.into(), (created, at)));
        self.bump2("checks", at);
        self.decides(at, node, service);
        true
    }

    fn decides(&mut self, at: u64, node: &str, service: &str) {
        let names = if service.is_empty() {
            self.names_on(node)
        } else {
            let row = self.services.get(&(node.to_owned(), service.to_owned()));
            row.map(|row| row.0.clone()).into_iter().collect()
        };
        for name in names {
            self.bump_service(&name, at);
        }
    }

    fn drop_check(&mut self, at: u64, node: &str, id: &str) {
        let Some(row) = self.checks.remove(&(node.to_owned(), id.to_owned())) else {
            return;
        };
        self.decides(at, node, &row.0);
        if row.0.is_empty() {
            self.bump2("services", at);
        }
        self.bump2("checks", at);
        self.end_by_check(at, node, id);
    }

    fn drop_service(&mut self, at: u64, node: &str, id: &str) {
        let key = (node.to_owned(), id.to_owned());
        if !self.services.contains_key(&key) {
            return;
        }
        let checks: Vec<String> = self
            .checks
            .iter()
            .filter(|((n, _), row)| n == node && row.0 == id)
            .map(|((_, id), _)| id.clone())
            .collect();
        checks
            .iter()
            .for_each(|check| self.drop_check(at, node, check));
        let Some((name, ..)) = self.services.remove(&key) else {
            return;
        };
        self.bump2("checks", at);
        self.bump2("services", at);
        self.bump2("nodes", at);
        self.bump2("service_kind.typical", at);
        self.bump(&format!("peer.~:node.{node}"), at);
        if self.services.values().any(|row| row.0 == name) {
            self.bump(&format!("peer.~:service.{name}"), at);
        } else {
            self.indexes.remove(&format!("peer.~:service.{name}"));
            self.bump("peer.~:service_last_extinction", at);
        }
    }

    fn drop_node(&mut self, at: u64, node: &str) {
        if !self.nodes.contains_key(node) {
            return;
        }
        let services: Vec<String> = self
            .services
            .keys()
            .filter(|(n, _)| n == node)
            .map(|(_, id)| id.clone())
            .collect();
        services
            .iter()
            .for_each(|id| self.drop_service(at, node, id));
        let checks: Vec<String> = self
            .checks
            .keys()
            .filter(|(n, _)| n == node)
            .map(|(_, id)| id.clone())
            .collect();
        checks.iter().for_each(|id| self.drop_check(at, node, id));
        self.nodes.remove(node);
        self.bump2("nodes", at);
        self.indexes.remove(&format!("peer.~:node.{node}"));
        self.bump("peer.~:node_last_extinction", at);
        let sessions: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, row)| row.0 == node)
            .map(|(id, _)| id.clone())
            .collect();
        sessions.iter().for_each(|id| self.destroy(at, id));
    }

    fn end_by_check(&mut self, at: u64, node: &str, check: &str) {
        let ended: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, row)| row.0 == node && row.1 == check)
            .map(|(id, _)| id.clone())
            .collect();
        ended.iter().for_each(|id| self.destroy(at, id));
    }

    fn destroy(&mut self, at: u64, id: &str) {
        let Some(row) = self.sessions.remove(id) else {
            return;
        };
        self.bump("sessions", at);
        let held: Vec<String> = self
            .kv
            .iter()
            .filter(|(_, entry)| entry.1 == id)
            .map(|(key, _)| key.clone())
            .collect();
        for key in held {
            if row.2 == "delete" {
                self.delete(at, &key);
            } else if let Some((value, _, count, _)) = self.kv.get(&key).cloned() {
                self.put(at, &key, &value, "", count);
            }
        }
    }

    fn put(&mut self, at: u64, key: &str, value: &str, session: &str, count: u64) {
        let created = match self.kv.get(key) {
            Some((v, s, c, _)) if v == value && s == session && *c == count => return,
            Some((.., (created, _))) => *created,
            None => at,
        };
        self.kv.insert(
            key.into(),
            (value.into(), session.into(), count, (created, at)),
        );
        self.bump("kvs", at);
    }

    fn delete(&mut self, at: u64, key: &str) {
        if self.kv.remove(key).is_some() {
            self.tombs.insert(key.into(), at);
            self.bump("kvs", at);
            self.bump("tombstones", at);
        }
    }
}
