//! A recorded life, taken out of its store: it can be audited on any linked engine, and changed as
//! somebody would who has the keys of both agent and node.

use std::sync::Arc;

use igor_core::format::{
    AgentId, AgentKey, Checkpoint, CollectedSegment, Entry, Header, NodeKey, OwnerRecord, Record,
    Segment, SegmentClosing, SegmentContents, SegmentOpening, SegmentSummary, Seq, decode_node_key,
};
use igor_core::storage::Key;
use igor_node::Environment;
use igor_node::audit::{Audit, Contrast, Copied, Means, Scope, audit, bisect, copy};

use super::{Guest, World};

/// A recorded life.
#[derive(Clone)]
pub struct Past {
    /// The files, the log and the module.
    pub copied: Copied,
    /// The module that the life is audited with.
    pub module: Vec<u8>,
    agent: Arc<AgentKey>,
    node: Arc<NodeKey>,
}

/// A segment that is being changed.
pub struct Forgery {
    /// The terms.
    pub opening: SegmentOpening,
    /// What happened, without the owners' records.
    pub records: Vec<Record>,
    /// How it ends; number of records and chain are put right.
    pub closing: SegmentClosing,
}

impl World {
    /// What is stored of a guest's life.
    ///
    /// # Panics
    /// If the storage fails, or the node has no key.
    pub fn past(&self, guest: &Guest) -> Past {
        let storage = &*self.node.storage.0;
        let agent: AgentId = guest.agent.parse().expect("tests name their agents well");
        let copied = pollster::block_on(copy(storage, &agent)).expect("the store reads");
        let node = pollster::block_on(storage.get(&Key::Node)).expect("the store reads");
        let node = node.map(|stored| decode_node_key(&stored.bytes).expect("a sound key"));
        Past {
            copied,
            module: guest.module.clone(),
            agent: Arc::new(AgentKey::from_seed(&self.key_seed)),
            node: Arc::new(node.expect("a node that journals has a key")),
        }
    }
}

impl Past {
    /// Audits the files on this engine.
    pub fn audit(&self, engine: &str) -> Audit {
        self.audit_scope(engine, &Scope::default())
    }

    /// Audits part of the files on this engine.
    pub fn audit_scope(&self, engine: &str, scope: &Scope) -> Audit {
        self.audit_in(&World::in_memory(engine), scope)
    }

    /// Audits part of the files on the engine of this world.
    pub fn audit_in(&self, world: &World, scope: &Scope) -> Audit {
        let environment = environment(world);
        let means = Means {
            module: &self.module,
            engine: &*world.node.engine.0,
            meter: &*world.node.meter,
            environment: &environment,
        };
        let log = self.copied.log.as_ref();
        world.with_stack(|| audit(&self.copied, log, means, scope, &mut |_| {}))
    }

    /// Where two engines, or two modules on two engines, part; and after how many ticks.
    ///
    /// # Panics
    /// If the files cannot be read.
    pub fn bisect(&self, one: (&World, &[u8]), other: (&World, &[u8])) -> (u64, Option<Contrast>) {
        let environments = [environment(one.0), environment(other.0)];
        let [one, other] = [(one, 0), (other, 1)].map(|((world, module), index)| Means {
            module,
            engine: &*world.node.engine.0,
            meter: &*world.node.meter,
            environment: &environments[index],
        });
        let world = World::in_memory("wasmtime");
        world
            .with_stack(|| bisect(&self.copied, one, other, &mut |_| {}))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The names of the segments, in the order of the checkpoints that close them.
    pub fn segments(&self) -> Vec<String> {
        let names = self.copied.files.keys();
        names.filter(|name| name.ends_with(".seg")).cloned().collect()
    }

    /// The name of the last segment with a tick.
    ///
    /// # Panics
    /// If there is none.
    pub fn last_segment(&self) -> String {
        let has_tick = |name: &String| {
            let SegmentContents { records, .. } = self.read_segment(name);
            records.iter().any(|record| matches!(record, Record::Tick(_)))
        };
        self.segments().into_iter().rfind(has_tick).expect("there is a segment with a tick")
    }

    /// What a segment says.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn read_segment(&self, name: &str) -> SegmentContents {
        let segment = Segment::decode(&self.copied.files[name]).expect("a segment");
        segment.verify().expect("a valid segment")
    }

