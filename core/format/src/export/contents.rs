//! The first member of an export: lines of text that say whose it is, from when, and which parts follow with
//! which size and hash, signed by the agent. There is one text for each content.

use core::fmt::Write;

use super::{ExportPart, ExportPartError};
use crate::{AgentId, AgentIdError, AgentKey, Did, DidError, Domain, Epoch, Hash, PublicKey};
use crate::{Signature, SignatureError, Tick};

/// The first line.
const TITLE: &str = "igor export 1";

/// What an export is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFacts {
    /// The name that the agent had at its node.
    pub agent: AgentId,
    /// The agent.
    pub public_key: PublicKey,
    /// The tick of its checkpoint.
    pub tick: Tick,
    /// The epoch in which its node held it.
    pub epoch: Epoch,
    /// The hash of its checkpoint.
    pub checkpoint: Hash,
}

/// A part with its size and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportItem {
    /// Which.
    pub part: ExportPart,
    /// The SHA-256 of its bytes.
    pub hash: Hash,
    /// How many there are.
    pub bytes: u64,
}

/// What an export holds, as the agent signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportContents {
    facts: ExportFacts,
    /// In ascending order, each part once.
    items: Vec<ExportItem>,
    signature: Signature,
}

/// Why bytes are not the contents of an export, or parts cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It does not begin like one.
    #[error("read export: it does not begin with {TITLE:?}")]
    NotAnExport,
    /// A line is not there, or says something else, or is not written as it should be.
    #[error("read export: line {line}: expected {expected}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// The name can name no agent.
    #[error("read export: {0}")]
    Name(#[from] AgentIdError),
    /// The identity is none.
    #[error("read export: {0}")]
    Did(#[from] DidError),
    /// A part has a name that none has.
    #[error("read export: line {line}: {error}")]
    Part {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        error: ExportPartError,
    },
    /// A part does not come after the one before it.
    #[error("export: the part {0} does not stand in its place")]
    Order(ExportPart),
    /// A part without which there is no export is not there.
    #[error("export: the part {0} is missing")]
    Missing(ExportPart),
    /// It is not the agent who signed it.
    #[error("read export: what it holds is not signed by its agent: {0}")]
    Unsigned(#[from] SignatureError),
    /// The same content is written in another way.
    #[error("read export: it is not written in the one form that an export has")]
    OtherForm,
}

impl ExportContents {
    /// States that these are the parts of an agent.
    ///
    /// # Errors
    /// [`ExportError::Order`], [`ExportError::Missing`].
    pub fn sign(
        key: &AgentKey,
        facts: ExportFacts,
        items: Vec<ExportItem>,
    ) -> Result<Self, ExportError> {
        check(&items)?;
        let facts = ExportFacts { public_key: key.public_key(), ..facts };
        let signature = key.sign(Domain::Export, statement(&facts, &items).as_bytes());
        Ok(Self { facts, items, signature })
    }

    /// What it is of.
    pub const fn facts(&self) -> &ExportFacts {
        &self.facts
    }

    /// The parts, in the order in which they follow.
    pub fn items(&self) -> &[ExportItem] {
        &self.items
    }

    /// A part, if it is there.
    pub fn item(&self, part: ExportPart) -> Option<&ExportItem> {
        let index = self.items.binary_search_by_key(&part, |item| item.part).ok()?;
        self.items.get(index)
    }

    /// The text.
    pub fn encode(&self) -> String {
        let mut text = statement(&self.facts, &self.items);
        text.push_str("signature ");
        for byte in self.signature.as_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }

    /// Reads the text and checks the signature. Nothing is allocated that the text is not long enough for.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ExportError> {
        let text = core::str::from_utf8(bytes).map_err(|_| ExportError::NotAnExport)?;
        let mut lines = Lines { lines: text.split('\n'), number: 0 };
        if lines.next() != Some(TITLE) {
            return Err(ExportError::NotAnExport);
        }
        let agent = lines.field("agent ", "the agent's name")?.parse()?;
        let public_key = lines.field("did ", "the agent's DID")?.parse::<Did>()?.public_key();
        let tick = Tick(lines.number("tick ", "the tick of its checkpoint")?);
        let major = lines.number("epoch ", "the epoch in which it was held")?;
        let expected = "the hash of its checkpoint";
        let checkpoint = lines.field("checkpoint ", expected)?;
        let checkpoint = checkpoint.parse().map_err(|_| lines.expected(expected))?;
        let epoch = Epoch { major, generation: 0 };
        let facts = ExportFacts { agent, public_key, tick, epoch, checkpoint };
        let mut items = Vec::new();
        let signature = loop {
            let line = lines.next().ok_or_else(|| lines.expected(SIGNATURE))?;
            if let Some(digits) = line.strip_prefix("signature ") {
                break signature(digits).ok_or_else(|| lines.expected(SIGNATURE))?;
            }
            let item = line.strip_prefix("part ").ok_or_else(|| lines.expected(PART))?;
            items.push(lines.item(item)?);
        };
        check(&items)?;
        let contents = Self { facts, items, signature };
        if contents.encode().as_bytes() != bytes {
            return Err(ExportError::OtherForm);
        }
        let statement = statement(&contents.facts, &contents.items);
        let key = &contents.facts.public_key;
        key.verify(Domain::Export, statement.as_bytes(), &contents.signature)?;
        Ok(contents)
    }
}

const PART: &str = "a part: its hash, its size in bytes and its name";
const SIGNATURE: &str = "the agent's signature";

/// Everything before the signature.
fn statement(facts: &ExportFacts, items: &[ExportItem]) -> String {
    let ExportFacts { agent, public_key, tick, epoch, checkpoint } = facts;
    let (did, epoch) = (public_key.did(), epoch.major);
    let mut text = format!(
        "{TITLE}\nagent {agent}\ndid {did}\ntick {tick}\nepoch {epoch}\ncheckpoint {checkpoint}\n"
    );
    for ExportItem { part, hash, bytes } in items {
        let _ = writeln!(text, "part {hash} {bytes} {part}");
    }
    text
}

/// Whether every part is there that must be, and none is out of place.
fn check(items: &[ExportItem]) -> Result<(), ExportError> {
    let out_of_place = items.windows(2).find_map(|pair| match pair {
        [before, after] if before.part >= after.part => Some(after.part),
        _ => None,
    });
    if let Some(part) = out_of_place {
        return Err(ExportError::Order(part));
    }
    let is_missing = |part: &ExportPart| items.iter().all(|item| item.part != *part);
    ExportPart::NEEDED
        .into_iter()
        .find(is_missing)
        .map_or(Ok(()), |part| Err(ExportError::Missing(part)))
}

fn signature(digits: &str) -> Option<Signature> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 64];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Signature::from_bytes(bytes))
}

