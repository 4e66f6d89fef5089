//! What two nodes say to each other while an agent moves: one type for each message, and its bytes.
//! Frames, time limits and the order of messages are not here, and nothing is checked that needs more
//! than the message itself.
//!
//! The bytes are specified in `docs/spec/handoff-wire.md`.

use super::offer::OfferError;
use super::part::{decode_bill, encode_bill};
use super::{AnswerError, BillItem, Part, Reason, RefusalCode, SealedKey};
use crate::{AgentId, AgentIdError, AmountError, Answer, DecodeError, Decoder, Encoder, Hash};
use crate::{Microcents, Offer, Price, PublicKey, Tick, TransferId};

/// The plain bytes that one chunk may carry.
pub const CHUNK_BYTES_MAX: u32 = 256 << 10;
/// The items of a bill, over all of its messages.
pub const BILL_ITEMS_MAX: usize = 65_536;
/// The items of a bill that one message may hold; a longer one goes on in [`Message::Bill`].
pub const BILL_MESSAGE_ITEMS_MAX: usize = 8_192;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Source: an agent wants to come.
    Prepare(Box<Prepare>),
    /// Source: the bill goes on.
    Bill {
        /// The next items.
        items: Vec<BillItem>,
    },
    /// Target: what it lacks, by number of the item and the offset from which on. Nothing, if it has all.
    Want {
        /// In ascending order, each item once.
        items: Vec<(u32, u64)>,
    },
    /// Source: a piece of an item of the bill that was sent last.
    Chunk(Chunk),
    /// Target: everything is there and was checked.
    Ready {
        /// The attempt.
        transfer: TransferId,
    },
    /// Target: the agent may not come.
    NotReady {
        /// The attempt.
        transfer: TransferId,
        /// Why, for programs.
        code: RefusalCode,
        /// Why, for people.
        reason: Reason,
    },
    /// Source: the agent is offered. It has stopped, and this bill is what it then consists of beside
    /// what was sent before.
    Offer {
        /// The signed offer.
        offer: Box<Offer>,
        /// The agent's private key, for the target only.
        sealed_key: Box<SealedKey>,
        /// The last parts. Their chunks follow at once.
        bill: Vec<BillItem>,
    },
    /// Source: what became of the offer? It was sent before, and with it what it names.
    Inquire {
        /// The signed offer.
        offer: Box<Offer>,
    },
    /// Source: the offer is to be refused unless the agent was taken.
    Withdraw {
        /// The signed offer.
        offer: Box<Offer>,
    },
    /// Target: what became of the offer.
    Answer {
        /// The signed answer.
        answer: Answer,
        /// Why, for people.
        reason: Reason,
    },
}

/// An agent wants to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepare {
    /// The attempt.
    pub transfer: TransferId,
    /// The agent.
    pub agent: PublicKey,
    /// Its name at the source.
    pub name: AgentId,
    /// Its last saved tick.
    pub tick: Tick,
    /// Its budget at that tick.
    pub budget: Microcents,
    /// What it pays at the source.
    pub price: Price,
    /// The hash of the module's original bytes.
    pub module: Hash,
    /// The hash of the manifest's text.
    pub manifest: Hash,
    /// What it consists of at that tick, in the order of the parts.
    pub bill: Vec<BillItem>,
    /// How many items follow in [`Message::Bill`].
    pub more: u32,
}

/// A piece of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The number of the item, counted from 0.
    pub item: u32,
    /// Where in the part the piece begins.
    pub offset: u64,
    /// Its bytes.
    pub content: ChunkContent,
}

