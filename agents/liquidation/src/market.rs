//! The world that the agent watches: a price that is a function of time alone, so that a moment it
//! slept through can be looked at afterwards. It knows nothing of the agent.

/// The price, in cents, below which the collateral no longer covers the loan (10 ETH against
/// 15,000 USDC).
pub const THRESHOLD_CENTS: u64 = 155_000;

/// Prices in cents at these seconds after the agent's birth. Between them the price is on a straight
/// line, after the last it stays.
const POINTS: [(u64, u64); 13] = [
    (0, 200_000),
    (5, 205_000),
    (10, 192_000),
    (15, 198_000),
    (20, 185_000),
    (25, 178_000),
    (30, 182_000),
    (35, 165_000),
    (38, 154_000),
    (40, 158_000),
    (45, 162_000),
    (50, 170_000),
    (55, 175_000),
];

/// The price in cents in the given second after the agent's birth. What a line leaves between two
/// cents is rounded towards the point it comes from.
pub fn price_cents(slot: u64) -> u64 {
    let (mut from_slot, mut from_cents) = POINTS[0];
    for (to_slot, to_cents) in POINTS {
        if slot < to_slot {
            let (passed, length) = (slot - from_slot, to_slot - from_slot);
            return if to_cents >= from_cents {
                from_cents + (to_cents - from_cents) * passed / length
            } else {
                from_cents - (from_cents - to_cents) * passed / length
            };
        }
        (from_slot, from_cents) = (to_slot, to_cents);
    }
    from_cents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_passes_through_every_point() {
        for (slot, cents) in POINTS {
            assert_eq!(price_cents(slot), cents, "slot {slot}");
        }
    }

    #[test]
    fn between_points_it_is_on_the_line_and_after_the_last_it_stays() {
        let cases = [
            (1, 201_000),
            (4, 204_000),
            (7, 199_800),
            (27, 179_600),
            (36, 161_334),
            (37, 157_667),
            (39, 156_000),
            (54, 174_000),
            (56, 175_000),
            (u64::MAX, 175_000),
        ];
        for (slot, cents) in cases {
            assert_eq!(price_cents(slot), cents, "slot {slot}");
        }
    }

    #[test]
    fn it_is_below_the_threshold_in_slot_38_only() {
        let below = (0..100).filter(|slot| price_cents(*slot) < THRESHOLD_CENTS);
        assert!(below.eq([38]));
    }
}
