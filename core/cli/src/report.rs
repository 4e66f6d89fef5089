//! How a run is reported: each event of the node becomes one line of text or one line of JSON. It
//! decides nothing about the run, except that a run nobody reads any more shall stop.

use std::ops::ControlFlow;

use igor_core::Clock;
use igor_core::format::AgentId;
use igor_node::{Granted, MoveWish, RunEvent, Started, Stopped, Ticked, Verdict, Verification};
use serde::Serialize;

use crate::output::{Format, Output, Reader, SCHEMA};
use crate::problem::Problem;
use crate::text;

/// The report of one agent's run.
pub(crate) struct Report<'a> {
    output: &'a Output,
    clock: &'a dyn Clock,
    agent: AgentId,
    failed: Option<Problem>,
}

impl<'a> Report<'a> {
    /// A report on `agent`.
    pub(crate) fn new(output: &'a Output, clock: &'a dyn Clock, agent: AgentId) -> Self {
        Self { output, clock, agent, failed: None }
    }

    /// Reports `event`. `Break` when the line could not be printed: the run shall stop.
    pub(crate) fn event(&mut self, event: &RunEvent) -> ControlFlow<()> {
        let printed = match self.output.format() {
            Format::Text => self.text(event).map(|text| self.output.text(&text)),
            Format::Json => self.json(event).map(|line| self.output.json_line(&line)),
        };
        match printed.unwrap_or(Ok(Reader::Present)) {
            Ok(Reader::Present) => ControlFlow::Continue(()),
            Ok(Reader::Gone) => ControlFlow::Break(()),
            Err(problem) => {
                self.failed.get_or_insert(problem);
                ControlFlow::Break(())
            }
        }
    }

    /// The first failure to print other than that the reader left.
    pub(crate) fn into_failure(self) -> Option<Problem> {
        self.failed
    }

    /// The line for people; nothing for a kind of event that has none.
    fn text(&self, event: &RunEvent) -> Option<String> {
        let width = self.output.width();
        let rest = match event {
            RunEvent::Started(started) => return Some(started_text(started)),
            RunEvent::Ticked(ticked) => ticked_text(ticked),
            RunEvent::Logged { message, .. } => format!("| {}", text::escape(message)),
            RunEvent::Checkpointed { tick, hash } => {
                let hash: String = hash.to_string().chars().take(16).collect();
                format!("checkpoint at tick {tick}, {hash}")
            }
            RunEvent::Paused(tick) => format!("pauses after tick {tick}"),
            RunEvent::Unpaused(tick) => format!("goes on after tick {tick}"),
            RunEvent::AsksToMove { tick, wish } => asks_text(tick.0, wish),
            RunEvent::MustMove { tick, reason } => {
                format!(
                    "rests after tick {tick}, to go to another node: {}",
                    text::one_line(reason)
                )
            }
            RunEvent::Granted(granted) => granted_text(granted),
            RunEvent::NotGranted(denied) => {
                format!("was not given {}: {}", denied.amount, text::one_line(&denied.reason))
            }
            RunEvent::Came(came) => format!("came at tick {} from {}", came.tick, came.source),
            RunEvent::Stayed(why) => format!("stays: {}", text::one_line(why)),
            RunEvent::Declined(declined) => {
                format!("was not taken: {}", text::one_line(&declined.reason))
            }
            RunEvent::Notice(notice) => format!("note: {}", text::one_line(notice)),
            RunEvent::Verified(verification) => verified_text(verification)?,
            RunEvent::Stopped(stopped) => stopped_text(stopped),
            _ => return None,
        };
        // A long name gives way on a narrow terminal, so that one tick stays one line.
        let room = width.map_or(usize::MAX, |width| {
            width.saturating_sub(rest.chars().count() + 1).max(SHORTEST_NAME)
        });
        Some(format!("{} {rest}\n", text::shorten(self.agent.as_str(), room)))
    }