    /// Changes a segment and signs it again, as nobody could without both keys.
    pub fn forge(&mut self, name: &str, edit: impl FnOnce(&mut Forgery)) {
        let SegmentContents { opening, records, closing } = self.read_segment(name);
        let records = records.into_iter().filter(|record| !matches!(record, Record::Owner(_)));
        let mut forgery = Forgery { opening, records: records.collect(), closing };
        edit(&mut forgery);
        let segment = self.seal(&forgery);
        self.copied.files.insert(name.to_owned(), segment.encode());
    }

    /// Signs the last checkpoint again with a changed header or state; the segment before it is signed
    /// again, too, and ends with the changed budget.
    pub fn forge_last_checkpoint(&mut self, edit: impl FnOnce(&mut Header, &mut Vec<u8>)) {
        let name = self.last_segment();
        let file = name.replace(".seg", ".ckpt");
        let honest = Checkpoint::decode(&self.copied.files[&file], u64::MAX).expect("a checkpoint");
        let (mut header, mut state) = (*honest.header(), honest.state().to_vec());
        edit(&mut header, &mut state);
        let prev = honest.lineage().expect("it is signed").prev;
        let forged = Checkpoint::sign(&self.agent, header, prev, state);
        self.copied.files.insert(file, forged.encode());
        self.copied.current = Some(forged.encode());
        self.forge(&name, |forgery| {
            forgery.closing.budget = header.budget;
            forgery.closing.checkpoint = forged.hash();
        });
    }

    /// Puts the last segment with a tick back where it was before it was sealed: into the log, behind
    /// the checkpoint before.
    ///
    /// # Panics
    /// If there is none, or no checkpoint before it.
    pub fn unseal(&mut self) {
        let name = self.last_segment();
        let bytes = self.copied.files.remove(&name).expect("it was just read");
        let segment = Segment::decode(&bytes).expect("a segment");
        self.copied.log = Some((Seq(1), segment.entries().to_vec()));
        self.copied.files.remove(&name.replace(".seg", ".ckpt"));
        let kept = self.copied.files.iter().rfind(|(name, _)| name.ends_with(".ckpt"));
        self.copied.current = Some(kept.expect("a checkpoint before").1.clone());
    }

    /// Removes these segments; returns the summary of them, signed by agent and node.
    ///
    /// # Panics
    /// If there is no such segment.
    pub fn collect(&mut self, names: &[String]) -> SegmentSummary {
        let segments = names.iter().map(|name| self.read_segment(name));
        let sums = segments.map(|segment| CollectedSegment::of(&segment).expect("small sums"));
        let collected = sums.collect();
        self.copied.files.retain(|name, _| !names.contains(name));
        SegmentSummary::sign(&self.agent, &self.node, collected)
    }

    fn seal(&self, forgery: &Forgery) -> Segment {
        let Forgery { opening, records, closing } = forgery;
        let owner = Record::Owner(OwnerRecord { opening: Box::new(opening.clone()) });
        let mut chain = Entry::base(opening.checkpoint);
        let mut entries = Vec::new();
        for record in std::iter::once(&owner).chain(records) {
            let entry = Entry { prev: chain, synced: Seq(0), record: record.clone() };
            let (bytes, next) = entry.encode();
            entries.push(bytes);
            chain = next;
        }
        let records = u64::try_from(entries.len()).expect("few records");
        let closing = SegmentClosing { records, chain, ..*closing };
        Segment::seal(&self.agent, &self.node, entries, closing)
    }
}

fn environment(world: &World) -> Environment {
    Environment {
        clock: world.node.clock.clone(),
        entropy: world.node.entropy.clone(),
        limits: world.limits.clone(),
        cancel: igor_core::gas::CancelFlag::default(),
    }
}
