//! What arrives is bounded by what was announced, and what may be announced by the limits table: in bytes,
//! in parts, in order, and in memory.

use igor_core::Limits;
use igor_core::format::{BILL_ITEMS_MAX, BillItem, Hash, Part, RefusalCode, Tick};
use igor_node::handoff::package::{Inventory, InventoryError, Package, Refusal};

fn item(part: Part, bytes: u64) -> BillItem {
    BillItem { part, hash: Hash::of(&bytes.to_le_bytes()), bytes }
}

fn check(items: Vec<BillItem>, expected: Option<InventoryError>) {
    assert_eq!(Inventory::new(items, &Limits::default()).err(), expected);
}

#[test]
fn a_list_that_is_too_long_too_large_or_out_of_order_is_none() {
    let max = Limits::default().package_bytes_max;
    check(Vec::new(), None);
    check(vec![item(Part::Module, max - 1), item(Part::Manifest, 1)], None);
    for (module, bytes) in [
        (max, max + 1),
        (max * 1_000, max * 1_000 + 1),
        (u64::MAX, u64::MAX),
        (u64::MAX - 1, u64::MAX),
    ] {
        let items = vec![item(Part::Module, module), item(Part::Manifest, 1)];
        check(items, Some(InventoryError::TooLarge { bytes, max }));
    }
    let many = |count: usize| -> Vec<_> {
        let ticks = (0..u64::MAX).take(count);
        ticks.map(|tick| item(Part::History(Tick(tick), 0), 1)).collect()
    };
    check(many(BILL_ITEMS_MAX), None);
    let count = BILL_ITEMS_MAX + 1;
    check(many(count), Some(InventoryError::TooMany { count, max: BILL_ITEMS_MAX }));
    let twice = vec![item(Part::Module, 1), item(Part::Module, 1)];
    check(twice, Some(InventoryError::Order(Part::Module)));
    let late = vec![item(Part::Record, 1), item(Part::Module, 1)];
    check(late, Some(InventoryError::Order(Part::Module)));
}

fn package(parts: &[(Part, &[u8])]) -> Package {
    let item = |(part, bytes): &(Part, &[u8])| BillItem {
        part: *part,
        hash: Hash::of(bytes),
        bytes: u64::try_from(bytes.len()).unwrap(),
    };
    let items = parts.iter().map(item).collect();
    Package::new(Inventory::new(items, &Limits::default()).unwrap())
}

#[test]
fn pieces_are_taken_in_order_once_and_as_long_as_announced() {
    let parts: [(Part, &[u8]); 2] = [(Part::Module, b"module"), (Part::Manifest, b"{}")];
    let refused = |pieces: &[(u32, u64, &[u8])], code: RefusalCode| {
        let mut package = package(&parts);
        let (last, first) = pieces.split_last().unwrap();
        for (number, offset, piece) in first {
            package.take(*number, *offset, piece).unwrap();
        }
        let refusal = package.take(last.0, last.1, last.2).unwrap_err();
        assert_eq!(refusal.code(), code, "{pieces:?}: {refusal}");
    };
    refused(&[(2, 0, b"x")], RefusalCode::Hash);
    refused(&[(u32::MAX, 0, b"x")], RefusalCode::Hash);
    refused(&[(0, 1, b"x")], RefusalCode::Hash);
    refused(&[(0, u64::MAX, b"x")], RefusalCode::Hash);
    refused(&[(0, 0, b"mod"), (0, 2, b"x")], RefusalCode::Hash);
    refused(&[(0, 0, b"mod"), (0, 0, b"mod")], RefusalCode::Hash);
    refused(&[(0, 0, b"modules")], RefusalCode::Hash);
    refused(&[(0, 0, b"mod"), (0, 3, b"ules")], RefusalCode::Hash);
    refused(&[(0, 0, b"module"), (0, 0, b"module")], RefusalCode::Hash);
    refused(&[(0, 0, b"modulf")], RefusalCode::Hash);

    let mut package = package(&parts);
    package.take(1, 0, b"{").unwrap();
    package.take(0, 0, b"modul").unwrap();
    assert_eq!([0, 1, 2].map(|number| package.arrived(number)), [5, 1, 0]);
    package.take(0, 5, b"e").unwrap();
    package.take(1, 1, b"}").unwrap();
    assert_eq!([0, 1].map(|number| package.arrived(number)), [6, 2]);
    assert!(matches!(package.put(Part::Record, Vec::new()), Err(Refusal::Part { .. })));
}

#[test]
fn a_refused_piece_leaves_what_had_arrived() {
    let mut package = package(&[(Part::Module, b"module")]);
    package.take(0, 0, b"mod").unwrap();
    package.take(0, 4, b"le").unwrap_err();
    assert_eq!(package.arrived(0), 3);
    package.take(0, 3, b"ule").unwrap();
    assert_eq!(package.arrived(0), 6);
}

#[test]
fn what_had_arrived_is_not_wanted_again_if_it_is_announced_again() {
    let parts: [(Part, &[u8]); 3] =
        [(Part::Module, b"module"), (Part::Manifest, b"{}"), (Part::Record, b"record")];
    let mut lost = package(&parts);
    lost.take(0, 0, b"module").unwrap();
    lost.take(2, 0, b"rec").unwrap();
    let remains = lost.into_remains();
    assert_eq!(remains.bytes(), 9);
    // The record is another one now, and something came before it.
    let news: [(Part, &[u8]); 4] =
        [parts[0], parts[1], (Part::Record, b"recent"), (Part::Checkpoint, b"record")];
    let announced = package(&news);
    let mut resumed = Package::resumed(announced.inventory().clone(), remains);
    let numbered = |part| (0..).zip(announced.inventory().items()).find(|it| it.1.part == part);
    let number = |part| numbered(part).map(|it| it.0).unwrap();
    let [manifest, record, checkpoint] =
        [Part::Manifest, Part::Record, Part::Checkpoint].map(number);
    let all: Vec<_> = (0..4).collect();
    assert_eq!(resumed.rest(&all), [(manifest, 0), (record, 0), (checkpoint, 3)]);
    resumed.take(checkpoint, 3, b"ord").unwrap();
    assert_eq!(resumed.rest(&all), [(manifest, 0), (record, 0)]);
}
