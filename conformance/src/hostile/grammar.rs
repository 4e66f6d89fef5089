//! Reads the first lines of a hostile agent's file. It does not judge whether they are true.

use std::str::FromStr;

use igor_core::Trap;

use super::{Expectation, Refusal};

/// Every trap; of `Exit` one with any code.
const TRAPS: [Trap; 16] = [
    Trap::BadConversion,
    Trap::CallIndirectNull,
    Trap::CallIndirectSignature,
    Trap::Cancelled,
    Trap::Deadline,
    Trap::Diverged,
    Trap::DivisionByZero,
    Trap::EngineStack,
    Trap::Exit(0),
    Trap::IntegerOverflow,
    Trap::MemoryOutOfBounds,
    Trap::ObservationLimit,
    Trap::OutOfGas,
    Trap::StackGuard,
    Trap::TableOutOfBounds,
    Trap::Unreachable,
];

/// The words for refusals.
const REFUSALS: [(&str, Refusal); 7] = [
    ("capability", Refusal::Capability),
    ("exports", Refusal::Exports),
    ("import", Refusal::Import),
    ("invalid", Refusal::Invalid),
    ("limit", Refusal::Limit),
    ("reserved", Refusal::Reserved),
    ("unsupported", Refusal::Unsupported),
];

/// The first lines of a hostile agent's file are not as they must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationError {
    /// The first line is not `;; expect: …`.
    #[error("the first line is not `;; expect: …`")]
    Missing,
    /// The second line is not `;; attack: …` with a number.
    #[error("the second line is not `;; attack: …` with a number")]
    Attack,
    /// There is no such outcome.
    #[error("no such outcome: {0:?}")]
    Outcome(String),
    /// There is no such trap.
    #[error("no such trap: {0:?}")]
    Trap(String),
}

/// What the first lines of a file say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// What must happen.
    pub(super) expectation: Expectation,
    /// The number of the attack in the reliability plan.
    pub(super) attack: u32,
    /// The declared capabilities.
    pub(super) grants: Vec<&'a str>,
    /// Whether the default gas limit applies.
    pub(super) has_full_gas: bool,
}

/// Reads the first lines of a file.
pub(super) fn head(text: &str) -> Result<Head<'_>, ExpectationError> {
    let mut lines = text.lines().peekable();
    let expect = lines.next().and_then(|line| line.strip_prefix(";; expect: "));
    let expectation = expect.ok_or(ExpectationError::Missing)?.parse()?;
    let attack = lines.next().and_then(|line| line.strip_prefix(";; attack: "));
    let attack = attack.and_then(|number| number.parse().ok()).ok_or(ExpectationError::Attack)?;
    let grants = lines.peek().and_then(|line| line.strip_prefix(";; grants: "));
    let has_grants = grants.is_some();
    let grants = grants.unwrap_or_default().split_whitespace().collect();
    let has_full_gas = lines.nth(usize::from(has_grants)) == Some(";; gas: full");
    Ok(Head { expectation, attack, grants, has_full_gas })
}

/// A manifest that declares these capabilities.
pub(super) fn manifest(grants: &[&str]) -> String {
    let declared: Vec<String> =
        grants.iter().map(|name| format!(r#""{name}":{{"version":1}}"#)).collect();
    format!(r#"{{"capabilities":{{{}}}}}"#, declared.join(","))
}

impl FromStr for Expectation {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Self, ExpectationError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["ticks"] => Ok(Self::Ticks),
            ["bad", "result", "of", call] => Ok(Self::BadResult { call: call.to_owned() }),
            ["trap", name, "in", call] => {
                let trap = TRAPS.into_iter().find(|trap| trap.name() == name);
                let trap = trap.ok_or_else(|| ExpectationError::Trap(name.to_owned()))?;
                Ok(Self::Trap { trap, call: call.to_owned() })
            }
            ["refused", reason] => {
                let known = REFUSALS.iter().find(|(word, _)| *word == reason);
                let outcome = || ExpectationError::Outcome(text.to_owned());
                known.map(|(_, refusal)| Self::Refused(*refusal)).ok_or_else(outcome)
            }
            _ => Err(ExpectationError::Outcome(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_read() {
        let call = || "agent_tick".to_owned();
        let cases = [
            ("ticks", Expectation::Ticks),
            ("bad result of agent_tick", Expectation::BadResult { call: call() }),
            (
                "trap stack_guard in agent_tick",
                Expectation::Trap { trap: Trap::StackGuard, call: call() },
            ),
            ("trap exit in agent_tick", Expectation::Trap { trap: Trap::Exit(0), call: call() }),
            ("refused limit", Expectation::Refused(Refusal::Limit)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_outcome_is_refused() {
        let outcome = |text: &str| ExpectationError::Outcome(text.to_owned());
        let cases = [
            ("", outcome("")),
            ("tick", outcome("tick")),
            ("trap out_of_gas", outcome("trap out_of_gas")),
            ("refused politely", outcome("refused politely")),
            ("trap boredom in agent_tick", ExpectationError::Trap("boredom".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Expectation>(), Err(expected), "{text}");
        }
        assert_eq!(head("(module)"), Err(ExpectationError::Missing));
        for text in [";; expect: ticks\n(module)", ";; expect: ticks\n;; attack: on\n"] {
            assert_eq!(head(text), Err(ExpectationError::Attack), "{text}");
        }
    }

    #[test]
    fn the_lines_after_the_first_are_optional_and_grants_become_a_manifest() {
        let check = |lines: &str, grants: &[&str], has_full_gas| {
            let text = format!(";; expect: ticks\n;; attack: 7\n{lines};; It tries.\n(module)");
            let expectation = Expectation::Ticks;
            let attack = 7;
            let expected = Head { expectation, attack, grants: grants.to_vec(), has_full_gas };
            assert_eq!(head(&text), Ok(expected), "{text}");
        };
        check("", &[], false);
        check(";; grants: clock rand\n", &["clock", "rand"], false);
        check(";; gas: full\n", &[], true);
        check(";; grants: clock\n;; gas: full\n", &["clock"], true);
        let manifest = manifest(&["clock", "rand"]);
        let parsed: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(parsed["capabilities"]["rand"]["version"], 1);
        assert!(serde_json::from_str::<serde_json::Value>(&super::manifest(&[])).is_ok());
    }

    #[test]
    fn no_trap_is_forgotten_in_the_list() {
        let mut names = TRAPS.map(Trap::name).to_vec();
        names.dedup();
        assert_eq!(names.len(), TRAPS.len());
        // Exhaustive on purpose: a new trap does not compile until it is counted here.
        let known = |trap: Trap| match trap {
            Trap::BadConversion
            | Trap::CallIndirectNull
            | Trap::CallIndirectSignature
            | Trap::Cancelled
            | Trap::Deadline
            | Trap::Diverged
            | Trap::DivisionByZero
            | Trap::EngineStack
            | Trap::Exit(_)
            | Trap::IntegerOverflow
            | Trap::MemoryOutOfBounds
            | Trap::ObservationLimit
            | Trap::OutOfGas
            | Trap::StackGuard
            | Trap::TableOutOfBounds
            | Trap::Unreachable => true,
        };
        assert!(TRAPS.into_iter().all(known));
    }
}
