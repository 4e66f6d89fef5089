//! What is said before a connection is taken into use: the dialler's first stream is a zero byte and its end,
//! and the listener answers 1 when it has admitted the connection. Without it, who dials would learn only
//! later that its key was refused: in TLS 1.3 the dialler is done first.

use quinn::{Connection, ConnectionError, RecvStream, SendStream};

use crate::code::{MISBEHAVED, own};

const GREETING: u8 = 0;
const WELCOME: u8 = 1;

/// Why a connection is not taken into use.
pub(crate) enum Unwelcome {
    /// It is gone.
    Gone(ConnectionError),
    /// The other end says something else.
    Misbehaved,
}

impl From<ConnectionError> for Unwelcome {
    fn from(error: ConnectionError) -> Self {
        Self::Gone(error)
    }
}

/// Waits to be admitted, at the end that dialled.
pub(crate) async fn greet(connection: &Connection) -> Result<(), Unwelcome> {
    let (mut writer, mut reader) = connection.open_bi().await?;
    // What fails here fails below as well, with its reason.
    let said = writer.write_all(&[GREETING]).await.is_ok() && writer.finish().is_ok();
    if said && is_only(&mut reader, WELCOME).await { Ok(()) } else { Err(give_up(connection)) }
}

/// Hears the greeting, at the end that listens. The second half is [`welcome`].
pub(crate) async fn hear(connection: &Connection) -> Result<SendStream, Unwelcome> {
    let (writer, mut reader) = connection.accept_bi().await?;
    if is_only(&mut reader, GREETING).await { Ok(writer) } else { Err(give_up(connection)) }
}

/// Says that the connection is admitted.
pub(crate) async fn welcome(mut writer: SendStream) -> bool {
    writer.write_all(&[WELCOME]).await.is_ok() && writer.finish().is_ok()
}

/// Whether a stream holds one byte and nothing else.
async fn is_only(reader: &mut RecvStream, byte: u8) -> bool {
    reader.read_to_end(1).await.is_ok_and(|found| found == [byte])
}

/// Closes a connection whose other end says something else, unless it is gone, which is the better reason.
fn give_up(connection: &Connection) -> Unwelcome {
    if let Some(error) = connection.close_reason() {
        return Unwelcome::Gone(error);
    }
    connection.close(own(MISBEHAVED), b"this is no greeting");
    Unwelcome::Misbehaved
}
