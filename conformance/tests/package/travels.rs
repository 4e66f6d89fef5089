//! Agents that arrive: they go on at the next tick with what they had, on either engine and either store,
//! and come back.

use conformance::world::Guest;
use igor_core::format::Tick;
use igor_node::StopReason;
use igor_node::audit::Verdict;

use crate::support::{Site, carry};

fn round_trip(engines: [&str; 3], on_disk: bool) {
    let guest = Guest::counter();
    let sites: Vec<_> = (1..).zip(engines).map(|(n, e)| Site::new(n, e, on_disk)).collect();
    sites[0].world.run(&guest, 3).unwrap();
    let mut tick = 3;
    for (epoch, (from, to)) in (1..).zip([(0, 1), (1, 2), (2, 0), (0, 1)]) {
        let before = sites[from].stock(&guest).expected;
        let taken = carry(&sites[from], &sites[to], &guest, epoch);
        let transcript = sites[to].run(sites[to].launch(taken, 4));
        assert_eq!(transcript.reason, StopReason::Ticks, "{transcript:?}");
        let ticks: Vec<_> = transcript.ticks().map(|ticked| ticked.tick.0).collect();
        assert_eq!(ticks, (tick + 1..=tick + 4).collect::<Vec<_>>());
        tick += 4;
        let after = sites[to].stock(&guest).expected;
        assert_eq!((before.agent, after.tick), (after.agent, Tick(tick)));
        let past = sites[to].world.past(&guest);
        for engine in ["wasmtime", "wasmi"] {
            let audit = past.audit(engine);
            assert_eq!(audit.verdict(), Verdict::Proven, "{engine}: {:#?}", audit.refutations);
            assert_eq!(audit.ticks, tick, "{engine}");
        }
    }
}

#[test]
fn an_agent_goes_round_and_comes_back_in_memory() {
    round_trip(["wasmtime", "wasmi", "wasmtime"], false);
}

#[test]
fn an_agent_goes_round_and_comes_back_on_disk() {
    round_trip(["wasmi", "wasmtime", "wasmi"], true);
}
