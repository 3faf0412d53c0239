//! Owns the engine's life: socket, model and thread up, ready line, and down at a signal.
//! Must not know requests.

use std::future::Future;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::api::{Service, router, unix_time_s};
use super::metrics::Metrics;
use super::model::{KvCache, Llama};
use super::options::{BuiltinError, BuiltinOptions};
use super::queue::Queue;
use super::worker::Worker;

/// Requests that may wait; more are refused with 503.
const MAX_WAITING: usize = 4096;

/// An engine that is up.
struct Started {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
    worker_ended: oneshot::Receiver<()>,
}

/// Runs the engine until SIGTERM or SIGINT. Blocks.
///
/// Prints one line, `ready http://127.0.0.1:PORT`, on standard output once requests are answered. The arithmetic
/// takes as many threads as `RAYON_NUM_THREADS` says: start the process with [`super::child_environment`].
///
/// # Errors
/// When an option is out of bounds, the port is taken, the model does not fit, or the model's thread ends.
pub fn serve(options: BuiltinOptions) -> Result<(), BuiltinError> {
    // One thread is enough for loopback HTTP; the rest of the machine is for the model and the load generator.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            result = run(options) => result,
        }
    });
    // Streams are cut and a step in progress is not waited for: the process is about to end.
    runtime.shutdown_background();
    result
}

async fn run(options: BuiltinOptions) -> Result<(), BuiltinError> {
    let Started { listener, address, service, worker_ended } = start(options).await?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready http://{address}")?;
    stdout.flush()?;
    drop(stdout);
    tokio::select! {
        result = answer(listener, service) => Ok(result?),
        _ = worker_ended => Err(BuiltinError::ModelThread),
    }
}

async fn start(options: BuiltinOptions) -> Result<Started, BuiltinError> {
    let config = options.model_config()?;
    let bind = |source| BuiltinError::Bind { port: options.port, source };
    // Before the model, so that a port in use is known at once.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let (seed, rows, cached) = (options.seed, options.batch, options.kv_cache);
    let build = move || -> candle_core::Result<_> {
        let cache = if cached { Some(KvCache::new(&config, rows, config.max_model_len)?) } else { None };
        Ok((Llama::new(config, seed)?, cache))
    };
    let (model, cache) = tokio::task::spawn_blocking(build).await.map_err(|_| BuiltinError::ModelThread)??;
    let metrics = Arc::new(Metrics::default());
    metrics.kv_bytes_capacity.store(cache.as_ref().map_or(0, KvCache::capacity_bytes) as u64, Relaxed);
    let queue = Queue::new(MAX_WAITING, metrics.clone());
    let (max_model_len, parameters) = (model.config().max_model_len, model.config().parameters());
    let batch_wait = Duration::from_millis(options.batch_wait_ms);
    let worker = Worker {
        model,
        cache,
        queue: queue.clone(),
        metrics: metrics.clone(),
        max_rows: rows,
        batch_wait,
        max_model_len,
    };
    let worker_ended = worker.start()?;
    let service = Service {
        queue,
        metrics,
        model: options.served_name(),
        max_model_len,
        parameters,
        seed,
        requests: AtomicU64::new(0),
        created_s: unix_time_s(),
    };
    Ok(Started { listener, address, service: Arc::new(service), worker_ended })
}

fn answer(listener: TcpListener, service: Arc<Service>) -> impl Future<Output = std::io::Result<()>> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%error, "a connection of the built-in engine keeps Nagle's delay; its chunks may arrive late");
        }
    });
    axum::serve(listener, router(service)).into_future()
}

/// An engine inside this process, for tests. Dropping it stops the engine.
pub struct Running {
    address: SocketAddr,
    queue: Arc<Queue>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.close();
        self.server.abort();
    }
}

/// Starts the engine inside this process, on the current runtime.
///
/// # Errors
/// As [`serve`].
pub async fn spawn(options: BuiltinOptions) -> Result<Running, BuiltinError> {
    let Started { listener, address, service, .. } = start(options).await?;
    let queue = service.queue.clone();
    let server = tokio::spawn(answer(listener, service));
    Ok(Running { address, queue, server })
}
