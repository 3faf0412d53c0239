//! Owns the route that compares runs and studies with one another.
//! Must not know how two are compared (`shared` does).

use super::error::Refusal;
use super::{App, off_the_loop, runs, shape, studies};
use crate::people::Principal;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Query};
use serde::Deserialize;
use shared::compare::{Compared, Figure, Recorded, compare_asked};
use shared::cost::UsdPerHour;
use shared::ids::{RunId, StudyId};
use utoipa::IntoParams;

/// Runs that are compared at most.
const MAX_RUNS: usize = 64;

/// What is compared.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareQuery {
    /// Ids of runs and studies, separated by commas; the others are compared with the first, or the first of like work.
    runs: String,
    /// Figures, separated by commas: `output_throughput,ttft.p99`. Every usual one where absent.
    figures: Option<String>,
    /// Work out costs that no run has of its own at this price of an engine with all that it runs on, USD an hour.
    price: Option<f64>,
}

impl CompareQuery {
    /// Every usual figure of these.
    pub(super) fn of(runs: String) -> Self {
        Self { runs, figures: None, price: None }
    }
}

/// Curves of runs and studies, and each compared with the first, level by level.
#[utoipa::path(get, path = "/api/v1/compare", tag = "studies", params(CompareQuery), responses(
    (status = 200, description = "Curves and comparisons", body = shape::Compared),
    (status = 400, description = "Ids or figures that cannot be read", body = shape::ApiError),
    (status = 404, description = "No such run or study", body = shape::ApiError)))]
pub(super) async fn compare(
    extract::State(app): extract::State<App>,
    principal: Principal,
    asked: Result<Query<CompareQuery>, QueryRejection>,
) -> Result<Json<Compared>, Refusal> {
    compared(&app, &principal, &runs::query(asked)?).await.map(Json)
}

/// Runs and studies compared with the first of them, or of their like.
pub(super) async fn compared(app: &App, principal: &Principal, asked: &CompareQuery) -> Result<Compared, Refusal> {
    let figures = match &asked.figures {
        Some(keys) => keys.split(',').map(Figure::parse).collect::<Result<_, _>>().map_err(Refusal::bad_request)?,
        None => Figure::usual(),
    };
    let price = asked.price.map(UsdPerHour::try_from).transpose().map_err(Refusal::bad_request)?;
    let mut sides: Vec<Vec<(String, Recorded)>> = Vec::new();
    for id in asked.runs.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        sides.push(side(app, principal, id).await?);
        if sides.iter().map(Vec::len).sum::<usize>() > MAX_RUNS {
            return Err(Refusal::bad_request(format!("These are more than {MAX_RUNS} runs: compare fewer.")));
        }
    }
    let priced = move || {
        let compared = compare_asked(sides, &figures, false);
        match price {
            Some(price) => compared.at_price(price),
            None => compared,
        }
    };
    off_the_loop("the runs", move || Ok(priced())).await
}

/// A run, or the runs of a study, each with its label.
async fn side(app: &App, principal: &Principal, id: &str) -> Result<Vec<(String, Recorded)>, Refusal> {
    if let Ok(study) = StudyId::try_from(id.to_owned()) {
        if !principal.may_see_study(&study) {
            return Err(studies::unknown(&study));
        }
        let (of, rows) = studies::found(app, &study).await?;
        let recorded = studies::recorded(app, &rows).await?;
        return Ok(of.plan.labelled(&study, recorded));
    }
    let run = RunId::try_from(id.to_owned())?;
    if !principal.may_see(&run) {
        return Err(Refusal::unknown_run(&run));
    }
    let view = app.state.log.view(&run).await?.ok_or_else(|| Refusal::unknown_run(&run))?;
    Ok(Recorded::of(&view).map(|recorded| (recorded.plan.name.clone(), recorded)).into_iter().collect())
}
