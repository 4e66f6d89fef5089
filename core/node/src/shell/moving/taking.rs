//! Makes it durable that an agent which came is this node's. Whether it is to be taken was decided before; what
//! became of it is told to who decides.

use igor_core::format::Wish;
use igor_core::handoff::{Custody, Event, WriteFailed};
use igor_core::storage::{Key, Operation, Precondition};

use super::desk::failure;
use super::premises::Premises;
use crate::commit::commit_one;
use crate::handoff::package::{Complete, Taken};

/// Writes everything that makes the agent this node's, with this custody. The event says what became of it; if
/// it is not durable, why not.
pub(super) async fn take(
    premises: &dyn Premises,
    complete: Option<Complete>,
    custody: &Custody,
) -> (Event, Result<Taken, String>) {
    let Some(complete) = complete else {
        // Each write is answered by what became of it.
        return (Event::Written(Err(WriteFailed::Clean)), Err("it is not complete".to_owned()));
    };
    let agent = complete.agent().clone();
    let mut group = complete.group(premises.key().public_key(), custody);
    // It is to tick here whatever becomes of this process.
    let (key, bytes) = (Key::Wish(agent.clone()), Wish::Run.encode());
    let put = Operation::Put { key, bytes, precondition: Precondition::Always };
    group.operations.insert(0, put);
    let written = commit_one(&*premises.node().storage.0, group).await;
    match written.and_then(|committed| complete.taken(&committed)) {
        Ok(taken) => (Event::Written(Ok(())), Ok(taken)),
        Err(error) => {
            tracing::warn!(%agent, %error, "an agent was not taken");
            (Event::Written(Err(failure(&error))), Err(error.to_string()))
        }
    }
}
