//! Messages of a handoff from any bytes: reading them never panics, and what is read has exactly one
//! encoding; and whatever a message says is then put together, followed and unfolded within the bounds
//! that it states. It does not send any.

use std::sync::LazyLock;

use arbitrary::{Result as Drawn, Unstructured};
use igor_core::format::{
    AgentKey, Answer, BillItem, Chunk, ChunkContent, Epoch, Hash, Message, Microcents, NodeKey,
    Offer, OfferTerms, Part, Prepare, Price, PublicKey, Reason, RefusalCode, SealedKey, Tick,
    TransferId, Verdict,
};
use igor_node::wire::{Bill, Course, pieces, unpack};

/// Of all parts of a made-up bill.
const BYTES_MAX: u64 = 1 << 40;

/// Something was read that must not be, or came out otherwise than it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// Two byte strings are the same message.
    #[error("read from {from:02x?}, the message is written as {to:02x?}")]
    Ambiguous {
        /// The bytes that were read.
        from: Vec<u8>,
        /// The bytes that were written.
        to: Vec<u8>,
    },
    /// A chunk unfolds to another size than it says.
    #[error("a chunk of {said} bytes unfolds to {found}")]
    Unfolded {
        /// What it says.
        said: u64,
        /// What came out.
        found: usize,
    },
    /// A bill passes that is larger than is allowed, or out of order.
    #[error("a bill of {0} bytes is accepted")]
    Billed(u64),
    /// A part that was cut into chunks does not come out of them.
    #[error("{0} bytes cut into chunks do not come out again")]
    Cut(usize),
}

/// Reads `bytes` with `read`, which gives what the message is written as, and follows what it says; whether
/// they are a message.
///
/// # Errors
/// [`Misread`].
pub fn check(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Option<(Message, Vec<u8>)>,
) -> Result<bool, Misread> {
    let Some((message, written)) = read(bytes) else { return Ok(false) };
    if written != bytes {
        return Err(Misread::Ambiguous { from: bytes.to_vec(), to: written });
    }
    match message {
        Message::Chunk(chunk) => follow_chunk(chunk)?,
        Message::Prepare(prepare) => follow_bill(prepare.bill, prepare.more)?,
        Message::Bill { items } | Message::Offer { bill: items, .. } => follow_bill(items, 0)?,
        _ => {}
    }
    Ok(true)
}

/// Reads a message, and writes what was read.
pub fn read(bytes: &[u8]) -> Option<(Message, Vec<u8>)> {
    let message = Message::decode(bytes).ok()?;
    let written = message.encode();
    Some((message, written))
}

fn follow_chunk(chunk: Chunk) -> Result<(), Misread> {
    let said = chunk.content.plain_bytes();
    let end = chunk.offset.saturating_add(said);
    let item = BillItem { part: Part::Module, hash: Hash::ZERO, bytes: end };
    if let Ok(mut course) = Course::new(&[item], &[(0, chunk.offset)]) {
        // Only what is next is taken, whatever it says.
        let due = chunk.item == 0;
        if course.arrived(&chunk).is_ok() != due || course.is_over() != due {
            return Err(Misread::Unfolded { said, found: 0 });
        }
    }
    let Ok(plain) = unpack(chunk) else { return Ok(()) };
    let found = plain.len();
    if u64::try_from(found) != Ok(said) {
        return Err(Misread::Unfolded { said, found });
    }
    let cut: Option<Vec<Vec<u8>>> = pieces(0, &plain, 0).map(|it| unpack(it).ok()).collect();
    if cut.map(|pieces| pieces.concat()) == Some(plain) { Ok(()) } else { Err(Misread::Cut(found)) }
}

fn follow_bill(items: Vec<BillItem>, more: u32) -> Result<(), Misread> {
    let sum = items.iter().fold(0_u64, |sum, item| sum.saturating_add(item.bytes));
    let in_order = items.iter().zip(items.iter().skip(1)).all(|(one, next)| one.part < next.part);
    let Ok(bill) = Bill::begin(items, more, BYTES_MAX) else { return Ok(()) };
    if sum > BYTES_MAX || !in_order || bill.bytes() != sum || bill.is_complete() != (more == 0) {
        return Err(Misread::Billed(sum));
    }
    Ok(())
}

static OFFER: LazyLock<Offer> = LazyLock::new(|| {
    let source = NodeKey::from_seed(&[1; 32]);
    let agent = AgentKey::from_seed(&[3; 32]);
    let terms = OfferTerms {
        transfer: TransferId::from_bytes([7; 16]),
        agent: agent.public_key(),
        epoch: Epoch { major: 2, generation: 0 },
        tick: Tick(9),
        budget: Microcents::ZERO,
        checkpoint: Hash::ZERO,
        module: Hash::ZERO,
        manifest: Hash::ZERO,
        record: Hash::ZERO,
        source: source.public_key(),
        target: NodeKey::from_seed(&[2; 32]).public_key(),
    };
    Offer::sign(&agent, &source, terms).expect("the nodes differ and the epoch is above 0")
});

/// A message that grows from `entropy`, and its bytes with a few of them spoiled.
pub fn made_up(entropy: &[u8]) -> Vec<u8> {
    let mut entropy = Unstructured::new(entropy);
    let Ok(message) = message(&mut entropy) else { return Vec::new() };
    let mut bytes = message.encode();
    spoil(&mut bytes, &mut entropy).unwrap_or_default();
    bytes
}

