//! Nodes between which a test carries an agent by hand, one call of the package's at a time, and what an
//! attacker can do to it on the way. It has no network, and no custodian: epochs are the test's.

use std::collections::BTreeMap;

use conformance::world::{Guest, Past, SeededEntropy, Transcript, World, lockstep};
use igor_core::format::{
    AgentId, AgentKey, AgentRecord, BillItem, Checkpoint, Epoch, Hash, HistoryFile, NodeKey, Offer,
    OfferTerms, Part, Predecessor, PublicKey, TransferId, encode_node_key,
};
use igor_core::gas::CancelFlag;
use igor_core::handoff::{Custody, Holding, VerifiedOffer};
use igor_core::storage::{Committed, Group, Key, Precondition, Scope, StorageError, Version};
use igor_core::{Limits, Storage};
use igor_node::handoff::package::{
    Complete, Examined, Expected, Inventory, Known, Package, Receiving, Refusal, Staged, Stock,
    Taken, discard, examine, read_part, stage, stock, stock_since,
};
use igor_node::{Launched, Plan};
use std::sync::Arc;
use tempfile::TempDir;

/// A node.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) key: NodeKey,
    pub(crate) accepts_unproven: bool,
    _directory: Option<TempDir>,
}

/// An agent on its way, part by part.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) expected: Expected,
    pub(crate) parts: BTreeMap<Part, Vec<u8>>,
}

/// The key that every agent of these tests has.
pub(crate) fn agent_key() -> AgentKey {
    AgentKey::from_seed(&[7; 32])
}

pub(crate) fn name(guest: &Guest) -> AgentId {
    guest.agent.parse().expect("tests name their agents well")
}

impl Site {
    /// The node of this number, with its files on disk or in memory.
    pub(crate) fn new(number: u8, engine: &str, on_disk: bool) -> Self {
        let directory = on_disk.then(|| TempDir::new().expect("a directory"));
        let world = match &directory {
            Some(directory) => World::on_disk(engine, directory.path()),
            None => World::in_memory(engine),
        };
        Self { _directory: directory, ..Self::over(number, world) }
    }

    /// The node of this number in this world, which gets its key if it has none.
    pub(crate) fn over(number: u8, mut world: World) -> Self {
        world.node.entropy = Arc::new(SeededEntropy::new(number.into()));
        let key = NodeKey::from_seed(&[number; 32]);
        let site = Self { world, key, accepts_unproven: false, _directory: None };
        let agent = "nobody".parse().expect("a name");
        let bytes = encode_node_key(&site.key).to_vec();
        let group = Group::new(agent).put(Key::Node, bytes, Precondition::Absent);
        // The store may be one that has its key, or one that fails from now on.
        let _ = site.try_commit(group);
        site
    }

    /// The same disk with the key of another node, as after everything but the key was copied there.
    pub(crate) fn with_key_of(self, number: u8) -> Self {
        let key = NodeKey::from_seed(&[number; 32]);
        let bytes = encode_node_key(&key).to_vec();
        let agent = "nobody".parse().expect("a name");
        self.commit(Group::new(agent).put(Key::Node, bytes, Precondition::Always));
        Self { key, ..self }
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.world.node.storage.0
    }

    pub(crate) fn id(&self) -> PublicKey {
        self.key.public_key()
    }

