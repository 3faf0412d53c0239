//! Owns the routes of studies: presets, check, list, create, read, cancel, resume and delete.
//! Must not know how runs are executed or stored, nor how studies are read together (`shared` folds them).

use super::error::Refusal;
use super::guard::BoundedText;
use super::plans::Form;
use super::{App, off_the_loop, runs, shape};
use crate::engine;
use crate::history;
use crate::log::Study;
use crate::people::Principal;
use crate::shelf;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::compare::Recorded;
use shared::event::RunState;
use shared::history::{Filter, Marks};
use shared::ids::StudyId;
use shared::study::{self, Estimate, StudyPlan, StudyRow, StudyView};
use shared::wire::RunRow;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Studies that one answer has at most.
const MAX_STUDIES: usize = 200;

/// The study that a path names, where the principal may know of it.
pub(super) struct StudyPath(pub(super) StudyId);

impl<S: Send + Sync> FromRequestParts<S> for StudyPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut path) =
            path.map_err(|error| Refusal::bad_request(format!("The path could not be read: {error}.")))?;
        let study = StudyId::try_from(path.remove("study").unwrap_or_default())
            .map_err(|error| Refusal::bad_request(error.to_string()))?;
        let principal = Principal::from_request_parts(parts, state).await?;
        if principal.may_see_study(&study) { Ok(Self(study)) } else { Err(unknown(&study)) }
    }
}

/// There is no such study, or the principal may not know of it.
pub(super) fn unknown(study: &StudyId) -> Refusal {
    let sentence = format!("There is no study {study}: it may have been deleted. See /api/v1/studies.");
    Refusal::new(StatusCode::NOT_FOUND, sentence)
}

/// A study and its runs' rows.
pub(super) async fn found(app: &App, study: &StudyId) -> Result<(Study, Vec<RunRow>), Refusal> {
    app.state.log.study(study).await?.ok_or_else(|| unknown(study))
}

/// What of a study's runs is compared, each by its place.
pub(super) async fn recorded(app: &App, rows: &[RunRow]) -> Result<Vec<(u32, Recorded)>, Refusal> {
    Ok(history::of_study(&app.state.log, rows).await?)
}

/// Which studies.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Most rows, 1 to 200; 50 by default.
    limit: Option<usize>,
    /// Words, each the beginning of one in name, engines, models, tags, note or id.
    q: Option<String>,
    /// A tag.
    tag: Option<String>,
    /// Pinned ones, or all but those.
    pinned: Option<bool>,
}

/// Studies, newest first.
#[utoipa::path(get, path = "/api/v1/studies", tag = "studies", params(ListQuery), responses(
    (status = 200, description = "Rows, newest first", body = [shape::StudyRow]),
    (status = 400, description = "A query that cannot be read", body = shape::ApiError)))]
pub(super) async fn list(
    extract::State(app): extract::State<App>,
    asked: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Vec<StudyRow>>, Refusal> {
    let asked = runs::query(asked)?;
    let limit = runs::limit(asked.limit, 50, MAX_STUDIES)?;
    let filter = Filter { q: asked.q, tag: asked.tag, pinned: asked.pinned, ..Filter::default() };
    let studies = app.state.log.find_studies(filter, limit).await?;
    let row = |(of, marks, rows): (Study, Marks, Vec<RunRow>)| {
        let row = StudyView::of(of.study, of.plan, of.created_unix_ms, &rows, Vec::new()).row();
        StudyRow { marks, ..row }
    };
    Ok(Json(studies.into_iter().map(row).collect()))
}

/// A study with a name.
#[derive(Serialize, ToSchema)]
pub(super) struct StudyPresetRow {
    /// Name on the command line.
    key: &'static str,
    /// Title.
    title: &'static str,
    /// What it is for.
    about: &'static str,
    /// The study, TOML.
    toml: &'static str,
    /// The study, JSON, defaults filled in.
    #[schema(value_type = shape::StudyPlan)]
    plan: Option<StudyPlan>,
}

/// The study presets.
#[utoipa::path(get, path = "/api/v1/studies/presets", tag = "studies", responses(
    (status = 200, description = "Studies with a name", body = [StudyPresetRow])))]
