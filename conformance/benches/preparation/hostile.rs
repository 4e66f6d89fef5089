//! Guests made to be slow per unit of gas: each repeats one operator that the cost table might have
//! priced too low.

/// A guest whose export `run` never returns. `init`, if exported, comes first and is not timed.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// How often the operator stands in the loop.
const UNROLLED: usize = 64;

/// A loop over `body`, which leaves nothing on the stack.
fn repeat(name: &'static str, fields: &str, locals: &str, body: &str) -> Hostile {
    let body = format!("{body} ").repeat(UNROLLED);
    let text = format!(
        "(module {fields} (func (export \"run\") {locals} (loop $again {body} br $again)))"
    );
    Hostile { name, text }
}

/// A loop over an operator from i64 to i64 or f64 to f64, each result feeding the next.
fn chain(name: &'static str, ty: &str, first: &str, body: &str) -> Hostile {
    let body = format!("{body} ").repeat(UNROLLED);
    let text = format!(
        "(module (func (export \"run\") (local $x {ty}) (local $n i64)
            (local.set $x ({ty}.const {first}))
            (loop $again (local.set $x (local.get $x) {body}) br $again)))"
    );
    Hostile { name, text }
}

/// Memory of 64 MiB in which each cache line points to another, all in one cycle in random order.
const CHASE: &str = r#"(memory 1024)
    (func (export "init") (local $i i32) (local $x i32)
      (loop $line
        ;; x = 5 x + 1 mod 2^20 visits every line once.
        (local.set $x (i32.and (i32.add (i32.mul (local.get $i) (i32.const 1664525))
          (i32.const 1013904223)) (i32.const 0xfffff)))
        (i32.store (i32.shl (local.get $i) (i32.const 6)) (i32.shl (local.get $x) (i32.const 6)))
        (br_if $line (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (i32.const 0x100000)))))"#;

/// All of them.
pub(crate) fn all() -> Vec<Hostile> {
    [numbers(), calls(), memories(), tables(), many_values()].into_iter().flatten().collect()
}

/// Slow arithmetic.
fn numbers() -> Vec<Hostile> {
    vec![
        repeat("branch", "", "", "(block br 0)"),
        chain("i64.div_u", "i64", "-1", "i64.const 3 i64.div_u i64.const -1 i64.or"),
        chain("i64.rem_s", "i64", "-7", "i64.const 0x7ffffffffffffff3 i64.rem_s"),
        chain("f64.sqrt", "f64", "1e300", "f64.sqrt"),
        chain("f64.div", "f64", "1e300", "f64.const 1.0000001 f64.div"),
        chain("f64.nearest", "f64", "1.5", "f64.nearest"),
        chain("f64.mul denormal", "f64", "1e-310", "f64.const 0.9999999 f64.mul"),
        chain("f64.div denormal", "f64", "1e-310", "f64.const 1.0000001 f64.div"),
        chain("f64.sqrt denormal", "f64", "1e-310", "f64.sqrt f64.const 1e-310 f64.min"),
        chain("f32 narrowed", "f64", "1e-40", "f32.demote_f64 f64.promote_f32"),
        chain("f64.add denormal", "f64", "1e-310", "f64.const 1e-320 f64.add"),
        chain("f64.neg+nearest", "f64", "-1.5", "f64.neg f64.nearest"),
        chain("i64.trunc_sat", "i64", "7", "f64.convert_i64_u i64.trunc_sat_f64_u"),
        chain("i64.popcnt", "i64", "7", "i64.popcnt"),
        chain("select", "i64", "7", "i64.const 3 i32.const 1 select"),
    ]
}

/// Calls, some with large frames.
fn calls() -> Vec<Hostile> {
    let many_locals = "i64 ".repeat(4_000);
    let big_frame = format!("(func $f (local {many_locals}))");
    vec![
        repeat("call", "(func $f)", "", "call $f"),
        repeat("call, 4,000 locals", &big_frame, "", "call $f"),
        repeat(
            "call, 4,000 i64 used",
            &format!(
                "(func $g (param i64)) (func $f (local {many_locals}) {} )",
                (0..4_000).map(|l| format!("(call $g (local.get {l}))")).collect::<String>()
            ),
            "",
            "call $f",
        ),
        repeat(
            "call_indirect",
            "(table funcref (elem $f)) (func $f)",
            "",
            "(call_indirect (i32.const 0))",
        ),
    ]
}

