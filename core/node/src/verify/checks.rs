//! What is checked when. One check runs at a time and a few segments wait; what comes to its end while
//! those do is skipped and counted, so that a slow verifier never holds up the agent.

use std::collections::VecDeque;

use igor_core::format::{Observations, Segment, Tick};

use super::window::Window;
use super::{CheckKind, Job, RecordedTick, Verdict, Verification};

/// How many segments wait to be checked.
const QUEUE_MAX: usize = 8;

/// How what runs here is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPlan {
    /// The engine that checks it.
    pub engine: String,
    /// How many ticks are kept to be repeated one by one.
    pub window: usize,
    /// How many ticks there are from one such repetition to the next.
    pub interval: u64,
    /// What follows from a divergence.
    pub on_divergence: OnDivergence,
    /// What follows from a finding of hidden state.
    pub on_hidden_state: OnHiddenState,
    /// Whether what each check costs is told.
    pub tells_cost: bool,
}

/// What follows from a divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnDivergence {
    /// It is told.
    Log,
    /// The agent is stopped until the operator decides.
    Pause,
    /// Every tick is repeated until a segment is verified.
    Intensify,
    /// The agent rests until it is taken to another node, or is stopped as by [`OnDivergence::Pause`].
    Migrate,
}

/// What follows from a finding of hidden state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnHiddenState {
    /// It is told, once.
    Log,
    /// The agent is stopped until the operator decides.
    Pause,
}

/// What a verdict asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// Nothing.
    None,
    /// The agent is to stop, for what this says.
    Divergence(String),
    /// The agent is not to tick here any more, for what this says.
    Exile(String),
    /// The same for hidden state.
    HiddenState(String),
}

/// The checks of one agent.
#[derive(Debug)]
pub(crate) struct Checks {
    plan: CheckPlan,
    window: Window,
    is_busy: bool,
    queue: VecDeque<Job>,
    is_intense: bool,
    has_told_hidden_state: bool,
    skipped: u64,
    /// Ticks since the last one that was repeated.
    since: u64,
}

impl Checks {
    pub(crate) fn new(plan: CheckPlan) -> Self {
        Self {
            window: Window::new(plan.window),
            plan,
            is_busy: false,
            queue: VecDeque::new(),
            is_intense: false,
            has_told_hidden_state: false,
            skipped: 0,
            since: 0,
        }
    }

    /// Whether a check runs.
    pub(crate) const fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Whether what a check costs is told.
    pub(crate) const fn tells_cost(&self) -> bool {
        self.plan.tells_cost
    }

    /// An incarnation was started.
    pub(crate) fn started(&mut self, observations: &Observations) {
        self.window.begin(observations.clone());
    }

    /// A tick was committed; `state` is the one before it. Perhaps something is to be checked now.
    pub(crate) fn ticked(&mut self, recorded: RecordedTick, state: Vec<u8>) -> Option<Job> {
        self.window.push(recorded, state);
        self.since = self.since.saturating_add(1);
        let interval = if self.is_intense { 1 } else { self.plan.interval };
        if self.since < interval || self.is_busy {
            return None;
        }
        let job = self.window.next()?;
        self.since = 0;
        self.is_busy = true;
        Some(job)
    }

    /// A segment was sealed: it is to be checked, now or later, or is skipped, which is told.
    pub(crate) fn sealed(
        &mut self,
        segment: &Segment,
        opened_at: Tick,
        (opening_state, closing_state): (Option<Vec<u8>>, Vec<u8>),
    ) -> Result<Option<Job>, Verification> {
        let closing = *segment.closing();
        if self.queue.len() >= QUEUE_MAX {
            self.skipped = self.skipped.saturating_add(1);
            let plural = if self.skipped == 1 { "" } else { "s" };
            let detail =
                format!("the verifier is behind, {} segment{plural} skipped", self.skipped);
            return Err(Verification {
                kind: CheckKind::Segment,
                from: first_tick(opened_at, closing.tick),
                to: closing.tick,
                engine: self.plan.engine.clone(),
                verdict: Verdict::Unverified(detail),
                gas: Default::default(),
                elapsed: Default::default(),
            });
        }
        let entries = segment.entries().to_vec();
        self.queue.push_back(Job::Segment { entries, opening_state, closing, closing_state });
        Ok(if self.is_busy { None } else { self.next() })
    }

    /// The next segment that waits.
    pub(crate) fn next(&mut self) -> Option<Job> {
        let job = self.queue.pop_front()?;
        self.is_busy = true;
        Some(job)
    }

    /// A check came to its end. Returns what follows from it, and whether it is to be told.
    pub(crate) fn done(&mut self, verification: &Verification) -> (Consequence, bool) {
        self.is_busy = false;
        match &verification.verdict {
            Verdict::Verified => {
                self.is_intense &= verification.kind != CheckKind::Segment;
                (Consequence::None, true)
            }
            Verdict::Unverified(_) => (Consequence::None, true),
            Verdict::Divergence(detail) => match self.plan.on_divergence {
                OnDivergence::Log => (Consequence::None, true),
                OnDivergence::Pause => (Consequence::Divergence(detail.clone()), true),
                OnDivergence::Migrate => (Consequence::Exile(detail.clone()), true),
                OnDivergence::Intensify => {
                    self.is_intense = true;
                    (Consequence::None, true)
                }
            },
            Verdict::HiddenState(detail) => {
                let is_new = !std::mem::replace(&mut self.has_told_hidden_state, true);
                match self.plan.on_hidden_state {
                    OnHiddenState::Log => (Consequence::None, is_new),
                    OnHiddenState::Pause => (Consequence::HiddenState(detail.clone()), true),
                }
            }
        }
    }
}

/// The first tick of a segment that opened after one and closed at the other.
pub(super) fn first_tick(opened_at: Tick, closed_at: Tick) -> Tick {
    Tick(opened_at.0.saturating_add(1)).min(closed_at)
}
