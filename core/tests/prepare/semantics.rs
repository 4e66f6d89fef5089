//! A prepared module computes what the original does: results, traps, memory and import calls.

use igor_core::prepare::START;

use super::fixtures::FIXTURES;
use super::run::{Bits, Bounds, Compiled, ENGINES};
use super::{prepared, wat};

#[test]
fn prepared_fixtures_compute_what_the_originals_do() {
    for fixture in &FIXTURES {
        let (original, module) = (wat(fixture.text), prepared(fixture.text));
        for engine in ENGINES {
            let before = Compiled::new(engine, &original);
            let after = Compiled::new(engine, module.bytes());
            for (export, args, _) in fixture.calls {
                // The one export that the original lacks, because its engine calls it.
                if *export == START {
                    continue;
                }
                let no_args: &[Bits] = &[];
                let start = module.has_start().then_some((START, no_args));
                let calls: Vec<_> = start.into_iter().chain([(*export, *args)]).collect();
                let expected = before.call(Bounds::default(), export, args);
                let mut outcome = after.call_all(Bounds::default(), &calls).pop().unwrap();
                if outcome.result.is_ok() {
                    assert_eq!(outcome.slots, 65_536, "{} {export}", fixture.name);
                }
                (outcome.gas, outcome.slots) = (expected.gas, expected.slots);
                assert_eq!(outcome, expected, "{engine:?} {} {export} {args:?}", fixture.name);
            }
        }
    }
}