/// The bytes of a chunk: between 1 and [`CHUNK_BYTES_MAX`] of them, plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkContent {
    /// As they are.
    Raw(Vec<u8>),
    /// As one LZ4 block, shorter than they are.
    Lz4 {
        /// How many bytes come out.
        plain_bytes: u32,
        /// The block.
        bytes: Vec<u8>,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The type is not known.
    #[error("read message: type {0} is not known")]
    Type(u8),
    /// It ends early or goes on after its end.
    #[error("read message: {0}")]
    Malformed(#[from] DecodeError),
    /// A count is larger than the message, or than a message may say.
    #[error("read message: it counts {0} items")]
    Count(u32),
    /// The kind of a part is not known.
    #[error("read message: a part of kind {0} is not known")]
    Part(u8),
    /// A part does not come after the one before it.
    #[error("read message: in the bill, {0} does not stand in its place")]
    Order(Part),
    /// An item that is wanted does not come after the one before it.
    #[error("read message: among what is wanted, item {0} does not stand in its place")]
    WantOrder(u32),
    /// The name can name no agent.
    #[error("read message: {0}")]
    Name(#[from] AgentIdError),
    /// A budget or price is no amount.
    #[error("read message: {0}")]
    Amount(#[from] AmountError),
    /// A chunk carries nothing, too much, or more than its plain bytes.
    #[error("read message: a chunk of {plain} plain bytes in {sent}")]
    ChunkBytes {
        /// The plain bytes.
        plain: u64,
        /// The bytes that were sent.
        sent: u64,
    },
    /// How the bytes of a chunk are written is not known.
    #[error("read message: a chunk of encoding {0} is not known")]
    Encoding(u8),
    /// The offer is none.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The answer is none.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The code of a refusal is not known.
    #[error("read message: a refusal of code {0} is not known")]
    Code(u8),
    /// A reason is too long or holds control characters.
    #[error("read message: a reason is longer than 1,024 bytes or holds control characters")]
    Reason,
}

impl Message {
    /// The byte that tells what kind of message it is.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Prepare(_) => 1,
            Self::Bill { .. } => 2,
            Self::Want { .. } => 3,
            Self::Chunk(_) => 4,
            Self::Ready { .. } => 5,
            Self::NotReady { .. } => 6,
            Self::Offer { .. } => 7,
            Self::Withdraw { .. } => 8,
            Self::Answer { .. } => 9,
            Self::Inquire { .. } => 10,
        }
    }

    /// The name of what kind of message it is, for errors and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Prepare(_) => "prepare",
            Self::Bill { .. } => "bill",
            Self::Want { .. } => "want",
            Self::Chunk(_) => "chunk",
            Self::Ready { .. } => "ready",
            Self::NotReady { .. } => "not-ready",
            Self::Offer { .. } => "offer",
            Self::Withdraw { .. } => "withdraw",
            Self::Answer { .. } => "answer",
            Self::Inquire { .. } => "inquire",
        }
    }

    /// The message's bytes: its type and its body.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.u8(self.kind());
        self.encode_body(&mut encoder);
        encoder.into_bytes()
    }

    fn encode_body(&self, encoder: &mut Encoder) {
        match self {
            Self::Prepare(prepare) => prepare.encode(encoder),
            Self::Bill { items } => encode_bill(items, encoder),
            Self::Want { items } => encode_want(items, encoder),
            Self::Chunk(chunk) => chunk.encode(encoder),
            Self::Ready { transfer } => {
                encoder.raw(transfer.as_bytes());
            }
            Self::NotReady { transfer, code, reason } => {
                encoder.raw(transfer.as_bytes()).u8(code.byte()).str(reason.as_str());
            }
            Self::Offer { offer, sealed_key, bill } => {
                encoder.raw(&offer.encode()).raw(sealed_key.as_bytes());
                encode_bill(bill, encoder);
            }
            Self::Inquire { offer } | Self::Withdraw { offer } => {
                encoder.raw(&offer.encode());
            }
            Self::Answer { answer, reason } => {
                encoder.raw(&answer.encode()).str(reason.as_str());
            }
        }
    }

    /// Reads a message. Every message has exactly one encoding. Signatures are not looked at.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut decoder = Decoder::new(bytes);
        let kind = decoder.u8();
        decoder.status()?;
        let message = Self::decode_body(kind, &mut decoder)?;
        decoder.finish()?;
        Ok(message)
    }

    fn decode_body(kind: u8, decoder: &mut Decoder<'_>) -> Result<Self, MessageError> {
        Ok(match kind {
            1 => Self::Prepare(Box::new(Prepare::decode(decoder)?)),
            2 => Self::Bill { items: decode_bill(decoder)? },
            3 => Self::Want { items: decode_want(decoder)? },
            4 => Self::Chunk(Chunk::decode(decoder)?),
            5 => Self::Ready { transfer: transfer(decoder) },
            6 => {
                let transfer = transfer(decoder);
                let code = decoder.u8();
                decoder.status()?;
                let code = RefusalCode::of_byte(code)?;
                Self::NotReady { transfer, code, reason: reason(decoder)? }
            }
            7 => {
                let offer = offer(decoder)?;
                let sealed_key = Box::new(SealedKey::from_bytes(decoder.array()));
                Self::Offer { offer, sealed_key, bill: decode_bill(decoder)? }
            }
            8 => Self::Withdraw { offer: offer(decoder)? },
            9 => {
                let answer = Answer::decode(exactly(decoder, Answer::BYTES)?)?;
                Self::Answer { answer, reason: reason(decoder)? }
            }
            10 => Self::Inquire { offer: offer(decoder)? },
            other => return Err(MessageError::Type(other)),
        })
    }
}

