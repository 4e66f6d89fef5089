//! How many connections there may be, in all and with one peer. Every transport asks here before it takes
//! a connection into use; it does not close any, and it knows nothing of the network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::NodeId;
use crate::Limits;

/// The connections of one node by one transport.
#[derive(Debug)]
pub struct Admission {
    connections_max: u64,
    connections_per_peer_max: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: u64,
    of_peers: HashMap<NodeId, u64>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub struct Admitted {
    admission: Arc<Admission>,
    peer: NodeId,
}

impl Admission {
    /// With the limits' numbers.
    pub fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            connections_max: limits.connections_max,
            connections_per_peer_max: limits.connections_per_peer_max,
            counts: Mutex::default(),
        })
    }

    /// Counts one more connection with `peer`, whoever began it.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn admit(self: &Arc<Self>, peer: NodeId) -> Result<Admitted, String> {
        let mut counts = self.counts();
        if counts.all >= self.connections_max {
            return Err(format!("{} connections are open, the most there may be", counts.all));
        }
        let of_peer = counts.of_peers.entry(peer).or_default();
        if *of_peer >= self.connections_per_peer_max {
            return Err(format!(
                "{of_peer} connections with {peer} are open, the most there may be"
            ));
        }
        *of_peer += 1;
        counts.all += 1;
        Ok(Admitted { admission: Arc::clone(self), peer })
    }

    /// Whether nobody can be admitted at present.
    pub fn is_full(&self) -> bool {
        self.counts().all >= self.connections_max
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// With whom.
    pub const fn peer(&self) -> NodeId {
        self.peer
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        counts.all = counts.all.saturating_sub(1);
        if let Some(of_peer) = counts.of_peers.get_mut(&self.peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                counts.of_peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(all: u64, of_peer: u64) -> Arc<Admission> {
        Admission::new(&Limits {
            connections_max: all,
            connections_per_peer_max: of_peer,
            ..Limits::default()
        })
    }

    #[test]
    fn both_limits_hold_and_what_is_dropped_counts_no_more() {
        let admission = admission(3, 2);
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        let first = admission.admit(one).expect("there is room");
        let _second = admission.admit(one).expect("there is room");
        let problem = admission.admit(one).expect_err("two are with this peer");
        assert!(problem.starts_with("2 connections with 0101"), "{problem}");
        assert!(!admission.is_full());
        let _third = admission.admit(other).expect("there is room");
        assert!(admission.is_full());
        let problem = admission.admit(other).expect_err("three are open");
        assert!(problem.starts_with("3 connections are open"), "{problem}");
        drop(first);
        let _again = admission.admit(one).expect("there is room again");
    }

    #[test]
    fn a_peer_that_is_gone_is_forgotten() {
        let admission = admission(1, 1);
        for peer in 0..100 {
            drop(admission.admit(NodeId([peer; 32])).expect("there is room"));
        }
        assert_eq!(admission.counts().of_peers.len(), 0);
    }
}
