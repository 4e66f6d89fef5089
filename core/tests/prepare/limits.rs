//! Every row of the limits table that preparation enforces, and the bounds of its own: at the limit a
//! module is accepted, one above it is refused, and so is one far above.

use igor_core::limits::Limits;
use igor_core::prepare::{PrepareError, prepare};

use super::wat;

/// A module with `count` of something, under limits that allow `max` of it.
struct Row {
    what: &'static str,
    max: u64,
    limits: fn(&mut Limits) -> &mut u64,
    module: fn(u64) -> String,
}

fn repeated(item: &str, count: u64) -> String {
    item.repeat(usize::try_from(count).unwrap())
}

const ROWS: [Row; 11] = [
    Row {
        what: "functions",
        max: 5,
        limits: |limits| &mut limits.functions_max,
        module: |count| format!("(import \"a\" \"b\" (func)) {}", repeated("(func)", count)),
    },
    Row {
        what: "locals in one function",
        max: 7,
        limits: |limits| &mut limits.locals_max,
        module: |count| format!("(func (param i32 i32) (local {}))", repeated("i64 ", count - 2)),
    },
    Row {
        what: "globals",
        max: 3,
        limits: |limits| &mut limits.globals_max,
        module: |count| repeated("(global i32 (i32.const 0))", count),
    },
    Row {
        what: "parameters in one function type",
        max: 4,
        limits: |limits| &mut limits.params_max,
        module: |count| format!("(func (param {}))", repeated("i32 ", count)),
    },
    Row {
        what: "results in one function type",
        max: 4,
        limits: |limits| &mut limits.params_max,
        module: |count| format!("(type (func (result {})))", repeated("i32 ", count)),
    },
    Row {
        what: "element segments",
        max: 3,
        limits: |limits| &mut limits.element_segments_max,
        module: |count| repeated("(elem func)", count),
    },
    Row {
        what: "data segments",
        max: 3,
        limits: |limits| &mut limits.data_segments_max,
        module: |count| format!("(memory 0) {}", repeated("(data \"\")", count)),
    },
    Row {
        what: "pages of memory",
        max: 3,
        limits: |limits| &mut limits.memory_pages_max,
        module: |count| format!("(memory {count})"),
    },
    Row {
        what: "elements in a table",
        max: 9,
        limits: |limits| &mut limits.table_elements_max,
        module: |count| format!("(table {count} funcref)"),
    },
    Row {
        what: "bytes in one function",
        max: 40,
        limits: |limits| &mut limits.function_bytes_max,
        // The declaration of no locals and the `end` are a byte each.
        module: |count| format!("(func {})", repeated("nop ", count - 2)),
    },
    Row {
        what: "bytes",
        max: 40,
        limits: |limits| &mut limits.module_bytes_max,
        // 8 bytes of header, 2 or 3 of section, 5 of name, the rest data.
        module: |count| {
            let data = if count < 138 { count - 15 } else { count - 16 };
            format!("(@custom \"name\" \"{}\")", repeated("x", data))
        },
    },
];

fn check(row: &Row, module: &str, max: u64) -> Result<(), PrepareError> {
    let mut limits = Limits::default();
    *(row.limits)(&mut limits) = max;
    prepare(&wat(&format!("(module {module})")), &limits).map(|_| ())
}

#[test]
fn every_row_is_enforced_exactly() {
    for row in &ROWS {
        for (found, accepted) in
            [(row.max - 1, true), (row.max, true), (row.max + 1, false), (row.max * 200, false)]
        {
            let result = check(row, &(row.module)(found), row.max);
            let expected = PrepareError::Limit { what: row.what, found, max: row.max };
            let expected = if accepted { Ok(()) } else { Err(expected) };
            assert_eq!(result, expected, "{} of {found}", row.what);
        }
    }
}

