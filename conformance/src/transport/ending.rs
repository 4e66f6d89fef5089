//! Cases about how the halves of a stream end: finished, abandoned, dropped.

use igor_core::transport::{CloseCode, Stream, TransportError};

use super::TransportFixture;
use super::support::{Pair, assert_works, ended, read_all, read_exactly, reset, run, until};
use crate::{Case, Rng};

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        a_finish_is_read_as_the_end covers ["finishing-delivers"],
        everything_before_a_finish_is_read covers ["finishing-delivers"],
        a_finished_stream_can_be_dropped covers ["finishing-delivers", "dropping-abandons"],
        a_finished_half_takes_nothing_more covers ["halves-end-separately"],
        a_finished_half_leaves_the_other covers ["halves-end-separately"],
        an_abandoned_half_leaves_the_other covers ["halves-end-separately", "codes-arrive"],
        delivered_means_that_it_is_there covers ["finishing-delivers", "delivered-outlives-close"],
        only_a_finished_half_is_delivered covers ["delivered-outlives-close"],
        the_code_of_a_writer_arrives covers ["codes-arrive"],
        the_code_of_a_reader_arrives covers ["codes-arrive"],
        who_abandoned_a_half_cannot_use_it covers ["codes-arrive"],
        a_dropped_writer_is_no_finish covers ["dropping-abandons"],
        a_dropped_reader_stops_the_writer covers ["dropping-abandons"],
    ]
}

/// Codes at both ends of their range.
const CODES: [CloseCode; 4] =
    [CloseCode(0), CloseCode(1), CloseCode(0x1234_5678), CloseCode(u32::MAX)];

fn a_finish_is_read_as_the_end(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        near.writer.finish().expect("it can be finished");
        let mut buffer = [0; 4];
        for _ in 0..3 {
            assert_eq!(far.reader.read(&mut buffer).await.expect("it is the end"), 0);
        }
    });
}

fn everything_before_a_finish_is_read(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let mut rng = Rng::for_case("tail");
        for size in [1, 2, 100, 1_199, 1_200, 1_201, 65_535, 65_536, 65_537, 200_000] {
            let (mut near, mut far) = pair.stream().await;
            let bytes = rng.bytes(size);
            let write = async {
                near.writer.write_all(&bytes).await.expect("it can be written");
                near.writer.finish().expect("it can be finished");
            };
            let (found, ()) = tokio::join!(read_all(&mut *far.reader), write);
            let found = found.expect("it arrives");
            assert!(found == bytes, "{} of {size} bytes arrive", found.len());
        }
    });
}

fn a_finished_stream_can_be_dropped(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let bytes = Rng::for_case("dropped").bytes(100_000);
        for _ in 0..20 {
            let (mut near, mut far) = pair.stream().await;
            let write = async {
                near.writer.write_all(&bytes).await.expect("it can be written");
                near.writer.finish().expect("it can be finished");
                drop(near);
            };
            let (found, ()) = tokio::join!(read_all(&mut *far.reader), write);
            let found = found.expect("it arrives");
            assert!(found == bytes, "{} of {} bytes arrive", found.len(), bytes.len());
        }
    });
}

fn a_finished_half_takes_nothing_more(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        near.writer.write_all(b"all").await.expect("it can be written");
        near.writer.finish().expect("it can be finished");
        assert!(ended(near.writer.write(b"more").await), "more was written");
        assert!(ended(near.writer.finish()), "it was finished twice");
        assert_eq!(read_all(&mut *far.reader).await.expect("it arrives"), b"all");
    });
}

fn a_finished_half_leaves_the_other(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        near.writer.write_all(b"a question").await.expect("it can be written");
        near.writer.finish().expect("it can be finished");
        assert_eq!(read_all(&mut *far.reader).await.expect("it arrives"), b"a question");
        for part in ["a long", " ", "answer"] {
            far.writer.write_all(part.as_bytes()).await.expect("the other half goes on");
        }
        far.writer.finish().expect("it can be finished");
        assert_eq!(read_all(&mut *near.reader).await.expect("it arrives"), b"a long answer");
    });
}

