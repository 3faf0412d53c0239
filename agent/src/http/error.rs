//! Owns the one shape in which the API refuses: a status and a sentence as JSON.
//! Must not know routes.

use crate::blob::BlobError;
use crate::log::LogError;
use crate::recount::RecountError;
use crate::render::RenderError;
use crate::shelf::ShelfError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::ids::{InvalidRunId, RunId};
use shared::plan::PlanError;
use shared::wire::ApiError;
use std::time::Duration;

/// A request that is not answered as asked.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: ApiError,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal with its sentence: what happened, where, what to do.
    pub fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, error: ApiError { error: sentence.into(), detail: None }, retry_after: None }
    }

    /// The request itself is at fault.
    pub fn bad_request(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// It can be read, but not be done: the sentence says why.
    pub fn unprocessable(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence)
    }

    /// It does not go with how things stand now.
    pub fn conflict(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, sentence)
    }

    /// There is no such run, or the principal may not know of it.
    pub fn unknown_run(run: &RunId) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no run {run}: it may have been deleted. See /api/v1/runs."))
    }

    /// Adds technical detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.error.detail = Some(detail.into());
        self
    }

    /// Says when it is worth asking again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The sentence.
    pub fn sentence(&self) -> &str {
        &self.error.error
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.error)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
        }
        response
    }
}

impl From<InvalidRunId> for Refusal {
    fn from(error: InvalidRunId) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        Self::unprocessable(error.to_string())
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        let status = match &error {
            LogError::NoSuchRun(_)
            | LogError::NoSuchStudy(_)
            | LogError::NoSuchToken(_)
            | LogError::NoSuchShare(_)
            | LogError::NoSuchSchedule(_)
            | LogError::NotInBin(_)
            | LogError::Deleted(_) => StatusCode::NOT_FOUND,
            LogError::NotFinal(_) | LogError::TooManyTags(_) => StatusCode::CONFLICT,
            LogError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
            LogError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(%error, "a request failed on the event log");
        }
        Self::new(status, error.to_string())
    }
}

impl From<ShelfError> for Refusal {
    fn from(error: ShelfError) -> Self {
        match error {
            ShelfError::Log(error) => error.into(),
            ShelfError::Active { .. } => Self::conflict(error.to_string()),
            ShelfError::Items(_) | ShelfError::Tag(_) | ShelfError::Tags(_) => Self::unprocessable(error.to_string()),
        }
    }
}

impl From<RecountError> for Refusal {
    fn from(error: RecountError) -> Self {
        match error {
            RecountError::Blob(error) => error.into(),
            RecountError::NoRecords { .. } | RecountError::Unmeasured { .. } | RecountError::NoRequest { .. } => {
                Self::new(StatusCode::NOT_FOUND, error.to_string())
            }
        }
    }
}

impl From<RenderError> for Refusal {
    fn from(error: RenderError) -> Self {
        let status = match &error {
            RenderError::NoSuchChart { .. } | RenderError::NoCharts => StatusCode::NOT_FOUND,
            RenderError::Canvas(_) | RenderError::NoCurves => StatusCode::BAD_REQUEST,
            RenderError::NotBuilt => StatusCode::NOT_IMPLEMENTED,
            RenderError::Bounds(..) | RenderError::Busy | RenderError::NoThread(_) => StatusCode::SERVICE_UNAVAILABLE,
            RenderError::Drawing { .. } | RenderError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%error, "a picture could not be drawn");
        }
        let refusal = Self::new(status, error.to_string());
        if matches!(error, RenderError::Busy) { refusal.retry_after(Duration::from_secs(5)) } else { refusal }
    }
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        let status = match &error {
            BlobError::Missing(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(%error, "a request failed on a trial's records");
        }
        Self::new(status, error.to_string())
    }
}
