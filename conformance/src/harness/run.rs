//! Collects the cases of the suites on the linked plugins, and runs them under the check that the
//! plugins are there.

use std::any::Any;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use igor_core::Storage;
use igor_core::plugin::{Kind, Registry};
use libtest_mimic::{Arguments, Failed, Trial};

use super::plugin::{
    Plugin, inapplicable_storage_cases, run_engine_case, run_meter_case, run_replay_case,
    run_storage_case, run_transport_case,
};
use super::settings::Settings;
use crate::seed::{SEED_VARIABLE, seed};
use crate::{Case, engine, meter, replay, storage, transport};

/// The suites of one run, and what is wrong with the plugins that they should run on.
pub(super) struct Harness {
    settings: Settings,
    expected: Vec<String>,
    found: Vec<String>,
    problems: Vec<String>,
    left_out: Vec<String>,
    trials: Vec<Trial>,
}

impl Harness {
    /// A run as the environment wants it; the plugins named in `expected` must be linked unless the
    /// environment names others.
    pub(super) fn of_environment(expected: &[&str]) -> Self {
        match Settings::of_environment() {
            Ok(settings) => Self::new(settings, expected),
            Err(problem) => {
                let mut harness = Self::new(Settings::default(), expected);
                harness.problems.push(problem);
                harness
            }
        }
    }

    fn new(settings: Settings, expected: &[&str]) -> Self {
        let expected = settings
            .expected
            .clone()
            .unwrap_or_else(|| expected.iter().map(|name| (*name).to_owned()).collect());
        let (found, problems, left_out, trials) = Default::default();
        Self { settings, expected, found, problems, left_out, trials }
    }

    pub(super) fn engines(self, config: &str) -> Self {
        self.suite(config, engine::cases(), run_engine_case)
    }

    /// What is recorded on each linked engine is executed again on all of them.
    pub(super) fn replays(self) -> Self {
        self.suite_as("replay", "", replay::cases(), |_| Vec::new(), run_replay_case)
    }

    pub(super) fn storages(self, config: &str) -> Self {
        self.suite_except(config, storage::cases(), inapplicable_storage_cases, run_storage_case)
    }

    /// Leaves out the file store, which this crate links for its simulated disk, unless it is the one
    /// that the crate named `krate` brings.
    pub(super) fn storages_of(mut self, krate: &str) -> Self {
        if krate != "igor_storage_fs" {
            self.left_out.push(format!("{}::{}", <dyn Storage>::WORD, igor_storage_fs::NAME));
        }
        self
    }

    pub(super) fn meters(self, config: &str) -> Self {
        self.suite(config, meter::cases(), run_meter_case)
    }

    pub(super) fn transports(self, config: &str) -> Self {
        self.suite(config, transport::cases(), run_transport_case)
    }

    /// Adds each of `cases` on each linked plugin of one kind that is selected.
    pub(super) fn suite<T, S>(
        self,
        config: &str,
        cases: Vec<Case<S>>,
        run: fn(&Plugin<T>, Case<S>),
    ) -> Self
    where
        T: ?Sized + Kind,
        S: ?Sized + 'static,
    {
        self.suite_except(config, cases, |_| Vec::new(), run)
    }

    /// The same, but cases that `skip` names for a plugin are listed as ignored: they need something
    /// that it does not offer.
    pub(super) fn suite_except<T, S>(
        self,
        config: &str,
        cases: Vec<Case<S>>,
        skip: fn(&Plugin<T>) -> Vec<&'static str>,
        run: fn(&Plugin<T>, Case<S>),
    ) -> Self
    where
        T: ?Sized + Kind,
        S: ?Sized + 'static,
    {
        self.suite_as(T::WORD, config, cases, skip, run)
    }

    /// The same; the cases are listed under `word`.
    fn suite_as<T, S>(
        mut self,
        word: &'static str,
        config: &str,
        cases: Vec<Case<S>>,
        skip: fn(&Plugin<T>) -> Vec<&'static str>,
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
        let mut names: Vec<_> =
            linked.entries().iter().map(|entry| entry.name.to_owned()).collect();
        names.retain(|name| !self.left_out.contains(&format!("{}::{name}", T::WORD)));
        if names.is_empty() {
            self.problems.push(format!("no {} is linked", T::WORD));
        }
        if cases.is_empty() {
            self.problems.push(format!("the {word} suite has no case"));
        }
        let selected = self.settings.selected.get(T::WORD).cloned();
        for name in selected.iter().flatten().filter(|name| !names.contains(name)) {
            self.problems.push(format!("{} {name:?} is selected but not linked", T::WORD));
        }
        self.found.extend(names.iter().map(|name| format!("{}::{name}", T::WORD)));
        for entry in linked.entries().iter().filter(|e| names.iter().any(|name| name == e.name)) {
            if selected.as_ref().is_some_and(|names| names.iter().all(|name| name != entry.name)) {
                continue;
            }
            let plugin = Plugin { entry: *entry, config: config.to_owned() };
            let skipped = skip(&plugin);
            self.trials.extend(cases.iter().map(|case| {
                trial(word, &plugin, *case, run).with_ignored_flag(skipped.contains(&case.name))
            }));
        }
        self
    }

