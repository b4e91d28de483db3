//! Rules of the recorded answers, checked on rows made by hand; messages are read back by an independent decoder.

mod answers;
mod limits;
mod packets;
mod support;
mod upstream;
