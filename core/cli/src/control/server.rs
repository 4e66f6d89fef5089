//! Listens for the control API and speaks HTTP: who may connect over the unix socket, or ask over TCP, and how large
//! and how slow a request may be. What is answered is decided in [`super::routes`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::address::Address;
use super::refusal::{Code, Refusal};
use super::routes;
use super::token::Token;
use crate::node::station::Station;
use crate::problem::Problem;

/// Bytes of a request: a module at its largest, as Base64, and what goes with it.
const REQUEST_BYTES_MAX: usize = 24 << 20;
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// How many connections there may be of each kind, so that nobody from elsewhere takes the user's.
const CONNECTIONS_MAX: usize = 256;
/// How long nobody is accepted after an attempt that failed, as for want of descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// What is answered: one piece, or lines as they come.
pub(crate) type Body = Either<Full<Bytes>, Channel<Bytes>>;

/// Listens at the address, for this user only.
pub(crate) fn listen(address: &Address) -> Result<UnixListener, Problem> {
    let bound = UnixListener::bind(address.socket());
    let closed = bound.and_then(|listener| address.close_to_others().map(|()| listener));
    closed.map_err(|error| {
        Problem::new(
            format_args!("listen at {}: {error}", address.socket().display()),
            "Set XDG_RUNTIME_DIR to a folder that only you can write to.",
        )
    })
}

/// Answers whoever connects.
pub(crate) async fn serve(listener: UnixListener, station: Arc<Station>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) if is_own_user(&stream) => {
                let station = Arc::clone(&station);
                tokio::spawn(async move {
                    connection(stream, station, None).await;
                    drop(place);
                });
            }
            Ok(_) => tracing::warn!("another user tried to connect to the control socket"),
            Err(error) => {
                tracing::warn!("accept on the control socket: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Answers whoever connects over TCP and carries the token.
pub(crate) async fn serve_tcp(listener: TcpListener, station: Arc<Station>, token: Token) {
    let (places, token) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Arc::new(token));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (station, token) = (Arc::clone(&station), Arc::clone(&token));
                tokio::spawn(async move {
                    connection(stream, station, Some(token)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("accept on the control address: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whether the process at the other end is this user's.
pub(super) fn is_own_user(stream: &UnixStream) -> bool {
    let own = rustix::process::getuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
}

/// Answers one who connected; with a token, only the requests that carry it.
async fn connection<S>(stream: S, station: Arc<Station>, token: Option<Arc<Token>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _guest = Arc::clone(&station.guests);
    let service = service_fn(move |request| answer(request, Arc::clone(&station), token.clone()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(ARRIVAL).max_buf_size(HEAD_BYTES_MAX);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("a control connection ended: {error}");
    }
}

/// What is answered without reading on to who does not carry the token.
fn unauthorized() -> Response<Body> {
    let message = "the request does not carry the node's token";
    let way_out = "Give the token's file with --control-token-file.";
    let mut response = routes::refuse(&Refusal::new(Code::Unauthorized, message, way_out));
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn answer(
    request: Request<Incoming>,
    station: Arc<Station>,
    token: Option<Arc<Token>>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let shown = head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if token.is_some_and(|token| !token.is_in(shown)) {
        return Ok(unauthorized());
    }
    let arrived = tokio::time::timeout(ARRIVAL, Limited::new(body, REQUEST_BYTES_MAX).collect());
    let body = match arrived.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            let is_too_large = error.is::<http_body_util::LengthLimitError>();
            let code = if is_too_large { Code::TooLarge } else { Code::BadRequest };
            let message = format!("read the request: {error}");
            let refusal = Refusal::new(code, message, "See docs/api/control.json.");
            return Ok(routes::refuse(&refusal));
        }
        Err(_) => {
            let message = "the request took too long to arrive";
            return Ok(routes::refuse(&Refusal::new(Code::Timeout, message, "Send it at once.")));
        }
    };
    // Whoever asked may leave before the answer; what was begun is brought to its end.
    let answered = tokio::spawn(async move { routes::answer(&station, &head, &body).await }).await;
    Ok(answered.unwrap_or_else(|error| {
        routes::refuse(&Refusal::new(Code::Refused, error, "This is a defect of igor."))
    }))
}
