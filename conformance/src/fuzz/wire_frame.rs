//! Flows of bytes cut anywhere: whatever the pieces are, the same frames come out, which are those that a
//! plain reading of the whole flow finds, and no more is held than one frame. It does not look at messages.

use arbitrary::{Result as Drawn, Unstructured};
use igor_node::wire::{FrameDecoder, FrameError};

/// What a decoder may reserve beside twice what has arrived.
const SLACK_BYTES: usize = 256 + 16;

/// What takes frames out of a flow.
pub trait Frames {
    /// Takes bytes from the front up to the end of a frame.
    ///
    /// # Errors
    /// When the flow cannot go on.
    fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError>;

    /// The bytes that are held and those that are reserved.
    fn held(&self) -> (usize, usize);

    /// Whether the flow may end here.
    fn may_end(&self) -> bool;
}

impl Frames for FrameDecoder {
    fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        Self::take(self, input)
    }

    fn held(&self) -> (usize, usize) {
        (self.buffered(), self.reserved())
    }

    fn may_end(&self) -> bool {
        self.is_between_frames()
    }
}

/// What a flow comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The frames.
    pub frames: Vec<Vec<u8>>,
    /// Why it went no further.
    pub error: Option<FrameError>,
    /// Whether it may end there.
    pub may_end: bool,
}

/// A decoder did something it must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misframed {
    /// What came out is not what is in the flow.
    #[error("of {flow:02x?} in pieces that end at {ends:?} came {found:?}, expected {expected:?}")]
    Different {
        /// The flow.
        flow: Vec<u8>,
        /// Where the pieces ended.
        ends: Vec<usize>,
        /// What came out.
        found: Box<Outcome>,
        /// What is in it.
        expected: Box<Outcome>,
    },
    /// More is held or reserved than there is reason for.
    #[error("{held} bytes held and {reserved} reserved when {arrived} have arrived")]
    Hoarded {
        /// The bytes that are held.
        held: usize,
        /// The bytes that are reserved.
        reserved: usize,
        /// The bytes that have arrived.
        arrived: usize,
    },
    /// Neither bytes are taken nor a frame is given.
    #[error("nothing happens with {0} bytes")]
    Stuck(usize),
}

/// Grows a flow from `entropy`, and decodes it in three ways with what `decoder` makes for a limit; how many
/// frames there were.
///
/// # Errors
/// [`Misframed`].
pub fn check<F: Frames>(entropy: &[u8], decoder: impl Fn(u64) -> F) -> Result<usize, Misframed> {
    let (limit, flow, cuts) = grow(entropy).unwrap_or_default();
    let expected = plain(&flow, limit);
    let bytes = (1..=flow.len()).collect();
    for ends in [vec![flow.len()], bytes, cuts] {
        let found = decode(decoder(limit), &flow, &ends, limit)?;
        if found != expected {
            let (found, expected) = (Box::new(found), Box::new(expected));
            return Err(Misframed::Different { flow, ends, found, expected });
        }
    }
    Ok(expected.frames.len())
}

/// A limit, a flow, and the ends of its pieces, the last of which is its own.
fn grow(entropy: &[u8]) -> Drawn<(u64, Vec<u8>, Vec<usize>)> {
    let mut entropy = Unstructured::new(entropy);
    let limit = entropy.int_in_range(1..=300_u32)?;
    let mut flow = Vec::new();
    for _ in 0..entropy.int_in_range(0..=12)? {
        let length = match entropy.int_in_range(0..=19)? {
            0 => entropy.int_in_range(0..=u32::MAX)?,
            1 => limit + 1,
            2 => limit,
            3 => 0,
            _ => entropy.int_in_range(1..=limit)?,
        };
        flow.extend(length.to_le_bytes());
        let filled = length.min(limit);
        // Now and then something is missing.
        let missing = if entropy.ratio(1, 20)? { entropy.int_in_range(0..=3)? } else { 0 };
        for _ in missing..filled {
            flow.push(entropy.arbitrary()?);
        }
    }
    let mut ends = vec![flow.len()];
    for _ in 0..entropy.int_in_range(0..=20)? {
        ends.push(entropy.int_in_range(0..=flow.len())?);
    }
    ends.sort_unstable();
    Ok((u64::from(limit), flow, ends))
}

/// The frames of a flow that is there as a whole.
fn plain(flow: &[u8], max: u64) -> Outcome {
    let (mut rest, mut frames) = (flow, Vec::new());
    loop {
        let ended = |error, may_end| Outcome { frames: frames.clone(), error, may_end };
        let Some((header, body)) = rest.split_first_chunk::<4>() else {
            return ended(None, rest.is_empty());
        };
        let bytes = u64::from(u32::from_le_bytes(*header));
        if bytes == 0 {
            return ended(Some(FrameError::Empty), false);
        }
        if bytes > max {
            return ended(Some(FrameError::TooLarge { bytes, max }), false);
        }
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let Some((body, after)) = body.split_at_checked(length) else {
            return ended(None, false);
        };
        frames.push(body.to_vec());
        rest = after;
    }
}

fn decode(
    mut decoder: impl Frames,
    flow: &[u8],
    ends: &[usize],
    limit: u64,
) -> Result<Outcome, Misframed> {
    let (mut frames, mut from) = (Vec::new(), 0);
    for end in ends {
        let mut piece = flow.get(from..*end).unwrap_or_default();
        from = *end;
        while !piece.is_empty() {
            let before = piece.len();
            let taken = match decoder.take(&mut piece) {
                Ok(taken) => taken,
                Err(error) => return Ok(Outcome { frames, error: Some(error), may_end: false }),
            };
            check_held(&decoder, from.saturating_sub(piece.len()), limit)?;
            if taken.is_none() && piece.len() == before {
                return Err(Misframed::Stuck(before));
            }
            frames.extend(taken);
        }
    }
    Ok(Outcome { frames, error: None, may_end: decoder.may_end() })
}

fn check_held(decoder: &impl Frames, arrived: usize, limit: u64) -> Result<(), Misframed> {
    let (held, reserved) = decoder.held();
    let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(4);
    let reserved_most = arrived.saturating_mul(2).saturating_add(SLACK_BYTES);
    if held > most.min(arrived) || reserved > reserved_most {
        return Err(Misframed::Hoarded { held, reserved, arrived });
    }
    Ok(())
}
