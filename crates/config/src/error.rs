//! Why a configuration is refused. The texts are part of the surface (agent-config.md §1, §8).

/// A refused configuration. Nothing has been changed by the attempt to load it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `-config-format` is neither.
    #[error("config: -config-format must be either 'hcl' or 'json'")]
    Format,
    /// A named file or directory cannot be opened.
    #[error("config: Open failed on {path}. {why}")]
    Open {
        /// As given.
        path: String,
        /// The system's reason.
        why: String,
    },
    /// A file cannot be read.
    #[error("config: failed to read {path}: {why}")]
    Read {
        /// Which.
        path: String,
        /// The system's reason.
        why: String,
    },
    /// A named file has an ending that says nothing about its syntax.
    #[error("file {0} has unknown extension; must be .hcl or .json, or config format must be set")]
    Extension(String),
    /// Syntax, types or keys of a file.
    #[error("failed to parse {path}: {why}")]
    Parse {
        /// Which.
        path: String,
        /// The reader's words.
        why: String,
    },
    /// Several values that could not be understood.
    #[error("{}", errors_occurred(.0))]
    Values(Vec<String>),
    /// A rule between or about values is broken.
    #[error("{0}")]
    Rule(String),
}

impl ConfigError {
    pub(crate) fn rule(text: impl Into<String>) -> Self {
        Self::Rule(text.into())
    }
}

/// Several errors as one text: a count, then one bulleted line each, then an empty line.
pub(crate) fn errors_occurred(list: &[String]) -> String {
    let head = match list.len() {
        1 => "1 error occurred:".to_string(),
        n => format!("{n} errors occurred:"),
    };
    let lines: String = list.iter().map(|e| format!("\t* {e}\n")).collect();
    format!("{head}\n{lines}\n")
}
