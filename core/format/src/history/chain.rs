//! Puts the checkpoints of a history in the order of their links and judges the chain. It works on
//! facts that were read before; the signature of each file was already looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::report::{CheckpointFacts, FundFacts, HistoryReport, HistorySegment, SignatureStatus};
use crate::{Did, Hash, Microcents, PublicKey};

/// Judges everything that was read of one history.
pub(super) fn judge(
    expected: Option<Did>,
    archived: Vec<CheckpointFacts>,
    current: Option<CheckpointFacts>,
    funds: Vec<FundFacts>,
    mut findings: Vec<Finding>,
) -> HistoryReport {
    let current_hash = current.as_ref().map(|current| current.hash);
    let checkpoints = distinct(archived, current, &mut findings);
    let chain = Chain::new(checkpoints);
    let mut judge = Judge { chain, findings };
    let did = expected.or_else(|| judge.chain.first_key().map(|key| key.did()));
    if judge.chain.nodes.is_empty() {
        judge.findings.push(Finding { file: None, kind: FindingKind::NoCheckpoints });
    }
    if let Some(did) = did {
        judge.check_keys(did.public_key(), &funds);
    }
    judge.check_starts();
    judge.check_forks();
    let funds = judge.check_funds(funds);
    judge.check_links(&funds);
    if let Some(hash) = current_hash {
        judge.check_current(hash);
    }
    let Judge { chain, findings } = judge;
    let checkpoints: Vec<_> = chain.nodes.into_iter().map(|node| node.facts).collect();
    let segments = segments(&checkpoints);
    HistoryReport {
        did,
        checkpoints,
        funds,
        segments,
        audit_segments: Vec::new(),
        summary: None,
        certificates: Vec::new(),
        holder: None,
        findings,
    }
}

/// Joins the history and the current checkpoint, each content once.
fn distinct(
    mut archived: Vec<CheckpointFacts>,
    current: Option<CheckpointFacts>,
    findings: &mut Vec<Finding>,
) -> Vec<CheckpointFacts> {
    let by_tick_and_name = |facts: &CheckpointFacts| (facts.header.tick, facts.file.clone());
    archived.sort_by_cached_key(by_tick_and_name);
    let mut files: BTreeMap<Hash, String> = BTreeMap::new();
    let mut kept: Vec<CheckpointFacts> = Vec::with_capacity(archived.len());
    for facts in archived {
        if let Some(other) = files.get(&facts.hash) {
            let kind = FindingKind::Repeated { other: other.clone() };
            findings.push(Finding { file: Some(facts.file), kind });
        } else {
            files.insert(facts.hash, facts.file.clone());
            kept.push(facts);
        }
    }
    kept.extend(current.filter(|current| !files.contains_key(&current.hash)));
    kept.sort_by_cached_key(by_tick_and_name);
    kept
}

/// A checkpoint and its place among the others.
struct Node {
    facts: CheckpointFacts,
    /// The index of the checkpoint it follows; always smaller than its own.
    parent: Option<usize>,
}

/// The checkpoints, each after the one it follows.
struct Chain {
    nodes: Vec<Node>,
}

impl Chain {
    /// Orders checkpoints that come sorted by tick and name. A hash cannot be in a circle with
    /// itself, so every checkpoint is reached from one that follows nothing here.
    fn new(checkpoints: Vec<CheckpointFacts>) -> Self {
        let mut waiting: BTreeMap<Hash, Vec<CheckpointFacts>> = BTreeMap::new();
        let mut starts = Vec::new();
        let known: BTreeSet<Hash> = checkpoints.iter().map(|facts| facts.hash).collect();
        for facts in checkpoints {
            match facts.prev.filter(|prev| known.contains(prev)) {
                Some(prev) => waiting.entry(prev).or_default().push(facts),
                None => starts.push(facts),
            }
        }
        let mut nodes: Vec<Node> = Vec::with_capacity(known.len());
        for start in starts {
            let mut stack = vec![(start, None)];
            while let Some((facts, parent)) = stack.pop() {
                let followers = waiting.remove(&facts.hash).unwrap_or_default();
                let index = nodes.len();
                nodes.push(Node { facts, parent });
                stack.extend(followers.into_iter().rev().map(|facts| (facts, Some(index))));
            }
        }
        Self { nodes }
    }

    /// The key of the first checkpoint with a valid signature.
    fn first_key(&self) -> Option<PublicKey> {
        let mut valid = self.nodes.iter().filter(|node| node.facts.is_valid());
        valid.next().and_then(|node| node.facts.public_key)
    }

    fn parent(&self, node: &Node) -> Option<&CheckpointFacts> {
        node.parent.and_then(|index| self.nodes.get(index)).map(|node| &node.facts)
    }

    /// How many checkpoints follow the one of this hash, on the longest branch.
    fn followers(&self, hash: Hash) -> u64 {
        let mut depths: Vec<Option<u64>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let above = node.parent.and_then(|index| depths.get(index).copied().flatten());
            let own = (node.facts.hash == hash).then_some(0);
            depths.push(own.or_else(|| above.map(|depth| depth.saturating_add(1))));
        }
        depths.into_iter().flatten().max().unwrap_or(0)
    }
}

impl CheckpointFacts {
    fn is_valid(&self) -> bool {
        self.signature == SignatureStatus::Valid
    }
}

struct Judge {
    chain: Chain,
    findings: Vec<Finding>,
}

