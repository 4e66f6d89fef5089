//! Ping and price: each end against the other, and each against bytes as the original's nodes send them, and
//! against ends that say something else, nothing, or too much.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::format::{Microcents, Price};
use igor_core::transport::{
    CloseCode, Connection, NodeId, ProtocolId, ReadHalf, Stream, TransportError, WriteHalf,
};
use igor_node::shell::wire::{WireError, answer_ping, answer_price, ping, price};
use igor_node::wire::{Close, PriceReply, PriceRequest, Spoken};

use crate::support::{Pair, pass, run, timed, too_slow};

const PING: &str = "/igor/ping/1.0.0";
const PRICE: &str = "/igor/price/1.0.0";

fn reply() -> PriceReply {
    let price = Price::per_second(Microcents::new(1_000).expect("an amount"));
    PriceReply { price, node_id: "12D3KooW".to_owned() }
}

/// Everything until the end.
async fn read_all(reader: &mut dyn ReadHalf) -> Result<Vec<u8>, TransportError> {
    let (mut all, mut buffer) = (Vec::new(), [0; 64]);
    loop {
        match reader.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend(buffer.iter().take(count)),
        }
    }
}

/// What is answered to `bytes` on a stream, and how the answer ended at the node.
async fn answered(pair: &Pair, name: &str, bytes: &[u8]) -> (Vec<u8>, Result<(), WireError>) {
    let (mut peer, node) = pair.stream(name).await;
    let limits = Limits::default();
    let ask = async {
        peer.writer.write_all(bytes).await.expect("there is room");
        read_all(&mut *peer.reader).await.unwrap_or_default()
    };
    let reply = reply();
    let answer = async {
        match name {
            PING => answer_ping(node, &limits).await,
            _ => answer_price(node, &limits, &reply).await.map(|_| ()),
        }
    };
    tokio::join!(ask, answer)
}

/// Plays the node that is asked: reads what is asked up to `count` bytes, and says `bytes`.
async fn play(connection: &dyn Connection, count: usize, bytes: &[u8]) -> (Vec<u8>, Stream) {
    let (_, mut stream) = connection.accept().await.expect("it is asked");
    let (mut asked, mut buffer) = (Vec::new(), vec![0; count]);
    while asked.len() < count {
        let read = stream.reader.read(&mut buffer).await.expect("it is asked");
        asked.extend(buffer.iter().take(read));
    }
    stream.writer.write_all(bytes).await.expect("there is room");
    stream.writer.finish().expect("it is open");
    (asked, stream)
}

#[test]
fn both_ends_understand_each_other() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let serve = async {
            for _ in 0..3 {
                let (protocol, stream) = pair.node.accept().await.expect("it is asked");
                match Spoken::of(&protocol) {
                    Some(Spoken::Ping) => answer_ping(stream, &limits).await.expect("it is one"),
                    Some(Spoken::Price) => {
                        let asked = answer_price(stream, &limits, &reply()).await;
                        assert_eq!(asked.expect("it is one").agent_id, "survivor");
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        let ask = async {
            let request = PriceRequest { agent_id: "survivor".to_owned() };
            ping(&*pair.peer, &limits).await.expect("it is answered");
            let answer = price(&*pair.peer, &limits, &request).await;
            assert_eq!(answer.expect("it is answered"), reply());
            ping(&*pair.peer, &limits).await.expect("it is answered");
        };
        tokio::join!(serve, ask);
    });
}

#[test]
fn the_originals_bytes_are_understood_and_sent() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        // The original leaves its end open until it has the answer.
        let (pong, outcome) = answered(&pair, PING, b"ping").await;
        assert_eq!((&*pong, outcome.is_ok()), (&b"pong"[..], true));
        let (line, outcome) = answered(&pair, PRICE, b"{}\n").await;
        let expected = b"{\"price_per_second\":1000,\"node_id\":\"12D3KooW\"}\n";
        assert_eq!((&*line, outcome.is_ok()), (&expected[..], true));
        let (asked, _) = answered(&pair, PRICE, b"{\"agent_id\":\"x\"}\n").await;
        assert_eq!(asked, expected);

        let (pinged, (asked, _stream)) =
            tokio::join!(ping(&*pair.peer, &limits), play(&*pair.node, 4, b"pong"));
        assert!(pinged.is_ok());
        assert_eq!(asked, b"ping");
        let request = PriceRequest::default();
        let (priced, (asked, _stream)) =
            tokio::join!(price(&*pair.peer, &limits, &request), play(&*pair.node, 3, expected));
        assert_eq!(priced.expect("it is answered"), reply());
        assert_eq!(asked, b"{}\n");
    });
}

/// A connection at whose end everything is done before its writers go on.
struct Slow(Arc<dyn Connection>);

struct SlowWriter(Box<dyn WriteHalf>);

