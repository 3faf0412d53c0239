//! Owns the route that tells which engines there are: how each may be reached, and its parameters.
//! Must not know how an engine is started.

use super::shape;
use crate::engine::parameters;
use axum::Json;
use shared::engine::EngineKind;
use shared::wire::EngineRow;

/// Every kind of engine, how it may be reached, and its parameters with their values, defaults and meaning.
#[utoipa::path(get, path = "/api/v1/engines", tag = "plans", responses(
    (status = 200, description = "Kinds of engine", body = [shape::EngineRow])))]
pub(super) async fn list() -> Json<Vec<EngineRow>> {
    let row = |(_, kind): (&str, EngineKind)| EngineRow {
        kind,
        label: kind.label().to_owned(),
        launches: kind.launches().to_vec(),
        by_url: kind != EngineKind::Builtin,
        parameters: parameters(kind).into_iter().cloned().collect(),
    };
    Json(EngineKind::KEYS.into_iter().map(row).collect())
}
