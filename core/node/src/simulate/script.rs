//! What a simulated agent is answered instead of what its node would say: lists that are used up from
//! the front, one after the other. How a script is written down is told here; where it lies is not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use igor_core::format::ObservationKind;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Scripted answers. Behind the end of each list come those of the simulation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The wall clock, in nanoseconds since 1970: a reading each, through `clock_now` or WASI.
    pub clock_now: Vec<i64>,
    /// What is drawn at random, through `rand_bytes` or WASI: all of it one after the other, in hexadecimal.
    pub rand_bytes: Vec<Bytes>,
    /// What `wallet_balance` answers, in microcents.
    pub wallet_balance: Vec<i64>,
    /// What `node_price` answers, in microcents per second.
    pub node_price: Vec<i64>,
    /// The receipts that the wallet holds, in hexadecimal.
    pub wallet_receipt: Vec<Bytes>,
}

/// Bytes, written in hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let problem = || D::Error::custom(format!("must be bytes in hexadecimal, not {text:?}"));
        decode_hex(&text).map(Self).ok_or_else(problem)
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

/// The numbers that a script answers with.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<BTreeMap<ObservationKind, VecDeque<i64>>>);

impl Answers {
    pub(super) fn new(script: &Script) -> Self {
        let answers = [
            (ObservationKind::WALLET_BALANCE, &script.wallet_balance),
            (ObservationKind::NODE_PRICE, &script.node_price),
        ];
        Self(Mutex::new(answers.map(|(kind, list)| (kind, list.iter().copied().collect())).into()))
    }

    /// The next answer of this kind, if there is one left.
    pub(crate) fn next(&self, kind: ObservationKind) -> Option<i64> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get_mut(&kind)?.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_in_pairs() {
        for (text, bytes) in
            [("", Some(vec![])), ("00ffA1", Some(vec![0, 255, 161])), ("0", None), ("0g", None)]
        {
            assert_eq!(decode_hex(text), bytes, "{text}");
        }
    }

    #[test]
    fn a_list_is_used_up_from_the_front() {
        let script = Script { node_price: vec![5, -6], ..Script::default() };
        let answers = Answers::new(&script);
        let next = |kind| answers.next(kind);
        assert_eq!(next(ObservationKind::WALLET_BALANCE), None);
        assert_eq!(next(ObservationKind::NODE_PRICE), Some(5));
        assert_eq!(next(ObservationKind::NODE_PRICE), Some(-6));
        assert_eq!(next(ObservationKind::NODE_PRICE), None);
    }
}
