//! Cases about bytes on one stream: whole, in order, and no more of them on the way than fit.

use igor_core::format::Hash;
use igor_core::transport::{ReadHalf, WriteHalf};

use super::TransportFixture;
use super::support::{Pair, quiet, read_all, read_exactly, run};
use crate::{Case, Effort, Rng};

/// What may be on the way from a writer to a reader that does not read, on one stream.
const ON_THE_WAY_BYTES_MAX: usize = 4 << 20;

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        writes_of_every_size_arrive covers ["bytes-arrive-in-order"],
        writes_and_reads_need_not_match covers ["bytes-arrive-in-order"],
        a_large_transfer_arrives_whole covers ["bytes-arrive-in-order"],
        both_directions_carry_at_once covers ["bytes-arrive-in-order", "halves-end-separately"],
        writing_nothing_writes_nothing covers ["bytes-arrive-in-order"],
        reading_into_nothing_reads_nothing covers ["bytes-arrive-in-order"],
        a_stalled_reader_makes_the_writer_wait covers ["write-waits-for-reader"],
        a_slow_reader_gets_everything covers ["write-waits-for-reader", "bytes-arrive-in-order"],
    ]
}

async fn send(writer: &mut dyn WriteHalf, bytes: &[u8]) {
    writer.write_all(bytes).await.expect("it can be written");
    writer.finish().expect("it can be finished");
}

async fn receive(reader: &mut dyn ReadHalf) -> Vec<u8> {
    read_all(reader).await.expect("it arrives")
}

fn writes_of_every_size_arrive(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let mut rng = Rng::for_case("sizes");
        let around = [1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
        let sizes = around.into_iter().flat_map(|size| [size - 1, size, size + 1]);
        let sizes: Vec<usize> = [0, 1, 2, 3].into_iter().chain(sizes).collect();
        let parts: Vec<Vec<u8>> = sizes.iter().map(|size| rng.bytes(*size)).collect();
        let write = async {
            for part in &parts {
                near.writer.write_all(part).await.expect("it can be written");
            }
        };
        let read = async {
            for part in &parts {
                let found = read_exactly(&mut *far.reader, part.len()).await;
                assert!(found == *part, "a write of {} bytes arrives changed", part.len());
            }
        };
        tokio::join!(write, read);
    });
}

fn writes_and_reads_need_not_match(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let mut rng = Rng::for_case("order");
        for _ in 0..Effort::current().rounds(5) {
            let (mut near, mut far) = pair.stream().await;
            let bytes = rng.bytes(200_000);
            let mut writes = rng.clone();
            let write = async {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let size = usize::try_from(writes.below(5_000)).expect("it is small");
                    let (part, others) = rest.split_at(size.min(rest.len()));
                    near.writer.write_all(part).await.expect("it can be written");
                    rest = others;
                }
                near.writer.finish().expect("it can be finished");
            };
            let mut reads = Rng::new(rng.next_u64());
            let read = async {
                let mut found = Vec::new();
                loop {
                    let size = usize::try_from(1 + reads.below(5_000)).expect("it is small");
                    let mut buffer = vec![0; size];
                    match far.reader.read(&mut buffer).await.expect("it arrives") {
                        0 => return found,
                        count => found.extend_from_slice(&buffer[..count]),
                    }
                }
            };
            let ((), found) = tokio::join!(write, read);
            assert!(found == bytes, "the bytes arrive in another order");
        }
    });
}

fn a_large_transfer_arrives_whole(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let bytes = Rng::for_case("transfer").bytes(16 << 20);
        let (found, ()) = tokio::join!(receive(&mut *far.reader), send(&mut *near.writer, &bytes));
        assert_eq!(found.len(), bytes.len());
        assert_eq!(Hash::of(&found), Hash::of(&bytes));
    });
}

fn both_directions_carry_at_once(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let mut rng = Rng::for_case("directions");
        let (there, back) = (rng.bytes(3 << 20), rng.bytes(2 << 20));
        let (arrived, returned, (), ()) = tokio::join!(
            receive(&mut *far.reader),
            receive(&mut *near.reader),
            send(&mut *near.writer, &there),
            send(&mut *far.writer, &back),
        );
        assert!(arrived == there && returned == back, "a direction carries something else");
    });
}

fn writing_nothing_writes_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        for _ in 0..3 {
            assert_eq!(near.writer.write(b"").await.expect("nothing can be written"), 0);
        }
        let mut buffer = [0; 8];
        assert!(quiet(far.reader.read(&mut buffer)).await.is_none(), "nothing was read");
        near.writer.write_all(b"x").await.expect("it can be written");
        near.writer.write_all(b"").await.expect("nothing can be written");
        near.writer.finish().expect("it can be finished");
        assert_eq!(receive(&mut *far.reader).await, b"x");
    });
}

/// 0 does not mean that the peer finished if there was nothing to read into.
fn reading_into_nothing_reads_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        assert_eq!(far.reader.read(&mut []).await.expect("it is open"), 0);
        send(&mut *near.writer, b"something").await;
        assert_eq!(far.reader.read(&mut []).await.expect("it is open"), 0);
        assert_eq!(receive(&mut *far.reader).await, b"something");
    });
}

/// What the writer gets rid of before it waits is what is held for it somewhere.
fn a_stalled_reader_makes_the_writer_wait(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let bytes = Rng::for_case("stalled").bytes(64 << 10);
        let mut sent = Vec::new();
        while let Some(count) = quiet(near.writer.write(&bytes)).await {
            sent.extend_from_slice(&bytes[..count.expect("it can be written")]);
            let held = sent.len();
            assert!(held <= ON_THE_WAY_BYTES_MAX, "{held} bytes are held for a stalled reader");
        }
        let (found, ()) =
            tokio::join!(receive(&mut *far.reader), send(&mut *near.writer, b"the end"));
        sent.extend_from_slice(b"the end");
        assert!(found == sent, "what was held arrives changed");
    });
}

fn a_slow_reader_gets_everything(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let bytes = Rng::for_case("slow").bytes(1 << 20);
        let read = async {
            let (mut found, mut buffer) = (Vec::new(), [0; 1_000]);
            loop {
                tokio::task::yield_now().await;
                match far.reader.read(&mut buffer).await.expect("it arrives") {
                    0 => return found,
                    count => found.extend_from_slice(&buffer[..count]),
                }
            }
        };
        let (found, ()) = tokio::join!(read, send(&mut *near.writer, &bytes));
        assert!(found == bytes);
    });
}
