//! Calls as recorded between real agents: served by our ports they give the recorded replies, asked by our ports they are the
//! recorded requests.

mod fake;
mod later;
mod recorded;
mod vectors;