/// Memory: cache misses, growth and bulk operations.
fn memories() -> Vec<Hostile> {
    vec![
        repeat(
            "dependent load",
            CHASE,
            "(local $x i32)",
            "(local.set $x (i32.load (local.get $x)))",
        ),
        Hostile {
            name: "dependent load, bare",
            text: format!(
                "(module {CHASE} (func (export \"run\") (local $x i32)
                   (loop $again (local.set $x (local.get $x) {}) br $again)))",
                "i32.load ".repeat(UNROLLED)
            ),
        },
        repeat(
            "scattered store",
            "(memory 1024)",
            "(local $x i32)",
            "(i32.store (i32.and (local.get $x) (i32.const 0x3fffffc)) (local.get $x))
             (local.set $x (i32.mul (local.get $x) (i32.const 1664525)))
             (local.set $x (i32.add (local.get $x) (i32.const 1013904223)))",
        ),
        repeat("memory.grow 0", "(memory 1)", "", "(drop (memory.grow (i32.const 0)))"),
        repeat("memory.grow 1", "(memory 1)", "", "(drop (memory.grow (i32.const 1)))"),
        repeat("memory.size", "(memory 1)", "", "(drop (memory.size))"),
        repeat(
            "memory.fill 0",
            "(memory 1)",
            "",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
        repeat(
            "memory.copy 1",
            "(memory 1)",
            "",
            "(memory.copy (i32.const 0) (i32.const 9) (i32.const 1))",
        ),
        repeat(
            "memory.copy 1 KiB",
            "(memory 1)",
            "",
            "(memory.copy (i32.const 0) (i32.const 9) (i32.const 1024))",
        ),
        repeat(
            "memory.copy 32 MiB",
            "(memory 1024)",
            "",
            "(memory.copy (i32.const 0) (i32.const 0x2000000) (i32.const 0x2000000))",
        ),
        repeat(
            "memory.init 0",
            "(memory 1) (data \"\")",
            "",
            "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
        repeat("data.drop", "(memory 1) (data \"\")", "", "(data.drop 0)"),
    ]
}

/// Tables and references.
fn tables() -> Vec<Hostile> {
    vec![
        repeat("elem.drop", "(elem func $f) (func $f)", "", "(elem.drop 0)"),
        repeat("ref.func", "(elem declare func $f) (func $f)", "", "(drop (ref.func $f))"),
        repeat(
            "table.get",
            "(table funcref (elem $f)) (func $f)",
            "",
            "(drop (table.get (i32.const 0)))",
        ),
        repeat("table.set", "(table 1 funcref)", "", "(table.set (i32.const 0) (ref.null func))"),
        repeat(
            "table.grow 0",
            "(table 1 funcref)",
            "",
            "(drop (table.grow (ref.null func) (i32.const 0)))",
        ),
        repeat(
            "table.fill 1,000",
            "(table 1000 funcref)",
            "",
            "(table.fill (i32.const 0) (ref.null func) (i32.const 1000))",
        ),
        repeat(
            "table.copy 1,000",
            "(table 2000 funcref)",
            "",
            "(table.copy (i32.const 0) (i32.const 1000) (i32.const 1000))",
        ),
    ]
}

/// Branches that carry many values.
fn many_values() -> Vec<Hostile> {
    let thirty_two = "i64 ".repeat(32);
    vec![
        Hostile {
            name: "loop with 32 values",
            text: format!(
                "(module (type $t (func (param {thirty_two}) (result {thirty_two})))
                   (func (export \"run\") {} (loop (type $t) br 0) {}))",
                "i64.const 1 ".repeat(32),
                "drop ".repeat(32)
            ),
        },
        Hostile {
            name: "br_if with 32 values",
            text: format!(
                "(module (type $t (func (param {thirty_two}) (result {thirty_two})))
                   (func (export \"run\") {} (loop (type $t) {} br 0) {}))",
                "i64.const 1 ".repeat(32),
                format!("(block (type $t) {})", "i32.const 0 br_if 0 ".repeat(16)).repeat(8),
                "drop ".repeat(32)
            ),
        },
    ]
}
