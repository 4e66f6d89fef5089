//! Why the control API does not do what it is asked: a stable code for programs, and the paragraph that
//! the command line would print. The codes are part of the interface.

use std::fmt;

use super::wire::{Failure, FailureBody};
use crate::exit::Exit;
use crate::problem::Problem;

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The request cannot be understood.
    BadRequest,
    /// The request does not carry the token.
    Unauthorized,
    /// There is no such route.
    NoRoute,
    /// The route knows no such method.
    NoMethod,
    /// There is no such agent.
    NoAgent,
    /// The agent runs already.
    AlreadyRuns,
    /// The agent does not run.
    NotRunning,
    /// The agent must be stopped first.
    StillRuns,
    /// The agent cannot be started.
    CannotStart,
    /// The agent cannot be given to another node.
    CannotMove,
    /// No other node took the agent, and it stays.
    NotMoved,
    /// Something else stands against it.
    Refused,
    /// The request is too large.
    TooLarge,
    /// It takes too long; it may still happen.
    Timeout,
    /// The node ends.
    Draining,
}

impl Code {
    /// The word for it; stable.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::NoRoute => "no_route",
            Self::NoMethod => "no_method",
            Self::NoAgent => "no_agent",
            Self::AlreadyRuns => "already_runs",
            Self::NotRunning => "not_running",
            Self::StillRuns => "still_runs",
            Self::CannotStart => "cannot_start",
            Self::CannotMove => "cannot_move",
            Self::NotMoved => "not_moved",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Draining => "draining",
        }
    }

    /// The HTTP status that goes with it.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::NoRoute | Self::NoAgent => 404,
            Self::NoMethod => 405,
            Self::AlreadyRuns | Self::NotRunning | Self::StillRuns => 409,
            Self::TooLarge => 413,
            Self::CannotStart | Self::CannotMove | Self::Refused => 422,
            Self::NotMoved => 502,
            Self::Draining => 503,
            Self::Timeout => 504,
        }
    }
}

/// A refusal, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    message: String,
    way_out: String,
}

impl Refusal {
    /// A refusal; `message` says what was attempted and why not, `way_out` is a sentence.
    pub(crate) fn new(code: Code, message: impl fmt::Display, way_out: impl Into<String>) -> Self {
        Self { code, message: message.to_string(), way_out: way_out.into() }
    }

    /// A refusal for the reason that the command line would give.
    pub(crate) fn of(code: Code, problem: &Problem) -> Self {
        Self::new(code, problem.what(), problem.way_out())
    }

    /// What happened, in words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What is sent.
    pub(crate) fn body(&self) -> Failure {
        let (message, way_out) = (self.message.clone(), self.way_out.clone());
        let code = self.code.word().to_owned();
        Failure { error: FailureBody { code, message, way_out } }
    }
}

impl From<FailureBody> for Problem {
    /// What the command line says when a node refuses.
    fn from(body: FailureBody) -> Self {
        let is_usage = body.code == Code::BadRequest.word();
        let problem = Self::new(body.message, body.way_out);
        if is_usage { problem.with_exit(Exit::Usage) } else { problem }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every code.
    pub(crate) const CODES: [Code; 15] = [
        Code::BadRequest,
        Code::Unauthorized,
        Code::NoRoute,
        Code::NoMethod,
        Code::NoAgent,
        Code::AlreadyRuns,
        Code::NotRunning,
        Code::StillRuns,
        Code::CannotStart,
        Code::CannotMove,
        Code::NotMoved,
        Code::Refused,
        Code::TooLarge,
        Code::Timeout,
        Code::Draining,
    ];

    #[test]
    fn codes_differ_and_are_errors() {
        let mut words: Vec<_> = CODES.iter().map(|code| code.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), CODES.len());
        assert!(CODES.iter().all(|code| (400..600).contains(&code.status())));
    }
}
