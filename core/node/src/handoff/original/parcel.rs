//! What the original sends of an agent, made into a package of igor's: a checkpoint without a history, and
//! terms that this node gives, as the original keeps none.

use igor_core::format::migrate::{AgentPackage, AgentTransfer, MigrateMessage, ReplayData};
use igor_core::format::{
    AgentId, AgentKey, AgentRecord, BillItem, Carry, Checkpoint, Epoch, Hash, Head, Inheritance,
    InheritanceTerms, MeterName, NodeKey, Part, Predecessor, Seq, Standing, decode_identity,
};
use igor_core::handoff::Custody;
use igor_core::transport::NodeId;
use igor_core::{Limits, Storage, prepare};

use super::Rejection;
use super::replay::replay;
use crate::handoff::package::{
    Complete, Examined, Expected, Inventory, Known, Package, Receiving, Refusal, Staged,
    examine_unjournaled, stage,
};
use crate::open::execution_limits;

/// Bytes of receipts that are taken along.
const RECEIPTS_BYTES_MAX: u64 = 1 << 20;
/// Room for everything in a message that has no size of its own.
const REST_BYTES: u64 = 64 << 10;
/// How far an epoch may lie above the checkpoint's: whoever can make one up could otherwise use up all.
const EPOCH_LEAP_MAX: u64 = 1 << 32;

/// The most bytes that a message may have: one in which every part has the size that this node allows.
pub fn transfer_bytes_max(limits: &Limits) -> u64 {
    let states = limits.state_bytes_max.saturating_mul(2);
    let parts = [
        limits.module_bytes_max,
        states,
        limits.manifest_bytes_max,
        limits.observation_bytes_max,
        RECEIPTS_BYTES_MAX,
    ];
    let plain = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
    // Base64 has four characters for three bytes.
    (plain / 3).saturating_mul(4).saturating_add(REST_BYTES)
}

/// An agent as the original sends it.
pub struct Parcel {
    expected: Expected,
    package: Package,
    key: AgentKey,
    checkpoint: Checkpoint,
    replay: Option<ReplayData>,
    major: u64,
}

/// An agent that was checked and could run here.
pub struct Admitted {
    examined: Examined,
    key: AgentKey,
    major: u64,
}

/// An agent that was checked and whose bulk is durable.
pub struct Inherited {
    staged: Staged,
    key: AgentKey,
    major: u64,
}

impl Parcel {
    /// Reads the message of an agent that is to be charged by `meter` here. The second value is the name
    /// in it, for the answer.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub fn read(
        json: &[u8],
        meter: &MeterName,
        limits: &Limits,
    ) -> (String, Result<Self, Rejection>) {
        match AgentTransfer::from_json(json, transfer_bytes_max(limits)) {
            Ok(AgentTransfer { package, .. }) => {
                (package.agent_id.clone(), Self::open(package, meter, limits))
            }
            Err(error) => (String::new(), Err(error.into())),
        }
    }

    fn open(package: AgentPackage, meter: &MeterName, limits: &Limits) -> Result<Self, Rejection> {
        let module = package.wasm_binary.map(|bytes| bytes.0).unwrap_or_default();
        let hash = package.wasm_hash.map(|bytes| bytes.0).unwrap_or_default();
        let hash: [u8; 32] = hash.try_into().map_err(|_| Rejection::HashLength)?;
        if Hash::of(&module).as_bytes() != &hash {
            return Err(Rejection::Hash);
        }
        let name: AgentId = package.agent_id.parse()?;
        let identity = package.agent_identity.as_ref().map(|bytes| bytes.expose());
        let identity = identity.filter(|bytes| !bytes.is_empty());
        let key = decode_identity(identity.ok_or(Rejection::IdentityMissing)?)?;
        let bytes = package.checkpoint.map(|bytes| bytes.0).ok_or(Rejection::CheckpointMissing)?;
        let checkpoint = Checkpoint::decode(&bytes, limits.state_bytes_max)?;
        let header = *checkpoint.header();
        let manifest = package.manifest_data.map(|bytes| bytes.0).unwrap_or_default();
        let expected = Expected {
            agent: key.public_key(),
            name: name.clone(),
            tick: header.tick,
            budget: header.budget,
            price: header.price,
            module: Hash::from_bytes(hash),
            manifest: Hash::of(&manifest),
        };
        let record = record(&expected, Hash::of(&bytes), meter, limits).encode();
        let mut parts = vec![
            (Part::Module, module),
            (Part::Manifest, manifest),
            (Part::History(header.tick, 0), bytes.clone()),
            (Part::Record, record),
            (Part::Checkpoint, bytes),
        ];
        let receipts = package.receipts.map(|bytes| bytes.0).filter(|bytes| !bytes.is_empty());
        parts.extend(receipts.map(|bytes| (Part::Receipts, bytes)));
        let package_of = packed(parts, limits)?;
        let replay = package.replay_data;
        let major = next_epoch(package.major_version, header.epoch.major)?;
        Ok(Self { expected, package: package_of, key, checkpoint, replay, major })
    }

    /// What it is.
    pub const fn expected(&self) -> &Expected {
        &self.expected
    }

    /// What it consists of.
    pub const fn inventory(&self) -> &Inventory {
        self.package.inventory()
    }

    /// Checks it. The calling thread needs the stack that the engine asks for.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub fn examine(self, known: Known, receiving: &Receiving<'_>) -> Result<Admitted, Rejection> {
        let Self { expected, package, key, checkpoint, replay: data, major } = self;
        known.check(&expected)?;
        let agent = expected.agent;
        let examined = examine_unjournaled(expected, package, known, receiving)?;
        let proof = match &data {
            Some(data) => replay(data, &checkpoint, agent, examined.ground(receiving)),
            None => Err(Rejection::Unproven("there is no replay data".to_owned())),
        };
        match proof {
            Err(Rejection::Unproven(_)) if receiving.accepts_unproven => {}
            proof => proof?,
        }
        Ok(Admitted { examined, key, major })
    }
}

