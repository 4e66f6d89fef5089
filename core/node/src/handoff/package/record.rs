//! Compares the record that an agent brings with what was announced, with its manifest and with what this
//! node gives. The record is the other node's own note: nothing in it is believed that this node would
//! not grant to an agent of its own.

use igor_core::Limits;
use igor_core::format::{
    AgentRecord, ExecutionLimits, Hash, HistoryReport, Manifest, Predecessor, Price, Standing,
};
use igor_core::prepare;

use super::{Expected, Refusal};
use crate::open::execution_limits;

/// Bytes of a page of guest memory.
const PAGE_BYTES: u64 = 64 << 10;

/// Reads a record and compares it with what was announced.
pub(super) fn read(bytes: &[u8], expected: &Expected) -> Result<AgentRecord, Refusal> {
    let record = AgentRecord::decode(bytes)?;
    let did = |key: igor_core::format::PublicKey| key.did().to_string();
    same("its identity", did(expected.agent), did(record.public_key))?;
    same("its name", expected.name.to_string(), record.agent_id.to_string())?;
    same("its module", expected.module, record.module)?;
    same("its manifest", expected.manifest, record.manifest)?;
    if let Standing::RecoveryRequired { tick, reason } = &record.standing {
        return Err(Refusal::Halted { tick: *tick, reason: reason.clone() });
    }
    let needed = (record.preparation_version, record.cost_table_version);
    let available = (prepare::VERSION, prepare::COST_TABLE_VERSION);
    if needed != available {
        return Err(Refusal::Preparation { needed, available });
    }
    Ok(record)
}

/// Whether the manifest lets the agent come to a node with this price.
pub(super) fn check_policy(manifest: &Manifest, price: Price) -> Result<(), Refusal> {
    let Some(policy) = manifest.migration_policy() else { return Ok(()) };
    if !policy.enabled {
        return Err(Refusal::Policy);
    }
    match policy.max_price {
        Some(max) if price > max => Err(Refusal::Price { asked: price, max }),
        _ => Ok(()),
    }
}

/// Whether this node gives what the agent lives under. Less is always given; of memory what its manifest
/// gets by with.
pub(super) fn check_limits(
    lived: &ExecutionLimits,
    manifest: &Manifest,
    limits: &Limits,
) -> Result<(), Refusal> {
    let pages = manifest.resource_limits().memory_pages();
    let asked = pages.map_or(lived.memory_pages_max, |pages| pages.min(lived.memory_pages_max));
    if asked > limits.memory_pages_max {
        let in_bytes = |pages: u64| pages.saturating_mul(PAGE_BYTES);
        let (asked, given) = (in_bytes(asked), in_bytes(limits.memory_pages_max));
        return Err(Refusal::Memory { asked, given });
    }
    let ours = execution_limits(limits);
    for (row, asked, given) in [
        ("tick_gas_max", lived.tick_gas_max, ours.tick_gas_max),
        ("stack_slots_max", lived.stack_slots_max, ours.stack_slots_max),
        ("table_elements_max", lived.table_elements_max, ours.table_elements_max),
        ("state_bytes_max", lived.state_bytes_max, ours.state_bytes_max),
        ("observations_max", lived.observations_max, ours.observations_max),
        ("observation_bytes_max", lived.observation_bytes_max, ours.observation_bytes_max),
        ("entropy_bytes_max", lived.entropy_bytes_max, ours.entropy_bytes_max),
        ("log_line_bytes_max", lived.log_line_bytes_max, ours.log_line_bytes_max),
        ("log_bytes_max", lived.log_bytes_max, ours.log_bytes_max),
    ] {
        if asked == 0 || asked > given {
            return Err(Refusal::Limit { row, asked, given });
        }
    }
    Ok(())
}

/// Whether the record knows the checkpoint with this hash, and carries on where its segment ended.
pub(super) fn check_head(
    record: &AgentRecord,
    checkpoint: Hash,
    history: &HistoryReport,
) -> Result<(), Refusal> {
    let Some(head) = record.head_of(&checkpoint) else {
        return same("the checkpoint of its record", record.current.checkpoint, checkpoint);
    };
    let kept = history.audit_segments.iter().map(|facts| facts.closing);
    let collected = history.summary.iter().flat_map(|summary| &summary.segments);
    let mut closings = kept.chain(collected.map(|segment| segment.closing));
    if let Some(closing) = closings.clone().find(|closing| closing.checkpoint == checkpoint) {
        let found = Predecessor::Segment(closing.hash());
        same("its last segment", named(head.predecessor), named(found))?;
        return same("its remainder of a charge", head.carry.get(), closing.carry.get());
    }
    match head.predecessor {
        Predecessor::NotJournaled => Ok(()),
        Predecessor::Segment(hash) if closings.any(|closing| closing.hash() == hash) => Ok(()),
        other => same("its last segment", named(other), "none".to_owned()),
    }
}

fn named(predecessor: Predecessor) -> String {
    match predecessor {
        Predecessor::Genesis => "the first one to come".to_owned(),
        Predecessor::NotJournaled => "none".to_owned(),
        Predecessor::Segment(hash) => hash.to_string(),
    }
}

/// Two statements that must be the same.
pub(super) fn same<T: PartialEq + ToString>(
    what: &'static str,
    announced: T,
    found: T,
) -> Result<(), Refusal> {
    if announced == found {
        return Ok(());
    }
    let (announced, found) = (announced.to_string(), found.to_string());
    Err(Refusal::Differs { what, announced, found })
}
