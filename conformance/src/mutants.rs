//! Judges the suites themselves: a mutant is an implementation with one known fault, and the case that
//! is about this fault must fail on it. It is not a way to run a suite; that is the harness.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::Case;
use crate::disk::message;

thread_local! {
    /// Whether this thread's panics are expected and need not be printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// The names of those of `cases` that fail on a subject, which is made anew for each of them.
pub fn failed_cases<S: ?Sized>(cases: &[Case<S>], make: impl Fn() -> Box<S>) -> Vec<&'static str> {
    silence_expected_panics();
    QUIET.set(true);
    let failed = cases.iter().filter(|case| {
        let subject = make();
        catch_unwind(AssertUnwindSafe(|| (case.run)(&subject))).is_err()
    });
    let failed = failed.map(|case| case.name).collect();
    QUIET.set(false);
    failed
}

/// Checks that on the subject with the fault `fault` the case `by` fails, whatever else does.
///
/// # Panics
/// When it does not.
pub fn assert_caught<S: ?Sized>(
    fault: &str,
    by: &str,
    cases: &[Case<S>],
    make: impl Fn() -> Box<S>,
) {
    assert!(cases.iter().any(|case| case.name == by), "there is no case {by}");
    let failed = failed_cases(cases, make);
    assert!(failed.contains(&by), "the fault {fault:?} passes {by}; it fails only {failed:?}");
}

/// With what message `body` panics, if it does; it is not printed.
pub fn panic_of(body: impl FnOnce()) -> Option<String> {
    let result = quietly(|| catch_unwind(AssertUnwindSafe(body)));
    result.err().map(|panic| message(&*panic).to_owned())
}

/// What `body` returns; panics that it catches itself are not printed.
pub(crate) fn quietly<T>(body: impl FnOnce() -> T) -> T {
    silence_expected_panics();
    QUIET.set(true);
    let result = body();
    QUIET.set(false);
    result
}

fn silence_expected_panics() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                print(panic);
            }
        }));
    });
}
