//! The `igor` program as its users meet it: started as a process, judged by what it prints, by its
//! exit code and by what it leaves on disk. What an agent computes is tested elsewhere.

mod basics;
mod config;
mod inspect;
mod support;
mod verify;
