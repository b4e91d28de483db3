//! Members as recorded and as made up: what they are, who may be in, whom to ask.

mod lists;
mod members;
mod recorded;