    pub(crate) fn commit(&self, group: Group) -> Committed {
        self.try_commit(group).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_commit(&self, group: Group) -> Result<Committed, StorageError> {
        let results = pollster::block_on(self.storage().commit(group.into()));
        let [result] = results.try_into().expect("one group has one result");
        result
    }

    pub(crate) fn get(&self, key: &Key) -> Option<(Vec<u8>, Version)> {
        let stored = pollster::block_on(self.storage().get(key)).expect("the store reads");
        stored.map(|stored| (stored.bytes, stored.version))
    }

    /// Everything that the store has of a guest, and of its module and manifest.
    pub(crate) fn everything(&self, guest: &Guest) -> BTreeMap<Key, Vec<u8>> {
        let agent = name(guest);
        let mut keys = vec![
            Key::Checkpoint(agent.clone()),
            Key::Identity(agent.clone()),
            Key::Receipts(agent.clone()),
            Key::Record(agent.clone()),
            Key::Summary(agent.clone()),
            Key::Wish(agent.clone()),
            Key::Custody(agent.clone()),
            Key::Module(Hash::of(&guest.module)),
            Key::Manifest(Hash::of(guest.manifest.as_deref().unwrap_or_default())),
        ];
        for scope in [
            Scope::History(agent.clone()),
            Scope::Segments(agent.clone()),
            Scope::Funds(agent.clone()),
            Scope::Certificates(agent.clone()),
            Scope::Asides(agent),
        ] {
            let listed = pollster::block_on(self.storage().list(&scope, None, usize::MAX));
            keys.extend(listed.expect("the store lists"));
        }
        keys.into_iter().filter_map(|key| Some((key.clone(), self.get(&key)?.0))).collect()
    }

    pub(crate) fn stock(&self, guest: &Guest) -> Stock {
        let found = pollster::block_on(stock(self.storage(), &name(guest), &self.world.limits));
        found.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the guest consists of now, with every part.
    pub(crate) fn deliver(&self, guest: &Guest) -> Delivery {
        let Stock { expected, inventory, .. } = self.stock(guest);
        let read = |item: &BillItem| {
            let bytes = pollster::block_on(read_part(self.storage(), &name(guest), item));
            (item.part, bytes.unwrap_or_else(|error| panic!("{error}")))
        };
        Delivery { expected, parts: inventory.items().iter().map(read).collect() }
    }

    /// What was added to a guest since `earlier`.
    pub(crate) fn deliver_since(&self, guest: &Guest, earlier: &Delivery) -> Delivery {
        let earlier = earlier.inventory(&self.world.limits);
        let limits = &self.world.limits;
        let agent = name(guest);
        let found = stock_since(self.storage(), &agent, limits, &earlier);
        let Stock { expected, inventory, .. } = pollster::block_on(found).expect("an agent");
        assert_eq!(inventory, self.stock(guest).inventory, "what is read less is the same");
        let all = self.deliver(guest).parts;
        let new = inventory.without(&earlier);
        let parts = all.into_iter().filter(|(part, _)| new.item(*part).is_some()).collect();
        Delivery { expected, parts }
    }

    /// Lets the guest be known to be at `to`, under this offer.
    pub(crate) fn release(&self, guest: &Guest, offer: &VerifiedOffer) {
        let key = Key::Custody(name(guest));
        let found = self.get(&key);
        let mut custody = match &found {
            Some((bytes, _)) => Custody::decode(bytes).expect("a custody").1,
            None => Custody::held(0),
        };
        custody.decided = offer.terms().epoch.major;
        custody.holding = Holding::Released { offer: *offer, answer: None };
        let before =
            found.map_or(Precondition::Absent, |(_, version)| Precondition::Matches(version));
        self.commit(Group::new(name(guest)).put(key, custody.encode(&offer.terms().agent), before));
    }

    /// An offer of what `delivery` and then `news` bring, to `to` in this epoch.
    pub(crate) fn offer(&self, delivery: &Delivery, to: PublicKey, epoch: u64) -> VerifiedOffer {
        self.offer_with(delivery, to, epoch, |_| {})
    }

    pub(crate) fn offer_with(
        &self,
        delivery: &Delivery,
        to: PublicKey,
        epoch: u64,
        edit: impl FnOnce(&mut OfferTerms),
    ) -> VerifiedOffer {
        let checkpoint = &delivery.parts[&Part::Checkpoint];
        let header = *Checkpoint::decode(checkpoint, u64::MAX).expect("a checkpoint").header();
        let mut terms = OfferTerms {
            transfer: TransferId::from_bytes([1; 16]),
            agent: delivery.expected.agent,
            epoch: Epoch { major: epoch, generation: 0 },
            tick: header.tick,
            budget: header.budget,
            checkpoint: Hash::of(checkpoint),
            module: delivery.expected.module,
            manifest: delivery.expected.manifest,
            record: Hash::of(&delivery.parts[&Part::Record]),
            source: self.id(),
            target: to,
        };
        edit(&mut terms);
        let offer = Offer::sign(&agent_key(), &self.key, terms).expect("sound terms");
        VerifiedOffer::new(offer).expect("it was just signed")
    }

    fn receiving<'a>(&'a self, cancel: &'a CancelFlag) -> Receiving<'a> {
        let Self { world, accepts_unproven, .. } = self;
        let (node, limits) = (&world.node, &world.limits);
        Receiving { node, limits, accepts_unproven: *accepts_unproven, cancel }
    }

    /// Checks what arrives.
    pub(crate) fn examine(&self, delivery: &Delivery) -> Result<Examined, Refusal> {
        let inventory = Inventory::new(delivery.items(), &self.world.limits)?;
        let expected = delivery.expected.clone();
        let known = pollster::block_on(Known::read(self.storage(), &expected, &inventory))?;
        known.check(&expected)?;
        let mut package = Package::new(inventory);
        for number in known.lacks(package.inventory()) {
            let index = usize::try_from(number).expect("few items");
            let part = package.inventory().items()[index].part;
            let mut offset = 0;
            for piece in delivery.parts[&part].chunks(100_000) {
                package.take(number, offset, piece)?;
                offset += u64::try_from(piece.len()).expect("small");
            }
        }
        assert!(package.is_whole(&known));
        pollster::block_on(package.fill(self.storage(), &expected, &known))?;
        let cancel = CancelFlag::default();
        let receiving = self.receiving(&cancel);
        self.world.with_stack(|| examine(expected, package, known, &receiving))
    }

    /// The parts that would have to be sent.
    pub(crate) fn lacks(&self, delivery: &Delivery) -> Vec<Part> {
        let inventory = delivery.inventory(&self.world.limits);
        let known = Known::read(self.storage(), &delivery.expected, &inventory);
        let known = pollster::block_on(known).expect("the store reads");
        let part = |number: u32| inventory.items()[usize::try_from(number).expect("few")].part;
        known.lacks(&inventory).into_iter().map(part).collect()
    }

    pub(crate) fn discard(&self, guest: &Guest) -> Result<bool, Refusal> {
        pollster::block_on(discard(self.storage(), &name(guest)))
    }

    pub(crate) fn stage(&self, examined: Examined) -> Result<Staged, Refusal> {
        pollster::block_on(stage(self.storage(), examined))
    }

    pub(crate) fn complete(
        &self,
        staged: Staged,
        offer: &VerifiedOffer,
        key: AgentKey,
        news: &Delivery,
    ) -> Result<Complete, Refusal> {
        let news = news.package(&self.world.limits)?;
        let cancel = CancelFlag::default();
        let receiving = self.receiving(&cancel);
        self.world.with_stack(|| staged.complete(offer, key, &news, &receiving))
    }

    /// The custody of a guest that is taken under `offer`.
    pub(crate) fn custody_under(&self, guest: &Guest, offer: &VerifiedOffer) -> Custody {
        let found = self.get(&Key::Custody(name(guest)));
        let found = found.map(|(bytes, _)| Custody::decode(&bytes).expect("a custody").1);
        let mut custody = found.unwrap_or_default();
        custody.decided = offer.terms().epoch.major;
        custody.taken.insert(custody.decided, offer.offer().hash());
        custody.holding = Holding::Held(custody.decided);
        custody
    }

    pub(crate) fn take(&self, guest: &Guest, complete: Complete, offer: &VerifiedOffer) -> Taken {
        let custody = self.custody_under(guest, offer);
        let committed = self.commit(complete.group(self.id(), &custody));
        complete.taken(&committed).expect("the store answers")
    }

    pub(crate) fn launch(&self, taken: Taken, ticks: u64) -> Launched {
        let plan = Plan { ticks: Some(ticks), ..self.world.plan.clone() };
        let launched = taken.launch(&self.world.node, plan, CancelFlag::default());
        pollster::block_on(launched).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn run(&self, mut launched: Launched) -> Transcript {
        let Self { world, .. } = self;
        world.with_stack(|| lockstep(&mut launched, self.storage(), &world.clock))
    }
}

impl Delivery {
    /// The bill, as somebody writes it who sends these parts.
    pub(crate) fn items(&self) -> Vec<BillItem> {
        let item = |(part, bytes): (&Part, &Vec<u8>)| BillItem {
            part: *part,
            hash: Hash::of(bytes),
            bytes: u64::try_from(bytes.len()).expect("small"),
        };
        self.parts.iter().map(item).collect()
    }

    pub(crate) fn record(&self) -> AgentRecord {
        AgentRecord::decode(&self.parts[&Part::Record]).expect("a record")
    }

    /// Changes the record.
    pub(crate) fn edit_record(&mut self, edit: impl FnOnce(&mut AgentRecord)) {
        let mut record = self.record();
        edit(&mut record);
        self.parts.insert(Part::Record, record.encode());
    }

    /// The last checkpoint in the history.
    pub(crate) fn last_place(&self) -> Part {
        let mut parts = self.parts.keys().rev();
        *parts.find(|part| matches!(part, Part::History(..))).expect("a history")
    }

    /// Puts these bytes in the place of the last checkpoint, announces what they say, and lets the record
    /// know them: what can be done without any key.
    pub(crate) fn replace_last(&mut self, bytes: Vec<u8>) {
        self.parts.insert(self.last_place(), bytes.clone());
        if let Ok(checkpoint) = Checkpoint::decode(&bytes, u64::MAX) {
            let header = checkpoint.header();
            self.expected.tick = header.tick;
            self.expected.budget = header.budget;
            self.expected.price = header.price;
        }
        self.edit_record(|record| record.current.checkpoint = Hash::of(&bytes));
        self.parts.insert(Part::Checkpoint, bytes);
    }

    /// What somebody delivers who has changed the files of a life, with the keys of agent and node at hand.
    pub(crate) fn forged(&self, past: &Past) -> Self {
        let mut delivery = self.clone();
        delivery.parts.retain(|part, _| {
            !matches!(part, Part::History(..) | Part::Segment(..) | Part::Fund(_) | Part::Summary)
        });
        for (file, bytes) in &past.copied.files {
            let part = match file.parse().expect("the name of a file") {
                HistoryFile::Checkpoint { tick, copy } => Part::History(tick, copy),
                HistoryFile::Segment { tick, copy } => Part::Segment(tick, copy),
                HistoryFile::Fund(id) => Part::Fund(*id.as_bytes()),
                HistoryFile::Summary => Part::Summary,
                HistoryFile::Certificate { epoch } => Part::Certificate(epoch),
            };
            delivery.parts.insert(part, bytes.clone());
        }
        delivery.replace_last(past.copied.current.clone().expect("a checkpoint"));
        let closing = past.read_segment(&past.last_segment()).closing;
        if closing.checkpoint == Hash::of(&delivery.parts[&Part::Checkpoint]) {
            delivery.edit_record(|record| {
                record.current.predecessor = Predecessor::Segment(closing.hash());
                record.current.carry = closing.carry;
            });
        }
        delivery
    }

    pub(crate) fn inventory(&self, limits: &Limits) -> Inventory {
        Inventory::new(self.items(), limits).expect("a sound bill")
    }

    fn package(&self, limits: &Limits) -> Result<Package, Refusal> {
        let mut package = Package::new(Inventory::new(self.items(), limits)?);
        for (part, bytes) in &self.parts {
            package.put(*part, bytes.clone())?;
        }
        Ok(package)
    }
}

/// Carries a guest that has stopped from one node to another; what it did since `before`, if anything, comes
/// last. It is ready to run at `to`, and known to be there at `from`.
pub(crate) fn carry(from: &Site, to: &Site, guest: &Guest, epoch: u64) -> Taken {
    let delivery = from.deliver(guest);
    let examined = to.examine(&delivery).unwrap_or_else(|refusal| panic!("{refusal}"));
    let staged = to.stage(examined).unwrap_or_else(|refusal| panic!("{refusal}"));
    finish(from, to, guest, staged, &delivery, epoch)
}

/// Offers a guest that was announced with `delivery` and staged, and takes it.
pub(crate) fn finish(
    from: &Site,
    to: &Site,
    guest: &Guest,
    staged: Staged,
    delivery: &Delivery,
    epoch: u64,
) -> Taken {
    let news = from.deliver_since(guest, delivery);
    let mut all = delivery.clone();
    all.parts.extend(news.parts.clone());
    let offer = from.offer(&all, to.id(), epoch);
    from.release(guest, &offer);
    let complete = to.complete(staged, &offer, agent_key(), &news);
    let complete = complete.unwrap_or_else(|refusal| panic!("{refusal}"));
    to.take(guest, complete, &offer)
}
