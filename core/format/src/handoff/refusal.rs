//! Why a node does not take an agent: a closed set of codes, which programs act on, and a sentence for
//! people. It is not the signed answer, which decides; nothing here is evidence.

use core::fmt;

use super::MessageError;

/// Why a node does not take an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// The agent's manifest forbids that it moves.
    Policy,
    /// The node asks for more than the manifest allows.
    Price,
    /// The agent needs more memory than the node gives.
    Memory,
    /// The agent needs a capability that the node does not have.
    Capability,
    /// Something that arrived is not what was named.
    Hash,
    /// A signature does not hold, or is that of another key.
    Signature,
    /// The history has a gap, a fork, or a step that no history can have.
    Lineage,
    /// The last segment, run again on this node's engine, gives something else, or holds too little to
    /// be run again.
    Replay,
    /// The node knows a later state of the agent.
    Stale,
    /// The node holds the agent, has offered it, or does not know whether it may.
    Held,
    /// Another agent has the name on this node.
    NameTaken,
    /// It is larger than the node allows.
    Size,
    /// The node does enough for others at present.
    Busy,
    /// The node takes no agents, or does not know something that this one needs.
    Unsupported,
    /// The node failed; the agent is not to blame.
    Internal,
}

/// What is worth another attempt after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same node, after a while, or another one.
    Here,
    /// Another node only.
    Elsewhere,
    /// None: every node that looks will say the same.
    Never,
}

impl RefusalCode {
    /// All of them, in the order of their bytes.
    pub const ALL: [Self; 15] = [
        Self::Policy,
        Self::Price,
        Self::Memory,
        Self::Capability,
        Self::Hash,
        Self::Signature,
        Self::Lineage,
        Self::Replay,
        Self::Stale,
        Self::Held,
        Self::NameTaken,
        Self::Size,
        Self::Busy,
        Self::Unsupported,
        Self::Internal,
    ];

    /// The name by which output and configuration mean it, such as `name_taken`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Price => "price",
            Self::Memory => "memory",
            Self::Capability => "capability",
            Self::Hash => "hash",
            Self::Signature => "signature",
            Self::Lineage => "lineage",
            Self::Replay => "replay",
            Self::Stale => "stale",
            Self::Held => "held",
            Self::NameTaken => "name_taken",
            Self::Size => "size",
            Self::Busy => "busy",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }

    /// What is worth another attempt.
    pub const fn retry(self) -> Retry {
        match self {
            Self::Busy | Self::Internal => Retry::Here,
            Self::Price
            | Self::Memory
            | Self::Capability
            | Self::Replay
            | Self::NameTaken
            | Self::Size
            | Self::Unsupported => Retry::Elsewhere,
            Self::Policy
            | Self::Hash
            | Self::Signature
            | Self::Lineage
            | Self::Stale
            | Self::Held => Retry::Never,
        }
    }

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Policy => 1,
            Self::Price => 2,
            Self::Memory => 3,
            Self::Capability => 4,
            Self::Hash => 5,
            Self::Signature => 6,
            Self::Lineage => 7,
            Self::Replay => 8,
            Self::Stale => 9,
            Self::Held => 10,
            Self::NameTaken => 11,
            Self::Size => 12,
            Self::Busy => 13,
            Self::Unsupported => 14,
            Self::Internal => 15,
        }
    }

    pub(super) fn of_byte(byte: u8) -> Result<Self, MessageError> {
        let found = Self::ALL.into_iter().find(|code| code.byte() == byte);
        found.ok_or(MessageError::Code(byte))
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A sentence that one node sends another for whoever reads along: up to 1,024 bytes without control
/// characters. It may be empty, and may be untrue.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(String);

impl Reason {
    /// Bytes of the longest one.
    pub const BYTES_MAX: usize = 1 << 10;

    /// A sentence, cut where it is too long, with spaces for control characters.
    pub fn new(text: &str) -> Self {
        let mut reason = String::with_capacity(text.len().min(Self::BYTES_MAX));
        for character in text.chars() {
            if reason.len() + character.len_utf8() > Self::BYTES_MAX {
                break;
            }
            reason.push(if character.is_control() { ' ' } else { character });
        }
        Self(reason)
    }

    /// Takes a sentence that a peer sent.
    pub(super) fn read(text: &str) -> Result<Self, MessageError> {
        if text.len() > Self::BYTES_MAX || text.chars().any(char::is_control) {
            return Err(MessageError::Reason);
        }
        Ok(Self(text.to_owned()))
    }

    /// The sentence.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_byte_and_one_name() {
        for (byte, code) in (1..).zip(RefusalCode::ALL) {
            assert_eq!(code.byte(), byte);
            assert_eq!(RefusalCode::of_byte(byte), Ok(code));
            let same = |other: &RefusalCode| other.as_str() == code.as_str();
            assert_eq!(RefusalCode::ALL.into_iter().filter(same).count(), 1);
        }
        for byte in [0, 16, 255] {
            assert_eq!(RefusalCode::of_byte(byte), Err(MessageError::Code(byte)));
        }
    }

    #[test]
    fn what_every_node_would_say_is_not_tried_again() {
        assert_eq!(RefusalCode::Busy.retry(), Retry::Here);
        assert_eq!(RefusalCode::Price.retry(), Retry::Elsewhere);
        assert_eq!(RefusalCode::Signature.retry(), Retry::Never);
    }

    #[test]
    fn a_reason_is_bounded_and_harmless() {
        assert_eq!(Reason::new("no\x1b[2J\nway").as_str(), "no [2J way");
        let long = "ä".repeat(600);
        assert_eq!(Reason::new(&long).as_str().len(), Reason::BYTES_MAX);
        let odd = format!("x{long}");
        assert_eq!(Reason::new(&odd).as_str().len(), Reason::BYTES_MAX - 1);
        for bad in ["a\nb", "\0", &long] {
            assert_eq!(Reason::read(bad), Err(MessageError::Reason), "{bad:?}");
        }
        let reason = Reason::new(&long);
        assert_eq!(Reason::read(reason.as_str()), Ok(reason));
    }
}
