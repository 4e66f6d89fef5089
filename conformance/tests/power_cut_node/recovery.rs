//! What must hold of a disk after a power cut: what its own records say is where the agent goes on from,
//! nothing that was told is missing, going on once more changes nothing, and the life that follows adds
//! up. The records are read here with the format's decoders alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use conformance::disk::SimDisk;
use conformance::world::World;
use igor_core::format::{
    AgentRecord, Carry, Checkpoint, Encoder, Entry, Gas, Hash, Microcents, Nanos, Price, Record,
    Segment, SegmentContents, Seq, Tick, TickRecord, read_journal,
};
use igor_core::meter::Usage;
use igor_core::storage::{Key, Scope};
use igor_core::{Meter, Storage};

use crate::faulty::Fault;
use crate::life::{
    Met, STATE_MAX, Standing, Told, UNIT, agent, drive, guest, history_is_sound, run, world,
};

/// What the records of a disk say.
struct Written {
    /// Where the agent stands, if there is one.
    standing: Option<Standing>,
    /// Records that continue another checkpoint.
    aside: Option<Vec<u8>>,
}

fn get(storage: &dyn Storage, key: &Key) -> Option<Vec<u8>> {
    pollster::block_on(storage.get(key)).unwrap().map(|stored| stored.bytes)
}

fn list(storage: &dyn Storage, scope: &Scope) -> Vec<Key> {
    pollster::block_on(storage.list(scope, None, usize::MAX)).unwrap()
}

fn log(storage: &dyn Storage) -> (Seq, Vec<Vec<u8>>) {
    let bounds = pollster::block_on(storage.log_bounds(&agent())).unwrap();
    let records = pollster::block_on(storage.read_log(&agent(), bounds.start, usize::MAX));
    (bounds.start, records.unwrap())
}

/// Reads where the agent stands, by the newest checkpoint and the records that continue it.
fn written(storage: &dyn Storage, meter: &dyn Meter) -> Written {
    let (start, records) = log(storage);
    let Some(newest) = list(storage, &Scope::History(agent())).pop() else {
        return Written { standing: None, aside: None };
    };
    let checkpoint = Checkpoint::decode(&get(storage, &newest).unwrap(), STATE_MAX).unwrap();
    let hash = checkpoint.hash();
    let record = AgentRecord::decode(&get(storage, &Key::Record(agent())).unwrap()).unwrap();
    let head = record.head_of(&hash);
    let mut standing = Standing {
        tick: checkpoint.header().tick,
        budget: checkpoint.header().budget,
        carry: head.map_or(Carry::ZERO, |head| head.carry),
        state: checkpoint.state().to_vec(),
    };
    let from = head.map_or(record.current.journal, |head| head.journal).max(start);
    let skipped = usize::try_from(from.0 - start.0).unwrap().min(records.len());
    let (_, behind) = records.split_at(skipped);
    let segments = read_journal(from, behind).unwrap_or_else(|error| panic!("{error}")).segments;
    let Some(segment) = segments.first() else {
        return Written { standing: Some(standing), aside: None };
    };
    if segment.base != Entry::base(hash) {
        let mut aside = Encoder::new();
        for record in behind {
            aside.bytes(record);
        }
        return Written { standing: Some(standing), aside: Some(aside.into_bytes()) };
    }
    for (_, record) in &segment.entries {
        standing.follow(record, segment.opening.price, meter);
    }
    Written { standing: Some(standing), aside: None }
}

impl Standing {
    fn follow(&mut self, record: &Record, price: Price, meter: &dyn Meter) {
        let (gas, charge) = match record {
            Record::Started(started) => (started.gas, started.charge),
            Record::Tick(tick) => {
                self.tick = tick.tick;
                self.state = tick.tick.0.to_le_bytes().to_vec();
                assert_eq!(Hash::of(&self.state), tick.state, "the agent counts its ticks");
                (tick.gas, tick.charge)
            }
            Record::Owner(_) => return,
            other => panic!("not part of this life: {other:?}"),
        };
        self.pay(gas, charge, price, meter);
    }

    fn pay(&mut self, gas: Gas, charge: Microcents, price: Price, meter: &dyn Meter) {
        let (due, carry) = meter.charge(price, Usage { gas, elapsed: Nanos(0) }, self.carry);
        assert_eq!(due, charge, "what was charged was due");
        self.budget = self.budget.checked_sub(charge).unwrap();
        self.carry = carry;
    }
}

/// Lets the agent come to where it can go on, and lie there.
fn arrive(disk: &SimDisk, fault: Fault) -> Option<Standing> {
    let world = world(disk, fault);
    let launched = world.launch(&guest(), Some(1));
    let mut launched = launched.unwrap_or_else(|error| panic!("launch: {error}"));
    let (mut standing, mut last) = (None, None);
    let reason = drive(&world, &mut launched, fault, |met| match met {
        Met::Standing(found) => {
            standing = Some(found);
            ControlFlow::Break(())
        }
        Met::Told(event) => {
            last = Some(event.clone());
            ControlFlow::Continue(())
        }
    });
    assert_eq!(reason, None, "it comes to where it can go on: {last:?}");
    standing.filter(|_| get(&*world.node.storage.0, &Key::Checkpoint(agent())).is_some())
}

