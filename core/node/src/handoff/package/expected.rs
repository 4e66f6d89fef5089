//! What a node says of an agent before it sends any of it. Everything that arrives must agree with it.

use igor_core::format::{AgentId, Hash, Microcents, Prepare, Price, PublicKey, Tick};

/// What an agent is announced as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its identity.
    pub agent: PublicKey,
    /// Its name, at the node that it leaves and at the one that it comes to.
    pub name: AgentId,
    /// The tick of its last checkpoint.
    pub tick: Tick,
    /// Its budget in that checkpoint.
    pub budget: Microcents,
    /// The price in that checkpoint.
    pub price: Price,
    /// The hash of the module's original bytes.
    pub module: Hash,
    /// The hash of the manifest's text.
    pub manifest: Hash,
}

impl From<&Prepare> for Expected {
    fn from(prepare: &Prepare) -> Self {
        Self {
            agent: prepare.agent,
            name: prepare.name.clone(),
            tick: prepare.tick,
            budget: prepare.budget,
            price: prepare.price,
            module: prepare.module,
            manifest: prepare.manifest,
        }
    }
}
