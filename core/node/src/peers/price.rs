//! What a node may charge an agent that comes to it. An agent is charged what its holder asks, from the first
//! tick there on, and the checkpoints and segments written there state it; so a price is agreed on before the
//! move or the agent stays. Prices are not compared here, see [`super::Wanted`].

use igor_format::{MigrationPolicy, Price};

/// Why an agent cannot be moved to a node that asks this price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceRefused {
    /// Its manifest forbids that it is moved.
    #[error("the agent's migration policy is disabled")]
    Disabled,
    /// Its manifest allows less.
    #[error("the node's price of {asked} per second exceeds the agent's maximum of {most}")]
    Exceeded {
        /// What the node asks.
        asked: Price,
        /// What the manifest allows.
        most: Price,
    },
}

/// The price that an agent with this policy is charged at a node that asks `asked`: just that. Where it came
/// from does not matter, and without a policy it may go anywhere.
///
/// # Errors
/// [`PriceRefused`].
pub fn agree(policy: Option<&MigrationPolicy>, asked: Price) -> Result<Price, PriceRefused> {
    let Some(policy) = policy else { return Ok(asked) };
    if !policy.enabled {
        return Err(PriceRefused::Disabled);
    }
    match policy.max_price {
        Some(most) if asked > most => Err(PriceRefused::Exceeded { asked, most }),
        _ => Ok(asked),
    }
}
