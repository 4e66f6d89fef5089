//! Records that somebody with all keys changed and signed again: only a re-execution can tell, and it
//! names what and where. What signatures alone tell is tested elsewhere.

use igor_core::format::{Hash, Microcents, Observations, Record, TickRecord};
use igor_node::audit::{Gap, Proof, Verdict};

use super::{Found, ReplaySubject, witness};
use crate::world::Past;
use crate::{Case, Effort, Rng, seed};

pub(super) fn cases() -> Vec<Case<ReplaySubject>> {
    crate::cases![ReplaySubject;
        a_flipped_byte_of_an_answer_is_named_at_its_tick covers [],
        a_flipped_byte_of_a_sent_line_is_named_at_its_index covers [],
        a_flipped_byte_of_a_state_is_named covers [],
        a_flipped_byte_of_gas_or_charge_is_named_at_its_tick covers [],
        a_claim_of_more_work_is_named_at_its_tick covers [],
        a_journal_without_its_end_is_refuted covers [],
        a_journal_without_its_middle_is_refuted covers [],
        a_journal_with_more_than_happened_is_refuted covers [],
        seeded_changes_are_never_proven covers [],
        an_open_journal_may_be_cut_anywhere_and_counts_to_there covers [],
    ]
}

/// Twelve ticks; the last three are one segment, with three observations each.
const TICKS: u64 = 12;
const LAST: [u64; 3] = [10, 11, 12];

/// A life with a tick of its last segment changed.
fn with_tick(honest: &Past, number: u64, edit: impl FnOnce(&mut TickRecord)) -> Past {
    let mut past = honest.clone();
    past.forge(&honest.last_segment(), |forgery| {
        let tick = forgery.records.iter_mut().find_map(|record| match record {
            Record::Tick(tick) if tick.tick.0 == number => Some(tick),
            _ => None,
        });
        edit(tick.expect("the last segment holds it"));
    });
    past
}

/// A life with the records of its last segment changed.
fn with_records(honest: &Past, edit: impl FnOnce(&mut Vec<Record>)) -> Past {
    let mut past = honest.clone();
    past.forge(&honest.last_segment(), |forgery| edit(&mut forgery.records));
    past
}

/// Observations with one byte of one of them flipped.
fn flipped(observations: &Observations, number: usize) -> Observations {
    let mut changed = Observations::default();
    for (index, (kind, payload)) in observations.iter().enumerate() {
        let mut payload = payload.to_vec();
        if index == number {
            payload[0] ^= 1;
        }
        changed.push(kind, &payload);
    }
    changed
}

fn a_flipped_byte_of_an_answer_is_named_at_its_tick(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    subject.prove(&honest, TICKS);
    for tick in LAST {
        // Where the guest keeps the clock and the random bytes.
        for (index, byte) in [8, 16].into_iter().enumerate() {
            let past = with_tick(&honest, tick, |record| {
                record.observations = flipped(&record.observations, index);
            });
            let first_byte = (tick == TICKS).then_some(byte);
            let found = Found { first_byte, ..Found::at("state", tick) };
            assert_eq!(subject.refute(&past), found, "answer {index}");
        }
    }
}

fn a_flipped_byte_of_a_sent_line_is_named_at_its_index(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    for tick in LAST {
        let past = with_tick(&honest, tick, |record| {
            record.observations = flipped(&record.observations, 2);
        });
        let found = Found { observation: Some(2), ..Found::at("observation", tick) };
        assert_eq!(subject.refute(&past), found);
    }
}

fn a_flipped_byte_of_a_state_is_named(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    for tick in LAST {
        let past = with_tick(&honest, tick, |record| {
            let mut bytes = *record.state.as_bytes();
            bytes[31] ^= 1;
            record.state = Hash::from_bytes(bytes);
        });
        assert_eq!(subject.refute(&past), Found::at("state", tick));
    }
    // Where the state itself is at hand, its first byte that differs is named.
    let mut past = honest;
    let mut forged = Hash::ZERO;
    past.forge_last_checkpoint(|_, state| {
        state[17] ^= 1;
        state[30] ^= 1;
        forged = Hash::of(state);
    });
    let found = Found { first_byte: Some(17), ..Found::at("state", 12) };
    assert_eq!(subject.refute(&past), found);
    assert_eq!(subject.refute(&with_tick(&past, 12, |record| record.state = forged)), found);
}

fn a_flipped_byte_of_gas_or_charge_is_named_at_its_tick(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    for tick in LAST {
        let past = with_tick(&honest, tick, |record| record.gas.0 ^= 1);
        assert_eq!(subject.refute(&past), Found::at("gas", tick));
        let past = with_tick(&honest, tick, |record| {
            let charge = record.charge.get() ^ 1;
            record.charge = Microcents::new(charge).expect("an amount");
        });
        assert_eq!(subject.refute(&past), Found::at("charge", tick));
    }
}

fn a_claim_of_more_work_is_named_at_its_tick(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    let past = with_tick(&honest, 11, |record| record.more = true);
    assert_eq!(subject.refute(&past), Found::at("more", 11));
}

fn a_journal_without_its_end_is_refuted(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    for left_out in 1..=3 {
        let past = with_records(&honest, |records| records.truncate(records.len() - left_out));
        let reached = TICKS - u64::try_from(left_out).expect("few");
        assert_eq!(subject.refute(&past), Found::at("closing", reached));
    }
}

