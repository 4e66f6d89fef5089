//! Floats bit by bit. Operations that compute return the canonical NaN and otherwise what IEEE 754
//! says; operations that move bits move all of them. The oracle is this machine's own arithmetic,
//! whose NaNs are then made canonical.

use igor_core::Trap;
use igor_core::engine::Value::{self, F32, F64, I32, I64};

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, fixture};

const FLOATS: &str = fixture!("floats");

const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;

/// Nine NaNs: both signs, quiet and signalling, with payloads and without.
const NANS_32: [u32; 9] = [
    NAN_32,
    0xffc0_0000,
    0x7fc0_0001,
    0xffc0_0001,
    0x7f80_0001,
    0xff80_0001,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fa5_5a5a,
];
const NANS_64: [u64; 9] = [
    NAN_64,
    0xfff8_0000_0000_0000,
    0x7ff8_0000_0000_0001,
    0xfff8_0000_0000_0001,
    0x7ff0_0000_0000_0001,
    0xfff0_0000_0000_0001,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0x7ff4_5a5a_5a5a_5a5a,
];

/// Numbers at the edges: zeros, subnormals, halves for rounding, the largest, infinities.
const NUMBERS_32: [u32; 16] = [
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3f00_0000,
    0xbf00_0000,
    0x3f80_0000,
    0x3fc0_0000,
    0xc020_0000,
    0x4b00_0001,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
];
const NUMBERS_64: [u64; 16] = [
    0,
    0x8000_0000_0000_0000,
    1,
    0x8000_0000_0000_0001,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0xc004_0000_0000_0000,
    0x4330_0000_0000_0001,
    0x7fef_ffff_ffff_ffff,
    0xffef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
];

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        operations_on_nans_return_the_canonical_one covers ["engine-is-deterministic"],
        operations_on_numbers_return_what_ieee_754_says covers ["engine-is-deterministic"],
        operations_that_move_bits_keep_nans covers ["engine-is-deterministic"],
        signs_of_nans_do_not_depend_on_the_machine covers ["engine-is-deterministic"],
        nans_in_loops_are_canonical_where_they_are_seen covers ["engine-is-deterministic"],
        conversions_to_integers_round_and_trap_at_their_bounds
            covers ["engine-is-deterministic", "call-maps-traps"],
        saturating_conversions_stop_at_their_bounds covers ["engine-is-deterministic"],
    ]
}

/// What the unary and binary operations of one width compute, by name, before canonicalisation.
macro_rules! oracle {
    ($unary:ident, $binary:ident, $float:ty) => {
        fn $unary(name: &str, x: $float) -> $float {
            match name {
                "sqrt" => x.sqrt(),
                "ceil" => x.ceil(),
                "floor" => x.floor(),
                "trunc" => x.trunc(),
                "nearest" => x.round_ties_even(),
                _ => panic!("{name} is no unary operation"),
            }
        }

        fn $binary(name: &str, x: $float, y: $float) -> $float {
            // Rust's min and max ignore NaNs and may return either zero; WebAssembly's do neither.
            let nan_or = |value| if x.is_nan() || y.is_nan() { <$float>::NAN } else { value };
            match name {
                "add" => x + y,
                "sub" => x - y,
                "mul" => x * y,
                "div" => x / y,
                "min" if x == y => nan_or(if x.is_sign_negative() { x } else { y }),
                "min" => nan_or(if x < y { x } else { y }),
                "max" if x == y => nan_or(if x.is_sign_positive() { x } else { y }),
                "max" => nan_or(if x > y { x } else { y }),
                _ => panic!("{name} is no binary operation"),
            }
        }
    };
}

oracle!(unary_32, binary_32, f32);
oracle!(unary_64, binary_64, f64);

const UNARY: [&str; 5] = ["sqrt", "ceil", "floor", "trunc", "nearest"];
const BINARY: [&str; 6] = ["add", "sub", "mul", "div", "min", "max"];

fn canonical_32(value: f32) -> Value {
    F32(if value.is_nan() { NAN_32 } else { value.to_bits() })
}

fn canonical_64(value: f64) -> Value {
    F64(if value.is_nan() { NAN_64 } else { value.to_bits() })
}

fn demote(value: f64) -> f32 {
    #[expect(clippy::as_conversions, reason = "there is no other way to demote a float")]
    let demoted = value as f32;
    demoted
}

