//! The open segment of an agent's journal: what is written down of the running incarnation, which of
//! it is durable, and how it is sealed. It decides neither when to write nor what follows from a
//! failure, and touches no store.

use std::sync::Arc;

use igor_core::format::{
    AgentKey, Entry, Hash, NodeKey, Predecessor, PublicKey, Record, Segment, SegmentClosing,
    SegmentOpening, Seq,
};

/// An agent's journal on its way to the store.
pub(crate) struct Journal {
    node: Arc<NodeKey>,
    /// The position of the next record in the log.
    next: Seq,
    /// How many records are durable.
    synced: Seq,
    /// What the next segment names as its predecessor.
    pub(crate) predecessor: Predecessor,
    segment: Option<OpenSegment>,
}

struct OpenSegment {
    first: Seq,
    chain: Hash,
    entries: Vec<Vec<u8>>,
    bytes: usize,
    /// How many entries were handed over to be appended.
    handed: usize,
    /// Whether more happened than a start.
    has_news: bool,
}

/// Records to be appended to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Appendix {
    /// The position of the first.
    pub(crate) at: Seq,
    /// The records.
    pub(crate) records: Vec<Vec<u8>>,
}

impl Appendix {
    /// The position behind the last record.
    pub(crate) fn end(&self) -> Seq {
        after(self.at, self.records.len())
    }
}

impl Journal {
    /// A journal whose next record goes to `next`.
    pub(crate) fn new(node: Arc<NodeKey>, next: Seq, predecessor: Predecessor) -> Self {
        Self { node, next, synced: next, predecessor, segment: None }
    }

    /// The node that writes it.
    pub(crate) fn node(&self) -> PublicKey {
        self.node.public_key()
    }

    /// Takes up a segment that a process before left open: its durable entries, the first of them at
    /// `first`.
    pub(crate) fn take_up(
        &mut self,
        first: Seq,
        entries: Vec<Vec<u8>>,
        chain: Hash,
        has_news: bool,
    ) {
        let bytes = entries.iter().map(Vec::len).sum();
        let handed = entries.len();
        self.segment = Some(OpenSegment { first, chain, entries, bytes, handed, has_news });
    }

    /// Opens a segment.
    pub(crate) fn open(&mut self, opening: SegmentOpening) {
        self.segment = Some(OpenSegment {
            first: self.next,
            chain: Entry::base(opening.checkpoint),
            entries: Vec::new(),
            bytes: 0,
            handed: 0,
            has_news: false,
        });
        self.own(opening);
    }

    /// Forgets the open segment; its records stay behind in the log.
    pub(crate) fn abandon(&mut self) {
        self.segment = None;
    }

    /// Forgets the open segment, of which nothing was handed over: its positions are free again.
    pub(crate) fn withdraw(&mut self) {
        if let Some(segment) = self.segment.take_if(|segment| segment.handed == 0) {
            self.next = segment.first;
        }
    }

    /// States who holds the agent, under which terms.
    pub(crate) fn own(&mut self, opening: SegmentOpening) {
        self.write(Record::Owner(igor_core::format::OwnerRecord { opening: Box::new(opening) }));
    }

    /// Adds a record to the open segment.
    ///
    /// # Panics
    /// If no segment is open: a record outside every segment would be lost.
    pub(crate) fn write(&mut self, record: Record) {
        let synced = self.synced;
        let segment = self.segment.as_mut().expect("records are written into an open segment");
        segment.has_news |= !matches!(record, Record::Owner(_) | Record::Started(_));
        let (bytes, chain) = Entry { prev: segment.chain, synced, record }.encode();
        segment.chain = chain;
        segment.bytes += bytes.len();
        segment.entries.push(bytes);
        self.next = after(self.next, 1);
    }

    /// Adds the last record of the open segment, which lies in the sealed segment only: where the log
    /// breaks off, nothing can be appended to it.
    pub(crate) fn conclude(&mut self, record: Record) {
        let next = self.next;
        self.write(record);
        if let Some(segment) = self.segment.as_mut().filter(|segment| segment.handed > 0) {
            segment.handed = segment.entries.len();
            self.next = next;
        }
    }

    /// The position of the next record.
    pub(crate) const fn next(&self) -> Seq {
        self.next
    }

    /// How many records are durable.
    pub(crate) const fn synced(&self) -> Seq {
        self.synced
    }

    /// Whether a segment is open.
    pub(crate) const fn is_open(&self) -> bool {
        self.segment.is_some()
    }

    /// Whether more happened in the open segment than a start.
    pub(crate) fn has_news(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.has_news)
    }

    /// Entries and bytes of the open segment.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.segment.as_ref().map_or((0, 0), |segment| (segment.entries.len(), segment.bytes))
    }

    /// The records that were not handed over yet.
    pub(crate) fn hand_over(&mut self) -> Option<Appendix> {
        let segment = self.segment.as_mut()?;
        let records = segment.entries.get(segment.handed..).unwrap_or_default().to_vec();
        if records.is_empty() {
            return None;
        }
        let at = after(segment.first, segment.handed);
        segment.handed = segment.entries.len();
        Some(Appendix { at, records })
    }

    /// Takes note that everything before `end` is durable.
    pub(crate) fn appended(&mut self, end: Seq) {
        self.synced = end;
    }

    /// Takes back what was handed over but not written.
    pub(crate) fn take_back(&mut self) {
        let synced = self.synced;
        if let Some(segment) = &mut self.segment {
            let durable = synced.0.saturating_sub(segment.first.0);
            segment.handed = usize::try_from(durable).unwrap_or(usize::MAX);
        }
    }

    /// Whether nothing of the open segment was handed over, so that it need not go through the log.
    pub(crate) fn is_unlogged(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.handed == 0)
    }

    /// The open segment, sealed as one that ends so; it stays open until [`Journal::sealed`].
    pub(crate) fn seal(&self, agent: &AgentKey, closing: SegmentClosing) -> Option<Segment> {
        let segment = self.segment.as_ref()?;
        let records = u64::try_from(segment.entries.len()).unwrap_or(u64::MAX);
        let closing = SegmentClosing { records, chain: segment.chain, ..closing };
        Some(Segment::seal(agent, &self.node, segment.entries.clone(), closing))
    }

    /// Takes note that the sealed segment with this hash is durable. If it never went through the
    /// log, its positions are free again.
    pub(crate) fn sealed(&mut self, hash: Hash, start: Seq) {
        self.segment = None;
        self.next = start;
        self.synced = start;
        self.predecessor = Predecessor::Segment(hash);
    }

    /// Where the log goes on once the open segment is sealed.
    pub(crate) fn next_start(&self) -> Seq {
        match &self.segment {
            Some(segment) if segment.handed == 0 => segment.first,
            _ => self.next,
        }
    }
}

fn after(seq: Seq, records: usize) -> Seq {
    Seq(seq.0.saturating_add(u64::try_from(records).unwrap_or(u64::MAX)))
}
