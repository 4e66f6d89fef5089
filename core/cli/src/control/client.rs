//! Talks to a running node from a command: finds it by its directory, asks, and turns a refusal into
//! what the command line says. It knows nothing of what is asked.

use std::fmt;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use igor_core::format::AgentId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::address;
use super::server::is_own_user;
use super::wire::{Failure, LogLine};
use crate::output::Reader;
use crate::problem::Problem;

/// A node that runs on a directory.
pub(crate) struct Client {
    dir: PathBuf,
    socket: PathBuf,
}

impl Client {
    /// The node that runs on `dir`, if there is one.
    pub(crate) fn find(dir: &Path) -> Option<Self> {
        let socket = address::noted(dir)?;
        // A node that was killed leaves its note behind.
        std::os::unix::net::UnixStream::connect(&socket).ok()?;
        Some(Self { dir: dir.to_owned(), socket })
    }

    /// The node that runs on `dir`, which must be there.
    pub(crate) fn of(dir: &Path) -> Result<Self, Problem> {
        Self::find(dir).ok_or_else(|| no_node(dir))
    }

    /// Asks for something and reads the answer.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Problem> {
        let body = match body {
            None => Vec::new(),
            Some(body) => serde_json::to_vec(body).map_err(|error| self.failed(error))?,
        };
        self.wait_for(async {
            let response = self.send(method, path, body).await?;
            let is_done = response.status().is_success();
            let collected = response.into_body().collect().await;
            let bytes = collected.map_err(|error| self.failed(error))?.to_bytes();
            if is_done {
                return serde_json::from_slice(&bytes).map_err(|error| self.failed(error));
            }
            match serde_json::from_slice(&bytes) {
                Ok(Failure { error }) => Err(error.into()),
                Err(error) => Err(self.failed(error)),
            }
        })
    }

    /// Asks for lines and hands each on as it comes, until there are no more or nobody reads them.
    pub(crate) fn follow(
        &self,
        path: &str,
        mut sink: impl FnMut(&LogLine) -> Result<Reader, Problem>,
    ) -> Result<(), Problem> {
        self.wait_for(async {
            let response = self.send(Method::GET, path, Vec::new()).await?;
            let is_done = response.status().is_success();
            let (mut body, mut pending) = (response.into_body(), Vec::new());
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { break };
                pending.extend(frame.into_data().unwrap_or_default());
                while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = pending.drain(..=end).collect();
                    let line = serde_json::from_slice(&line).map_err(|error| self.failed(error))?;
                    if sink(&line)? == Reader::Gone {
                        return Ok(());
                    }
                }
            }
            match serde_json::from_slice(&pending) {
                Ok(Failure { error }) if !is_done => Err(error.into()),
                _ => Ok(()),
            }
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, Problem> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|_| no_node(&self.dir))?;
        if !is_own_user(&stream) {
            return Err(self.failed("another user's process listens there"));
        }
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|error| self.failed(error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "igor")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.failed(error))?;
        sender.send_request(request).await.map_err(|error| self.failed(error))
    }

    fn wait_for<T>(&self, body: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_io().build().map_err(|error| self.failed(error))?;
        runtime.block_on(body)
    }

    fn failed(&self, error: impl fmt::Display) -> Problem {
        Problem::new(
            format_args!("talk to the node on {}: {error}", self.dir.display()),
            "See what `igor node` printed, and start it again if it is gone.",
        )
    }
}

fn no_node(dir: &Path) -> Problem {
    let dir = dir.display();
    Problem::new(
        format_args!("no node runs on {dir}"),
        format!("Start one with `igor node --checkpoint-dir {dir}`."),
    )
}

/// The path of what concerns one agent.
pub(crate) fn path_of(agent: &AgentId, rest: &str) -> String {
    let mut path = "/v1/agents/".to_owned();
    for byte in agent.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte));
            }
            other => path.push_str(&format!("%{other:02X}")),
        }
    }
    path.push_str(rest);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_paths() {
        let agent = "a b%ä.c".parse().expect("an agent id");
        assert_eq!(path_of(&agent, "/stop"), "/v1/agents/a%20b%25%C3%A4.c/stop");
    }
}
