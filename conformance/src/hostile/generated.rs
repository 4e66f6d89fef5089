//! Hostile agents that would be too large as files, or that no assembler writes. It makes text and
//! bytes; nothing here validates or runs them.

use super::{Hostile, HostileError};

/// The agent ABI without `agent_tick`, as an honest agent with an 8-byte state would have it. It has
/// no identifiers, so that no name section follows the code.
const HONEST: &str = r#"
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))"#;

/// An honest tick: it counts.
const COUNT: &str = r#"(func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i32.const 0))"#;

/// The identifiers of module sections.
const CODE_SECTION: u8 = 10;
const DATA_SECTION: u8 = 11;

/// Name, number of the attack, expectation and module.
type Described<T> = (&'static str, u32, &'static str, T);

/// All of them.
pub(super) fn all() -> Result<Vec<Hostile>, HostileError> {
    let mut agents = Vec::new();
    for (name, attack, expect, text) in texts() {
        let head = format!(";; expect: {expect}\n;; attack: {attack}\n");
        agents.push(Hostile::from_text(name.to_owned(), &format!("{head}{text}"))?);
    }
    for (name, attack, expect, bytes) in binaries()? {
        let head = format!(";; expect: {expect}\n;; attack: {attack}\n");
        agents.push(Hostile::from_bytes(name.to_owned(), &head, bytes)?);
    }
    Ok(agents)
}

/// A module whose tick has the given body; the body leaves an i32.
fn ticking(locals: &str, body: &str) -> String {
    let tick = format!("(func (export \"agent_tick\") (result i32) {locals} {body})");
    format!("(module {HONEST} {tick})")
}

/// A module with an honest tick and something more.
fn with(more: &str) -> String {
    format!("(module {HONEST} {COUNT} {more})")
}

/// Those that an assembler writes.
fn texts() -> Vec<Described<String>> {
    let limit = "refused limit";
    let locals = |count: usize| format!("(local {})", "i64 ".repeat(count));
    let function = |body: &str| format!("(func {body})");
    let large = "i32.const 0 i32.const 0 br_table 0 0 0 0 0 0 0 0 0 0 0 0 drop ";
    vec![
        // A frame of 4,096 locals, called without end.
        ("large_frames", 14, "trap stack_guard in agent_tick", ticking(&locals(4_096), "call 5")),
        ("too_many_locals", 14, limit, ticking(&locals(4_097), "i32.const 0")),
        // Compile bombs: the limits bound one function, and the whole.
        ("function_at_the_limit", 27, "ticks", with(&function(&"nop ".repeat(131_070)))),
        ("function_too_large", 27, limit, with(&function(&"nop ".repeat(131_071)))),
        ("branch_tables", 27, "ticks", with(&function(&blocks(large, 5_900)))),
        ("float_chain", 27, "ticks", float_chain(20_000)),
        ("module_too_large", 27, limit, with(&data(4 << 20))),
        // Many small things, and deep ones.
        ("functions", 28, "ticks", with(&function(&"nop ".repeat(38)).repeat(10_000))),
        ("too_many_functions", 28, limit, with(&"(func)".repeat(20_001))),
        ("nested_blocks", 28, "ticks", with(&function(&nested(500)))),
        ("nested_blocks_deep", 28, "ticks", with(&function(&nested(4_000)))),
        ("nested_loops_run", 28, "ticks", ticking("", &nested_loops(4_000))),
        ("branch_table_huge", 28, limit, with(&branch_table(1_000_000))),
        ("branch_table_at_the_limit", 28, "ticks", with(&branch_table(32_769))),
        ("branch_table_too_large", 28, limit, with(&branch_table(32_770))),
        ("loops_at_the_limit", 27, "ticks", with(&function(&loops(1_000)))),
        ("too_many_loops", 27, limit, with(&function(&loops(1_001)))),
        ("too_many_globals", 28, limit, with(&"(global i32 (i32.const 0))".repeat(1_001))),
        ("too_many_parameters", 28, limit, with(&format!("(func (param {}))", "i32 ".repeat(33)))),
        (
            "too_many_element_segments",
            28,
            limit,
            with(&format!("(table 1 funcref) {}", "(elem func 0)".repeat(1_001))),
        ),
        ("too_many_data_segments", 28, limit, with(&"(data \"\")".repeat(100_001))),
        ("many_data_segments", 28, "ticks", with(&"(data \"\")".repeat(100_000))),
        (
            "too_many_imports",
            28,
            limit,
            format!(
                "(module {} {HONEST})",
                "(import \"igor\" \"clock_now\" (func (result i64)))".repeat(1_001)
            ),
        ),
        ("long_export_names", 28, "ticks", with(&long_exports(1_000, 1_000))),
    ]
}

/// `body` in a block, so often that `br_table` has somewhere to go.
fn blocks(body: &str, times: usize) -> String {
    format!("block {body} end ").repeat(times)
}

fn nested(depth: usize) -> String {
    format!("{}{}", "block ".repeat(depth), "end ".repeat(depth))
}

fn nested_loops(depth: usize) -> String {
    format!("{}{} i32.const 0", "loop ".repeat(depth), "end ".repeat(depth))
}

