//! How often and where a move is tried. A target is tried again as long as that may help, then the next one is;
//! but once a target may have taken the agent, no other is tried and nothing is started anew: its record decides,
//! and who holds the agent's custody asks for it until it answers. This only counts; it moves nothing.

use std::collections::VecDeque;
use std::time::Duration;

use igor_core::config::HandoffSettings;
use igor_core::transport::{NodeId, TransportError};

/// The longest pause between two attempts.
const DELAY_MAX: Duration = Duration::from_secs(30);

/// How often a target is tried, and how long the pauses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts at one target; at least one is made.
    pub attempts: u32,
    /// The pause after the first attempt. Each further one is twice as long, up to `delay_max`.
    pub delay: Duration,
    /// The longest pause.
    pub delay_max: Duration,
}

impl RetryPolicy {
    /// This many attempts at each target, the first pause this long, none longer than 30 s.
    pub const fn new(attempts: u32, delay: Duration) -> Self {
        Self { attempts, delay, delay_max: DELAY_MAX }
    }

    /// What the configuration says.
    pub fn of(settings: &HandoffSettings) -> Self {
        let attempts = u32::try_from(settings.retries).unwrap_or(u32::MAX);
        Self::new(attempts, settings.retry_delay)
    }

    /// The pause after the attempt of this number, counted from 0.
    pub fn pause(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        self.delay.saturating_mul(factor).min(self.delay_max)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new(3, Duration::from_secs(1))
    }
}

/// What a failed attempt means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may work the next time: nobody answered, or there was no room.
    Retriable,
    /// It will not work with this target; another one may take the agent.
    NotHere,
    /// It will not work with any target: the agent is why.
    Nowhere,
    /// The offer was sent and not answered: the target may have the agent.
    Ambiguous,
}

impl Failure {
    /// Of a connection on which no offer was sent. After an offer every failure is
    /// [`Ambiguous`](Self::Ambiguous), until the target says what it decided.
    pub const fn of_transport(error: &TransportError) -> Self {
        match error {
            TransportError::Address { .. }
            | TransportError::Protocol { .. }
            | TransportError::Unproven { .. }
            | TransportError::WrongPeer { .. } => Self::NotHere,
            _ => Self::Retriable,
        }
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Try this target after a pause.
    Try {
        /// Whom.
        target: NodeId,
        /// How long to wait before.
        after: Duration,
    },
    /// Nobody takes the agent: it stays where it is.
    Stay,
    /// Nothing: it is for this target to say what became of the agent, and for nobody else.
    Ask(NodeId),
}

/// The targets of one move, and how far it got.
#[derive(Debug, Clone)]
pub struct Itinerary {
    policy: RetryPolicy,
    targets: VecDeque<NodeId>,
    attempts: u32,
    /// Whether the first target may have taken the agent.
    is_open: bool,
}

impl Itinerary {
    /// A move to `first`, or else to one of `others`, in their order; who is named twice is tried once.
    pub fn new(
        policy: RetryPolicy,
        first: NodeId,
        others: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        let mut targets = VecDeque::from([first]);
        for other in others {
            if !targets.contains(&other) {
                targets.push_back(other);
            }
        }
        Self { policy, targets, attempts: 0, is_open: false }
    }

    /// The first step.
    pub fn start(&self) -> Step {
        self.at_once()
    }

    /// The step after an attempt at the target of the last step that failed. After an ambiguous one it is to ask,
    /// however often that fails.
    pub fn failed(&mut self, failure: Failure) -> Step {
        let Some(target) = self.targets.front().copied() else { return Step::Stay };
        let attempt = self.attempts;
        match failure {
            _ if self.is_open => Step::Ask(target),
            Failure::Ambiguous => {
                self.is_open = true;
                Step::Ask(target)
            }
            Failure::Nowhere => {
                self.targets.clear();
                Step::Stay
            }
            Failure::Retriable if attempt.saturating_add(1) < self.policy.attempts => {
                self.attempts = attempt.saturating_add(1);
                Step::Try { target, after: self.policy.pause(attempt) }
            }
            Failure::Retriable | Failure::NotHere => {
                self.targets.pop_front();
                self.attempts = 0;
                self.at_once()
            }
        }
    }

    /// The step after the target that was to be asked has said, by its signed answer, that it did not take the
    /// agent, and why.
    pub fn refused(&mut self, failure: Failure) -> Step {
        self.is_open = false;
        self.failed(failure)
    }

    fn at_once(&self) -> Step {
        let target = self.targets.front().copied();
        target.map_or(Step::Stay, |target| Step::Try { target, after: Duration::ZERO })
    }
}
