//! Every message between two nodes, and the certificate of an agent that came without one, with bytes that were
//! put together field by field after the specification, sealing included, and not by this code.

use igor_format::{
    AgentKey, Answer, BillItem, Chunk, ChunkContent, Epoch, Hash, Inheritance, InheritanceTerms,
    Message, Microcents, NodeKey, Offer, OfferTerms, Part, Prepare, Price, Reason, RefusalCode,
    SealedKey, Tick, TransferId, Verdict,
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/own/handoff/", $name, ".bin"))
    };
}

const TRANSFER: TransferId = TransferId::from_bytes([0xab; 16]);

fn agent() -> AgentKey {
    AgentKey::from_seed(&[3; 32])
}

fn target() -> NodeKey {
    NodeKey::from_seed(&[2; 32])
}

fn amount(microcents: i64) -> Microcents {
    Microcents::new(microcents).expect("an amount")
}

fn offer() -> Offer {
    let source = NodeKey::from_seed(&[1; 32]);
    let terms = OfferTerms {
        transfer: TRANSFER,
        agent: agent().public_key(),
        epoch: Epoch { major: 5, generation: 0 },
        tick: Tick(7),
        budget: amount(9),
        checkpoint: Hash::of(b"checkpoint"),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"{}"),
        record: Hash::of(b"record"),
        source: source.public_key(),
        target: target().public_key(),
    };
    Offer::sign(&agent(), &source, terms).expect("sound terms")
}

fn bill() -> Vec<BillItem> {
    let parts: [(Part, &[u8]); 11] = [
        (Part::Module, b"module"),
        (Part::Manifest, b"{}"),
        (Part::Fund([0x0a; 16]), b"fund"),
        (Part::Summary, b"summary"),
        (Part::Certificate(4), b"certificate"),
        (Part::History(Tick(3), 0), b"past"),
        (Part::History(Tick(3), 1), b"other past"),
        (Part::Segment(Tick(3), 1), b"segment"),
        (Part::Receipts, b"receipts"),
        (Part::Record, b"record"),
        (Part::Checkpoint, b"checkpoint"),
    ];
    let item = |(part, content): (Part, &[u8])| {
        let bytes = u64::try_from(content.len()).expect("a few");
        BillItem { part, hash: Hash::of(content), bytes }
    };
    parts.into_iter().map(item).collect()
}

fn sealed_key() -> SealedKey {
    let sealed = SealedKey::seal(&agent(), &target().public_key(), &TRANSFER, &[9; 32]);
    sealed.expect("it is a node's key")
}

fn check(message: &Message, bytes: &[u8]) {
    assert_eq!(Message::decode(bytes).as_ref(), Ok(message));
    assert_eq!(message.encode(), bytes, "{}", message.name());
}

#[test]
fn what_the_source_says_is_made_again_bit_for_bit() {
    let prepare = Prepare {
        transfer: TRANSFER,
        agent: agent().public_key(),
        name: "heartbeat".parse().expect("a name"),
        tick: Tick(7),
        budget: amount(9),
        price: Price::per_second(amount(1_000)),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"{}"),
        bill: bill(),
        more: 2,
    };
    check(&Message::Prepare(Box::new(prepare)), fixture!("prepare"));
    check(&Message::Bill { items: bill()[..2].to_vec() }, fixture!("bill"));
    let content = ChunkContent::Raw(b"{}".to_vec());
    check(&Message::Chunk(Chunk { item: 1, offset: 0, content }), fixture!("chunk_raw"));
    let bytes = b"\x1fa\x01\x00\x0f\x50aaaaa".to_vec();
    let content = ChunkContent::Lz4 { plain_bytes: 40, bytes };
    let chunk = Message::Chunk(Chunk { item: 2, offset: 1 << 20, content });
    check(&chunk, fixture!("chunk_lz4"));
    let (offer, sealed_key) = (Box::new(offer()), Box::new(sealed_key()));
    let last = bill()[7..].to_vec();
    check(&Message::Offer { offer: offer.clone(), sealed_key, bill: last }, fixture!("offer"));
    check(&Message::Withdraw { offer: offer.clone() }, fixture!("withdraw"));
    check(&Message::Inquire { offer }, fixture!("inquire"));
}

#[test]
fn what_the_target_says_is_made_again_bit_for_bit() {
    check(&Message::Want { items: vec![(0, 0), (2, 1 << 33)] }, fixture!("want"));
    check(&Message::Ready { transfer: TRANSFER }, fixture!("ready"));
    let reason = Reason::new("node price 5 is above 4");
    let refusal = Message::NotReady { transfer: TRANSFER, code: RefusalCode::Price, reason };
    check(&refusal, fixture!("not_ready"));
    let answer = Answer::sign(&target(), offer().hash(), Verdict::Accepted);
    check(&Message::Answer { answer, reason: Reason::default() }, fixture!("answer"));
}

#[test]
fn an_inheritance_is_made_again_bit_for_bit() {
    let terms = InheritanceTerms {
        agent: agent().public_key(),
        epoch: Epoch { major: 5, generation: 0 },
        tick: Tick(7),
        budget: amount(9),
        checkpoint: Hash::of(b"checkpoint"),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"{}"),
        source: NodeKey::from_seed(&[1; 32]).public_key(),
        target: target().public_key(),
    };
    let inheritance = Inheritance::sign(&agent(), &target(), terms).expect("sound terms");
    assert_eq!(Inheritance::decode(fixture!("inheritance")), Ok(inheritance));
    assert_eq!(inheritance.encode(), fixture!("inheritance"));
    assert_eq!(inheritance.verify(), Ok(()));
}

#[test]
fn the_golden_sealed_key_opens() {
    let Ok(Message::Offer { sealed_key, .. }) = Message::decode(fixture!("offer")) else {
        panic!("a golden offer");
    };
    let opened = sealed_key.open(&target(), &agent().public_key(), &TRANSFER);
    assert_eq!(opened.map(|key| key.public_key()), Ok(agent().public_key()));
}
