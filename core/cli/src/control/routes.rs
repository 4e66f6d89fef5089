//! The routes of the control API: which request asks for what, and how what comes of it is said. The
//! list of them is tested against `docs/api/control.json`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use igor_core::Limits;
use igor_core::clock::Entropy;
use igor_core::format::{AgentId, FundId, Microcents};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::refusal::{Code, Refusal};
use super::server::Body;
use super::wire;
use crate::agent;
use crate::node::log::LINES_MAX;
use crate::node::station::{Starting, Station};
use crate::passphrase::Passphrase;

/// How many lines are given unless asked otherwise.
const LINES: usize = 100;
/// How many pieces of lines may wait for who follows an agent.
const PIECES_WAITING: usize = 16;

/// A request: what is asked for, of which agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Health,
    List,
    Start,
    Status,
    Remove,
    Stop,
    Pause,
    Unpause,
    Fund,
    Logs,
    Migrate,
    Peers,
    Prices,
    Export,
    Import,
}

/// Every route: its method and path.
const ROUTES: [(&str, &str, Route); 15] = [
    ("GET", "/v1/health", Route::Health),
    ("GET", "/v1/agents", Route::List),
    ("POST", "/v1/agents", Route::Start),
    ("GET", "/v1/agents/{agent_id}", Route::Status),
    ("DELETE", "/v1/agents/{agent_id}", Route::Remove),
    ("POST", "/v1/agents/{agent_id}/stop", Route::Stop),
    ("POST", "/v1/agents/{agent_id}/pause", Route::Pause),
    ("POST", "/v1/agents/{agent_id}/unpause", Route::Unpause),
    ("POST", "/v1/agents/{agent_id}/fund", Route::Fund),
    ("GET", "/v1/agents/{agent_id}/logs", Route::Logs),
    ("POST", "/v1/agents/{agent_id}/migrate", Route::Migrate),
    ("GET", "/v1/peers", Route::Peers),
    ("POST", "/v1/prices", Route::Prices),
    ("POST", "/v1/agents/{agent_id}/export", Route::Export),
    ("POST", "/v1/imports", Route::Import),
];

/// Answers a request.
pub(crate) async fn answer(station: &Arc<Station>, head: &Parts, body: &[u8]) -> Response<Body> {
    let answered = match find(&head.method, head.uri.path()) {
        Ok((route, agent)) => {
            let query = head.uri.query().unwrap_or_default();
            perform(station, route, agent, query, body).await
        }
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| refuse(&refusal))
}

/// What is answered to a request that is refused.
pub(crate) fn refuse(refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.code.status());
    json(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &refusal.body())
}

fn find(method: &Method, path: &str) -> Result<(Route, Option<AgentId>), Refusal> {
    let mut has_path = false;
    for (named, pattern, route) in ROUTES {
        let Some(name) = matched(pattern, path) else { continue };
        has_path = true;
        if method.as_str() != named {
            continue;
        }
        let agent = name.map(|name| {
            let name = unescape(name);
            name.parse().map_err(|error| {
                Refusal::new(Code::BadRequest, format_args!("agent {name:?}: {error}"), "")
            })
        });
        return Ok((route, agent.transpose()?));
    }
    let (code, what) = if has_path {
        (Code::NoMethod, "knows no such method")
    } else {
        (Code::NoRoute, "is no route")
    };
    Err(Refusal::new(code, format_args!("{method} {path}: {what}"), "See docs/api/control.json."))
}

/// What stands for the agent in a path of this pattern; nothing in the inner if there is none.
fn matched<'a>(pattern: &str, path: &'a str) -> Option<Option<&'a str>> {
    let Some((before, after)) = pattern.split_once("{agent_id}") else {
        return (pattern == path).then_some(None);
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(Some(name))
}