/// Everything that is kept, but for who held the agent.
fn kept(disk: &SimDisk) -> (BTreeMap<String, Vec<u8>>, Vec<Record>) {
    let files = disk.files().into_iter().filter(|path| !path.ends_with("/journal"));
    let files = files.map(|path| (path.clone(), disk.content(&path)));
    let records = log(&*world(&disk.copy(), Fault::None).node.storage.0).1;
    let records = records.iter().map(|bytes| Entry::decode(bytes).unwrap().0.record);
    (files.collect(), records.filter(|record| !matches!(record, Record::Owner(_))).collect())
}

/// The agent goes on from where the records say, as often as one likes.
pub(crate) fn recovers(disk: &SimDisk, told: &Told, fault: Fault) {
    let reading = world(&disk.copy(), Fault::None);
    let meter = (reading.node.meter)("gas").unwrap();
    let Written { standing: expected, aside } = written(&*reading.node.storage.0, &*meter);
    let standing = arrive(disk, fault);
    assert_eq!(standing, expected, "it goes on from its last durable tick");
    let reached = standing.as_ref().map_or(Tick(0), |standing| standing.tick);
    let last = told.ticks.last().map_or(Tick(0), |ticked| ticked.tick);
    assert!(reached >= last.max(told.logged), "ticks that were told of are gone");
    assert!(standing.is_some() || told.checkpoints.is_empty(), "the agent is gone");
    if let (Some(standing), Some(ticked)) = (&standing, told.ticks.last())
        && standing.tick == ticked.tick
    {
        assert_eq!(Hash::of(&standing.state), ticked.state_hash);
    }
    let storage = world(&disk.copy(), Fault::None).node.storage.0;
    let asides = list(&*storage, &Scope::Asides(agent()));
    let mut asides = asides.iter().map(|key| get(&*storage, key).unwrap());
    assert!(aside.is_none_or(|records| asides.any(|aside| aside == records)), "set aside");
    assert!(!disk.files().iter().any(|path| path.contains("/temp-")), "{:?}", disk.files());

    // Once more, nothing is left to do.
    let before = kept(disk);
    assert_eq!(arrive(disk, fault), standing);
    if standing.is_some() {
        assert_eq!(kept(disk), before);
    }
}

/// The agent lives on, its history proves it, and the records of all its life add up.
pub(crate) fn lives_on(disk: &SimDisk, told: &Told, fault: Fault) {
    let mut told = told.clone();
    assert_eq!(run(disk, fault, 1, &mut told), Ok(()));
    let world = world(disk, Fault::None);
    let history = history_is_sound(&world);
    for hash in &told.checkpoints {
        assert!(history.contains(hash), "a checkpoint that was told of is gone");
    }
    let (ticks, balance) = account(&world, &history);
    for ticked in &told.ticks {
        let kept = ticks.get(&ticked.tick).map(|record| (record.state, record.charge, record.gas));
        assert_eq!(kept, Some((ticked.state_hash, ticked.charge, ticked.gas)), "{ticked:?}");
    }
    let stored = get(&*world.node.storage.0, &Key::Checkpoint(agent())).unwrap();
    let budget = Checkpoint::decode(&stored, STATE_MAX).unwrap().header().budget.get();
    let Balance { charged, funded } = balance;
    assert_eq!(UNIT + funded, budget + charged, "every microcent is accounted for");
    assert!(funded == told.funded || funded == told.funded + UNIT, "{funded} of {told:?}");
}

/// What a life cost and was given, in microcents.
#[derive(Default)]
struct Balance {
    charged: i64,
    funded: i64,
}

/// Adds up the segments that led to a checkpoint.
fn account(world: &World, history: &[Hash]) -> (BTreeMap<Tick, TickRecord>, Balance) {
    let storage = &*world.node.storage.0;
    let (mut ticks, mut balance) = (BTreeMap::new(), Balance::default());
    for key in list(storage, &Scope::Segments(agent())) {
        let segment = Segment::decode(&get(storage, &key).unwrap()).unwrap();
        let SegmentContents { opening, records, closing } = segment.verify().unwrap();
        // A save that did not get to its end leaves a segment that leads nowhere.
        if !history.contains(&closing.checkpoint) {
            continue;
        }
        let (charged, funded) = (balance.charged, balance.funded);
        for record in records {
            match record {
                Record::Started(started) => balance.charged += started.charge.get(),
                Record::Funded(added) => balance.funded += added.amount.get(),
                Record::Owner(_) => {}
                Record::Tick(tick) => {
                    balance.charged += tick.charge.get();
                    assert_eq!(ticks.insert(tick.tick, tick), None, "a tick happens once");
                }
                other => panic!("not part of this life: {other:?}"),
            }
        }
        let spent = (balance.charged - charged) - (balance.funded - funded);
        assert_eq!(closing.budget.get(), opening.budget.get() - spent);
    }
    (ticks, balance)
}
