//! `igor run` with a transport: a node for one agent. It takes in no other, and ends with its agent: when that
//! has stopped, or has gone to another node.

use std::ops::ControlFlow;
use std::sync::Arc;

use igor_core::format::AgentId;
use igor_core::gas::CancelFlag;
use igor_core::handoff::Holding;
use igor_core::lease::Moment;
use igor_node::shell::{FleetHandle, Told, run_fleet};
use igor_node::{Request, RunEvent, StopReason, Stopped, launch, whereabouts};

use super::scribe::Scribe;
use super::station::{Station, Tenancy};
use super::{deck, failed_to_start, network, pass_on_signals, runtime};
use crate::control::address::Address;
use crate::control::server;
use crate::exit::Exit;
use crate::explain::Scene;
use crate::output::Output;
use crate::problem::Problem;
use crate::report::Report;
use crate::runner::{Assembly, failure};

/// A run that others can reach.
pub(crate) struct Run {
    pub(crate) assembly: Assembly,
    pub(crate) request: Request,
    pub(crate) ticks: Option<u64>,
    pub(crate) scene: Scene,
}

/// Runs the agent until it stops or is elsewhere.
pub(crate) fn run(run: Run, output: &Output) -> Result<Exit, Problem> {
    let runtime = runtime().map_err(|error| failed_to_start(&error))?;
    let ended = runtime.block_on(live(run, output));
    runtime.shutdown_background();
    ended
}

async fn live(run: Run, output: &Output) -> Result<Exit, Problem> {
    let Run { assembly, request, ticks, scene } = run;
    let agent = scene.agent.clone();
    let deck = deck(&assembly, 1, 1);
    let (scribe, writing) = Scribe::new(Arc::clone(&deck.storage));
    tokio::spawn(writing);
    let (handle, orders) = FleetHandle::new();
    let tenancy = Tenancy::One(agent.clone());
    let plan = assembly.plan(ticks);
    let key = network::key(&assembly.node, &scene).await?;
    let dir = scene.dir.clone();
    let station = Station::new(assembly, dir, (handle, scribe), (key, tenancy), output.clone(), 1);
    let station = Arc::new(station);
    pass_on_signals(&station)?;
    let node = &station.assembly.node;
    // An agent that is offered to another node ticks here only if that node does not take it.
    let is_offered = matches!(
        whereabouts(&*node.storage.0, &agent).await.map_err(|error| scene.custody(&error))?,
        Some(found) if matches!(found.custody.holding, Holding::Offered { .. })
    );
    let launched = if is_offered {
        None
    } else {
        let cancel = CancelFlag::default();
        station.arrives(&agent, cancel.clone());
        let began = Moment::of(&*node.clock);
        let launched = launch(node, request, plan, cancel).await;
        Some(launched.map_err(|error| scene.launch(&error))?.read_at(began))
    };
    network::open(&station, &scene, output).await?;
    let address = Address::take(&station.dir, Some(&agent))?;
    tokio::spawn(server::serve(server::listen(&address)?, Arc::clone(&station)));
    if let Some(launched) = launched {
        station.handle.add(launched);
    }
    let mut end = End { stopped: None, failed: None };
    let mut sink = |_: &AgentId, told: Told| end.hear(&station, &scene, output, told);
    run_fleet(deck, orders, false, &mut sink).await.map_err(|error| failed_to_start(&error))?;
    station.see_off().await;
    drop(address);
    match (end.failed, end.stopped) {
        (Some(problem), _) => Err(problem),
        (None, Some(stopped)) if !stopped.reason.is_success() => {
            Err(failure(stopped.reason, Some(stopped), &scene))
        }
        (None, _) => Ok(Exit::Done),
    }
}

/// How the run ended, as far as it is known.
struct End {
    stopped: Option<Stopped>,
    failed: Option<Problem>,
}

impl End {
    fn hear(
        &mut self,
        station: &Arc<Station>,
        scene: &Scene,
        output: &Output,
        told: Told,
    ) -> ControlFlow<()> {
        station.told(&scene.agent, &told);
        station.follow(&scene.agent, &told);
        match told {
            Told::Event(event) => {
                let clock = &*station.assembly.node.clock;
                let mut report = Report::new(output, clock, scene.agent.clone());
                if report.event(&event).is_break() {
                    self.failed = report.into_failure();
                    station.drain();
                }
                if let RunEvent::Stopped(stopped) = event {
                    self.stopped = Some(stopped);
                }
            }
            // The run goes on until it is known where the agent is.
            Told::Ended(StopReason::Offered) => {}
            Told::Ended(_) | Told::Refused => station.drain(),
            Told::Offer(_) | Told::CannotOffer(_) | Told::NotOffered(_) => {}
        }
        ControlFlow::Continue(())
    }
}