impl Prepare {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(self.transfer.as_bytes()).raw(self.agent.as_bytes()).str(self.name.as_str());
        encoder.u64(self.tick.0).i64(self.budget.get()).i64(self.price.microcents().get());
        encoder.raw(self.module.as_bytes()).raw(self.manifest.as_bytes());
        encode_bill(&self.bill, encoder);
        encoder.u32(self.more);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, MessageError> {
        let transfer = transfer(decoder);
        let agent = PublicKey::from_bytes(decoder.array());
        let name = decoder.str();
        decoder.status()?;
        let name = name.parse::<AgentId>()?;
        let (tick, budget, price) = (Tick(decoder.u64()), decoder.i64(), decoder.i64());
        decoder.status()?;
        let budget = Microcents::new(budget)?;
        let price = Price::per_second(Microcents::new(price)?);
        let module = Hash::from_bytes(decoder.array());
        let manifest = Hash::from_bytes(decoder.array());
        let bill = decode_bill(decoder)?;
        let more = decoder.u32();
        if usize::try_from(more).is_ok_and(|more| more > BILL_ITEMS_MAX) {
            return Err(MessageError::Count(more));
        }
        Ok(Self { transfer, agent, name, tick, budget, price, module, manifest, bill, more })
    }
}

impl Chunk {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u32(self.item).u64(self.offset);
        match &self.content {
            ChunkContent::Raw(bytes) => encoder.u8(0).bytes(bytes),
            ChunkContent::Lz4 { plain_bytes, bytes } => {
                encoder.u8(1).u32(*plain_bytes).bytes(bytes)
            }
        };
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, MessageError> {
        let (item, offset) = (decoder.u32(), decoder.u64());
        let encoding = decoder.u8();
        decoder.status()?;
        let content = match encoding {
            0 => {
                let bytes = decoder.bytes();
                decoder.status()?;
                check_chunk(bytes.len(), bytes.len())?;
                ChunkContent::Raw(bytes.to_vec())
            }
            1 => {
                let (plain_bytes, bytes) = (decoder.u32(), decoder.bytes());
                decoder.status()?;
                let plain = usize::try_from(plain_bytes).unwrap_or(usize::MAX);
                // What is not shorter has to be sent as it is.
                check_chunk(plain, bytes.len().saturating_add(1))?;
                ChunkContent::Lz4 { plain_bytes, bytes: bytes.to_vec() }
            }
            other => return Err(MessageError::Encoding(other)),
        };
        Ok(Self { item, offset, content })
    }
}

