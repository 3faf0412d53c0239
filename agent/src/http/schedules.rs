//! Owns the routes of schedules: what begins when, what came of it, made, tried out and taken away.
//! Must not know when anything is due, nor how anything begins.

use super::error::Refusal;
use super::guard::{BoundedText, json};
use super::{App, shape, studies};
use crate::people::Principal;
use axum::Json;
use axum::extract::{self, Path};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use shared::ids::ScheduleId;
use shared::people::{Role, Side, Who};
use shared::plan::Plan;
use shared::schedule::{Missed, SchedulePlan, ScheduleRow, Webhook, When, Work};
use shared::study::{self, StudyPlan};
use shared::{preset, view::RunView};
use utoipa::ToSchema;

/// What a body may look like.
const EXAMPLE: &str = "{\"work\": {\"preset\": \"first\"}, \"when\": {\"cron\": {\"cron\": \"30 2 * * *\", \"time_zone\": \"Europe/Berlin\"}}}";

/// Why a schedule was refused.
pub enum ScheduleRefused {
    /// Something of it cannot be, as a sentence.
    Invalid(String),
    /// It does not go with how things stand, as a sentence.
    Conflict(String),
    /// There is no such schedule, as a sentence.
    NotThere(String),
}

/// What the API asks of schedules.
pub trait ScheduleCommands: Send + Sync {
    /// Schedules, oldest first.
    fn schedules(&self) -> Vec<ScheduleRow>;
    /// The row that one would have.
    fn check_schedule(&self, plan: SchedulePlan, by: Who) -> Result<ScheduleRow, ScheduleRefused>;
    /// Makes one.
    fn create_schedule(&self, plan: SchedulePlan, by: Who) -> BoxFuture<'_, Result<ScheduleRow, ScheduleRefused>>;
    /// Takes one away.
    fn remove_schedule(&self, schedule: &ScheduleId, by: Who) -> BoxFuture<'_, Result<(), ScheduleRefused>>;
}

impl From<ScheduleRefused> for Refusal {
    fn from(refused: ScheduleRefused) -> Self {
        match refused {
            ScheduleRefused::Invalid(why) => Self::unprocessable(why),
            ScheduleRefused::Conflict(why) => Self::conflict(why),
            ScheduleRefused::NotThere(why) => Self::new(StatusCode::NOT_FOUND, why),
        }
    }
}

/// What begins, however it is named.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WantedWork {
    /// A run of this plan.
    Run(Box<Plan>),
    /// This study.
    Study(Box<StudyPlan>),
    /// The preset of this name.
    Preset(String),
    /// The preset of a study of this name.
    StudyPreset(String),
    /// The plan of this run or study.
    Like(Side),
}

/// A schedule that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedSchedule {
    /// What begins: `{"preset": name}`, `{"study_preset": name}`, `{"like": id of a run or study}`, or `{"run": plan}` and
    /// `{"study": plan}`.
    #[schema(value_type = Object)]
    work: WantedWork,
    /// `{"once": Unix ms}` or `{"cron": {"cron": "30 2 * * 1-5", "time_zone": "Europe/Berlin"}}`.
    #[schema(value_type = Object)]
    when: When,
    /// What becomes of times at which the agent was not there: `run_once` (the default) or `skip`.
    #[serde(default)]
    #[schema(value_type = String)]
    missed: Missed,
    /// Whom to tell: `url`, name of the `secret` that signs, and `on`: `finish` (the default) or `regression`.
    #[serde(default)]
    #[schema(value_type = Object)]
    webhook: Option<Webhook>,
}