pub(super) async fn presets() -> Json<Vec<StudyPresetRow>> {
    let row = |p: &study::StudyPreset| StudyPresetRow {
        key: p.key,
        title: p.title,
        about: p.about,
        toml: study::toml(p.key).unwrap_or_default(),
        plan: study::find(p.key),
    };
    Json(study::PRESETS.iter().map(row).collect())
}

/// Reads and checks a study, and every plan that follows from it.
fn read_plan(text: &str, form: Form) -> Result<StudyPlan, Refusal> {
    let plan = match form {
        Form::Json => StudyPlan::from_json(text),
        Form::Toml => StudyPlan::from_toml(text),
    };
    let plan = plan.map_err(|error| Refusal::unprocessable(error.to_string()))?;
    for run in plan.expand() {
        engine::check(&run.plan).map_err(|why| {
            let sentence = study::StudyError::Run { label: run.label, why }.to_string();
            Refusal::unprocessable(sentence)
        })?;
    }
    Ok(plan)
}

/// A study that could be begun, in both forms, its runs and how long it would take.
#[derive(Serialize, ToSchema)]
pub(super) struct StudyChecked {
    /// JSON form, defaults filled in.
    #[schema(value_type = shape::StudyPlan)]
    plan: StudyPlan,
    /// TOML form.
    toml: String,
    /// Its runs' labels in their order.
    runs: Vec<String>,
    /// How long it would take: `seconds`, absent where unknown, and how many trials are known by what.
    #[schema(value_type = Object)]
    estimate: Estimate,
    /// The same as a sentence.
    estimate_words: String,
}

/// Checks a study without beginning it: TOML, or JSON with content type `application/json`.
#[utoipa::path(post, path = "/api/v1/studies/check", tag = "studies",
    request_body(content((String = "application/toml"), (shape::StudyPlan = "application/json"))), responses(
    (status = 200, description = "It could be begun", body = StudyChecked),
    (status = 413, description = "More than 64 KiB", body = shape::ApiError),
    (status = 422, description = "A study that is refused; the sentence names the field", body = shape::ApiError)))]
pub(super) async fn check(
    extract::State(app): extract::State<App>,
    headers: HeaderMap,
    BoundedText(body): BoundedText,
) -> Result<Json<StudyChecked>, Refusal> {
    let plan = read_plan(&body, Form::of(&headers, Form::Toml)?)?;
    let estimate = plan.estimate(&history::lately(&app.state.log).await?);
    let runs = plan.expand().into_iter().map(|run| run.label).collect();
    let (toml, estimate_words) = (plan.to_toml(), estimate.sentence());
    Ok(Json(StudyChecked { plan, toml, runs, estimate, estimate_words }))
}

/// A study that was begun.
#[derive(Serialize, ToSchema)]
pub(super) struct StudyCreated {
    /// Its id.
    #[schema(value_type = String)]
    study: StudyId,
    /// Its page, relative to the agent.
    url: String,
}

/// Begins a study: all its runs exist and wait. JSON, or TOML with content type `application/toml`.
#[utoipa::path(post, path = "/api/v1/studies", tag = "studies",
    request_body(content((shape::StudyPlan = "application/json"), (String = "application/toml"))), responses(
    (status = 201, description = "Its runs wait for their turn", body = StudyCreated),
    (status = 409, description = "It cannot be taken now", body = shape::ApiError),
    (status = 413, description = "More than 64 KiB", body = shape::ApiError),
    (status = 415, description = "Neither JSON nor TOML", body = shape::ApiError),
    (status = 422, description = "A study that is refused; the sentence names the field", body = shape::ApiError)))]
pub(super) async fn create(
    extract::State(app): extract::State<App>,
    principal: Principal,
    headers: HeaderMap,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let plan = read_plan(&body, Form::of(&headers, Form::Json)?)?;
    let begun = app.state.commands.submit_study(plan).await;
    let study = begun.map_err(Refusal::conflict)?;
    tracing::info!(%study, by = principal.who.id, "a study was begun");
    let (url, location) = (format!("/studies/{study}"), format!("/api/v1/studies/{study}"));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(StudyCreated { study, url })))
}