    fn json(&self, event: &RunEvent) -> Option<Line<'_>> {
        let event = match event {
            RunEvent::Started(started) => Event::Started(StartedLine::from(started)),
            RunEvent::Ticked(ticked) => Event::Tick(TickLine::from(ticked)),
            RunEvent::Logged { tick, message } => {
                Event::Log { tick: tick.0, message: message.clone() }
            }
            RunEvent::Checkpointed { tick, hash } => {
                Event::Checkpoint { tick: tick.0, hash: hash.to_string() }
            }
            RunEvent::Stopped(stopped) => Event::Stopped(StoppedLine::from(stopped)),
            RunEvent::Verified(verification) => {
                Event::Verification(VerificationLine::from(verification))
            }
            RunEvent::Paused(tick) => Event::Paused { tick: tick.0 },
            RunEvent::Unpaused(tick) => Event::Unpaused { tick: tick.0 },
            RunEvent::AsksToMove { tick, wish } => Event::AsksToMove {
                tick: tick.0,
                node: wish.node.clone(),
                price_max: wish.price_max.map(|price| price.microcents().get()),
            },
            RunEvent::MustMove { tick, reason } => {
                Event::MustMove { tick: tick.0, reason: reason.clone() }
            }
            RunEvent::Granted(granted) => Event::Funded(FundedLine::from(granted)),
            RunEvent::NotGranted(denied) => Event::NotFunded {
                tick: denied.tick.0,
                amount: denied.amount.get(),
                fund_id: denied.id.to_string(),
                reason: denied.reason.clone(),
            },
            RunEvent::Sending(sending) => {
                Event::Sending { done: sending.done, total: sending.total }
            }
            RunEvent::Came(came) => {
                Event::Came { source: came.source.to_string(), tick: came.tick.0 }
            }
            RunEvent::Stayed(reason) => Event::Stayed { reason: reason.clone() },
            RunEvent::Declined(declined) => Event::Declined {
                source: declined.source.to_string(),
                code: declined.code.as_str(),
                reason: declined.reason.clone(),
            },
            RunEvent::Notice(message) => Event::Notice { message: message.clone() },
            _ => return None,
        };
        let (agent_id, time) = (self.agent.as_str(), text::rfc3339(self.clock.unix_ns()));
        Some(Line { schema: SCHEMA, event, agent_id, time })
    }
}

/// Fewer characters than this say nothing about which agent it is.
const SHORTEST_NAME: usize = 8;

fn started_text(started: &Started) -> String {
    let Started { agent, did, engine, storage, meter, price, tick, budget, continued } = started;
    let how = if *continued {
        format!("{agent} continues at tick {tick}")
    } else {
        format!("{agent} starts")
    };
    format!(
        "{how}\n{did}\nbudget {budget}, price {price} per second\n\
         engine {engine}, storage {storage}, meter {meter}\n"
    )
}

fn ticked_text(ticked: &Ticked) -> String {
    let Ticked { tick, charge, budget, observations, elapsed, .. } = ticked;
    let elapsed = text::milliseconds(elapsed.0);
    format!("tick {tick} {elapsed} cost {charge} left {budget} obs {observations}")
}

fn granted_text(granted: &Granted) -> String {
    let Granted { amount, before, budget, tick, .. } = granted;
    format!("was given {amount} at tick {tick}: {before} -> {budget}")
}

fn asks_text(tick: u64, wish: &MoveWish) -> String {
    let node = wish.node.as_deref().map_or("another node".to_owned(), text::escape);
    let price =
        wish.price_max.map_or(String::new(), |most| format!(" for at most {most} per second"));
    format!("asks at tick {tick} to move to {node}{price}")
}

/// What people should see of a check: only what is not as it should be.
fn verified_text(verification: &Verification) -> Option<String> {
    let Verification { from, to, engine, verdict, .. } = verification;
    let ticks = if from == to { format!("tick {to}") } else { format!("ticks {from} to {to}") };
    let what = match verdict {
        Verdict::Divergence(_) => format!("{ticks}: {engine} came to another result"),
        Verdict::HiddenState(_) => format!("{ticks}: the agent keeps something outside its state"),
        _ => return None,
    };
    let detail = verdict.detail().unwrap_or_default();
    Some(format!("warning: {what} ({})", text::one_line(detail)))
}