async fn perform(
    station: &Arc<Station>,
    route: Route,
    agent: Option<AgentId>,
    query: &str,
    body: &[u8],
) -> Result<Response<Body>, Refusal> {
    let Some(agent) = agent else {
        return match route {
            Route::Health => Ok(json(StatusCode::OK, &health(station))),
            Route::Start => {
                let starting = starting(parse(body)?)?;
                Ok(json(StatusCode::CREATED, &station.start(starting).await?))
            }
            Route::Peers => Ok(json(StatusCode::OK, &station.peers()?)),
            Route::Prices => {
                let wire::AskPrices { addresses } = parse(body)?;
                Ok(json(StatusCode::OK, &station.prices(&addresses).await))
            }
            Route::Import => {
                let wire::Import { file, passphrase } = parse(body)?;
                let (file, secret) = (file.into(), secret(passphrase)?);
                Ok(json(StatusCode::OK, &station.import(file, secret).await?))
            }
            _ => Ok(json(StatusCode::OK, &wire::Listing { agents: station.known.all() })),
        };
    };
    let said = |status: &wire::Status| json(StatusCode::OK, status);
    Ok(match route {
        Route::Stop => {
            let wire::Stop { now } = parse(body)?;
            said(&station.stop(&agent, now).await?)
        }
        Route::Pause => said(&station.pause(&agent, true).await?),
        Route::Unpause => said(&station.pause(&agent, false).await?),
        Route::Fund => {
            let wire::Fund { amount } = parse(body)?;
            json(StatusCode::OK, &station.fund(&agent, amount_of(amount)?, new_id(station)?).await?)
        }
        Route::Remove => {
            let with_history = is_asked(query, "history");
            json(StatusCode::OK, &station.remove(&agent, with_history).await?)
        }
        Route::Logs => logs(station, agent, query)?,
        Route::Migrate => {
            let wire::Migrate { to, prewarm } = parse(body)?;
            json(StatusCode::OK, &station.migrate(&agent, to, prewarm).await?)
        }
        Route::Export => {
            let wire::Export { file, passphrase } = parse(body)?;
            let (file, secret) = (file.into(), secret(passphrase)?);
            json(StatusCode::OK, &station.export(agent, file, secret).await?)
        }
        _ => said(&station.status(&agent).await?),
    })
}

fn health(station: &Station) -> wire::Health {
    let agents = station.known.all();
    let runs = |status: &&wire::Status| status.state != wire::State::Stopped;
    wire::Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        directory: station.dir.display().to_string(),
        running: agents.iter().filter(runs).count(),
        agents: agents.len(),
    }
}

fn starting(start: wire::Start) -> Result<Starting, Refusal> {
    let bad = |what: &str| Refusal::new(Code::BadRequest, what, "See docs/api/control.json.");
    let agent: AgentId = start
        .agent_id
        .parse()
        .map_err(|error| bad(&format!("agent {:?}: {error}", start.agent_id)))?;
    let mut manifest = start.manifest.map(String::into_bytes);
    let module = match start.module {
        None => None,
        Some(wire::Module::Base64(text)) => {
            let bytes = STANDARD.decode(text).map_err(|error| bad(&format!("module: {error}")))?;
            let max = usize::try_from(Limits::CEILING.module_bytes_max).unwrap_or(usize::MAX);
            if bytes.len() > max {
                let message = format!("the module has {} bytes, at most {max}", bytes.len());
                return Err(Refusal::new(Code::TooLarge, message, "Give a smaller one."));
            }
            Some(bytes)
        }
        Some(wire::Module::Path(path)) => {
            let path = std::path::PathBuf::from(path);
            let refused = |problem| Refusal::of(Code::CannotStart, &problem);
            let bytes = agent::module(&path).map_err(refused)?;
            if manifest.is_none() {
                manifest = agent::manifest(None, &path).map_err(refused)?;
            }
            Some(bytes)
        }
    };
    let budget = start.budget.map(amount_of).transpose()?;
    Ok(Starting { agent, module, manifest, budget, meter: start.meter })
}

/// The last lines, or these and all that follow until nobody reads them.
fn logs(station: &Arc<Station>, agent: AgentId, query: &str) -> Result<Response<Body>, Refusal> {
    let lines = match value(query, "lines") {
        None => LINES,
        Some(text) => text.parse().map_err(|_| {
            let message = format!("{text:?} is no number of lines");
            Refusal::new(Code::BadRequest, message, format!("Ask for up to {LINES_MAX}."))
        })?,
    };
    let first = station.known.last_lines(&agent, lines.min(LINES_MAX))?;
    if !is_asked(query, "follow") {
        let lines = station.known.lines_since(&agent, first).unwrap_or_default();
        return Ok(json(StatusCode::OK, &wire::Logs { agent_id: agent.to_string(), lines }));
    }
    let (sender, body) = Channel::new(PIECES_WAITING);
    tokio::spawn(follow(Arc::clone(station), agent, first, sender));
    Ok(response(StatusCode::OK, "application/x-ndjson", Either::Right(body)))
}

