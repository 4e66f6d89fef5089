//! Agents that are carried from node to node without a network: what arrives goes on exactly where it left
//! off, once, whatever happens on the way; and what must not arrive is refused by name and changes nothing.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod bounds;
mod cuts;
mod holder;
mod offers;
mod support;
mod terms;
mod travels;

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}