/// The lines that are left.
struct Lines<'a> {
    lines: core::str::Split<'a, char>,
    /// How many were read.
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.number = self.number.saturating_add(1);
        self.lines.next()
    }

    fn expected(&self, expected: &'static str) -> ExportError {
        ExportError::Line { line: self.number, expected }
    }

    fn field(&mut self, prefix: &str, expected: &'static str) -> Result<&'a str, ExportError> {
        let field = self.next().and_then(|line| line.strip_prefix(prefix));
        field.ok_or_else(|| self.expected(expected))
    }

    fn number(&mut self, prefix: &str, expected: &'static str) -> Result<u64, ExportError> {
        let field = self.field(prefix, expected)?;
        field.parse().map_err(|_| self.expected(expected))
    }

    fn item(&self, text: &str) -> Result<ExportItem, ExportError> {
        let mut words = text.splitn(3, ' ');
        let hash = words.next().and_then(|word| word.parse().ok());
        let bytes = words.next().and_then(|word| word.parse().ok());
        let (Some(hash), Some(bytes), Some(name)) = (hash, bytes, words.next()) else {
            return Err(self.expected(PART));
        };
        let line = self.number;
        let part = name.parse().map_err(|error| ExportError::Part { line, error })?;
        Ok(ExportItem { part, hash, bytes })
    }
}

#[cfg(test)]
mod tests {
    use crate::HistoryFile;

    use super::*;

    fn item(part: ExportPart, content: &[u8]) -> ExportItem {
        let bytes = u64::try_from(content.len()).expect("it fits");
        ExportItem { part, hash: Hash::of(content), bytes }
    }

    fn facts() -> ExportFacts {
        ExportFacts {
            agent: "two words".parse().expect("a name"),
            public_key: PublicKey::from_bytes([0; 32]),
            tick: Tick(16),
            epoch: Epoch { major: 3, generation: 0 },
            checkpoint: Hash::of(b"checkpoint"),
        }
    }

