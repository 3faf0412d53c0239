//! Owns turning what the agent sends into types, always by way of one tree of values.
//! Must not know what the types mean.

use super::tree::Tree;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A type from a MessagePack frame.
///
/// The tree between costs some time and saves 150 KB of download: the deserialiser of a type is compiled once for
/// every format that it is read from, and this way there is one.
pub fn message_pack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    tree(rmp_serde::from_slice(bytes).map_err(|e| e.to_string())?)
}

/// A type from JSON text.
pub fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    tree(serde_json::from_str(text).map_err(|e| e.to_string())?)
}

/// A type from the tree itself.
pub fn tree<T: DeserializeOwned>(tree: Value) -> Result<T, String> {
    T::deserialize(Tree(tree)).map_err(|e| e.to_string())
}
