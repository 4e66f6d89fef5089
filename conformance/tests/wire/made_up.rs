//! Made-up flows and messages. The properties are `conformance::fuzz`'s; here they get seeds, and decoders
//! with one known fault each, to show that the fault is seen. The first failure names the seed.

use conformance::fuzz::wire_frame::{self, Frames};
use conformance::fuzz::wire_message;
use conformance::{Effort, Rng, seed};
use igor_core::format::{Encoder, Message};
use igor_node::wire::{FrameDecoder, FrameError};

/// Flows, and messages, that are made up in one run.
const MADE_UP: usize = 2_000;
const ENTROPY_BYTES: usize = 2_048;

/// `count` seeds of which the first is this run's, so that each can be repeated as the first of a run.
fn seeds(count: usize) -> Vec<u64> {
    let mut rng = Rng::new(seed());
    let others = std::iter::repeat_with(|| rng.next_u64());
    std::iter::once(seed()).chain(others).take(Effort::current().rounds(count)).collect()
}

fn entropy(seed: u64) -> Vec<u8> {
    Rng::new(seed).bytes(ENTROPY_BYTES)
}

fn fail(test: &str, seed: u64, problem: &dyn std::fmt::Display) -> ! {
    panic!(
        "seed {seed}: {problem}\nto repeat: IGOR_CONFORMANCE_SEED={seed} cargo test -p conformance \
         --test wire {test}"
    );
}

#[test]
fn made_up_flows_are_taken_apart_however_they_are_cut() {
    let mut frames = 0;
    let seeds = seeds(MADE_UP);
    for seed in &seeds {
        match wire_frame::check(&entropy(*seed), FrameDecoder::new) {
            Ok(count) => frames += count,
            Err(problem) => {
                fail("made_up_flows_are_taken_apart_however_they_are_cut", *seed, &problem)
            }
        }
    }
    println!("{frames} frames in {} flows", seeds.len());
    assert!(frames > seeds.len(), "{frames} frames");
}

#[test]
fn made_up_messages_have_one_encoding() {
    let mut counts = [0; 2];
    let seeds = seeds(MADE_UP);
    for seed in &seeds {
        let bytes = wire_message::made_up(&entropy(*seed));
        match wire_message::check(&bytes, wire_message::read) {
            Ok(is_message) => counts[usize::from(is_message)] += 1,
            Err(problem) => fail("made_up_messages_have_one_encoding", *seed, &problem),
        }
    }
    let [refused, accepted] = counts;
    println!("{accepted} messages, {refused} refused");
    assert!(refused > seeds.len() / 5 && accepted > seeds.len() / 5, "{accepted} {refused}");
}

#[test]
fn any_bytes_are_read_as_a_message_or_refused() {
    for seed in seeds(MADE_UP) {
        let mut rng = Rng::new(seed);
        let length = usize::try_from(rng.below(200)).expect("it is small");
        let mut bytes = rng.bytes(length);
        // Most bytes are no type.
        bytes.iter_mut().take(1).for_each(|kind| *kind %= 12);
        if let Err(problem) = wire_message::check(&bytes, wire_message::read) {
            fail("any_bytes_are_read_as_a_message_or_refused", seed, &problem);
        }
    }
}

/// What is wrong with a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Everything that comes is kept until a frame is whole.
    Hoards,
    /// What is announced is reserved.
    Reserves,
    /// A length that is cut is begun anew.
    ForgetsCutLengths,
    /// The limit is one too high.
    AllowsOneMore,
    /// The end of a piece is the end of a frame.
    EndsWithPieces,
    /// An empty frame is a frame.
    TakesEmpty,
}

struct Mutant {
    fault: Fault,
    sound: FrameDecoder,
    /// The bytes that are held for nothing.
    extra: Vec<u8>,
}

impl Frames for Mutant {
    fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        let between = self.sound.is_between_frames();
        match self.fault {
            Fault::Hoards => self.extra.extend_from_slice(input),
            Fault::ForgetsCutLengths if between && input.len() < 4 => {
                *input = &[];
                return Ok(None);
            }
            Fault::TakesEmpty if between && input.starts_with(&[0; 4]) => {
                *input = input.get(4..).unwrap_or_default();
                return Ok(Some(Vec::new()));
            }
            Fault::EndsWithPieces if !between && input.len() < 20 => {
                let all = input.to_vec();
                *input = &[];
                return Ok(Some(all));
            }
            _ => {}
        }
        let taken = self.sound.take(input);
        if let (Fault::Reserves, Some(length)) = (self.fault, self.sound.announced()) {
            self.extra.reserve(length * 3);
        }
        taken
    }

    fn held(&self) -> (usize, usize) {
        let (held, reserved) = self.sound.held();
        (held + self.extra.len(), reserved + self.extra.capacity())
    }

    fn may_end(&self) -> bool {
        self.sound.may_end()
    }
}

#[test]
fn a_frame_decoder_with_a_fault_is_seen() {
    let is_seen = |fault| {
        seeds(200).into_iter().any(|seed| {
            let decoder = |limit| Mutant {
                fault,
                sound: FrameDecoder::new(limit + u64::from(fault == Fault::AllowsOneMore)),
                extra: Vec::new(),
            };
            wire_frame::check(&entropy(seed), decoder).is_err()
        })
    };
    let faults = [
        Fault::Hoards,
        Fault::Reserves,
        Fault::ForgetsCutLengths,
        Fault::AllowsOneMore,
        Fault::EndsWithPieces,
        Fault::TakesEmpty,
    ];
    for fault in faults {
        assert!(is_seen(fault), "{fault:?} is not seen");
    }
    assert!(!is_seen(Fault::None));
}

/// A reader of messages that is lax in one way.
type Lax = fn(&[u8]) -> Option<(Message, Vec<u8>)>;

#[test]
fn a_lax_reader_of_messages_is_seen() {
    let readers: [(&str, Lax); 3] = [
        ("takes bytes after the end", |bytes| {
            let ends = (0..=bytes.len()).rev();
            ends.into_iter().find_map(|end| wire_message::read(bytes.get(..end)?))
        }),
        ("takes any type of chunk", |bytes| {
            let mut other = bytes.to_vec();
            other.iter_mut().skip(13).take(1).for_each(|encoding| *encoding &= 1);
            wire_message::read(&other)
        }),
        ("sorts what is wanted", |bytes| {
            wire_message::read(bytes).or_else(|| {
                let (kind, rest) = bytes.split_first()?;
                let (count, items) = rest.split_first_chunk::<4>()?;
                let (items, more) = items.as_chunks::<12>();
                if *kind != 3 || !more.is_empty() || u32::from_le_bytes(*count) > 40 {
                    return None;
                }
                let mut items = items.to_vec();
                items.sort_unstable();
                items.dedup();
                let mut encoder = Encoder::new();
                encoder.u8(3).u32(u32::try_from(items.len()).ok()?).raw(items.as_flattened());
                wire_message::read(encoder.as_bytes())
            })
        }),
    ];
    for (name, reader) in readers {
        let seen = seeds(MADE_UP).into_iter().any(|seed| {
            let bytes = wire_message::made_up(&entropy(seed));
            wire_message::check(&bytes, reader).is_err()
        });
        assert!(seen, "a reader that {name} is not seen");
    }
}
