//! Runs the last tick of an agent of the original again: from the state before it, with what it observed,
//! as far as that was recorded. What a guest observed when it was started was not.

use igor_core::format::migrate::ReplayData;
use igor_core::format::{Carry, Checkpoint, ObservationKind, Observations, PublicKey, Tick};

use super::Rejection;
use crate::audit::Ground;
use crate::host::GuestIdentity;
use crate::incarnation::{Incarnation, Opening};
use crate::purse::Purse;
use crate::replay::{first_difference, for_replay};

/// Whether the last tick leads to the checkpoint.
///
/// # Errors
/// [`Rejection::Divergence`] if it does not; [`Rejection::Unproven`] if that cannot be known.
pub(super) fn replay(
    data: &ReplayData,
    checkpoint: &Checkpoint,
    agent: PublicKey,
    ground: Ground,
) -> Result<(), Rejection> {
    let unproven = |problem: String| Rejection::Unproven(problem);
    let header = checkpoint.header();
    if data.tick_number != header.tick.0 {
        let (of, last) = (data.tick_number, header.tick);
        return Err(unproven(format!("the replay data is of tick {of}, the checkpoint of {last}")));
    }
    let before = data.pre_tick_state.as_ref().map(|state| state.0.as_slice()).unwrap_or_default();
    let Ground { program, environment, meter } = ground;
    let environment = for_replay(&environment);
    // What it costs was paid for elsewhere, by another measure.
    let purse =
        Purse { meter, price: Default::default(), budget: header.budget, carry: Carry::ZERO };
    let identity = GuestIdentity { code_hash: header.code_hash, public_key: *agent.as_bytes() };
    let committed = Tick(header.tick.0.saturating_sub(1));
    let opening = Opening { identity, tick: committed, state: Some(before) };
    let receipts = std::sync::Arc::from([]);
    let started = Incarnation::start(&program, &environment, &receipts, &purse, &opening, None);
    let is_blind = !started.observations.is_empty();
    let (mut incarnation, _) = started.outcome.map_err(|failure| unproven(failure.to_string()))?;
    let report = incarnation.tick(header.tick, &purse, Some(observed(data)));
    if let Some(divergence) = report.divergence {
        return Err(unproven(divergence.to_string()));
    }
    let output = report.outcome.map_err(|failure| unproven(failure.to_string()))?;
    match first_difference(checkpoint.state(), &output.state) {
        None => Ok(()),
        Some(_) if is_blind => {
            Err(unproven("its start observed something, which was not recorded".to_owned()))
        }
        Some(byte) => Err(Rejection::Divergence { tick: header.tick.0, byte }),
    }
}

fn observed(data: &ReplayData) -> Observations {
    let mut observations = Observations::default();
    for entry in data.entries.iter().flatten() {
        let payload = entry.payload.as_ref().map(|payload| payload.0.as_slice());
        observations.push(ObservationKind(entry.hostcall_id), payload.unwrap_or_default());
    }
    observations
}
