//! What verifying a history accepts, and what it names when it refuses: over the history that the
//! original wrote, and over lives made for the purpose.

mod common;

use common::{File, LIMIT, Life, header, verify};
use igor_format::{
    AgentKey, Checkpoint, CheckpointVersion, FindingKind, FundRecord, Hash, HistoryReport,
    HistoryVerifier, Severity, Tick,
};

/// The history that the original wrote while its heartbeat agent ran for 17 seconds.
fn original() -> (Vec<File>, Vec<u8>) {
    macro_rules! file {
        ($name:literal) => {
            (
                $name.to_owned(),
                include_bytes!(concat!("fixtures/heartbeat-go/history/heartbeat/", $name)).to_vec(),
            )
        };
    }
    let files = vec![
        file!("0000000004.ckpt"),
        file!("0000000009.ckpt"),
        file!("0000000014.ckpt"),
        file!("0000000016.ckpt"),
    ];
    (files, include_bytes!("fixtures/heartbeat-go/heartbeat.checkpoint").to_vec())
}

/// The findings as (file, kind).
fn kinds(report: &HistoryReport) -> Vec<(Option<&str>, FindingKind)> {
    report.findings.iter().map(|f| (f.file.as_deref(), f.kind.clone())).collect()
}

fn check(report: &HistoryReport, expected: &[(Option<&str>, FindingKind)]) {
    assert_eq!(kinds(report), expected);
    let valid = expected.iter().all(|(_, kind)| kind.severity() == Severity::Notice);
    assert_eq!(report.is_valid(), valid);
}

#[test]
fn the_history_of_the_original_is_valid() {
    let (mut files, current) = original();
    files.reverse();
    let report = verify(&files, Some(&current));
    check(&report, &[]);
    let did = report.did.expect("an identity");
    assert_eq!(did.to_string(), "did:key:z6MkkhcrpkF7QHrjriGi4MS29JTEULfLr2D6JRSn2r3iniKE");
    let ticks: Vec<_> = report.checkpoints.iter().map(|facts| facts.header.tick.0).collect();
    assert_eq!(ticks, [4, 9, 14, 16]);
    assert_eq!(report.checkpoints[3].header.budget.get(), 9_997_297);
    assert_eq!(report.segments.len(), 1);
    assert_eq!(report.segments[0].checkpoints, 4);
    assert_eq!((report.segments[0].first, report.segments[0].last), (Tick(4), Tick(16)));
    check(&verify(&files, None), &[]);
    let mut expecting = HistoryVerifier::new(LIMIT, Some(did));
    files.iter().for_each(|(file, bytes)| expecting.add(file, bytes));
    check(&expecting.finish(), &[]);
}

#[test]
fn the_history_of_the_original_with_any_byte_changed_is_refused() {
    let (files, current) = original();
    for changed in 0..files.len() {
        for index in 0..files[changed].1.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut files = files.clone();
                files[changed].1[index] ^= change;
                let report = verify(&files, Some(&current));
                let file = &files[changed].0;
                assert!(!report.is_valid(), "{file}: byte {index} changed by {change:#x}");
                let named = report.findings.iter().any(|f| f.file.as_ref() == Some(file));
                assert!(named, "{file}: byte {index} is not named: {:?}", report.findings);
            }
        }
    }
    for index in 0..current.len() {
        let mut current = current.clone();
        current[index] ^= 1;
        let report = verify(&files, Some(&current));
        assert!(!report.is_valid(), "current checkpoint: byte {index}");
    }
}

#[test]
fn the_history_of_the_original_with_a_file_missing_or_cut_is_refused() {
    let (files, current) = original();
    for missing in 0..files.len() - 1 {
        let mut files = files.clone();
        files.remove(missing);
        assert!(!verify(&files, Some(&current)).is_valid(), "without file {missing}");
    }
    for (index, length) in [(0, 0), (1, 208), (2, 1), (3, 236)] {
        let mut files = files.clone();
        files[index].1.truncate(length);
        assert!(!verify(&files, Some(&current)).is_valid(), "file {index} cut to {length}");
    }
}

#[test]
fn a_life_with_two_checkpoints_of_one_tick_and_funding_is_valid() {
    let mut life = Life::new(1);
    life.step(header(0, 100)).step(header(3, 90)).fund(7, 50, 50).step(header(3, 140));
    life.step(header(3, 139)).step(header(5, 139));
    let report = verify(&life.files, Some(&life.current.as_ref().expect("five").encode()));
    check(&report, &[]);
    let names: Vec<_> = report.checkpoints.iter().map(|facts| &*facts.file).collect();
    let expected = [
        "0000000000.ckpt",
        "0000000003.ckpt",
        "0000000003_001.ckpt",
        "0000000003_002.ckpt",
        "0000000003_003.ckpt",
        "0000000005.ckpt",
    ];
    assert_eq!(names, expected);
    assert!(report.funds[0].applied);
    assert_eq!(report.did, Some(life.key().public_key().did()));
}

