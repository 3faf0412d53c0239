//! Owns an engine whose start fails as one did: it prints what was logged then, and exits.
//! Must not know what is tested.
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use serde_json::{Value, json};
use std::path::Path;

/// The engine's part of a plan, of a model that does not fit the device; its log is copied below `dir`.
pub fn out_of_memory(dir: &Path) -> Value {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/engine_failures/llama_out_of_memory.log");
    let text = std::fs::read_to_string(kept).unwrap();
    let (_, log) = text.split_once("\n\n").unwrap();
    let path = dir.join("out_of_memory.log");
    std::fs::write(&path, log).unwrap();
    let script = format!("cat '{}' >&2; exit 1", path.display());
    json!({ "kind": "llama_server", "launch": "native", "model": "m.gguf", "command": ["sh", "-c", script] })
}
