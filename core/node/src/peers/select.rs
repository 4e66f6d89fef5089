//! Which of the known nodes come into question for an agent, and in which order. What is not known of a node
//! does not exclude it: it says so itself when it is asked.

use std::cmp::Reverse;

use igor_core::transport::NodeId;
use igor_format::{Manifest, Price};

use super::{Peer, Peers};

/// What an agent wants of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The highest price it accepts; `None` for any.
    pub price_max: Option<Price>,
    /// The capabilities it declares.
    pub capabilities: Vec<String>,
    /// How often in a row a node may have failed; `None` for any number.
    pub failures_max: Option<u32>,
    /// The nodes that are out of the question, such as the one it is on.
    pub exclude: Vec<NodeId>,
}

impl Wanted {
    /// What an agent with this manifest wants. Whether it may be moved at all is another question.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            price_max: manifest.migration_policy().and_then(|policy| policy.max_price),
            capabilities: manifest.capabilities().map(|(name, _)| name.to_owned()).collect(),
            failures_max: None,
            exclude: Vec::new(),
        }
    }

    fn allows(&self, peer: &Peer) -> bool {
        let too_dear = self.price_max.zip(peer.price).is_some_and(|(most, price)| price > most);
        let too_bad = self.failures_max.is_some_and(|most| peer.failures > most);
        let offers =
            |name: &String| peer.capabilities.as_ref().is_none_or(|offered| offered.contains(name));
        !self.exclude.contains(&peer.node)
            && !too_dear
            && !too_bad
            && self.capabilities.iter().all(offers)
    }
}

impl Peers {
    /// The nodes that may be asked, the best first: those whose price is known before the others, the cheaper
    /// ones first, then those that failed less often in a row, then those that were seen more recently.
    pub fn candidates(&self, wanted: &Wanted) -> Vec<&Peer> {
        let mut found: Vec<_> = self.all().filter(|peer| wanted.allows(peer)).collect();
        found.sort_by_key(|peer| {
            (peer.price.is_none(), peer.price, peer.failures, Reverse(peer.seen), peer.node)
        });
        found
    }
}
