//! The control API: how other processes of the same user talk to a running node. What is said is in
//! [`wire`] and described for others in `docs/api/control.json`; what is done about it is the node's.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod refusal;
pub(crate) mod routes;
pub(crate) mod server;
pub(crate) mod wire;
