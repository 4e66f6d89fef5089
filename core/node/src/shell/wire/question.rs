//! Ping and price at both ends, as the original's nodes speak them: a few bytes each way without frames.
//! Either takes as long as the limits say, opening the stream included.

use std::time::Duration;

use igor_core::Limits;
use igor_core::transport::{Connection, ReadHalf, Stream};
use tokio::time::{Instant, timeout};

use super::WireError;
use crate::wire::{
    LINE_BYTES_MAX, PING, PONG, Patience, PriceError, PriceReply, PriceRequest, Spoken, read_reply,
    read_request, write_reply, write_request,
};

/// Asks whether anybody is there; how long the answer took.
///
/// # Errors
/// [`WireError`].
pub async fn ping(connection: &dyn Connection, limits: &Limits) -> Result<Duration, WireError> {
    let begun = Instant::now();
    let pong = within("a ping", limits, async {
        let mut stream = connection.open(&Spoken::Ping.protocol()?).await?;
        ask(&mut stream, &PING).await?;
        read_four(&mut *stream.reader).await
    });
    if pong.await? == PONG { Ok(begun.elapsed()) } else { Err(WireError::NoPing) }
}

/// Answers a ping.
///
/// # Errors
/// [`WireError`].
pub async fn answer_ping(mut stream: Stream, limits: &Limits) -> Result<(), WireError> {
    let answered = within("a ping", limits, async {
        if read_four(&mut *stream.reader).await? != PING {
            return Err(WireError::NoPing);
        }
        say(&mut stream, &PONG).await
    });
    let answered = answered.await;
    abandon_after(&answered, &mut stream);
    answered
}

/// Asks for a node's price.
///
/// # Errors
/// [`WireError`].
pub async fn price(
    connection: &dyn Connection,
    limits: &Limits,
    request: &PriceRequest,
) -> Result<PriceReply, WireError> {
    let line = write_request(request)?;
    let answer = within("the question for a price", limits, async {
        let mut stream = connection.open(&Spoken::Price.protocol()?).await?;
        ask(&mut stream, &line).await?;
        read_line(&mut *stream.reader).await
    });
    Ok(read_reply(&answer.await?)?)
}

/// Answers the question for the price.
///
/// # Errors
/// [`WireError`].
pub async fn answer_price(
    mut stream: Stream,
    limits: &Limits,
    reply: &PriceReply,
) -> Result<PriceRequest, WireError> {
    let answered = within("the question for a price", limits, async {
        let request = read_request(&read_line(&mut *stream.reader).await?)?;
        say(&mut stream, &write_reply(reply)?).await?;
        Ok(request)
    });
    let answered = answered.await;
    abandon_after(&answered, &mut stream);
    answered
}

async fn within<T>(
    what: &'static str,
    limits: &Limits,
    question: impl Future<Output = Result<T, WireError>>,
) -> Result<T, WireError> {
    let limit = Patience::new(limits).question;
    timeout(limit, question).await.unwrap_or(Err(WireError::TooSlow { what, limit }))
}

/// Writes a question. Who answers may have heard enough, and listen no more, before it is told that nothing follows.
async fn ask(stream: &mut Stream, bytes: &[u8]) -> Result<(), WireError> {
    stream.writer.write_all(bytes).await?;
    let _ = stream.writer.finish();
    Ok(())
}

/// Writes all there is to say.
async fn say(stream: &mut Stream, bytes: &[u8]) -> Result<(), WireError> {
    stream.writer.write_all(bytes).await?;
    Ok(stream.writer.finish()?)
}

async fn read_four(reader: &mut dyn ReadHalf) -> Result<[u8; 4], WireError> {
    let (mut four, mut filled) = ([0; 4], 0);
    while let Some(rest) = four.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest).await? {
            0 => return Err(WireError::Cut { due: "a ping or its answer" }),
            count => filled = filled.saturating_add(count),
        }
    }
    Ok(four)
}

/// Everything up to a line feed or the end.
async fn read_line(reader: &mut dyn ReadHalf) -> Result<Vec<u8>, WireError> {
    let (mut line, mut buffer) = (Vec::new(), [0; 512]);
    loop {
        let count = reader.read(&mut buffer).await?;
        let read = buffer.get(..count).unwrap_or_default();
        let end = read.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(end.and_then(|end| read.get(..end)).unwrap_or(read));
        if line.len() > LINE_BYTES_MAX {
            return Err(PriceError::TooLong.into());
        }
        if end.is_some() || count == 0 {
            return Ok(line);
        }
    }
}

fn abandon_after<T>(answered: &Result<T, WireError>, stream: &mut Stream) {
    if let Err(error) = answered {
        stream.reset(error.close().code());
    }
}
