//! What a move cannot do without: messages that go to and fro on an open stream, and files that are made durable, both
//! as directly as it can be done.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use igor_core::format::NodeKey;
use igor_core::transport::{Connection, ProtocolId, Stream};
use igor_core::{Limits, Transport};
use igor_transport_quic::{QuicConfig, QuicTransport};
use tokio::runtime::Runtime;

/// About the size of an offer and of its answer.
const MESSAGE_BYTES: usize = 512;

/// Messages on an open stream between two nodes, which answer each with one of its size.
pub(crate) struct RoundTrips {
    runtime: Runtime,
    stream: Stream,
    /// What the stream lives on.
    _kept: (QuicTransport, Arc<dyn Connection>),
}

impl RoundTrips {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let opened = runtime.block_on(async {
            let (one, other) = (transport(1), transport(2));
            let listener = other.listen(&other.any_address()).await.unwrap();
            let address = listener.addresses().remove(0);
            tokio::spawn(async move {
                let _listens = other;
                let connection = listener.accept().await.unwrap();
                let (_, mut stream) = connection.accept().await.unwrap();
                let mut message = [0; MESSAGE_BYTES];
                while read(&mut stream, &mut message).await {
                    stream.writer.write_all(&message).await.unwrap();
                }
            });
            let connection = one.connect(&address).await.unwrap();
            let protocol = ProtocolId::new("/igor/handoff/1").unwrap();
            let stream = connection.open(&protocol).await.unwrap();
            (stream, one, connection)
        });
        let (stream, transport, connection) = opened;
        let mut trips = Self { runtime, stream, _kept: (transport, connection) };
        trips.two();
        trips
    }

    /// How long two of them take.
    pub(crate) fn two(&mut self) -> Duration {
        let Self { runtime, stream, .. } = self;
        let start = Instant::now();
        runtime.block_on(async {
            let mut message = [7; MESSAGE_BYTES];
            for _ in 0..2 {
                stream.writer.write_all(&message).await.unwrap();
                assert!(read(stream, &mut message).await, "the other end is there");
            }
        });
        start.elapsed()
    }
}

fn transport(seed: u8) -> QuicTransport {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    QuicTransport::new(key, &QuicConfig::default(), &Limits::default()).unwrap()
}

async fn read(stream: &mut Stream, message: &mut [u8]) -> bool {
    let mut filled = 0;
    while filled < message.len() {
        match stream.reader.read(&mut message[filled..]).await {
            Ok(0) | Err(_) => return false,
            Ok(length) => filled += length,
        }
    }
    true
}

/// The files that a source writes when it offers a small agent, and those that a target writes when it takes it.
pub(crate) struct Writes(PathBuf);

const AT_THE_SOURCE: [(&str, usize); 5] =
    [("segments", 900), ("history", 240), (".igor", 400), (".custodies", 500), ("", 240)];
const AT_THE_TARGET: [(&str, usize); 6] = [
    ("history", 240),
    ("segments", 900),
    ("certificates", 500),
    (".igor", 400),
    ("", 240),
    (".custodies", 500),
];

impl Writes {
    pub(crate) fn new(place: &Path) -> Self {
        for side in ["source", "target"] {
            for (folder, _) in AT_THE_SOURCE.iter().chain(&AT_THE_TARGET) {
                fs::create_dir_all(place.join(side).join(folder)).unwrap();
            }
        }
        Self(place.to_owned())
    }

    /// How long all of them take, one after the other: temporary file, sync, rename, sync of the folder.
    pub(crate) fn all(&mut self, number: u64) -> Duration {
        let start = Instant::now();
        for (side, files) in [("source", &AT_THE_SOURCE[..]), ("target", &AT_THE_TARGET[..])] {
            for (folder, size) in files {
                self.write(&self.0.join(side).join(folder), number, *size);
            }
        }
        start.elapsed()
    }

    fn write(&self, folder: &Path, number: u64, size: usize) {
        let temporary = folder.join("temporary");
        let mut file = File::create_new(&temporary).unwrap();
        file.write_all(&vec![7; size]).unwrap();
        file.sync_all().unwrap();
        fs::rename(&temporary, folder.join(number.to_string())).unwrap();
        File::open(folder).unwrap().sync_all().unwrap();
    }
}
