//! The life that is cut off: runs that end well, runs that are abandoned with an open segment, fundings,
//! and another program that goes on from a checkpoint; and what the outside was told meanwhile. It ends
//! at the first failure. What must hold afterwards is not said here.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use conformance::disk::SimDisk;
use conformance::world::{COUNTER, COUNTER_MANIFEST, Guest, World, amount, verify};
use igor_core::Clock;
use igor_core::format::{
    AgentId, AgentKey, Carry, Checkpoint, FundId, Hash, Header, Microcents, Tick,
};
use igor_core::storage::{Group, Key, Precondition};
use igor_node::{
    Carried, Command, Event, Launched, Purse, Recovered, RunEvent, StopReason, Ticked, fund,
};
use igor_storage_fs::{FsConfig, FsStorage};

use crate::faulty::{Fault, Faulty};

const NAME: &str = "counter";
pub(crate) const STATE_MAX: u64 = 1 << 20;
/// What the agent is given at its creation and by each funding, in microcents.
pub(crate) const UNIT: i64 = 1_000_000;

/// What the outside was told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The hash of each checkpoint, in order.
    pub(crate) checkpoints: Vec<Hash>,
    /// The ticks, in order, but for those that the other program did not know of.
    pub(crate) ticks: Vec<Ticked>,
    /// The last tick that logged something.
    pub(crate) logged: Tick,
    /// The sum of what funding acknowledged.
    pub(crate) funded: i64,
    /// What ended the life early, if anything did.
    pub(crate) failure: Option<String>,
}

/// Where an agent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) tick: Tick,
    pub(crate) state: Vec<u8>,
    pub(crate) budget: Microcents,
    pub(crate) carry: Carry,
}

pub(crate) fn guest() -> Guest {
    // Translated once; this is asked for thousands of times.
    static GUEST: LazyLock<Guest> = LazyLock::new(|| {
        let budget = Some(amount("1"));
        Guest { budget, ..Guest::wat(NAME, COUNTER, COUNTER_MANIFEST) }
    });
    GUEST.clone()
}

pub(crate) fn agent() -> AgentId {
    NAME.parse().unwrap()
}

pub(crate) fn world(disk: &SimDisk, fault: Fault) -> World {
    let storage = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default()).unwrap();
    let storage = Arc::new(Faulty::new(Arc::new(storage), fault));
    let mut world = World::with_storage("wasmi", storage, "fs");
    world.plan.checkpoint_interval_ns = 2_500_000_000;
    world.node.price = igor_core::format::Price::per_second(amount("100"));
    world
}

/// What is met on the way of a run.
pub(crate) enum Met<'a> {
    /// The agent stands where it can go on.
    Standing(Standing),
    /// Something was told.
    Told(&'a RunEvent),
}

