//! Integer operations at the edges of their ranges, against this machine's own.

use igor_core::Trap;
use igor_core::engine::Value::{I32, I64};
use igor_core::trap::CallError;

use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, fixture};
use crate::{Case, Effort, Rng};

const INTEGERS: &str = fixture!("integers");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        integer_operations_wrap_shift_and_trap_as_specified
            covers ["engine-is-deterministic", "call-maps-traps"],
        integers_are_counted_extended_and_wrapped_as_specified covers ["engine-is-deterministic"],
    ]
}

/// The specified outcome of each binary operation of one width.
macro_rules! oracle {
    ($name:ident, $signed:ty, $unsigned:ty) => {
        fn $name(name: &str, x: $signed, y: $signed) -> Result<$signed, Trap> {
            let (a, b) = (x.cast_unsigned(), y.cast_unsigned());
            // Shift counts are taken modulo the width.
            let count = u32::try_from(b % <$unsigned>::from(<$unsigned>::BITS)).unwrap();
            let unsigned: fn($unsigned) -> $signed = <$unsigned>::cast_signed;
            match name {
                "div_s" | "div_u" | "rem_s" | "rem_u" if y == 0 => Err(Trap::DivisionByZero),
                "add" => Ok(x.wrapping_add(y)),
                "sub" => Ok(x.wrapping_sub(y)),
                "mul" => Ok(x.wrapping_mul(y)),
                "div_s" => x.checked_div(y).ok_or(Trap::IntegerOverflow),
                "div_u" => Ok(unsigned(a / b)),
                "rem_s" => Ok(x.wrapping_rem(y)),
                "rem_u" => Ok(unsigned(a % b)),
                "shl" => Ok(x.wrapping_shl(count)),
                "shr_s" => Ok(x.wrapping_shr(count)),
                "shr_u" => Ok(unsigned(a.wrapping_shr(count))),
                "rotl" => Ok(x.rotate_left(count)),
                "rotr" => Ok(x.rotate_right(count)),
                _ => panic!("{name} is no binary operation"),
            }
        }
    };
}

oracle!(binary_32, i32, u32);
oracle!(binary_64, i64, u64);

const BINARY: [&str; 12] = [
    "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "shl", "shr_s", "shr_u", "rotl",
    "rotr",
];

fn integer_operations_wrap_shift_and_trap_as_specified(subject: &EngineSubject) {
    let fixture = Fixture::new(subject, INTEGERS);
    let mut guest = fixture.guest();
    let mut rng = Rng::for_case("integer_operations");
    let edges = [0, 1, -1, 2, 31, 32, 33, 63, 64, 65, i64::MAX, i64::MIN, 0x7fff_ffff, 1 << 31];
    let mut pairs: Vec<(i64, i64)> =
        edges.iter().flat_map(|x| edges.iter().map(move |y| (*x, *y))).collect();
    for _ in 0..Effort::current().rounds(200) {
        pairs.push((rng.any_size().cast_signed(), rng.any_size().cast_signed()));
    }
    for (x, y) in pairs {
        for name in BINARY {
            let export = format!("i64.{name}");
            let expected = binary_64(name, x, y).map(|value| vec![I64(value)]);
            let computed = guest.call(&export, &[I64(x), I64(y)]);
            assert_eq!(computed, expected.map_err(CallError::Trap), "{export}({x}, {y})");
            if computed.is_err() {
                guest = fixture.guest();
            }
            let (x, y) = (low_half(x), low_half(y));
            let export = format!("i32.{name}");
            let expected = binary_32(name, x, y).map(|value| vec![I32(value)]);
            let computed = guest.call(&export, &[I32(x), I32(y)]);
            assert_eq!(computed, expected.map_err(CallError::Trap), "{export}({x}, {y})");
            if computed.is_err() {
                guest = fixture.guest();
            }
        }
    }
}

fn low_half(value: i64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn integers_are_counted_extended_and_wrapped_as_specified(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, INTEGERS);
    for x in [0, 1, -1, 0x80, 0x7f, 0x8000, 0x1_8000_0000, i64::MIN, i64::MAX, 0x00f0_0000] {
        let [low, high, ..] = x.to_le_bytes();
        let (byte, word) = (i8::from_le_bytes([low]), i16::from_le_bytes([low, high]));
        let count = |count: u32| I64(count.into());
        assert_eq!(guest.one("i64.clz", &[I64(x)]), count(x.leading_zeros()));
        assert_eq!(guest.one("i64.ctz", &[I64(x)]), count(x.trailing_zeros()));
        assert_eq!(guest.one("i64.popcnt", &[I64(x)]), count(x.count_ones()));
        assert_eq!(guest.one("i64.extend8_s", &[I64(x)]), I64(byte.into()));
        assert_eq!(guest.one("i64.extend16_s", &[I64(x)]), I64(word.into()));
        let half = low_half(x);
        let count = |count: u32| I32(count.cast_signed());
        assert_eq!(guest.one("i32.wrap_i64", &[I64(x)]), I32(half));
        assert_eq!(guest.one("i32.clz", &[I32(half)]), count(half.leading_zeros()));
        assert_eq!(guest.one("i32.ctz", &[I32(half)]), count(half.trailing_zeros()));
        assert_eq!(guest.one("i32.popcnt", &[I32(half)]), count(half.count_ones()));
        assert_eq!(guest.one("i32.extend8_s", &[I32(half)]), I32(byte.into()));
        assert_eq!(guest.one("i32.extend16_s", &[I32(half)]), I32(word.into()));
        assert_eq!(guest.one("i64.extend_i32_s", &[I32(half)]), I64(half.into()));
        let unsigned = i64::from(half.cast_unsigned());
        assert_eq!(guest.one("i64.extend_i32_u", &[I32(half)]), I64(unsigned));
    }
}
