//! Owns requests to the API: same origin, JSON back, every error a sentence.
//! Must not know pages or what the answers mean.

use super::decode;
use serde::de::DeserializeOwned;
use shared::wire::ApiError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{FormData, Request, RequestInit, Response};

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Nobody is signed in; why, in the agent's words.
    SignedOut(ApiError),
    /// There is no such thing.
    NotFound(ApiError),
    /// Anything else.
    Other(ApiError),
}

impl Failure {
    /// The sentence and detail to show.
    pub fn error(&self) -> ApiError {
        match self {
            Failure::SignedOut(_) => sentence("You are not signed in: open the address that the agent printed.", None),
            Failure::NotFound(error) | Failure::Other(error) => error.clone(),
        }
    }
}

fn sentence(error: impl Into<String>, detail: Option<String>) -> ApiError {
    ApiError { error: error.into(), detail }
}

/// What a status and body other than success mean.
pub fn failure_of(method: &str, path: &str, status: u16, body: &str) -> Failure {
    let error = decode::json::<ApiError>(body).unwrap_or_else(|_| {
        let detail = body.chars().take(500).collect::<String>();
        sentence(
            format!("The agent answered {method} {path} with status {status}: reload the page, and look at the agent's output if it stays."),
            (!detail.is_empty()).then_some(detail),
        )
    });
    match status {
        401 => Failure::SignedOut(error),
        404 => Failure::NotFound(error),
        _ => Failure::Other(error),
    }
}

/// What is sent with a request.
#[derive(Clone, Copy)]
enum Body<'a> {
    None,
    /// Content type and text.
    Text(&'a str, &'a str),
    Form(&'a FormData),
}

/// Sends one request; the body of a success.
async fn send(method: &str, path: &str, body: Body<'_>) -> Result<String, Failure> {
    let unreachable = |e: JsValue| {
        Failure::Other(sentence(
            format!("The agent did not answer {method} {path}: check that it runs and that this machine reaches it."),
            Some(format!("{e:?}")),
        ))
    };
    let init = RequestInit::new();
    init.set_method(method);
    match body {
        Body::None => {}
        Body::Text(_, text) => init.set_body(&JsValue::from_str(text)),
        Body::Form(form) => init.set_body(form),
    }
    let request = Request::new_with_str_and_init(&crate::base::out(path), &init).map_err(unreachable)?;
    // Of a form the browser says it, with what separates its parts.
    if let Body::Text(content_type, _) = body {
        request.headers().set("content-type", content_type).map_err(unreachable)?;
    }
    let response = JsFuture::from(leptos::prelude::window().fetch_with_request(&request)).await.map_err(unreachable)?;
    let response: Response = response.unchecked_into();
    let text = JsFuture::from(response.text().map_err(unreachable)?).await.map_err(unreachable)?;
    let text = text.as_string().unwrap_or_default();
    if response.ok() { Ok(text) } else { Err(failure_of(method, path, response.status(), &text)) }
}

fn parsed<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Failure> {
    decode::json(text).map_err(|e| {
        Failure::Other(sentence(
            format!("The answer of {path} could not be read: page and agent may be of different versions, so reload the page."),
            Some(e),
        ))
    })
}

/// GET with a JSON answer.
pub async fn get<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    parsed(path, &send("GET", path, Body::None).await?)
}

/// POST of a text with its content type, JSON back.
pub async fn post<T: DeserializeOwned>(path: &str, content_type: &str, body: &str) -> Result<T, Failure> {
    parsed(path, &send("POST", path, Body::Text(content_type, body)).await?)
}

/// POST of a form, JSON back.
pub async fn post_form<T: DeserializeOwned>(path: &str, form: &FormData) -> Result<T, Failure> {
    parsed(path, &send("POST", path, Body::Form(form)).await?)
}

/// POST whose answer does not matter.
pub async fn command(path: &str, json: &str) -> Result<(), Failure> {
    send("POST", path, Body::Text("application/json", json)).await.map(drop)
}

/// PUT whose answer does not matter.
pub async fn set(path: &str, json: &str) -> Result<(), Failure> {
    send("PUT", path, Body::Text("application/json", json)).await.map(drop)
}

/// PUT of JSON, JSON back.
pub async fn put<T: DeserializeOwned>(path: &str, json: &str) -> Result<T, Failure> {
    parsed(path, &send("PUT", path, Body::Text("application/json", json)).await?)
}

/// DELETE.
pub async fn delete(path: &str) -> Result<(), Failure> {
    send("DELETE", path, Body::None).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_a_sentence() {
        let own = failure_of("GET", "/api/v1/runs/x", 404, r#"{"error":"There is no run x.","detail":"gone"}"#);
        assert_eq!(own, Failure::NotFound(sentence("There is no run x.", Some("gone".to_owned()))));
        let proxy = failure_of("GET", "/api/v1/runs", 502, "<html>").error();
        assert!(proxy.error.contains("502") && proxy.error.ends_with('.'), "{proxy:?}");
        assert_eq!(proxy.detail.as_deref(), Some("<html>"));
        let out = failure_of("GET", "/api/v1/runs", 401, r#"{"error":"It was revoked."}"#);
        assert_eq!(out, Failure::SignedOut(sentence("It was revoked.", None)));
        assert!(out.error().error.contains("not signed in"));
    }
}
