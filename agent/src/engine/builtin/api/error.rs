//! Owns the errors that clients see, in vLLM's shape.
//! Must not know why they arise.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error as vLLM sends it: `{"error":{"message","type","param","code"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiError {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'static str>,
    code: u16,
}

#[derive(Serialize)]
struct Envelope {
    error: ApiError,
}

impl ApiError {
    fn new(code: u16, kind: &'static str, param: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { message: message.into(), kind, param, code }
    }

    /// The request asks for something that cannot be.
    pub fn bad_request(param: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestError", param, message)
    }

    /// The body is no request at all.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "Bad Request", None, message)
    }

    /// The body is over the bound.
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(413, "Request Entity Too Large", None, format!("The request body is over {limit_bytes} bytes."))
    }

    /// Another model is asked for.
    pub fn unknown_model(asked: &str, served: &str) -> Self {
        let asked: String = asked.chars().take(200).collect();
        let message = format!("The model `{asked}` does not exist. Valid aliases: {served}.");
        Self::new(404, "NotFoundError", Some("model"), message)
    }

    /// The queue is full.
    pub fn busy() -> Self {
        let message = "The engine is currently busy and cannot accept new requests. Please try again later.";
        Self::new(503, "Service Unavailable", None, message)
    }

    /// The engine has stopped or failed.
    pub fn engine_dead() -> Self {
        let message = "The built-in engine encountered an issue and stopped this request. See its log for the cause.";
        Self::new(500, "InternalServerError", None, message)
    }

    /// The error as one event of a stream.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&Envelope { error: self.clone() }).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(Envelope { error: self })).into_response()
    }
}
