//! Transports with one known fault each, to show that the transport suite sees the fault. The faults are put
//! around the transport within one process. The last test shows that the same cases do not object to the
//! transport without a fault.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conformance::Case;
use conformance::mutants::{assert_caught, failed_cases};
use conformance::transport::{TransportFixture, cases, run_on_tokio};
use igor_core::format::NodeKey;
use igor_core::transport::{
    Address, CloseCode, Connection, Listener, NodeId, ProtocolId, ReadHalf, Stream, TransportError,
    WriteHalf,
};
use igor_core::{Limits, Transport};
use igor_transport_memory::{MemoryTransport, Network};

/// A mutant may get stuck, which is a way to be caught.
const CASE_LIMIT: Duration = Duration::from_secs(10);

/// A fault, and the case that is about it.
const FAULTS: [(Fault, &str); 15] = [
    (Fault::TakesAnyoneForTheDialled, "another_node_than_was_dialled_is_refused"),
    (Fault::ReportsWhoWasNamed, "both_ends_know_who_the_other_is"),
    (Fault::SwapsWrites, "writes_and_reads_need_not_match"),
    (Fault::BuffersWithoutBound, "a_stalled_reader_makes_the_writer_wait"),
    (Fault::LosesTheTail, "everything_before_a_finish_is_read"),
    (Fault::IgnoresConnectionLimits, "connections_are_bounded_at_the_listener"),
    (Fault::IgnoresConnectionLimits, "connections_with_one_peer_are_bounded"),
    (Fault::IgnoresStreamLimit, "one_stream_too_many_waits"),
    (Fault::FinishesWhatIsDropped, "a_dropped_writer_is_no_finish"),
    (Fault::ForgetsCodes, "the_code_of_a_close_arrives"),
    (Fault::ForgetsCodes, "the_code_of_a_writer_arrives"),
    (Fault::LosesDroppedReads, "a_dropped_read_loses_nothing"),
    (Fault::WritesBeforeWaiting, "a_dropped_write_writes_nothing"),
    (Fault::StopsWhatItOpens, "a_finished_half_leaves_the_other"),
    (Fault::ListensOn, "a_closed_listener_accepts_nothing"),
];

/// What is wrong with a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// If another answers than was dialled, that one is dialled.
    TakesAnyoneForTheDialled,
    /// The peer of a connection that arrives is this node.
    ReportsWhoWasNamed,
    /// Every second write overtakes the one before.
    SwapsWrites,
    /// A writer never waits.
    BuffersWithoutBound,
    /// The last byte before a finish is not sent.
    LosesTheTail,
    /// Any number of connections is admitted.
    IgnoresConnectionLimits,
    /// Any number of streams can be opened.
    IgnoresStreamLimit,
    /// A dropped writer says that it is finished.
    FinishesWhatIsDropped,
    /// Every code is 0.
    ForgetsCodes,
    /// What a read has taken is lost if its future is dropped.
    LosesDroppedReads,
    /// A write whose future is dropped has written.
    WritesBeforeWaiting,
    /// Streams carry one direction only.
    StopsWhatItOpens,
    /// A closed listener goes on.
    ListensOn,
}

/// Nodes with a fault on a network of their own.
struct Mutant {
    fault: Fault,
    network: Network,
}

impl TransportFixture for Mutant {
    fn node(&self, seed: u8, limits: &Limits) -> Arc<dyn Transport> {
        let mut limits = limits.clone();
        let mut buffer_bytes = 64 << 10;
        match self.fault {
            Fault::IgnoresConnectionLimits => {
                limits.connections_max = u64::MAX;
                limits.connections_per_peer_max = u64::MAX;
            }
            Fault::IgnoresStreamLimit => limits.streams_max = u64::MAX,
            Fault::BuffersWithoutBound => buffer_bytes = usize::MAX,
            _ => {}
        }
        let key = NodeKey::from_seed(&[seed; 32]);
        let inner = MemoryTransport::new(&self.network, &key, buffer_bytes, &limits);
        Arc::new(Faulty { fault: self.fault, inner })
    }

    fn run(&self, case: Pin<Box<dyn Future<Output = ()> + '_>>) {
        run_on_tokio(case, CASE_LIMIT);
    }
}

struct Faulty<T> {
    fault: Fault,
    inner: T,
}

impl<T> Faulty<T> {
    fn code(&self, code: CloseCode) -> CloseCode {
        if self.fault == Fault::ForgetsCodes { CloseCode(0) } else { code }
    }

    fn connection(&self, inner: Arc<dyn Connection>) -> Arc<dyn Connection> {
        Arc::new(Faulty { fault: self.fault, inner })
    }

    fn stream(&self, stream: Stream) -> Stream {
        let fault = self.fault;
        let Stream { writer, mut reader } = stream;
        if fault == Fault::StopsWhatItOpens {
            reader.stop(CloseCode(0));
        }
        let writer = FaultyWriter { fault, inner: writer, held: None, over: false };
        let reader = FaultyReader { fault, inner: reader, reads: 0 };
        Stream { writer: Box::new(writer), reader: Box::new(reader) }
    }
}

#[async_trait]
impl Transport for Faulty<MemoryTransport> {
    fn local(&self) -> NodeId {
        self.inner.local()
    }

    fn any_address(&self) -> Address {
        self.inner.any_address()
    }