impl ChunkContent {
    /// How many bytes of the part it stands for.
    pub fn plain_bytes(&self) -> u64 {
        match self {
            Self::Raw(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Lz4 { plain_bytes, .. } => u64::from(*plain_bytes),
        }
    }
}

/// That `plain` bytes can be a chunk, and are no fewer than `sent`.
fn check_chunk(plain: usize, sent: usize) -> Result<(), MessageError> {
    let [plain, sent] = [plain, sent].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    if plain == 0 || plain > u64::from(CHUNK_BYTES_MAX) || sent > plain {
        return Err(MessageError::ChunkBytes { plain, sent });
    }
    Ok(())
}

fn encode_want(items: &[(u32, u64)], encoder: &mut Encoder) {
    encoder.u32(u32::try_from(items.len()).unwrap_or(u32::MAX));
    for (item, offset) in items {
        encoder.u32(*item).u64(*offset);
    }
}

fn decode_want(decoder: &mut Decoder<'_>) -> Result<Vec<(u32, u64)>, MessageError> {
    let count = count(decoder, 12, BILL_ITEMS_MAX)?;
    let mut items: Vec<(u32, u64)> = Vec::with_capacity(count);
    for _ in 0..count {
        let (item, offset) = (decoder.u32(), decoder.u64());
        if items.last().is_some_and(|last| last.0 >= item) {
            return Err(MessageError::WantOrder(item));
        }
        items.push((item, offset));
    }
    Ok(items)
}

/// A count of up to `count_max` items of which each takes `bytes_min` of what is left.
pub(super) fn count(
    decoder: &mut Decoder<'_>,
    bytes_min: usize,
    count_max: usize,
) -> Result<usize, MessageError> {
    let said = decoder.u32();
    decoder.status()?;
    let count = usize::try_from(said).unwrap_or(usize::MAX);
    if count > count_max || count > decoder.remaining() / bytes_min {
        return Err(MessageError::Count(said));
    }
    Ok(count)
}

fn exactly<'a>(decoder: &mut Decoder<'a>, bytes: usize) -> Result<&'a [u8], MessageError> {
    let read = decoder.fixed(bytes);
    decoder.status()?;
    Ok(read)
}

fn transfer(decoder: &mut Decoder<'_>) -> TransferId {
    TransferId::from_bytes(decoder.array())
}

fn offer(decoder: &mut Decoder<'_>) -> Result<Box<Offer>, MessageError> {
    Ok(Box::new(Offer::decode(exactly(decoder, Offer::BYTES)?)?))
}

fn reason(decoder: &mut Decoder<'_>) -> Result<Reason, MessageError> {
    let text = decoder.str();
    decoder.status()?;
    Reason::read(text)
}

#[cfg(test)]
mod tests {
    use super::super::offer::tests as sample;
    use super::super::{Retry, Verdict};
    use super::*;
    use crate::NodeKey;

    fn transfer() -> TransferId {
        TransferId::from_bytes([0xab; 16])
    }

    fn bill() -> Vec<BillItem> {
        let parts = [
            Part::Module,
            Part::Manifest,
            Part::Fund([7; 16]),
            Part::Summary,
            Part::Certificate(3),
            Part::History(Tick(4), 0),
            Part::History(Tick(4), 1),
            Part::Segment(Tick(2), 0),
            Part::Receipts,
            Part::Record,
            Part::Checkpoint,
        ];
        let item = |(bytes, part)| BillItem { part, hash: Hash::of(b"part"), bytes };
        (5..).zip(parts).map(item).collect()
    }

    fn prepare() -> Prepare {
        let terms = sample::terms();
        Prepare {
            transfer: terms.transfer,
            agent: terms.agent,
            name: "heartbeat".parse().expect("a name"),
            tick: terms.tick,
            budget: terms.budget,
            price: Price::per_second(Microcents::new(1_000).expect("an amount")),
            module: terms.module,
            manifest: terms.manifest,
            bill: bill(),
            more: 2,
        }
    }

