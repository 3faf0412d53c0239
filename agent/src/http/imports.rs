//! Owns the route that takes files of other tools in: one form with a part a file, bounded in every way.
//! Must not know any format, nor what becomes of a file.

use super::App;
use super::audit::Object;
use super::error::Refusal;
use super::off_the_loop;
use super::shape;
use crate::blob::BlobStore;
use crate::import::{Intake, MAX_FILE_BYTES, may_be_archive};
use crate::people::Principal;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{self, Multipart};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use std::fs::File;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

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
    let read = tokio::time::timeout(FORM_TIMEOUT, read(form, app.state.blobs.clone()));
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

async fn read(mut form: Multipart, blobs: BlobStore) -> Result<Intake, Refusal> {
    let mut intake = Intake::default();
    while let Some(mut part) = within(form.next_field()).await? {
        let name = part.file_name().or(part.name()).unwrap_or_default().to_owned();
        intake = match bytes(&mut part, &blobs).await? {
            Part::Whole(bytes) => {
                let take = move || {
                    intake.take(&name, &bytes);
                    Ok(intake)
                };
                off_the_loop("a file", take).await?
            }
            Part::Archive(file) => {
                let take = move || {
                    intake.take_archive(&name, file);
                    Ok(intake)
                };
                off_the_loop("an archive", take).await?
            }
            Part::TooLong => {
                intake.lose(&name, format!("It is longer than the {} MiB that are read.", MAX_FILE_BYTES >> 20));
                intake
            }
        };
    }
    Ok(intake)
}

/// What came as a part.
enum Part {
    /// A file, in memory.
    Whole(Vec<u8>),
    /// What may be an archive, on the disk.
    Archive(File),
    /// A file that is too long; its rest was passed over.
    TooLong,
}

/// The bytes of a part. What may be an archive is kept on the disk, where only the form's own limit bounds it.
async fn bytes(part: &mut Field<'_>, blobs: &BlobStore) -> Result<Part, Refusal> {
    let mut bytes = Vec::new();
    let mut spool: Option<tokio::fs::File> = None;
    let mut is_whole = true;
    while let Some(chunk) = within(part.chunk()).await? {
        if let Some(file) = &mut spool {
            file.write_all(&chunk).await.map_err(spooling)?;
            continue;
        }
        is_whole &= bytes.len() + chunk.len() <= MAX_FILE_BYTES;
        bytes.extend_from_slice(if is_whole { &chunk[..] } else { &[] });
        if is_whole && may_be_archive(&bytes) {
            let mut file = tokio::fs::File::from_std(blobs.spool()?);
            file.write_all(&std::mem::take(&mut bytes)).await.map_err(spooling)?;
            spool = Some(file);
        } else if !is_whole {
            bytes = Vec::new();
        }
    }
    match spool {
        Some(mut file) => {
            file.flush().await.map_err(spooling)?;
            Ok(Part::Archive(file.into_std().await))
        }
        None if is_whole => Ok(Part::Whole(bytes)),
        None => Ok(Part::TooLong),
    }
}

fn spooling(error: std::io::Error) -> Refusal {
    let sentence = format!("The archive could not be kept while it is read: {error}. Free space on the agent's disk.");
    Refusal::new(StatusCode::INSUFFICIENT_STORAGE, sentence)
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
