//! Owns what is known of the engine that somebody started by hand, for runs that reach it by its URL.
//! Must not know how it was started.

use super::Engine;
use crate::sync::lock;
use reqwest::Url;
use shared::caveat::Caveat;
use shared::engine::EngineInfo;
use std::sync::{Arc, Mutex, MutexGuard};

/// The engine that stands there; cloning gives another handle.
#[derive(Clone, Default)]
pub struct Standing(Arc<Mutex<Option<Known>>>);

#[derive(Clone)]
struct Known {
    port: u16,
    info: EngineInfo,
    caveats: Vec<Caveat>,
}

impl Standing {
    /// This engine stands from now on.
    pub fn set(&self, engine: &Engine) {
        let (info, caveats) = (engine.info.clone(), engine.caveats.clone());
        *self.lock() = Some(Known { port: engine.target.port, info, caveats });
    }

    /// None stands any more.
    pub fn clear(&self) {
        *self.lock() = None;
    }

    /// Adds what is known of the engine at this URL, where it is the one that stands: a server does not tell the command,
    /// the GPUs or the start that it came from.
    pub(super) fn tell(&self, url: &str, engine: &mut Engine) {
        let Some(known) = self.lock().clone().filter(|known| names(url, known.port)) else { return };
        let told = known.info;
        let info = &mut engine.info;
        // What the plan says of their type says nothing of these.
        if !told.gpus.is_empty() {
            info.gpus = told.gpus;
        }
        info.version = info.version.take().or(told.version);
        info.capacity.kv_tokens = info.capacity.kv_tokens.or(told.capacity.kv_tokens);
        info.capacity.kv_block_tokens = info.capacity.kv_block_tokens.or(told.capacity.kv_block_tokens);
        info.capacity.max_running = info.capacity.max_running.or(told.capacity.max_running);
        (info.command, info.image, info.dtype, info.seed) = (told.command, told.image, told.dtype, told.seed);
        (info.shape, info.no_shape) = (told.shape, told.no_shape);
        (info.other_work, info.gpus_used) = (told.other_work, told.gpus_used);
        info.may_keep_prompts = told.may_keep_prompts;
        (info.params, info.phases, info.start_ms) = (told.params, told.phases, told.start_ms);
        info.driver = told.driver;
        engine.caveats.extend(known.caveats.into_iter().filter(|caveat| *caveat != Caveat::LengthNotForced));
        engine.caveats.sort_unstable();
        engine.caveats.dedup();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        lock(&self.0)
    }
}

/// True where the URL names this port of 127.0.0.1, on which engines of ours listen.
fn names(url: &str, port: u16) -> bool {
    let is_ours = |url: &Url| {
        matches!(url.host_str(), Some("localhost" | "127.0.0.1")) && url.port_or_known_default() == Some(port)
    };
    Url::parse(url).is_ok_and(|url| is_ours(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_ours_is_known_by_its_port() {
        let check = |url: &str, expect: bool| assert_eq!(names(url, 8000), expect, "{url}");
        check("http://127.0.0.1:8000", true);
        check("http://localhost:8000/", true);
        check("http://127.0.0.1:8001", false);
        check("http://[::1]:8000", false);
        check("http://gpu-box:8000", false);
        check("8000", false);
    }
}
