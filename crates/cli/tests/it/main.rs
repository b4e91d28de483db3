//! The command line from the outside: arguments in, streams and exit status out.

mod acl;
mod fake;
mod frame;
mod login;
mod rtt;
mod run;
mod texts;
