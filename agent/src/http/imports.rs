//! Owns the route that takes files of other tools in: one form with a part a file, bounded in every way.
//! Must not know any format, nor what becomes of a file.

use super::App;
use super::audit::Object;
use super::error::Refusal;
use super::off_the_loop;
use super::shape;
use crate::import::{Intake, MAX_FILE_BYTES};
use crate::people::Principal;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{self, Multipart};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use std::time::Duration;

/// Longest form that is read, bytes: of many files, each of which is bounded by itself.
pub(super) const MAX_FORM_BYTES: usize = 1 << 30;
/// Forms that are read at once: each holds its longest file in memory.
pub(super) const MAX_FORMS: usize = 2;
/// Longest time without a byte.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for a form.
const FORM_TIMEOUT: Duration = Duration::from_secs(600);

/// Imports files of other tools: a form with a part for each file, whose file name may have folders in it. Files of one
/// sweep become one run; a file that cannot be used is named, and the others are imported. A file that is there already
/// changes nothing.
#[utoipa::path(post, path = "/api/v1/imports", tag = "imports",
    request_body(content = Vec<u8>, content_type = "multipart/form-data"), responses(
    (status = 200, description = "What became of each file, in order of their names", body = shape::ImportReport),
    (status = 400, description = "A form that cannot be read", body = shape::ApiError),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 408, description = "The form did not arrive in time", body = shape::ApiError),
    (status = 413, description = "More than 1 GiB", body = shape::ApiError),
    (status = 415, description = "No form", body = shape::ApiError),
    (status = 503, description = "Others are being imported: try again", body = shape::ApiError)))]
pub(super) async fn import(
    extract::State(app): extract::State<App>,
    principal: Principal,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let form = form.map_err(|error| {
        Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the files as a form, multipart/form-data, a part for each.",
        )
        .with_detail(error.to_string())
    })?;
    let Ok(_permit) = app.forms.try_acquire() else {
        let sentence = "Other files are being imported: try again when they are.";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence).retry_after(Duration::from_secs(5)));
    };
    let read = tokio::time::timeout(FORM_TIMEOUT, read(form));
    let intake = read.await.map_err(|_| too_slow(FORM_TIMEOUT))??;
    let report = app.importer.import(intake).await?;
    tracing::info!(
        runs = report.new_runs().len(),
        files = report.files.len(),
        by = principal.who.id,
        "files were imported"
    );
    let object = format!("{} files, {} new runs", report.files.len(), report.new_runs().len());
    Ok((Extension(Object(object)), Json(report)))
}

async fn read(mut form: Multipart) -> Result<Intake, Refusal> {
    let mut intake = Intake::default();
    while let Some(mut part) = within(form.next_field()).await? {
        let name = part.file_name().or(part.name()).unwrap_or_default().to_owned();
        intake = match bytes(&mut part).await? {
            Some(bytes) => {
                let take = move || {
                    intake.take(&name, &bytes);
                    Ok(intake)
                };
                off_the_loop("a file", take).await?
            }
            None => {
                intake.lose(&name, format!("It is longer than the {} MiB that are read.", MAX_FILE_BYTES >> 20));
                intake
            }
        };
    }
    Ok(intake)
}

/// The bytes of a part; nothing of one that is too long, whose rest is passed over.
async fn bytes(part: &mut Field<'_>) -> Result<Option<Vec<u8>>, Refusal> {
    let mut bytes = Vec::new();
    let mut is_whole = true;
    while let Some(chunk) = within(part.chunk()).await? {
        is_whole &= bytes.len() + chunk.len() <= MAX_FILE_BYTES;
        if is_whole {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = Vec::new();
        }
    }
    Ok(is_whole.then_some(bytes))
}

async fn within<T>(step: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Refusal> {
    match tokio::time::timeout(IDLE_TIMEOUT, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let sentence = format!("The form could not be read: {}.", error.body_text().trim_end_matches('.'));
            Err(Refusal::new(error.status(), sentence))
        }
        Err(_) => Err(too_slow(IDLE_TIMEOUT)),
    }
}

fn too_slow(limit: Duration) -> Refusal {
    let sentence = format!("The form did not arrive within {} s: send it again.", limit.as_secs());
    Refusal::new(StatusCode::REQUEST_TIMEOUT, sentence)
}
