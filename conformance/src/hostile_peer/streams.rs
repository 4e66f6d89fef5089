//! Attacks with streams and connections: protocols that nobody speaks, floods of what is opened and abandoned,
//! and answers that are never read.

use igor_core::Limits;
use igor_core::transport::CloseCode;
use igor_node::wire::Close;

use super::Attacked;
use super::support::{HANDOFF, assert_abandoned, attack};
use crate::{Case, Effort};

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        protocols_and_versions_that_nobody_speaks_are_refused covers ["streams"],
        streams_that_are_opened_and_abandoned_are_forgotten covers ["streams"],
        streams_that_are_opened_and_dropped_are_forgotten covers ["streams"],
        connections_that_come_and_go_are_forgotten covers ["streams"],
        answers_that_are_never_read_hold_nobody_up covers ["streams"],
    ]
}

fn protocols_and_versions_that_nobody_speaks_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        for name in ["/igor/handoff/0", "/igor/handoff/2", "/igor/ping/1.0.1", "/x", "%00%ff"] {
            let mut stream = scene.open(name).await;
            let _ = stream.writer.write_all(b"is anybody there").await;
            assert_abandoned(&mut stream, Close::Protocol).await;
        }
    });
}

fn streams_that_are_opened_and_abandoned_are_forgotten(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        for round in 0..Effort::current().rounds(1_000) {
            let mut stream = scene.open(HANDOFF).await;
            if round % 3 == 0 {
                let _ = stream.writer.write_all(&[4, 0, 0]).await;
            }
            stream.reset(CloseCode(u32::MAX));
        }
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}

fn streams_that_are_opened_and_dropped_are_forgotten(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        for _ in 0..Effort::current().rounds(1_000) {
            drop(scene.open(HANDOFF).await);
        }
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}

fn connections_that_come_and_go_are_forgotten(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let mut refused = 0;
        for round in 0..Effort::current().rounds(100) {
            // A refusal is an answer too: the ones before may still be counted.
            match scene.attacker.connect(&scene.address).await {
                Ok(connection) if round % 2 == 0 => connection.close(CloseCode(9)).await,
                Ok(connection) => drop(connection),
                Err(_) => refused += 1,
            }
        }
        assert!(refused < Effort::current().rounds(100), "nobody was let in");
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}

fn answers_that_are_never_read_hold_nobody_up(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let mut unread = Vec::new();
        for round in 0..Effort::current().rounds(200) {
            let mut stream = scene.open("/igor/price/1.0.0").await;
            let _ = stream.writer.write_all(b"{}\n").await;
            let _ = stream.writer.finish();
            unread.push(stream);
            if round % 8 == 7 {
                unread.clear();
            }
        }
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}
