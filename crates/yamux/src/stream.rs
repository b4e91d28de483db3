//! One stream: two windows and two half-closes.

use crate::limits::{CREDIT_MIN, WINDOW};
use std::time::Duration;

/// A stream's number on the wire: odd where the client opened it, even where the server did.
pub type StreamId = u32;

/// How far a stream's opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Ours, not acknowledged; since when.
    Ours(Duration),
    /// The peer's, not accepted.
    Theirs,
    /// Both sides know of it.
    Done,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) opening: Opening,
    /// What the peer lets us send.
    pub(crate) may_send: u32,
    /// Whether a sender was turned away for lack of window and wants to be told of more.
    pub(crate) starved: bool,
    /// Whether it stands in the session's list of those that wait for the output.
    pub(crate) queued: bool,
    /// What the peer may still send.
    may_receive: u32,
    /// Received and not consumed.
    pub(crate) unread: u32,
    /// Consumed and not granted anew.
    credit: u32,
    /// We write no more; since when.
    pub(crate) ended: Option<Duration>,
    /// The peer writes no more.
    pub(crate) peer_ended: bool,
}

impl Stream {
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            opening,
            may_send: WINDOW,
            starved: false,
            queued: false,
            may_receive: WINDOW,
            unread: 0,
            credit: 0,
            ended: None,
            peer_ended: false,
        }
    }

    /// A frame of `length` payload bytes is announced; `false` when that is more than was granted.
    pub(crate) fn announce(&mut self, length: u32) -> bool {
        let Some(left) = self.may_receive.checked_sub(length) else {
            return false;
        };
        self.may_receive = left;
        true
    }

    /// `count` bytes were read; the credit to tell the peer of, if it is worth a frame.
    pub(crate) fn consume(&mut self, count: u32) -> Option<u32> {
        let count = count.min(self.unread);
        self.unread -= count;
        self.credit += count;
        // Who has ended sends nothing that needs credit.
        if self.credit < CREDIT_MIN || self.peer_ended {
            return None;
        }
        let credit = std::mem::take(&mut self.credit);
        self.may_receive += credit;
        Some(credit)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some() && self.peer_ended
    }
}
