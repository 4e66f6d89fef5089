//! Stopping a running call through the gas counter's slow path.

use std::sync::mpsc;
use std::thread;

use igor_core::Trap;
use igor_core::trap::{CallError, NodeFault};
use igor_format::Gas;

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Guest, fixture};
use crate::engine::host::{TestClock, TestHost};

const INTERRUPT: &str = fixture!("interrupt");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        another_thread_stops_an_endless_loop covers ["call-stops-at-host-trap"],
        the_deadline_stops_an_endless_loop covers ["call-stops-at-host-trap"],
        out_of_gas_comes_before_the_deadline_and_cancellation covers ["call-stops-at-host-trap"],
        an_interrupted_instance_is_dead covers ["dead-after-trap"],
    ]
}

/// Gas that an endless loop does not use up before this case has long failed.
const ENDLESS: Gas = Gas(u64::MAX);

fn another_thread_stops_an_endless_loop(subject: &EngineSubject) {
    let (begun, when_begun) = mpsc::channel();
    let host = TestHost::new(move |_, _, _| {
        begun.send(()).expect("the other thread waits");
        Ok(None)
    });
    let mut guest = Guest::with_host(subject, INTERRUPT, host);
    let cancel = guest.host().cancel_flag();
    thread::scope(|scope| {
        scope.spawn(move || {
            when_begun.recv().expect("the guest begins");
            cancel.cancel();
        });
        let ended = guest.call_within(ENDLESS, "run", &[]);
        assert_eq!(ended.result, Err(CallError::Trap(Trap::Cancelled)));
    });
}

/// A guest whose clock passes the deadline as soon as its loop begins.
fn late(subject: &EngineSubject) -> Guest {
    let clock = TestClock::default();
    let host = TestHost::with_clock(clock.clone(), move |_, _, _| {
        clock.set(1_001);
        Ok(None)
    });
    Guest::with_host(subject, INTERRUPT, host)
}

fn the_deadline_stops_an_endless_loop(subject: &EngineSubject) {
    let ended = late(subject).call_within(ENDLESS, "run", &[]);
    assert_eq!(ended.result, Err(Trap::Deadline.into()));
    assert!(ended.gas.0 < 10_000_000, "stopped after {} gas", ended.gas.0);

    let clock = TestClock::default();
    clock.set(1_000);
    let host = TestHost::with_clock(clock, |_, _, _| Ok(None));
    let mut guest = Guest::with_host(subject, INTERRUPT, host);
    let ended = guest.call_within(Gas(3_000_000), "run", &[]);
    assert_eq!(ended.result, Err(Trap::OutOfGas.into()), "the last moment is in time");
}

fn out_of_gas_comes_before_the_deadline_and_cancellation(subject: &EngineSubject) {
    // Within one slice: the next look at clock and flag finds the gas used up.
    let mut guest = late(subject);
    let ended = guest.call_within(Gas(500_000), "run", &[]);
    assert_eq!(ended.result, Err(Trap::OutOfGas.into()));

    let host = TestHost::silent();
    let cancel = host.cancel_flag();
    let mut guest = Guest::with_host(subject, INTERRUPT, host);
    cancel.cancel();
    assert_eq!(guest.call_within(Gas(0), "run", &[]).result, Err(Trap::OutOfGas.into()));
    let mut guest = late(subject);
    guest.host().cancel_flag().cancel();
    assert_eq!(guest.trap("run", &[]), Trap::Cancelled, "the flag comes before the clock");
}

fn an_interrupted_instance_is_dead(subject: &EngineSubject) {
    let mut guest = late(subject);
    guest.call_within(ENDLESS, "run", &[]).result.expect_err("the deadline is past");
    let dead = NodeFault::Dead { export: "run".to_owned() };
    assert_eq!(guest.call("run", &[]), Err(dead.into()));
}
