//! A client agent's ports against the real door of servers whose methods are a table.

mod archives;
mod calls;
mod support;
mod waits;
