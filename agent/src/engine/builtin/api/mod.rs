//! Owns the engine's HTTP routes: OpenAI's two, models, health, version and metrics.
//! Must not know the model.

mod error;
mod request;
mod response;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::json;

use self::error::ApiError;
use self::request::{Limits, Route};
use self::response::{Writer, failure_events};
use super::metrics::Metrics;
use super::queue::{Queue, Refused, RowEvent, Ticket};

/// Largest request body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// What every request needs.
pub struct Service {
    /// Where requests wait for the model.
    pub queue: Arc<Queue>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// The model's name.
    pub model: String,
    /// Longest sequence in tokens.
    pub max_model_len: usize,
    /// Number of the model's parameters.
    pub parameters: usize,
    /// Seed from which requests without one get theirs.
    pub seed: u64,
    /// Requests read so far.
    pub requests: AtomicU64,
    /// Unix time of the start in seconds.
    pub created_s: u64,
}

/// The routes.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v1/completions", post(|state, body| generate(Route::Completions, state, body)))
        .route("/v1/chat/completions", post(|state, body| generate(Route::Chat, state, body)))
        .route("/v1/models", get(models))
        .route("/health", get(health))
        .route("/version", get(|| async { Json(json!({ "version": env!("CARGO_PKG_VERSION") })) }))
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({ "detail": "Not Found" }))) })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(service)
}

/// Seconds since the Unix epoch.
pub fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

async fn health(State(service): State<Arc<Service>>) -> StatusCode {
    if service.queue.is_closed() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], service.metrics.render()).into_response()
}

async fn models(State(service): State<Arc<Service>>) -> Response {
    let model = json!({
        "id": service.model,
        "object": "model",
        "created": service.created_s,
        "owned_by": "tokenprism",
        "root": service.model,
        "parent": null,
        "max_model_len": service.max_model_len,
        "parameters": service.parameters,
        "weights": "random",
        "device": "cpu",
    });
    Json(json!({ "object": "list", "data": [model] })).into_response()
}

async fn generate(
    route: Route,
    State(service): State<Arc<Service>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(MAX_BODY_BYTES),
        _ => ApiError::malformed("The request body ended early."),
    })?;
    let number = service.requests.fetch_add(1, Relaxed);
    let limits = Limits {
        model: &service.model,
        max_model_len: service.max_model_len,
        default_seed: service.seed.wrapping_add(number),
    };
    let work = request::read(route, &body, limits)?;
    let mut writer = Writer::new(route, &work, &service.model, rand::random(), unix_time_s());
    let mut ticket = service.queue.push(work.row).map_err(|refused| match refused {
        Refused::Full => ApiError::busy(),
        Refused::Stopped => ApiError::engine_dead(),
    })?;
    if work.stream {
        return Ok(stream_events(ticket, writer));
    }
    loop {
        match ticket.events.recv().await {
            Some(RowEvent::Token { token, ending }) => {
                writer.push(token);
                if let Some(ending) = ending {
                    let headers = [(header::CONTENT_TYPE, "application/json")];
                    return Ok((headers, writer.whole(ending)).into_response());
                }
            }
            Some(RowEvent::Failed) | None => return Err(ApiError::engine_dead()),
        }
    }
}

struct Streaming {
    ticket: Ticket,
    writer: Writer,
    ready: VecDeque<String>,
    ended: bool,
}

/// One HTTP chunk an event. The body owns the ticket: when the connection goes, so does the place.
fn stream_events(ticket: Ticket, writer: Writer) -> Response {
    let streaming = Streaming { ticket, writer, ready: VecDeque::new(), ended: false };
    let events = stream::unfold(streaming, |mut streaming| async move {
        if streaming.ready.is_empty() && !streaming.ended {
            match streaming.ticket.events.recv().await {
                Some(RowEvent::Token { token, ending }) => {
                    streaming.ended = ending.is_some();
                    streaming.ready.extend(streaming.writer.events(token, ending));
                }
                Some(RowEvent::Failed) | None => {
                    streaming.ended = true;
                    streaming.ready.extend(failure_events());
                }
            }
        }
        let event = streaming.ready.pop_front()?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), streaming))
    });
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(events)).into_response()
}
