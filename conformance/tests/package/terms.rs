//! Lives that do not go with the record, the terms or the last segment that they come with, and such as this
//! node does not grant. Each is refused with its code before anything is written.

use conformance::world::{Forgery, Guest};
use igor_core::format::RefusalCode as Code;
use igor_core::format::{
    Carry, Hash, MeterName, Microcents, Part, Predecessor, Price, Record, Standing, Tick,
};
use igor_node::handoff::package::Refusal;

use crate::attacks::{Attack, Case, LEFT_OUT, case, one_more, refused};
use crate::support::{Delivery, Site};

const RECORDS: &[(&str, Attack, Code)] = &[
    (
        "another name",
        |case| case.with_record(|it| it.agent_id = "other".parse().unwrap()),
        Code::Hash,
    ),
    ("another module", |case| case.with_record(|it| it.module = Hash::ZERO), Code::Hash),
    ("another manifest", |case| case.with_record(|it| it.manifest = Hash::ZERO), Code::Hash),
    (
        "another checkpoint",
        |case| case.with_record(|it| it.current.checkpoint = Hash::ZERO),
        Code::Hash,
    ),
    (
        "another carry",
        |case| case.with_record(|it| it.current.carry = Carry::new(999).unwrap()),
        Code::Hash,
    ),
    (
        "another segment before",
        |case| case.with_record(|it| it.current.predecessor = Predecessor::Segment(Hash::ZERO)),
        Code::Hash,
    ),
    (
        "no segment before",
        |case| case.with_record(|it| it.current.predecessor = Predecessor::NotJournaled),
        Code::Hash,
    ),
    (
        "another meter",
        |case| case.with_record(|it| it.meter = MeterName::new("wall").unwrap()),
        Code::Lineage,
    ),
    (
        "an unknown meter",
        |case| case.with_record(|it| it.meter = MeterName::new("sand").unwrap()),
        Code::Unsupported,
    ),
    (
        "another preparation",
        |case| case.with_record(|it| it.preparation_version += 1),
        Code::Unsupported,
    ),
    (
        "another cost table",
        |case| case.with_record(|it| it.cost_table_version += 1),
        Code::Unsupported,
    ),
    (
        "halted",
        |case| {
            let reason = "it diverged".to_owned();
            case.with_record(|it| {
                it.standing = Standing::RecoveryRequired { tick: Tick(3), reason }
            })
        },
        Code::Unsupported,
    ),
    ("lower limits", |case| case.with_record(|it| it.limits.tick_gas_max -= 1), Code::Lineage),
    ("gas", |case| case.with_record(|it| it.limits.tick_gas_max *= 2), Code::Size),
    ("stack", |case| case.with_record(|it| it.limits.stack_slots_max = u64::MAX), Code::Size),
    ("table", |case| case.with_record(|it| it.limits.table_elements_max *= 2), Code::Size),
    ("state", |case| case.with_record(|it| it.limits.state_bytes_max = u64::MAX), Code::Size),
    ("observations", |case| case.with_record(|it| it.limits.observations_max *= 2), Code::Size),
    (
        "observed bytes",
        |case| case.with_record(|it| it.limits.observation_bytes_max *= 2),
        Code::Size,
    ),
    ("entropy", |case| case.with_record(|it| it.limits.entropy_bytes_max *= 2), Code::Size),
    ("lines", |case| case.with_record(|it| it.limits.log_line_bytes_max *= 2), Code::Size),
    ("log", |case| case.with_record(|it| it.limits.log_bytes_max *= 2), Code::Size),
    ("no gas at all", |case| case.with_record(|it| it.limits.tick_gas_max = 0), Code::Size),
    ("memory", |case| case.with_record(|it| it.limits.memory_pages_max *= 2), Code::Memory),
    (
        "a name that is a path",
        |case| {
            let mut delivery = case.honest.clone();
            let record = delivery.parts[&Part::Record].clone();
            let at = record.windows(7).position(|bytes| bytes == b"counter").unwrap();
            let mut content = record[..record.len() - 32].to_vec();
            content[at..at + 7].copy_from_slice(b"../../x");
            let checksum = Hash::of(&content);
            content.extend_from_slice(checksum.as_bytes());
            delivery.parts.insert(Part::Record, content);
            delivery
        },
        Code::Unsupported,
    ),
    (
        "damaged",
        |case| {
            let mut delivery = case.honest.clone();
            delivery.parts.get_mut(&Part::Record).unwrap()[9] ^= 1;
            delivery
        },
        Code::Unsupported,
    ),
];

