//! Owns the routes that mark runs and studies, delete several at once, and bring back what was deleted.
//! Must not know how marks are kept, nor how runs are executed.

use super::audit::Object;
use super::error::Refusal;
use super::guard::{BoundedText, json};
use super::{App, shape, studies};
use crate::note;
use crate::people::Principal;
use crate::shelf::Change;
use axum::extract::{self, Path};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde::Deserialize;
use shared::history::{BinRow, Facets, MAX_NOTE_BYTES, Marked, Note};
use shared::people::{Side, Who};
use utoipa::ToSchema;

/// Rows of the bin that one answer has at most.
const MAX_BIN: usize = 1_000;
/// Ids that the audit log names of one request.
const MAX_NAMED: usize = 8;

/// Does something to runs and studies; for the audit log, what was done to which.
async fn change(app: &App, by: &Who, items: Vec<Side>, change: &Change) -> Result<impl IntoResponse + use<>, Refusal> {
    let done = change.apply(&app.state.log, items, by).await?;
    let named: Vec<String> = done.done.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = done.done.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let object = Object(format!("{}: {}{more}", change.words(), named.join(", ")));
    Ok((Extension(object), Json(done)))
}

/// Tags that come and go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedTags {
    /// Runs and studies by their ids, 1 to 200.
    #[schema(value_type = Vec<String>)]
    items: Vec<Side>,
    /// Tags that come: 1 to 32 letters, digits and `-_.:/+`; kept in lower case.
    #[serde(default)]
    add: Vec<String>,
    /// Tags that go; one that also comes goes.
    #[serde(default)]
    remove: Vec<String>,
}

/// Tags runs and studies.
#[utoipa::path(post, path = "/api/v1/history/tags", tag = "history", request_body = WantedTags, responses(
    (status = 200, description = "What became of each", body = shape::Done),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 422, description = "What cannot be a tag, or too many; the sentence says why", body = shape::ApiError)))]
pub(super) async fn tag(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let wanted: WantedTags = json(&body, "{\"items\": [\"r…\"], \"add\": [\"nightly\"]}")?;
    let tags = Change::of_tags(wanted.add, wanted.remove)?;
    change(&app, &principal.who, wanted.items, &tags).await
}

/// What is pinned, or no longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPin {
    /// Runs and studies by their ids, 1 to 200.
    #[schema(value_type = Vec<String>)]
    items: Vec<Side>,
    /// True pins, false unpins.
    pinned: bool,
}

/// Pins runs and studies as baselines, or no longer.
#[utoipa::path(post, path = "/api/v1/history/pins", tag = "history", request_body = WantedPin, responses(
    (status = 200, description = "What became of each", body = shape::Done),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 422, description = "A body that cannot be read", body = shape::ApiError)))]
pub(super) async fn pin(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let wanted: WantedPin = json(&body, "{\"items\": [\"r…\"], \"pinned\": true}")?;
    change(&app, &principal.who, wanted.items, &Change::Pin(wanted.pinned)).await
}

/// Runs and studies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedItems {
    /// Their ids, 1 to 200.
    #[schema(value_type = Vec<String>)]
    items: Vec<Side>,
}

/// Deletes runs and studies that have ended: they lie in the bin, from which they can come back. A study's runs stay.
#[utoipa::path(post, path = "/api/v1/history/delete", tag = "history", request_body = WantedItems, responses(
    (status = 200, description = "What became of each", body = shape::Done),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 422, description = "A body that cannot be read", body = shape::ApiError)))]
pub(super) async fn delete(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let wanted: WantedItems = json(&body, "{\"items\": [\"r…\"]}")?;
    change(&app, &principal.who, wanted.items, &Change::Delete).await
}

/// Brings runs and studies back out of the bin, with their tags and notes.
#[utoipa::path(post, path = "/api/v1/history/undelete", tag = "history", request_body = WantedItems, responses(
    (status = 200, description = "What became of each", body = shape::Done),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 422, description = "A body that cannot be read", body = shape::ApiError)))]
