//! Tables: growth, bulk operations, and what an indirect call finds.

use igor_core::Trap;
use igor_core::engine::Value::I32;

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, fixture};

const TABLES: &str = fixture!("tables");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        a_table_grows_to_its_maximum_and_no_further covers ["growth-within-limits-is-granted"],
        the_limits_table_bounds_a_table_without_a_maximum
            covers ["growth-within-limits-is-granted"],
        indirect_calls_follow_the_tables_changes covers ["call-returns-results"],
        table_operations_of_nothing_may_stand_at_the_end covers ["call-maps-traps"],
        a_dropped_element_segment_is_empty covers ["call-maps-traps"],
    ]
}

fn a_table_grows_to_its_maximum_and_no_further(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, TABLES);
    for (elements, before) in [(0, 4), (5, -1), (3, 4), (2, -1), (1, 7), (1, -1), (0, 8)] {
        assert_eq!(guest.int("grow", &[elements]), before, "by {elements}");
    }
    assert_eq!(guest.int("call", &[7]), 3, "new elements are what they were grown with");
}

fn the_limits_table_bounds_a_table_without_a_maximum(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, fixture!("table_unbounded"));
    for (elements, before) in
        [(10_001, -1), (9_999, 0), (2, -1), (1_000_000, -1), (1, 9_999), (1, -1)]
    {
        assert_eq!(guest.int("grow", &[elements]), before, "by {elements}");
    }
}

fn indirect_calls_follow_the_tables_changes(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, TABLES);
    assert_eq!((guest.int("call", &[0]), guest.int("call", &[1])), (1, 2));
    guest.run("copy", &[1, 0, 2]);
    assert_eq!((guest.int("call", &[1]), guest.int("call", &[2])), (1, 2));
    guest.run("init", &[0, 1, 2]);
    assert_eq!((guest.int("call", &[0]), guest.int("call", &[1])), (2, 3));
    guest.run("fill", &[1, 3]);
    assert_eq!((guest.int("call", &[1]), guest.int("call", &[3])), (2, 2));
    guest.run("clear", &[3]);
    assert_eq!(guest.trap("call", &[I32(3)]), Trap::CallIndirectNull);
}

fn table_operations_of_nothing_may_stand_at_the_end(subject: &EngineSubject) {
    let fixture = Fixture::new(subject, TABLES);
    let mut guest = fixture.guest();
    guest.run("fill", &[4, 0]);
    guest.run("copy", &[4, 4, 0]);
    guest.run("init", &[4, 3, 0]);
    let beyond: [(&str, &[i32]); 7] = [
        ("fill", &[5, 0]),
        ("fill", &[0, 5]),
        ("copy", &[5, 0, 0]),
        ("copy", &[0, 5, 0]),
        ("init", &[5, 0, 0]),
        ("init", &[0, 4, 0]),
        ("init", &[2, 0, 3]),
    ];
    for (export, args) in beyond {
        let values: Vec<_> = args.iter().copied().map(I32).collect();
        assert_eq!(
            fixture.guest().trap(export, &values),
            Trap::TableOutOfBounds,
            "{export}{args:?}"
        );
    }
}

fn a_dropped_element_segment_is_empty(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, TABLES);
    guest.run("drop", &[]);
    guest.run("init", &[4, 0, 0]);
    assert_eq!(guest.trap("init", &[I32(0), I32(0), I32(1)]), Trap::TableOutOfBounds);
}
