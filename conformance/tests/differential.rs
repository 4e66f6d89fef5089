//! Made-up modules on all linked engines, and spoiled bytes where bytes are read. The properties are
//! `conformance::fuzz`'s; here they get seeds. The first failure names the seed that repeats it.

use std::sync::Arc;
use std::{env, fs, thread};

use conformance::engine::mutant::{Fault, mutant};
use conformance::engine::{EngineSubject, linked};
use conformance::fuzz::{differential, journal, module, preparation};
use conformance::{Effort, Rng, seed};
use igor_core::format::{EffectOutcome, Entry, Hash, Record, Seq, Tick};
use igor_engine_wasmi::WasmiEngine;

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// Modules that are made up in one run.
const MODULES: usize = 2_000;
/// Modules whose bytes are spoiled in one run.
const SPOILED: usize = 2_000;
/// What a module grows from.
const ENTROPY_BYTES: usize = 2_048;

/// Every linked engine; at least two, or there would be nothing to compare.
fn engines() -> Vec<EngineSubject> {
    let engines = linked();
    let expected = EXPECTED.iter().filter(|plugin| plugin.starts_with("engine::")).count();
    assert!(expected >= 2 && engines.len() == expected, "{expected} engines are linked");
    engines
}

/// `count` seeds of which the first is this run's, so that each can be repeated as the first of a run.
fn seeds(count: usize) -> Vec<u64> {
    let mut rng = Rng::new(seed());
    let others = std::iter::repeat_with(|| rng.next_u64());
    std::iter::once(seed()).chain(others).take(Effort::current().rounds(count)).collect()
}

fn entropy(seed: u64) -> Vec<u8> {
    Rng::new(seed).bytes(ENTROPY_BYTES)
}

/// Calls `check` with each seed, on as many threads as there are processors, and adds up.
fn each<const N: usize>(seeds: &[u64], check: impl Fn(u64) -> [usize; N] + Sync) -> [usize; N] {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = |first: usize| {
        let mut sum = [0; N];
        for seed in seeds.iter().skip(first).step_by(threads) {
            sum.iter_mut().zip(check(*seed)).for_each(|(sum, count)| *sum += count);
        }
        sum
    };
    thread::scope(|scope| {
        let part = &part;
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        let mut sum = [0; N];
        for part in parts {
            let counts = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        sum
    })
}

/// Fails with what repeats it, and leaves the module where it can be looked at.
fn fail(test: &str, seed: u64, module: &[u8], problem: &dyn std::fmt::Display) -> ! {
    let path = env::temp_dir().join(format!("igor-{}.wasm", Hash::of(module)));
    let kept = match fs::write(&path, module) {
        Ok(()) => format!("the module is {}", path.display()),
        Err(error) => format!("the module could not be kept: {error}"),
    };
    panic!(
        "seed {seed}: {problem}\n{kept}\nto repeat: IGOR_CONFORMANCE_SEED={seed} cargo test \
         -p conformance --test differential {test}"
    );
}

#[test]
fn made_up_modules_do_the_same_on_every_engine() {
    let engines = engines();
    let [modules, calls, traps, hostcalls] = each(&seeds(MODULES), |seed| {
        let entropy = entropy(seed);
        match differential::check(&engines, &entropy) {
            Ok(None) => [0; 4],
            Ok(Some(compared)) => [1, compared.calls, compared.traps, compared.hostcalls],
            Err(difference) => {
                let module = module::made_up(&entropy).unwrap_or_default();
                fail("made_up_modules_do_the_same_on_every_engine", seed, &module, &difference)
            }
        }
    });
    println!("{modules} modules, {calls} calls, {traps} traps, {hostcalls} hostcalls");
    let least = Effort::current().rounds(MODULES);
    assert!(modules > least * 7 / 10 && calls > 3 * least, "{modules} modules, {calls} calls");
    assert!(traps > least / 2 && traps < calls * 9 / 10, "{traps} traps of {calls} calls");
    assert!(hostcalls > least, "{hostcalls} hostcalls");
}

#[test]
fn an_engine_with_a_fault_does_not_do_the_same() {
    let faults = [
        Fault::ConfusesTraps,
        Fault::FlattensHostTraps,
        Fault::ForgetsGasAtTraps,
        Fault::IgnoresData,
        Fault::IgnoresSetGlobal,
        Fault::LosesGasCharges,
        Fault::LosesHostWrites,
        Fault::MiscountsGas,
        Fault::ReversesResults,
        Fault::RoundsDifferently,
        Fault::ShiftsImports,
        Fault::SwallowsHostTraps,
    ];
    let subject =
        |name, fault| EngineSubject { name, engine: mutant(Arc::new(WasmiEngine), fault) };
    for fault in faults {
        let engines = [subject("sound", Fault::None), subject("mutant", fault)];
        // The same seeds every time: some faults show in one of hundreds of modules only.
        let seen = (0..2_000).any(|seed| {
            let checked = differential::check(&engines, &entropy(seed));
            checked.is_err()
        });
        assert!(seen, "{fault:?} is not seen");
    }
}

#[test]
fn preparation_takes_any_bytes() {
    let [accepted, refused] = each(&seeds(SPOILED), |seed| {
        let Some(mut module) = module::made_up(&entropy(seed)) else { return [0; 2] };
        let mut rng = Rng::new(seed.rotate_left(32));
        // Some are left as they are, so that there is always something to accept.
        for _ in 0..rng.below(4) {
            let size = u64::try_from(module.len()).expect("a module is small");
            let at = usize::try_from(rng.below(size)).expect("it lies within the module");
            let flip = u8::try_from(rng.below(255) + 1).expect("it is below 256");
            module.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= flip);
        }
        match preparation::check(&module) {
            Ok(is_accepted) => [usize::from(is_accepted), usize::from(!is_accepted)],
            Err(problem) => fail("preparation_takes_any_bytes", seed, &module, &problem),
        }
    });
    let least = Effort::current().rounds(SPOILED) / 10;
    assert!(accepted > least && refused > least, "{accepted} accepted, {refused} refused");
}

#[test]
fn a_journal_entry_has_one_encoding() {
    let (tick, idempotency_key, response) = (Tick(7), [9; 32], b"an answer".to_vec());
    let record = Record::EffectOutcome(EffectOutcome { tick, idempotency_key, response });
    let (bytes, _) = Entry { prev: Hash::of(b"before"), synced: Seq(3), record }.encode();
    let content = &bytes[..bytes.len() - 8];
    assert_eq!(journal::check(content), Ok(true));
    let (mut read, mut refused) = (0, 0);
    for at in 0..content.len() {
        for flip in 1..=u8::MAX {
            let mut content = content.to_vec();
            content[at] ^= flip;
            match journal::check(&content) {
                Ok(is_read) => *(if is_read { &mut read } else { &mut refused }) += 1,
                Err(problem) => panic!("{problem}"),
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}
