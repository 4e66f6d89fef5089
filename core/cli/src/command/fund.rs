//! `igor fund`: adds budget to an agent: through the node that runs on its directory, or to one that is
//! stopped.

use igor_core::clock::Entropy;
use igor_core::format::{FundId, Microcents};
use igor_node::{Funded, FundingError, fund};

use crate::args::{Common, FundArgs};
use crate::command::control;
use crate::control::wire;
use crate::exit::Exit;
use crate::explain::Scene;
use crate::os::OsEntropy;
use crate::output::Output;
use crate::problem::Problem;
use crate::runner::{Assembly, block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// Funds an agent.
pub(crate) fn run(args: &FundArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.store.flags(), &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    if let Some(body) = control::fund(&args.control, &dir, &args.agent_id, args.units)? {
        return tell(&body, &output);
    }
    let scene = Scene { agent: args.agent_id.clone(), dir, module: None };
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let id = new_id()?;
    let mut funded = try_fund(&assembly, &scene, args.units, id)?;
    if let Err(FundingError::NotRecovered(_)) = funded {
        assembly.settle(&scene)?;
        funded = try_fund(&assembly, &scene, args.units, id)?;
    }
    let funded = funded.map_err(|error| scene.fund(&error))?;
    let Funded { tick, before, budget, checkpoint, notices } = funded;
    let body = wire::Funded {
        agent_id: scene.agent.to_string(),
        tick: tick.0,
        amount: args.units.get(),
        before: before.get(),
        budget: budget.get(),
        fund_id: id.to_string(),
        checkpoint: checkpoint.to_string(),
        notices,
    };
    tell(&body, &output)
}

fn tell(body: &wire::Funded, output: &Output) -> Result<Exit, Problem> {
    output.document("fund", body, || {
        let mut report: String = body
            .notices
            .iter()
            .map(|notice| format!("note: {}\n", text::one_line(notice)))
            .collect();
        report.push_str(&format!(
            "{} was given {} at tick {}: {} -> {}\n",
            text::escape(&body.agent_id),
            control::units(body.amount),
            body.tick,
            control::units(body.before),
            control::units(body.budget)
        ));
        report
    })?;
    Ok(Exit::Done)
}

fn try_fund(
    assembly: &Assembly,
    scene: &Scene,
    units: Microcents,
    id: FundId,
) -> Result<Result<Funded, FundingError>, Problem> {
    let node = &assembly.node;
    let means = (node.mode, &*node.entropy);
    let state_bytes_max = assembly.limits().state_bytes_max;
    block_on(fund(&*node.storage.0, &scene.agent, units, id, state_bytes_max, means))
}

fn new_id() -> Result<FundId, Problem> {
    let mut id = [0; 16];
    OsEntropy.fill(&mut id).map_err(|error| {
        Problem::new(error, "Without randomness no record can be named; check the system.")
    })?;
    Ok(FundId::from_bytes(id))
}
