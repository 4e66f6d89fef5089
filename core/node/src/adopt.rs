//! Brings a checkpoint from elsewhere into a store, so that the agent can continue there. It never
//! makes up an identity, never replaces a newer checkpoint and never accepts one that the agent's own
//! key did not sign.

use igor_core::Storage;
use igor_core::format::{AgentId, Hash, Tick};
use igor_core::format::{Checkpoint, CheckpointError, VerifyError};
use igor_core::format::{IdentityError, decode_identity, encode_identity};
use igor_core::storage::{Group, Key, Precondition, StorageError};

use crate::commit::commit_one;
use crate::custody::held;
use crate::open::{OpenError, claim};
use crate::survey::{Survey, survey};

/// What is to be brought in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The agent's name on this node.
    pub agent: &'a AgentId,
    /// The checkpoint.
    pub checkpoint: &'a [u8],
    /// The agent's identity file, unless the store has it.
    pub identity: Option<&'a [u8]>,
    /// The module, as its author built it.
    pub module: &'a [u8],
    /// The largest state to accept, in bytes.
    pub state_bytes_max: u64,
}

/// Why a checkpoint is not brought in; nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The identity cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no identity to continue it with.
    #[error("the checkpoint belongs to {did}, and there is no identity to continue it with")]
    IdentityMissing {
        /// Whose the checkpoint says it is.
        did: String,
    },
    /// The store holds an agent of this name that is not this one at an earlier time.
    #[error("{agent} here is at tick {here}; the checkpoint of tick {arriving} would replace it")]
    Newer {
        /// The agent.
        agent: AgentId,
        /// The stored checkpoint's tick.
        here: Tick,
        /// The arriving checkpoint's tick.
        arriving: Tick,
    },
    /// The store holds another agent under this name.
    #[error("{agent} here is another agent, {here}")]
    OtherAgent {
        /// The agent.
        agent: AgentId,
        /// Who it is.
        here: String,
    },
    /// The checkpoint was made with another module.
    #[error("the checkpoint was made with the module {expected}, not {found}")]
    OtherModule {
        /// The module hash in the checkpoint.
        expected: Hash,
        /// The hash of the module given.
        found: Hash,
    },
    /// What is stored cannot be read, or is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The checkpoint is not signed by the identity.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
}

impl From<StorageError> for AdoptError {
    fn from(error: StorageError) -> Self {
        Self::Open(error.into())
    }
}

/// Brings `arrival` into the store, after which the agent can be opened there. Bringing in what is
/// already there changes nothing.
///
/// # Errors
/// See [`AdoptError`].
pub async fn adopt(storage: &dyn Storage, arrival: &Arrival<'_>) -> Result<(), AdoptError> {
    if plan(storage, arrival).await?.is_none() {
        return Ok(());
    }
    let holds = claim(storage, arrival.agent).await?;
    if let Some(group) = plan(storage, arrival).await? {
        commit_one(storage, group).await?;
    }
    drop(holds);
    Ok(())
}

/// What has to be written, if anything.
async fn plan(storage: &dyn Storage, arrival: &Arrival<'_>) -> Result<Option<Group>, AdoptError> {
    let Arrival { agent, state_bytes_max, .. } = *arrival;
    let checkpoint = Checkpoint::decode(arrival.checkpoint, state_bytes_max)?;
    let found = Hash::of(arrival.module);
    let expected = checkpoint.header().code_hash;
    if found != expected {
        return Err(AdoptError::OtherModule { expected, found });
    }
    let given = arrival.identity.map(decode_identity).transpose()?;
    held(storage, agent).await?;
    let stored = survey(storage, agent, state_bytes_max).await.map_err(OpenError::from)?;
    let (stored_key, living) = match &stored {
        Survey::Unborn(key) => (key.as_deref(), None),
        Survey::Living(living) => (Some(&living.key), Some(living)),
    };
    let Some(key) = given.as_ref().or(stored_key) else {
        let did = checkpoint.verify()?.public_key.did().to_string();
        return Err(AdoptError::IdentityMissing { did });
    };
    checkpoint.verify_by(key.public_key())?;
    if let Some(stored_key) = stored_key
        && stored_key.public_key() != key.public_key()
    {
        let here = stored_key.public_key().did().to_string();
        return Err(AdoptError::OtherAgent { agent: agent.clone(), here });
    }
    let tick = checkpoint.header().tick;
    let (place, precondition) = match living {
        None => ((tick, 0), Precondition::Absent),
        Some(living) if living.checkpoint.hash() == checkpoint.hash() => return Ok(None),
        Some(living) => {
            let prev = checkpoint.lineage().map(|lineage| lineage.prev);
            let here = living.checkpoint.header().tick;
            let follows = prev == Some(living.checkpoint.hash());
            if tick < here || (tick == here && !follows) {
                return Err(AdoptError::Newer { agent: agent.clone(), here, arriving: tick });
            }
            let copy = if tick == here { living.place.1 + 1 } else { 0 };
            let version = living.version.clone();
            ((tick, copy), version.map_or(Precondition::Absent, Precondition::Matches))
        }
    };
    let mut group = Group::new(agent.clone());
    if stored_key.is_none() {
        let identity = encode_identity(key).to_vec();
        group = group.put(Key::Identity(agent.clone()), identity, Precondition::Absent);
    }
    let bytes = checkpoint.encode();
    let history = Key::History(agent.clone(), place.0, place.1);
    Ok(Some(group.put(history, bytes.clone(), Precondition::Absent).put(
        Key::Checkpoint(agent.clone()),
        bytes,
        precondition,
    )))
}
