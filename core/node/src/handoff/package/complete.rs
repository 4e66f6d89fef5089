//! Checks the offer of an agent that was staged, and what came with it: what the agent did since it was
//! announced. It is brief, because nobody ticks the agent meanwhile. It reads no store and writes nothing;
//! the calling thread needs the stack that the engine asks for.

use igor_core::format::{
    AgentKey, AgentRecord, BillItem, Checkpoint, EpochReceipt, Hash, HistoryReport, Holder,
    Inheritance, OfferTerms, Part, Tick, decode_receipts,
};
use igor_core::handoff::VerifiedOffer;
use igor_core::storage::{Hold, Version};

use super::examine::{Footing, Last, Receiving, files};
use super::known::Known;
use super::lineage::{Beginning, Life, check_terms, holder_after, judge};
use super::proof::prove;
use super::record::{check_head, read, same};
use super::{Expected, Package, Refusal, Staged};

/// An agent of which everything is here and was checked.
pub struct Complete {
    pub(super) expected: Expected,
    pub(super) known: Known,
    /// The version of its custody.
    pub(super) custody: Version,
    pub(super) footing: Footing,
    pub(super) key: AgentKey,
    /// What it is taken under: the epoch that begins, and the bytes of the certificate.
    pub(super) certificate: (u64, Vec<u8>),
    pub(super) record: AgentRecord,
    pub(super) checkpoint: Checkpoint,
    /// The place of the checkpoint in the history.
    pub(super) place: (Tick, u32),
    /// What is not durable yet, in the order of the parts.
    pub(super) news: Vec<(BillItem, Vec<u8>)>,
    pub(super) receipts: Vec<Vec<u8>>,
    pub(super) holds: [Hold; 2],
}

impl Staged {
    /// What it was announced as.
    pub const fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Checks the offer, the agent's key, and what came last. Whether the offer is meant for this node, and
    /// is one to be decided on, is the custodian's to say.
    ///
    /// # Errors
    /// The first thing that speaks against it. Nothing was changed, and the agent is no longer claimed.
    pub fn complete(
        self,
        offer: &VerifiedOffer,
        key: AgentKey,
        news: &Package,
        receiving: &Receiving<'_>,
    ) -> Result<Complete, Refusal> {
        let terms = offer.terms();
        self.check_offer(terms, &key)?;
        self.check_news(news, receiving)?;
        let bytes = news.part(Part::Checkpoint).unwrap_or(&self.checkpoint);
        same("its checkpoint", terms.checkpoint, Hash::of(bytes))?;
        let record = news.part(Part::Record).unwrap_or(&self.record);
        same("its record", terms.record, Hash::of(record))?;
        let record = read(record, &self.expected)?;
        self.check_terms(&record)?;
        let checkpoint = decode(bytes, self.footing.granted.limits.state_bytes_max)?;
        check_header(terms, &checkpoint, self.last.begun)?;
        let place = self.check_life(news, bytes, &record, (terms, receiving))?;
        let receipts = news.part(Part::Receipts).or(self.receipts.as_deref());
        let receipts = read_receipts(receipts);
        let mut left = Vec::new();
        for (item, bytes) in news.parts()? {
            if !matches!(item.part, Part::Record | Part::Checkpoint) {
                left.push((item, bytes.to_vec()));
            }
        }
        let Self { expected, known, custody, footing, holds, .. } = self;
        let certificate = (offer.epoch(), offer.offer().encode());
        Ok(Complete {
            expected,
            known,
            custody,
            footing,
            key,
            certificate,
            record,
            checkpoint,
            place,
            news: left,
            receipts,
            holds,
        })
    }

    /// The hash of the checkpoint that it was announced with.
    pub(crate) fn checkpoint(&self) -> Hash {
        Hash::of(&self.checkpoint)
    }

    /// The agent as it was announced, for which no offer stands: this is its certificate.
    pub(crate) fn inherit(
        self,
        inheritance: &Inheritance,
        key: AgentKey,
    ) -> Result<Complete, Refusal> {
        let Self { expected, known, custody, footing, last, checkpoint, receipts, holds, .. } =
            self;
        let checkpoint = decode(&checkpoint, footing.granted.limits.state_bytes_max)?;
        let record = footing.granted.record.clone();
        let receipts = read_receipts(receipts.as_deref());
        let certificate = (inheritance.terms().epoch.major, inheritance.encode());
        Ok(Complete {
            expected,
            known,
            custody,
            footing,
            key,
            certificate,
            record,
            checkpoint,
            place: last.place,
            news: Vec::new(),
            receipts,
            holds,
        })
    }

    fn check_offer(&self, terms: &OfferTerms, key: &AgentKey) -> Result<(), Refusal> {
        let Expected { agent, module, manifest, .. } = &self.expected;
        let did = |key: igor_core::format::PublicKey| key.did().to_string();
        same("its identity", did(*agent), did(terms.agent))?;
        same("its module", *module, terms.module)?;
        same("its manifest", *manifest, terms.manifest)?;
        if key.public_key() != *agent {
            let (file, problem) = ("its key".to_owned(), "it is that of another agent".to_owned());
            return Err(Refusal::Signature { file, problem });
        }
        Ok(())
    }

