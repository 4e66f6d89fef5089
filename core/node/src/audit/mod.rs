//! Audits a life from the files of its history, as a stranger would: signatures and order by
//! igor-format, then every segment re-executed with the module that is given, on the engine that is
//! given. It trusts nothing but the agent's own key, opens no file and writes nothing.
//!
//! Three things can be said of each piece of a life: it is proven, nothing speaks against it, or
//! something does. What could not be proven is always named.

mod bisect;
mod cover;
mod ending;
mod files;
mod ground;
mod report;
mod run;
mod terms;

use igor_core::Limits;
use igor_core::format::{
    Checkpoint, Did, Entry, HistoryReport, HistoryVerifier, Microcents, OpenSegment, Seq, Severity,
    Tick, read_journal,
};

pub use bisect::{Contrast, ContrastKind, bisect};
pub use files::{Copied, Files, copy, open_log};
pub use ground::Means;
pub use report::{Audit, Charges, Gap, Piece, Problem, Proof, Refuted, Verdict};

pub(crate) use ending::{Ending, audit_end};
pub(crate) use ground::Ground;

use cover::{Cover, Step, steps};
use ending::re_execute;
use ground::{Grounds, Obstacle};
use run::{Part, Ran, run};

use crate::tail::has_news;

/// What the part of the log that is not sealed is called where a file would be.
const JOURNAL: &str = "journal";

/// What is to be audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The identity that must have signed; without it, whoever signed the first checkpoint.
    pub did: Option<Did>,
    /// The first tick that matters. Segments are re-executed as a whole.
    pub from: Tick,
    /// The last tick that matters.
    pub to: Tick,
}

impl Default for Scope {
    fn default() -> Self {
        Self { did: None, from: Tick(0), to: Tick(u64::MAX) }
    }
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The tick that was just re-executed.
    pub tick: Tick,
    /// How many were, with this one.
    pub done: u64,
    /// How many there are, as far as that is known.
    pub total: u64,
}

/// Audits the history in `files`; `log` is the part of the agent's log that no segment holds yet, from
/// a position at or before its beginning.
///
/// The calling thread needs the stack that the engine asks for.
pub fn audit(
    files: &dyn Files,
    log: Option<&(Seq, Vec<Vec<u8>>)>,
    means: Means<'_>,
    scope: &Scope,
    watch: &mut dyn FnMut(Progress),
) -> Audit {
    let (history, refutations) = read_history(files, scope.did);
    let grounds = Grounds::new(means);
    let tally = Tally { refutations, ..Tally::default() };
    let mut auditor = Auditor { files, history: &history, grounds, tally };
    let findings = history.findings.iter();
    for finding in findings.filter(|finding| finding.severity() == Severity::Error) {
        let (file, problem) = (finding.file.clone(), Problem::Finding(finding.clone()));
        auditor.tally.refutations.push(Refuted { file, problem });
    }
    auditor.audit_steps(scope, watch);
    if let Some((first, records)) = log
        && scope.to == Tick(u64::MAX)
    {
        auditor.audit_log(*first, records, watch);
    }
    let Tally { pieces, refutations, charges, ticks } = auditor.tally;
    Audit { history, pieces, refutations, charges, ticks }
}

/// Lets igor-format judge the files; returns also what could not be read.
fn read_history(files: &dyn Files, did: Option<Did>) -> (HistoryReport, Vec<Refuted>) {
    let mut verifier = HistoryVerifier::new(Limits::CEILING.state_bytes_max, did);
    let mut unreadable = Vec::new();
    for name in files.names() {
        match files.read(&name) {
            Ok(bytes) => verifier.add(&name, &bytes),
            Err(problem) => {
                unreadable.push(Refuted { file: Some(name), problem: Problem::File(problem) });
            }
        }
    }
    match files.current() {
        Ok(Some((name, bytes))) => verifier.add_current(&name, &bytes),
        Ok(None) => {}
        Err(problem) => unreadable.push(Refuted { file: None, problem: Problem::File(problem) }),
    }
    (verifier.finish(), unreadable)
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    pieces: Vec<Piece>,
    refutations: Vec<Refuted>,
    charges: Charges,
    ticks: u64,
}

impl Tally {
    /// Adds a piece, to the one before it if that has the same standing.
    fn add(&mut self, piece: Piece) {
        match self.pieces.last_mut() {
            Some(last) if last.standing == piece.standing && last.to == piece.after => {
                last.to = piece.to;
            }
            _ => self.pieces.push(piece),
        }
    }
}

