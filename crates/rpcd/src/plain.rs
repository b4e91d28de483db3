//! Calls on a connection of their own (first byte 0): the same as on one stream of a multiplexed one.

use crate::conversation::{Conversation, Step, reply};
use crate::inside::Inside;
use crate::limits::PIECE;
use crate::port::Call;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) async fn serve(
    mut stream: net::Stream,
    peer: SocketAddr,
    inside: &Inside,
) -> io::Result<()> {
    let mut budget = inside.budget();
    let mut talk = Conversation::new(inside.limits.body_max);
    let mut held = 0;
    let mut piece = vec![0; PIECE];
    loop {
        match talk.step(&*inside.methods, peer) {
            Step::Wait => {
                let count = stream.read(&mut piece).await?;
                if count == 0 {
                    return Ok(());
                }
                talk.push(&piece[..count]);
            }
            Step::Call(head, body) => {
                let method = head.service_method.clone();
                let outcome = inside.methods.call(Call { method, body, peer }).await;
                let (bytes, close) = reply(&head, outcome);
                stream.write_all(&bytes).await?;
                if close {
                    return stream.shutdown().await;
                }
                talk.done();
            }
            Step::Close(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
        }
        if !budget.change(held, talk.held()) {
            return Ok(());
        }
        held = talk.held();
    }
}
