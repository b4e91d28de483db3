//! An orderly end: what waits in the door itself, and bodies that would go on for ever, end with what they have.

use crate::reply::{Body, BodyError};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::watch;

/// Whether the end has begun.
pub(crate) struct Ending(watch::Sender<bool>);

impl Default for Ending {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Ending {
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when the end begins, at once if it has.
    pub(crate) fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ending = self.0.subscribe();
        async move {
            // A door that is gone has ended too.
            let _ = ending.wait_for(|begun| *begun).await;
        }
    }

    /// A body without an end of its own: it ends, in order, when nothing is there to be told and the end has begun.
    pub(crate) fn body<B>(&self, body: B) -> Body
    where
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
    {
        Body::stream(self.endless(body, false))
    }

    /// The same, but cut off in the middle: a client must not take what it has for all there is.
    pub(crate) fn cut<B>(&self, body: B) -> Body
    where
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
    {
        Body::stream(self.endless(body, true))
    }

    fn endless<B>(&self, body: B, cut: bool) -> Endless<B> {
        Endless {
            body,
            ending: Box::pin(self.begun()),
            cut,
        }
    }
}

struct Endless<B> {
    body: B,
    ending: Pin<Box<dyn Future<Output = ()> + Send>>,
    cut: bool,
}

impl<B> HttpBody for Endless<B>
where
    B: HttpBody<Data = Bytes, Error = BodyError> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let over = self.ending.as_mut().poll(cx);
        over.map(|()| self.cut.then(|| Err("the agent ends".into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::sync::mpsc;

    struct Lines(mpsc::Receiver<Bytes>);

    impl HttpBody for Lines {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            let line = self.0.poll_recv(cx);
            line.map(|line| line.map(|line| Ok(Frame::data(line))))
        }
    }

    #[tokio::test]
    async fn what_is_there_is_told_before_the_end() {
        let ending = Ending::default();
        let (lines, receiver) = mpsc::channel(4);
        let mut body = ending.body(Lines(receiver));
        let mut next = async || {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            frame.map(|frame| frame.unwrap().into_data().unwrap())
        };
        lines.send("a".into()).await.unwrap();
        assert_eq!(next().await.unwrap(), "a");
        lines.send("b".into()).await.unwrap();
        ending.begin();
        assert_eq!(next().await.unwrap(), "b");
        assert!(next().await.is_none());
        ending.begun().await;
    }
}
