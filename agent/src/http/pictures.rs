//! Owns the routes of pictures and reports: of a run, of a study, and of several beside one another.
//! Must not know how any of it is drawn or written.

use super::compare::{self, CompareQuery};
use super::error::Refusal;
use super::requests;
use super::runs::{self, RunPath};
use super::studies::{self, StudyPath};
use super::{App, shape};
use crate::people::Principal;
use crate::render::{
    self, Canvas, Format, RenderError, RunSubject, StudySubject, Subject, Zone, charts, picture, report,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Path, Query};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use shared::cost::UsdPerHour;
use shared::study::StudyView;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// One picture that there is.
#[derive(Serialize, ToSchema)]
pub(super) struct PictureRow {
    /// Its name in addresses and files.
    name: String,
    /// What it shows.
    label: String,
}

/// How a picture is drawn.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PictureQuery {
    /// `light` or `dark`; light by default.
    theme: Option<String>,
    /// `png` or `svg`; png by default.
    format: Option<String>,
    /// Pixels of a PNG for one of the chart's, 0.5 to 4; 2 by default.
    scale: Option<f32>,
    /// Width, CSS pixels, 240 to 4000; 800 by default.
    width: Option<u32>,
    /// Height, CSS pixels, 160 to 3000; 360 by default. A chart that needs more to be legible takes more.
    height: Option<u32>,
    /// Of a comparison: ids of runs and studies, separated by commas.
    runs: Option<String>,
    /// Of a comparison or a study of curves: work out costs that no run has of its own at this price of an engine with all
    /// that it runs on, USD an hour.
    price: Option<f64>,
}

impl PictureQuery {
    /// The query where it is of one run or study.
    fn of_one(self) -> Result<Self, Refusal> {
        match self.runs {
            None => Ok(self),
            Some(_) => {
                Err(Refusal::bad_request("runs are given to pictures of a comparison: /api/v1/compare/pictures."))
            }
        }
    }

    fn price(&self) -> Result<Option<UsdPerHour>, Refusal> {
        self.price.map(UsdPerHour::try_from).transpose().map_err(Refusal::bad_request)
    }

    fn canvas(&self) -> Result<(Canvas, Format), Refusal> {
        let (usual, theme) = (Canvas::default(), self.theme.as_deref().unwrap_or("light"));
        let canvas = Canvas {
            width: self.width.unwrap_or(usual.width),
            height: self.height.unwrap_or(usual.height),
            scale: self.scale.unwrap_or(usual.scale),
            theme: render::theme(theme).map_err(Refusal::bad_request)?,
        };
        let format = Format::parse(self.format.as_deref().unwrap_or("png")).map_err(Refusal::bad_request)?;
        Ok((canvas.checked()?, format))
    }
}

/// A picture as it is answered with.
type Picture = ([(HeaderName, &'static str); 1], Vec<u8>);
/// A report as it is answered with.
type Report = (HeaderMap, String);
/// A query as it came.
type Asked<T> = Result<Query<T>, QueryRejection>;
/// The parts of a path by their names.
type Parts = Path<BTreeMap<String, String>>;

/// The pictures that a run has something for.
#[utoipa::path(get, operation_id = "pictures", path = "/api/v1/runs/{run}/pictures", tag = "runs",
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 200, description = "Pictures in the order of its page", body = [PictureRow]),
    (status = 404, description = "No such run", body = shape::ApiError)))]
pub(super) async fn of_run(
    extract::State(app): extract::State<App>,
    path: RunPath,
) -> Result<Json<Vec<PictureRow>>, Refusal> {
    let view = path.view(&app).await?;
    listed(&app, move |app| Subject::Run(Box::new(RunSubject::of(view, &app.state.blobs)))).await
}

/// One chart of a run as a picture.
#[utoipa::path(get, path = "/api/v1/runs/{run}/pictures/{chart}", tag = "runs", params(
    ("run" = String, Path, description = "Run id"),
    ("chart" = String, Path, description = "Name of the chart; request-17 is the timeline of request 17"),
    PictureQuery), responses(
    (status = 200, description = "The picture; SVG where that was asked for", content_type = "image/png"),
    (status = 400, description = "A size, theme or format that is not drawn", body = shape::ApiError),
    (status = 404, description = "No such run or chart", body = shape::ApiError),
    (status = 503, description = "Other pictures are drawn, or this one took too long", body = shape::ApiError)))]
