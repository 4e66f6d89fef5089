//! Lists and runs the cases of each suite on each linked plugin, as `<kind>::<plugin>::<case>`, in the
//! manner of `cargo test`: filters, `--list` and `--exact` work. It holds no case. It fails closed: no
//! plugin of a kind, or one that was expected and is not there, is the failed case
//! `registry::all_linked`, and no filter hides that.
//!
//! Variables of the environment:
//!
//! - `IGOR_CONFORMANCE_ENGINE`, `IGOR_CONFORMANCE_STORAGE`, `IGOR_CONFORMANCE_METER`: only these
//!   plugins of the kind, separated by commas;
//! - `IGOR_CONFORMANCE_CONFIG`: a node configuration whose sections the plugins are built from;
//! - `IGOR_CONFORMANCE_EXPECT`: the plugins that must be linked, as in `engine::wasmi,meter::gas`, instead
//!   of those that the manifest names;
//! - `IGOR_CONFORMANCE_SEED`: the seed of all random choices;
//! - `IGOR_CONFORMANCE_EFFORT`: `quick`, `full` or `soak`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs, thread};

use igor_core::config::{Config, Plugins};
use igor_core::plugin::{ConfigSection, Context, Entry, Kind, Registry};
use igor_core::{Engine, Limits, Meter, Storage};
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

use crate::engine::EngineSubject;
use crate::meter::MeterSubject;
use crate::seed::{SEED_VARIABLE, seed};
use crate::storage::{Opened, StorageFixture};
use crate::{Case, engine, meter, storage};

/// What a case may need of stack beside what the engine states.
const CASE_STACK_BYTES: usize = 1 << 20;

/// Runs every suite on every linked plugin; those named in `expected`, as `<kind>::<name>`, must be
/// linked.
pub fn run_workspace(expected: &[&str]) -> ExitCode {
    Harness::expecting(expected).engines("").storages("").meters("").run()
}

/// Runs the engine suite on the linked engines; `config` is the text of their section.
pub fn run_engines(config: &str) -> ExitCode {
    Harness::expecting(&[]).engines(config).run()
}

/// Runs the storage suite on the linked stores; `config` is the text of their section.
pub fn run_storages(config: &str) -> ExitCode {
    Harness::expecting(&[]).storages(config).run()
}

/// Runs the storage suite on the linked stores, opened by a fixture of their own.
pub fn run_storages_in<F: StorageFixture + Default + 'static>() -> ExitCode {
    let run = |_: &Plugin<dyn Storage>, case: Case<dyn StorageFixture>| (case.run)(&F::default());
    Harness::expecting(&[]).suite("", storage::cases(), run).run()
}

/// Runs the meter suite on the linked meters; `config` is the text of their section.
pub fn run_meters(config: &str) -> ExitCode {
    Harness::expecting(&[]).meters(config).run()
}

/// Defines `main` of a `tests/conformance.rs`: the engine suite on the engines that a crate registers.
///
/// `engine_suite!(my_engine)`, or `engine_suite!(my_engine, config = r#"threads = 1"#)`.
#[macro_export]
macro_rules! engine_suite {
    ($krate:ident $(,)?) => {
        $crate::engine_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_engines($config)
        }
    };
}

/// Defines `main` of a `tests/conformance.rs`: the storage suite on the stores that a crate registers.
///
/// `storage_suite!(my_store)` opens them in fresh directories, `config = r#"…"#` gives them a section,
/// and `fixture = MyFixture` names a type, [`Default`] and [`StorageFixture`], that opens them.
#[macro_export]
macro_rules! storage_suite {
    ($krate:ident $(,)?) => {
        $crate::storage_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_storages($config)
        }
    };
    ($krate:ident, fixture = $fixture:ty $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_storages_in::<$fixture>()
        }
    };
}

/// Defines `main` of a `tests/conformance.rs`: the meter suite on the meters that a crate registers.
///
/// `meter_suite!(my_meter)`, or `meter_suite!(my_meter, config = r#"…"#)`.
#[macro_export]
macro_rules! meter_suite {
    ($krate:ident $(,)?) => {
        $crate::meter_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_meters($config)
        }
    };
}

/// The suites of one run, and what is wrong with the plugins that they should run on.
struct Harness {
    config: Option<Config>,
    expected: Vec<String>,
    found: Vec<String>,
    problems: Vec<String>,
    trials: Vec<Trial>,
}

