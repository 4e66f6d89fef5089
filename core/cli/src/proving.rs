//! What the commands that re-execute a history share: engine and meters as configured, a thread with
//! the stack that the engine asks for, and a line of progress on a terminal. Nothing here judges, keeps
//! compiled code, takes a lock or changes a file.

use std::sync::Arc;

use igor_core::config::{Config, Plugins};
use igor_core::gas::CancelFlag;
use igor_core::plugin::BuildError;
use igor_core::{Clock, Engine, Limits, Meter};
use igor_node::Environment;
use igor_node::audit::{Means, Progress};

use crate::bar::Bar;
use crate::os::{OsClock, OsEntropy};
use crate::problem::Problem;

/// Native stack for the node's own calls below the guest's.
const NODE_STACK_BYTES: usize = 1 << 20;

/// Where histories are re-executed.
pub(crate) struct Prover {
    config: Config,
    plugins: Arc<Plugins>,
    clock: Arc<OsClock>,
    environment: Environment,
}

impl Prover {
    /// A prover with the plugins of this configuration.
    pub(crate) fn new(config: Config, plugins: &Arc<Plugins>) -> Self {
        let clock = Arc::new(OsClock::new());
        let environment = Environment {
            clock: Arc::<OsClock>::clone(&clock),
            entropy: Arc::new(OsEntropy),
            limits: Limits::default(),
            cancel: CancelFlag::default(),
        };
        Self { config, plugins: Arc::clone(plugins), clock, environment }
    }

    /// The name of the configured engine.
    pub(crate) fn engine_name(&self) -> String {
        self.config.chosen::<dyn Engine>().unwrap_or_default()
    }

    /// The engine of this name.
    pub(crate) fn engine(&self, name: &str) -> Result<Arc<dyn Engine>, Problem> {
        let section = self.config.section::<dyn Engine>(name);
        let built = self.plugins.engines.build(name, &section, &self.config.context());
        built.map_err(|error| Problem::usage(error, "`igor plugins` lists what there is."))
    }

    /// The time since this was made, in nanoseconds.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    /// Calls `body` with the means to re-execute on each of these engines, on a thread with the stack
    /// that they ask for.
    pub(crate) fn with<const N: usize, T: Send>(
        &self,
        programs: [(&[u8], &Arc<dyn Engine>); N],
        body: impl FnOnce([Means<'_>; N]) -> T + Send,
    ) -> Result<T, Problem> {
        let meter = |name: &str| self.meter(name);
        let means = programs.map(|(module, engine)| Means {
            module,
            engine: &**engine,
            meter: &meter,
            environment: &self.environment,
        });
        let stacks = programs.map(|(_, engine)| engine.native_stack_bytes());
        let stack_bytes = stacks.into_iter().max().unwrap_or_default();
        std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("guest".to_owned());
            let builder = builder.stack_size(stack_bytes.saturating_add(NODE_STACK_BYTES));
            let thread = builder.spawn_scoped(scope, || body(means)).map_err(|error| {
                Problem::new(
                    format_args!("start a thread: {error}"),
                    "Free some memory or raise the limits of this user.",
                )
            })?;
            Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// A line of progress on stderr, if that is a terminal.
    pub(crate) fn bar(&self) -> Bar<'_> {
        Bar::new(&self.clock)
    }

    fn meter(&self, name: &str) -> Result<Arc<dyn Meter>, BuildError> {
        let section = self.config.section::<dyn Meter>(name);
        self.plugins.meters.build(name, &section, &self.config.context())
    }
}

/// How far a re-execution is, in words.
pub(crate) fn line_of(progress: Progress, elapsed_ns: u64) -> String {
    let Progress { tick, done, total } = progress;
    let left = u128::from(total.saturating_sub(done)) * u128::from(elapsed_ns);
    let left_s = left / u128::from(done.max(1)) / 1_000_000_000;
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    let rate = rate_of(done, elapsed_ns);
    format!("{percent:3} %, tick {tick}, {rate} ticks/s, {left_s} s left")
}

/// Ticks per second.
pub(crate) fn rate_of(ticks: u64, elapsed_ns: u64) -> u64 {
    let per_second = u128::from(ticks) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use igor_core::format::Tick;

    use super::*;

    #[test]
    fn progress_says_what_is_left() {
        let progress = Progress { tick: Tick(7), done: 250, total: 1_000 };
        let line = line_of(progress, 2_000_000_000);
        assert_eq!(line, " 25 %, tick 7, 125 ticks/s, 6 s left");
        assert_eq!(rate_of(0, 0), 0);
    }
}