pub(super) async fn run_picture(
    extract::State(app): extract::State<App>,
    path: RunPath,
    Path(parts): Parts,
    asked: Asked<PictureQuery>,
) -> Result<Picture, Refusal> {
    let (view, chart) = (path.view(&app).await?, chart(&parts));
    let (needs_records, asked) = (render::needs_records(&chart), runs::query(asked)?.of_one()?);
    let request = match render::request_of(&chart) {
        Some(id) => Some(requests::timeline_of(&app, path.run, Arc::clone(&view), id).await?),
        None => None,
    };
    drawn(&app, chart, asked, move |app| {
        let run =
            if needs_records { RunSubject::of(view, &app.state.blobs) } else { RunSubject::new(view, Ok(vec![])) };
        Subject::Run(Box::new(run.opened(request)))
    })
    .await
}

/// A run as one HTML file that needs nothing else.
#[utoipa::path(get, path = "/api/v1/runs/{run}/report", tag = "runs",
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 200, description = "The report", content_type = "text/html"),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 503, description = "Other pictures are drawn, or it took too long", body = shape::ApiError)))]
pub(super) async fn run_report(extract::State(app): extract::State<App>, path: RunPath) -> Result<Report, Refusal> {
    let (view, name) = (path.view(&app).await?, path.run.to_string());
    written(&app, &name, move |app| Subject::Run(Box::new(RunSubject::of(view, &app.state.blobs)))).await
}

/// The pictures that a study has something for.
#[utoipa::path(get, operation_id = "pictures", path = "/api/v1/studies/{study}/pictures", tag = "studies",
    params(("study" = String, Path, description = "Study id")), responses(
    (status = 200, description = "Pictures in the order of its page", body = [PictureRow]),
    (status = 404, description = "No such study", body = shape::ApiError)))]
pub(super) async fn of_study(
    extract::State(app): extract::State<App>,
    path: StudyPath,
) -> Result<Json<Vec<PictureRow>>, Refusal> {
    let view = studies::view(&app, &path.0).await?;
    listed(&app, move |_| study_of(view, Vec::new())).await
}

/// One chart of a study as a picture.
#[utoipa::path(get, path = "/api/v1/studies/{study}/pictures/{chart}", tag = "studies", params(
    ("study" = String, Path, description = "Study id"), ("chart" = String, Path, description = "Name of the chart"),
    PictureQuery), responses(
    (status = 200, description = "The picture; SVG where that was asked for", content_type = "image/png"),
    (status = 400, description = "A size, theme or format that is not drawn", body = shape::ApiError),
    (status = 404, description = "No such study or chart", body = shape::ApiError),
    (status = 503, description = "Other pictures are drawn, or this one took too long", body = shape::ApiError)))]
pub(super) async fn study_picture(
    extract::State(app): extract::State<App>,
    path: StudyPath,
    Path(parts): Parts,
    asked: Asked<PictureQuery>,
) -> Result<Picture, Refusal> {
    let view = studies::view(&app, &path.0).await?;
    drawn(&app, chart(&parts), runs::query(asked)?.of_one()?, move |_| study_of(view, Vec::new())).await
}

/// A study as one HTML file that needs nothing else.
#[utoipa::path(get, path = "/api/v1/studies/{study}/report", tag = "studies",
    params(("study" = String, Path, description = "Study id")), responses(
    (status = 200, description = "The report", content_type = "text/html"),
    (status = 404, description = "No such study", body = shape::ApiError),
    (status = 503, description = "Other pictures are drawn, or it took too long", body = shape::ApiError)))]
pub(super) async fn study_report(extract::State(app): extract::State<App>, path: StudyPath) -> Result<Report, Refusal> {
    let view = studies::view(&app, &path.0).await?;
    let mut runs = Vec::new();
    for run in view.runs.iter().filter_map(|of| of.run.as_ref()) {
        runs.extend(app.state.log.view(run).await?);
    }
    written(&app, path.0.as_str(), move |_| study_of(view, runs)).await
}

/// The pictures of runs and studies beside one another.
#[utoipa::path(get, operation_id = "compared_pictures", path = "/api/v1/compare/pictures", tag = "studies", params(CompareQuery), responses(
    (status = 200, description = "Pictures", body = [PictureRow]),
    (status = 404, description = "No such run or study", body = shape::ApiError)))]