impl Harness {
    fn expecting(names: &[&str]) -> Self {
        let expected = match list_in("IGOR_CONFORMANCE_EXPECT") {
            Some(names) => names,
            None => names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (config, problem) = match configuration().transpose() {
            Ok(config) => (config, None),
            Err(problem) => (None, Some(problem)),
        };
        let problems = problem.into_iter().collect();
        Self { config, expected, found: Vec::new(), problems, trials: Vec::new() }
    }

    fn engines(self, config: &str) -> Self {
        self.suite(config, engine::cases(), run_engine_case)
    }

    fn storages(self, config: &str) -> Self {
        self.suite(config, storage::cases(), |plugin, case| (case.run)(&Directory::new(plugin)))
    }

    fn meters(self, config: &str) -> Self {
        self.suite(config, meter::cases(), |plugin: &Plugin<dyn Meter>, case| {
            let directory = fresh_directory();
            let meter = plugin.build(directory.path());
            (case.run)(&MeterSubject { name: plugin.entry.name, meter });
        })
    }

    /// Adds each of `cases` on each linked plugin of one kind that is selected.
    fn suite<T, S>(
        mut self,
        config: &str,
        cases: Vec<Case<S>>,
        run: fn(&Plugin<T>, Case<S>),
    ) -> Self
    where
        T: ?Sized + Kind,
        S: ?Sized + 'static,
    {
        let linked = Registry::<T>::linked().unwrap_or_else(|error| {
            self.problems.push(error.to_string());
            Registry::empty()
        });
        let names: Vec<_> = linked.entries().iter().map(|entry| entry.name.to_owned()).collect();
        if names.is_empty() {
            self.problems.push(format!("no {} is linked", T::WORD));
        }
        if cases.is_empty() {
            self.problems.push(format!("the {} suite has no case", T::WORD));
        }
        let selected = list_in(&format!("IGOR_CONFORMANCE_{}", T::WORD.to_uppercase()));
        for name in selected.iter().flatten().filter(|name| !names.contains(name)) {
            self.problems.push(format!("{} {name:?} is selected but not linked", T::WORD));
        }
        self.found.extend(names.iter().map(|name| format!("{}::{name}", T::WORD)));
        for entry in linked.entries() {
            if selected.as_ref().is_some_and(|names| names.iter().all(|name| name != entry.name)) {
                continue;
            }
            let section = match &self.config {
                Some(config) => config.section::<T>(entry.name),
                None => ConfigSection::from_toml(format!("{}.{}", T::WORD, entry.name), config),
            };
            let plugin = Plugin { entry: *entry, section };
            self.trials.extend(cases.iter().map(|case| trial(&plugin, *case, run)));
        }
        self
    }

    fn run(mut self) -> ExitCode {
        let missing = self.expected.iter().filter(|name| !self.found.contains(name));
        self.problems.extend(missing.map(|name| format!("{name} is expected but not linked")));
        let outcome = if self.problems.is_empty() { Ok(()) } else { Err(self.problems.join("\n")) };
        let failed = outcome.clone().err();
        let check = move || outcome.map_err(Failed::from);
        self.trials.push(Trial::test("registry::all_linked", check));

        let arguments = Arguments::from_args();
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        match failed {
            Some(problems) if !arguments.list => {
                report(&problems);
                ExitCode::FAILURE
            }
            _ => conclusion.exit_code(),
        }
    }
}

/// A linked plugin with its configuration.
struct Plugin<T: ?Sized + Kind> {
    entry: Entry<T>,
    section: ConfigSection,
}

impl<T: ?Sized + Kind> Clone for Plugin<T> {
    fn clone(&self) -> Self {
        Self { entry: self.entry, section: self.section.clone() }
    }
}

impl<T: ?Sized + Kind> Plugin<T> {
    fn build(&self, data_dir: &Path) -> Arc<T> {
        let context = Context { data_dir: data_dir.to_owned(), limits: Limits::default() };
        let built = (self.entry.build)(&self.section, &context);
        built.unwrap_or_else(|error| panic!("build {} {}: {error}", T::WORD, self.entry.name))
    }
}

fn trial<T, S>(plugin: &Plugin<T>, case: Case<S>, run: fn(&Plugin<T>, Case<S>)) -> Trial
where
    T: ?Sized + Kind,
    S: ?Sized + 'static,
{
    let name = format!("{}::{}::{}", T::WORD, plugin.entry.name, case.name);
    let (plugin, full_name) = (plugin.clone(), name.clone());
    Trial::test(name, move || {
        catch_unwind(AssertUnwindSafe(|| run(&plugin, case)))
            .map_err(|panic| Failed::from(failure(&full_name, &*panic)))
    })
}

/// What a failed case says: its own message, and the command that repeats it.
fn failure(name: &str, panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let package = env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "conformance".to_owned());
    format!(
        "{}\nrepeat with: {}={} cargo test -p {package} --test conformance -- --exact {name}",
        text.unwrap_or("the case panicked"),
        SEED_VARIABLE,
        seed(),
    )
}

fn run_engine_case(plugin: &Plugin<dyn Engine>, case: Case<EngineSubject>) {
    let directory = fresh_directory();
    let engine = plugin.build(directory.path());
    let stack = engine.native_stack_bytes() + CASE_STACK_BYTES;
    let subject = EngineSubject { name: plugin.entry.name, engine };
    let thread = thread::Builder::new().stack_size(stack).spawn(move || (case.run)(&subject));
    let thread = thread.expect("a machine that runs the suite has room for one more thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The fixture of a store that needs no other: a directory, and the plugin built on it.
struct Directory {
    plugin: Plugin<dyn Storage>,
    directory: Arc<TempDir>,
}

impl Directory {
    fn new(plugin: &Plugin<dyn Storage>) -> Self {
        Self { plugin: plugin.clone(), directory: Arc::new(fresh_directory()) }
    }
}

impl StorageFixture for Directory {
    fn open(&self) -> Opened {
        let storage = self.plugin.build(self.directory.path());
        Opened { storage, guard: Box::new(self.directory.clone()) }
    }
}

fn fresh_directory() -> TempDir {
    tempfile::tempdir().expect("the suites need a writable directory for temporary files")
}

/// The configuration that `IGOR_CONFORMANCE_CONFIG` names, if it names one.
fn configuration() -> Option<Result<Config, String>> {
    let name = env::var("IGOR_CONFORMANCE_CONFIG").ok()?;
    let read = || {
        let text = fs::read_to_string(&name).map_err(|error| format!("read {name}: {error}"))?;
        let plugins = Plugins::linked().map_err(|error| error.to_string())?;
        let builder = Config::builder().file(&name, &text);
        builder.and_then(|builder| builder.build(&plugins)).map_err(|error| error.to_string())
    };
    Some(read())
}

/// The names in a variable, separated by commas; none if it is not set.
fn list_in(variable: &str) -> Option<Vec<String>> {
    let text = env::var(variable).ok()?;
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}

#[expect(clippy::print_stderr, reason = "this is a test program's main; its output is the report")]
fn report(problems: &str) {
    eprintln!("error: registry::all_linked\n{problems}");
}
