//! Owns the routes about plans before they are runs: presets and the check.
//! Must not know how plans are executed.

use super::error::Refusal;
use super::guard::BoundedText;
use super::shape;
use crate::engine;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use shared::plan::Plan;
use shared::preset::PRESETS;
use utoipa::ToSchema;

/// The two forms of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

impl Form {
    /// The form that the content type names; `default` where there is none.
    pub(super) fn of(headers: &HeaderMap, default: Form) -> Result<Self, Refusal> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(default) };
        let text = value.to_str().unwrap_or_default();
        match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Form::Json),
            "application/toml" | "text/x-toml" => Ok(Form::Toml),
            other => {
                let other: String = other.chars().take(60).collect();
                let sentence = format!(
                    "A plan cannot be read as \"{other}\": send JSON as application/json or TOML as application/toml."
                );
                Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence))
            }
        }
    }
}

/// Reads and validates a plan.
pub(super) fn read(text: &str, form: Form) -> Result<Plan, Refusal> {
    let plan = match form {
        Form::Json => Plan::from_json(text)?,
        Form::Toml => Plan::from_toml(text)?,
    };
    engine::check(&plan)?;
    Ok(plan)
}

/// A plan with a name.
#[derive(Serialize, ToSchema)]
pub(super) struct PresetRow {
    /// Name on the command line.
    key: &'static str,
    /// Title.
    title: &'static str,
    /// What it is for.
    about: &'static str,
    /// The plan, TOML.
    toml: &'static str,
    /// The plan, JSON, defaults filled in.
    #[schema(value_type = shape::Plan)]
    plan: Option<Plan>,
}

/// The presets.
#[utoipa::path(get, path = "/api/v1/presets", tag = "plans", responses(
    (status = 200, description = "Plans with a name", body = [PresetRow])))]
pub(super) async fn presets() -> Json<Vec<PresetRow>> {
    let row = |p: &shared::preset::Preset| PresetRow {
        key: p.key,
        title: p.title,
        about: p.about,
        toml: shared::preset::toml(p.key).unwrap_or_default(),
        plan: shared::preset::find(p.key),
    };
    Json(PRESETS.iter().map(row).collect())
}

/// A plan that a run could have, in both forms.
#[derive(Serialize, ToSchema)]
pub(super) struct Checked {
    /// JSON form, defaults filled in.
    #[schema(value_type = shape::Plan)]
    plan: Plan,
    /// TOML form.
    toml: String,
}

/// Checks a plan without creating a run: TOML, or JSON with content type `application/json`.
#[utoipa::path(post, path = "/api/v1/plan/check", tag = "plans",
    request_body(content((String = "application/toml"), (shape::Plan = "application/json"))), responses(
    (status = 200, description = "A run could have this plan", body = Checked),
    (status = 413, description = "More than 64 KiB", body = shape::ApiError),
    (status = 422, description = "A plan that is refused; the sentence names the field", body = shape::ApiError)))]
pub(super) async fn check(headers: HeaderMap, BoundedText(body): BoundedText) -> Result<Json<Checked>, Refusal> {
    let plan = read(&body, Form::of(&headers, Form::Toml)?)?;
    let toml = plan.to_toml();
    Ok(Json(Checked { plan, toml }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_names_the_form() {
        let check = |value: Option<&str>, expect: Option<Form>| {
            let mut headers = HeaderMap::new();
            headers.extend(value.map(|value| (header::CONTENT_TYPE, value.parse().unwrap())));
            assert_eq!(Form::of(&headers, Form::Json).ok(), expect, "{value:?}");
        };
        check(None, Some(Form::Json));
        check(Some("application/json; charset=utf-8"), Some(Form::Json));
        check(Some("Application/TOML"), Some(Form::Toml));
        check(Some("multipart/form-data"), None);
        check(Some(""), None);
    }
}