pub(super) async fn of_compared(
    extract::State(app): extract::State<App>,
    principal: Principal,
    asked: Asked<CompareQuery>,
) -> Result<Json<Vec<PictureRow>>, Refusal> {
    let compared = compare::compared(&app, &principal, &runs::query(asked)?).await?;
    listed(&app, move |_| Subject::Compared(compared)).await
}

/// One chart of runs and studies beside one another, as a picture.
#[utoipa::path(get, path = "/api/v1/compare/pictures/{chart}", tag = "studies", params(
    ("chart" = String, Path, description = "Name of the chart"), PictureQuery), responses(
    (status = 200, description = "The picture; SVG where that was asked for", content_type = "image/png"),
    (status = 400, description = "A size, theme or format that is not drawn", body = shape::ApiError),
    (status = 404, description = "No such run, study or chart", body = shape::ApiError),
    (status = 503, description = "Other pictures are drawn, or this one took too long", body = shape::ApiError)))]
pub(super) async fn compared_picture(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(parts): Parts,
    asked: Asked<PictureQuery>,
) -> Result<Picture, Refusal> {
    let asked = runs::query(asked)?;
    let of = CompareQuery::of(asked.runs.clone().unwrap_or_default());
    let compared = compare::compared(&app, &principal, &of).await?;
    drawn(&app, chart(&parts), asked, move |_| Subject::Compared(compared)).await
}

/// Runs and studies beside one another, as one HTML file that needs nothing else.
#[utoipa::path(get, path = "/api/v1/compare/report", tag = "studies", params(CompareQuery), responses(
    (status = 200, description = "The report", content_type = "text/html"),
    (status = 404, description = "No such run or study", body = shape::ApiError),
    (status = 503, description = "Other pictures are drawn, or it took too long", body = shape::ApiError)))]
pub(super) async fn compared_report(
    extract::State(app): extract::State<App>,
    principal: Principal,
    asked: Asked<CompareQuery>,
) -> Result<Report, Refusal> {
    let compared = compare::compared(&app, &principal, &runs::query(asked)?).await?;
    written(&app, "comparison", move |_| Subject::Compared(compared)).await
}

fn chart(parts: &BTreeMap<String, String>) -> String {
    parts.get("chart").cloned().unwrap_or_default()
}

fn study_of(view: StudyView, runs: Vec<Arc<shared::view::RunView>>) -> Subject {
    Subject::Study(Box::new(StudySubject { view, runs }))
}

/// Reads a subject as it may be read: the reading itself belongs to the thread that draws.
async fn listed(
    app: &App,
    subject: impl FnOnce(&App) -> Subject + Send + 'static,
) -> Result<Json<Vec<PictureRow>>, Refusal> {
    let row = |chart: &render::Chart| PictureRow { name: chart.name.clone(), label: chart.label.clone() };
    let rows = aside(app, move |app| Ok(charts(&subject(app)).iter().map(row).collect()));
    rows.await.map(Json)
}

async fn drawn(
    app: &App,
    chart: String,
    asked: PictureQuery,
    subject: impl FnOnce(&App) -> Subject + Send + 'static,
) -> Result<Picture, Refusal> {
    let ((canvas, format), price) = (asked.canvas()?, asked.price()?);
    let bytes = aside(app, move |app| picture(&subject(app).at_price(price)?, &chart, &canvas, format)).await?;
    let kind = match format {
        Format::Svg => "image/svg+xml",
        Format::Png => "image/png",
    };
    Ok(([(header::CONTENT_TYPE, kind)], bytes))
}

async fn written(
    app: &App,
    name: &str,
    subject: impl FnOnce(&App) -> Subject + Send + 'static,
) -> Result<Report, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let file = HeaderValue::from_str(&format!("inline; filename=\"tokenprism-{name}.html\""));
    headers.extend(file.ok().map(|file| (header::CONTENT_DISPOSITION, file)));
    let text = aside(app, move |app| report(&subject(app), &Zone::here())).await?;
    Ok((headers, text))
}

/// Draws when it is this one's turn, with what the agent has at hand.
async fn aside<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Result<T, RenderError> + Send + 'static,
) -> Result<T, Refusal> {
    let app = app.clone();
    Ok(render::aside(move || work(&app)).await?)
}
