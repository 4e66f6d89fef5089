//! The control API: how others talk to a running node: processes of the same user over a socket, and whoever has
//! the token over TCP, if that is switched on. What is said is in [`wire`] and described for others in
//! `docs/api/control.json`; what is done about it is the node's.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod refusal;
pub(crate) mod routes;
pub(crate) mod server;
pub(crate) mod tcp;
pub(crate) mod token;
pub(crate) mod wire;
