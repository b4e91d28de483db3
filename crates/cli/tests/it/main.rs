//! The command line from the outside: arguments in, streams and exit status out.

mod frame;
mod run;