/// All 24 operations on one pair of operands.
fn check(guest: &mut Guest, (x32, y32): (u32, u32), (x64, y64): (u64, u64)) {
    let (a32, b32) = (f32::from_bits(x32), f32::from_bits(y32));
    let (a64, b64) = (f64::from_bits(x64), f64::from_bits(y64));
    for name in UNARY {
        let export = format!("f32.{name}");
        let computed = guest.one(&export, &[F32(x32)]);
        assert_eq!(computed, canonical_32(unary_32(name, a32)), "{export}({x32:#010x})");
        let export = format!("f64.{name}");
        let computed = guest.one(&export, &[F64(x64)]);
        assert_eq!(computed, canonical_64(unary_64(name, a64)), "{export}({x64:#018x})");
    }
    for name in BINARY {
        let export = format!("f32.{name}");
        let computed = guest.one(&export, &[F32(x32), F32(y32)]);
        let expected = canonical_32(binary_32(name, a32, b32));
        assert_eq!(computed, expected, "{export}({x32:#010x}, {y32:#010x})");
        let export = format!("f64.{name}");
        let computed = guest.one(&export, &[F64(x64), F64(y64)]);
        let expected = canonical_64(binary_64(name, a64, b64));
        assert_eq!(computed, expected, "{export}({x64:#018x}, {y64:#018x})");
    }
    let promoted = guest.one("f64.promote", &[F32(x32)]);
    assert_eq!(promoted, canonical_64(a32.into()), "promote({x32:#010x})");
    let demoted = guest.one("f32.demote", &[F64(x64)]);
    assert_eq!(demoted, canonical_32(demote(a64)), "demote({x64:#018x})");
}

fn operations_on_nans_return_the_canonical_one(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, FLOATS);
    for (nan32, nan64) in NANS_32.into_iter().zip(NANS_64) {
        let (one32, one64) = (1_f32.to_bits(), 1_f64.to_bits());
        check(&mut guest, (nan32, one32), (nan64, one64));
        check(&mut guest, (one32, nan32), (one64, nan64));
        for (other32, other64) in NANS_32.into_iter().zip(NANS_64) {
            check(&mut guest, (nan32, other32), (nan64, other64));
        }
    }
}

fn operations_on_numbers_return_what_ieee_754_says(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, FLOATS);
    for (x32, x64) in NUMBERS_32.into_iter().zip(NUMBERS_64) {
        for (y32, y64) in NUMBERS_32.into_iter().zip(NUMBERS_64) {
            check(&mut guest, (x32, y32), (x64, y64));
        }
    }
}

const MOVES: [&str; 8] =
    ["memory", "reinterpret", "select", "global", "local", "call", "block", "copysign"];

fn operations_that_move_bits_keep_nans(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, FLOATS);
    for bits in NANS_32.into_iter().chain(NUMBERS_32) {
        for name in MOVES {
            let export = format!("f32.{name}");
            let args = vec![F32(bits); if name == "copysign" { 2 } else { 1 }];
            assert_eq!(guest.one(&export, &args), F32(bits), "{export}({bits:#010x})");
        }
        let sign = 1 << 31;
        assert_eq!(guest.one("f32.neg", &[F32(bits)]), F32(bits ^ sign), "{bits:#010x}");
        assert_eq!(guest.one("f32.abs", &[F32(bits)]), F32(bits & !sign), "{bits:#010x}");
        let negative = [F32(bits), F32(0xff80_0001)];
        assert_eq!(guest.one("f32.copysign", &negative), F32(bits | sign), "{bits:#010x}");
    }
    for bits in NANS_64.into_iter().chain(NUMBERS_64) {
        for name in MOVES {
            let export = format!("f64.{name}");
            let args = vec![F64(bits); if name == "copysign" { 2 } else { 1 }];
            assert_eq!(guest.one(&export, &args), F64(bits), "{export}({bits:#018x})");
        }
        let sign = 1 << 63;
        assert_eq!(guest.one("f64.neg", &[F64(bits)]), F64(bits ^ sign), "{bits:#018x}");
        assert_eq!(guest.one("f64.abs", &[F64(bits)]), F64(bits & !sign), "{bits:#018x}");
        let negative = [F64(bits), F64(0xfff0_0000_0000_0001)];
        assert_eq!(guest.one("f64.copysign", &negative), F64(bits | sign), "{bits:#018x}");
    }
}

fn signs_of_nans_do_not_depend_on_the_machine(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, FLOATS);
    let (one32, one64) = (F32(1_f32.to_bits()), F64(1_f64.to_bits()));
    let infinities = [F32(0x7f80_0000), F32(0xff80_0000)];
    assert_eq!(guest.one("f32.sign_of_sum", &infinities), one32);
    let infinities = [F64(0x7ff0_0000_0000_0000), F64(0xfff0_0000_0000_0000)];
    assert_eq!(guest.one("f64.sign_of_sum", &infinities), one64);
    for (nan32, nan64) in NANS_32.into_iter().zip(NANS_64) {
        assert_eq!(guest.one("f32.sign_of_sum", &[F32(nan32), one32]), one32);
        assert_eq!(guest.one("f64.sign_of_sum", &[one64, F64(nan64)]), one64);
    }
}

