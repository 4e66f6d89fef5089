//! A small life for the tests of histories: keys, checkpoints, and fund records made with igor's own
//! writers. Not a fixture: nothing here is kept on disk.

use igor_format::{
    AgentKey, Checkpoint, Epoch, FundId, FundRecord, Funding, Hash, Header, HistoryFile,
    HistoryReport, HistoryVerifier, Microcents, Price, Tick,
};

/// The state limit of these tests.
pub(crate) const LIMIT: u64 = 1 << 20;

/// A named file.
pub(crate) type File = (String, Vec<u8>);

/// A header with the fields that matter to a chain.
pub(crate) fn header(tick: u64, budget: i64) -> Header {
    Header {
        budget: Microcents::new(budget).expect("an amount"),
        price: Price::per_second(Microcents::new(1_000).expect("an amount")),
        tick: Tick(tick),
        code_hash: Hash::of(b"module"),
        epoch: Epoch::default(),
        lease_expiry_ns: 0,
    }
}

/// A life that grows by one checkpoint at a time.
pub(crate) struct Life {
    key: AgentKey,
    /// The files of the history.
    pub(crate) files: Vec<File>,
    /// The current checkpoint.
    pub(crate) current: Option<Checkpoint>,
}

impl Life {
    /// A life of which nothing happened yet, with the key of this seed.
    pub(crate) fn new(seed: u8) -> Self {
        Self { key: AgentKey::from_seed(&[seed; 32]), files: Vec::new(), current: None }
    }

    /// The life's key.
    pub(crate) fn key(&self) -> &AgentKey {
        &self.key
    }

    /// The hash of the current checkpoint.
    pub(crate) fn tip(&self) -> Hash {
        self.current.as_ref().map_or(Hash::ZERO, Checkpoint::hash)
    }

    /// Adds a checkpoint and its file.
    pub(crate) fn step(&mut self, header: Header) -> &mut Self {
        let checkpoint = Checkpoint::sign(&self.key, header, self.tip(), b"state".to_vec());
        let name = (0..)
            .map(|copy| HistoryFile::Checkpoint { tick: header.tick, copy }.to_string())
            .find(|name| self.files.iter().all(|(other, _)| other != name))
            .expect("names do not run out");
        self.files.push((name, checkpoint.encode()));
        self.current = Some(checkpoint);
        self
    }

    /// Adds a fund record over `amount`, and its checkpoint whose budget is higher by `rise`.
    pub(crate) fn fund(&mut self, id: u8, amount: i64, rise: i64) -> &mut Self {
        let before = self.current.as_ref().expect("a checkpoint").header();
        let budget = before.budget.get() + rise;
        let (before_hash, tick) = (self.tip(), before.tick.0);
        self.step(header(tick, budget));
        let funding = Funding {
            before: before_hash,
            after: self.tip(),
            amount: Microcents::new(amount).expect("an amount"),
            id: FundId::from_bytes([id; 16]),
        };
        let record = FundRecord::sign(&self.key, funding).expect("an amount above zero");
        self.files.push((HistoryFile::Fund(funding.id).to_string(), record.encode()));
        self
    }
}

/// Verifies files, with or without a current checkpoint.
pub(crate) fn verify(files: &[File], current: Option<&[u8]>) -> HistoryReport {
    let mut verifier = HistoryVerifier::new(LIMIT, None);
    for (file, bytes) in files {
        verifier.add(file, bytes);
    }
    if let Some(bytes) = current {
        verifier.add_current("agent.checkpoint", bytes);
    }
    verifier.finish()
}

impl std::fmt::Debug for Life {
    /// The chain without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.files.iter().map(|(file, _)| file)).finish()
    }
}
