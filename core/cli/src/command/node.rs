//! `igor node`: runs the agents of a directory until it is asked to end.

use crate::args::{Common, ServeArgs};
use crate::command::run::{lease_flags, network_flags};
use crate::control::token::Token;
use crate::exit::Exit;
use crate::explain::Scene;
use crate::node;
use crate::problem::Problem;
use crate::runner::{Assembly, linked};
use crate::settings;
use crate::start;

/// Runs a node.
pub(crate) fn run(args: &ServeArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let mut flags = vec![
        ("--engine", "engine.plugin", args.engine.as_deref()),
        ("--storage", "storage.plugin", args.storage.as_deref()),
        ("--meter", "meter.plugin", args.meter.as_deref()),
        ("--price", "node.price", args.price.as_deref()),
        ("--checkpoint-dir", "run.checkpoint_dir", args.checkpoint_dir.as_deref()),
        ("--tick-interval", "run.tick_interval", args.tick_interval.as_deref()),
        ("--checkpoint-interval", "run.checkpoint_interval", args.checkpoint_interval.as_deref()),
        ("--replay-mode", "replay.mode", args.replay_mode.as_deref()),
        ("--replay-on-divergence", "replay.on_divergence", args.replay_on_divergence.as_deref()),
        ("--durability", "run.durability", args.durability.as_deref()),
        ("--migration-retries", "handoff.retries", args.migration_retries.as_deref()),
        ("--migration-retry-delay", "handoff.retry_delay", args.migration_retry_delay.as_deref()),
        ("--drain-to", "node.drain_to", args.drain_to.as_deref()),
        ("--accept-original", "handoff.accept_original", args.accept_original.then_some("yes")),
    ];
    flags.extend(lease_flags(&args.lease));
    flags.extend(network_flags(&args.network));
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    let anyone = "agent".parse().map_err(|error| Problem::new(error, ""))?;
    let scene = Scene { agent: anyone, dir: dir.clone(), module: None };
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let control = args.control_listen.map(|address| {
        let file = args.control_token_file.clone().unwrap_or_else(|| Token::file(&dir));
        (address, file)
    });
    let guest_threads = args.guest_threads;
    node::run(node::Plan { assembly, dir, scene, guest_threads, control }, &output)
}