fn spoil(bytes: &mut Vec<u8>, entropy: &mut Unstructured<'_>) -> Drawn<()> {
    for _ in 0..entropy.int_in_range(0..=3)? {
        match entropy.int_in_range(0..=9)? {
            0 => bytes.truncate(entropy.int_in_range(0..=bytes.len())?),
            1 => bytes.push(entropy.arbitrary()?),
            // The first bytes hold types and counts.
            2..=5 => flip(bytes, 60, entropy)?,
            _ => flip(bytes, usize::MAX, entropy)?,
        }
    }
    Ok(())
}

fn flip(bytes: &mut [u8], within: usize, entropy: &mut Unstructured<'_>) -> Drawn<()> {
    let last = bytes.len().min(within).saturating_sub(1);
    let (at, turned) = (entropy.int_in_range(0..=last)?, entropy.int_in_range(1..=255_u8)?);
    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= turned);
    Ok(())
}

fn message(entropy: &mut Unstructured<'_>) -> Drawn<Message> {
    let transfer = TransferId::from_bytes(entropy.arbitrary()?);
    let offer = Box::new(*OFFER);
    Ok(match entropy.int_in_range(1..=10_u8)? {
        1 => Message::Prepare(Box::new(prepare(entropy)?)),
        2 => Message::Bill { items: bill(entropy)? },
        3 => Message::Want { items: want(entropy)? },
        4 => Message::Chunk(chunk(entropy)?),
        5 => Message::Ready { transfer },
        6 => {
            let code = *entropy.choose(&RefusalCode::ALL)?;
            Message::NotReady { transfer, code, reason: reason(entropy)? }
        }
        7 => {
            let sealed_key = Box::new(SealedKey::from_bytes(drawn(entropy)?));
            Message::Offer { offer, sealed_key, bill: bill(entropy)? }
        }
        8 => Message::Withdraw { offer },
        9 => Message::Inquire { offer },
        _ => {
            let target = NodeKey::from_seed(&[2; 32]);
            let answer = Answer::sign(&target, offer.hash(), Verdict::Accepted);
            Message::Answer { answer, reason: reason(entropy)? }
        }
    })
}

fn prepare(entropy: &mut Unstructured<'_>) -> Drawn<Prepare> {
    let amount = Microcents::new(entropy.int_in_range(0..=Microcents::MAX.get())?);
    let amount = amount.unwrap_or_default();
    let name = entropy.choose(&["a", "heartbeat", "größe", "two words"])?.parse();
    Ok(Prepare {
        transfer: TransferId::from_bytes(entropy.arbitrary()?),
        agent: PublicKey::from_bytes(entropy.arbitrary()?),
        name: name.map_err(|_| arbitrary::Error::IncorrectFormat)?,
        tick: Tick(entropy.arbitrary()?),
        budget: amount,
        price: Price::per_second(amount),
        module: Hash::from_bytes(entropy.arbitrary()?),
        manifest: Hash::from_bytes(entropy.arbitrary()?),
        bill: bill(entropy)?,
        more: entropy.int_in_range(0..=70_000)?,
    })
}

/// Mostly in order, and seldom not.
fn bill(entropy: &mut Unstructured<'_>) -> Drawn<Vec<BillItem>> {
    let mut items = Vec::new();
    for _ in 0..entropy.int_in_range(0..=12)? {
        let hash = Hash::from_bytes([entropy.arbitrary()?; 32]);
        let shift = entropy.int_in_range(0..=63_u32)?;
        items.push(BillItem { part: part(entropy)?, hash, bytes: u64::MAX >> shift });
    }
    if entropy.ratio(9, 10)? {
        items.sort_unstable();
        items.dedup_by_key(|item| item.part);
    }
    Ok(items)
}

fn part(entropy: &mut Unstructured<'_>) -> Drawn<Part> {
    let tick = Tick(entropy.int_in_range(0..=300)?);
    let copy = entropy.int_in_range(0..=3)?;
    Ok(match entropy.int_in_range(0..=9)? {
        0 => Part::Module,
        1 => Part::Manifest,
        2 => Part::Fund([entropy.arbitrary()?; 16]),
        3 => Part::Summary,
        4 => Part::Certificate(tick.0),
        5 | 6 => Part::History(tick, copy),
        7 => Part::Segment(tick, copy),
        8 => Part::Record,
        _ => Part::Checkpoint,
    })
}

fn want(entropy: &mut Unstructured<'_>) -> Drawn<Vec<(u32, u64)>> {
    let mut items = Vec::new();
    for _ in 0..entropy.int_in_range(0..=12)? {
        items.push((entropy.int_in_range(0..=40)?, entropy.arbitrary()?));
    }
    if entropy.ratio(9, 10)? {
        items.sort_unstable();
        items.dedup_by_key(|(item, _)| *item);
    }
    Ok(items)
}

fn chunk(entropy: &mut Unstructured<'_>) -> Drawn<Chunk> {
    let (item, offset) = (entropy.int_in_range(0..=2)?, entropy.int_in_range(0..=9)?);
    let pattern: [u8; 8] = entropy.arbitrary()?;
    let plain = pattern.repeat(entropy.int_in_range(1..=200)?);
    let packed = pieces(item, &plain, 0).next().ok_or(arbitrary::Error::NotEnoughData)?;
    let content = if entropy.ratio(1, 3)? { ChunkContent::Raw(plain) } else { packed.content };
    Ok(Chunk { item, offset, content })
}

fn reason(entropy: &mut Unstructured<'_>) -> Drawn<Reason> {
    Ok(Reason::new(&"why ".repeat(entropy.int_in_range(0..=300)?)))
}

fn drawn<const N: usize>(entropy: &mut Unstructured<'_>) -> Drawn<[u8; N]> {
    let mut bytes = [0; N];
    entropy.fill_buffer(&mut bytes)?;
    Ok(bytes)
}