const CLOSED: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}},
    "migration_policy":{"enabled":false}}"#;
const CHEAP: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}},
    "migration_policy":{"enabled":true,"max_price_per_second":999}}"#;
const FITS: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}},
    "migration_policy":{"enabled":true,"max_price_per_second":1000}}"#;
const TELEPORT: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1},
    "teleport":{"version":1}}}"#;
const LESS: &str = r#"{"capabilities":{"clock":{"version":1},"log":{"version":1}}}"#;
const LARGE: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}},
    "resource_limits":{"max_memory_bytes":67108865}}"#;
const VAST: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}},
    "resource_limits":{"max_memory_bytes":67174400}}"#;

const TERMS: &[(&str, Attack, Code)] = &[
    ("migration forbidden", |case| case.lived_under(CLOSED), Code::Policy),
    ("too dear here", |case| case.lived_under(CHEAP), Code::Price),
    ("an unknown capability", |case| case.lived_under(TELEPORT), Code::Capability),
    (
        "a capability that is used and not declared",
        |case| case.lived_under(LESS),
        Code::Unsupported,
    ),
    ("more memory than there is", |case| case.lived_under(VAST), Code::Memory),
    ("a manifest that is none", |case| case.lived_under("[]"), Code::Unsupported),
    ("manifest widened", |case| case.under_manifest(LARGE), Code::Lineage),
    (
        "manifest widened for the last segment only",
        |case| {
            let mut past = case.past.clone();
            let name = past.last_segment();
            past.forge(&name, |forgery| forgery.opening.manifest = LARGE.as_bytes().to_vec());
            let honest = case.honest.forged(&past);
            Case { honest, past }.under_manifest(LARGE)
        },
        Code::Lineage,
    ),
    (
        "another manifest than announced",
        |case| {
            let mut delivery = case.honest.clone();
            delivery.parts.insert(Part::Manifest, LARGE.as_bytes().to_vec());
            delivery
        },
        Code::Hash,
    ),
    (
        "another module than announced",
        |case| {
            let mut delivery = case.honest.clone();
            delivery.parts.insert(Part::Module, b"\0asm\x01\0\0\0".to_vec());
            delivery
        },
        Code::Hash,
    ),
    (
        "a module that is none, everywhere",
        |case| {
            let module = Hash::of(b"other");
            let mut delivery = case.with_record(|record| record.module = module);
            delivery.parts.insert(Part::Module, b"other".to_vec());
            delivery.expected.module = module;
            delivery
        },
        Code::Hash,
    ),
    (
        "the module of another agent, everywhere",
        |case| {
            let other = Guest::prebuilt("heartbeat").module;
            let mut delivery = case.with_record(|record| record.module = Hash::of(&other));
            delivery.expected.module = Hash::of(&other);
            delivery.parts.insert(Part::Module, other);
            delivery
        },
        Code::Hash,
    ),
    (
        "a budget that is announced",
        |case| {
            let mut delivery = case.honest.clone();
            delivery.expected.budget = one_more(delivery.expected.budget);
            delivery
        },
        Code::Hash,
    ),
    (
        "a tick that is announced",
        |case| {
            let mut delivery = case.honest.clone();
            delivery.expected.tick = Tick(11);
            delivery
        },
        Code::Hash,
    ),
];

/// The last segment with a tick signed again, after this was done to it.
fn forge(case: &Case, edit: impl FnOnce(&mut Forgery)) -> Delivery {
    let mut past = case.past.clone();
    let name = past.last_segment();
    past.forge(&name, edit);
    case.honest.forged(&past)
}

