//! Compares what a segment states with what is around it: the checkpoints it lies between, the
//! segment before it, and the fund records. It re-executes nothing.

use igor_core::format::{
    Epoch, FundFacts, HistoryReport, Microcents, Predecessor, Record, SegmentClosing,
    SegmentContents,
};

use super::cover::Step;
use super::report::Problem;

/// Compares; the first contradiction is the error.
pub(super) fn check(
    segment: &SegmentContents,
    step: &Step<'_>,
    history: &HistoryReport,
) -> Result<(), Problem> {
    check_checkpoints(segment, step)?;
    match segment.opening.predecessor {
        Predecessor::Genesis => {
            same("carry", segment.opening.carry.get(), "an agent that has never run has", 0)?;
        }
        Predecessor::NotJournaled => {}
        Predecessor::Segment(hash) => {
            let kept = history.audit_segments.iter().map(|facts| facts.closing);
            let collected = history.summary.iter().flat_map(|summary| &summary.segments);
            let closings = kept.chain(collected.map(|segment| segment.closing));
            for closing in closings.filter(|closing| closing.hash() == hash) {
                check_predecessor(segment, &closing)?;
            }
        }
    }
    check_funds(segment, &history.funds)
}

fn check_checkpoints(segment: &SegmentContents, step: &Step<'_>) -> Result<(), Problem> {
    let (opening, closing) = (&segment.opening, step.closing.header);
    let of_closing = "the checkpoint that closes it says";
    same("price", opening.price, of_closing, closing.price)?;
    let recovered = segment.records.iter().rev().find_map(|record| match record {
        Record::Recovered(recovered) => Some(recovered.epoch),
        _ => None,
    });
    let epoch = recovered.unwrap_or(opening.epoch);
    let text = |epoch: Epoch| format!("{}.{}", epoch.major, epoch.generation);
    same("epoch", text(epoch), of_closing, text(closing.epoch))?;
    let Some(before) = step.before else { return Ok(()) };
    let of_opening = "the checkpoint that opens it says";
    same("module", opening.module, of_opening, before.header.code_hash)?;
    let (stated, earlier) = (opening.epoch, before.header.epoch);
    if (stated.major, stated.generation) < (earlier.major, earlier.generation) {
        same("epoch", text(stated), of_opening, text(earlier))?;
    }
    Ok(())
}

fn check_predecessor(segment: &SegmentContents, before: &SegmentClosing) -> Result<(), Problem> {
    let opening = &segment.opening;
    let of = "the segment before ends with";
    same("checkpoint", opening.checkpoint, of, before.checkpoint)?;
    same("tick", opening.tick, of, before.tick)?;
    same("budget", opening.budget, of, before.budget)?;
    same("carry", opening.carry.get(), of, before.carry.get())
}

/// Every funding in the segment has its fund record, which names the two checkpoints.
fn check_funds(segment: &SegmentContents, funds: &[FundFacts]) -> Result<(), Problem> {
    for record in &segment.records {
        let Record::Funded(funded) = record else { continue };
        let explains = |fund: &&FundFacts| {
            fund.applied
                && fund.funding.id == funded.id
                && fund.funding.after == segment.closing.checkpoint
        };
        let signed = funds.iter().find(explains).map(|fund| fund.funding.amount);
        let signed = signed.unwrap_or(Microcents::ZERO);
        same("a funding of", funded.amount, "the fund records that apply say", signed)?;
    }
    Ok(())
}

fn same<T: PartialEq + ToString>(
    what: &'static str,
    stated: T,
    of: &'static str,
    expected: T,
) -> Result<(), Problem> {
    if stated == expected {
        return Ok(());
    }
    let (stated, expected) = (stated.to_string(), expected.to_string());
    Err(Problem::Terms { what, stated, of, expected })
}
