//! Owns the routes that hand results out as files: runs and studies in any format, each as one download.
//! Must not know any format.

use super::App;
use super::error::Refusal;
use super::runs::{self, RunPath};
use super::shape;
use super::studies::StudyPath;
use crate::export::{Content, ExportError, Exported, Format, tar};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Query};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

/// Exports that are made at once: each packs and hashes on a thread of its own.
pub(super) const MAX_EXPORTS: usize = 2;

/// What to export as.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FormatQuery {
    /// The format.
    format: Format,
}

/// A run as a file: its figures (`json`, `csv`), its requests' records (`parquet`), the folders of other tools as a tar
/// archive (`sweep`, `study`), or the whole run for another agent (`archive`).
#[utoipa::path(get, operation_id = "export", path = "/api/v1/runs/{run}/export", tag = "runs", params(
    ("run" = String, Path, description = "Run id"), FormatQuery), responses(
    (status = 200, description = "The file, with its name", content((Object = "application/json"), (String = "text/csv"),
        ("application/vnd.apache.parquet"), ("application/x-tar"), ("application/zstd"))),
    (status = 400, description = "Not a run id, or no such format", body = shape::ApiError),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 409, description = "The format has no place for what the run is, or it has not ended", body = shape::ApiError),
    (status = 503, description = "Others are being exported: try again", body = shape::ApiError)))]
pub(super) async fn of_run(
    extract::State(app): extract::State<App>,
    path: RunPath,
    asked: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let FormatQuery { format } = runs::query(asked)?;
    path.view(&app).await?;
    let _permit = permit(&app)?;
    answer(app.exporter.run(&path.run, format).await?)
}

/// A study as a file, all its runs in it; formats as those of a run.
#[utoipa::path(get, operation_id = "export", path = "/api/v1/studies/{study}/export", tag = "studies", params(
    ("study" = String, Path, description = "Study id"), FormatQuery), responses(
    (status = 200, description = "The file, with its name", content((Object = "application/json"), (String = "text/csv"),
        ("application/vnd.apache.parquet"), ("application/x-tar"), ("application/zstd"))),
    (status = 400, description = "Not a study id, or no such format", body = shape::ApiError),
    (status = 404, description = "No such study", body = shape::ApiError),
    (status = 409, description = "The format has no place for what it is, or a run has not ended", body = shape::ApiError),
    (status = 503, description = "Others are being exported: try again", body = shape::ApiError)))]
pub(super) async fn of_study(
    extract::State(app): extract::State<App>,
    StudyPath(study): StudyPath,
    asked: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let FormatQuery { format } = runs::query(asked)?;
    let _permit = permit(&app)?;
    answer(app.exporter.study(&study, format).await?)
}

fn permit(app: &App) -> Result<SemaphorePermit<'_>, Refusal> {
    app.exports.try_acquire().map_err(|_| {
        let sentence = "Other results are being exported: try again when they are.";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence).retry_after(Duration::from_secs(2))
    })
}

/// The export as a download.
fn answer(Exported { name, format, content }: Exported) -> Result<Response, Refusal> {
    let failed = |error: std::io::Error| Refusal::from(ExportError::Write(error));
    let (body, bytes) = match content {
        Content::Bytes(bytes) => whole(bytes),
        Content::Folder(parts) => {
            let mut packed = Vec::new();
            tar(&name, &parts, &mut packed).map_err(failed)?;
            whole(packed)
        }
        Content::Spooled(spool) => {
            let bytes = spool.metadata().map_err(failed)?.len();
            (Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(spool))), bytes)
        }
    };
    let ending = if format.is_folder() { ".tar" } else { "" };
    // An id and a format's words: nothing in it needs quoting.
    let disposition = format!("attachment; filename=\"{name}{ending}\"");
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CONTENT_LENGTH, bytes.into());
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn whole(bytes: Vec<u8>) -> (Body, u64) {
    let length = bytes.len() as u64;
    (Body::from(bytes), length)
}

impl From<ExportError> for Refusal {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Log(error) => error.into(),
            ExportError::Blob(error) => error.into(),
            ExportError::Plots(error) => error.into(),
            ExportError::NotEnded(_) | ExportError::Nothing { .. } | ExportError::Unreadable(_) => {
                Self::conflict(error.to_string())
            }
            ExportError::Write(_) | ExportError::Encode(_) => {
                tracing::error!(%error, "an export failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            }
        }
    }
}