    fn messages() -> Vec<Message> {
        let offer = Box::new(sample::offer());
        let answer = Answer::sign(&NodeKey::from_seed(&[2; 32]), offer.hash(), Verdict::Refused);
        let chunk = |content| Message::Chunk(Chunk { item: 3, offset: 1 << 40, content });
        let sealed_key = Box::new(SealedKey::from_bytes([0x5e; SealedKey::BYTES]));
        let (code, reason) = (RefusalCode::Price, Reason::new("node price 5 is above 4"));
        vec![
            Message::Prepare(Box::new(prepare())),
            Message::Bill { items: bill() },
            Message::Want { items: vec![(0, 0), (2, 1 << 33)] },
            chunk(ChunkContent::Raw(b"raw".to_vec())),
            chunk(ChunkContent::Lz4 { plain_bytes: 9, bytes: b"packed".to_vec() }),
            Message::Ready { transfer: transfer() },
            Message::NotReady { transfer: transfer(), code, reason: reason.clone() },
            Message::Offer { offer: offer.clone(), sealed_key, bill: bill() },
            Message::Withdraw { offer: offer.clone() },
            Message::Answer { answer, reason },
            Message::Inquire { offer },
        ]
    }

    #[test]
    fn every_message_round_trips_and_has_a_byte_of_its_own() {
        let mut kinds = Vec::new();
        for message in messages() {
            let bytes = message.encode();
            assert_eq!(bytes.first(), Some(&message.kind()));
            assert_eq!(Message::decode(&bytes), Ok(message.clone()));
            kinds.push(message.kind());
            for end in 0..bytes.len() {
                assert!(Message::decode(&bytes[..end]).is_err(), "{} cut to {end}", message.name());
            }
            let longer = [&bytes[..], &[0]].concat();
            let expected = Err(DecodeError::TrailingBytes.into());
            assert_eq!(Message::decode(&longer), expected, "{}", message.name());
        }
        kinds.dedup();
        assert_eq!(kinds, (1..=10).collect::<Vec<u8>>());
        assert_eq!(RefusalCode::Price.retry(), Retry::Elsewhere);
    }

    /// Bits are turned and bytes replaced: what is still a message has these very bytes.
    #[test]
    fn every_message_has_one_encoding() {
        for message in messages() {
            let bytes = message.encode();
            let turned = [1, 2, 4, 8, 16, 32, 64, 128, 255];
            for (index, turn) in (0..bytes.len()).flat_map(|at| turned.map(|turn| (at, turn))) {
                let mut other = bytes.clone();
                other[index] ^= turn;
                if let Ok(read) = Message::decode(&other) {
                    assert_eq!(read.encode(), other, "{} at {index}", message.name());
                }
            }
        }
    }

    #[test]
    fn a_bill_names_each_part_once_and_in_order() {
        let mut twice = bill();
        twice.insert(1, twice[0]);
        let bytes = Message::Bill { items: twice }.encode();
        assert_eq!(Message::decode(&bytes), Err(MessageError::Order(Part::Module)));
        let mut turned = bill();
        turned.swap(5, 6);
        let bytes = Message::Bill { items: turned }.encode();
        let expected = MessageError::Order(Part::History(Tick(4), 0));
        assert_eq!(Message::decode(&bytes), Err(expected));
    }

    #[test]
    fn what_is_wanted_is_named_once_and_in_order() {
        for (items, wrong) in [(vec![(1, 0), (1, 5)], 1), (vec![(4, 0), (2, 0)], 2)] {
            let bytes = Message::Want { items }.encode();
            assert_eq!(Message::decode(&bytes), Err(MessageError::WantOrder(wrong)));
        }
    }

