//! The agent record: what a node must know to continue an agent and a version 4 checkpoint cannot
//! hold. It is the node's own note, not evidence: it is unsigned, guarded by a checksum against
//! damage only, and never leaves the node as a proof of anything.
//!
//! It keeps two heads. A save writes the record before the checkpoint, so that after a crash between
//! the two the checkpoint in force may be either; each head carries the remainder that belongs
//! to its checkpoint, and where the journal goes on after it. Version 1, which knew no journal, is
//! only read. The bytes are specified in `docs/spec/agent-record.md`.

use crate::agent_id::AgentIdError;
use crate::journal::{FieldError, REASON_BYTES_MAX, cut};
use crate::{AgentId, AmountError, Carry, DecodeError, Decoder, Encoder, Hash, Microcents};
use crate::{Predecessor, PublicKey, Seq, Tick};

/// What every record begins with.
const MAGIC: [u8; 4] = *b"igar";
/// The version that is written.
const VERSION: u8 = 2;
/// The version before there were journals.
const VERSION_WITHOUT_JOURNAL: u8 = 1;
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;

/// The name of a meter plugin: 1 to 64 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MeterName(String);

impl MeterName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Takes a name.
    ///
    /// # Errors
    /// [`AgentRecordError::MeterName`].
    pub fn new(name: &str) -> Result<Self, AgentRecordError> {
        let sound = !name.is_empty() && name.len() <= Self::BYTES_MAX;
        if sound && name.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(AgentRecordError::MeterName)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The limits that decide what an agent's execution does, as they were when the agent was created.
/// They are kept with the agent, because a replay under other limits traps elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExecutionLimits {
    /// Gas of one guest call.
    pub tick_gas_max: u64,
    /// Stack-guard slots of one guest call.
    pub stack_slots_max: u64,
    /// Pages of 64 KiB of the guest's memory.
    pub memory_pages_max: u64,
    /// Elements of the guest's table.
    pub table_elements_max: u64,
    /// Bytes of the agent's state.
    pub state_bytes_max: u64,
    /// Observations of one tick.
    pub observations_max: u64,
    /// Bytes of the observations of one tick.
    pub observation_bytes_max: u64,
    /// Random bytes of one call.
    pub entropy_bytes_max: u64,
    /// Bytes of one log line.
    pub log_line_bytes_max: u64,
    /// Bytes of log lines of one tick.
    pub log_bytes_max: u64,
}

/// A checkpoint, and what goes with it: the remainder of charging and the place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// The hash of the checkpoint.
    pub checkpoint: Hash,
    /// What was used at that checkpoint but is not yet a whole microcent.
    pub carry: Carry,
    /// Where in the log the segment after this checkpoint begins.
    pub journal: Seq,
    /// What the segment after this checkpoint names as its predecessor.
    pub predecessor: Predecessor,
}

/// Whether the agent may go on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It may.
    Active,
    /// Only after the operator has recovered it: a part of its journal is lost.
    RecoveryRequired {
        /// The last tick whose state is known.
        tick: Tick,
        /// Why, in words; of more than 1,024 bytes only the first are kept.
        reason: String,
    },
}

/// What a node keeps of an agent beside its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    /// The agent's name on this node.
    pub agent_id: AgentId,
    /// The agent's identity.
    pub public_key: PublicKey,
    /// The hash of the module's original bytes.
    pub module: Hash,
    /// The hash of the manifest's text.
    pub manifest: Hash,
    /// The meter that charges the agent.
    pub meter: MeterName,
    /// The version of the preparation its module goes through.
    pub preparation_version: u32,
    /// The version of the cost table its gas is counted by.
    pub cost_table_version: u32,
    /// The limits it runs under.
    pub limits: ExecutionLimits,
    /// What it was given at its creation; `None` for an agent that the original created.
    pub initial_budget: Option<Microcents>,
    /// The node that may tick it; `None` while nodes have no keys.
    pub holder: Option<[u8; 32]>,
    /// The checkpoint that this record was written for.
    pub current: Head,
    /// The checkpoint before, in force if the save of the current one did not get to its end.
    pub previous: Option<Head>,
    /// Whether the agent may go on.
    pub standing: Standing,
}

