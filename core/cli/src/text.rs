//! Text for people: wrapping, escaping and the short forms of amounts and durations. It prints
//! nothing.

use std::fmt::Write;
use std::os::fd::AsFd;
use std::time::{Duration, UNIX_EPOCH};

/// The columns of the terminal behind `stream`, if there is one that says.
pub(crate) fn terminal_width(stream: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Breaks `paragraph` between words so that no line is longer than `width` characters, unless a
/// single word is.
pub(crate) fn wrap(paragraph: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(paragraph.len());
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column > 0 {
            if column + 1 + length > width {
                wrapped.push('\n');
                column = 0;
            } else {
                wrapped.push(' ');
                column += 1;
            }
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Whether a terminal acts on `character` instead of showing it: it moves the cursor, changes
/// colours, or reorders the line.
pub(crate) fn acts_on_terminal(character: char) -> bool {
    let reorders = matches!(character,
        '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || reorders
}

/// `text` with everything that a terminal acts on written as an escape.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if acts_on_terminal(character) {
            let _ = write!(escaped, "{}", character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// `text` with its lines kept and everything else escaped as in [`escape`].
pub(crate) fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape(line) + "\n").collect()
}

/// `text` as one escaped line, with single spaces where it had white space.
pub(crate) fn one_line(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `text`, shortened in the middle to `width` characters.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(3);
    let head = kept.div_ceil(2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - (kept - head)).collect();
    format!("{start}...{end}")
}

/// A duration in milliseconds, with as many digits as matter.
pub(crate) fn milliseconds(elapsed_ns: u64) -> String {
    let elapsed = Duration::from_nanos(elapsed_ns);
    let ms = elapsed.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.3}ms") } else { format!("{ms:.0}ms") }
}

/// Columns of text, each as wide as its widest cell; the last one is not padded.
pub(crate) fn table<const N: usize>(rows: &[[&str; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Names and values, one pair a line, the values aligned.
pub(crate) fn fields(rows: &[(&str, String)]) -> String {
    let rows: Vec<[&str; 2]> = rows.iter().map(|(name, value)| [*name, value.as_str()]).collect();
    table(&rows)
}

/// A moment in Unix nanoseconds as RFC 3339 in UTC, to the millisecond; before 1970 as a number.
pub(crate) fn rfc3339(unix_ns: i64) -> String {
    let time = u64::try_from(unix_ns).ok().map(Duration::from_nanos);
    match time.and_then(|since| UNIX_EPOCH.checked_add(since)) {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => format!("{unix_ns} ns after 1970"),
    }
}

/// Bytes as rows of 16: offset, hexadecimal in two groups of 8, and what is printable ASCII.
pub(crate) fn hex_dump(bytes: &[u8]) -> String {
    let mut dump = String::new();
    for (row, chunk) in bytes.chunks(16).enumerate() {
        let mut hex = String::new();
        for (column, byte) in chunk.iter().enumerate() {
            let gap = if column == 8 { " " } else { "" };
            let _ = write!(hex, "{gap}{byte:02x} ");
        }
        let ascii: String = chunk.iter().map(|byte| printable(*byte)).collect();
        let _ = writeln!(dump, "{:08x}  {hex:<49} |{ascii}|", row * 16);
    }
    dump
}

fn printable(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_between_words() {
        assert_eq!(wrap("aa bb cc", 5), "aa bb\ncc");
        assert_eq!(wrap("aa bb cc", 8), "aa bb cc");
        assert_eq!(wrap("aaaaaaaa b", 3), "aaaaaaaa\nb");
        assert_eq!(wrap("", 3), "");
    }

    #[test]
    fn control_and_reordering_characters_are_escaped() {
        assert_eq!(escape("a\u{1b}[31m\u{202e}b\u{9b}"), "a\\u{1b}[31m\\u{202e}b\\u{9b}");
        assert_eq!(escape("größe"), "größe");
        assert_eq!(one_line("a\r\n\tb"), "a b");
    }

    #[test]
    fn long_names_are_shortened_in_the_middle() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 10), "abcd...ijk");
        assert_eq!(shorten("größenwahn", 7), "gr...hn");
    }

    #[test]
    fn durations_keep_the_digits_that_matter() {
        assert_eq!(milliseconds(118_234), "0.118ms");
        assert_eq!(milliseconds(15_000_000_000), "15000ms");
    }

    #[test]
    fn moments_are_printed_whatever_they_are() {
        assert_eq!(rfc3339(1_700_000_000_000_000_000), "2023-11-14T22:13:20.000Z");
        assert_eq!(rfc3339(i64::MAX), "2262-04-11T23:47:16.854Z");
        assert_eq!(rfc3339(-1), "-1 ns after 1970");
    }

    #[test]
    fn a_hex_dump_has_rows_of_sixteen() {
        let bytes: Vec<u8> = (0x3e..0x50).collect();
        let expected = "\
00000000  3e 3f 40 41 42 43 44 45  46 47 48 49 4a 4b 4c 4d  |>?@ABCDEFGHIJKLM|
00000010  4e 4f                                             |NO|
";
        assert_eq!(hex_dump(&bytes), expected);
        assert_eq!(hex_dump(&[0, 0x7f]).lines().count(), 1);
    }

    #[test]
    fn tables_are_aligned() {
        assert_eq!(table(&[["a", "bb"], ["ccc", "d"]]), "a    bb\nccc  d\n");
    }
}
