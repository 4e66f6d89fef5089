//! Lists of words in configuration: as such, or as one text with commas between them, as the environment and
//! flags give them.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, SeqAccess, Visitor};

/// Reads a list of words, which have no commas and no blanks.
pub(super) fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_any(Words)
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words, or one text with commas between them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(words.map(str::to_owned).collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<String>, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = from.next_element()? {
            words.push(word);
        }
        Ok(words)
    }
}
