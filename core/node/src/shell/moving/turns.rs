//! Whose turn it is: to one node only so many agents are sent at a time, as a node takes no more of one other; the
//! next ones wait here and tick on. It sends nothing, and knows of no agent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use igor_core::transport::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Gives turns, in the order in which they are asked for.
pub(super) struct Turns {
    max: usize,
    nodes: Mutex<HashMap<NodeId, Weak<Semaphore>>>,
}

/// The right to send one agent to a node. It ends when this is dropped.
pub(super) struct Turn {
    /// Given back first, so that who waits goes on with the same semaphore.
    _permit: Option<OwnedSemaphorePermit>,
    _of_node: Arc<Semaphore>,
}

impl Turns {
    /// So many at a time for each node.
    pub(super) fn new(max: usize) -> Self {
        Self { max, nodes: Mutex::default() }
    }

    /// Waits for a turn to send to `node`.
    pub(super) async fn take(&self, node: NodeId) -> Turn {
        let of_node = self.of(node);
        // Nobody closes it: there is always a permit, at some time.
        let permit = Arc::clone(&of_node).acquire_owned().await.ok();
        Turn { _permit: permit, _of_node: of_node }
    }

    fn of(&self, node: NodeId) -> Arc<Semaphore> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = nodes.get(&node).and_then(Weak::upgrade) {
            return known;
        }
        nodes.retain(|_, of_node| of_node.strong_count() > 0);
        let of_node = Arc::new(Semaphore::new(self.max));
        nodes.insert(node, Arc::downgrade(&of_node));
        of_node
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const ONE: NodeId = NodeId([1; 32]);
    const OTHER: NodeId = NodeId([2; 32]);

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn at_once(turns: &Turns, node: NodeId) -> Option<Turn> {
        match poll(pin!(turns.take(node))) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn so_many_go_to_a_node_at_a_time_and_the_next_in_their_order() {
        let turns = Turns::new(2);
        let first = at_once(&turns, ONE).expect("nobody is before it");
        let _second = at_once(&turns, ONE).expect("there is room for two");
        let mut third = pin!(turns.take(ONE));
        let mut fourth = pin!(turns.take(ONE));
        assert!(poll(third.as_mut()).is_pending() && poll(fourth.as_mut()).is_pending());
        assert!(at_once(&turns, OTHER).is_some(), "another node is another matter");
        drop(first);
        assert!(poll(fourth.as_mut()).is_pending(), "it asked later");
        assert!(poll(third.as_mut()).is_ready());
    }

    #[test]
    fn who_does_not_wait_any_more_is_passed_over_and_nodes_are_forgotten() {
        let turns = Turns::new(1);
        let held = at_once(&turns, ONE);
        assert!(at_once(&turns, ONE).is_none(), "and it went away");
        drop(held);
        assert!(at_once(&turns, ONE).is_some());
        assert!(at_once(&turns, OTHER).is_some());
        assert_eq!(turns.nodes.lock().expect("unharmed").len(), 1);
    }
}
