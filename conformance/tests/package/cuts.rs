//! The power goes at any moment while an agent comes: afterwards it is not here, and can come again, or it is
//! here whole. It is never half here, and a node never thinks that it holds what it was only shown.

use std::sync::Arc;

use conformance::disk::{Crash, SimDisk, enumerate};
use conformance::world::{Guest, World, verify};
use igor_core::format::{Part, Tick};
use igor_core::handoff::{Custody, Holding, VerifiedOffer};
use igor_core::storage::Key;
use igor_node::StopReason;
use igor_storage_fs::{FsConfig, FsStorage};

use crate::support::{Delivery, Site, agent_key, name};

fn site(disk: &SimDisk) -> Option<Site> {
    let storage = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default()).ok()?;
    Some(Site::over(2, World::with_storage("wasmi", Arc::new(storage), "fs")))
}

/// What comes.
struct Coming {
    guest: Guest,
    announced: Delivery,
    news: Delivery,
    offer: VerifiedOffer,
}

/// An agent that comes, and once more if it did not.
struct Attempts {
    first: Coming,
    /// As it is announced when the first offer was refused.
    second: Coming,
    /// The disk of the node that it comes to, before.
    before: SimDisk,
}

impl Coming {
    fn new(from: &Site, to: &Site, announced: Delivery, epoch: u64) -> Self {
        let guest = Guest::counter();
        let news = from.deliver_since(&guest, &announced);
        let mut whole = announced.clone();
        whole.parts.extend(news.parts.clone());
        let offer = from.offer(&whole, to.id(), epoch);
        Self { guest, announced, news, offer }
    }

    /// Lets it come; whether it came, as far as the node was told.
    fn come(&self, to: &Site) -> Option<()> {
        let staged = to.stage(to.examine(&self.announced).ok()?).ok()?;
        let complete = to.complete(staged, &self.offer, agent_key(), &self.news).ok()?;
        let custody = to.custody_under(&self.guest, &self.offer);
        to.try_commit(complete.group(to.id(), &custody)).ok().map(|_| ())
    }

    fn custody(&self, to: &Site) -> Option<Custody> {
        let stored = to.get(&Key::Custody(name(&self.guest)));
        stored.map(|(bytes, _)| Custody::decode(&bytes).unwrap().1)
    }

    fn is_here(&self, to: &Site) -> bool {
        let custody = self.custody(to).unwrap_or_default();
        custody.holding == Holding::Held(self.offer.terms().epoch.major)
    }
}

impl Attempts {
    fn new(from: &Site, before: SimDisk, epoch: u64) -> Self {
        let (guest, to) = (Guest::counter(), site(&before).unwrap());
        let announced = from.deliver(&guest);
        from.world.run(&guest, 1).unwrap();
        let first = Coming::new(from, &to, announced, epoch);
        let second = Coming::new(from, &to, from.deliver(&guest), epoch + 1);
        Self { first, second, before }
    }

    /// What must hold after a power cut.
    fn check(&self, crash: &Crash, came: Option<()>) {
        let to = site(&crash.disk).expect("the store opens");
        let Self { first, second, .. } = self;
        if came.is_some() {
            assert!(first.is_here(&to), "it was told to be here");
        }
        let agent = name(&first.guest);
        if !first.is_here(&to) {
            let has_checkpoint = to.get(&Key::Checkpoint(agent)).is_some();
            let custody = first.custody(&to);
            assert!(custody.is_some() || !has_checkpoint, "without a custody it would be held");
            let holding = custody.unwrap_or_default().holding;
            assert!(matches!(holding, Holding::Absent | Holding::Released { .. }), "{holding:?}");
            second.come(&to).expect("it can come again");
            assert!(second.is_here(&to));
        }
        let all = to.deliver(&first.guest);
        for (part, bytes) in &second.announced.parts {
            if !matches!(part, Part::Record | Part::Checkpoint) {
                assert!(all.parts.get(part) == Some(bytes), "{part}");
            }
        }
        let transcript = to.world.run(&first.guest, 1).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(transcript.reason, StopReason::Ticks);
        let due = Tick(first.offer.terms().tick.0 + 1);
        assert_eq!(transcript.ticks().map(|it| it.tick).collect::<Vec<_>>(), [due]);
        let report = pollster::block_on(verify(to.storage(), &name(&first.guest), u64::MAX));
        assert!(report.is_valid(), "{:#?}", report.findings);
    }

    fn cut_at_every_operation(&self) {
        let counts = enumerate(
            || self.before.copy(),
            |disk| site(disk).and_then(|to| self.first.come(&to)),
            |crash, came| self.check(crash, *came),
        );
        assert!(counts.operations > 20 && counts.distinct > counts.operations, "{counts:?}");
    }
}

#[test]
fn a_power_cut_while_an_agent_comes_leaves_it_here_or_not_here() {
    let from = Site::new(1, "wasmi", false);
    from.world.run(&Guest::counter(), 1).unwrap();
    let disk = SimDisk::new();
    site(&disk).unwrap();
    Attempts::new(&from, disk, 1).cut_at_every_operation();
}

#[test]
fn a_power_cut_while_an_agent_comes_back_leaves_it_here_or_not_here() {
    let guest = Guest::counter();
    let disk = SimDisk::new();
    let home = site(&disk).unwrap();
    home.world.run(&guest, 1).unwrap();
    let away = Site::new(1, "wasmi", false);
    let taken = crate::support::carry(&home, &away, &guest, 1);
    away.run(away.launch(taken, 1));
    drop(home);
    Attempts::new(&away, disk, 2).cut_at_every_operation();
}
