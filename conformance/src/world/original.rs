//! What a node of the original would send of an agent: made by igor, from an agent that ran here, in the original's
//! words. It is not what the original itself wrote, which lies among the fixtures.

use igor_core::format::migrate::{AgentPackage, AgentTransfer, ReplayData, ReplayEntry};
use igor_core::format::{
    AgentKey, Base64, Checkpoint, Hash, ObservationKind, Record, SecretBase64, encode_identity,
};

use super::{Guest, World};

/// What a node of the original sends of a counter that has ticked three times.
///
/// # Panics
/// If the counter does not run.
pub fn sent_by_the_original() -> AgentTransfer {
    let (world, guest) = (World::in_memory("wasmi"), Guest::counter());
    world.run(&guest, 3).expect("the counter runs");
    let past = world.past(&guest);
    let checkpoint = past.copied.current.clone().expect("it was saved at its end");
    let records = past.read_segment(&past.last_segment()).records;
    let last = records.iter().rev().find_map(|record| match record {
        Record::Tick(tick) => Some(tick.clone()),
        _ => None,
    });
    let last = last.expect("it ticked");
    let entry = |(kind, payload): (ObservationKind, &[u8])| ReplayEntry {
        hostcall_id: kind.0,
        payload: Some(Base64(payload.to_vec())),
    };
    let replay = ReplayData {
        pre_tick_state: Some(Base64(2_u64.to_le_bytes().to_vec())),
        tick_number: 3,
        entries: Some(last.observations.iter().map(entry).collect()),
    };
    let identity = encode_identity(&AgentKey::from_seed(&world.key_seed)).to_vec();
    let header = Checkpoint::decode(&checkpoint, u64::MAX);
    let header = *header.expect("it was just made").header();
    let package = AgentPackage {
        agent_id: guest.agent.clone(),
        wasm_hash: Some(Base64(Hash::of(&guest.module).as_bytes().to_vec())),
        wasm_binary: Some(Base64(guest.module)),
        checkpoint: Some(Base64(checkpoint)),
        manifest_data: guest.manifest.map(Base64),
        budget: header.budget.get(),
        price_per_second: header.price.microcents().get(),
        replay_data: Some(replay),
        receipts: None,
        major_version: 4,
        lease_generation: 2,
        agent_identity: Some(SecretBase64::new(identity.into())),
    };
    AgentTransfer { package, source_node_id: "12D3KooWsource".to_owned() }
}
