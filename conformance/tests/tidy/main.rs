//! Tests of the repository itself: who may depend on whom, what a crate's source must not mention, and
//! that documents, plugins and suites are complete. They read files and the workspace's metadata; they
//! run none of the product.

mod behaviours;
mod counterparts;
mod dependencies;
mod documents;
mod lessons;
mod plugins;
mod sources;
mod tree;