#[test]
fn the_chain_orders_the_checkpoints_whatever_their_names() {
    let mut life = Life::new(1);
    life.step(header(1, 9)).step(header(1, 8)).step(header(1, 7));
    let mut files = life.files.clone();
    let (first, rest) = files.split_at_mut(1);
    std::mem::swap(&mut first[0].1, &mut rest[1].1);
    let report = verify(&files, None);
    check(&report, &[]);
    let budgets: Vec<_> = report.checkpoints.iter().map(|f| f.header.budget.get()).collect();
    assert_eq!(budgets, [9, 8, 7]);
}

#[test]
fn changed_modules_are_reported_as_segments() {
    let mut life = Life::new(1);
    let other = igor_format::Header { code_hash: Hash::of(b"other"), ..header(2, 9) };
    life.step(header(0, 9)).step(header(1, 9)).step(other);
    let report = verify(&life.files, None);
    check(&report, &[]);
    let segments: Vec<_> = report.segments.iter().map(|s| (s.first.0, s.last.0)).collect();
    assert_eq!(segments, [(0, 1), (2, 2)]);
}

#[test]
fn nothing_at_all_proves_nothing() {
    check(&verify(&[], None), &[(None, FindingKind::NoCheckpoints)]);
    let files = [("notes.txt".to_owned(), Vec::new())];
    let unknown = (Some("notes.txt"), FindingKind::UnknownFile);
    check(&verify(&files, None), &[unknown, (None, FindingKind::NoCheckpoints)]);
}

#[test]
fn a_truncated_head_is_named() {
    let mut life = Life::new(1);
    life.step(header(0, 9));
    let prev = life.tip();
    life.step(header(1, 8)).step(header(2, 7));
    let finding = (Some("0000000001.ckpt"), FindingKind::TruncatedHead { prev });
    check(&verify(&life.files[1..], None), &[finding]);
}

#[test]
fn a_missing_middle_is_named() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).step(header(1, 8));
    let prev = life.tip();
    life.step(header(2, 7));
    life.files.remove(1);
    let finding = (Some("0000000002.ckpt"), FindingKind::BrokenLink { prev });
    check(&verify(&life.files, None), &[finding]);
}

#[test]
fn a_fork_is_named_wherever_it_is() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).step(header(1, 8));
    let mut other = Life::new(1);
    other.step(header(0, 9)).step(header(2, 7));
    life.files.push(other.files[1].clone());
    let fork = |other: &str| FindingKind::Fork { other: other.to_owned() };
    let finding = (Some("0000000002.ckpt"), fork("0000000001.ckpt"));
    check(&verify(&life.files, None), &[finding]);

    let mut life = Life::new(1);
    life.step(header(0, 9));
    let mut other = Life::new(1);
    other.step(header(1, 8));
    life.files.push(other.files[0].clone());
    let finding = (Some("0000000001.ckpt"), fork("0000000000.ckpt"));
    check(&verify(&life.files, None), &[finding]);
}

#[test]
fn a_current_checkpoint_on_another_branch_is_a_fork() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).step(header(1, 8)).step(header(2, 7));
    let mut other = Life::new(1);
    other.step(header(0, 9)).step(header(1, 7));
    let current = other.current.as_ref().expect("two").encode();
    let report = verify(&life.files, Some(&current));
    assert!(!report.is_valid());
    assert!(matches!(report.findings[0].kind, FindingKind::Fork { .. }), "{report:?}");
}

#[test]
fn unsigned_entries_are_named_one_by_one() {
    let unsigned = |tick: u64| {
        let mut v3 = Checkpoint::sign(
            &AgentKey::from_seed(&[1; 32]),
            header(tick, 10),
            Hash::ZERO,
            Vec::new(),
        )
        .encode();
        v3[0] = 3;
        (format!("{tick:010}.ckpt"), v3)
    };
    let mut life = Life::new(1);
    life.step(header(2, 9)).step(header(3, 8));
    let mut files = vec![unsigned(0), unsigned(1)];
    files.append(&mut life.files);
    let kind = FindingKind::Unsigned(CheckpointVersion::V3);
    let expected = [(Some("0000000000.ckpt"), kind.clone()), (Some("0000000001.ckpt"), kind)];
    let report = verify(&files, None);
    check(&report, &expected);
    assert_eq!(report.did, Some(life.key().public_key().did()));
    let current = unsigned(9).1;
    assert!(!verify(&files[2..], Some(&current)).is_valid(), "an unsigned downgrade");
}

