//! How a node reads and writes streams to others: over the transport within one process, against ends that
//! send any bytes at any time. The time is tokio's and runs by itself when nothing else does, so an hour
//! takes no time and a limit is hit exactly. The transports themselves are judged elsewhere.

mod frames;
mod made_up;
mod objects;
mod parts;
mod questions;
mod room;
mod slow;
mod support;
