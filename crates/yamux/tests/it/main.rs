//! Sessions against bytes of real agents, against each other, against time and against bytes of no sense.

mod hostile;
mod pair;
mod support;
mod vectors;
