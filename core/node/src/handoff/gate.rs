//! Who may bring agents, and how many at a time: the limits that protect a node from the nodes that it listens
//! to, and the strikes of those that sent what they should not have. It knows nothing of agents.

use std::collections::HashMap;

use igor_core::format::{AgentId, TransferId};
use igor_core::handoff::Message;
use igor_core::transport::NodeId;

/// How many peers with strikes are remembered.
const STRUCK_MAX: usize = 4_096;

/// What a node takes from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// Transfers that are being prepared or wait to be taken.
    pub inbound_max: usize,
    /// The same, of one node.
    pub inbound_per_peer_max: usize,
    /// Agents that the node knows of, whether they are here or not.
    pub agents_max: usize,
    /// Strikes after which a node is not listened to for a while.
    pub strikes_max: u32,
    /// How long that is, in nanoseconds; also how long a strike counts.
    pub bar_ns: u64,
}

impl Default for GateLimits {
    /// 8 transfers, 2 of one node; 65,536 agents; 10 strikes bar for 10 minutes.
    fn default() -> Self {
        Self {
            inbound_max: 8,
            inbound_per_peer_max: 2,
            agents_max: 65_536,
            strikes_max: 10,
            bar_ns: 600_000_000_000,
        }
    }
}

/// Why a message is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Shut {
    /// The node sent too much that was refused.
    #[error("this node has sent too much that was refused, and is not listened to for a while")]
    Barred,
    /// As many transfers are under way as there may be.
    #[error("{0} transfers are under way here, the most there may be")]
    Busy(usize),
    /// As many transfers of the node are under way as there may be.
    #[error("{0} transfers of this node are under way here, the most there may be")]
    PeerBusy(usize),
    /// The node knows of as many agents as it may.
    #[error("this node knows of as many agents as it may")]
    Full,
    /// Another agent has this name here.
    #[error("another agent is called {0} here")]
    NameTaken(AgentId),
    /// The agent has another name here.
    #[error("this agent is called {0} here")]
    OtherName(AgentId),
}

#[derive(Debug)]
struct Struck {
    strikes: u32,
    last_ns: u64,
}

/// Keeps count.
#[derive(Debug)]
pub struct Gate {
    limits: GateLimits,
    inbound: HashMap<TransferId, NodeId>,
    struck: HashMap<NodeId, Struck>,
}

impl Gate {
    /// With nobody inside.
    pub(super) fn new(limits: GateLimits) -> Self {
        Self { limits, inbound: HashMap::new(), struck: HashMap::new() }
    }

    pub(super) const fn agents_max(&self) -> usize {
        self.limits.agents_max
    }

    /// Whether a message of `from` may be taken in.
    pub(super) fn admit(&self, now_ns: u64, from: NodeId, message: &Message) -> Result<(), Shut> {
        if self.is_barred(now_ns, from) {
            return Err(Shut::Barred);
        }
        let Message::Prepare(transfer) = message else { return Ok(()) };
        if self.inbound.contains_key(transfer) {
            return Ok(());
        }
        let Self { limits, inbound, .. } = self;
        if inbound.len() >= limits.inbound_max {
            return Err(Shut::Busy(inbound.len()));
        }
        let of_peer = inbound.values().filter(|peer| **peer == from).count();
        if of_peer >= limits.inbound_per_peer_max {
            return Err(Shut::PeerBusy(of_peer));
        }
        Ok(())
    }

    /// Counts a transfer of `from` until [`Gate::end`].
    pub(super) fn begin(&mut self, transfer: TransferId, from: NodeId) {
        self.inbound.insert(transfer, from);
    }

    /// Counts a transfer no more.
    pub(super) fn end(&mut self, transfer: TransferId) {
        self.inbound.remove(&transfer);
    }

    /// Counts a strike.
    pub(super) fn strike(&mut self, now_ns: u64, from: NodeId) {
        let bar_ns = self.limits.bar_ns;
        let is_recent = |last_ns: u64| now_ns.saturating_sub(last_ns) < bar_ns;
        if self.struck.len() >= STRUCK_MAX && !self.struck.contains_key(&from) {
            self.struck.retain(|_, struck| is_recent(struck.last_ns));
            if self.struck.len() >= STRUCK_MAX {
                // Somebody with so many identities is not kept away by remembering them.
                return;
            }
        }
        let struck = self.struck.entry(from).or_insert(Struck { strikes: 0, last_ns: now_ns });
        if !is_recent(struck.last_ns) {
            struck.strikes = 0;
        }
        (struck.strikes, struck.last_ns) = (struck.strikes.saturating_add(1), now_ns);
    }

    /// Whether nothing of this node is listened to at present.
    pub(super) fn is_barred(&self, now_ns: u64, peer: NodeId) -> bool {
        let Self { limits, struck, .. } = self;
        struck.get(&peer).is_some_and(|struck| {
            let is_recent = now_ns.saturating_sub(struck.last_ns) < limits.bar_ns;
            struck.strikes >= limits.strikes_max && is_recent
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GateLimits = GateLimits {
        inbound_max: 3,
        inbound_per_peer_max: 2,
        agents_max: 1,
        strikes_max: 2,
        bar_ns: 100,
    };

    fn transfer(number: u8) -> TransferId {
        TransferId::from_bytes([number; 16])
    }

    #[test]
    fn so_many_transfers_are_under_way_and_no_more() {
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        let mut gate = Gate::new(LIMITS);
        let prepare = |number| Message::Prepare(transfer(number));
        for number in [1, 2] {
            assert_eq!(gate.admit(0, one, &prepare(number)), Ok(()));
            gate.begin(transfer(number), one);
        }
        assert_eq!(gate.admit(0, one, &prepare(3)), Err(Shut::PeerBusy(2)));
        assert_eq!(gate.admit(0, one, &prepare(2)), Ok(()), "it is the one under way");
        gate.begin(transfer(3), other);
        assert_eq!(gate.admit(0, other, &prepare(4)), Err(Shut::Busy(3)));
        gate.end(transfer(1));
        assert_eq!(gate.admit(0, one, &prepare(5)), Ok(()));
    }

    #[test]
    fn strikes_bar_for_a_while_and_only_that_peer() {
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        let mut gate = Gate::new(LIMITS);
        gate.strike(10, one);
        assert!(!gate.is_barred(10, one));
        gate.strike(20, one);
        assert!(gate.is_barred(119, one) && !gate.is_barred(120, one));
        assert!(!gate.is_barred(20, other));
        gate.strike(200, one);
        assert!(!gate.is_barred(200, one), "old strikes do not count");
    }

    #[test]
    fn many_identities_cost_bounded_memory() {
        let mut gate = Gate::new(LIMITS);
        for number in 0..10_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_le_bytes());
            gate.strike(0, NodeId(id));
        }
        assert_eq!(gate.struck.len(), STRUCK_MAX);
        gate.strike(1_000, NodeId([9; 32]));
        assert_eq!(gate.struck.len(), 1);
    }
}