const SEGMENTS: &[(&str, Attack, Code)] = &[
    (
        "a charge forgotten",
        |case| {
            forge(case, |forgery| {
                for record in &mut forgery.records {
                    if let Record::Tick(tick) = record {
                        tick.charge = Microcents::ZERO;
                    }
                }
            })
        },
        Code::Replay,
    ),
    (
        "a tick left out",
        |case| {
            forge(case, |forgery| {
                let last = forgery.records.iter().rposition(|it| matches!(it, Record::Tick(_)));
                forgery.records.remove(last.unwrap());
            })
        },
        Code::Replay,
    ),
    (
        "another state at a tick",
        |case| {
            forge(case, |forgery| {
                if let Some(Record::Tick(tick)) = forgery.records.last_mut() {
                    tick.state = Hash::ZERO;
                }
            })
        },
        Code::Replay,
    ),
    (
        "more money at its beginning",
        |case| {
            forge(case, |forgery| {
                forgery.opening.budget = one_more(forgery.opening.budget);
            })
        },
        Code::Lineage,
    ),
    (
        "a remainder at its beginning",
        |case| {
            forge(case, |forgery| {
                forgery.opening.carry = Carry::new(123).unwrap();
            })
        },
        Code::Replay,
    ),
    (
        "another price",
        |case| forge(case, |forgery| forgery.opening.price = Price::default()),
        Code::Replay,
    ),
    (
        "another meter",
        |case| {
            forge(case, |forgery| {
                forgery.opening.meter = MeterName::new("wall").unwrap();
            })
        },
        Code::Lineage,
    ),
    (
        "other limits",
        |case| forge(case, |forgery| forgery.opening.limits.tick_gas_max += 1),
        Code::Lineage,
    ),
    ("another ABI", |case| forge(case, |forgery| forgery.opening.abi_version += 1), Code::Replay),
    (
        "after nothing",
        |case| {
            forge(case, |forgery| {
                forgery.opening.predecessor = Predecessor::Segment(Hash::ZERO);
            })
        },
        Code::Lineage,
    ),
    (
        "another module",
        |case| forge(case, |forgery| forgery.opening.module = Hash::ZERO),
        Code::Lineage,
    ),
    (
        "a byte of it",
        |case| {
            let mut delivery = case.honest.clone();
            let last = *case.segments().last().unwrap();
            *delivery.parts.get_mut(&last).unwrap().last_mut().unwrap() ^= 1;
            delivery
        },
        Code::Signature,
    ),
];

#[test]
fn a_record_that_does_not_go_with_the_life_or_this_node_is_refused() {
    refused(RECORDS);
}

#[test]
fn terms_that_cannot_be_met_or_were_never_lived_under_are_refused() {
    refused(TERMS);
    let (_, case) = case();
    let delivery = case.lived_under(FITS);
    Site::new(2, "wasmi", false).examine(&delivery).map(|_| ()).expect("it costs what it may cost");
}

#[test]
fn a_last_segment_that_did_not_happen_so_is_refused() {
    refused(SEGMENTS);
}

#[test]
fn what_cannot_be_proven_is_taken_only_where_that_is_accepted() {
    let (guest, case) = case();
    let (name, attack, _) = LEFT_OUT[LEFT_OUT.len() - 1];
    let mut to = Site::new(2, "wasmi", false);
    let refused = to.examine(&attack(&case)).map(|_| ());
    assert!(matches!(refused, Err(Refusal::Unproven(_))), "{name}");
    to.accepts_unproven = true;
    to.examine(&attack(&case)).map(|_| ()).expect("this node accepts it");
    let (_, forged, _) = SEGMENTS[0];
    let refused = to.examine(&forged(&case)).map(|_| ());
    assert!(matches!(refused, Err(Refusal::Refuted(_))), "what is wrong is never accepted");
    assert!(to.everything(&guest).is_empty());
}
