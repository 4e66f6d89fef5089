//! Nodes that are killed and started again. What is killed is a runtime with everything that runs on it, so that
//! nothing more is sent; a process that is killed says no more either.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, Connection, Listener, ProtocolId, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_quic::{QuicConfig, QuicTransport};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// How long anything that must happen may take: less than a node may be silent where nothing else is said.
const SOON: Duration = Duration::from_secs(20);

fn node(seed: u8, limits: &Limits) -> QuicTransport {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    QuicTransport::new(key, &QuicConfig::default(), limits).unwrap()
}

/// A connection of `guest` to a node at `address`, which is gone since and has said nothing.
struct Widowed {
    here: Runtime,
    guest: QuicTransport,
    dialled: Arc<dyn Connection>,
    address: Address,
}

impl Widowed {
    fn new(limits: &Limits) -> Self {
        let (here, there) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (host, guest) = (node(1, &Limits::default()), node(2, limits));
        let listener = there.block_on(host.listen(&host.any_address())).unwrap();
        let address = listener.addresses().remove(0);
        let accepting = there.spawn(async move {
            let accepted = listener.accept().await.unwrap();
            (listener, accepted)
        });
        let dialled = here.block_on(guest.connect(&address)).unwrap();
        let kept = there.block_on(accepting).unwrap();
        there.shutdown_timeout(SOON);
        drop((kept, host));
        Self { here, guest, dialled, address }
    }

    /// Has the node of `seed` listen where the other one did.
    fn replace(&self, seed: u8) -> (QuicTransport, Box<dyn Listener>) {
        let node = node(seed, &Limits::default());
        let (place, _) = self.address.0.rsplit_once('#').unwrap();
        let place = Address(place.to_owned());
        let listening = async {
            loop {
                match node.listen(&place).await {
                    Ok(listener) => return listener,
                    // The killed one's socket may not be gone yet.
                    Err(TransportError::Io { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let listener = self.here.block_on(async { timeout(SOON, listening).await.unwrap() });
        (node, listener)
    }

    /// How the connection ends of itself.
    fn ended(&self) -> TransportError {
        let ended = async { timeout(SOON, self.dialled.accept()).await.unwrap().map(|_| ()) };
        self.here.block_on(ended).unwrap_err()
    }
}

fn assert_reset(error: &TransportError) {
    match error {
        TransportError::Io { source, .. } => {
            assert_eq!(source.kind(), io::ErrorKind::ConnectionReset, "{error}");
        }
        error => panic!("{error:?}"),
    }
}

/// Silence of which a third, after which a sign of life is sent, is not long.
fn limits() -> Limits {
    Limits { silence_ns_max: 6_000_000_000, ..Limits::default() }
}

#[test]
fn who_waits_hears_that_the_node_was_started_again() {
    let widowed = Widowed::new(&limits());
    let (host, listener) = widowed.replace(1);
    assert_reset(&widowed.ended());
    // The one that is over stands in nobody's way.
    let (near, far) = widowed.here.block_on(async {
        timeout(SOON, async {
            tokio::join!(widowed.guest.connect(&widowed.address), listener.accept())
        })
        .await
        .unwrap()
    });
    assert_eq!((near.unwrap().peer(), far.unwrap().peer()), (host.local(), widowed.guest.local()));
}

#[test]
fn who_speaks_hears_that_the_node_was_started_again() {
    let widowed = Widowed::new(&Limits::default());
    let (_host, _listener) = widowed.replace(1);
    let spoken = async {
        let protocol = ProtocolId::new("/igor/ping/1.0.0").unwrap();
        let mut stream = widowed.dialled.open(&protocol).await?;
        stream.reader.read(&mut [0; 8]).await
    };
    let spoken = widowed.here.block_on(async { timeout(SOON, spoken).await.unwrap() });
    assert_reset(&spoken.unwrap_err());
}

#[test]
fn another_node_cannot_say_so() {
    let widowed = Widowed::new(&limits());
    let (_stranger, _listener) = widowed.replace(3);
    let ended = widowed.ended();
    assert!(matches!(ended, TransportError::TimedOut { .. }), "{ended:?}");
}
