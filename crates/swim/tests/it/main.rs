//! Packets and streams against bytes of real agents, against the specification's vectors and against bytes of no sense.

mod hostile;
mod keys;
mod net;
mod pool;
mod recorded;
mod support;
mod vectors;
