//! Owns what is to be started: an engine, what it serves, on which GPUs, with which secrets and variables.
//! Must not know whether it becomes a process or a container.

use super::MODEL_TOKEN;
use crate::engine::Versions;
use crate::engine::adapter::{Adapter, Program, Serving};
use crate::engine::gpu::Devices;
use crate::engine::hub::Wanted;
use crate::secret::Secret;
use shared::plan::EnginePlan;
use std::path::Path;

/// What is to be started.
#[derive(Clone)]
pub(super) struct Order<'a> {
    /// What is known of the engine.
    pub adapter: &'static Adapter,
    /// The engine's part of the plan.
    pub plan: &'a EnginePlan,
    /// What it serves.
    pub serving: Serving<'a>,
    /// The GPUs that it gets.
    pub devices: &'a Devices,
    /// Variables that go to it alone, by name.
    pub secrets: &'a [(String, Secret)],
    /// Port of 127.0.0.1 that it is to listen on.
    pub port: u16,
    /// Folder of this host that downloaded models are kept in, where there is one.
    pub cache: Option<&'a Path>,
    /// Folder with the baseline's files, where that is what is started as a process.
    pub baseline: Option<&'a Path>,
    /// Versions that programs told before.
    pub versions: Option<&'a Versions>,
}

impl Order<'_> {
    /// The model as a path of this host, where it is one.
    pub fn model_path(&self) -> Option<&Path> {
        self.serving.model.starts_with(['/', '.']).then(|| Path::new(self.serving.model))
    }

    /// The model that is brought from the hub, and where it is kept; absent where it lies on this host, or the engine
    /// brings none.
    pub fn wanted(&self) -> Option<Wanted<'_>> {
        let is_ours = self.adapter.program == Program::Ours;
        let brings_none = is_ours || self.adapter.container.is_some_and(|container| container.models.is_none());
        let token = self.secrets.iter().find(|(name, _)| name == MODEL_TOKEN).map(|(_, token)| token);
        let cache = self.cache.filter(|_| !brings_none && self.model_path().is_none())?;
        Some(Wanted { model: self.serving.model, cache, token })
    }

    /// Variables of the engine that are no secrets: nobody is told of its use, and nothing is looked up elsewhere that
    /// is here.
    pub fn variables(&self) -> Vec<(String, String)> {
        let own = self.adapter.environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let offline = self.model_path().is_some().then(|| ("HF_HUB_OFFLINE".to_owned(), "1".to_owned()));
        own.chain(offline).collect()
    }
}