fn an_abandoned_half_leaves_the_other(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        near.writer.reset(CloseCode(5));
        assert_eq!(reset(far.reader.read(&mut [0; 1]).await), Some(CloseCode(5)));
        far.writer.write_all(b"still here").await.expect("the other half goes on");
        assert_eq!(read_exactly(&mut *near.reader, 10).await, b"still here");
        near.reader.stop(CloseCode(6));
        assert_eq!(stopped(&mut far).await, CloseCode(6));
        assert_works(&*pair.dialled, &*pair.accepted).await;
    });
}

/// The code with which writing fails sooner or later.
async fn stopped(stream: &mut Stream) -> CloseCode {
    let look = async || match stream.writer.write(b"x").await {
        Ok(_) => None,
        Err(TransportError::Reset { code, .. }) => Some(code),
        Err(error) => panic!("writing fails otherwise: {error}"),
    };
    until("that the writer is stopped", look).await
}

fn delivered_means_that_it_is_there(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let bytes = Rng::for_case("delivered").bytes(50_000);
        let (mut near, mut far) = pair.stream().await;
        near.writer.write_all(&bytes).await.expect("it can be written");
        near.writer.finish().expect("it can be finished");
        near.writer.delivered().await.expect("it is delivered");
        near.writer.delivered().await.expect("it stays delivered");
        drop(near);
        pair.dialled.close(CloseCode(1)).await;
        let found = read_all(&mut *far.reader).await.expect("it was delivered");
        assert!(found == bytes);
    });
}

fn only_a_finished_half_is_delivered(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, _far) = pair.stream().await;
        near.writer.write_all(b"some").await.expect("it can be written");
        assert!(ended(near.writer.delivered().await), "it is not finished");
        near.writer.write_all(b"more").await.expect("it can be written");
    });
}

fn the_code_of_a_writer_arrives(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        for code in CODES {
            let (mut near, mut far) = pair.stream().await;
            near.writer.write_all(b"half a sen").await.expect("it can be written");
            near.writer.reset(code);
            let look = async || match far.reader.read(&mut [0; 4]).await {
                Ok(0) => panic!("an abandoned half is read as finished"),
                Ok(_) => None,
                other => Some(reset(other)),
            };
            assert_eq!(until("that the reader hears", look).await, Some(code));
        }
    });
}

fn the_code_of_a_reader_arrives(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        for code in CODES {
            let (mut near, mut far) = pair.stream().await;
            far.reader.stop(code);
            assert_eq!(stopped(&mut near).await, code);
        }
    });
}

fn who_abandoned_a_half_cannot_use_it(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, _far) = pair.stream().await;
        near.reset(CloseCode(3));
        assert!(ended(near.writer.write(b"x").await), "an abandoned half was written");
        assert!(ended(near.writer.finish()), "an abandoned half was finished");
        assert!(ended(near.reader.read(&mut [0; 1]).await), "an abandoned half was read");
        // Once more changes nothing.
        near.reset(CloseCode(4));
        assert!(ended(near.writer.finish()));
    });
}

/// Half a message is never taken for a whole one.
fn a_dropped_writer_is_no_finish(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        for written in [&b""[..], b"half a sen"] {
            let (mut near, mut far) = pair.stream().await;
            near.writer.write_all(written).await.expect("it can be written");
            drop(near);
            let read = read_all(&mut *far.reader).await;
            assert_eq!(reset(read), Some(CloseCode(0)), "behind {written:?}");
        }
    });
}

fn a_dropped_reader_stops_the_writer(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, far) = pair.stream().await;
        let Stream { reader, writer: _held } = far;
        drop(reader);
        assert_eq!(stopped(&mut near).await, CloseCode(0));
    });
}
