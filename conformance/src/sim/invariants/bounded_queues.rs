//! Nothing that waits at a node grows without bound.

use super::Invariant;
use crate::sim::oracle::{Fact, View};

/// More than ever waits for a good reason.
const WAITING_MAX: usize = 64;

pub(super) struct BoundedQueues;

impl Invariant for BoundedQueues {
    fn name(&self) -> &'static str {
        "bounded_queues"
    }

    fn see(&mut self, _: &View, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Waiting(node, what, count) if *count > WAITING_MAX => {
                Err(format!("{count} {what} wait at node {node}"))
            }
            _ => Ok(()),
        }
    }
}
