//! The codes with which a node abandons a stream or a connection. They are told to the other node and to
//! nobody else; what led to them is in the error that is kept here.

use igor_core::transport::CloseCode;

/// Why a stream or a connection is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Close {
    /// Nothing more is needed.
    Done,
    /// The protocol is not known.
    Protocol,
    /// What was said is not of this protocol.
    Malformed,
    /// A frame is larger than is allowed.
    TooLarge,
    /// It took too long.
    TooSlow,
    /// Enough is going on at present.
    Busy,
    /// The node failed.
    Failed,
    /// The node stops.
    Stopping,
    /// The node has had enough of the other.
    Barred,
}

impl Close {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Protocol,
        Self::Malformed,
        Self::TooLarge,
        Self::TooSlow,
        Self::Busy,
        Self::Failed,
        Self::Stopping,
        Self::Barred,
    ];

    /// The number that the peer is told.
    pub const fn code(self) -> CloseCode {
        CloseCode(match self {
            Self::Done => 0,
            Self::Protocol => 1,
            Self::Malformed => 2,
            Self::TooLarge => 3,
            Self::TooSlow => 4,
            Self::Busy => 5,
            Self::Failed => 6,
            Self::Stopping => 7,
            Self::Barred => 8,
        })
    }

    /// What a peer meant by a number, if it is one of these.
    pub fn of(code: CloseCode) -> Option<Self> {
        Self::ALL.into_iter().find(|close| close.code() == code)
    }

    /// Whether the peer did what no node of this protocol does, which counts against it.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Malformed | Self::TooLarge | Self::TooSlow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        for (number, close) in (0..).zip(Close::ALL) {
            assert_eq!(close.code(), CloseCode(number));
            assert_eq!(Close::of(CloseCode(number)), Some(close));
        }
        assert_eq!(Close::of(CloseCode(9)), None);
    }
}