/// Loops one after another, each of which branches back.
fn loops(count: usize) -> String {
    "loop i32.const 0 br_if 0 end ".repeat(count)
}

fn branch_table(targets: usize) -> String {
    format!("(func i32.const 0 br_table {})", "0 ".repeat(targets))
}

fn data(bytes: usize) -> String {
    format!("(data \"{}\")", "x".repeat(bytes))
}

fn long_exports(count: usize, length: usize) -> String {
    let export = |index| format!("(export \"{index:0length$}\" (func 0))");
    (0..count).map(export).collect()
}

/// A tick of one long dependency chain of float operations, each of which may make a NaN.
fn float_chain(operations: usize) -> String {
    let body = format!("f64.const 0 {} drop i32.const 0", "f64.sqrt f64.neg ".repeat(operations));
    ticking("", &body)
}

/// Those whose sections lie about themselves.
fn binaries() -> Result<Vec<Described<Vec<u8>>>, HostileError> {
    let assemble = |name: &str, text: &str| {
        wat::parse_str(text).map_err(|error| HostileError::Assemble {
            name: name.to_owned(),
            message: error.to_string(),
        })
    };
    let honest = assemble("honest", &with(""))?;
    let mut modules = Vec::new();
    let mut add = |name, attack, expect, bytes| modules.push((name, attack, expect, bytes));

    // One data segment that claims 200 MB, in a section of a few bytes.
    let claim = [&[1, 1][..], &leb(200_000_000), b"x"].concat();
    add("data_claim", 12, "refused invalid", appended(&honest, DATA_SECTION, &claim));
    // A section that claims 200 MB, at the end of the file.
    let mut section = honest.clone();
    section.push(DATA_SECTION);
    section.extend(leb(200_000_000));
    add("section_claim", 12, "refused invalid", section);
    // 2^32 - 1 data segments in a few bytes.
    let count = appended(&honest, DATA_SECTION, &leb(u32::MAX));
    add("segment_count_claim", 12, "refused limit", count);
    // 2^32 - 1 locals in six bytes: the last function's body is replaced.
    let one_local = assemble("locals", &with("(func (local f32))"))?;
    let body = [&[1][..], &leb(u32::MAX), &[0x7d, 0x0b]].concat();
    add("locals_claim", 14, "refused limit", with_last_body(&one_local, &body));
    // 2^32 - 1 branch targets in a few bytes.
    let body = [&[0, 0x41, 0, 0x0e][..], &leb(u32::MAX), &[0, 0x0b]].concat();
    add("branch_table_claim", 28, "refused invalid", with_last_body(&one_local, &body));
    // Not a module at all.
    add("empty_file", 27, "refused invalid", Vec::new());
    add("only_a_header", 27, "refused exports", b"\0asm\x01\0\0\0".to_vec());
    add("component", 27, "refused invalid", b"\0asm\x0d\0\x01\0".to_vec());
    let cut = honest.len() - 1;
    add("cut_short", 27, "refused invalid", honest.get(..cut).unwrap_or_default().to_vec());
    Ok(modules)
}

/// `module` with one more section at its end.
fn appended(module: &[u8], section: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("the content is a few bytes");
    [module, &[section], &leb(length), content].concat()
}

/// `module` with the body of its last function replaced. The module ends with its code section, and
/// that with the one body of `(func (local f32))`.
fn with_last_body(module: &[u8], body: &[u8]) -> Vec<u8> {
    const LAST: [u8; 5] = [4, 1, 1, 0x7d, 0x0b];
    let before = module.strip_suffix(&LAST).expect("the last body is the one replaced");
    let (head, code) = split_last_section(before, LAST.len());
    let length = u32::try_from(body.len()).expect("the body is a few bytes");
    let content = [code, &leb(length), body].concat();
    appended(head, CODE_SECTION, &content)
}

/// Splits before the code section, which is the last and `missing` bytes short: what lies before
/// it, and its content.
fn split_last_section(module: &[u8], missing: usize) -> (&[u8], &[u8]) {
    let mut at = 8;
    loop {
        let id = *module.get(at).expect("the assembler wrote a code section");
        let rest = module.get(at + 1..).unwrap_or_default();
        let (length, size) = read_leb(rest);
        let content = at + 1 + size;
        if id == CODE_SECTION {
            assert_eq!(content + length, module.len() + missing, "the code section is the last");
            return (
                module.get(..at).unwrap_or_default(),
                module.get(content..).unwrap_or_default(),
            );
        }
        at = content + length;
    }
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A number and how many bytes it takes.
fn read_leb(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, index + 1);
        }
    }
    (value, bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_their_encoding() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 200_000_000, u32::MAX] {
            let bytes = leb(value);
            let expected = (usize::try_from(value).unwrap(), bytes.len());
            assert_eq!(read_leb(&bytes), expected);
        }
    }

    #[test]
    fn a_replaced_body_leaves_the_rest_of_the_module_as_it_was() {
        let before = wat::parse_str(with("(func (local f32))")).unwrap();
        assert_eq!(with_last_body(&before, &[1, 1, 0x7d, 0x0b]), before);
        let after = wat::parse_str(with("(func (local f32 f32))")).unwrap();
        assert_eq!(with_last_body(&before, &[1, 2, 0x7d, 0x0b]), after);
    }
}
