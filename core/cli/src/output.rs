//! What the program prints to stdout, and the only place that does. Two forms: text for people, and
//! JSON for programs. Every JSON line or document says `"schema": 1` and is described in
//! `docs/schema/output.schema.json`; fields are added to it and never taken away. Logs and errors
//! are not output: they go to stderr.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::problem::Problem;
use crate::text;

/// The version of the JSON output.
pub(crate) const SCHEMA: u32 = 1;

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// JSON: one line for each event of `run` and `resume`, one document for everything else.
    Json,
}

impl Format {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Stdout in the form that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    width: Option<usize>,
}

/// Whether anyone still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reader {
    /// The text was written.
    Present,
    /// Stdout was closed.
    Gone,
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    document: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

impl Output {
    /// Stdout in `format`.
    pub(crate) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let width = if stdout.is_terminal() { text::terminal_width(stdout) } else { None };
        Self { format, width }
    }

    /// The form that was asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The columns of the terminal, if stdout is one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Prints the whole result of a command: `text` for people, or `body` as the JSON document
    /// named `document`. A reader who left early, as `head` does, is no failure.
    pub(crate) fn document<T: Serialize>(
        &self,
        document: &'static str,
        body: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        match self.format {
            Format::Text => self.text(&text()).map(|_| ()),
            Format::Json => {
                let document = Document { schema: SCHEMA, document, body };
                let json = serde_json::to_string_pretty(&document).map_err(no_json)?;
                self.raw(harmless(json + "\n").as_bytes()).map(|_| ())
            }
        }
    }

    /// Prints `text`, with its colours only if stdout shows them.
    pub(crate) fn text(&self, text: &str) -> Result<Reader, Problem> {
        let mut stdout = AutoStream::auto(io::stdout().lock());
        reader(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Prints one line of JSON.
    pub(crate) fn json_line(&self, line: &impl Serialize) -> Result<Reader, Problem> {
        let json = serde_json::to_string(line).map_err(no_json)?;
        self.raw(harmless(json + "\n").as_bytes())
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<Reader, Problem> {
        let mut stdout = io::stdout().lock();
        reader(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }
}

fn reader(written: io::Result<()>) -> Result<Reader, Problem> {
    match written {
        Ok(()) => Ok(Reader::Present),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Problem::new(
            format_args!("write to stdout: {error}"),
            "Send the output somewhere that takes it.",
        )),
    }
}

/// JSON of the same value without characters that a terminal would act on. They stand in strings
/// only, where an escape means the same; those below space are escaped already.
fn harmless(json: String) -> String {
    let acts = |character: char| character != '\n' && text::acts_on_terminal(character);
    if !json.contains(acts) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if acts(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn no_json(error: serde_json::Error) -> Problem {
    Problem::new(format_args!("write the result as JSON: {error}"), "Use --output text.")
}
