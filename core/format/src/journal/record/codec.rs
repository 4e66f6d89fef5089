//! The bodies of the records: the bytes between an entry's head and its checksum, one encoding for
//! each value. The kind stands in the entry, so nothing here says which record it is.

use super::{
    EffectOutcome, FailedOperation, FundedRecord, OwnerRecord, Record, RecordError,
    RecoveredRecord, StartedRecord, TickFailedRecord, TickPart, TickRecord,
};
use crate::journal::field::{self, FieldError};
use crate::journal::{ObservationKind, Observations, SegmentOpening};
use crate::{Decoder, Encoder, Epoch, FundId, Gas, Hash, Microcents, Nanos, Tick};

/// More bytes than the fields of fixed size of any record but the owner's have together.
const FIXED_BYTES_MAX: usize = 128;
/// The longest name of a failure, in bytes.
const FAILURE_BYTES_MAX: usize = 64;

impl Record {
    /// The number of the record's kind.
    pub(in crate::journal) const fn kind(&self) -> u8 {
        match self {
            Self::Owner(_) => 1,
            Self::Started(_) => 2,
            Self::Tick(_) => 3,
            Self::TickPart(_) => 4,
            Self::EffectOutcome(_) => 5,
            Self::TickFailed(_) => 6,
            Self::Funded(_) => 7,
            Self::Recovered(_) => 8,
        }
    }

    /// At least as many bytes as the body has.
    pub(in crate::journal) fn body_bytes_max(&self) -> usize {
        let variable = match self {
            Self::Owner(record) => record.opening.encoded_bytes_max(),
            Self::Started(record) => record.observations.encoded_bytes(),
            Self::Tick(record) => record.observations.encoded_bytes(),
            Self::TickPart(record) => {
                record.observations.encoded_bytes().saturating_add(record.request.len())
            }
            Self::EffectOutcome(record) => record.response.len(),
            Self::TickFailed(record) => {
                record.observations.encoded_bytes().saturating_add(record.reason.len())
            }
            Self::Funded(_) => 0,
            Self::Recovered(_) => field::REASON_BYTES_MAX,
        };
        variable.saturating_add(FIXED_BYTES_MAX)
    }

    /// Writes the body.
    pub(in crate::journal) fn encode_body(&self, encoder: &mut Encoder) {
        match self {
            Self::Owner(record) => record.opening.encode(encoder),
            Self::Started(record) => record.encode(encoder),
            Self::Tick(record) => record.encode(encoder),
            Self::TickPart(record) => record.encode(encoder),
            Self::EffectOutcome(record) => record.encode(encoder),
            Self::TickFailed(record) => record.encode(encoder),
            Self::Funded(record) => record.encode(encoder),
            Self::Recovered(record) => record.encode(encoder),
        }
    }

    /// Reads the body of a record of this kind to its end.
    pub(in crate::journal) fn decode_body(kind: u8, bytes: &[u8]) -> Result<Self, RecordError> {
        let mut decoder = Decoder::new(bytes);
        let read = Self::decode_kind(kind, &mut decoder);
        if matches!(read, Err(RecordError::UnknownKind(_))) {
            return read;
        }
        // A field after the end reads as zero; that there is none is the reason to give.
        decoder.status().map_err(FieldError::from)?;
        let record = read?;
        decoder.finish().map_err(FieldError::from)?;
        Ok(record)
    }

    fn decode_kind(kind: u8, decoder: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(match kind {
            1 => {
                let opening = Box::new(SegmentOpening::decode(decoder)?);
                Self::Owner(OwnerRecord { opening })
            }
            2 => Self::Started(StartedRecord::decode(decoder)?),
            3 => Self::Tick(TickRecord::decode(decoder)?),
            4 => Self::TickPart(TickPart::decode(decoder)?),
            5 => Self::EffectOutcome(EffectOutcome::decode(decoder)),
            6 => Self::TickFailed(TickFailedRecord::decode(decoder)?),
            7 => Self::Funded(FundedRecord::decode(decoder)?),
            8 => Self::Recovered(RecoveredRecord::decode(decoder)?),
            other => return Err(RecordError::UnknownKind(other)),
        })
    }
}

