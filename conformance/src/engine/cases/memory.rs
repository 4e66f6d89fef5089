//! The guest's memory: what it holds, how it grows, and where it ends.

use igor_core::Trap;
use igor_core::engine::Value::{I32, I64};
use igor_core::engine::{guest_slice, guest_slice_mut};

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, fixture};

const MEMORY: &str = fixture!("memory");
const PAGE: usize = 65_536;

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        a_module_without_a_memory_has_an_empty_one covers ["memory-is-the-guests"],
        a_new_memory_holds_the_data_segments_and_zeros covers ["memory-is-the-guests"],
        what_the_node_writes_the_guest_reads covers ["memory-is-the-guests"],
        what_the_guest_writes_the_node_reads covers ["memory-is-the-guests"],
        loads_of_every_width_extend_as_they_should covers ["memory-is-the-guests"],
        accesses_end_exactly_at_the_memorys_end covers ["call-maps-traps"],
        a_pointer_and_length_end_exactly_at_the_memorys_end covers ["memory-is-the-guests"],
        growth_up_to_the_maximum_is_granted covers ["growth-within-limits-is-granted"],
        growth_beyond_the_maximum_is_refused covers ["growth-within-limits-is-granted"],
        the_limits_table_bounds_a_memory_without_a_maximum
            covers ["growth-within-limits-is-granted"],
        a_grown_memory_is_seen_whole_and_zeroed covers ["memory-is-the-guests"],
        bulk_operations_of_no_bytes_may_stand_at_the_end covers ["call-maps-traps"],
        overlapping_copies_move_as_if_at_once covers ["memory-is-the-guests"],
        a_dropped_data_segment_is_empty covers ["call-maps-traps"],
    ]
}

fn a_module_without_a_memory_has_an_empty_one(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, fixture!("gas_fib"));
    assert!(guest.instance.memory().is_empty());
    assert!(guest.instance.memory_mut().is_empty());
}

fn a_new_memory_holds_the_data_segments_and_zeros(subject: &EngineSubject) {
    let guest = Guest::new(subject, MEMORY);
    let memory = guest.instance.memory();
    assert_eq!(memory.len(), PAGE);
    assert_eq!(memory[100..108], [1, 2, 3, 4, 0x85, 0x86, 0x87, 0x88]);
    assert!(memory[..100].iter().chain(&memory[108..]).all(|byte| *byte == 0));
}

fn what_the_node_writes_the_guest_reads(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    for (address, byte) in [(0, 1), (1, 255), (PAGE - 1, 128)] {
        guest.instance.memory_mut()[address] = byte;
        let read = guest.int("load8", &[i32::try_from(address).unwrap()]);
        assert_eq!(read, i32::from(byte), "at {address}");
    }
}

fn what_the_guest_writes_the_node_reads(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    guest.run("store8", &[0, 0x1ff]);
    guest.run("store8", &[65_535, 9]);
    let stored = guest.call("store64", &[I32(1_001), I64(0x0102_0304_0506_0708)]);
    assert_eq!(stored, Ok(vec![]));
    let memory = guest.instance.memory();
    assert_eq!((memory[0], memory[1], memory[PAGE - 1]), (0xff, 0, 9));
    assert_eq!(memory[1_001..1_009], [8, 7, 6, 5, 4, 3, 2, 1]);
}

fn loads_of_every_width_extend_as_they_should(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    let expected = [
        ("load8", I32(0x85)),
        ("load16", I32(0x8685)),
        ("load32", I32(0x8887_8685_u32.cast_signed())),
        ("load8_s", I64(-0x7b)),
        ("load16_s", I64(-0x797b)),
        ("load32_s", I64(-0x7778_797b)),
    ];
    for (export, value) in expected {
        assert_eq!(guest.one(export, &[I32(104)]), value, "{export}");
    }
    let whole = 0x8887_8685_0403_0201_u64.cast_signed();
    assert_eq!(guest.one("load64", &[I32(100)]), I64(whole));
}

fn accesses_end_exactly_at_the_memorys_end(subject: &EngineSubject) {
    let widths = [
        ("load8", 1),
        ("load16", 2),
        ("load32", 4),
        ("load64", 8),
        ("load8_s", 1),
        ("load16_s", 2),
        ("load32_s", 4),
    ];
    let fixture = Fixture::new(subject, MEMORY);
    for (export, width) in widths {
        for pages in [1, 2, 4] {
            let last = pages * 65_536 - width;
            let grown = || {
                let mut guest = fixture.guest();
                guest.int("grow", &[pages - 1]);
                guest
            };
            let mut guest = grown();
            for address in [0, 1, last - 1, last] {
                assert!(guest.call(export, &[I32(address)]).is_ok(), "{export} at {address}");
            }
            for address in [last + 1, last + width, i32::MAX, i32::MIN, -width, -1] {
                let trap = grown().trap(export, &[I32(address)]);
                assert_eq!(trap, Trap::MemoryOutOfBounds, "{export} at {address} of {pages} pages");
            }
        }
    }
    let mut guest = fixture.guest();
    assert_eq!(guest.int("load8_offset", &[0]), 0);
    assert_eq!(guest.trap("load8_offset", &[I32(1)]), Trap::MemoryOutOfBounds);
}