#[test]
fn a_checkpoint_of_another_key_is_named() {
    let mut life = Life::new(1);
    life.step(header(0, 9));
    let prev = life.tip();
    let other = AgentKey::from_seed(&[2; 32]);
    let foreign = Checkpoint::sign(&other, header(1, 8), prev, Vec::new());
    life.files.push(("0000000001.ckpt".to_owned(), foreign.encode()));
    let (expected, found) = (life.key().public_key(), other.public_key());
    let finding = (Some("0000000001.ckpt"), FindingKind::OtherKey { expected, found });
    check(&verify(&life.files, None), &[finding]);
}

#[test]
fn a_life_of_another_identity_than_expected_is_refused() {
    let mut life = Life::new(1);
    life.step(header(0, 9));
    let expected = AgentKey::from_seed(&[2; 32]).public_key();
    let mut verifier = HistoryVerifier::new(LIMIT, Some(expected.did()));
    life.files.iter().for_each(|(file, bytes)| verifier.add(file, bytes));
    let found = life.key().public_key();
    let finding = (Some("0000000000.ckpt"), FindingKind::OtherKey { expected, found });
    let report = verifier.finish();
    check(&report, &[finding]);
    assert_eq!(report.did, Some(expected.did()));
}

#[test]
fn a_tick_that_goes_back_is_named() {
    let mut life = Life::new(1);
    life.step(header(5, 9)).step(header(4, 8));
    let kind = FindingKind::TickBackwards { from: Tick(5), to: Tick(4) };
    check(&verify(&life.files, None), &[(Some("0000000004.ckpt"), kind)]);
}

#[test]
fn a_rise_of_the_budget_without_a_fund_record_is_named() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).step(header(1, 10));
    let (from, to) = (header(0, 9).budget, header(1, 10).budget);
    let rise = (Some("0000000001.ckpt"), FindingKind::UnfundedRise { from, to });
    check(&verify(&life.files, None), &[rise]);
}

#[test]
fn a_fund_record_must_explain_exactly_the_rise() {
    let fund_file = format!("fund-{}.rec", "07".repeat(16));
    for (amount, rise) in [(5, 6), (5, 4)] {
        let mut life = Life::new(1);
        life.step(header(0, 9)).fund(7, amount, rise);
        let (from, to) = (header(0, 9).budget, header(0, 9 + rise).budget);
        let expected = [
            (Some(&*fund_file), FindingKind::FundMismatch),
            (Some("0000000000_001.ckpt"), FindingKind::UnfundedRise { from, to }),
        ];
        check(&verify(&life.files, None), &expected);
    }
    let mut life = Life::new(1);
    life.step(header(0, 9)).fund(7, 5, 0);
    let mismatch = (Some(&*fund_file), FindingKind::FundMismatch);
    check(&verify(&life.files, None), &[mismatch]);
}

#[test]
fn a_fund_record_must_name_the_checkpoint_before() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).fund(7, 5, 5);
    let honest = *FundRecord::decode(&life.files[2].1).expect("a record").funding();
    let funding = igor_format::Funding { before: Hash::of(b"another"), ..honest };
    life.files[2].1 = FundRecord::sign(life.key(), funding).expect("an amount").encode();
    let report = verify(&life.files, None);
    assert_eq!(report.findings[0].kind, FindingKind::FundMismatch);
    assert!(matches!(report.findings[1].kind, FindingKind::UnfundedRise { .. }));
}

#[test]
fn a_fund_record_with_any_byte_changed_is_refused() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).fund(7, 5, 5);
    check(&verify(&life.files, None), &[]);
    for index in 0..FundRecord::BYTES {
        let mut files = life.files.clone();
        let fund = files.last_mut().expect("the fund record");
        fund.1[index] ^= 1;
        assert!(!verify(&files, None).is_valid(), "byte {index}");
    }
}

#[test]
fn a_fund_record_of_another_agent_is_refused() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).fund(7, 5, 5);
    let record = FundRecord::decode(&life.files[2].1).expect("a record");
    let other = AgentKey::from_seed(&[2; 32]);
    let forged = FundRecord::sign(&other, *record.funding()).expect("an amount");
    life.files[2].1 = forged.encode();
    let report = verify(&life.files, None);
    let kinds: Vec<_> = report.findings.into_iter().map(|finding| finding.kind).collect();
    let (expected, found) = (life.key().public_key(), other.public_key());
    assert_eq!(kinds[0], FindingKind::OtherKey { expected, found });
    assert_eq!(kinds[1], FindingKind::FundMismatch);
    assert!(matches!(kinds[2], FindingKind::UnfundedRise { .. }));
}

