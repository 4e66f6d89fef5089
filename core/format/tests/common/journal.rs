//! A made-up segment for the tests of the journal: one record of each kind, with values that all
//! differ. What the records say does not add up, as the format does not look at it.

use igor_format::{
    AgentKey, Carry, EffectOutcome, Entry, Epoch, ExecutionLimits, FailedOperation, FundId,
    FundedRecord, Gas, Hash, MeterName, Microcents, Nanos, NodeKey, ObservationKind, Observations,
    OwnerRecord, Predecessor, Price, Record, RecoveredRecord, Segment, SegmentClosing,
    SegmentOpening, Seq, StartedRecord, Tick, TickFailedRecord, TickPart, TickRecord,
};

/// The agent's key.
pub(crate) fn agent() -> AgentKey {
    AgentKey::from_seed(&[1; 32])
}

/// The node's key.
pub(crate) fn node() -> NodeKey {
    NodeKey::from_seed(&[2; 32])
}

pub(crate) fn amount(microcents: i64) -> Microcents {
    Microcents::new(microcents).expect("an amount")
}

fn carry(billionths: u32) -> Carry {
    Carry::new(billionths).expect("below a microcent")
}

/// The terms of the segment.
pub(crate) fn opening() -> SegmentOpening {
    SegmentOpening {
        agent: agent().public_key(),
        node: node().public_key(),
        epoch: Epoch { major: 3, generation: 0 },
        module: Hash::of(b"module"),
        manifest: b"{}".to_vec(),
        limits: ExecutionLimits {
            tick_gas_max: 1,
            stack_slots_max: 2,
            memory_pages_max: 3,
            table_elements_max: 4,
            state_bytes_max: 5,
            observations_max: 6,
            observation_bytes_max: 7,
            entropy_bytes_max: 8,
            log_line_bytes_max: 9,
            log_bytes_max: 10,
        },
        preparation_version: 1,
        cost_table_version: 2,
        abi_version: 3,
        meter: MeterName::new("wall").expect("a name"),
        price: Price::per_second(amount(1_000)),
        tick: Tick(4),
        budget: amount(5_000_000),
        carry: carry(6),
        checkpoint: Hash::of(b"opening"),
        predecessor: Predecessor::Segment(Hash::of(b"before")),
    }
}

/// The record that begins a segment under these terms.
pub(crate) fn owner(opening: SegmentOpening) -> Record {
    Record::Owner(OwnerRecord { opening: Box::new(opening) })
}

fn observations() -> Observations {
    let mut observations = Observations::default();
    observations.push(ObservationKind::CLOCK_NOW, &7_i64.to_le_bytes());
    observations.push(ObservationKind::LOG_EMIT, b"line");
    observations.push(ObservationKind::RAND_BYTES, b"");
    observations
}

/// The record of a tick.
pub(crate) fn tick(number: u64) -> Record {
    Record::Tick(TickRecord {
        tick: Tick(number),
        more: true,
        gas: Gas(11),
        elapsed: Nanos(21),
        charge: amount(31),
        state: Hash::of(b"state 5"),
        observations: observations(),
    })
}

/// One record of each kind, in the order of their numbers.
pub(crate) fn records() -> Vec<Record> {
    vec![
        owner(opening()),
        Record::Started(StartedRecord {
            gas: Gas(10),
            elapsed: Nanos(20),
            charge: amount(30),
            state: Hash::of(b"state 4"),
            observations: observations(),
        }),
        tick(5),
        Record::TickPart(TickPart {
            tick: Tick(6),
            kind: ObservationKind::WASI_WRITE,
            idempotency_key: [7; 32],
            request: b"ask".to_vec(),
            observations: observations(),
        }),
        Record::EffectOutcome(EffectOutcome {
            tick: Tick(6),
            idempotency_key: [7; 32],
            response: b"answer".to_vec(),
        }),
        Record::TickFailed(TickFailedRecord {
            operation: FailedOperation::Tick(Tick(6)),
            reason: "budget_exhausted".to_owned(),
            is_cut: false,
            gas: Gas(12),
            elapsed: Nanos(22),
            charge: amount(32),
            observations: observations(),
        }),
        Record::Funded(FundedRecord { amount: amount(1_000_000), id: FundId::from_bytes([8; 16]) }),
        Record::Recovered(RecoveredRecord {
            epoch: Epoch { major: 4, generation: 0 },
            tick: Tick(5),
            discarded_to: Tick(6),
            charges: amount(33),
            reason: "lost".to_owned(),
        }),
    ]
}

/// The entries of these records, chained from `prev`, of which the first is `first` in the log and
/// each knows that all before it are durable; and the chain's value after them.
pub(crate) fn chained(prev: Hash, first: u64, records: Vec<Record>) -> (Vec<Vec<u8>>, Hash) {
    let mut chain = prev;
    let mut entries = Vec::new();
    for (seq, record) in (first..).zip(records) {
        let (bytes, next) = Entry { prev: chain, synced: Seq(seq), record }.encode();
        entries.push(bytes);
        chain = next;
    }
    (entries, chain)
}

/// The statement that closes a segment of so many records.
pub(crate) fn closing(records: usize, chain: Hash) -> SegmentClosing {
    SegmentClosing {
        records: u64::try_from(records).expect("few"),
        chain,
        tick: Tick(5),
        budget: amount(5_999_874),
        carry: carry(9),
        checkpoint: Hash::of(b"closing"),
    }
}

/// The segment of these records, which begins with the terms of [`opening`].
pub(crate) fn sealed(records: Vec<Record>) -> Segment {
    let (entries, chain) = chained(Entry::base(opening().checkpoint), 100, records);
    let closing = closing(entries.len(), chain);
    Segment::seal(&agent(), &node(), entries, closing)
}