    /// Whether every plugin is there that should be.
    fn all_linked(&self) -> Result<(), String> {
        let missing = self.expected.iter().filter(|name| !self.found.contains(name));
        let missing = missing.map(|name| format!("{name} is expected but not linked"));
        let problems: Vec<_> = self.problems.iter().cloned().chain(missing).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }

    pub(super) fn run(mut self) -> ExitCode {
        let outcome = self.all_linked();
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

fn trial<T, S>(word: &str, plugin: &Plugin<T>, case: Case<S>, run: fn(&Plugin<T>, Case<S>)) -> Trial
where
    T: ?Sized + Kind,
    S: ?Sized + 'static,
{
    let name = format!("{word}::{}::{}", plugin.entry.name, case.name);
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

#[expect(clippy::print_stderr, reason = "this is a test program's main; its output is the report")]
fn report(problems: &str) {
    eprintln!("error: registry::all_linked\n{problems}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use igor_core::Meter;
    use igor_core::format::{Carry, Microcents, Price};
    use igor_core::meter::Usage;

    use super::*;
    use crate::meter::MeterSubject;

    /// The one plugin that this test program links.
    struct Free;

    impl Meter for Free {
        fn charge(&self, _: Price, _: Usage, carry: Carry) -> (Microcents, Carry) {
            (Microcents::ZERO, carry)
        }

        fn affordable(&self, _: Price, _: Microcents, _: Carry) -> Usage {
            Usage::UNBOUNDED
        }
    }

    igor_core::register_meter! {
        name: "free",
        summary: "Charges nothing.",
        example: "",
        build: |_, _| Ok(Arc::new(Free)),
    }

    fn selecting(kind: &'static str, name: &str) -> Settings {
        let selected = BTreeMap::from([(kind, vec![name.to_owned()])]);
        Settings { selected, ..Settings::default() }
    }

    fn names(harness: &Harness) -> Vec<&str> {
        harness.trials.iter().map(Trial::name).collect()
    }

    #[test]
    fn cases_are_listed_by_kind_plugin_and_name() {
        let harness = Harness::new(Settings::default(), &["meter::free"]).meters("");
        assert_eq!(harness.all_linked(), Ok(()));
        assert_eq!(harness.trials.len(), meter::cases().len());
        assert!(names(&harness).contains(&"meter::free::two_charges_cost_their_sum"));
    }

    #[test]
    fn a_kind_without_a_plugin_is_a_failure() {
        let harness = Harness::new(Settings::default(), &[]).engines("");
        assert_eq!(harness.trials.len(), 0);
        let problems = harness.all_linked().expect_err("no engine is linked here");
        assert!(problems.contains("no engine is linked"), "{problems}");
    }

    #[test]
    fn an_expected_plugin_that_is_missing_is_a_failure() {
        let harness = Harness::new(Settings::default(), &["meter::free", "meter::gas"]).meters("");
        let missing = Err("meter::gas is expected but not linked".to_owned());
        assert_eq!(harness.all_linked(), missing);
        let expected = Some(vec!["meter::free".to_owned()]);
        let settings = Settings { expected, ..Settings::default() };
        assert_eq!(Harness::new(settings, &["meter::gas"]).meters("").all_linked(), Ok(()));
    }

    #[test]
    fn a_selected_plugin_that_is_missing_is_a_failure() {
        let harness = Harness::new(selecting("meter", "gas"), &[]).meters("");
        assert_eq!(names(&harness), Vec::<&str>::new());
        let missing = Err("meter \"gas\" is selected but not linked".to_owned());
        assert_eq!(harness.all_linked(), missing);
        let harness = Harness::new(selecting("meter", "free"), &[]).meters("");
        assert_eq!(harness.all_linked(), Ok(()));
        assert_eq!(harness.trials.len(), meter::cases().len());
    }

    #[test]
    fn a_suite_without_cases_is_a_failure() {
        let harness = Harness::new(Settings::default(), &[]);
        let none: Vec<Case<MeterSubject>> = Vec::new();
        let harness = harness.suite("", none, |_: &Plugin<dyn Meter>, _| {});
        assert_eq!(harness.all_linked(), Err("the meter suite has no case".to_owned()));
    }

    #[test]
    fn a_failure_says_how_to_repeat_it() {
        let text = failure("meter::free::pure", &"the charge differs");
        assert!(text.starts_with("the charge differs\nrepeat with: "), "{text}");
        assert!(text.ends_with("-- --exact meter::free::pure"), "{text}");
    }
}
