//! Owns the files of the built dashboard, which travel in the agent's binary.
//! Must not know who reads them.

use rust_embed::{Embed, EmbeddedFile};

/// The built dashboard; empty where it was not built before the agent.
#[derive(Embed)]
#[folder = "../web/dist/"]
#[allow_missing = true]
struct Dist;

/// A file by its path without the leading slash.
pub(crate) fn file(path: &str) -> Option<EmbeddedFile> {
    Dist::get(path)
}