/// Why bytes are no agent record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentRecordError {
    /// Something else lies here.
    #[error("read agent record: it does not begin like one")]
    NotARecord,
    /// A later igor wrote it.
    #[error("read agent record: version {0} is not supported, only 1 and {VERSION} are")]
    UnsupportedVersion(u8),
    /// The bytes are not those that were written.
    #[error("read agent record: the checksum does not match, the record is damaged")]
    Checksum,
    /// It ends early or goes on after its end.
    #[error("read agent record: {0}")]
    Malformed(#[from] DecodeError),
    /// The agent's name is none.
    #[error("read agent record: {0}")]
    AgentId(#[from] AgentIdError),
    /// The meter's name is none.
    #[error("read agent record: a meter's name has 1 to 64 printable ASCII characters")]
    MeterName,
    /// The initial budget is no amount.
    #[error("read agent record: initial budget: {0}")]
    InitialBudget(#[from] AmountError),
    /// A carry holds a whole microcent.
    #[error("read agent record: a carry of {0} is not below 1,000,000,000")]
    Carry(u32),
    /// A byte that says whether something follows is neither 0 nor 1.
    #[error("read agent record: {0} where 0 or 1 is expected")]
    Presence(u8),
    /// What a head says about its segment's predecessor is unsound.
    #[error("read agent record: {0}")]
    Predecessor(FieldError),
    /// The byte that says how the agent stands says something else.
    #[error("read agent record: a standing of kind {0} is not known")]
    Standing(u8),
    /// The reason of the standing is too long.
    #[error("read agent record: a reason of {0} bytes, at most {REASON_BYTES_MAX} allowed")]
    Reason(usize),
}

impl AgentRecord {
    /// What goes with the checkpoint of this hash, if the record knows that checkpoint.
    pub fn head_of(&self, checkpoint: &Hash) -> Option<&Head> {
        let mut heads = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        heads.find(|head| head.checkpoint == *checkpoint)
    }

    /// The carry that belongs to the checkpoint of this hash, if the record knows that checkpoint.
    pub fn carry_of(&self, checkpoint: &Hash) -> Option<Carry> {
        self.head_of(checkpoint).map(|head| head.carry)
    }

    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.raw(&MAGIC).u8(VERSION);
        encoder.str(self.agent_id.as_str()).raw(self.public_key.as_bytes());
        encoder.raw(self.module.as_bytes()).raw(self.manifest.as_bytes());
        encoder.str(self.meter.as_str());
        encoder.u32(self.preparation_version).u32(self.cost_table_version);
        self.limits.encode(&mut encoder);
        encoder.bool(self.initial_budget.is_some());
        if let Some(budget) = self.initial_budget {
            encoder.i64(budget.get());
        }
        encoder.bool(self.holder.is_some());
        if let Some(holder) = &self.holder {
            encoder.raw(holder);
        }
        self.current.encode(&mut encoder);
        encoder.bool(self.previous.is_some());
        if let Some(previous) = &self.previous {
            previous.encode(&mut encoder);
        }
        self.standing.encode(&mut encoder);
        let checksum = Hash::of(encoder.as_bytes());
        encoder.raw(checksum.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`AgentRecordError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, AgentRecordError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(AgentRecordError::NotARecord)?;
        let has_journal = match rest.first() {
            Some(&VERSION) => true,
            Some(&VERSION_WITHOUT_JOURNAL) => false,
            Some(other) => return Err(AgentRecordError::UnsupportedVersion(*other)),
            None => return Err(DecodeError::ShortRead.into()),
        };
        let (content, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DecodeError::ShortRead)?;
        if Hash::of(content).as_bytes() != checksum {
            return Err(AgentRecordError::Checksum);
        }
        let mut decoder = Decoder::new(content);
        decoder.fixed(MAGIC.len() + 1);
        let record = Self {
            agent_id: decoder.str().parse()?,
            public_key: PublicKey::from_bytes(decoder.array()),
            module: Hash::from_bytes(decoder.array()),
            manifest: Hash::from_bytes(decoder.array()),
            meter: MeterName::new(decoder.str())?,
            preparation_version: decoder.u32(),
            cost_table_version: decoder.u32(),
            limits: ExecutionLimits::decode(&mut decoder),
            initial_budget: match present(&mut decoder)? {
                true => Some(Microcents::new(decoder.i64())?),
                false => None,
            },
            holder: present(&mut decoder)?.then(|| decoder.array()),
            current: Head::decode(&mut decoder, has_journal)?,
            previous: match present(&mut decoder)? {
                true => Some(Head::decode(&mut decoder, has_journal)?),
                false => None,
            },
            standing: match has_journal {
                true => Standing::decode(&mut decoder)?,
                false => Standing::Active,
            },
        };
        decoder.finish()?;
        Ok(record)
    }
}

impl ExecutionLimits {
    pub(crate) fn encode(&self, encoder: &mut Encoder) {
        for limit in [
            self.tick_gas_max,
            self.stack_slots_max,
            self.memory_pages_max,
            self.table_elements_max,
            self.state_bytes_max,
            self.observations_max,
            self.observation_bytes_max,
            self.entropy_bytes_max,
            self.log_line_bytes_max,
            self.log_bytes_max,
        ] {
            encoder.u64(limit);
        }
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Self {
        Self {
            tick_gas_max: decoder.u64(),
            stack_slots_max: decoder.u64(),
            memory_pages_max: decoder.u64(),
            table_elements_max: decoder.u64(),
            state_bytes_max: decoder.u64(),
            observations_max: decoder.u64(),
            observation_bytes_max: decoder.u64(),
            entropy_bytes_max: decoder.u64(),
            log_line_bytes_max: decoder.u64(),
            log_bytes_max: decoder.u64(),
        }
    }
}

impl Head {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(self.checkpoint.as_bytes()).u32(self.carry.get()).u64(self.journal.0);
        self.predecessor.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>, has_journal: bool) -> Result<Self, AgentRecordError> {
        let checkpoint = Hash::from_bytes(decoder.array());
        let carry = decoder.u32();
        let carry = Carry::new(carry).map_err(|_| AgentRecordError::Carry(carry))?;
        let (journal, predecessor) = match has_journal {
            true => (Seq(decoder.u64()), Predecessor::decode(decoder)),
            false => (Seq(0), Ok(Predecessor::NotJournaled)),
        };
        let predecessor = predecessor.map_err(AgentRecordError::Predecessor)?;
        Ok(Self { checkpoint, carry, journal, predecessor })
    }
}

impl Standing {
    fn encode(&self, encoder: &mut Encoder) {
        match self {
            Self::Active => encoder.u8(0),
            Self::RecoveryRequired { tick, reason } => encoder.u8(1).u64(tick.0).str(cut(reason)),
        };
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, AgentRecordError> {
        match decoder.u8() {
            0 => Ok(Self::Active),
            1 => {
                let (tick, reason) = (Tick(decoder.u64()), decoder.str());
                if reason.len() > REASON_BYTES_MAX {
                    return Err(AgentRecordError::Reason(reason.len()));
                }
                Ok(Self::RecoveryRequired { tick, reason: reason.to_owned() })
            }
            other => Err(AgentRecordError::Standing(other)),
        }
    }
}

fn present(decoder: &mut Decoder<'_>) -> Result<bool, AgentRecordError> {
    match decoder.u8() {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(AgentRecordError::Presence(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AgentRecord {
        let head = |name: &[u8], carry, journal, predecessor| Head {
            checkpoint: Hash::of(name),
            carry: Carry::new(carry).expect("below a microcent"),
            journal: Seq(journal),
            predecessor,
        };
        let segment = Predecessor::Segment(Hash::of(b"segment"));
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
            current: head(b"current", 999_999_999, 11, segment),
            previous: Some(head(b"previous", 5, 7, Predecessor::Genesis)),
            standing: Standing::RecoveryRequired { tick: Tick(3), reason: "record 9".to_owned() },
        }
    }

    /// Encodes `content` as a record whose checksum is right.
    fn sealed(content: &[u8]) -> Vec<u8> {
        [content, Hash::of(content).as_bytes()].concat()
    }

    #[test]
    fn every_shape_of_record_round_trips() {
        let full = record();
        let bare = AgentRecord {
            initial_budget: None,
            holder: None,
            previous: None,
            standing: Standing::Active,
            ..record()
        };
        for record in [full, bare] {
            let bytes = record.encode();
            assert_eq!(AgentRecord::decode(&bytes), Ok(record));
        }
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let bytes = record().encode();
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 0x20;
            assert!(AgentRecord::decode(&other).is_err(), "byte {index}");
            assert!(AgentRecord::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
    }

    #[test]
    fn unsound_records_with_a_sound_checksum_are_refused_by_reason() {
        let bytes = record().encode();
        let content = &bytes[..bytes.len() - 32];
        let set = |index: usize, value: &[u8]| {
            let mut other = content.to_vec();
            other[index..index + value.len()].copy_from_slice(value);
            sealed(&other)
        };
        let check = |bytes: Vec<u8>, expected: AgentRecordError| {
            assert_eq!(AgentRecord::decode(&bytes), Err(expected));
        };
        check(set(0, b"x"), AgentRecordError::NotARecord);
        check(set(4, &[3]), AgentRecordError::UnsupportedVersion(3));
        check(bytes[..5].to_vec(), DecodeError::ShortRead.into());
        check(MAGIC.to_vec(), DecodeError::ShortRead.into());
        check(sealed(&[content, &[0]].concat()), DecodeError::TrailingBytes.into());
        check(sealed(&content[..content.len() - 1]), DecodeError::ShortRead.into());
        check(set(5, &[0xff; 4]), "".parse::<AgentId>().expect_err("empty").into());
        check(set(9, b"../"), "../rtbeat".parse::<AgentId>().expect_err("a path").into());
        let meter = 9 + "heartbeat".len() + 96 + 4;
        check(set(meter, b"w\xc3\xa4l"), AgentRecordError::MeterName);
        let budget = meter + "wall".len() + 8 + 80 + 1;
        check(set(budget - 1, &[2]), AgentRecordError::Presence(2));
        check(set(budget, &[0xff; 8]), AmountError::Negative.into());
        check(set(budget + 8, &[2]), AgentRecordError::Presence(2));
        let carry = budget + 8 + 33 + 32;
        check(set(carry, &[0xff; 4]), AgentRecordError::Carry(u32::MAX));
        let predecessor = carry + 4 + 8;
        let unknown = FieldError::Predecessor(3);
        check(set(predecessor, &[3]), AgentRecordError::Predecessor(unknown));
        check(set(predecessor + 33, &[0xff]), AgentRecordError::Presence(255));
        let standing = predecessor + 33 + 1 + 32 + 4 + 8 + 1;
        check(set(standing, &[2]), AgentRecordError::Standing(2));
        let long = [&content[..standing + 9], &1_025_u32.to_le_bytes(), &[b'a'; 1_025]].concat();
        check(sealed(&long), AgentRecordError::Reason(1_025));
    }

    #[test]
    fn a_reason_that_is_too_long_is_cut_so_that_the_record_stays_readable() {
        let standing = |bytes| {
            let reason = "a".repeat(bytes);
            Standing::RecoveryRequired { tick: Tick(1), reason }
        };
        let bytes = AgentRecord { standing: standing(5_000), ..record() }.encode();
        let read = AgentRecord::decode(&bytes).expect("it was cut");
        assert_eq!(read.standing, standing(1_024));
    }

    #[test]
    fn meter_names_are_short_and_printable() {
        for name in ["", " ", "a b", "ä", "a\n", &"n".repeat(65)] {
            assert_eq!(MeterName::new(name), Err(AgentRecordError::MeterName), "{name:?}");
        }
        assert!(MeterName::new(&"n".repeat(64)).is_ok());
    }

    #[test]
    fn the_carry_is_that_of_the_checkpoint_asked_for() {
        let record = record();
        let (current, previous) = (record.current, record.previous.expect("two heads"));
        assert_eq!(record.carry_of(&current.checkpoint), Some(current.carry));
        assert_eq!(record.carry_of(&previous.checkpoint), Some(previous.carry));
        assert_eq!(record.carry_of(&Hash::of(b"another")), None);
    }
}