struct Auditor<'a> {
    files: &'a dyn Files,
    history: &'a HistoryReport,
    grounds: Grounds<'a>,
    tally: Tally,
}

impl Auditor<'_> {
    fn audit_steps(&mut self, scope: &Scope, watch: &mut dyn FnMut(Progress)) {
        let steps = steps(self.history);
        let asked: Vec<_> =
            steps.iter().filter(|step| step.touches(scope.from, scope.to)).collect();
        let total = asked.iter().map(|step| step.ticks()).fold(0, u64::saturating_add);
        let mut done = 0_u64;
        for step in asked {
            let (given, found) = (self.grounds.module(), step.closing.header.code_hash);
            if given != found {
                let problem = Problem::Module { given, found };
                self.refute(step.closing.file.clone(), problem);
                return self.add(step, Proof::Refuted);
            }
            let standing = match &step.cover {
                Cover::Nothing => Proof::Unproven(Gap::NotJournaled),
                Cover::Collected => Proof::Unproven(Gap::Collected),
                Cover::Segment(facts) => {
                    let mut watch = |tick| {
                        done = done.saturating_add(1);
                        watch(Progress { tick, done, total });
                    };
                    match self.audit_segment(&facts.file, step, &mut watch) {
                        Ok(ran) => {
                            self.take(&facts.file, ran);
                            continue;
                        }
                        Err(Obstacle::Gap(gap)) => Proof::Unproven(gap),
                        Err(Obstacle::Problem(problem)) => {
                            self.refute(facts.file.clone(), problem);
                            Proof::Refuted
                        }
                    }
                }
            };
            self.add(step, standing);
        }
    }

    fn audit_segment(
        &mut self,
        file: &str,
        step: &Step<'_>,
        watch: &mut dyn FnMut(Tick),
    ) -> Result<Ran, Obstacle> {
        let Self { files, history, grounds, .. } = self;
        re_execute(*files, file, step, history, |opening| grounds.under(opening), watch)
    }

    /// Re-executes what is journaled behind the last checkpoint.
    fn audit_log(&mut self, first: Seq, records: &[Vec<u8>], watch: &mut dyn FnMut(Progress)) {
        let Some(last) = self.history.checkpoints.last() else { return };
        let journal = match read_journal(first, records) {
            Ok(journal) => journal,
            Err(error) => return self.refute(JOURNAL.to_owned(), Problem::Journal(error)),
        };
        let open = journal.segments.into_iter().next_back();
        let continues = |open: &OpenSegment| open.base == Entry::base(last.hash) && has_news(open);
        let Some(OpenSegment { opening, entries, .. }) = open.filter(continues) else { return };
        let tick = last.header.tick;
        let standing = match self.grounds.under(&opening) {
            Ok(ground) => {
                let records: Vec<_> = entries.into_iter().map(|(_, record)| record).collect();
                let state = files::checkpoint(self.files, last).map(Checkpoint::into_state);
                let part = Part { opening: &opening, records: &records, state, closing: None };
                let before = self.tally.ticks;
                let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
                let total = before.saturating_add(count);
                let ran = run(ground, part, &mut |at| {
                    let done = before.saturating_add(at.0.saturating_sub(tick.0));
                    watch(Progress { tick: at, done, total });
                });
                return self.take(JOURNAL, ran);
            }
            Err(Obstacle::Gap(gap)) => Proof::Unproven(gap),
            Err(Obstacle::Problem(problem)) => {
                self.refute(JOURNAL.to_owned(), problem);
                Proof::Refuted
            }
        };
        self.tally.add(Piece { after: tick, to: tick, standing });
    }

    fn take(&mut self, file: &str, ran: Ran) {
        let Ran { pieces, charges, ticks, problem } = ran;
        for piece in pieces {
            self.tally.add(piece);
        }
        let sum = &mut self.tally.charges;
        for (sum, more) in [
            (&mut sum.exact, charges.exact),
            (&mut sum.from_time, charges.from_time),
            (&mut sum.from_record, charges.from_record),
        ] {
            *sum = sum.checked_add(more).unwrap_or(Microcents::MAX);
        }
        self.tally.ticks = self.tally.ticks.saturating_add(ticks);
        if let Some(problem) = problem {
            self.refute(file.to_owned(), problem);
        }
    }

    fn add(&mut self, step: &Step<'_>, standing: Proof) {
        self.tally.add(Piece { after: step.after(), to: step.to(), standing });
    }

    fn refute(&mut self, file: String, problem: Problem) {
        self.tally.refutations.push(Refuted { file: Some(file), problem });
    }
}
