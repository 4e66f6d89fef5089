//! Takes the streams that a peer opens and reads what they are for, each on its own, so that one that is
//! slow to say so does not stall another. A stream keeps its place until it is taken or given up, so there
//! are never more of them here than the peer may have open.

use std::time::Duration;

use igor_core::transport::ProtocolId;
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::code::{NAMELESS, own};
use crate::name;

/// A stream that says what it is for.
pub(crate) type Named = (ProtocolId, SendStream, RecvStream);

/// Hands over the streams of a connection until it is gone.
pub(crate) async fn take(connection: Connection, named: Sender<Named>, limit: Duration) {
    let mut unnamed = JoinSet::new();
    loop {
        tokio::select! {
            arrived = connection.accept_bi() => match arrived {
                Ok((writer, reader)) => {
                    unnamed.spawn(read_name(writer, reader, named.clone(), limit));
                }
                Err(_) => break,
            },
            Some(_) = unnamed.join_next() => {}
        }
    }
    // What arrived before the end can still be taken.
    while unnamed.join_next().await.is_some() {}
}

async fn read_name(
    mut writer: SendStream,
    mut reader: RecvStream,
    named: Sender<Named>,
    limit: Duration,
) {
    match timeout(limit, name::read(&mut reader)).await {
        // If nobody takes streams any more, it is dropped with the connection.
        Ok(Some(protocol)) => drop(named.send((protocol, writer, reader)).await),
        _ => {
            tracing::debug!("a stream did not say what it is for");
            // That these are over already is as good.
            writer.reset(own(NAMELESS)).unwrap_or_default();
            reader.stop(own(NAMELESS)).unwrap_or_default();
        }
    }
}