async fn follow(station: Arc<Station>, agent: AgentId, mut next: u64, mut sender: Sender<Bytes>) {
    let Ok(mut changes) = station.known.watch(&agent) else { return };
    loop {
        changes.mark_unchanged();
        let Some(lines) = station.known.lines_since(&agent, next) else { return };
        let mut piece = Vec::new();
        for line in &lines {
            next = line.seq.saturating_add(1);
            piece.extend(serde_json::to_vec(line).unwrap_or_default());
            piece.push(b'\n');
        }
        if !piece.is_empty() && sender.send_data(Bytes::from(piece)).await.is_err() {
            return;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Refusal::new(
            Code::BadRequest,
            format_args!("read the request: {error}"),
            "See docs/api/control.json.",
        )
    })
}

fn secret(base64: Option<String>) -> Result<Option<Passphrase>, Refusal> {
    let read = |text| match STANDARD.decode(&*Zeroizing::new(text)).map(Zeroizing::new) {
        Ok(secret) if !secret.is_empty() => Ok(secret),
        Ok(_) => Err(Refusal::new(Code::BadRequest, "the passphrase is empty", "Give one.")),
        Err(error) => {
            let message = format!("passphrase: {error}");
            Err(Refusal::new(Code::BadRequest, message, "See docs/api/control.json."))
        }
    };
    base64.map(read).transpose()
}

fn amount_of(microcents: i64) -> Result<Microcents, Refusal> {
    Microcents::new(microcents).map_err(|error| Refusal::new(Code::BadRequest, error, ""))
}

fn new_id(station: &Station) -> Result<FundId, Refusal> {
    let mut id = [0; 16];
    let entropy: &dyn Entropy = &*station.assembly.node.entropy;
    entropy.fill(&mut id).map_err(|error| {
        Refusal::new(Code::Refused, error, "Without randomness no record can be named.")
    })?;
    Ok(FundId::from_bytes(id))
}

fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn is_asked(query: &str, name: &str) -> bool {
    value(query, name) == Some("true")
}

/// A part of a path without its percent signs; what is no escape stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    response(status, "application/json", Either::Left(Full::new(Bytes::from(bytes))))
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let value = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::refusal::tests::CODES;

    #[test]
    fn each_request_has_one_route() {
        let check = |method: Method, path: &str, expected: Result<(Route, &str), Code>| {
            let found = find(&method, path).map_err(|refusal| refusal.code);
            let expected = expected.map(|(route, agent)| (route, agent.parse().ok()));
            assert_eq!(found, expected, "{method} {path}");
        };
        check(Method::GET, "/v1/health", Ok((Route::Health, "")));
        check(Method::POST, "/v1/agents", Ok((Route::Start, "")));
        check(Method::GET, "/v1/agents/a.b", Ok((Route::Status, "a.b")));
        check(Method::GET, "/v1/agents/a%2Eb", Ok((Route::Status, "a.b")));
        check(Method::POST, "/v1/agents/a/stop", Ok((Route::Stop, "a")));
        check(Method::GET, "/v1/agents/a/logs", Ok((Route::Logs, "a")));
        check(Method::GET, "/v1/agents/a/stop", Err(Code::NoMethod));
        check(Method::PUT, "/v1/agents", Err(Code::NoMethod));
        check(Method::GET, "/v1/agents/a/b/stop", Err(Code::NoRoute));
        check(Method::GET, "/v1/agents/", Err(Code::NoRoute));
        check(Method::GET, "/", Err(Code::NoRoute));
        check(Method::GET, "/v1/agents/%2e%2e%2fx", Err(Code::BadRequest));
    }

    #[test]
    fn the_description_names_every_route_and_every_code() {
        let text = include_str!("../../../../docs/api/control.json");
        let document: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
        let mut described = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            let methods = methods.as_object().expect("methods").keys();
            let methods = methods.filter(|name| *name != "parameters");
            described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let mut routes = ROUTES.map(|(method, path, _)| (method.to_owned(), path.to_owned()));
        described.sort();
        routes.sort();
        assert_eq!(described, routes);
        let codes = &document["components"]["schemas"]["Failure"]["properties"]["error"]["properties"]
            ["code"]["enum"];
        let codes: Vec<_> = codes.as_array().expect("a list").iter().collect();
        assert_eq!(codes, CODES.map(Code::word));
    }
}
