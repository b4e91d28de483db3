//! Runs a tree over the addresses of a machine.

use super::attribute::{address, attribute, first_usable, last_usable};
use super::builtins;
use super::network::network;
use super::sockaddr;
use super::tree::{Branch, Kind, Node, Operand, Pipe, Term};
use super::value::Value;
use super::{Fault, OUTPUT_BYTES_MAX, STEPS_MAX};
use crate::host::{Host, Interface};

/// What a list of nodes ended with.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// A run.
pub(super) struct Run<'a> {
    pub(super) host: &'a dyn Host,
    variables: Vec<(String, Value)>,
    out: String,
    steps: usize,
}

/// Runs a template whose dot is every address of the machine.
pub(super) fn run(host: &dyn Host, nodes: &[Node]) -> Result<String, Fault> {
    let dot = Value::List(host.interfaces());
    let mut run = Run {
        host,
        variables: vec![("$".to_string(), dot.clone())],
        out: String::new(),
        steps: 0,
    };
    run.nodes(nodes, &dot)?;
    Ok(run.out)
}

impl Run<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => self.write(0, text, text)?,
                Node::Action(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    match (pipe.names.is_empty(), value) {
                        (false, _) => Flow::Next,
                        (true, Value::Nil) => {
                            self.write(pipe.at, &pipe.to_string(), "<no value>")?
                        }
                        (true, value) => {
                            self.write(pipe.at, &pipe.to_string(), &value.to_string())?
                        }
                    }
                }
                Node::Branch(branch) => {
                    let scope = self.variables.len();
                    let flow = self.branch(branch, dot)?;
                    self.variables.truncate(scope);
                    flow
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, at: usize, node: &str, text: &str) -> Result<Flow, Fault> {
        self.out.push_str(text);
        match self.out.len() > OUTPUT_BYTES_MAX {
            true => Err(Fault::run(
                at,
                node,
                format!("more than {OUTPUT_BYTES_MAX} bytes"),
            )),
            false => Ok(Flow::Next),
        }
    }

    /// Counts work, so that loops in loops end.
    fn step(
        &mut self,
        at: usize,
        node: &dyn std::fmt::Display,
        weight: usize,
    ) -> Result<(), Fault> {
        self.steps += 1 + weight;
        match self.steps > STEPS_MAX {
            true => Err(Fault::run(
                at,
                &node.to_string(),
                format!("more than {STEPS_MAX} steps"),
            )),
            false => Ok(()),
        }
    }

    fn branch(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        if branch.kind == Kind::Range {
            return self.range(branch, dot);
        }
        let value = self.pipe(&branch.pipe, dot)?;
        match (value.truth(), branch.kind) {
            (true, Kind::With) => self.nodes(&branch.body, &value),
            (true, _) => self.nodes(&branch.body, dot),
            (false, _) => self.nodes(&branch.otherwise, dot),
        }
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        let pipe = &branch.pipe;
        // The names are given to each member, not to the list.
        let value = self.commands(pipe, dot)?;
        let Value::List(list) = value else {
            let text = match value {
                Value::Nil => "range can't iterate over <nil>".to_string(),
                other => format!("range can't iterate over {other}"),
            };
            return Err(Fault::run(pipe.at, &pipe.to_string(), text));
        };
        if list.is_empty() {
            return self.nodes(&branch.otherwise, dot);
        }
        let scope = self.variables.len();
        for (i, one) in list.into_iter().enumerate() {
            self.step(pipe.at, pipe, 0)?;
            let one = Value::One(Box::new(one));
            match pipe.names.as_slice() {
                [] => {}
                [name] => self.bind(name, one.clone(), pipe.assigns),
                [index, name, ..] => {
                    self.bind(index, Value::Int(i as i64), pipe.assigns);
                    self.bind(name, one.clone(), pipe.assigns);
                }
            }
            let flow = self.nodes(&branch.body, &one)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn bind(&mut self, name: &str, value: Value, assigns: bool) {
        let slot = self.variables.iter_mut().rev().find(|(n, _)| n == name);
        match (assigns, slot) {
            (true, Some(slot)) => slot.1 = value,
            _ => self.variables.push((name.to_string(), value)),
        }
    }

    /// The value of a pipeline; its names take it.
    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.names {
            self.bind(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let mut value = None;
        for words in &pipe.commands {
            value = Some(self.command(words, dot, value)?);
        }
        Ok(value.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        words: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let Some((first, rest)) = words.split_first() else {
            return Ok(Value::Nil);
        };
        let weight = piped.as_ref().map_or(0, Value::weight);
        self.step(first.at, first, weight)?;
        match &first.term {
            Term::Function(name) => {
                let value = self.call(first, name, rest, dot, piped)?;
                self.fields(first, value, &first.fields, &[])
            }
            _ if !first.fields.is_empty() => {
                let start = self.term(first, dot)?;
                let mut args = Vec::new();
                for word in rest {
                    args.push(self.operand(word, dot)?);
                }
                args.extend(piped);
                self.fields(first, start, &first.fields, &args)
            }
            _ if !rest.is_empty() || piped.is_some() => Err(Fault::run(
                first.at,
                &first.to_string(),
                format!("can't give argument to non-function {first}"),
            )),
            Term::Nil => Err(Fault::run(first.at, "nil", "nil is not a command")),
            _ => self.term(first, dot),
        }
    }

    /// The value of a word, its fields not yet looked at.
    fn term(&mut self, word: &Operand, dot: &Value) -> Result<Value, Fault> {
        Ok(match &word.term {
            Term::Dot | Term::Field => dot.clone(),
            Term::Nil => Value::Nil,
            Term::Bool(b) => Value::Bool(*b),
            Term::Int(_, n) => Value::Int(*n),
            Term::Float(_, n) => Value::Float(*n),
            Term::Text(_, t) => Value::Text(t.clone()),
            Term::Variable(name) => {
                let found = self.variables.iter().rev().find(|(n, _)| n == name);
                found.map_or(Value::Nil, |(_, v)| v.clone())
            }
            Term::Function(name) => self.call(word, name, &[], dot, None)?,
            Term::Pipe(pipe) => self.pipe(pipe, dot)?,
        })
    }

    fn operand(&mut self, word: &Operand, dot: &Value) -> Result<Value, Fault> {
        let start = self.term(word, dot)?;
        self.fields(word, start, &word.fields, &[])
    }

    fn fields(
        &self,
        word: &Operand,
        start: Value,
        fields: &[String],
        args: &[Value],
    ) -> Result<Value, Fault> {
        let fail = |text: String| Fault::run(word.at, &word.to_string(), text);
        let mut value = start;
        for (i, name) in fields.iter().enumerate() {
            let args = if i + 1 == fields.len() { args } else { &[] };
            value = match (&value, name.as_str(), args) {
                (Value::One(one), "Attr", [Value::Text(wanted)]) => attribute(one, wanted)
                    .map(Value::Text)
                    .map_err(|e| fail(format!("error calling Attr: {e}")))?,
                (_, _, [_, ..]) => {
                    let text = format!("{name} has arguments but cannot be invoked as function");
                    return Err(fail(text));
                }
                (value, _, []) => member(value, name).ok_or_else(|| {
                    fail(format!(
                        "can't evaluate field {name} in type {}",
                        value.kind()
                    ))
                })?,
            };
        }
        Ok(value)
    }

    /// Calls a function. `and` and `or` look at no more than they need.
    fn call(
        &mut self,
        word: &Operand,
        name: &str,
        rest: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let fail = |text: String| Fault::run(word.at, name, text);
        let given = rest.len() + usize::from(piped.is_some());
        if let Some((least, most)) = sockaddr::arity(name).or_else(|| builtins::arity(name)) {
            let wanted = match most {
                Some(most) if most == least => format!("{least}"),
                _ => format!("at least {least}"),
            };
            if given < least || most.is_some_and(|most| given > most) {
                return Err(fail(format!(
                    "wrong number of args for {name}: want {wanted} got {given}"
                )));
            }
        }
        let mut args = Vec::with_capacity(given);
        for operand in rest {
            let value = self.operand(operand, dot)?;
            let decides = (name == "and" && !value.truth()) || (name == "or" && value.truth());
            if decides {
                return Ok(value);
            }
            args.push(value);
        }
        args.extend(piped);
        let weight = args.iter().map(Value::weight).sum();
        self.step(word.at, &name, weight)?;
        let result = match sockaddr::arity(name) {
            Some(_) => {
                sockaddr::types(name, &args, rest).map_err(|(i, text)| match rest.get(i) {
                    Some(operand) => Fault::run(operand.at, &operand.to_string(), text),
                    None => fail(text),
                })?;
                sockaddr::call(self.host, name, args)
            }
            None => builtins::call(name, args),
        };
        let value = result.map_err(|e| fail(format!("error calling {name}: {e}")))?;
        match value.weight() > OUTPUT_BYTES_MAX / 64 {
            true if matches!(value, Value::Text(_)) => {
                Err(fail(format!("more than {OUTPUT_BYTES_MAX} bytes")))
            }
            _ => Ok(value),
        }
    }
}

/// A field or method without arguments.
fn member(value: &Value, name: &str) -> Option<Value> {
    let text = |t: String| Some(Value::Text(t));
    let other = |i: &Interface, ip| {
        let mut i = i.clone();
        i.ip = ip;
        Some(Value::Address(Box::new(i)))
    };
    match (value, name) {
        (Value::One(i), "Name") => text(i.name.clone()),
        (Value::One(i), "Index") => Some(Value::Int(i64::from(i.index))),
        (Value::One(i), "MTU") => Some(Value::Int(i64::from(i.mtu))),
        (Value::One(i), "HardwareAddr") => text(i.mac.clone()),
        (Value::One(i), "Flags") => text(super::attribute::system_flags(i)),
        (Value::One(i), "SockAddr") => Some(Value::Address(i.clone())),
        (Value::One(_), "String") => text(value.to_string()),
        (Value::One(i) | Value::Address(i), "Type") => attribute(i, "type").ok().map(Value::Text),
        (Value::Address(i), "String") => text(address(i)),
        (Value::Address(i), "NetIP") => text(i.ip.to_string()),
        (Value::Address(i), "NetIPNet") => text(format!("{}/{}", i.ip, i.prefix)),
        (Value::Address(i), "Maskbits") => Some(Value::Int(i64::from(i.prefix))),
        (Value::Address(i), "Network") => other(i, network(i)),
        (Value::Address(i), "FirstUsable") => other(i, first_usable(i)),
        (Value::Address(i), "LastUsable") => other(i, last_usable(i)),
        (Value::Address(i), "Broadcast") => attribute(i, "broadcast").ok().map(Value::Text),
        (Value::Address(i), "AddressBinString") => attribute(i, "binary").ok().map(Value::Text),
        (Value::Address(i), "AddressHexString") => attribute(i, "hex").ok().map(Value::Text),
        _ => None,
    }
}
