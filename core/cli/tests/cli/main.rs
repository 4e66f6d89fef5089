//! The `igor` program as its users meet it: started as a process, judged by what it prints, by its
//! exit code and by what it leaves on disk. What an agent computes is tested elsewhere.

#![expect(clippy::indexing_slicing, reason = "a field that is missing fails the test")]

mod account;
mod audit;
mod basics;
mod config;
mod crash;
mod disks;
mod divergence;
mod doctor;
mod ends;
mod export;
mod fund;
mod gc;
mod handovers;
mod inheriting;
mod inspect;
mod lease;
mod moving;
mod moving_kills;
mod moving_rounds;
mod network;
mod node;
mod nodes;
mod original;
mod ownership;
mod prove;
mod recover;
mod refusals;
mod remote;
mod resume;
mod run;
mod simulate;
mod support;
mod terminal;
mod verify;
