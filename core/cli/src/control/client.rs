//! Talks to a running node from a command: finds it by its directory or at its address, asks, and turns a refusal into
//! what the command line says. It knows nothing of what is asked.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use igor_core::format::AgentId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::address;
use super::server::is_own_user;
use super::token::Token;
use super::wire::{Failure, LogLine};
use crate::args::ControlArgs;
use crate::output::Reader;
use crate::problem::Problem;

/// How long a node at an address may take to be reached.
const REACHED: Duration = Duration::from_secs(10);

/// A running node.
pub(crate) struct Client {
    way: Way,
    /// Which node it is, as in `on checkpoints`.
    place: String,
    /// How to start it.
    way_out: String,
}

/// How it is reached.
enum Way {
    Socket(PathBuf),
    Address(SocketAddr, Token),
}

impl Client {
    /// The node at the address that is given, or else the one that runs on `dir`, or else the process that runs
    /// `agent` there by itself, if there is one.
    pub(crate) fn choose(
        args: &ControlArgs,
        dir: &Path,
        agent: Option<&AgentId>,
    ) -> Result<Option<Self>, Problem> {
        let Some(address) = args.control else { return Ok(Self::find(dir, agent)) };
        let file = args.control_token_file.clone().unwrap_or_else(|| Token::file(dir));
        let token = Token::read(&file)?;
        Ok(Some(Self {
            way: Way::Address(address, token),
            place: format!("at {address}"),
            way_out: format!("Start one with `igor node --control-listen {address}`."),
        }))
    }

    /// The same; there must be one.
    pub(crate) fn of(
        args: &ControlArgs,
        dir: &Path,
        agent: Option<&AgentId>,
    ) -> Result<Self, Problem> {
        let place = format!("on {}", dir.display());
        Self::choose(args, dir, agent)?.ok_or_else(|| no_node(&place, &way_out(dir)))
    }

    /// The node that runs on `dir`, or the process that runs `agent` there by itself, if there is one.
    pub(crate) fn find(dir: &Path, agent: Option<&AgentId>) -> Option<Self> {
        let of = |agent| {
            let socket = address::noted(dir, agent)?;
            // Who was killed leaves its note behind.
            std::os::unix::net::UnixStream::connect(&socket).ok()?;
            let place = format!("on {}", dir.display());
            Some(Self { way: Way::Socket(socket), place, way_out: way_out(dir) })
        };
        of(None).or_else(|| of(Some(agent?)))
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
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "igor")
            .header("content-type", "application/json");
        let no_node = || no_node(&self.place, &self.way_out);
        let body = Full::new(Bytes::from(body));
        match &self.way {
            Way::Socket(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(|_| no_node())?;
                if !is_own_user(&stream) {
                    return Err(self.failed("another user's process listens there"));
                }
                self.exchange(stream, request.body(body)).await
            }
            Way::Address(address, token) => {
                let reached = tokio::time::timeout(REACHED, TcpStream::connect(address)).await;
                let stream = reached.map_err(|_| no_node())?.map_err(|_| no_node())?;
                let request = request.header("authorization", token.header().as_str());
                self.exchange(stream, request.body(body)).await
            }
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        request: hyper::http::Result<Request<Full<Bytes>>>,
    ) -> Result<Response<Incoming>, Problem>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = request.map_err(|error| self.failed(error))?;
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|error| self.failed(error))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| self.failed(error))
    }

    fn wait_for<T>(&self, body: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().map_err(|error| self.failed(error))?;
        runtime.block_on(body)
    }

    fn failed(&self, error: impl fmt::Display) -> Problem {
        Problem::new(
            format_args!("talk to the node {}: {error}", self.place),
            "See what `igor node` printed, and start it again if it is gone.",
        )
    }
}

fn no_node(place: &str, way_out: &str) -> Problem {
    Problem::new(format_args!("no node runs {place}"), way_out)
}

fn way_out(dir: &Path) -> String {
    format!("Start one with `igor node --checkpoint-dir {}`.", dir.display())
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
