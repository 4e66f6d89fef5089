//! Agents that come and go, under tokio: one task decides, by [`Handoffs`](crate::handoff::Handoffs), and one
//! for each conversation with another node carries parts and messages. What a conversation cannot bring to its
//! end is asked again by the task that decides; what was decided is durable before anybody hears of it.

mod arriving;
mod desk;
mod dialer;
mod inheriting;
mod leaving;
mod listening;
mod premises;
mod shelf;
mod taking;
mod talk;
mod turns;

pub use desk::{Departed, MoveError, Moves, Outcome};
pub use dialer::{Dialer, Line};
pub use leaving::prewarm;
pub use listening::{Door, listen};
pub use premises::{Premises, Stay};
