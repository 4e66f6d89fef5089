//! Every linked engine lives the same life: state, gas, charges, traps and log lines, tick by tick. This
//! is about whole agents on whole nodes; single calls are the engine suite's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use conformance::world::{Guest, Transcript, World, amount};
use igor_core::Engine;
use igor_core::format::{Microcents, Price};
use igor_core::plugin::Registry;
use igor_node::{Node, RunEvent, StopReason};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const THIRD_TICK_TRAPS: &str = include_str!("../fixtures/node/third_tick_traps.wat");

/// Every linked engine; at least two, or there would be nothing to compare.
fn engines() -> Vec<&'static str> {
    let registry = Registry::<dyn Engine>::linked().unwrap();
    let names: Vec<_> = registry.entries().iter().map(|entry| entry.name).collect();
    assert!(names.len() >= 2, "only {names:?} are linked");
    names
}

/// What a run told, but for the name of the engine; the reason if it was refused.
fn life(world: &World, guest: &Guest, ticks: u64) -> Result<Transcript, String> {
    let mut transcript = world.run(guest, ticks).map_err(|error| error.to_string())?;
    for event in &mut transcript.events {
        if let RunEvent::Started(started) = event {
            started.engine.clear();
        }
    }
    Ok(transcript)
}

/// Runs `guest` on every engine in worlds made by `world` and returns the one life they all lived.
fn agreed(guest: &Guest, ticks: u64, world: impl Fn(&str) -> World) -> Result<Transcript, String> {
    let mut lives =
        engines().into_iter().map(|engine| (engine, life(&world(engine), guest, ticks)));
    let (first, expected) = lives.next().unwrap();
    for (engine, found) in lives {
        if let (Ok(expected), Ok(found)) = (&expected, &found) {
            for (index, (expected, found)) in expected.events.iter().zip(&found.events).enumerate()
            {
                assert_eq!(expected, found, "{}: event {index}, {first} and {engine}", guest.agent);
            }
        }
        assert_eq!(expected, found, "{}: {first} and {engine}", guest.agent);
    }
    expected
}

#[test]
fn a_thousand_ticks_of_each_agent_are_the_same() {
    for agent in ["heartbeat", "liquidation", "survivor"] {
        let transcript = agreed(&Guest::prebuilt(agent), 1_000, World::in_memory).unwrap();
        assert_eq!(transcript.reason, StopReason::Ticks, "{agent}");
        assert_eq!(transcript.ticks().count(), 1_000, "{agent}");
        assert!(transcript.lines().count() > 100, "{agent} logs");
    }
}

#[test]
fn a_call_stops_at_the_same_gas() {
    let guests = [
        Guest::counter(),
        Guest::wat("trapper", THIRD_TICK_TRAPS, "{}"),
        Guest::prebuilt("heartbeat"),
        Guest::prebuilt("liquidation"),
        Guest::prebuilt("survivor"),
    ];
    for guest in &guests {
        let mut stops = Vec::new();
        for gas in 1..=200 {
            let outcome = agreed(guest, 5, |engine| {
                let mut world = World::in_memory(engine);
                world.limits.tick_gas_max = gas;
                world
            });
            stops.push(outcome.unwrap().stopped().reason);
        }
        assert!(stops.contains(&StopReason::Trap), "{}: some calls ran out of gas", guest.agent);
    }
}

#[test]
fn a_budget_ends_at_the_same_gas() {
    for guest in [Guest::counter(), Guest::wat("trapper", THIRD_TICK_TRAPS, "{}")] {
        for microcents in 1..=200 {
            // At this price one gas is one microcent.
            let transcript = agreed(&guest, 50, |engine| {
                let world = World::in_memory(engine);
                let node = Node { price: Price::per_second(amount("1000")), ..world.node };
                let budget = Microcents::new(microcents).unwrap();
                World { node, budget, ..world }
            })
            .unwrap();
            match transcript.reason {
                StopReason::BudgetExhausted => {
                    assert_eq!(transcript.stopped().budget, Microcents::ZERO);
                }
                reason => assert_eq!((reason, guest.agent.as_str()), (StopReason::Trap, "trapper")),
            }
        }
    }
}