    /// Only what an agent that runs adds can have come since it was announced.
    fn check_news(&self, news: &Package, receiving: &Receiving<'_>) -> Result<(), Refusal> {
        self.inventory.and(news.inventory(), receiving.limits)?;
        let (tick, copy) = self.last.place;
        let known = Part::History(tick, copy);
        for item in news.inventory().items() {
            let is_new = match item.part {
                Part::Record | Part::Checkpoint | Part::Receipts => true,
                Part::History(..) => item.part > known,
                Part::Segment(tick, copy) => Part::History(tick, copy) > known,
                Part::Fund(_) => self.inventory.item(item.part).is_none(),
                Part::Module | Part::Manifest | Part::Summary | Part::Certificate(_) => false,
            };
            if !is_new {
                let problem = "was announced before, and changed meanwhile";
                return Err(Refusal::Part { part: item.part, problem });
            }
        }
        Ok(())
    }

    /// The terms that the agent lives under are those that it was made ready for.
    fn check_terms(&self, record: &AgentRecord) -> Result<(), Refusal> {
        let prepared = &self.footing.granted.record;
        same("its meter", prepared.meter.as_str(), record.meter.as_str())?;
        if prepared.limits == record.limits && prepared.initial_budget == record.initial_budget {
            return Ok(());
        }
        let problem = "states other limits, or another first budget, than before";
        Err(Refusal::Part { part: Part::Record, problem })
    }

    /// Judges what was lived since the agent was announced; returns the place of the last checkpoint.
    fn check_life(
        &self,
        news: &Package,
        checkpoint: &[u8],
        record: &AgentRecord,
        (terms, receiving): (&OfferTerms, &Receiving<'_>),
    ) -> Result<(Tick, u32), Refusal> {
        let Last { files: before, checkpoint: first, before: segment, place, .. } = &self.last;
        let before = before.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice()));
        let files: Vec<_> = before.chain(files(news)?).collect();
        let beginning = Beginning::After(*first, *segment);
        let state_bytes_max = self.footing.granted.limits.state_bytes_max;
        let agent = self.expected.agent;
        let life = Life { agent, checkpoint, files, state_bytes_max, beginning };
        let history = judge(&life)?;
        check_terms(&life.files, &self.footing.granted.lived())?;
        let hash = Hash::of(checkpoint);
        same("the checkpoint of its record", record.current.checkpoint, hash)?;
        check_head(record, hash, &history)?;
        let holder = holder_after(self.last.holder, *first, &history);
        check_source(terms, holder, epoch_of(&history))?;
        if hash == *first {
            return Ok(*place);
        }
        prove_last(&life, &history, &self.footing, receiving)?;
        super::examine::last(news, &history, hash).map(|last| last.place)
    }
}

fn prove_last(
    life: &Life<'_>,
    history: &HistoryReport,
    footing: &Footing,
    receiving: &Receiving<'_>,
) -> Result<(), Refusal> {
    prove(&life.files, history, footing.ground(receiving), receiving.accepts_unproven)
}

fn decode(bytes: &[u8], state_bytes_max: u64) -> Result<Checkpoint, Refusal> {
    Checkpoint::decode(bytes, state_bytes_max).map_err(|error| {
        let (file, problem) = (Part::Checkpoint.to_string(), error.to_string());
        Refusal::Lineage { file, problem }
    })
}

/// The epoch that the last checkpoint is of.
fn epoch_of(history: &HistoryReport) -> u64 {
    history.checkpoints.last().map_or(0, |facts| facts.header.epoch.major)
}

/// The node that offers the agent is the one that held it. Otherwise no node could take it from this one later:
/// its certificate would be of another node than its history names.
fn check_source(terms: &OfferTerms, holder: Option<Holder>, epoch: u64) -> Result<(), Refusal> {
    let source_node = terms.source;
    match holder.filter(|holder| holder.is_certain_in(epoch) && holder.node != source_node) {
        None => Ok(()),
        Some(Holder { node: held_by, .. }) => Err(Refusal::NotHolder { source_node, held_by }),
    }
}

/// The offer says what the checkpoint says, and begins an epoch that is above its, and above every one that a
/// certificate `begun`.
fn check_header(terms: &OfferTerms, checkpoint: &Checkpoint, begun: u64) -> Result<(), Refusal> {
    let header = checkpoint.header();
    same("its tick", terms.tick, header.tick)?;
    same("its budget", terms.budget, header.budget)?;
    same("its module", terms.module, header.code_hash)?;
    let (offered, reached) = (terms.epoch.major, header.epoch.major.max(begun));
    if offered <= reached {
        return Err(Refusal::Epoch { offered, reached });
    }
    Ok(())
}

/// The receipts as a guest is shown them; unreadable ones count as none, as they decide nothing.
fn read_receipts(bytes: Option<&[u8]>) -> Vec<Vec<u8>> {
    let receipts = bytes.and_then(|bytes| decode_receipts(bytes).ok()).unwrap_or_default();
    receipts.iter().map(EpochReceipt::encode).collect()
}
