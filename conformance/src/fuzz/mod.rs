//! What is tried on random input: each module holds one property as a plain function of bytes, so that
//! a seeded test runs it within seconds and a fuzz target, which is two lines around it, for days. They
//! do not choose the input, and report the first violation.

pub mod differential;
pub mod handoff;
pub mod journal;
pub mod module;
pub mod preparation;
pub mod wire_frame;
pub mod wire_message;
