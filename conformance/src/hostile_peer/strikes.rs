//! Attacks on the count of faults: whoever sends too much that no node sends is not listened to for a while, on
//! no connection, old or new; nobody else is.

use igor_core::Limits;
use igor_core::transport::TransportError;
use igor_node::handoff::GateLimits;
use igor_node::wire::Close;

use super::Attacked;
use super::house::until;
use super::support::{HANDOFF, attack_at, ended};
use crate::Case;

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        who_sends_too_much_is_not_listened_to_any_more covers ["strikes"],
        staying_connected_does_not_help_who_is_barred covers ["strikes"],
    ]
}

const STRIKES: u32 = 4;

fn gate() -> GateLimits {
    GateLimits { strikes_max: STRIKES, ..GateLimits::default() }
}

fn who_sends_too_much_is_not_listened_to_any_more(attacked: &Attacked) {
    attack_at(attacked, (Limits::default(), gate()), async |scene| {
        for _ in 0..STRIKES {
            scene.assert_refused(&[0; 4], Close::Malformed).await;
        }
        // On a new connection the attacker is told so.
        let connection = scene.attacker.connect(&scene.address).await;
        let barred = match connection {
            Err(_) => true,
            Ok(connection) => {
                let closed = connection.accept().await.err();
                matches!(closed, Some(TransportError::Closed { code, .. }) if code == Close::Barred.code())
            }
        };
        assert!(barred, "it is let in again");
        // Another one is heard.
        let (_other, connection) = scene.connect_as(9).await;
        let connection = connection.expect("it has done nothing");
        let protocol = igor_core::transport::ProtocolId::new(HANDOFF).expect("a name");
        let mut stream = connection.open(&protocol).await.expect("it is let in");
        let _ = stream.writer.write_all(&[0; 4]).await;
        assert_eq!(ended(&mut stream).await, Some(Close::Malformed));
        connection.close(Close::Done.code()).await;
    });
}

fn staying_connected_does_not_help_who_is_barred(attacked: &Attacked) {
    attack_at(attacked, (Limits::default(), gate()), async |scene| {
        for _ in 0..STRIKES {
            scene.assert_refused(&[0; 4], Close::Malformed).await;
        }
        // The next stream ends the connection, and no other one is taken on it.
        let _stream = scene.say(&[4, 0, 0]).await;
        let closed = scene.connection.accept().await.err();
        assert!(
            matches!(closed, Some(TransportError::Closed { code, .. }) if code == Close::Barred.code()),
            "{closed:?}"
        );
        let room = scene.house.door.room();
        until(|| room.kept() == 0, || "something is kept".to_owned()).await;
    });
}
