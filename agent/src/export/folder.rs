//! Owns files that go out together as a folder, and the tar archive that they travel in.
//! Must not know what they hold.

use crate::files::tar_head;
use std::io::{Read, Write};
use std::path::Component;

/// Of files that go out: for everybody to read.
pub(super) const MODE: u32 = 0o644;

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its way from the folder, with slashes.
    pub path: String,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

impl Part {
    /// A file.
    pub(super) fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into() }
    }
}

/// Writes the files as a tar archive, everything in one folder of this name. The same files give the same bytes.
///
/// # Errors
/// Where they cannot be written.
pub fn tar(name: &str, parts: &[Part], to: impl Write) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(to);
    for part in parts {
        let mut head = tar_head(part.bytes.len() as u64, MODE);
        tar.append_data(&mut head, format!("{name}/{}", part.path), part.bytes.as_slice())?;
    }
    tar.into_inner()?.flush()
}

/// The files of such an archive, without the folder that all are in.
///
/// # Errors
/// Where it is none, or a file of it leads out of its folder.
pub fn untar(from: impl Read) -> std::io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for entry in tar::Archive::new(from).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let mut names = path.components();
        names.next();
        let names: Option<Vec<String>> = names
            .map(|name| match name {
                Component::Normal(name) => name.to_str().map(str::to_owned),
                _ => None,
            })
            .collect();
        let Some(names) = names else {
            return Err(std::io::Error::other(format!("{} leads out of its folder", path.display())));
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        parts.push(Part { path: names.join("/"), bytes });
    }
    Ok(parts)
}

/// A name as a part of a path: nothing that leads elsewhere, and nothing that a system forbids.
pub(super) fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '+' | ',');
    let plain: String = name.chars().take(120).map(|c| if allowed(c) { c } else { '_' }).collect();
    let plain = plain.trim_matches('.').to_owned();
    if plain.is_empty() { "unnamed".to_owned() } else { plain }
}

/// Names as parts of paths, each another: one that was there gets a number.
pub(super) fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let base = plain(&name);
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|name| !taken.contains(name));
        taken.extend(free);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else_and_are_told_apart() {
        let check = |name: &str, expect: &str| assert_eq!(plain(name), expect, "{name}");
        check("vLLM, QA", "vLLM,_QA");
        check("../../etc", "_.._etc");
        check("..", "unnamed");
        check("http://box:8000", "http___box_8000");
        assert_eq!(distinct(["a".into(), "a".into(), "b".into(), "a".into()]), ["a", "a_2", "b", "a_3"]);
    }
}
