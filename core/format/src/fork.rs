//! The proof that an agent's line was forked: two checkpoints that its key signed, with the same predecessor and
//! different content. No honest node makes the second one. It proves that it happened, not which of the two is
//! right or who did it.

use crate::{Checkpoint, Hash, PublicKey, VerifyError};

/// A proven fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// Whose line it is.
    pub agent: PublicKey,
    /// The hash of the checkpoint before both; zeros if both claim to be the first.
    pub prev: Hash,
    /// The hashes of the two.
    pub branches: [Hash; 2],
}

/// Why two checkpoints prove no fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoFork {
    /// One of them proves nothing.
    #[error("the {} checkpoint: {error}", if *.is_second { "second" } else { "first" })]
    Unproven {
        /// Whether it is the second one.
        is_second: bool,
        /// What is wrong with it.
        error: VerifyError,
    },
    /// They belong to two agents.
    #[error("they belong to two agents, {} and {}", .0.did(), .1.did())]
    TwoAgents(PublicKey, PublicKey),
    /// They are the same checkpoint.
    #[error("they are the same checkpoint, {0}")]
    Same(Hash),
    /// They follow different checkpoints, so both can be of one line.
    #[error("they follow different checkpoints, {0} and {1}")]
    OtherPredecessors(Hash, Hash),
}

/// Proves that two checkpoints fork an agent's line.
///
/// # Errors
/// [`NoFork`].
pub fn prove_fork(first: &Checkpoint, second: &Checkpoint) -> Result<Fork, NoFork> {
    let lineage = |checkpoint: &Checkpoint, is_second| {
        let unproven = |error| NoFork::Unproven { is_second, error };
        checkpoint.verify().copied().map_err(unproven)
    };
    let (one, other) = (lineage(first, false)?, lineage(second, true)?);
    if one.public_key != other.public_key {
        return Err(NoFork::TwoAgents(one.public_key, other.public_key));
    }
    let branches = [first.hash(), second.hash()];
    let [branch, other_branch] = branches;
    if branch == other_branch {
        return Err(NoFork::Same(branch));
    }
    if one.prev != other.prev {
        return Err(NoFork::OtherPredecessors(one.prev, other.prev));
    }
    Ok(Fork { agent: one.public_key, prev: one.prev, branches })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentKey, Epoch, Header, Microcents, Price, Tick};

    fn checkpoint(key: u8, prev: &[u8], state: &[u8]) -> Checkpoint {
        let header = Header {
            budget: Microcents::ZERO,
            price: Price::default(),
            tick: Tick(3),
            code_hash: Hash::ZERO,
            epoch: Epoch { major: 0, generation: 0 },
            lease_expiry_ns: 0,
        };
        Checkpoint::sign(&AgentKey::from_seed(&[key; 32]), header, Hash::of(prev), state.to_vec())
    }

    #[test]
    fn two_that_follow_one_prove_a_fork() {
        let (first, second) = (checkpoint(1, b"prev", b"a"), checkpoint(1, b"prev", b"b"));
        let fork = prove_fork(&first, &second).expect("a fork");
        assert_eq!((fork.prev, fork.branches), (Hash::of(b"prev"), [first.hash(), second.hash()]));
        assert_eq!(fork.agent, AgentKey::from_seed(&[1; 32]).public_key());
    }

    #[test]
    fn anything_else_proves_none_and_says_why() {
        let first = checkpoint(1, b"prev", b"a");
        let forged = {
            let mut bytes = first.encode();
            *bytes.last_mut().expect("it has a state") = b'b';
            Checkpoint::decode(&bytes, 10).expect("a sound structure")
        };
        let keys = [1, 2].map(|seed| AgentKey::from_seed(&[seed; 32]).public_key());
        let error = VerifyError::BadSignature;
        for (one, other, expected) in [
            (&first, &first, NoFork::Same(first.hash())),
            (&first, &forged, NoFork::Unproven { is_second: true, error: error.clone() }),
            (&forged, &first, NoFork::Unproven { is_second: false, error }),
            (&first, &checkpoint(2, b"prev", b"b"), NoFork::TwoAgents(keys[0], keys[1])),
            (
                &first,
                &checkpoint(1, b"next", b"b"),
                NoFork::OtherPredecessors(Hash::of(b"prev"), Hash::of(b"next")),
            ),
        ] {
            assert_eq!(prove_fork(one, other), Err(expected));
        }
    }
}
