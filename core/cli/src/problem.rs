//! What the user is told when something fails: one paragraph that says what happened and what to do
//! about it. There is no backtrace and no chain of causes; whoever makes a [`Problem`] has put what
//! matters into it.

use std::fmt;
use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use crate::exit::Exit;
use crate::text;

/// A failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct Problem {
    exit: Exit,
    what: String,
    way_out: String,
}

impl Problem {
    /// A failure; `what` names the attempted operation and the object, `way_out` is a sentence.
    pub(crate) fn new(what: impl fmt::Display, way_out: impl Into<String>) -> Self {
        Self { exit: Exit::Failure, what: what.to_string(), way_out: way_out.into() }
    }

    /// Wrong use of a command.
    pub(crate) fn usage(what: impl fmt::Display, way_out: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(what, way_out) }
    }

    /// Someone else holds what is needed.
    pub(crate) fn in_use(what: impl fmt::Display, way_out: impl Into<String>) -> Self {
        Self { exit: Exit::InUse, ..Self::new(what, way_out) }
    }

    /// The same failure with another exit code.
    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// What was attempted and what happened.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What can be done about it.
    pub(crate) fn way_out(&self) -> &str {
        &self.way_out
    }

    /// The code to end with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the paragraph to stderr, wrapped if that is a terminal. If stderr is closed there is
    /// nobody left to tell.
    pub(crate) fn report(&self) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let paragraph = format!("error: {self}");
        let terminal = std::io::stderr().is_terminal();
        let width = if terminal { text::terminal_width(std::io::stderr()) } else { None };
        let lines = text::wrap(&paragraph, width.unwrap_or(usize::MAX));
        let rest = lines.strip_prefix("error:").unwrap_or(&lines);
        let _ = writeln!(anstream::stderr(), "{style}error:{style:#}{rest}");
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = text::one_line(&self.what);
        f.write_str(&what)?;
        if !what.ends_with(['.', '!', '?']) {
            f.write_str(".")?;
        }
        if !self.way_out.is_empty() {
            write!(f, " {}", text::one_line(&self.way_out))?;
        }
        Ok(())
    }
}

impl From<clap::Error> for Problem {
    /// Puts what clap says into one paragraph; the usage line is left to `--help`.
    fn from(error: clap::Error) -> Self {
        let rendered = error.render().to_string();
        let message: Vec<&str> = rendered
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:"))
            .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
            .collect();
        // clap's tips are lines of their own; here they are sentences.
        let message = message.join(" ").replace(" tip: a ", ". A ").replace(" tip: to ", ". To ");
        let message = message.replace(" tip: some ", ". Some ").replace(" tip: ", ". ");
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        Self::usage(message, "`igor help` and `igor COMMAND --help` show what is understood.")
    }
}

/// Prints what a panic leaves behind: it is always a defect of igor.
pub(crate) fn report_defect(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("something went wrong");
    let place = panic.location().map_or(String::new(), |place| format!(" at {place}"));
    Problem::new(
        format_args!("igor failed{place}: {message}"),
        "This is a defect of igor; please report it. The agent continues from its last checkpoint.",
    )
    .report();
}

/// Prints clap's help to stderr, for a command line that asks for nothing.
pub(crate) fn show_help(help: &clap::builder::StyledStr) {
    let _ = write!(anstream::stderr(), "{}", help.ansi());
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn a_problem_is_one_paragraph_with_the_way_out() {
        let problem = Problem::new("read agent.wasm:\nno such file", "Give another path.");
        assert_eq!(problem.to_string(), "read agent.wasm: no such file. Give another path.");
    }

    #[test]
    fn terminal_escapes_do_not_reach_the_terminal() {
        let problem = Problem::new("read \u{1b}[2Jx", "");
        assert_eq!(problem.to_string(), "read \\u{1b}[2Jx.");
    }

    #[test]
    fn what_clap_says_becomes_one_paragraph() {
        let error =
            Cli::try_parse_from(["igor", "verify", "--nonsense"]).expect_err("no such flag");
        let problem = Problem::from(error);
        assert_eq!(problem.exit(), Exit::Usage);
        let text = problem.to_string();
        assert!(text.starts_with("unexpected argument '--nonsense' found. "), "{text}");
        assert!(!text.contains("tip:"), "{text}");
        assert!(text.contains("--help") && !text.contains("Usage:"), "{text}");
    }
}
