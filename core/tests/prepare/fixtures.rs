//! The fixtures, and the calls that the suites make of each.

use super::run::Bits;

/// A module as text, and calls of its exports.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) calls: &'static [Call],
}

/// An export, its arguments, and what calling it in a fresh instance costs.
pub(crate) type Call = (&'static str, &'static [Bits], u64);

const fn n(value: u32) -> Bits {
    Bits::I32(value)
}

/// All of them. The costs are version 1 of the table and never change; a few are worked out in
/// `gas::figures_worked_out_by_hand`.
pub(crate) const FIXTURES: [Fixture; 7] = [
    Fixture {
        name: "arithmetic",
        text: include_str!("arithmetic.wat"),
        calls: &[
            ("straight", &[n(5)], 7),
            ("sum", &[n(1)], 12),
            ("sum", &[n(10)], 93),
            ("choose", &[n(0)], 7),
            ("choose", &[n(1)], 5),
            ("early", &[n(0)], 6),
            ("early", &[n(3)], 11),
            ("nothing", &[], 2),
        ],
    },
    Fixture {
        name: "calls",
        text: include_str!("calls.wat"),
        calls: &[
            ("fib", &[n(0)], 7),
            ("fib", &[n(7)], 447),
            ("even", &[n(9)], 77),
            ("direct", &[], 207),
            ("indirect", &[n(0)], 111),
            ("indirect", &[n(1)], 11),
            ("indirect", &[n(2)], 6),
            ("reexported", &[n(1), Bits::I64(2)], 105),
        ],
    },
    Fixture {
        name: "memory",
        text: include_str!("memory.wat"),
        calls: &[
            ("fill", &[n(0), n(0)], 25),
            ("fill", &[n(0), n(7)], 25),
            ("fill", &[n(0), n(8)], 26),
            ("fill", &[n(0), n(65_536)], 8217),
            ("fill", &[n(1), n(65_536)], 8217),
            ("fill", &[n(0), n(u32::MAX)], 536_870_936),
            ("copy", &[n(100), n(0), n(80)], 35),
            ("copy", &[n(0), n(1), n(65_536)], 8217),
            ("init", &[n(11)], 26),
            ("init", &[n(12)], 26),
            ("drop_and_init", &[n(0)], 26),
            ("drop_and_init", &[n(1)], 26),
            ("grow", &[n(0)], 10_003),
            ("grow", &[n(2)], 12_051),
            ("grow", &[n(3)], 13_075),
            ("grow", &[n(u32::MAX)], 4_398_046_520_083),
            ("size", &[], 3),
        ],
    },
    Fixture {
        name: "tables",
        text: include_str!("tables.wat"),
        calls: &[
            ("call", &[n(0)], 7),
            ("call", &[n(2)], 107),
            ("call", &[n(3)], 4),
            ("call", &[n(4)], 4),
            ("call_global", &[], 10),
            ("call_import_global", &[], 110),
            ("call_ref_func", &[], 19),
            ("init", &[n(3)], 33),
            ("init", &[n(5)], 32),
            ("init_import", &[], 131),
            ("copy", &[n(2)], 32),
            ("copy", &[n(4)], 31),
            ("fill", &[n(4)], 43),
            ("fill", &[n(u32::MAX)], 4_294_967_331),
            ("grow", &[n(16)], 10_029),
            ("grow", &[n(17)], 10_030),
            ("grow", &[n(u32::MAX)], 4_294_977_308),
            ("drop", &[], 3),
            ("is_null", &[n(3)], 5),
            ("size", &[], 3),
            ("one", &[], 3),
        ],
    },
    Fixture {
        name: "exits",
        text: include_str!("exits.wat"),
        calls: &[
            ("fallthrough", &[n(1)], 6),
            ("return", &[n(1)], 8),
            ("return_under", &[n(1)], 8),
            ("br", &[n(1)], 7),
            ("br_if", &[n(0)], 9),
            ("br_if", &[n(1)], 8),
            ("br_table", &[n(0)], 12),
            ("br_table", &[n(1)], 10),
            ("br_table", &[n(2)], 8),
            ("br_table", &[n(3)], 8),
            ("loop", &[n(3)], 45),
            ("nothing", &[n(0)], 7),
            ("nothing", &[n(1)], 7),
            ("pair", &[n(0)], 9),
            ("pair", &[n(1)], 9),
            ("pair_br", &[n(0)], 20),
            ("pair_br", &[n(1)], 18),
            ("through", &[n(0)], 8),
            ("through", &[n(1)], 8),
            ("unreachable", &[n(0)], 7),
            ("unreachable", &[n(1)], 8),
        ],
    },
    Fixture {
        name: "floats",
        text: include_str!("floats.wat"),
        calls: &[
            ("series", &[n(1)], 37),
            ("series", &[n(1000)], 26_011),
            ("nested", &[n(1)], 107),
            ("nested", &[n(50)], 4909),
        ],
    },
    Fixture {
        name: "start",
        text: include_str!("start.wat"),
        calls: &[("igor:start", &[], 23), ("read", &[], 19)],
    },
];