#[test]
fn an_interrupted_or_repeated_funding_is_only_noticed() {
    let fund = |id: &str| format!("fund-{}.rec", id.repeat(16));
    let mut life = Life::new(1);
    life.step(header(0, 9)).fund(7, 5, 5);
    let after = life.tip();
    let current = life.files.remove(1);
    let unapplied = (&*fund("07"), FindingKind::FundUnapplied { after });
    let report = verify(&life.files, None);
    check(&report, &[(Some(unapplied.0), unapplied.1)]);
    assert!(!report.funds[0].applied);

    let mut again = Life::new(1);
    again.step(header(0, 9)).fund(8, 5, 5);
    assert_eq!(again.files[1].1, current.1, "funding again makes the same checkpoint");
    again.files.push(life.files[1].clone());
    let repeated = FindingKind::FundRepeated { other: fund("07") };
    check(&verify(&again.files, None), &[(Some(&*fund("08")), repeated)]);
}

#[test]
fn the_current_checkpoint_is_the_end_of_the_chain_up_to_one_step() {
    let mut life = Life::new(1);
    let mut blobs = Vec::new();
    for tick in 0..4 {
        life.step(header(tick, 9));
        blobs.push(life.files.last().expect("just added").1.clone());
    }
    let check_with = |files: &[File], current: &[u8], expected: Option<(&str, FindingKind)>| {
        let expected = expected.map(|(file, kind)| (Some(file), kind));
        check(&verify(files, Some(current)), expected.as_slice());
    };
    let rollback = |ahead| FindingKind::Rollback { ahead };
    check_with(&life.files, &blobs[3], None);
    let interrupted = FindingKind::SaveInterrupted;
    check_with(&life.files, &blobs[2], Some(("0000000002.ckpt", interrupted)));
    check_with(&life.files, &blobs[1], Some(("0000000001.ckpt", rollback(2))));
    check_with(&life.files, &blobs[0], Some(("0000000000.ckpt", rollback(3))));
    let not_archived = FindingKind::HeadNotArchived;
    let expected = Some(("agent.checkpoint", not_archived.clone()));
    check_with(&life.files[..3], &blobs[3], expected.clone());
    check_with(&[], &blobs[0], expected);
    let prev = Hash::of(&blobs[2]);
    let expected = [
        (Some("agent.checkpoint"), FindingKind::BrokenLink { prev }),
        (Some("agent.checkpoint"), not_archived),
    ];
    check(&verify(&life.files[..2], Some(&blobs[3])), &expected);
}

#[test]
fn repeated_and_renamed_files_are_only_noticed() {
    let mut life = Life::new(1);
    life.step(header(0, 9)).step(header(1, 8));
    life.files.push(("0000000001_001.ckpt".to_owned(), life.files[1].1.clone()));
    life.files[0].0 = "genesis.ckpt".to_owned();
    let other = "0000000001.ckpt".to_owned();
    let expected = [
        (Some("genesis.ckpt"), FindingKind::OtherName),
        (Some("0000000001_001.ckpt"), FindingKind::Repeated { other }),
    ];
    check(&verify(&life.files, None), &expected);
}

#[test]
fn unreadable_files_are_named_with_the_reason() {
    let mut life = Life::new(1);
    life.step(header(0, 9));
    let mut negative = Checkpoint::encode(life.current.as_ref().expect("one"));
    negative[1..9].copy_from_slice(&(-1_i64).to_le_bytes());
    life.files.push(("0000000001.ckpt".to_owned(), negative));
    life.files.push(("0000000002.ckpt".to_owned(), Vec::new()));
    life.files.push((format!("fund-{}.rec", "00".repeat(16)), b"igor/fund/2\0".to_vec()));
    let report = verify(&life.files, None);
    let lines: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "0000000001.ckpt: read checkpoint: budget of -1 microcents: an amount cannot be \
             negative",
            "0000000002.ckpt: read checkpoint: it is empty",
            "fund-00000000000000000000000000000000.rec: read fund record: it does not begin with \
             igor/fund/1",
        ]
    );
    assert!(!report.is_valid());
}

#[test]
fn states_above_the_limit_are_refused() {
    let mut life = Life::new(1);
    life.step(header(0, 9));
    let mut verifier = HistoryVerifier::new(4, None);
    verifier.add(&life.files[0].0, &life.files[0].1);
    assert!(!verifier.finish().is_valid());
}