fn stopped_text(stopped: &Stopped) -> String {
    let Stopped { reason, tick, budget, detail } = stopped;
    let reason = reason.name().replace('_', " ");
    let detail = detail.as_deref().map(text::one_line);
    let detail = detail.map_or(String::new(), |detail| format!(" ({detail})"));
    format!("stopped at tick {tick}: {reason}{detail}, left {budget}")
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    #[serde(flatten)]
    event: Event,
    agent_id: &'a str,
    time: String,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Started(StartedLine),
    Tick(TickLine),
    Log { tick: u64, message: String },
    Checkpoint { tick: u64, hash: String },
    Paused { tick: u64 },
    Unpaused { tick: u64 },
    AsksToMove { tick: u64, node: Option<String>, price_max: Option<i64> },
    MustMove { tick: u64, reason: String },
    Funded(FundedLine),
    NotFunded { tick: u64, amount: i64, fund_id: String, reason: String },
    Sending { done: u64, total: u64 },
    Came { source: String, tick: u64 },
    Stayed { reason: String },
    Declined { source: String, code: &'static str, reason: String },
    Notice { message: String },
    Verification(VerificationLine),
    Stopped(StoppedLine),
}

#[derive(Serialize)]
struct StartedLine {
    did: String,
    engine: String,
    storage: String,
    meter: String,
    price: i64,
    tick: u64,
    budget: i64,
    continued: bool,
}

impl From<&Started> for StartedLine {
    fn from(started: &Started) -> Self {
        Self {
            did: started.did.clone(),
            engine: started.engine.clone(),
            storage: started.storage.clone(),
            meter: started.meter.clone(),
            price: started.price.microcents().get(),
            tick: started.tick.0,
            budget: started.budget.get(),
            continued: started.continued,
        }
    }
}

#[derive(Serialize)]
struct TickLine {
    tick: u64,
    gas: u64,
    charge: i64,
    budget: i64,
    observations: usize,
    elapsed_ns: u64,
    state_hash: String,
    more: bool,
}

impl From<&Ticked> for TickLine {
    fn from(ticked: &Ticked) -> Self {
        Self {
            tick: ticked.tick.0,
            gas: ticked.gas.0,
            charge: ticked.charge.get(),
            budget: ticked.budget.get(),
            observations: ticked.observations,
            elapsed_ns: ticked.elapsed.0,
            state_hash: ticked.state_hash.to_string(),
            more: ticked.more,
        }
    }
}

#[derive(Serialize)]
struct FundedLine {
    tick: u64,
    amount: i64,
    before: i64,
    budget: i64,
    fund_id: String,
    checkpoint: String,
}

impl From<&Granted> for FundedLine {
    fn from(granted: &Granted) -> Self {
        Self {
            tick: granted.tick.0,
            amount: granted.amount.get(),
            before: granted.before.get(),
            budget: granted.budget.get(),
            fund_id: granted.id.to_string(),
            checkpoint: granted.checkpoint.to_string(),
        }
    }
}

#[derive(Serialize)]
struct VerificationLine {
    kind: &'static str,
    from: u64,
    to: u64,
    engine: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<&Verification> for VerificationLine {
    fn from(verification: &Verification) -> Self {
        Self {
            kind: verification.kind.name(),
            from: verification.from.0,
            to: verification.to.0,
            engine: verification.engine.clone(),
            verdict: verification.verdict.name(),
            detail: verification.verdict.detail().map(str::to_owned),
        }
    }
}

#[derive(Serialize)]
struct StoppedLine {
    reason: &'static str,
    tick: u64,
    budget: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<&Stopped> for StoppedLine {
    fn from(stopped: &Stopped) -> Self {
        Self {
            reason: stopped.reason.name(),
            tick: stopped.tick.0,
            budget: stopped.budget.get(),
            detail: stopped.detail.clone(),
        }
    }
}
