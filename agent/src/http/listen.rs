//! Owns connections: how many there are, how long one may take to say what it wants, and that all end with the agent.
//! Must not know routes.

use super::edge::{BasePath, Door};
use super::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once; who comes then waits until one ends. Each is a file descriptor that load and engines may need.
const MAX_CONNECTIONS: usize = 1024;
/// How long the head of a request may take to arrive, from the opening of a connection or the request before it: whoever
/// sends it a byte at a time does not keep the connection.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two attempts where the system gives no connection, most often for want of file descriptors.
const NO_CONNECTION: Duration = Duration::from_millis(200);

/// Serves at every door until `stopping`, then until the answers under way are given.
pub(super) async fn serve(doors: Vec<Door>, router: Router, base: BasePath, stopping: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let serving = doors.into_iter().map(|door| {
        let house = House { router: router.clone(), base: base.clone(), stopping: stopping.clone() };
        at(door, house, Arc::clone(&permits))
    });
    join_all(serving).await;
}

/// What every connection gets.
#[derive(Clone)]
struct House {
    router: Router,
    base: BasePath,
    stopping: CancellationToken,
}

/// Serves at one door.
async fn at(Door { listener, tls }: Door, house: House, permits: Arc<Semaphore>) {
    let connections = TaskTracker::new();
    let accepting = accept(&listener, tls.as_ref(), &house, &permits, &connections);
    match &tls {
        Some(tls) => {
            tokio::select! {
                () = accepting => {}
                () = tls.follow() => {}
            }
        }
        None => accepting.await,
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Takes connections until the agent ends.
async fn accept(
    listener: &TcpListener,
    tls: Option<&Tls>,
    house: &House,
    permits: &Arc<Semaphore>,
    connections: &TaskTracker,
) {
    loop {
        let next = async {
            // Never closed, so there is always a permit to come.
            let permit = Arc::clone(permits).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = house.stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let (house, acceptor) = (house.clone(), tls.map(Tls::acceptor));
                connections.spawn(async move {
                    match acceptor {
                        Some(acceptor) => encrypted(acceptor, stream, from, house).await,
                        None => answer(stream, from, false, house).await,
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_CONNECTION).await;
            }
        }
    }
}

/// Answers the requests of one connection once it is encrypted.
async fn encrypted(acceptor: TlsAcceptor, stream: TcpStream, from: SocketAddr, house: House) {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)) => shaken,
        () = house.stopping.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => answer(stream, from, true, house).await,
        Ok(Err(error)) => tracing::debug!(%error, "a connection was not encrypted"),
        Err(_) => tracing::debug!("a connection was not encrypted in time"),
    }
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    is_encrypted: bool,
    House { router, base, stopping }: House,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        let (router, base) = (router.clone(), base.clone());
        async move {
            let mut response = match base.enter(&mut request) {
                Ok(()) => router.oneshot(request).await?,
                Err(response) => *response,
            };
            base.leave(response.headers_mut(), is_encrypted);
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
