//! Finds where a JSON object ends in bytes that come piece by piece, so that nobody waits for more than was
//! to come. It does not check the object: whoever reads it finds what is wrong with it.

/// Looks for the end of an object.
#[derive(Debug, Default)]
pub struct ObjectEnd {
    /// Braces that are open.
    depth: u64,
    is_in_text: bool,
    is_escaped: bool,
}

impl ObjectEnd {
    /// Looks at the next bytes: how many of them are left until the object is over, if it ends with them. What
    /// is no object is over with the first byte that none begins with.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = bytes.iter().position(|byte| self.is_last(*byte))?;
        end.checked_add(1)
    }

    fn is_last(&mut self, byte: u8) -> bool {
        if self.is_in_text {
            let is_escape = !self.is_escaped && byte == b'\\';
            self.is_in_text = self.is_escaped || byte != b'"';
            self.is_escaped = is_escape;
            return false;
        }
        match byte {
            b'{' => self.depth = self.depth.saturating_add(1),
            b'}' => self.depth = self.depth.saturating_sub(1),
            b'"' => self.is_in_text = true,
            _ => {}
        }
        self.depth == 0 && !byte.is_ascii_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the object in `text` ends, given in pieces of this size.
    fn end(text: &str, size: usize) -> Option<usize> {
        let mut end = ObjectEnd::default();
        let mut before = 0;
        for piece in text.as_bytes().chunks(size) {
            if let Some(found) = end.find(piece) {
                return Some(before + found);
            }
            before += piece.len();
        }
        None
    }

    #[test]
    fn an_object_ends_with_its_last_brace_in_whatever_pieces_it_comes() {
        for (object, rest) in [
            ("{}", ""),
            ("{}", "\n"),
            ("  {\"a\": {}}", "}"),
            (r#"{"a":"}","b":"{{"}"#, "\n{}"),
            (r#"{"a\"}":"\\","b":"\\\"}"}"#, "\"}"),
            ("{\n  \"a\": [\n    {\"b\": {}}\n  ]\n}", "\n"),
        ] {
            let text = format!("{object}{rest}");
            for size in 1..=text.len() {
                assert_eq!(end(&text, size), Some(object.len()), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_has_no_end() {
        for text in ["", " \n", "{", r#"{"a":"}"#, r#"{"a":"\"}"#, r#"{"a":{}"#] {
            assert_eq!(end(text, 1), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_object_is_over_at_once() {
        for (text, expected) in [("[{}]", 1), (" 5", 2), ("}{", 1), ("nonsense", 1)] {
            assert_eq!(end(text, 3), Some(expected), "{text:?}");
        }
    }
}