pub(super) async fn undelete(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let wanted: WantedItems = json(&body, "{\"items\": [\"r…\"]}")?;
    change(&app, &principal.who, wanted.items, &Change::Undelete).await
}

/// The values that runs in the list have, by what can be filtered, each with how many have it.
#[utoipa::path(get, path = "/api/v1/history/facets", tag = "history", responses(
    (status = 200, description = "Values over all runs, the most frequent first", body = shape::Facets)))]
pub(super) async fn facets(extract::State(app): extract::State<App>) -> Result<Json<Facets>, Refusal> {
    Ok(Json(app.state.log.facets().await?))
}

/// What lies in the bin, what was deleted last first.
#[utoipa::path(get, path = "/api/v1/history/bin", tag = "history", responses(
    (status = 200, description = "Runs and studies that can come back, at most 1,000", body = [shape::BinRow])))]
pub(super) async fn bin(extract::State(app): extract::State<App>) -> Result<Json<Vec<BinRow>>, Refusal> {
    Ok(Json(app.state.log.bin(MAX_BIN).await?))
}

/// The run or study that a path names.
fn item(text: String) -> Result<Side, Refusal> {
    Side::try_from(text).map_err(|error| Refusal::bad_request(format!("{error}.")))
}

/// What people put on a run or study: tags, pin, and its note.
#[utoipa::path(get, path = "/api/v1/history/items/{item}", tag = "history",
    params(("item" = String, Path, description = "Id of a run or study")), responses(
    (status = 200, description = "Its marks; an empty note where there is none", body = shape::Marked),
    (status = 400, description = "Not an id", body = shape::ApiError),
    (status = 404, description = "No such run or study", body = shape::ApiError)))]
pub(super) async fn read(
    extract::State(app): extract::State<App>,
    Path(of): Path<String>,
) -> Result<Json<Marked>, Refusal> {
    marked(&app, item(of)?).await.map(Json)
}

async fn marked(app: &App, item: Side) -> Result<Marked, Refusal> {
    match &item {
        Side::Run(run) => drop(app.state.log.view(run).await?.ok_or_else(|| Refusal::unknown_run(run))?),
        Side::Study(study) => drop(studies::found(app, study).await?),
    }
    let (marks, kept) = app.state.log.marks(&item).await?;
    let note = kept.map_or_else(Note::default, |kept| Note {
        html: note::to_html(&kept.text),
        text: kept.text,
        by: Some(kept.by),
        at_unix_ms: Some(kept.at_unix_ms),
    });
    Ok(Marked { marks, note })
}

/// A note that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedNote {
    /// Its Markdown, up to 16 KiB; empty takes the note away.
    text: String,
}

/// Writes the note of a run or study.
#[utoipa::path(put, path = "/api/v1/history/items/{item}/note", tag = "history", request_body = WantedNote,
    params(("item" = String, Path, description = "Id of a run or study")), responses(
    (status = 200, description = "Its marks with the note", body = shape::Marked),
    (status = 400, description = "Not an id", body = shape::ApiError),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 404, description = "No such run or study", body = shape::ApiError),
    (status = 422, description = "A note that is too long", body = shape::ApiError)))]
pub(super) async fn write_note(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(of): Path<String>,
    BoundedText(body): BoundedText,
) -> Result<Json<Marked>, Refusal> {
    let item = item(of)?;
    let WantedNote { text } = json(&body, "{\"text\": \"…\"}")?;
    if text.len() > MAX_NOTE_BYTES {
        let sentence = format!("The note has {} bytes, but may have at most {MAX_NOTE_BYTES}.", text.len());
        return Err(Refusal::unprocessable(sentence));
    }
    let text = (!text.trim().is_empty()).then_some(text);
    app.state.log.write_note(item.clone(), text, principal.who).await?;
    marked(&app, item).await.map(Json)
}