fn a_journal_without_its_middle_is_refuted(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    for tick in [10, 11] {
        let is_it = |record: &Record| matches!(record, Record::Tick(at) if at.tick.0 == tick);
        let past = with_records(&honest, |records| records.retain(|record| !is_it(record)));
        assert_eq!(subject.refute(&past), Found::at("order", tick - 1));
    }
    let is_start = |record: &Record| matches!(record, Record::Started(_));
    let past = with_records(&honest, |records| records.retain(|record| !is_start(record)));
    assert_eq!(subject.refute(&past), Found::at("order", 9));
    for index in 0..3 {
        let past = with_tick(&honest, 11, |record| {
            let mut fewer = Observations::default();
            let kept = record.observations.iter().enumerate().filter(|(at, _)| *at != index);
            for (_, (kind, payload)) in kept {
                fewer.push(kind, payload);
            }
            record.observations = fewer;
        });
        let found = Found { observation: Some(index), ..Found::at("observation", 11) };
        assert_eq!(subject.refute(&past), found);
    }
}

fn a_journal_with_more_than_happened_is_refuted(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    let twice = |records: &mut Vec<Record>| records.extend(records.last().cloned());
    assert_eq!(subject.refute(&with_records(&honest, twice)), Found::at("order", 12));
    let past = with_records(&honest, |records| {
        let mut last = records.last().cloned().expect("a record");
        if let Record::Tick(tick) = &mut last {
            tick.tick.0 += 1;
        }
        records.push(last);
    });
    let found = Found { first_byte: Some(0), ..Found::at("state", 13) };
    assert_eq!(subject.refute(&past), found, "a tick that never was");
    let past = with_tick(&honest, 11, |record| {
        let (kind, payload) = record.observations.iter().last().expect("it made some");
        let payload = payload.to_vec();
        record.observations.push(kind, &payload);
    });
    let found = Found { observation: Some(3), ..Found::at("observation", 11) };
    assert_eq!(subject.refute(&past), found, "a line that was never sent");
}

/// Several changes at once, to numbers as large as they get.
fn seeded_changes_are_never_proven(subject: &ReplaySubject) {
    let honest = subject.lived(&witness(), TICKS);
    let name = honest.last_segment();
    let terms = honest.read_segment(&name).opening;
    let mut rng = Rng::new(seed());
    for round in 0..Effort::current().rounds(40) {
        let mut past = honest.clone();
        let mut is_changed = false;
        past.forge(&name, |forgery| {
            let before = (forgery.records.clone(), forgery.closing);
            for _ in 0..=rng.below(3) {
                change(&mut rng, &mut forgery.records);
            }
            if rng.below(4) == 0 {
                forgery.opening.budget = Microcents::MAX;
            }
            is_changed = before != (forgery.records.clone(), forgery.closing)
                || forgery.opening.budget != terms.budget;
        });
        for (engine, audit) in subject.audits(&past) {
            let verdict = audit.verdict();
            assert_eq!(verdict == Verdict::Proven, !is_changed, "{engine}, round {round}");
        }
    }
}

fn change(rng: &mut Rng, records: &mut Vec<Record>) {
    let one = index(rng, records.len());
    let other = index(rng, records.len());
    match rng.below(6) {
        0 => records.swap(one, other),
        1 if records.len() > 1 => drop(records.remove(one)),
        2 => records.push(records[one].clone()),
        _ => {}
    }
    let one = index(rng, records.len());
    let Record::Tick(tick) = &mut records[one] else { return };
    match rng.below(5) {
        0 => tick.gas.0 = u64::MAX,
        1 => tick.charge = Microcents::MAX,
        2 => tick.tick.0 = u64::MAX,
        3 => tick.observations = flipped(&tick.observations, index(rng, 3)),
        _ => tick.state = Hash::of(&[1]),
    }
}

fn index(rng: &mut Rng, length: usize) -> usize {
    let bound = u64::try_from(length).expect("few");
    usize::try_from(rng.below(bound)).expect("it is below a length")
}

/// A crash leaves any beginning of a journal, and perhaps part of a record.
fn an_open_journal_may_be_cut_anywhere_and_counts_to_there(subject: &ReplaySubject) {
    let mut honest = subject.lived(&witness(), TICKS);
    honest.unseal();
    let whole = honest.copied.log.clone().expect("it was just put there");
    // The terms and the start, then the ticks.
    for (kept, ticks) in [(0, 9), (2, 9), (3, 10), (4, 11), (5, 12)] {
        for torn in [false, true] {
            let mut past = honest.clone();
            let (first, mut records) = whole.clone();
            let next = records.get(kept).cloned();
            records.truncate(kept);
            if torn {
                let part = next.map_or(vec![0; 40], |next| next[..next.len() / 2].to_vec());
                records.push(part);
            }
            past.copied.log = Some((first, records));
            for (engine, audit) in subject.audits(&past) {
                assert!(audit.refutations.is_empty(), "{engine}: {:#?}", audit.refutations);
                assert_eq!(audit.ticks, ticks, "{engine}: {kept} records, torn: {torn}");
                let is_whole = audit.verdict() == Verdict::Proven;
                assert_eq!(is_whole, ticks == 9, "{engine}: {:#?}", audit.pieces);
                let unsealed = Proof::Unproven(Gap::Unsealed);
                assert!(is_whole || audit.pieces[1].standing == unsealed, "{engine}");
            }
        }
    }
}