    #[test]
    fn counts_are_bounded_by_what_is_there_and_by_the_format() {
        let item =
            |tick| BillItem { part: Part::History(Tick(tick), 0), hash: Hash::ZERO, bytes: 1 };
        let bill = |count| Message::Bill { items: (0..count).map(item).collect() };
        assert_eq!(Message::decode(&bill(8_192).encode()), Ok(bill(8_192)));
        let expected = Err(MessageError::Count(8_193));
        assert_eq!(Message::decode(&bill(8_193).encode()), expected);
        let want = |count| Message::Want { items: (0..count).map(|item| (item, 0)).collect() };
        assert_eq!(Message::decode(&want(65_536).encode()), Ok(want(65_536)));
        assert_eq!(Message::decode(&want(65_537).encode()), Err(MessageError::Count(65_537)));
        for kind in [2, 3] {
            let bytes = [kind, 0xff, 0xff, 0xff, 0xff];
            assert_eq!(Message::decode(&bytes), Err(MessageError::Count(u32::MAX)));
        }
        let prepare = |more| Message::Prepare(Box::new(Prepare { more, ..prepare() }));
        assert_eq!(Message::decode(&prepare(65_536).encode()), Ok(prepare(65_536)));
        assert_eq!(Message::decode(&prepare(65_537).encode()), Err(MessageError::Count(65_537)));
    }

    #[test]
    fn a_chunk_carries_something_and_not_too_much() {
        let check = |content: ChunkContent, expected: Option<(u64, u64)>| {
            let chunk = Message::Chunk(Chunk { item: 0, offset: 0, content });
            let expected = match expected {
                Some((plain, sent)) => Err(MessageError::ChunkBytes { plain, sent }),
                None => Ok(chunk.clone()),
            };
            assert_eq!(Message::decode(&chunk.encode()), expected);
        };
        let most = 256 << 10;
        check(ChunkContent::Raw(vec![1; most]), None);
        check(ChunkContent::Raw(vec![1; most + 1]), Some((262_145, 262_145)));
        check(ChunkContent::Raw(Vec::new()), Some((0, 0)));
        let lz4 = |plain_bytes, bytes| ChunkContent::Lz4 { plain_bytes, bytes: vec![1; bytes] };
        check(lz4(262_144, 262_143), None);
        check(lz4(262_144, 262_144), Some((262_144, 262_145)));
        check(lz4(262_145, 1), Some((262_145, 2)));
        check(lz4(0, 0), Some((0, 1)));
        check(lz4(u32::MAX, 1), Some((u64::from(u32::MAX), 2)));
    }

    #[test]
    fn what_is_no_message_is_refused_by_reason() {
        let check = |bytes: &[u8], expected| assert_eq!(Message::decode(bytes), Err(expected));
        check(&[], DecodeError::ShortRead.into());
        for kind in [0, 11, 255] {
            check(&[kind], MessageError::Type(kind));
        }
        let part = [&[2, 1, 0, 0, 0, 11][..], &[0; 40]].concat();
        check(&part, MessageError::Part(11));
        let encoding = [&[4][..], &[0; 12], &[2]].concat();
        check(&encoding, MessageError::Encoding(2));
        let code = [&[6][..], &[0; 16], &[16, 0, 0, 0, 0]].concat();
        check(&code, MessageError::Code(16));
        let reason = [&[6][..], &[0; 16], &[1, 1, 0, 0, 0, b'\n']].concat();
        check(&reason, MessageError::Reason);
        check(&[&[8][..], &[0; Offer::BYTES]].concat(), OfferError::NotAnOffer.into());
        check(&[&[9][..], &[0; Answer::BYTES]].concat(), AnswerError::NotAnAnswer.into());
        let name = [&[1][..], &[0; 48], &[1, 0, 0, 0, b'/']].concat();
        let expected = "/".parse::<AgentId>().expect_err("a path separator");
        check(&name, expected.into());
    }
}
