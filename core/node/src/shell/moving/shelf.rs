//! What had arrived of an agent when the conversation was lost, put aside for a while: the next attempt of the same
//! node goes on from there. It is counted as what arrives is, and is the first to go when room is short. It
//! checks nothing: what was put aside is checked like all that arrives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use igor_core::format::{CHUNK_BYTES_MAX, PublicKey};
use igor_core::transport::NodeId;
use tokio::task::AbortHandle;

use crate::handoff::package::Remains;
use crate::wire::Place;

/// How long something lies there. A node tries again after seconds, its operator after a minute.
const KEPT: Duration = Duration::from_secs(120);
/// Of how many agents: as many as may come at a time.
const AGENTS_MAX: usize = 8;

/// Who sent it, and of which agent.
pub(super) type Label = (NodeId, PublicKey);

type Items = Mutex<HashMap<Label, Item>>;

struct Item {
    remains: Remains,
    _place: Place,
    expiry: AbortHandle,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.expiry.abort();
    }
}

/// Keeps it.
#[derive(Default)]
pub(super) struct Shelf(Arc<Items>);

impl Shelf {
    /// Puts something aside, if it is worth it and there is room for it in `place`, within a tokio runtime.
    pub(super) fn put(&self, label: Label, remains: Remains, mut place: Place) {
        let is_little = remains.bytes() < u64::from(CHUNK_BYTES_MAX);
        if is_little || place.resize(remains.bytes()).is_err() {
            return;
        }
        let mut items = lock(&self.0);
        items.remove(&label);
        if items.len() >= AGENTS_MAX {
            return;
        }
        let shelf = Arc::downgrade(&self.0);
        let expiry = tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            if let Some(items) = shelf.upgrade() {
                lock(&items).remove(&label);
            }
        });
        items.insert(label, Item { remains, _place: place, expiry: expiry.abort_handle() });
    }

    /// Takes it from there; nothing, if there is nothing.
    pub(super) fn take(&self, label: &Label) -> Remains {
        let item = lock(&self.0).remove(label);
        item.map(|mut item| std::mem::take(&mut item.remains)).unwrap_or_default()
    }

    /// Throws everything away.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

fn lock(items: &Items) -> MutexGuard<'_, HashMap<Label, Item>> {
    items.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use igor_core::Limits;
    use igor_core::format::{AgentKey, BillItem, Hash, Part};

    use super::*;
    use crate::handoff::package::{Inventory, Package};
    use crate::wire::Room;

    fn label(number: u8) -> Label {
        (NodeId([number; 32]), AgentKey::from_seed(&[9; 32]).public_key())
    }

    const CHUNK: u64 = 256 << 10;

    fn remains(bytes: u64) -> Remains {
        let item = BillItem { part: Part::Module, hash: Hash::ZERO, bytes: bytes + 1 };
        let inventory = Inventory::new(vec![item], &Limits::default()).expect("it is small");
        let mut package = Package::new(inventory);
        let piece = vec![1; usize::try_from(bytes).expect("it is small")];
        package.take(0, 0, &piece).expect("it was announced");
        package.into_remains()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_put_aside_is_counted_until_it_is_taken_or_too_old() {
        let (shelf, room) = (Shelf::default(), Room::new(&Limits::default()));
        let put = |number| {
            let place = room.place(label(number).0);
            shelf.put(label(number), remains(CHUNK), place);
        };
        put(1);
        put(1);
        assert_eq!(room.kept(), CHUNK);
        assert_eq!(shelf.take(&label(2)).bytes(), 0, "it is another node's");
        assert_eq!((shelf.take(&label(1)).bytes(), room.kept()), (CHUNK, 0));
        put(1);
        tokio::time::sleep(KEPT - Duration::from_secs(1)).await;
        assert_eq!(room.kept(), CHUNK);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((room.kept(), shelf.take(&label(1)).bytes()), (0, 0));
        (1..=20).for_each(put);
        assert_eq!(room.kept(), 8 * CHUNK);
        shelf.clear();
        assert_eq!(room.kept(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_little_or_finds_no_room_is_not_kept() {
        let limits = Limits { inbound_bytes_per_peer_max: 300_000, ..Limits::default() };
        let (shelf, room) = (Shelf::default(), Room::new(&limits));
        shelf.put(label(1), remains(CHUNK - 1), room.place(label(1).0));
        shelf.put(label(1), remains(300_001), room.place(label(1).0));
        assert_eq!((room.kept(), shelf.take(&label(1)).bytes()), (0, 0));
    }
}
