//! Whether this node takes agents of the original, and what its operator is told then. How they are taken, and
//! what is checked, is igor-node's business.

use igor_core::Meter;
use igor_core::config::Config;
use igor_core::format::MeterName;
use igor_node::wire::Spoken;
use serde::Serialize;

use crate::output::{Format, Output, SCHEMA};
use crate::plugins::ORIGINAL_TRANSPORT;
use crate::problem::Problem;

/// What the operator has to know: nothing that igor promises reaches the sender.
const STATEMENT: &str = "what their senders do is outside what igor promises. A node of the original ticks an \
                         agent on while it sends what it stored last, goes on with it if the answer is lost, and \
                         deletes its own copy once it hears that the agent was taken. See to it that it does not \
                         run the agent again.";

#[derive(Serialize)]
struct AcceptingLine {
    schema: u32,
    event: &'static str,
    time: String,
    protocol: &'static str,
    meter: String,
    statement: &'static str,
}

/// What agents of the original are charged by here; `None` if they are not taken.
pub(super) fn accepted(config: &Config, transport: &str) -> Result<Option<MeterName>, Problem> {
    if !config.handoff().accept_original {
        return Ok(None);
    }
    if transport != ORIGINAL_TRANSPORT {
        let source = config.source("handoff.accept_original");
        return Err(Problem::usage(
            format_args!(
                "accept agents of the original ({source}): its nodes speak {ORIGINAL_TRANSPORT}, and this one \
                 {transport}"
            ),
            format!("Start it with --transport {ORIGINAL_TRANSPORT}, or take in no such agents."),
        ));
    }
    let meter = config.chosen::<dyn Meter>().unwrap_or_default();
    let meter = MeterName::new(&meter).map_err(|error| {
        Problem::usage(error, "`igor plugins` lists the meters that there are.")
    })?;
    Ok(Some(meter))
}

/// Says that they are taken, and what that means.
pub(super) fn tell(meter: &MeterName, time: String, output: &Output) -> Result<(), Problem> {
    let protocol = Spoken::Migrate.name();
    let _ = match output.format() {
        Format::Json => output.json_line(&AcceptingLine {
            schema: SCHEMA,
            event: "accepting_original",
            time,
            protocol,
            meter: meter.as_str().to_owned(),
            statement: STATEMENT,
        })?,
        Format::Text => output.text(&format!(
            "agents of the original are taken at {protocol}, and charged by {}\nnote: {STATEMENT}\n",
            meter.as_str()
        ))?,
    };
    Ok(())
}
