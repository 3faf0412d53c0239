//! Owns asking an engine of this host for its version without starting it, by the very question that a start asks.
//! Must not know why somebody wants to know.

use super::native::Native;
use super::{Launcher, Order};
use crate::engine::adapter::{Adapter, Serving, Version};
use crate::engine::{EngineError, gpu};
use shared::engine::EngineKind;
use shared::plan::EnginePlan;
use std::collections::BTreeMap;

/// The version of a kind's program: the one on PATH, or of a virtual environment. Nothing where it does not tell.
///
/// # Errors
/// Where it is not there, or nothing of this kind is started as a process.
pub(in crate::engine) async fn version_of(
    kind: EngineKind,
    venv: Option<&str>,
) -> Result<Option<Version>, EngineError> {
    let adapter = Adapter::of(kind).ok_or(EngineError::NotLaunched(kind.label()))?;
    let order = Order {
        adapter,
        plan: &EnginePlan { venv: venv.map(str::to_owned), ..EnginePlan::of(kind) },
        serving: Serving { model: "", name: None, params: &BTreeMap::new(), extra: &[], reuses_prefixes: false },
        devices: &gpu::Devices::default(),
        secrets: &[],
        port: 0,
        cache: None,
        baseline: None,
        versions: None,
    };
    Native.version(&order).await
}
