//! Owns how the shape of an engine's model becomes known: where its files lie, and what was asked of its numbers.
//! Must not know engines by name, nor what is computed from a shape.

mod bytes;
mod config;
mod family;
#[cfg(test)]
mod tests;

pub(super) use bytes::{Asked, Precision};

use super::hub;
use bytes::Bytes;
use config::Config;
use shared::engine::{EngineInfo, ModelShape};
use std::path::{Path, PathBuf};

/// Longest config that is read, bytes.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// The shape of a model whose files lie on this host: in a folder, or in the cache of downloads.
///
/// # Errors
/// Why it is unknown, as a sentence.
pub(super) fn of(model: &str, cache: Option<&Path>, precision: &Precision) -> Result<ModelShape, String> {
    let folder = folder(model, cache)?;
    let config = read(&folder.join("config.json"))?;
    let config = Config::of(&config)?;
    let mut shape = config.shape()?;
    let is_quantised = config.quantisation.is_some();
    let files = if is_quantised && !config.is_nested { bytes::of_files(&folder) } else { None };
    let bytes = Bytes::of(&config, precision, files);
    shape.bytes_per_element = bytes.element.ok();
    let per_weight = bytes.weights.map(|weights| weights.per_weight(shape.parameters));
    let mut unknown = Vec::new();
    let mut take = |bytes: Result<f64, String>| bytes.map_err(|why| unknown.push(why)).ok();
    shape.bytes_per_weight = take(per_weight);
    shape.bytes_per_kv_element = take(bytes.kv_element);
    unknown.dedup();
    shape.unknown = unknown;
    Ok(shape)
}

/// Notes a shape down, or why it is unknown.
pub(super) fn note(info: &mut EngineInfo, shape: Result<ModelShape, String>) {
    (info.shape, info.no_shape) = match shape {
        Ok(shape) => (Some(shape), None),
        Err(why) => (None, Some(why)),
    };
}

/// Where the model's files lie.
fn folder(model: &str, cache: Option<&Path>) -> Result<PathBuf, String> {
    let path = Path::new(model);
    if model.starts_with(['/', '.']) {
        return match path.is_dir() {
            true => Ok(path.to_owned()),
            false => Err(format!("{model} is no folder, and a model in one file does not tell its shape.")),
        };
    }
    let cached = cache.and_then(|cache| hub::snapshot(model, cache));
    cached.ok_or_else(|| format!("Nothing of the model \"{model}\" lies on this host."))
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("{} could not be read: {error}.", path.display());
    if path.metadata().map_err(unreadable)?.len() > MAX_CONFIG_BYTES {
        return Err(format!("{} is longer than any config is.", path.display()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
