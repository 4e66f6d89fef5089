//! Both versions of the agent record decode to what they hold, and the second is written with the
//! same bytes. The fixtures were put together field by field after the specification, not by this
//! code.

use igor_format::{
    AgentRecord, Carry, ExecutionLimits, Hash, Head, MeterName, Microcents, Predecessor, PublicKey,
    Seq, Standing, Tick,
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/own/", $name))
    };
}

fn agent_record(heads: [(Seq, Predecessor); 2], standing: Standing) -> AgentRecord {
    let [current, previous] = heads;
    let head = |name: &[u8], carry, (journal, predecessor)| Head {
        checkpoint: Hash::of(name),
        carry: Carry::new(carry).expect("below a microcent"),
        journal,
        predecessor,
    };
    AgentRecord {
        agent_id: "heartbeat".parse().expect("a name"),
        public_key: PublicKey::from_bytes([7; 32]),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"{}"),
        meter: MeterName::new("wall").expect("a name"),
        preparation_version: 1,
        cost_table_version: 2,
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
        initial_budget: Some(Microcents::MAX),
        holder: Some([9; 32]),
        current: head(b"current", 999_999_999, current),
        previous: Some(head(b"previous", 5, previous)),
        standing,
    }
}

#[test]
fn both_versions_of_the_agent_record_are_read_and_the_second_is_written() {
    let not_journaled = (Seq(0), Predecessor::NotJournaled);
    let first = agent_record([not_journaled; 2], Standing::Active);
    assert_eq!(AgentRecord::decode(fixture!("agent_record_v1.bin")), Ok(first));

    let bytes: &[u8] = fixture!("agent_record_v2.bin");
    let segment = Predecessor::Segment(Hash::of(b"segment"));
    let heads = [(Seq(11), segment), (Seq(7), Predecessor::Genesis)];
    let reason = "record 9".to_owned();
    let second = agent_record(heads, Standing::RecoveryRequired { tick: Tick(3), reason });
    assert_eq!(second.encode(), bytes);
    assert_eq!(AgentRecord::decode(bytes), Ok(second));
}
