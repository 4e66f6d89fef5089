//! Every honest life verifies, in whatever order its files come, and no edit of one does. On failure
//! proptest prints the smallest life and edit.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

mod common;

use common::{File, Life, header, verify};
use igor_format::{AgentKey, Checkpoint, Hash};
use proptest::prelude::*;

/// What happens next in a life.
#[derive(Debug, Clone)]
enum Event {
    /// Ticks pass and something is spent.
    Tick(u64, i64),
    /// The agent is funded.
    Fund(i64),
}

/// What a forger does to the files of a life.
#[derive(Debug, Clone)]
enum Edit {
    FlipBit(prop::sample::Index, prop::sample::Index, u8),
    Remove(prop::sample::Index),
    /// Puts in another checkpoint after an earlier one, signed by the agent's key or another.
    Graft(prop::sample::Index, bool),
    /// Replaces a checkpoint by one with more budget, signed again.
    Enrich(prop::sample::Index, bool),
    /// Takes an old checkpoint for the current one.
    RollBack(prop::sample::Index),
}

fn lives() -> impl Strategy<Value = Life> {
    let event = prop_oneof![
        3 => (0..3_u64, 1..100_i64).prop_map(|(ticks, spent)| Event::Tick(ticks, spent)),
        1 => (1..1_000_i64).prop_map(Event::Fund),
    ];
    prop::collection::vec(event, 2..10).prop_map(|events| {
        let mut life = Life::new(1);
        life.step(header(0, 10_000));
        for (id, event) in (1..).zip(events) {
            let last = *life.current.as_ref().expect("a checkpoint").header();
            match event {
                Event::Tick(ticks, spent) => {
                    life.step(header(last.tick.0 + ticks, last.budget.get() - spent))
                }
                Event::Fund(amount) => life.fund(id, amount, amount),
            };
        }
        life
    })
}

fn edits() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), at(), 0..8_u8).prop_map(|(file, byte, bit)| Edit::FlipBit(file, byte, bit)),
        at().prop_map(Edit::Remove),
        (at(), any::<bool>()).prop_map(|(file, own)| Edit::Graft(file, own)),
        (at(), any::<bool>()).prop_map(|(file, own)| Edit::Enrich(file, own)),
        at().prop_map(Edit::RollBack),
    ]
}

/// The indices of the checkpoints, in the order they were made.
fn checkpoints(files: &[File]) -> Vec<usize> {
    (0..files.len()).filter(|index| files[*index].0.ends_with(".ckpt")).collect()
}

fn decoded(file: &File) -> Checkpoint {
    Checkpoint::decode(&file.1, common::LIMIT).expect("an honest checkpoint")
}

/// Applies the edit to the history and the current checkpoint.
fn apply(edit: &Edit, life: &Life, files: &mut Vec<File>, current: &mut Vec<u8>) {
    let other = AgentKey::from_seed(&[2; 32]);
    let checkpoints = checkpoints(files);
    let signer = |own: bool| if own { life.key() } else { &other };
    match edit {
        Edit::FlipBit(file, byte, bit) => {
            let bytes = &mut file.get_mut(files).1;
            let index = byte.index(bytes.len());
            bytes[index] ^= 1 << bit;
        }
        Edit::Remove(file) => {
            // The newest checkpoint is left: without it the current one continues the history.
            let tip = *checkpoints.last().expect("checkpoints");
            let rest: Vec<_> = (0..files.len()).filter(|index| *index != tip).collect();
            files.remove(*file.get(&rest));
        }
        Edit::Graft(file, own) => {
            let parent = decoded(&files[*file.get(&checkpoints[..checkpoints.len() - 1])]);
            let graft = Checkpoint::sign(
                signer(*own),
                *parent.header(),
                parent.hash(),
                b"another state".to_vec(),
            );
            files.push(("0000000099.ckpt".to_owned(), graft.encode()));
        }
        Edit::Enrich(file, own) => {
            let index = *file.get(&checkpoints);
            let honest = decoded(&files[index]);
            let richer = header(honest.header().tick.0, honest.header().budget.get() + 1);
            let prev = honest.lineage().map_or(Hash::ZERO, |lineage| lineage.prev);
            let state = honest.state().to_vec();
            let forged = Checkpoint::sign(signer(*own), richer, prev, state);
            files[index].1 = forged.encode();
        }
        Edit::RollBack(file) => {
            let old = *file.get(&checkpoints[..checkpoints.len() - 2]);
            current.clone_from(&files[old].1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn an_honest_life_verifies_in_any_order(life in lives(), rotation in any::<prop::sample::Index>()) {
        let mut files = life.files.clone();
        let middle = rotation.index(files.len());
        files.rotate_left(middle);
        let current = life.current.as_ref().expect("a checkpoint").encode();
        let report = verify(&files, Some(&current));
        prop_assert!(report.findings.is_empty(), "{:?}", report.findings);
        let hashes: Vec<_> = report.checkpoints.iter().map(|facts| facts.hash).collect();
        let made = checkpoints(&life.files).into_iter().map(|i| Hash::of(&life.files[i].1));
        prop_assert_eq!(hashes, made.collect::<Vec<_>>());
        prop_assert_eq!(report.did, Some(life.key().public_key().did()));
    }

    #[test]
    fn an_edited_life_never_verifies(life in lives(), edit in edits()) {
        let mut files = life.files.clone();
        let mut current = life.current.as_ref().expect("a checkpoint").encode();
        apply(&edit, &life, &mut files, &mut current);
        let report = verify(&files, Some(&current));
        prop_assert!(!report.is_valid(), "{:?} was not noticed: {:?}", edit, report.findings);
    }
}
