//! The bytes of a custody. Reading gives only what a node can have written: offers and answers whose
//! signatures hold, and epochs that fit each other. Specified in `docs/spec/custody.md`.

use std::collections::BTreeMap;

use igor_format::{
    Answer, AnswerError, DecodeError, Decoder, Encoder, Hash, Offer, OfferError, PublicKey,
    SignatureError, Verdict,
};

use super::{Custody, Holding, VerifiedOffer};
use crate::transport::ADDRESS_BYTES_MAX;

/// What every custody begins with.
const TAG: [u8; 15] = *b"igor/custody/1\0";
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;

/// Why bytes are no custody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// Something else lies here, or a later version of it.
    #[error("read custody: it does not begin with igor/custody/1")]
    NotACustody,
    /// The bytes are not those that were written.
    #[error("read custody: the checksum does not match, the custody is damaged")]
    Checksum,
    /// It ends early or goes on after its end.
    #[error("read custody: {0}")]
    Malformed(#[from] DecodeError),
    /// The agent's state is not known.
    #[error("read custody: a state of kind {0} is not known")]
    State(u8),
    /// The place is none that a node can have noted.
    #[error("read custody: the place has other characters than visible ASCII, or too many")]
    Place,
    /// A byte that says whether an answer follows is neither 0 nor 1.
    #[error("read custody: {0} where 0 or 1 is expected")]
    Presence(u8),
    /// What was offered is no offer.
    #[error("read custody: {0}")]
    Offer(#[from] OfferError),
    /// What was answered is no answer.
    #[error("read custody: {0}")]
    Answer(#[from] AnswerError),
    /// An offer or an answer was signed by somebody else.
    #[error("read custody: {0}")]
    Signature(#[from] SignatureError),
    /// Two of its statements cannot both be true.
    #[error("read custody: {0}")]
    Contradiction(&'static str),
}

impl Custody {
    /// The bytes of what was decided about `agent`.
    ///
    /// # Panics
    /// If the agent was taken 2^32 times or more, which no disk outlives.
    pub fn encode(&self, agent: &PublicKey) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.raw(&TAG).raw(agent.as_bytes()).u64(self.decided).str(&self.place);
        let taken = u32::try_from(self.taken.len()).expect("an agent moves fewer than 2^32 times");
        encoder.u32(taken);
        for (epoch, offer) in &self.taken {
            encoder.u64(*epoch).raw(offer.as_bytes());
        }
        self.holding.encode(&mut encoder);
        let checksum = Hash::of(encoder.as_bytes());
        encoder.raw(checksum.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a custody and the agent that it is about, with the signatures of what is in it. The number of
    /// offers is believed only as far as the bytes reach.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn decode(bytes: &[u8]) -> Result<(PublicKey, Self), CustodyError> {
        if !bytes.starts_with(&TAG) {
            return Err(CustodyError::NotACustody);
        }
        let (content, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DecodeError::ShortRead)?;
        if Hash::of(content).as_bytes() != checksum {
            return Err(CustodyError::Checksum);
        }
        let mut decoder = Decoder::new(content);
        decoder.fixed(TAG.len());
        let agent = PublicKey::from_bytes(decoder.array());
        let (decided, place) = (decoder.u64(), decode_place(&mut decoder)?);
        let taken = decode_taken(&mut decoder)?;
        let holding = Holding::decode(&mut decoder)?;
        decoder.finish()?;
        let custody = Self { decided, taken, holding, place };
        custody.check(&agent)?;
        Ok((agent, custody))
    }

    /// Whether it is about one agent, and its epochs fit each other.
    fn check(&self, agent: &PublicKey) -> Result<(), CustodyError> {
        if let Holding::Offered { offer, .. } | Holding::Released { offer, .. } = &self.holding
            && offer.terms().agent != *agent
        {
            return Err(CustodyError::Contradiction("the offer is of another agent"));
        }
        let last_taken = self.taken.last_key_value().map_or(0, |(epoch, _)| *epoch);
        let (held, last) = match &self.holding {
            Holding::Absent => (None, 0),
            Holding::Held(held) => (None, *held),
            Holding::Offered { held, offer } => (Some(*held), offer.epoch()),
            Holding::Released { offer, .. } => (None, offer.epoch()),
            Holding::Contested { held, seen } => (Some(*held), *seen),
        };
        if held.is_some_and(|held| held >= last) {
            return Err(CustodyError::Contradiction("an epoch does not follow the one before"));
        }
        if last.max(last_taken) > self.decided {
            return Err(CustodyError::Contradiction("an epoch is above the highest one decided"));
        }
        Ok(())
    }
}

fn decode_place(decoder: &mut Decoder<'_>) -> Result<String, CustodyError> {
    let place = decoder.str().to_owned();
    decoder.status()?;
    let is_sound = place.len() <= ADDRESS_BYTES_MAX && place.bytes().all(|b| b.is_ascii_graphic());
    if is_sound { Ok(place) } else { Err(CustodyError::Place) }
}

fn decode_taken(decoder: &mut Decoder<'_>) -> Result<BTreeMap<u64, Hash>, CustodyError> {
    let mut taken = BTreeMap::new();
    let mut last = 0;
    for _ in 0..decoder.u32() {
        let (epoch, offer) = (decoder.u64(), Hash::from_bytes(decoder.array()));
        decoder.status()?;
        if epoch <= last {
            return Err(CustodyError::Contradiction("the epochs of what was taken do not rise"));
        }
        taken.insert(epoch, offer);
        last = epoch;
    }
    Ok(taken)
}

impl Holding {
    fn encode(&self, encoder: &mut Encoder) {
        match self {
            Self::Absent => encoder.u8(0),
            Self::Held(epoch) => encoder.u8(1).u64(*epoch),
            Self::Offered { held, offer } => encoder.u8(2).u64(*held).raw(&offer.offer().encode()),
            Self::Released { offer, answer } => {
                encoder.u8(3).raw(&offer.offer().encode()).bool(answer.is_some());
                encoder.raw(&answer.map(|answer| answer.encode()).unwrap_or_default())
            }
            Self::Contested { held, seen } => encoder.u8(4).u64(*held).u64(*seen),
        };
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, CustodyError> {
        let state = decoder.u8();
        decoder.status()?;
        Ok(match state {
            0 => Self::Absent,
            1 => Self::Held(decoder.u64()),
            2 => Self::Offered { held: decoder.u64(), offer: decode_offer(decoder)? },
            3 => {
                let offer = decode_offer(decoder)?;
                let answer = match decoder.u8() {
                    0 => None,
                    1 => Some(decode_answer(decoder, &offer)?),
                    other => return Err(CustodyError::Presence(other)),
                };
                Self::Released { offer, answer }
            }
            4 => Self::Contested { held: decoder.u64(), seen: decoder.u64() },
            other => return Err(CustodyError::State(other)),
        })
    }
}

fn decode_offer(decoder: &mut Decoder<'_>) -> Result<VerifiedOffer, CustodyError> {
    let bytes = decoder.fixed(Offer::BYTES);
    decoder.status()?;
    Ok(VerifiedOffer::new(Offer::decode(bytes)?)?)
}

/// The answer by which the agent was released: the target's, to this offer, that it was taken.
fn decode_answer(decoder: &mut Decoder<'_>, offer: &VerifiedOffer) -> Result<Answer, CustodyError> {
    let bytes = decoder.fixed(Answer::BYTES);
    decoder.status()?;
    let answer = Answer::decode(bytes)?;
    answer.verify(&offer.terms().target)?;
    if answer.offer != offer.offer().hash() || answer.verdict != Verdict::Accepted {
        return Err(CustodyError::Contradiction("the answer does not release the agent"));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use igor_format::NodeKey;

    use super::*;
    use crate::handoff::tests::offer;

    /// The agent that the offers are of.
    fn agent() -> PublicKey {
        offer(1).terms().agent
    }

    fn accepted(offer: &VerifiedOffer) -> Answer {
        Answer::sign(&NodeKey::from_seed(&[2; 32]), offer.offer().hash(), Verdict::Accepted)
    }

    fn custodies() -> Vec<Custody> {
        let taken = BTreeMap::from([(2, Hash::of(b"second")), (7, Hash::of(b"seventh"))]);
        let place = "quic://host:1".to_owned();
        let of =
            |holding| Custody { decided: 9, taken: taken.clone(), holding, place: place.clone() };
        vec![
            Custody::default(),
            Custody::held(0),
            Custody::held(u64::MAX),
            of(Holding::Absent),
            of(Holding::Held(9)),
            of(Holding::Held(7)),
            of(Holding::Offered { held: 7, offer: offer(9) }),
            of(Holding::Released { offer: offer(9), answer: Some(accepted(&offer(9))) }),
            of(Holding::Released { offer: offer(8), answer: None }),
            of(Holding::Contested { held: 7, seen: 9 }),
        ]
    }

    #[test]
    fn custodies_round_trip() {
        for custody in custodies() {
            assert_eq!(Custody::decode(&custody.encode(&agent())), Ok((agent(), custody)));
        }
    }

    #[test]
    fn a_custody_is_made_again_bit_for_bit() {
        let bytes: &[u8] = include_bytes!("released.custody");
        let taken = BTreeMap::from([(3, Hash::of(b"offer"))]);
        let holding = Holding::Released { offer: offer(4), answer: Some(accepted(&offer(4))) };
        let place = "quic://host:1".to_owned();
        let custody = Custody { decided: 5, taken, holding, place };
        assert_eq!(custody.encode(&agent()), bytes);
        assert_eq!(Custody::decode(bytes), Ok((agent(), custody)));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        for custody in custodies() {
            let bytes = custody.encode(&agent());
            for index in 0..bytes.len() {
                let mut other = bytes.clone();
                other[index] ^= 1;
                let expected =
                    if index < 15 { CustodyError::NotACustody } else { CustodyError::Checksum };
                assert_eq!(Custody::decode(&other), Err(expected), "byte {index}");
                assert!(Custody::decode(&bytes[..index]).is_err(), "cut to {index}");
            }
        }
    }

    /// With a checksum that fits.
    fn sealed(content: &[u8]) -> Vec<u8> {
        [content, Hash::of(content).as_bytes()].concat()
    }

    /// What `custody` would be without its tag and checksum.
    fn content(custody: &Custody) -> Vec<u8> {
        let bytes = custody.encode(&agent());
        bytes[..bytes.len() - CHECKSUM_BYTES].to_vec()
    }

    #[test]
    fn every_cut_and_every_addition_is_noticed_behind_a_sound_checksum() {
        for custody in custodies() {
            let content = content(&custody);
            for length in TAG.len()..content.len() {
                let found = Custody::decode(&sealed(&content[..length]));
                assert_eq!(found, Err(DecodeError::ShortRead.into()), "{length} of {custody:?}");
            }
            let longer = [&content[..], &[0]].concat();
            assert_eq!(Custody::decode(&sealed(&longer)), Err(DecodeError::TrailingBytes.into()));
        }
    }

    #[test]
    fn what_no_node_writes_is_refused_by_reason() {
        let of = |holding| Custody { decided: 9, holding, ..Custody::default() };
        let answered =
            |answer| content(&of(Holding::Released { offer: offer(9), answer: Some(answer) }));
        let order = CustodyError::Contradiction("an epoch does not follow the one before");
        let above = CustodyError::Contradiction("an epoch is above the highest one decided");
        let rise = CustodyError::Contradiction("the epochs of what was taken do not rise");
        let answer = CustodyError::Contradiction("the answer does not release the agent");
        let by = |node, offer: VerifiedOffer, verdict| {
            Answer::sign(&NodeKey::from_seed(&[node; 32]), offer.offer().hash(), verdict)
        };
        let taken = |epochs: [u64; 2]| {
            let mut bytes =
                [&TAG[..], &[8; 32], &9_u64.to_le_bytes(), &[0; 4], &2_u32.to_le_bytes()].concat();
            for epoch in epochs {
                bytes.extend([&epoch.to_le_bytes()[..], &[0; 32]].concat());
            }
            bytes.push(0);
            bytes
        };
        let mut forged = content(&of(Holding::Offered { held: 1, offer: offer(9) }));
        *forged.last_mut().expect("a signature") ^= 1;
        let state = |kind: u8| [&TAG[..], &[0; 48], &[kind]].concat();
        for (content, expected) in [
            (content(&of(Holding::Held(10))), above.clone()),
            (content(&of(Holding::Offered { held: 9, offer: offer(9) })), order.clone()),
            (content(&of(Holding::Offered { held: 1, offer: offer(10) })), above.clone()),
            (content(&of(Holding::Released { offer: offer(10), answer: None })), above.clone()),
            (content(&of(Holding::Contested { held: 9, seen: 9 })), order),
            (content(&of(Holding::Contested { held: 9, seen: 10 })), above.clone()),
            (taken([3, 10]), above),
            (taken([3, 3]), rise.clone()),
            (taken([0, 3]), rise),
            (answered(by(2, offer(9), Verdict::Refused)), answer.clone()),
            (answered(by(2, offer(8), Verdict::Accepted)), answer),
            (answered(by(3, offer(9), Verdict::Accepted)), SignatureError.into()),
            (forged, SignatureError.into()),
            (state(5), CustodyError::State(5)),
        ] {
            assert_eq!(Custody::decode(&sealed(&content)), Err(expected), "{content:?}");
        }
        let mut present = content(&of(Holding::Released { offer: offer(9), answer: None }));
        *present.last_mut().expect("a byte") = 2;
        assert_eq!(Custody::decode(&sealed(&present)), Err(CustodyError::Presence(2)));
        for place in ["quic://ho st:1".to_owned(), "x".repeat(513)] {
            let unsound = content(&Custody { place, ..Custody::default() });
            assert_eq!(Custody::decode(&sealed(&unsound)), Err(CustodyError::Place));
        }
        let other = igor_format::AgentKey::from_seed(&[1; 32]).public_key();
        let expected = CustodyError::Contradiction("the offer is of another agent");
        for holding in [
            Holding::Offered { held: 1, offer: offer(9) },
            Holding::Released { offer: offer(9), answer: None },
        ] {
            assert_eq!(Custody::decode(&of(holding).encode(&other)), Err(expected.clone()));
        }
        // The number of offers is believed only as far as the bytes reach.
        let many = [&TAG[..], &[0; 44], &u32::MAX.to_le_bytes()].concat();
        assert_eq!(Custody::decode(&sealed(&many)), Err(DecodeError::ShortRead.into()));
    }
}
