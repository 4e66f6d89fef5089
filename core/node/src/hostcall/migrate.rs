//! Capability `migrate`: the agent says that it wants to be on another node. It is a wish and no more: what is
//! asked is recorded as it was sent, and whether it is met is up to those who read [`asked`].

use igor_core::Trap;
use igor_core::engine::{Caller, guest_slice};
use igor_core::format::{DecodeError, Decoder, Encoder, Microcents};
use igor_core::format::{ObservationKind, Observations, Price};

use crate::host::{NodeHost, charge_bytes};

/// Bytes of the longest name of a node.
const NAME_BYTES_MAX: u32 = 255;

const NOTED: i32 = 0;
const FORBIDDEN: i32 = -1;
const TOO_LONG: i32 = -2;
const NOT_IN_A_TICK: i32 = -3;
const BAD_POINTER: i32 = -4;
const NO_SUCH_WISH: i32 = -6;

/// Where an agent wants to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoveWish {
    /// The highest price it wants to pay there; `None` for any that its manifest allows.
    pub price_max: Option<Price>,
    /// The node: its NodeId, or what its operator calls it; `None` for any. As the guest wrote it, but without
    /// control characters.
    pub node: Option<String>,
}

/// `migrate_request`: an answer other than 0 depends on the arguments and the manifest alone, and nothing is
/// recorded then.
pub(super) fn request(
    host: &mut NodeHost,
    price_max: i64,
    pointer: u32,
    length: u32,
    caller: Caller<'_>,
) -> Result<i32, Trap> {
    if !host.is_ticking {
        return Ok(NOT_IN_A_TICK);
    }
    if !host.granted.moves {
        return Ok(FORBIDDEN);
    }
    if length > NAME_BYTES_MAX {
        return Ok(TOO_LONG);
    }
    let Ok(name) = guest_slice(caller.memory, pointer, length) else { return Ok(BAD_POINTER) };
    let Some(wish) = MoveWish::new(price_max, name) else { return Ok(NO_SUCH_WISH) };
    charge_bytes(caller.gas_left, name.len());
    host.recorder.send(ObservationKind::MIGRATE_REQUEST, &wish.encode())?;
    Ok(NOTED)
}

/// What an agent asked for last in a tick with these observations, if it did.
pub(crate) fn asked(observations: &Observations) -> Option<MoveWish> {
    let requests =
        observations.iter().filter(|(kind, _)| *kind == ObservationKind::MIGRATE_REQUEST);
    requests.last().and_then(|(_, payload)| MoveWish::decode(payload).ok().flatten())
}

impl MoveWish {
    fn new(price_max: i64, name: &[u8]) -> Option<Self> {
        let price_max = Microcents::new(price_max).ok()?;
        let name = core::str::from_utf8(name).ok()?;
        if name.chars().any(char::is_control) {
            return None;
        }
        Some(Self {
            price_max: (!price_max.is_zero()).then_some(Price::per_second(price_max)),
            node: (!name.is_empty()).then(|| name.to_owned()),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.i64(self.price_max.map_or(0, |price| price.microcents().get()));
        encoder.raw(self.node.as_deref().unwrap_or_default().as_bytes());
        encoder.into_bytes()
    }

    fn decode(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut decoder = Decoder::new(payload);
        let price_max = decoder.i64();
        let name = decoder.fixed(decoder.remaining());
        decoder.finish()?;
        Ok(Self::new(price_max, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(price_max: i64, name: &[u8]) -> Option<MoveWish> {
        MoveWish::new(price_max, name)
    }

    #[test]
    fn a_wish_is_read_as_it_is_recorded() {
        for (price, name) in [(0, &b""[..]), (7, b""), (0, b"paris"), (i64::from(u32::MAX), b"x")] {
            let wish = wish(price, name).expect("it is one");
            assert_eq!(MoveWish::decode(&wish.encode()), Ok(Some(wish)));
        }
        let anywhere = MoveWish::default();
        assert_eq!(wish(0, b""), Some(anywhere));
    }

    #[test]
    fn what_is_no_price_and_no_name_is_no_wish() {
        for (price, name) in
            [(-1, &b""[..]), (i64::MIN, b""), (i64::MAX, b""), (0, b"\xff"), (0, b"a\x1b[2J")]
        {
            assert_eq!(wish(price, name), None, "{price} {name:?}");
        }
        assert_eq!(MoveWish::decode(&[0; 7]), Err(DecodeError::ShortRead));
        assert_eq!(MoveWish::decode(&[0xff; 8]), Ok(None));
    }

    #[test]
    fn the_last_wish_counts() {
        let mut observations = Observations::default();
        assert_eq!(asked(&observations), None);
        for name in [b"first", b"other"] {
            let wish = wish(0, name).expect("it is one");
            observations.push(ObservationKind::MIGRATE_REQUEST, &wish.encode());
            observations.push(ObservationKind::CLOCK_NOW, &[0; 8]);
        }
        assert_eq!(asked(&observations), wish(0, b"other"));
        observations.push(ObservationKind::MIGRATE_REQUEST, b"damaged");
        assert_eq!(asked(&observations), None);
    }
}