fn nans_in_loops_are_canonical_where_they_are_seen(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, FLOATS);
    let (one32, one64) = (F32(1_f32.to_bits()), F64(1_f64.to_bits()));
    for (nan32, nan64) in NANS_32.into_iter().zip(NANS_64) {
        let expected = I32(NAN_32.cast_signed());
        assert_eq!(guest.one("f32.loop", &[F32(nan32), one32]), expected);
        assert_eq!(guest.one("f32.loop", &[one32, F32(nan32)]), expected);
        let expected = I64(NAN_64.cast_signed());
        assert_eq!(guest.one("f64.loop", &[F64(nan64), one64]), expected);
        assert_eq!(guest.one("f64.loop", &[one64, F64(nan64)]), expected);
    }
}

/// A conversion's name, the last numbers inside its bounds with what they become, and the first ones
/// outside.
struct Conversion {
    name: &'static str,
    inside: [(Value, Value); 2],
    outside: [(Value, Value); 2],
}

fn conversions() -> Vec<Conversion> {
    fn f(value: f32) -> Value {
        F32(value.to_bits())
    }
    fn d(value: f64) -> Value {
        F64(value.to_bits())
    }
    let (two31, two32) = (2_147_483_648_f32, 4_294_967_296_f32);
    let (two63, two64) = (9_223_372_036_854_775_808_f64, 18_446_744_073_709_551_616_f64);
    let (i32_min, i64_min) = (I32(i32::MIN), I64(i64::MIN));
    let (i32_max, i64_max) = (I32(i32::MAX), I64(i64::MAX));
    let below = |value: f32| f(f32::from_bits(value.to_bits() - 1));
    let below_64 = |value: f64| d(f64::from_bits(value.to_bits() - 1));
    let beyond = |value: f32| f(f32::from_bits(value.to_bits() + 1));
    let beyond_64 = |value: f64| d(f64::from_bits(value.to_bits() + 1));
    let row = |name, inside, outside| Conversion { name, inside, outside };
    vec![
        row(
            "i32.trunc_f32_s",
            [(f(-two31), i32_min), (below(two31), I32(2_147_483_520))],
            [(beyond(-two31), i32_min), (f(two31), i32_max)],
        ),
        row(
            "i32.trunc_f32_u",
            [(f(-0.9), I32(0)), (below(two32), I32(-256))],
            [(f(-1.0), I32(0)), (f(two32), I32(-1))],
        ),
        row(
            "i32.trunc_f64_s",
            [(d(-2_147_483_648.9), i32_min), (d(2_147_483_647.9), i32_max)],
            [(d(-2_147_483_649.0), i32_min), (d(2_147_483_648.0), i32_max)],
        ),
        row(
            "i32.trunc_f64_u",
            [(d(-0.9), I32(0)), (d(4_294_967_295.9), I32(-1))],
            [(d(-1.0), I32(0)), (d(4_294_967_296.0), I32(-1))],
        ),
        row(
            "i64.trunc_f32_s",
            [(f(demote(-two63)), i64_min), (below(demote(two63)), I64(0x7fff_ff80_0000_0000))],
            [(beyond(demote(-two63)), i64_min), (f(demote(two63)), i64_max)],
        ),
        row(
            "i64.trunc_f32_u",
            [(f(-0.9), I64(0)), (below(demote(two64)), I64(-0x100_0000_0000))],
            [(f(-1.0), I64(0)), (f(demote(two64)), I64(-1))],
        ),
        row(
            "i64.trunc_f64_s",
            [(d(-two63), i64_min), (below_64(two63), I64(0x7fff_ffff_ffff_fc00))],
            [(beyond_64(-two63), i64_min), (d(two63), i64_max)],
        ),
        row(
            "i64.trunc_f64_u",
            [(d(-0.9), I64(0)), (below_64(two64), I64(-2_048))],
            [(d(-1.0), I64(0)), (d(two64), I64(-1))],
        ),
    ]
}

fn conversions_to_integers_round_and_trap_at_their_bounds(subject: &EngineSubject) {
    let fixture = Fixture::new(subject, FLOATS);
    for Conversion { name, inside, outside } in conversions() {
        let mut guest = fixture.guest();
        for (arg, result) in inside {
            assert_eq!(guest.one(name, &[arg]), result, "{name}({arg:?})");
        }
        for (arg, _) in outside {
            assert_eq!(
                fixture.guest().trap(name, &[arg]),
                Trap::IntegerOverflow,
                "{name}({arg:?})"
            );
        }
    }
}

fn saturating_conversions_stop_at_their_bounds(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, FLOATS);
    for Conversion { name, inside, outside } in conversions() {
        let name = name.replace("trunc", "trunc_sat");
        for (arg, result) in inside.into_iter().chain(outside) {
            assert_eq!(guest.one(&name, &[arg]), result, "{name}({arg:?})");
        }
        let nan = if name.contains("f32") { F32(0xffc0_0001) } else { F64(NAN_64 + 1) };
        let zero = if name.starts_with("i32") { I32(0) } else { I64(0) };
        assert_eq!(guest.one(&name, &[nan]), zero, "{name} of a NaN");
    }
}
