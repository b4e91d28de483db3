//! The command line of `consul agent` as far as configuration cares: which files, which values.
//!
//! Parsing of arguments is the command line's business; here a flag is a name with a value.

/// Value of a flag.
#[derive(Clone, Debug, PartialEq)]
pub enum FlagValue {
    /// A switch.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// All values of a repeatable flag.
    Texts(Vec<String>),
}

/// What the command line of an agent says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// `-config-file` and `-config-dir` together, in the order given.
    pub paths: Vec<String>,
    /// `-config-format`; empty when not given.
    pub config_format: Option<String>,
    /// `-dev`.
    pub dev: bool,
    /// `-hcl` fragments, in order.
    pub hcl: Vec<String>,
    /// The other flags that were given: name without dash, value.
    pub given: Vec<(String, FlagValue)>,
}