impl Admitted {
    /// Claims the agent and writes everything of it but what makes it this node's.
    ///
    /// # Errors
    /// As [`stage`].
    pub async fn stage(self, storage: &dyn Storage) -> Result<Inherited, Rejection> {
        let Self { examined, key, major } = self;
        Ok(Inherited { staged: stage(storage, examined).await?, key, major })
    }
}

impl Inherited {
    /// The lowest epoch that it may be held in here, see [`Custody::inherited`](igor_core::handoff::Custody::inherited).
    pub const fn epoch_min(&self) -> u64 {
        self.major
    }

    /// The agent, which the node of the key `me` takes from `source` with this custody. No offer stands for it,
    /// so the node certifies by itself how it came.
    ///
    /// # Errors
    /// When the custody is none under which this agent can be held here.
    pub fn complete(
        self,
        me: &NodeKey,
        source: NodeId,
        custody: &Custody,
    ) -> Result<Complete, Rejection> {
        let Self { staged, key, .. } = self;
        let Expected { agent, tick, budget, module, manifest, .. } = *staged.expected();
        let epoch = Epoch { major: custody.decided, generation: 0 };
        let (source, target) = (source.public_key(), me.public_key());
        let checkpoint = staged.checkpoint();
        let terms = InheritanceTerms {
            agent,
            epoch,
            tick,
            budget,
            checkpoint,
            module,
            manifest,
            source,
            target,
        };
        let inheritance = Inheritance::sign(&key, me, terms)?;
        Ok(staged.inherit(&inheritance, key)?)
    }
}

/// The epoch after the one that the message or the checkpoint names.
fn next_epoch(named: u64, of_checkpoint: u64) -> Result<u64, Rejection> {
    let is_near = named.saturating_sub(of_checkpoint) <= EPOCH_LEAP_MAX;
    let next = named.max(of_checkpoint).checked_add(1);
    next.filter(|_| is_near).ok_or(Rejection::MajorVersion(named.max(of_checkpoint)))
}

/// The record under which it is to live here.
fn record(
    expected: &Expected,
    checkpoint: Hash,
    meter: &MeterName,
    limits: &Limits,
) -> AgentRecord {
    AgentRecord {
        agent_id: expected.name.clone(),
        public_key: expected.agent,
        module: expected.module,
        manifest: expected.manifest,
        meter: meter.clone(),
        preparation_version: prepare::VERSION,
        cost_table_version: prepare::COST_TABLE_VERSION,
        limits: execution_limits(limits),
        initial_budget: None,
        holder: None,
        current: Head {
            checkpoint,
            carry: Carry::ZERO,
            journal: Seq(0),
            predecessor: Predecessor::NotJournaled,
        },
        previous: None,
        standing: Standing::Active,
    }
}

fn packed(parts: Vec<(Part, Vec<u8>)>, limits: &Limits) -> Result<Package, Rejection> {
    let item = |(part, bytes): &(Part, Vec<u8>)| BillItem {
        part: *part,
        hash: Hash::of(bytes),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    };
    let mut items: Vec<_> = parts.iter().map(item).collect();
    items.sort_unstable();
    if let Some(item) =
        items.iter().find(|item| item.part == Part::Receipts && item.bytes > RECEIPTS_BYTES_MAX)
    {
        let (part, bytes, max) = (item.part, item.bytes, RECEIPTS_BYTES_MAX);
        return Err(Refusal::TooLarge { part, bytes, max }.into());
    }
    let mut package = Package::new(Inventory::new(items, limits)?);
    for (part, bytes) in parts {
        package.put(part, bytes)?;
    }
    Ok(package)
}