fn a_pointer_and_length_end_exactly_at_the_memorys_end(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    let end = 65_536;
    let inside = [(0, 0), (0, 1), (0, end), (end - 1, 1), (end, 0), (100, 8)];
    let outside = [
        (0, end + 1),
        (end - 1, 2),
        (end, 1),
        (end + 1, 0),
        (u32::MAX, 0),
        (u32::MAX, 1),
        (1, u32::MAX),
        (u32::MAX, u32::MAX),
    ];
    for (pointer, length) in inside {
        let bytes = guest_slice(guest.instance.memory(), pointer, length).map(<[u8]>::len);
        assert_eq!(bytes, Ok(usize::try_from(length).unwrap()), "{pointer} {length}");
        let bytes = guest_slice_mut(guest.instance.memory_mut(), pointer, length);
        assert!(bytes.is_ok(), "{pointer} {length}");
    }
    for (pointer, length) in outside {
        assert!(guest_slice(guest.instance.memory(), pointer, length).is_err());
        assert!(guest_slice_mut(guest.instance.memory_mut(), pointer, length).is_err());
    }
}

fn growth_up_to_the_maximum_is_granted(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    for (pages, before) in [(0, 1), (1, 1), (0, 2), (2, 2), (0, 4)] {
        assert_eq!(guest.int("grow", &[pages]), before, "by {pages}");
    }
    assert_eq!(guest.int("size", &[]), 4);
}

fn growth_beyond_the_maximum_is_refused(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    for pages in [4, 1_024, 65_535] {
        assert_eq!(guest.int("grow", &[pages]), -1, "by {pages}");
    }
    assert_eq!(guest.int("grow", &[3]), 1, "a refusal does not use anything up");
    assert_eq!(guest.int("grow", &[1]), -1);
    assert_eq!(guest.int("size", &[]), 4);
    assert_eq!(guest.instance.memory().len(), 4 * PAGE);
}

fn the_limits_table_bounds_a_memory_without_a_maximum(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, fixture!("memory_unbounded"));
    assert!(guest.instance.memory().is_empty());
    assert_eq!(guest.int("grow", &[1_025]), -1);
    assert_eq!(guest.int("grow", &[1_024]), 0);
    assert_eq!(guest.int("grow", &[1]), -1);
    assert_eq!(guest.int("grow", &[0]), 1_024);
    assert_eq!(guest.instance.memory().len(), 1_024 * PAGE);
}

fn a_grown_memory_is_seen_whole_and_zeroed(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    guest.instance.memory_mut().fill(0xcc);
    assert_eq!(guest.int("grow", &[2]), 1);
    let memory = guest.instance.memory();
    assert_eq!(memory.len(), 3 * PAGE);
    assert!(memory[..PAGE].iter().all(|byte| *byte == 0xcc), "what was there stays");
    assert!(memory[PAGE..].iter().all(|byte| *byte == 0), "what is new is zero");
    guest.instance.memory_mut()[3 * PAGE - 1] = 5;
    assert_eq!(guest.int("load8", &[196_607]), 5);
}

fn bulk_operations_of_no_bytes_may_stand_at_the_end(subject: &EngineSubject) {
    let fixture = Fixture::new(subject, MEMORY);
    let mut guest = fixture.guest();
    guest.run("fill", &[65_536, 1, 0]);
    guest.run("copy", &[65_536, 65_536, 0]);
    guest.run("init", &[65_536, 10, 0]);
    let beyond: [(&str, [i32; 3]); 6] = [
        ("fill", [65_537, 1, 0]),
        ("copy", [65_537, 0, 0]),
        ("copy", [0, 65_537, 0]),
        ("init", [65_537, 0, 0]),
        ("init", [0, 11, 0]),
        ("init", [0, 5, 6]),
    ];
    for (export, args) in beyond {
        let trap = fixture.guest().trap(export, &args.map(I32));
        assert_eq!(trap, Trap::MemoryOutOfBounds, "{export}{args:?}");
    }
}

fn overlapping_copies_move_as_if_at_once(subject: &EngineSubject) {
    for (to, from) in [(10_i32, 7_i32), (7, 10), (9, 9)] {
        let mut guest = Guest::new(subject, MEMORY);
        let bytes: Vec<u8> = (1..=40).collect();
        guest.instance.memory_mut()[..40].copy_from_slice(&bytes);
        guest.run("copy", &[to, from, 20]);
        let mut expected = bytes;
        let source = usize::try_from(from).unwrap();
        expected.copy_within(source..source + 20, usize::try_from(to).unwrap());
        assert_eq!(guest.instance.memory()[..40], expected[..], "from {from} to {to}");
    }
}

fn a_dropped_data_segment_is_empty(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, MEMORY);
    guest.run("init", &[200, 3, 4]);
    assert_eq!(guest.instance.memory()[200..204], *b"3456");
    guest.run("drop", &[]);
    guest.run("drop", &[]);
    guest.run("init", &[65_536, 0, 0]);
    assert_eq!(guest.trap("init", &[I32(0), I32(0), I32(1)]), Trap::MemoryOutOfBounds);
}