/// Gas, time and charge, which every operation has.
type Usage = (Gas, Nanos, Microcents);

fn encode_usage(encoder: &mut Encoder, (gas, elapsed, charge): Usage) {
    encoder.u64(gas.0).u64(elapsed.0).i64(charge.get());
}

fn decode_usage(decoder: &mut Decoder<'_>) -> Result<Usage, FieldError> {
    let (gas, elapsed) = (Gas(decoder.u64()), Nanos(decoder.u64()));
    Ok((gas, elapsed, field::amount(decoder)?))
}

impl StartedRecord {
    fn encode(&self, encoder: &mut Encoder) {
        encode_usage(encoder, (self.gas, self.elapsed, self.charge));
        encoder.raw(self.state.as_bytes());
        self.observations.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        let (gas, elapsed, charge) = decode_usage(decoder)?;
        let state = Hash::from_bytes(decoder.array());
        let observations = Observations::decode(decoder)?;
        Ok(Self { gas, elapsed, charge, state, observations })
    }
}

impl TickRecord {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u64(self.tick.0).bool(self.more);
        encode_usage(encoder, (self.gas, self.elapsed, self.charge));
        encoder.raw(self.state.as_bytes());
        self.observations.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        let tick = Tick(decoder.u64());
        let more = field::flag(decoder)?;
        let (gas, elapsed, charge) = decode_usage(decoder)?;
        let state = Hash::from_bytes(decoder.array());
        let observations = Observations::decode(decoder)?;
        Ok(Self { tick, more, gas, elapsed, charge, state, observations })
    }
}

impl TickPart {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u64(self.tick.0).raw(&self.kind.0.to_le_bytes()).raw(&self.idempotency_key);
        encoder.bytes(&self.request);
        self.observations.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            tick: Tick(decoder.u64()),
            kind: ObservationKind(u16::from_le_bytes(decoder.array())),
            idempotency_key: decoder.array(),
            request: decoder.bytes().to_vec(),
            observations: Observations::decode(decoder)?,
        })
    }
}

impl EffectOutcome {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u64(self.tick.0).raw(&self.idempotency_key).bytes(&self.response);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Self {
        Self {
            tick: Tick(decoder.u64()),
            idempotency_key: decoder.array(),
            response: decoder.bytes().to_vec(),
        }
    }
}

impl TickFailedRecord {
    fn encode(&self, encoder: &mut Encoder) {
        match self.operation {
            FailedOperation::Start => encoder.bool(false),
            FailedOperation::Tick(tick) => encoder.bool(true).u64(tick.0),
        };
        encoder.str(&self.reason).bool(self.is_cut);
        encode_usage(encoder, (self.gas, self.elapsed, self.charge));
        self.observations.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        let operation = match field::flag(decoder)? {
            false => FailedOperation::Start,
            true => FailedOperation::Tick(Tick(decoder.u64())),
        };
        let reason = decoder.str();
        let has_length = (1..=FAILURE_BYTES_MAX).contains(&reason.len());
        if !has_length || !reason.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FieldError::Failure);
        }
        let is_cut = field::flag(decoder)?;
        let (gas, elapsed, charge) = decode_usage(decoder)?;
        let observations = Observations::decode(decoder)?;
        let reason = reason.to_owned();
        Ok(Self { operation, reason, is_cut, gas, elapsed, charge, observations })
    }
}

impl FundedRecord {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.i64(self.amount.get()).raw(self.id.as_bytes());
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let amount = field::amount(decoder)?;
        if amount.is_zero() {
            return Err(RecordError::NothingFunded);
        }
        Ok(Self { amount, id: FundId::from_bytes(decoder.array()) })
    }
}

impl RecoveredRecord {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u64(self.epoch.major).u64(self.epoch.generation);
        encoder.u64(self.tick.0).u64(self.discarded_to.0).i64(self.charges.get());
        encoder.str(field::cut(&self.reason));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            epoch: Epoch { major: decoder.u64(), generation: decoder.u64() },
            tick: Tick(decoder.u64()),
            discarded_to: Tick(decoder.u64()),
            charges: field::amount(decoder)?,
            reason: field::reason(decoder)?.to_owned(),
        })
    }
}