/// A study: its plan, its runs, and what they come to so far.
#[utoipa::path(get, path = "/api/v1/studies/{study}", tag = "studies",
    params(("study" = String, Path, description = "Study id")), responses(
    (status = 200, description = "The study", body = shape::StudyView),
    (status = 400, description = "Not a study id", body = shape::ApiError),
    (status = 404, description = "No such study", body = shape::ApiError)))]
pub(super) async fn read(
    extract::State(app): extract::State<App>,
    StudyPath(study): StudyPath,
) -> Result<Json<StudyView>, Refusal> {
    view(&app, &study).await.map(Json)
}

/// A study as a fold over its runs.
pub(super) async fn view(app: &App, study: &StudyId) -> Result<StudyView, Refusal> {
    let (of, rows) = found(app, study).await?;
    let recorded = recorded(app, &rows).await?;
    let fold = move || Ok(StudyView::of(of.study, of.plan, of.created_unix_ms, &rows, recorded));
    off_the_loop("the study", fold).await
}

/// Cancels every run of a study that waits or runs.
#[utoipa::path(post, path = "/api/v1/studies/{study}/cancel", tag = "studies",
    params(("study" = String, Path, description = "Study id")), responses(
    (status = 202, description = "Its runs end as soon as their engine is gone"),
    (status = 404, description = "No such study", body = shape::ApiError),
    (status = 409, description = "All its runs have ended", body = shape::ApiError)))]
pub(super) async fn cancel(
    extract::State(app): extract::State<App>,
    principal: Principal,
    StudyPath(study): StudyPath,
) -> Result<StatusCode, Refusal> {
    let (_, rows) = found(&app, &study).await?;
    // What waits first, so that nothing begins when the one under way is gone.
    let mut active: Vec<&RunRow> = rows.iter().filter(|row| !row.state.is_final()).collect();
    active.sort_by_key(|row| row.state != RunState::Queued);
    if active.is_empty() {
        let sentence = format!("All runs of the study {study} have ended already.");
        return Err(Refusal::conflict(sentence));
    }
    for row in active {
        if let Err(sentence) = app.state.commands.cancel(&row.run).await {
            tracing::debug!(sentence, "a run of a cancelled study has just ended");
        }
    }
    tracing::info!(%study, by = principal.who.id, "a study was cancelled");
    Ok(StatusCode::ACCEPTED)
}

/// Resumes every run of a study that failed, was cancelled or interrupted.
#[utoipa::path(post, path = "/api/v1/studies/{study}/resume", tag = "studies",
    params(("study" = String, Path, description = "Study id")), responses(
    (status = 202, description = "They wait for their turn"),
    (status = 404, description = "No such study", body = shape::ApiError),
    (status = 409, description = "A run cannot be resumed, or there is none to", body = shape::ApiError)))]
pub(super) async fn resume(
    extract::State(app): extract::State<App>,
    principal: Principal,
    StudyPath(study): StudyPath,
) -> Result<StatusCode, Refusal> {
    let (_, mut rows) = found(&app, &study).await?;
    rows.sort_by_key(|row| row.study.as_ref().map_or(0, |place| place.index));
    rows.retain(|row| row.state.is_final() && row.state != RunState::Done);
    if rows.is_empty() {
        let sentence = format!("No run of the study {study} has stopped before its end: there is nothing to resume.");
        return Err(Refusal::conflict(sentence));
    }
    for row in &rows {
        let resumed = app.state.commands.resume(&row.run).await;
        resumed.map_err(Refusal::conflict)?;
    }
    tracing::info!(%study, by = principal.who.id, "a study was resumed");
    Ok(StatusCode::ACCEPTED)
}

/// Deletes a study all of whose runs have ended: it leaves the list for the bin; its runs stay.
#[utoipa::path(delete, path = "/api/v1/studies/{study}", tag = "studies",
    params(("study" = String, Path, description = "Study id")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "No such study", body = shape::ApiError),
    (status = 409, description = "A run of it has not ended", body = shape::ApiError)))]
pub(super) async fn delete(
    extract::State(app): extract::State<App>,
    principal: Principal,
    StudyPath(study): StudyPath,
) -> Result<StatusCode, Refusal> {
    tracing::info!(%study, by = principal.who.id, "a study is deleted");
    shelf::delete_study(&app.state.log, &study, principal.who).await?;
    Ok(StatusCode::NO_CONTENT)
}
