//! Owns what the agent tells of engines: the host, the one that was started by hand, and its log as it grows.
//! Must not know the socket or markup.

use leptos::prelude::*;
use shared::wire::{ClientMessage, EnginesNow, HostEngines, KeptLog, StartedEngine};

/// What is known of engines. Copies share it.
#[derive(Clone, Copy)]
pub struct Engines {
    /// What the host has; nothing before the agent told.
    pub host: RwSignal<Option<HostEngines>>,
    /// The engine that was started by hand last.
    pub started: RwSignal<Option<StartedEngine>>,
    /// The last lines of its log.
    pub log: RwSignal<KeptLog>,
    watched: StoredValue<bool>,
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            host: RwSignal::new(None),
            started: RwSignal::new(None),
            log: RwSignal::new(KeptLog::default()),
            watched: StoredValue::new(false),
        }
    }
}

impl Engines {
    /// Somebody looks, or nobody does any more.
    pub fn watch(self, watched: bool) {
        self.watched.set_value(watched);
    }

    /// What to say when the socket opens.
    pub fn request(self) -> Option<ClientMessage> {
        self.watched.get_value().then_some(ClientMessage::Engines { watch: true })
    }

    /// Notes the engine that somebody has just started here, before the agent tells of it.
    pub fn begun(self, started: StartedEngine) {
        self.started.update(|shown| {
            if shown.as_ref().is_none_or(|shown| shown.number < started.number) {
                *shown = Some(started);
            }
        });
    }

    /// Takes what the agent tells. What did not change is not drawn again.
    pub fn receive(self, now: EnginesNow) {
        if self.host.with_untracked(|host| host.as_ref() != Some(&now.host)) {
            self.host.set(Some(now.host));
        }
        if self.started.with_untracked(|started| *started != now.started) {
            self.started.set(now.started);
        }
        let is_new = self.log.with_untracked(|log| !now.log.lines.is_empty() || log.end() != now.log.before);
        if is_new {
            self.log.update(|log| log.take(now.log));
        }
    }
}