    fn named(&self, address: &Address) -> Result<NodeId, TransportError> {
        self.inner.named(address)
    }

    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let inner = self.inner.listen(address).await?;
        Ok(Box::new(Faulty { fault: self.fault, inner: (inner, self.inner.local()) }))
    }

    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError> {
        let connected = match self.inner.connect(address).await {
            Err(TransportError::WrongPeer { expected, found })
                if self.fault == Fault::TakesAnyoneForTheDialled =>
            {
                let found = address.0.replace(&expected.to_string(), &found.to_string());
                self.inner.connect(&Address(found)).await
            }
            other => other,
        };
        Ok(self.connection(connected?))
    }
}

#[async_trait]
impl Listener for Faulty<(Box<dyn Listener>, NodeId)> {
    fn addresses(&self) -> Vec<Address> {
        self.inner.0.addresses()
    }

    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError> {
        let connection = self.connection(self.inner.0.accept().await?);
        if self.fault == Fault::ReportsWhoWasNamed {
            return Ok(Arc::new(Misnamed(connection, self.inner.1)));
        }
        Ok(connection)
    }

    fn close(&self) {
        if self.fault != Fault::ListensOn {
            self.inner.0.close();
        }
    }
}

#[async_trait]
impl Connection for Faulty<Arc<dyn Connection>> {
    fn peer(&self) -> NodeId {
        self.inner.peer()
    }

    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError> {
        Ok(self.stream(self.inner.open(protocol).await?))
    }

    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError> {
        let (protocol, stream) = self.inner.accept().await?;
        Ok((protocol, self.stream(stream)))
    }

    async fn close(&self, code: CloseCode) {
        self.inner.close(self.code(code)).await;
    }
}

/// A connection with somebody else's name.
struct Misnamed(Arc<dyn Connection>, NodeId);

#[async_trait]
impl Connection for Misnamed {
    fn peer(&self) -> NodeId {
        self.1
    }

    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError> {
        self.0.open(protocol).await
    }

    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError> {
        self.0.accept().await
    }

    async fn close(&self, code: CloseCode) {
        self.0.close(code).await;
    }
}

struct FaultyReader {
    fault: Fault,
    inner: Box<dyn ReadHalf>,
    reads: usize,
}

#[async_trait]
impl ReadHalf for FaultyReader {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError> {
        let count = self.inner.read(buffer).await?;
        self.reads += 1;
        if self.fault == Fault::LosesDroppedReads && self.reads.is_multiple_of(7) {
            // What was taken stands in the buffer only; whoever drops the future does not look there.
            tokio::task::yield_now().await;
        }
        Ok(count)
    }

    fn stop(&mut self, code: CloseCode) {
        self.inner.stop(code);
    }
}

struct FaultyWriter {
    fault: Fault,
    inner: Box<dyn WriteHalf>,
    /// A write that waits to be overtaken, or a byte that waits for the next.
    held: Option<Vec<u8>>,
    over: bool,
}

#[async_trait]
impl WriteHalf for FaultyWriter {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TransportError> {
        match self.fault {
            Fault::SwapsWrites => match self.held.take() {
                None => self.held = Some(bytes.to_vec()),
                Some(held) => {
                    self.inner.write_all(bytes).await?;
                    self.inner.write_all(&held).await?;
                }
            },
            Fault::LosesTheTail => {
                if let Some(held) = self.held.take() {
                    self.inner.write_all(&held).await?;
                }
                if let Some((last, rest)) = bytes.split_last() {
                    self.inner.write_all(rest).await?;
                    self.held = Some(vec![*last]);
                }
            }
            Fault::WritesBeforeWaiting => {
                let count = self.inner.write(bytes).await?;
                tokio::task::yield_now().await;
                return Ok(count);
            }
            _ => return self.inner.write(bytes).await,
        }
        Ok(bytes.len())
    }

    fn finish(&mut self) -> Result<(), TransportError> {
        self.over = true;
        self.inner.finish()
    }

    async fn delivered(&mut self) -> Result<(), TransportError> {
        self.inner.delivered().await
    }

    fn reset(&mut self, code: CloseCode) {
        self.over = true;
        let code = if self.fault == Fault::ForgetsCodes { CloseCode(0) } else { code };
        self.inner.reset(code);
    }
}

impl Drop for FaultyWriter {
    fn drop(&mut self) {
        if self.fault == Fault::FinishesWhatIsDropped && !self.over {
            // The connection may be gone, and then nobody hears it.
            self.inner.finish().unwrap_or_default();
        }
    }
}

fn make(fault: Fault) -> Box<dyn TransportFixture> {
    Box::new(Mutant { fault, network: Network::new() })
}

/// The cases that are about a fault, so that no mutant has to sit out those it gets stuck in.
fn named(name: &str) -> Vec<Case<dyn TransportFixture>> {
    cases().into_iter().filter(|case| case.name == name).collect()
}

#[test]
fn every_fault_is_caught_by_its_case() {
    for (fault, case) in FAULTS {
        assert_caught(&format!("{fault:?}"), case, &named(case), || make(fault));
    }
}

#[test]
fn the_transport_without_a_fault_passes() {
    let failed = failed_cases(&cases(), || make(Fault::None));
    assert_eq!(failed, Vec::<&str>::new());
}
