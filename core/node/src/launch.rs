//! Puts an agent's run together: looks at what is stored, checks the module, claims the agent,
//! compiles, and hands over a driver and a worker. The order is such that what can be refused is
//! refused before anything is claimed, and nothing is written but what a crash left unfinished.

use std::sync::Arc;

use igor_core::format::{Manifest, ManifestError, Price};
use igor_core::gas::CancelFlag;
use igor_core::lease::Moment;
use igor_core::plugin::BuildError;
use igor_core::storage::Hold;
use igor_core::{Clock, Engine, Entropy, Limits, Meter, Storage};

use crate::driver::{Beginning, Driver, Plan};
use crate::event::Started;
use crate::host::Environment;
use crate::open::{CommitMode, Means, OpenError, Opened, Outlook, Request, look, open};
use crate::program::{CheckedModule, LoadError, Program};
use crate::purse::Purse;
use crate::verify::Verifier;
use crate::worker::Worker;

/// An engine and its plugin name.
pub type NamedEngine = (Arc<dyn Engine>, String);

/// The parts of a node that an agent runs on.
pub struct Node {
    /// The engine, and its plugin name.
    pub engine: NamedEngine,
    /// The storage, and its plugin name.
    pub storage: (Arc<dyn Storage>, String),
    /// Builds the meter of this name.
    #[expect(clippy::type_complexity, reason = "a plain function from name to meter")]
    pub meter: Box<dyn Fn(&str) -> Result<Arc<dyn Meter>, BuildError> + Send + Sync>,
    /// What a nominal second costs here.
    pub price: Price,
    /// When what a tick did is durable.
    pub mode: CommitMode,
    /// The engine that checks what happens, and its plugin name.
    pub verifier: Option<NamedEngine>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

/// A run that is ready to begin.
pub struct Launched {
    /// Decides.
    pub driver: Driver,
    /// Runs guest code.
    pub worker: Worker,
    /// Checks what happens, if that is asked for.
    pub verifier: Option<Verifier>,
    /// What the operator should know.
    pub notices: Vec<String>,
    /// Keep others away until the run is over.
    pub holds: [Hold; 2],
    /// Not later than it was read who holds the agent, if a fleet's lease is to count from then on; see
    /// [`Launched::read_at`].
    pub read: Option<Moment>,
}

impl Launched {
    /// The same, with the moment at which launching it began. The clock of its node may be a script, whose answers are
    /// the guest's, so launching asks no clock.
    #[must_use]
    pub fn read_at(self, began: Moment) -> Self {
        Self { read: Some(began), ..self }
    }
}

/// Why an agent cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The module does not fit the node.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The meter cannot be built.
    #[error(transparent)]
    Meter(#[from] BuildError),
    /// The agent cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Gets an agent ready to run on `node`. `cancel` stops its running guest call.
///
/// # Errors
/// See [`LaunchError`]; nothing is left behind then.
pub async fn launch(
    node: &Node,
    request: Request,
    plan: Plan,
    cancel: CancelFlag,
) -> Result<Launched, LaunchError> {
    let storage = &*node.storage.0;
    let outlook = look(storage, &request).await?;
    let checked = check(&request, &outlook)?;
    let meter = (node.meter)(&outlook.meter)?;
    let means = Means { mode: node.mode, entropy: &*node.entropy };
    let opened = open(storage, request, &outlook, means).await?;
    let program = checked.compile(&*node.engine.0)?;
    let Outlook { meter: meter_name, limits, .. } = outlook;
    let fitted = Fitted { checked, program, meter, meter_name, limits };
    Ok(assemble(node, opened, fitted, plan, cancel))
}

/// A module that was made ready for a node, with what it is run under.
pub(crate) struct Fitted {
    pub(crate) checked: CheckedModule,
    pub(crate) program: Program,
    pub(crate) meter: Arc<dyn Meter>,
    /// The meter's plugin name.
    pub(crate) meter_name: String,
    pub(crate) limits: Limits,
}

/// Puts together the run of an agent that is open.
pub(crate) fn assemble(
    node: &Node,
    opened: Opened,
    fitted: Fitted,
    plan: Plan,
    cancel: CancelFlag,
) -> Launched {
    let Fitted { checked, program, meter, meter_name, limits } = fitted;
    let Opened { ledger, state, tail, tick, budget, carry, receipts, mut notices, holds, .. } =
        opened;
    let agent = ledger.agent().clone();
    let price = opened.price;
    if let Some(before) = price.filter(|before| *before != node.price) {
        notices.push(format!(
            "the price of {agent} changes from {before} to {} units per second",
            node.price
        ));
    }
    let environment = Environment {
        clock: Arc::clone(&node.clock),
        entropy: Arc::clone(&node.entropy),
        limits,
        cancel,
    };
    let introduction = Started {
        agent,
        did: ledger.public_key().did().to_string(),
        engine: node.engine.1.clone(),
        storage: node.storage.1.clone(),
        meter: meter_name,
        price: node.price,
        tick,
        budget,
        continued: state.is_some(),
    };
    let public_key = *ledger.public_key().as_bytes();
    let running = tail.as_ref().map_or(node.price, |tail| tail.opening.price);
    let verifier = node
        .verifier
        .clone()
        .map(|engine| Verifier::new(engine, checked, &environment, public_key, Arc::clone(&meter)));
    let purse = Purse { meter, price: running, budget, carry };
    let beginning = Beginning { ledger, purse, price: node.price, state, tail, introduction };
    let stack = node.engine.0.native_stack_bytes();
    Launched {
        worker: Worker::new(program, environment, public_key, receipts, stack),
        verifier,
        driver: Driver::new(plan, beginning),
        notices,
        holds,
        read: None,
    }
}

/// Checks a module against the manifest and limits in force.
///
/// # Errors
/// When the manifest or the module does not fit.
pub fn check(request: &Request, outlook: &Outlook) -> Result<CheckedModule, LaunchError> {
    let manifest = Manifest::parse(&outlook.manifest, outlook.limits.manifest_bytes_max)?;
    Ok(CheckedModule::new(&request.module, &manifest, &outlook.limits)?)
}
