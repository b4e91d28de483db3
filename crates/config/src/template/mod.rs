//! Address templates: `{{ GetPrivateIP }}`, `{{ GetAllInterfaces | include "name" "eth.*" | attr "address" }}` (agent-config.md §5).
//!
//! Go's template language as far as addresses need it (no `define`, `template`, `block`, no methods with more than one
//! argument), with the functions of go-sockaddr, over the addresses that a [`Host`] reports.

mod attribute;
mod builtins;
mod eval;
mod filter;
mod lex;
mod network;
mod parse;
mod printf;
mod sockaddr;
mod tree;
mod value;

pub use network::Net;
pub(crate) use network::is_public_v6;

use crate::host::Host;

/// Longest template that is evaluated, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 16 << 10;
/// Most that a template may write, or hold in one text, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// Most commands that a template may run, each member of a list that it is given counted as one more.
const STEPS_MAX: usize = 200_000;

/// What is wrong with a template, and where.
struct Fault {
    /// Byte offset into the input.
    at: usize,
    /// The node that ran; nothing when the template could not be read.
    node: Option<String>,
    text: String,
}

impl Fault {
    fn parse(at: usize, text: impl Into<String>) -> Self {
        Self {
            at,
            node: None,
            text: text.into(),
        }
    }

    fn run(at: usize, node: &str, text: impl Into<String>) -> Self {
        Self {
            at,
            node: Some(node.to_string()),
            text: text.into(),
        }
    }

    /// In Go's words: line, and for a node that ran the column (from 0) and the first twenty characters of it.
    fn told(self, input: &str) -> String {
        let before = input.get(..self.at).unwrap_or(input);
        let line = 1 + before.matches('\n').count();
        let Some(node) = self.node else {
            let text = self.text;
            return format!(
                "unable to parse template {input:?}: template: sockaddr.Parse:{line}: {text}"
            );
        };
        let column = before.len() - before.rfind('\n').map_or(0, |i| i + 1);
        let mut shown: String = node.chars().take(20).collect();
        if shown.len() < node.len() {
            shown.push_str("...");
        }
        format!(
            "unable to execute sockaddr input {input:?}: template: sockaddr.Parse:{line}:{column}: executing \"sockaddr.Parse\" at <{shown}>: {}",
            self.text
        )
    }
}

/// Evaluates a text and trims the result.
pub(crate) fn expand(host: &dyn Host, text: &str) -> Result<String, String> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err("template too long".to_string());
    }
    if !text.contains("{{") {
        return Ok(text.trim().to_string());
    }
    let is_function = |name: &str| {
        sockaddr::arity(name)
            .or_else(|| builtins::arity(name))
            .is_some()
    };
    parse::parse(text, is_function)
        .and_then(|nodes| eval::run(host, &nodes))
        .map(|out| out.trim().to_string())
        .map_err(|fault| fault.told(text))
}
