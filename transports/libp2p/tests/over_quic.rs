//! The transport suite on the `libp2p` transport over libp2p's QUIC. Over TCP it is that of `conformance`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use conformance::transport::{TransportFixture, run_on_tokio};
use igor_core::format::NodeKey;
use igor_core::transport::{Address, Connection, Listener, NodeId, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_libp2p::{Libp2pConfig, Libp2pTransport};

/// How long a case may take before it counts as stuck.
const CASE_LIMIT: Duration = Duration::from_secs(60);

/// Nodes that listen for QUIC unless they are told otherwise.
#[derive(Default)]
struct OverQuic;

impl TransportFixture for OverQuic {
    fn node(&self, seed: u8, limits: &Limits) -> Arc<dyn Transport> {
        let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
        let config = Libp2pConfig { quic: true, ..Libp2pConfig::default() };
        Arc::new(Node(Libp2pTransport::new(key, &config, limits).unwrap()))
    }

    fn run(&self, case: Pin<Box<dyn Future<Output = ()> + '_>>) {
        run_on_tokio(case, CASE_LIMIT);
    }
}

struct Node(Libp2pTransport);

#[async_trait::async_trait]
impl Transport for Node {
    fn local(&self) -> NodeId {
        self.0.local()
    }

    fn any_address(&self) -> Address {
        Address("/ip4/127.0.0.1/udp/0/quic-v1".to_owned())
    }

    fn named(&self, address: &Address) -> Result<NodeId, TransportError> {
        self.0.named(address)
    }

    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let listener = self.0.listen(address).await?;
        let told = listener.addresses();
        assert!(told.iter().all(|at| at.0.contains("/quic-v1/")), "{told:?} is not QUIC");
        Ok(listener)
    }

    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError> {
        self.0.connect(address).await
    }
}

conformance::transport_suite!(igor_transport_libp2p, fixture = OverQuic);
