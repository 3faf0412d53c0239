//! Owns what is known of the built-in engine as an engine to start: this program again, with its hidden command.
//! Must not know other engines.

use super::flag::{Entry, Flag};
use super::history::History;
use super::{Adapter, Model, VersionQuestion, mark};
use shared::caveat::Caveat;
use shared::engine::Phase;
use shared::engine::builtin::{BATCH, BATCH_WAIT_MS, KV_CACHE, PRESET, SEED};
use std::time::Duration;

/// The built-in engine.
pub(super) static ADAPTER: Adapter = Adapter {
    program: &[],
    serve: &["builtin-engine"],
    version: VersionQuestion::Ours,
    model: Model::OfItsOwn,
    name: None,
    host: None,
    always: &["--exit-with-stdin"],
    entries: ENTRIES,
    history: History { engine: "The built-in engine", changes: &[] },
    environment: &[],
    container: None,
    marks: &[mark("ready http", Phase::Serve)],
    kv_tokens_line: None,
    running: Some("batch"),
    grace: Duration::from_secs(5),
    caveats: &[Caveat::RandomWeightsOnCpu, Caveat::SharedCores],
};

static ENTRIES: &[Entry] = &[
    Entry::new(PRESET, Flag::Value("--preset")),
    Entry::new(KV_CACHE, Flag::OnOff("--kv-cache")),
    Entry::new(BATCH, Flag::Value("--batch")),
    Entry::new(BATCH_WAIT_MS, Flag::Value("--batch-wait-ms")),
    Entry::new(SEED, Flag::Value("--seed")),
];
