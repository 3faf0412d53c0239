//! Owns connections: how many there are, how long one may take to say what it wants, and that all end with the agent.
//! Must not know routes.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
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

/// Serves until `stopping`, then until the answers under way are given.
pub(super) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let (permits, connections) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
    loop {
        let next = async {
            // Never closed, so there is always a permit to come.
            let permit = permits.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    answer(stream, from, router, stopping).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_CONNECTION).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, from: SocketAddr, router: Router, stopping: CancellationToken) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        router.clone().oneshot(request)
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