    fn contents() -> ExportContents {
        let file = HistoryFile::Checkpoint { tick: Tick(16), copy: 0 };
        let items = vec![
            item(ExportPart::Checkpoint, b"checkpoint"),
            item(ExportPart::Record, b"record"),
            item(ExportPart::Module, b"module"),
            item(ExportPart::Manifest, b""),
            item(ExportPart::History(file), b"checkpoint"),
            item(ExportPart::Identity, b"sealed"),
        ];
        ExportContents::sign(&AgentKey::from_seed(&[7; 32]), facts(), items).expect("in order")
    }

    #[test]
    fn contents_are_read_as_they_are_written() {
        let contents = contents();
        let text = contents.encode();
        assert_eq!(ExportContents::decode(text.as_bytes()), Ok(contents.clone()));
        assert_eq!(contents.facts().public_key, AgentKey::from_seed(&[7; 32]).public_key());
        assert_eq!(contents.item(ExportPart::Manifest).map(|item| item.bytes), Some(0));
        assert_eq!(contents.item(ExportPart::Journal), None);
    }

    #[test]
    fn the_text_is_the_specified_one() {
        let text = contents().encode();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["igor export 1", "agent two words"]);
        assert!(lines[2].starts_with("did did:key:z6Mk"), "{text}");
        assert_eq!(lines[3..5], ["tick 16", "epoch 3"]);
        let module = Hash::of(b"module");
        assert_eq!(lines[8], format!("part {module} 6 module.wasm"));
        assert!(lines[12].starts_with("signature ") && lines[12].len() == 138, "{text}");
        assert_eq!(lines.len(), 13);
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let text = contents().encode().into_bytes();
        for index in 0..text.len() {
            for change in [0x01, 0x20, 0x80] {
                let mut other = text.clone();
                other[index] ^= change;
                let read = ExportContents::decode(&other);
                assert!(read.is_err(), "byte {index} ^ {change:#x}: {read:?}");
            }
            assert!(ExportContents::decode(&text[..index]).is_err(), "cut to {index}");
        }
        assert!(ExportContents::decode(&[&text[..], b"\n"].concat()).is_err());
    }

    #[test]
    fn there_is_one_text_for_each_content() {
        let text = contents().encode();
        for (from, to) in [
            ("tick 16", "tick 016"),
            ("tick 16", "tick +16"),
            ("epoch 3", "epoch 03"),
            (" 6 module", " 06 module"),
            ("\nsignature", "\r\nsignature"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text);
            assert!(ExportContents::decode(other.as_bytes()).is_err(), "{to:?}");
        }
        let upper: String = text
            .split_inclusive('\n')
            .map(|line| match line.strip_prefix("signature ") {
                Some(digits) => format!("signature {}", digits.to_uppercase()),
                None => line.to_owned(),
            })
            .collect();
        assert_eq!(ExportContents::decode(upper.as_bytes()), Err(ExportError::OtherForm));
    }

    #[test]
    fn parts_are_whole_and_in_order() {
        let key = AgentKey::from_seed(&[7; 32]);
        let items = contents().items().to_vec();
        for index in 0..4 {
            let mut fewer = items.clone();
            let missing = fewer.remove(index).part;
            let signed = ExportContents::sign(&key, facts(), fewer);
            assert_eq!(signed, Err(ExportError::Missing(missing)));
        }
        let mut swapped = items.clone();
        swapped.swap(0, 1);
        let order = Err(ExportError::Order(ExportPart::Checkpoint));
        assert_eq!(ExportContents::sign(&key, facts(), swapped), order);
        let mut twice = items;
        twice.insert(0, twice[0]);
        assert_eq!(ExportContents::sign(&key, facts(), twice), order);
    }

    #[test]
    fn only_the_agent_signs_what_is_its_own() {
        let text = contents().encode();
        let other = AgentKey::from_seed(&[8; 32]).public_key().did();
        let mine = AgentKey::from_seed(&[7; 32]).public_key().did();
        let text = text.replace(&mine.to_string(), &other.to_string());
        let read = ExportContents::decode(text.as_bytes());
        assert_eq!(read, Err(ExportError::Unsigned(SignatureError)));
    }
}
