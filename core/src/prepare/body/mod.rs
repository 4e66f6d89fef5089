//! One function body: a single walk over its operators, side by side with the validator, that
//! decides what is to be inserted where. `weave` then writes the new body. The analyses know nothing
//! of each other: `blocks` of gas, `nan` of canonical floats; `fresh` and `floats` save time, the one
//! reads of the counter, the other spills of registers.

mod blocks;
mod floats;
mod fresh;
mod nan;
mod plan;
mod walk;
mod weave;

pub(super) use plan::{Frame, Plan};
pub(super) use walk::walk;
pub(super) use weave::{Woven, weave};
