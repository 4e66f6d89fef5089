//! `igor prove fork`: whether two checkpoints prove that an agent's line was forked. It reads the two files and
//! nothing else.

use std::fs;
use std::path::Path;

use igor_core::Limits;
use igor_core::format::{Checkpoint, NoFork, prove_fork};
use serde::Serialize;

use crate::args::ProveCommand;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::text;

#[derive(Serialize)]
struct ForkBody {
    did: String,
    public_key: String,
    prev: String,
    branches: [BranchBody; 2],
}

#[derive(Serialize)]
struct BranchBody {
    file: String,
    hash: String,
    tick: u64,
    budget: i64,
    epoch: u64,
}

/// Proves a fork or says why there is none.
pub(crate) fn run(command: &ProveCommand, output: &Output) -> Result<Exit, Problem> {
    let ProveCommand::Fork { first, second } = command;
    let checkpoints = [read(first)?, read(second)?];
    let [one, other] = &checkpoints;
    let fork = prove_fork(one, other).map_err(|reason| {
        let way_out = match reason {
            NoFork::OtherPredecessors(..) => {
                "Compare the two histories with `igor inspect`, and give the first checkpoints that differ: \
                 a fork is where two of them name one predecessor."
            }
            _ => "Give two signed checkpoints of one agent.",
        };
        let (first, second) = (first.display(), second.display());
        Problem::new(format_args!("{first} and {second} prove no fork: {reason}"), way_out)
    })?;
    let branch = |path: &Path, checkpoint: &Checkpoint| {
        let header = checkpoint.header();
        BranchBody {
            file: path.display().to_string(),
            hash: checkpoint.hash().to_string(),
            tick: header.tick.0,
            budget: header.budget.get(),
            epoch: header.epoch.major,
        }
    };
    let body = ForkBody {
        did: fork.agent.did().to_string(),
        public_key: fork.agent.to_string(),
        prev: fork.prev.to_string(),
        branches: [branch(first, one), branch(second, other)],
    };
    output.document("prove_fork", &body, || report(&body, &checkpoints))?;
    Ok(Exit::Done)
}

fn report(body: &ForkBody, checkpoints: &[Checkpoint; 2]) -> String {
    let mut rows = vec![("DID", body.did.clone()), ("After", body.prev.clone())];
    for ((name, branch), checkpoint) in ["Either", "Or"].iter().zip(&body.branches).zip(checkpoints)
    {
        let BranchBody { hash, tick, epoch, .. } = branch;
        let budget = checkpoint.header().budget;
        rows.push((name, hash.clone()));
        rows.push(("", format!("tick {tick}, budget {budget}, epoch {epoch}")));
    }
    format!("{}FORK PROVEN: the agent's key signed both\n", text::fields(&rows))
}

fn read(path: &Path) -> Result<Checkpoint, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        let way_out = "Give a checkpoint, such as those in the agent's history folder.";
        Problem::new(format_args!("read {}: {error}", path.display()), way_out)
    };
    let state_bytes_max = Limits::CEILING.state_bytes_max;
    let size = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > state_bytes_max.saturating_add(4_096) {
        return Err(failed(&"it is larger than any checkpoint"));
    }
    let bytes = fs::read(path).map_err(|error| failed(&error))?;
    Checkpoint::decode(&bytes, state_bytes_max).map_err(|error| failed(&error))
}
