//! A multiplexer that does not wait long for the other end when it is closed: whoever does not read would
//! otherwise keep a connection that is over.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p_core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent};
use tokio::time::{Sleep, sleep};

/// How long a close may take.
const CLOSE: Duration = Duration::from_secs(1);

/// A multiplexer that closes in time.
pub(crate) struct Closing {
    inner: StreamMuxerBox,
    limit: Option<Pin<Box<Sleep>>>,
}

impl Closing {
    pub(crate) fn new<M>(inner: M) -> Self
    where
        M: StreamMuxer + Send + 'static,
        M::Substream: Send + 'static,
        M::Error: Send + Sync + 'static,
    {
        Self { inner: StreamMuxerBox::new(inner), limit: None }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut StreamMuxerBox> {
        Pin::new(&mut self.get_mut().inner)
    }
}

impl StreamMuxer for Closing {
    type Substream = <StreamMuxerBox as StreamMuxer>::Substream;
    type Error = <StreamMuxerBox as StreamMuxer>::Error;

    fn poll_inbound(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        self.inner().poll_inbound(context)
    }

    fn poll_outbound(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        self.inner().poll_outbound(context)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        let limit = self.limit.get_or_insert_with(|| Box::pin(sleep(CLOSE)));
        if limit.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.inner().poll_close(context)
    }

    fn poll(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        self.inner().poll(context)
    }
}