impl Judge {
    /// Everything is signed by one key.
    fn check_keys(&mut self, expected: PublicKey, funds: &[FundFacts]) {
        let valid = self.chain.nodes.iter().filter(|node| node.facts.is_valid());
        let checkpoints = valid.filter_map(|n| Some((&n.facts.file, n.facts.public_key?)));
        let funds = funds.iter().map(|fund| (&fund.file, fund.public_key));
        for (file, found) in checkpoints.chain(funds) {
            if found != expected {
                let kind = FindingKind::OtherKey { expected, found };
                self.findings.push(Finding { file: Some(file.clone()), kind });
            }
        }
    }

    /// The signed chain has one start, and it is a first checkpoint. Two first checkpoints of one
    /// key are a fork.
    fn check_starts(&mut self) {
        let starts = self.chain.nodes.iter().filter(|node| node.parent.is_none());
        let starts: Vec<_> = starts.filter_map(|n| Some((&n.facts.file, n.facts.prev?))).collect();
        let has_first = starts.iter().any(|(_, prev)| *prev == Hash::ZERO);
        let missing = starts.into_iter().filter(|(_, prev)| *prev != Hash::ZERO);
        for (index, (file, prev)) in missing.enumerate() {
            let kind = match index {
                0 if !has_first => FindingKind::TruncatedHead { prev },
                _ => FindingKind::BrokenLink { prev },
            };
            self.findings.push(Finding { file: Some(file.clone()), kind });
        }
    }

    /// No two checkpoints that one key signed follow the same one.
    fn check_forks(&mut self) {
        let mut followers: BTreeMap<(Hash, PublicKey), &str> = BTreeMap::new();
        for node in self.chain.nodes.iter().filter(|node| node.facts.is_valid()) {
            let CheckpointFacts { file, prev: Some(prev), public_key: Some(key), .. } = &node.facts
            else {
                continue;
            };
            if let Some(other) = followers.get(&(*prev, *key)) {
                let kind = FindingKind::Fork { other: (*other).to_owned() };
                self.findings.push(Finding { file: Some(file.clone()), kind });
            } else {
                followers.insert((*prev, *key), file);
            }
        }
    }

    /// Every fund record explains one rise exactly, or announces a checkpoint that was never made.
    fn check_funds(&mut self, mut funds: Vec<FundFacts>) -> Vec<FundFacts> {
        funds.sort_by(|left, right| left.file.cmp(&right.file));
        let nodes = &self.chain.nodes;
        let places: BTreeMap<_, _> = nodes.iter().map(|node| (node.facts.hash, node)).collect();
        let mut applied: BTreeMap<Hash, String> = BTreeMap::new();
        for fund in &mut funds {
            let after = fund.funding.after;
            let kind = match places.get(&after) {
                None => FindingKind::FundUnapplied { after },
                Some(node) if !self.fits(fund, node) => FindingKind::FundMismatch,
                Some(_) => match applied.get(&after) {
                    Some(other) => FindingKind::FundRepeated { other: other.clone() },
                    None => {
                        applied.insert(after, fund.file.clone());
                        fund.applied = true;
                        continue;
                    }
                },
            };
            self.findings.push(Finding { file: Some(fund.file.clone()), kind });
        }
        funds
    }

    fn fits(&self, fund: &FundFacts, node: &Node) -> bool {
        let CheckpointFacts { header, public_key, .. } = &node.facts;
        self.chain.parent(node).is_some_and(|before| {
            let raised = before.header.budget.checked_add(fund.funding.amount);
            before.hash == fund.funding.before
                && *public_key == Some(fund.public_key)
                && raised == Some(header.budget)
        })
    }

    /// From a checkpoint to the next no tick goes back and no budget rises by itself.
    fn check_links(&mut self, funds: &[FundFacts]) {
        let applied = funds.iter().filter(|fund| fund.applied);
        let funded: BTreeMap<Hash, Microcents> =
            applied.map(|fund| (fund.funding.after, fund.funding.amount)).collect();
        for node in &self.chain.nodes {
            let Some(before) = self.chain.parent(node) else { continue };
            let (from, to) = (before.header, node.facts.header);
            let mut find = |kind| {
                self.findings.push(Finding { file: Some(node.facts.file.clone()), kind });
            };
            if to.tick < from.tick {
                find(FindingKind::TickBackwards { from: from.tick, to: to.tick });
            }
            if to.budget > from.budget && !funded.contains_key(&node.facts.hash) {
                find(FindingKind::UnfundedRise { from: from.budget, to: to.budget });
            }
        }
    }

    /// The current checkpoint is the end of the chain, but for the one step of a save that was cut.
    fn check_current(&mut self, hash: Hash) {
        let Some(node) = self.chain.nodes.iter().find(|node| node.facts.hash == hash) else {
            return;
        };
        let kind = match self.chain.followers(hash) {
            0 if node.facts.archived => return,
            0 => FindingKind::HeadNotArchived,
            1 => FindingKind::SaveInterrupted,
            ahead => FindingKind::Rollback { ahead },
        };
        self.findings.push(Finding { file: Some(node.facts.file.clone()), kind });
    }
}

/// Groups neighbours of one module.
fn segments(checkpoints: &[CheckpointFacts]) -> Vec<HistorySegment> {
    let of_one_module = |left: &CheckpointFacts, right: &CheckpointFacts| {
        left.header.code_hash == right.header.code_hash
    };
    let groups = checkpoints.chunk_by(of_one_module);
    groups
        .filter_map(|group| {
            let (first, last) = (group.first()?, group.last()?);
            Some(HistorySegment {
                code_hash: first.header.code_hash,
                checkpoints: group.len(),
                first: first.header.tick,
                last: last.header.tick,
            })
        })
        .collect()
}