/// Reads what somebody wants, its work looked up where it is named.
async fn wanted(app: &App, body: &str) -> Result<SchedulePlan, Refusal> {
    let WantedSchedule { work, when, missed, webhook } = json(body, EXAMPLE)?;
    let unknown = |name: &str| {
        let name: String = name.chars().take(60).collect();
        Refusal::unprocessable(format!("There is no preset \"{name}\": see /api/v1/presets."))
    };
    let work = match work {
        WantedWork::Run(plan) => Work::Run(plan),
        WantedWork::Study(plan) => Work::Study(plan),
        WantedWork::Preset(name) => Work::Run(Box::new(preset::find(&name).ok_or_else(|| unknown(&name))?)),
        WantedWork::StudyPreset(name) => Work::Study(Box::new(study::find(&name).ok_or_else(|| unknown(&name))?)),
        WantedWork::Like(Side::Study(study)) => Work::Study(Box::new(studies::found(app, &study).await?.0.plan)),
        WantedWork::Like(Side::Run(run)) => {
            let view = app.state.log.view(&run).await?.ok_or_else(|| Refusal::unknown_run(&run))?;
            let own = |view: &RunView| view.header.as_ref().filter(|_| view.source.is_none()).map(|h| h.plan.clone());
            let plan = own(&view).ok_or_else(|| {
                Refusal::conflict(format!("The run {run} has no plan that could begin again: it was imported."))
            })?;
            Work::Run(Box::new(plan))
        }
    };
    Ok(SchedulePlan { work, when, missed, webhook })
}

/// What begins when, what came of the last time, and what changed.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", responses(
    (status = 200, description = "Schedules, oldest first; of a webhook's address a viewer sees scheme and host only",
        body = [shape::ScheduleRow])))]
pub(super) async fn list(extract::State(app): extract::State<App>, principal: Principal) -> Json<Vec<ScheduleRow>> {
    let mut rows = app.state.commands.schedules();
    if principal.role < Role::Operator {
        for webhook in rows.iter_mut().filter_map(|row| row.schedule.plan.webhook.as_mut()) {
            webhook.url = webhook.shown();
        }
    }
    Json(rows)
}

/// Reads a schedule without keeping it: when it would come, on its clock.
#[utoipa::path(post, path = "/api/v1/schedules/check", tag = "schedules", request_body = WantedSchedule, responses(
    (status = 200, description = "The row that it would have", body = shape::ScheduleRow),
    (status = 404, description = "The run or study that it names is not there", body = shape::ApiError),
    (status = 422, description = "What cannot be a schedule; the sentence says why", body = shape::ApiError)))]
pub(super) async fn check(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<Json<ScheduleRow>, Refusal> {
    let plan = wanted(&app, &body).await?;
    Ok(Json(app.state.commands.check_schedule(plan, principal.who)?))
}

/// Makes a schedule.
#[utoipa::path(post, path = "/api/v1/schedules", tag = "schedules", request_body = WantedSchedule, responses(
    (status = 201, description = "It is kept", body = shape::ScheduleRow),
    (status = 404, description = "The run or study that it names is not there", body = shape::ApiError),
    (status = 409, description = "There are too many, or it could not be kept", body = shape::ApiError),
    (status = 422, description = "What cannot be a schedule; the sentence says why", body = shape::ApiError)))]
pub(super) async fn create(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let plan = wanted(&app, &body).await?;
    let row = app.state.commands.create_schedule(plan, principal.who).await?;
    let location = format!("/api/v1/schedules/{}", row.schedule.schedule);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(row)))
}

/// Takes a schedule away; what it began goes on.
#[utoipa::path(delete, path = "/api/v1/schedules/{schedule}", tag = "schedules",
    params(("schedule" = String, Path, description = "Schedule id")), responses(
    (status = 204, description = "Nothing more begins by it"),
    (status = 400, description = "Not a schedule id", body = shape::ApiError),
    (status = 404, description = "No such schedule", body = shape::ApiError)))]
pub(super) async fn remove(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(schedule): Path<String>,
) -> Result<StatusCode, Refusal> {
    let schedule = ScheduleId::try_from(schedule).map_err(|error| Refusal::bad_request(format!("{error}.")))?;
    app.state.commands.remove_schedule(&schedule, principal.who).await?;
    Ok(StatusCode::NO_CONTENT)
}
