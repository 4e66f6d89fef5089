//! A life of a thousand ticks in one segment, and its repetition: the whole segment, and one tick alone.

use std::sync::Arc;

use conformance::world::{Guest, SeededEntropy, World, amount};
use igor_core::format::{Hash, Manifest, Record, Segment, SegmentContents};
use igor_core::gas::CancelFlag;
use igor_core::storage::{Key, Scope};
use igor_core::{Limits, Meter};
use igor_node::{
    CheckedModule, Environment, Job, Program, RecordedTick, SegmentReplay, Step, Verdict, Verifier,
};

use crate::clock::OsClock;
use crate::ticker;

/// How many ticks are recorded.
pub(crate) const TICKS: u64 = 1_000;

/// A recorded segment, and what its repetition takes.
pub(crate) struct Recorded {
    segment: SegmentContents,
    program: Program,
    environment: Environment,
    meter: Arc<dyn Meter>,
    verifier: Verifier,
    job: SingleTick,
}

/// What the check of one tick is given.
struct SingleTick {
    started: Arc<igor_core::format::Observations>,
    state: Vec<u8>,
    tick: RecordedTick,
}

impl Recorded {
    /// Records a life of this guest on this engine, to be repeated on the same one.
    pub(crate) fn new(engine: &str, guest: &Guest) -> Self {
        let mut world = World::in_memory(engine);
        world.plan.checkpoint_interval_ns = u64::MAX;
        world.budget = amount("9000000000");
        world.node.verifier = Some(world.node.engine.clone());
        world.run(guest, TICKS).unwrap();
        let segment = longest_segment(&world, guest);
        let limits = Limits::default();
        let manifest = guest.manifest.as_deref().unwrap_or_default();
        let manifest = Manifest::parse(manifest, limits.manifest_bytes_max).unwrap();
        let module = CheckedModule::new(&guest.module, &manifest, &limits).unwrap();
        let environment = Environment {
            clock: Arc::new(OsClock::new()),
            entropy: Arc::new(SeededEntropy::new(1)),
            limits,
            cancel: CancelFlag::default(),
        };
        Self {
            program: module.compile(&*world.node.engine.0).unwrap(),
            environment,
            meter: (world.node.meter)("gas").unwrap(),
            verifier: world.launch(guest, None).unwrap().verifier.unwrap(),
            job: SingleTick::of(&segment),
            segment,
        }
    }

    /// Repeats the segment from its start to its end.
    pub(crate) fn replay(&self) {
        let SegmentContents { opening, records, closing } = &self.segment;
        let mut replay = SegmentReplay::new(
            self.program.clone(),
            &self.environment,
            Arc::clone(&self.meter),
            Arc::new([]),
            opening,
            Some(ticker::state(opening.tick.0)),
        );
        for record in records {
            assert_eq!(replay.step(record), Ok(Step::Verified));
        }
        replay.finish(closing, &ticker::state(closing.tick.0)).unwrap();
    }

    /// Repeats a tick from the middle alone, from the state before it.
    pub(crate) fn check_tick(&mut self) {
        let SingleTick { started, state, tick } = &self.job;
        let (started, state) = (Arc::clone(started), state.clone());
        let job = Job::Ticks { started, state, ticks: vec![tick.clone()] };
        assert_eq!(self.verifier.check(job).verdict, Verdict::Verified);
    }

    /// The state before that tick.
    pub(crate) fn state_before(&self) -> &[u8] {
        &self.job.state
    }
}

impl SingleTick {
    fn of(segment: &SegmentContents) -> Self {
        let (mut started, mut middle) = (None, None);
        for record in &segment.records {
            match record {
                Record::Started(record) => started = Some(record.observations.clone()),
                Record::Tick(record) if record.tick.0 == TICKS / 2 => middle = Some(record),
                _ => {}
            }
        }
        let record = middle.unwrap();
        let state = ticker::state(record.tick.0 - 1);
        assert_eq!(record.state, Hash::of(&ticker::state(record.tick.0)));
        let tick = RecordedTick {
            tick: record.tick,
            observations: record.observations.clone(),
            state: record.state,
        };
        Self { started: Arc::new(started.unwrap()), state, tick }
    }
}

fn longest_segment(world: &World, guest: &Guest) -> SegmentContents {
    let (storage, agent) = (&*world.node.storage.0, guest.agent.parse().unwrap());
    let get = |key: &Key| pollster::block_on(storage.get(key)).unwrap().unwrap().bytes;
    let keys = pollster::block_on(storage.list(&Scope::Segments(agent), None, usize::MAX)).unwrap();
    let segments = keys.iter().map(|key| Segment::decode(&get(key)).unwrap().verify().unwrap());
    let longest = segments.max_by_key(|segment| segment.records.len()).unwrap();
    assert_eq!(longest.closing.tick.0 - longest.opening.tick.0, TICKS);
    longest
}
