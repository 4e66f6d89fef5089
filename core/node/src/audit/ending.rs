//! Re-executes the end of a history and nothing else: the segment that its last checkpoint closes, on a
//! program that stands already. The rest of the history was judged before.

use igor_core::format::{Hash, HistoryReport, Segment, SegmentContents, SegmentOpening, Tick};

use super::cover::{Cover, Step, steps};
use super::files::{self, Files};
use super::ground::{Ground, Obstacle, check_versions};
use super::report::{Gap, Problem, Proof, Refuted};
use super::run::{Part, Ran, run};
use super::terms;

/// What the end of a history is worth.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It was re-executed, and everything came out as recorded.
    Proven,
    /// It can only be believed.
    Unproven(Gap),
    /// Something speaks against it.
    Refuted(Refuted),
}

/// Re-executes the end of `history`, whose files are `files`, on `ground`. The terms of the segment must
/// be those that the ground was made for.
pub(crate) fn audit_end(files: &dyn Files, history: &HistoryReport, ground: Ground) -> Ending {
    let steps = steps(history);
    let Some(step) = steps.last() else { return Ending::Unproven(Gap::NotJournaled) };
    let facts = match step.cover {
        Cover::Nothing => return Ending::Unproven(Gap::NotJournaled),
        Cover::Collected => return Ending::Unproven(Gap::Collected),
        Cover::Segment(facts) => facts,
    };
    let refuted = |problem| Ending::Refuted(Refuted { file: Some(facts.file.clone()), problem });
    let under = |opening: &SegmentOpening| {
        check_versions(opening)?;
        Ok(ground)
    };
    let ran = match re_execute(files, &facts.file, step, history, under, &mut |_| {}) {
        Ok(ran) => ran,
        Err(Obstacle::Gap(gap)) => return Ending::Unproven(gap),
        Err(Obstacle::Problem(problem)) => return refuted(problem),
    };
    if let Some(problem) = ran.problem {
        return refuted(problem);
    }
    let mut gaps = ran.pieces.into_iter().rev().filter_map(|piece| match piece.standing {
        Proof::Unproven(gap) => Some(gap),
        Proof::Proven | Proof::Refuted => None,
    });
    gaps.next().map_or(Ending::Proven, Ending::Unproven)
}

/// Re-executes the segment in `file`, which covers `step`, on the ground that is made for its terms.
pub(super) fn re_execute(
    files: &dyn Files,
    file: &str,
    step: &Step<'_>,
    history: &HistoryReport,
    under: impl FnOnce(&SegmentOpening) -> Result<Ground, Obstacle>,
    watch: &mut dyn FnMut(Tick),
) -> Result<Ran, Obstacle> {
    let bytes = files.read(file).map_err(Problem::File)?;
    let segment = Segment::decode(&bytes).and_then(|segment| segment.verify());
    let segment = segment.map_err(Problem::Segment)?;
    terms::check(&segment, step, history)?;
    let SegmentContents { opening, records, closing } = segment;
    let ground = under(&opening)?;
    let missing = || Problem::File("a checkpoint of the segment cannot be read".to_owned());
    let state = match step.before {
        Some(facts) => Some(files::checkpoint(files, facts).ok_or_else(missing)?.into_state()),
        None if opening.checkpoint == Hash::ZERO => None,
        None => {
            let problem = "the checkpoint it begins with is not here".to_owned();
            return Err(Gap::Unsupported(problem).into());
        }
    };
    let end = files::checkpoint(files, step.closing).ok_or_else(missing)?;
    let closing = Some((closing, end.into_state()));
    let part = Part { opening: &opening, records: &records, state, closing };
    Ok(run(ground, part, watch))
}
