//! What two nodes say about their connection, on a stream of its own: whether it is admitted, that both are
//! still there, and why it is closed. Nothing else would tell a dialler that it was refused and why, or carry
//! the code of a close.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use igor_core::transport::CloseCode;
use libp2p_swarm::Stream;
use tokio::time::{Instant, interval_at, sleep_until, timeout};

use crate::link::{Ending, Link};

const GREETING: u8 = 0;
const WELCOME: u8 = 1;
const REFUSED: u8 = 2;
const ALIVE: u8 = 3;
const CLOSED: u8 = 4;

/// Signs of life in the time after which a connection counts as lost.
const SIGNS_OF_LIFE: u32 = 3;
/// How long the other end may take to hang up when it has heard why.
const FAREWELL: Duration = Duration::from_secs(1);

/// The stream about a connection.
pub(crate) struct Control {
    ear: Ear,
    writer: WriteHalf<Stream>,
}

/// What is heard, and what of a word is still missing. Dropping a future here loses nothing.
struct Ear {
    reader: ReadHalf<Stream>,
    heard: Vec<u8>,
}

/// How a dialler was answered.
pub(crate) enum Answer {
    /// The connection is admitted.
    Welcome,
    /// It is not; the peer says why.
    Refused(String),
    /// Something else was said.
    Nonsense,
}

/// What the other end says on a connection that is in use.
enum Word {
    Alive,
    Closed(CloseCode),
}

impl Control {
    pub(crate) fn new(stream: Stream) -> Self {
        let (reader, writer) = stream.split();
        Self { ear: Ear { reader, heard: Vec::new() }, writer }
    }

    /// Asks to be admitted, at the end that dialled.
    pub(crate) async fn greet(&mut self) -> io::Result<Answer> {
        self.say(&[GREETING]).await?;
        Ok(match self.ear.byte().await? {
            WELCOME => Answer::Welcome,
            REFUSED => {
                let mut reason = vec![0; usize::from(self.ear.byte().await?)];
                self.ear.reader.read_exact(&mut reason).await?;
                Answer::Refused(String::from_utf8_lossy(&reason).escape_debug().to_string())
            }
            _ => Answer::Nonsense,
        })
    }

    /// Hears whether the dialler asks to be admitted.
    pub(crate) async fn hear(&mut self) -> io::Result<bool> {
        Ok(self.ear.byte().await? == GREETING)
    }

    /// Admits the dialler.
    pub(crate) async fn welcome(&mut self) -> io::Result<()> {
        self.say(&[WELCOME]).await
    }

    /// Turns the dialler away, and gives it time to hear why.
    pub(crate) async fn refuse(&mut self, reason: &str) -> io::Result<()> {
        let reason = reason.as_bytes();
        let reason = reason.get(..usize::from(u8::MAX)).unwrap_or(reason);
        let length = u8::try_from(reason.len()).unwrap_or_default();
        self.say(&[&[REFUSED, length], reason].concat()).await?;
        drop(timeout(FAREWELL, self.ear.byte()).await);
        Ok(())
    }

    /// Watches over a connection until it has ended, and then takes it down. The other end may be silent
    /// for `silence`.
    pub(crate) async fn watch(mut self, link: Arc<Link>, silence: Duration) {
        let pause = (silence / SIGNS_OF_LIFE).max(Duration::from_millis(1));
        let mut signs = interval_at(Instant::now() + pause, pause);
        let mut lost_at = Instant::now() + silence;
        let ending = loop {
            tokio::select! {
                ending = link.ended() => break ending,
                word = self.ear.word() => match word {
                    Ok(Word::Alive) => lost_at = Instant::now() + silence,
                    Ok(Word::Closed(code)) => link.end(Ending::Closed(code)),
                    // The connection ends with its own reason, or else with this.
                    Err(error) => {
                        drop(timeout(FAREWELL, link.ended()).await);
                        link.end(Ending::Lost(error.to_string()));
                    }
                },
                _ = signs.tick() => {
                    if timeout(silence, say(&mut self.writer, &[ALIVE])).await.is_err() {
                        link.end(Ending::Silent);
                    }
                }
                () = sleep_until(lost_at) => link.end(Ending::Silent),
            }
        };
        if let Ending::Left(code) = ending {
            drop(timeout(FAREWELL, self.part(code)).await);
        }
        link.hang_up();
    }

    /// Says that this end closes, and waits until the other has heard it.
    async fn part(&mut self, code: CloseCode) -> io::Result<()> {
        say(&mut self.writer, &[&[CLOSED][..], &code.0.to_le_bytes()].concat()).await?;
        while let Word::Alive = self.ear.word().await? {}
        Ok(())
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        say(&mut self.writer, bytes).await
    }
}

async fn say(writer: &mut WriteHalf<Stream>, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

impl Ear {
    async fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0; 1];
        self.reader.read_exact(&mut byte).await?;
        Ok(u8::from_be_bytes(byte))
    }

    /// The next word.
    async fn word(&mut self) -> io::Result<Word> {
        loop {
            let byte = self.byte().await?;
            self.heard.push(byte);
            let word = match self.heard.as_slice() {
                [ALIVE] => Word::Alive,
                [CLOSED, code @ ..] => match code.try_into() {
                    Ok(code) => Word::Closed(CloseCode(u32::from_le_bytes(code))),
                    Err(_) => continue,
                },
                _ => {
                    let problem = "the peer says what is no word";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
                }
            };
            self.heard.clear();
            return Ok(word);
        }
    }
}