#[async_trait]
impl Connection for Slow {
    fn peer(&self) -> NodeId {
        self.0.peer()
    }

    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError> {
        let Stream { writer, reader } = self.0.open(protocol).await?;
        Ok(Stream { writer: Box::new(SlowWriter(writer)), reader })
    }

    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError> {
        self.0.accept().await
    }

    async fn close(&self, code: CloseCode) {
        self.0.close(code).await;
    }
}

#[async_trait]
impl WriteHalf for SlowWriter {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TransportError> {
        let written = self.0.write(bytes).await?;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Ok(written)
    }

    fn finish(&mut self) -> Result<(), TransportError> {
        self.0.finish()
    }

    async fn delivered(&mut self) -> Result<(), TransportError> {
        self.0.delivered().await
    }

    fn reset(&mut self, code: CloseCode) {
        self.0.reset(code);
    }
}

#[test]
fn who_has_heard_the_question_and_is_gone_has_answered_all_the_same() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let slow = Slow(Arc::clone(&pair.peer));
        let pong = async {
            let (_, stream) = pair.node.accept().await.expect("it is asked");
            answer_ping(stream, &limits).await.expect("it is a ping");
        };
        let (pinged, ()) = tokio::join!(ping(&slow, &limits), pong);
        pinged.expect("it is answered");
        let (reply, request) = (reply(), PriceRequest::default());
        let told = async {
            let (_, stream) = pair.node.accept().await.expect("it is asked");
            answer_price(stream, &limits, &reply).await.expect("it is a question");
        };
        let (priced, ()) = tokio::join!(price(&slow, &limits, &request), told);
        priced.expect("it is answered");
    });
}

#[test]
fn what_is_no_question_is_not_answered() {
    run(async {
        let pair = Pair::new().await;
        let long = vec![b' '; 5_000];
        let never: [(&str, &[u8]); 6] = [
            (PING, b"pong"),
            (PING, b"PING"),
            (PRICE, b"\n"),
            (PRICE, b"[]\n"),
            (PRICE, b"{\"agent_id\":1}\n"),
            (PRICE, &long),
        ];
        for (name, bytes) in never {
            let (said, outcome) = answered(&pair, name, bytes).await;
            let error = outcome.expect_err("it is no question");
            assert_eq!((said.len(), error.close()), (0, Close::Malformed), "{error}");
        }
    });
}

#[test]
fn what_is_no_answer_is_an_error() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        for bytes in [&b"ping"[..], b"po", b"", b"PONG"] {
            let (pinged, _) = tokio::join!(ping(&*pair.peer, &limits), play(&*pair.node, 4, bytes));
            assert_eq!(pinged.expect_err("it is no pong").close(), Close::Malformed);
        }
        let request = PriceRequest::default();
        let long = vec![b'{'; 5_000];
        for bytes in [&b""[..], b"\n", b"{}\n", b"{\"price_per_second\":-1}\n", &long] {
            let (priced, _) =
                tokio::join!(price(&*pair.peer, &limits, &request), play(&*pair.node, 3, bytes));
            assert_eq!(priced.expect_err("it is no price").close(), Close::Malformed);
        }
        // Whoever does not know the protocol says so.
        let refuse = async {
            let (_, mut stream) = pair.node.accept().await.expect("it is asked");
            stream.reset(Close::Protocol.code());
        };
        let (pinged, ()) = tokio::join!(ping(&*pair.peer, &limits), refuse);
        assert_eq!(pinged.expect_err("it is refused").told(), Some(Close::Protocol));
    });
}

#[test]
fn nobody_waits_for_more_than_ten_seconds() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let ten = Duration::from_secs(10);
        let (pinged, took) = timed(ping(&*pair.peer, &limits)).await;
        assert_eq!((too_slow(pinged), took), (Some(("a ping", ten)), ten));
        let (priced, took) = timed(price(&*pair.peer, &limits, &PriceRequest::default())).await;
        assert_eq!((too_slow(priced), took), (Some(("the question for a price", ten)), ten));

        // The streams of those questions are still to be taken.
        for _ in 0..2 {
            pair.node.accept().await.expect("it was opened");
        }
        let (mut peer, node) = pair.stream(PING).await;
        let (answered, took) = timed(answer_ping(node, &limits)).await;
        assert_eq!((too_slow(answered), took), (Some(("a ping", ten)), ten));
        let told = peer.reader.read(&mut [0; 4]).await.map_err(WireError::from);
        assert_eq!(told.expect_err("it is abandoned").told(), Some(Close::TooSlow));

        // A byte a second is not fast enough for a line.
        let (mut peer, node) = pair.stream(PRICE).await;
        let trickle = async {
            for byte in b"{                        }\n" {
                if peer.writer.write_all(&[*byte]).await.is_err() {
                    break;
                }
                pass(Duration::from_secs(1)).await;
            }
        };
        let reply = reply();
        let ((answered, took), ()) =
            tokio::join!(timed(answer_price(node, &limits, &reply)), trickle);
        assert_eq!((too_slow(answered), took), (Some(("the question for a price", ten)), ten));
    });
}
