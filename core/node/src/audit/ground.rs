//! What re-executions stand on: an engine, meters, and the program of a module under the terms of a
//! segment. It keeps the program of the last terms, as most segments of a life have the same.

use std::sync::Arc;

use igor_core::format::{Hash, Manifest, SegmentOpening};
use igor_core::plugin::BuildError;
use igor_core::prepare;
use igor_core::{Engine, Limits, Meter};

use super::report::{Gap, Problem};
use crate::abi::ABI_VERSION;
use crate::host::Environment;
use crate::open::{execution_limits, with_execution_limits};
use crate::program::{CheckedModule, LoadError, Program};

/// What an audit runs on.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The module, as its author built it.
    pub module: &'a [u8],
    /// The engine that re-executes. The calling thread needs the stack that it asks for.
    pub engine: &'a dyn Engine,
    /// Builds the meter of this name.
    #[expect(clippy::type_complexity, reason = "a plain function from name to meter")]
    pub meter: &'a (dyn Fn(&str) -> Result<Arc<dyn Meter>, BuildError> + Sync),
    /// Clock and cancel flag; its limits are replaced by those of each segment. Nothing of what it
    /// tells reaches the guest, which sees what was recorded.
    pub environment: &'a Environment,
}

/// Why a segment cannot be re-executed.
pub(super) enum Obstacle {
    /// Nothing speaks against it.
    Gap(Gap),
    /// It cannot be what happened.
    Problem(Problem),
}

impl Obstacle {
    /// The obstacle where there is nothing but problems.
    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Gap(gap) => Problem::File(gap.to_string()),
            Self::Problem(problem) => problem,
        }
    }
}

impl From<Gap> for Obstacle {
    fn from(gap: Gap) -> Self {
        Self::Gap(gap)
    }
}

impl From<Problem> for Obstacle {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A program that stands, with what it runs in and is charged by.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) program: Program,
    pub(crate) environment: Environment,
    pub(crate) meter: Arc<dyn Meter>,
}

/// Makes the ground for one segment after another.
pub(super) struct Grounds<'a> {
    means: Means<'a>,
    module: Hash,
    last: Option<(SegmentOpening, Program)>,
}

impl<'a> Grounds<'a> {
    pub(super) fn new(means: Means<'a>) -> Self {
        Self { means, module: Hash::of(means.module), last: None }
    }

    /// The hash of the module that was given.
    pub(super) const fn module(&self) -> Hash {
        self.module
    }

    /// The ground for a segment with this opening. Which module the opening names is not looked at.
    pub(super) fn under(&mut self, opening: &SegmentOpening) -> Result<Ground, Obstacle> {
        check_versions(opening)?;
        let limits = with_execution_limits(&Limits::CEILING, &opening.limits);
        if let Err(error) = limits.validate() {
            return Err(Gap::Unsupported(error.to_string()).into());
        }
        let meter = (self.means.meter)(opening.meter.as_str())
            .map_err(|error| Gap::Unsupported(error.to_string()))?;
        let program = self.program(opening, &limits)?;
        let environment = Environment { limits, ..self.means.environment.clone() };
        Ok(Ground { program, environment, meter })
    }

    fn program(&mut self, opening: &SegmentOpening, limits: &Limits) -> Result<Program, Obstacle> {
        if let Some((of, program)) = &self.last
            && of.manifest == opening.manifest
            && of.limits == opening.limits
        {
            return Ok(program.clone());
        }
        debug_assert_eq!(execution_limits(limits), opening.limits, "every row is taken over");
        let manifest = Manifest::parse(&opening.manifest, limits.manifest_bytes_max)
            .map_err(|error| Gap::Unsupported(error.to_string()))?;
        let program = CheckedModule::new(self.means.module, &manifest, limits)
            .and_then(|checked| checked.compile(self.means.engine))
            .map_err(obstacle)?;
        self.last = Some((opening.clone(), program.clone()));
        Ok(program)
    }
}

/// What this program or machine lacks speaks against no history.
fn obstacle(error: LoadError) -> Obstacle {
    match error {
        LoadError::Engine(_) | LoadError::Capabilities(_) => {
            Gap::Unsupported(error.to_string()).into()
        }
        error => Problem::Load(error).into(),
    }
}

pub(super) fn check_versions(opening: &SegmentOpening) -> Result<(), Gap> {
    for (what, needed, available) in [
        ("preparation", opening.preparation_version, prepare::VERSION),
        ("the cost table", opening.cost_table_version, prepare::COST_TABLE_VERSION),
        ("the agent ABI", opening.abi_version, ABI_VERSION),
    ] {
        if needed != available {
            let problem = format!("it needs version {needed} of {what}, this is {available}");
            return Err(Gap::Unsupported(problem));
        }
    }
    Ok(())
}