/// Runs an agent until it stops, or `watch` breaks off as a killed process does.
pub(crate) fn drive(
    world: &World,
    launched: &mut Launched,
    fault: Fault,
    watch: impl FnMut(Met<'_>) -> ControlFlow<()>,
) -> Option<StopReason> {
    drive_and_give(world, launched, fault, None, watch)
}

/// The same, and gives the agent money after its first tick, if a fund record is named.
fn drive_and_give(
    world: &World,
    launched: &mut Launched,
    fault: Fault,
    mut grant: Option<FundId>,
    mut watch: impl FnMut(Met<'_>) -> ControlFlow<()>,
) -> Option<StopReason> {
    let Launched { driver, worker, .. } = launched;
    let storage = &*world.node.storage.0;
    let mut timer_ns = 0;
    driver.begin(world.clock.monotonic_ns());
    loop {
        let Some(command) = driver.poll() else {
            world.clock.advance_to(timer_ns);
            driver.handle(world.clock.monotonic_ns(), Event::Timer);
            continue;
        };
        if let Command::Start { tick, state } = &command
            && watch(Met::Standing(stands(*tick, state.as_ref(), driver.purse()))).is_break()
        {
            return None;
        }
        let event = match worker.carry_out(command, driver.purse()) {
            Carried::Out(Event::Recovered(Ok(mut recovered))) => {
                charge_twice(&mut recovered, fault);
                let Recovered { tick, state, purse, .. } = &recovered;
                if watch(Met::Standing(stands(*tick, state.as_ref(), purse))).is_break() {
                    return None;
                }
                Event::Recovered(Ok(recovered))
            }
            Carried::Out(event) => event,
            Carried::Back(Command::Commit(batch)) => {
                let result = pollster::block_on(storage.commit(batch)).pop();
                Event::Committed(result.unwrap())
            }
            Carried::Back(Command::SetTimer(at_ns)) => {
                timer_ns = at_ns;
                continue;
            }
            Carried::Back(Command::Emit(event)) => {
                if watch(Met::Told(&event)).is_break() {
                    return None;
                }
                if matches!(event, RunEvent::Ticked(_))
                    && let Some(id) = grant.take()
                {
                    let amount = amount("1");
                    driver.handle(world.clock.monotonic_ns(), Event::Fund { amount, id });
                }
                continue;
            }
            Carried::Back(Command::Finish(reason)) => return Some(reason),
            Carried::Back(_) => continue,
        };
        driver.handle(world.clock.monotonic_ns(), event);
    }
}

fn charge_twice(recovered: &mut Recovered, fault: Fault) {
    if fault == Fault::ChargesTwice && recovered.ticks > 0 {
        let once_more = Microcents::new(1).unwrap();
        recovered.purse.budget = recovered.purse.budget.checked_sub(once_more).unwrap();
    }
}

fn stands(tick: Tick, state: Option<&Vec<u8>>, purse: &Purse) -> Standing {
    let state = state.cloned().unwrap_or_default();
    Standing { tick, state, budget: purse.budget, carry: purse.carry }
}

/// A part of a life, which says what ended it early.
type Step<'a> = dyn Fn(&mut Told) -> Result<(), String> + 'a;

/// A life of this kind on this disk.
pub(crate) fn life(disk: &SimDisk, fault: Fault) -> Told {
    let mut told = Told::default();
    let steps: [&Step<'_>; 8] = [
        &|told| run(disk, fault, 3, told),
        &|told| give(disk, fault, told),
        &|told| abandon(disk, fault, 4, told),
        &|told| abandon(disk, fault, 1, told),
        &|told| run(disk, fault, 2, told),
        &|told| abandon(disk, fault, 1, told),
        &|told| overtake(disk, fault, told),
        &|told| run_and_give(disk, fault, 2, Some(FundId::from_bytes([2; 16])), told),
    ];
    told.failure = steps.iter().find_map(|step| step(&mut told).err());
    told
}

/// Runs the agent for so many ticks to a good end.
pub(crate) fn run(disk: &SimDisk, fault: Fault, ticks: u64, told: &mut Told) -> Result<(), String> {
    run_and_give(disk, fault, ticks, None, told)
}

/// The same, and gives the agent money while it runs, if a fund record is named.
fn run_and_give(
    disk: &SimDisk,
    fault: Fault,
    ticks: u64,
    grant: Option<FundId>,
    told: &mut Told,
) -> Result<(), String> {
    let world = world(disk, fault);
    let launched = world.launch(&guest(), Some(ticks));
    let mut launched = launched.map_err(|error| error.to_string())?;
    let mut last = None;
    let reason = drive_and_give(&world, &mut launched, fault, grant, |met| {
        if let Met::Told(event) = met {
            told.hear(event);
            last = Some(event.clone());
        }
        ControlFlow::Continue(())
    });
    if reason == Some(StopReason::Ticks) { Ok(()) } else { Err(format!("{last:?}")) }
}

/// Runs the agent until so many ticks were told, and lets it lie there.
fn abandon(disk: &SimDisk, fault: Fault, ticks: usize, told: &mut Told) -> Result<(), String> {
    let world = world(disk, fault);
    let launched = world.launch(&guest(), None);
    let mut launched = launched.map_err(|error| error.to_string())?;
    let enough = told.ticks.len() + ticks;
    let reason = drive(&world, &mut launched, fault, |met| {
        if let Met::Told(event) = met {
            told.hear(event);
        }
        if told.ticks.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    reason.map_or(Ok(()), |reason| Err(reason.to_string()))
}

fn give(disk: &SimDisk, fault: Fault, told: &mut Told) -> Result<(), String> {
    let (world, agent) = (world(disk, fault), agent());
    let id = FundId::from_bytes([1; 16]);
    let means = (world.node.mode, &*world.node.entropy);
    let funded = fund(&*world.node.storage.0, &agent, amount("1"), id, STATE_MAX, means);
    let funded = pollster::block_on(funded).map_err(|error| error.to_string())?;
    told.checkpoints.push(funded.checkpoint);
    told.funded += UNIT;
    Ok(())
}

/// Goes on from the checkpoint as a program does that knows nothing of journals.
fn overtake(disk: &SimDisk, fault: Fault, told: &mut Told) -> Result<(), String> {
    let world = world(disk, fault);
    let storage = &*world.node.storage.0;
    let key = Key::Checkpoint(agent());
    let stored = pollster::block_on(storage.get(&key)).map_err(|error| error.to_string())?;
    let before = Checkpoint::decode(&stored.unwrap().bytes, STATE_MAX).unwrap();
    let tick = Tick(before.header().tick.0 + 3);
    let header = Header { tick, ..*before.header() };
    let state = tick.0.to_le_bytes().to_vec();
    let signer = AgentKey::from_seed(&world.key_seed);
    let next = Checkpoint::sign(&signer, header, before.hash(), state);
    // From here on the journal may be another line's.
    told.ticks.retain(|ticked| ticked.tick <= before.header().tick);
    told.logged = told.logged.min(before.header().tick);
    let history = Key::History(agent(), tick, 0);
    let group = Group::new(agent()).put(history, next.encode(), Precondition::Absent).put(
        key,
        next.encode(),
        Precondition::Always,
    );
    let result = pollster::block_on(storage.commit(group.into())).pop().unwrap();
    result.map_err(|error| error.to_string())?;
    told.checkpoints.push(next.hash());
    Ok(())
}

impl Told {
    fn hear(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Ticked(ticked) => self.ticks.push(ticked.clone()),
            RunEvent::Checkpointed { hash, .. } => self.checkpoints.push(*hash),
            RunEvent::Logged { tick, .. } => self.logged = *tick,
            RunEvent::Granted(_) => self.funded += UNIT,
            _ => {}
        }
    }
}

/// Judges the history as anybody could.
pub(crate) fn history_is_sound(world: &World) -> Vec<Hash> {
    let report = pollster::block_on(verify(&*world.node.storage.0, &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
    report.checkpoints.iter().map(|facts| facts.hash).collect()
}