#[test]
fn the_bounds_that_engines_need_are_enforced() {
    type Module = fn(u64) -> String;

    let cases: [(&str, u64, Module); 9] = [
        ("types", 10_000, |n| (0..n).map(|_| "(type (func))").collect()),
        ("imports", 1_000, |n| (0..n).map(|i| format!("(import \"a\" \"{i}\" (func))")).collect()),
        ("exports", 10_000, |n| {
            let exports: String = (0..n).map(|i| format!("(export \"{i}\" (func 0))")).collect();
            format!("(func) {exports}")
        }),
        ("memories", 1, |n| repeated("(memory 0)", n)),
        ("tables", 1, |n| repeated("(table 0 funcref)", n)),
        ("targets in one branch table", 32_768, |n| {
            format!("(func (i32.const 0) (br_table {} 0))", repeated("0 ", n))
        }),
        ("nested blocks in one function", 4_096, |n| {
            format!("(func {} {})", repeated("block ", n), repeated("end ", n))
        }),
        ("loops in one function", 1_000, |n| {
            // A loop that nothing branches back to does not count.
            format!("(func (loop) {})", repeated("loop i32.const 0 br_if 0 end ", n))
        }),
        ("locals and operands in one function", 32_768, |n| {
            let operands = n - 10;
            let (push, pop) = (repeated("local.get 0 ", operands), repeated("drop ", operands));
            format!("(func (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) {push} {pop})")
        }),
    ];
    for (what, max, module) in &cases {
        for (found, accepted) in [(*max, true), (*max + 1, false)] {
            let text = wat(&format!("(module {})", module(found)));
            let result = prepare(&text, &Limits::default()).map(|_| ());
            let limit = PrepareError::Limit { what, found, max: *max };
            assert_eq!(result, if accepted { Ok(()) } else { Err(limit) }, "{what} {found}");
        }
    }
}

/// A function of nothing but loops that repeat grows most, to about six times its size.
#[test]
fn a_function_that_would_grow_too_much_is_refused() {
    let limits = Limits { function_bytes_max: 1_024, ..Limits::default() };
    let loops = repeated("loop i32.const 0 br_if 0 end ", 120);
    assert!(prepare(&wat(&format!("(module (func {loops}))")), &limits).is_ok());
    // Nested, each loop saves the floats of all within it.
    let nested = format!(
        "(module (func (local {}) {} {} {}))",
        repeated("f64 ", 16),
        repeated("loop i32.const 0 br_if 0 ", 130),
        (0..16).map(|l| format!("(local.set {l} (local.get {l}))")).collect::<String>(),
        repeated("end ", 130),
    );
    let error = prepare(&wat(&nested), &limits).unwrap_err();
    let PrepareError::Limit { what, max, .. } = error else { panic!("{error}") };
    assert_eq!((what, max), ("bytes in one prepared function", 8 * 1_024));
}

/// The same for a whole module, of many functions that grow each.
#[test]
fn a_module_that_would_grow_too_much_is_refused() {
    let function = format!("(func {})", repeated("loop i32.const 0 br_if 0 end ", 900));
    let module = wat(&format!("(module {})", repeated(&function, 10)));
    let module_bytes_max = u64::try_from(module.len()).unwrap();
    let limits = Limits { module_bytes_max, ..Limits::default() };
    let error = prepare(&module, &limits).unwrap_err();
    let PrepareError::Limit { what, max, .. } = error else { panic!("{error}") };
    assert_eq!((what, max), ("bytes once prepared", 2 * module_bytes_max + (64 << 10)));
    assert!(prepare(&module, &Limits::default()).is_ok());
}

#[test]
fn growth_stops_at_the_lower_of_the_declared_maximum_and_the_limit() {
    let limits = Limits { memory_pages_max: 10, table_elements_max: 20, ..Limits::default() };
    let cases = [
        ("(memory 1) (table 1 funcref)", 10, 20),
        ("(memory 1 5) (table 1 7 funcref)", 5, 7),
        ("(memory 1 50) (table 1 70 funcref)", 10, 20),
        ("(memory 10 10) (table 20 20 funcref)", 10, 20),
        ("", 0, 0),
    ];
    for (fields, pages, elements) in cases {
        let module = prepare(&wat(&format!("(module {fields})")), &limits).unwrap();
        let found = (module.memory_pages_max(), module.table_elements_max());
        assert_eq!(found, (pages, elements), "{fields}");
    }
}
