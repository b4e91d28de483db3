//! The command line: command table, output formats.
