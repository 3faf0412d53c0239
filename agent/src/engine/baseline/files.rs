//! Owns the program's files: embedded here, written where Python can read them.
//! Must not know what they do.

use super::MODULE;
use rust_embed::Embed;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Embed)]
#[folder = "../baseline/tokenprism_baseline/"]
struct Source;

/// Writes the program below `folder`, where it is not there yet, and gives the folder to put on `PYTHONPATH`. Each
/// version has its own, so that a newer agent leaves alone what an older one still runs.
///
/// # Errors
/// When the folder cannot be written.
pub fn unpack(folder: &Path) -> io::Result<PathBuf> {
    // Python leaves compiled files beside its own, which are no part of the program.
    let names = Source::iter().filter(|name| name.ends_with(".py"));
    let mut files: Vec<_> = names.filter_map(|name| Source::get(&name).map(|file| (name, file.data))).collect();
    files.sort();
    let mut hash = Sha256::new();
    for (name, data) in &files {
        hash.update(name.as_bytes());
        hash.update(Sha256::digest(data));
    }
    let version = hex::encode(hash.finalize());
    let target = folder.join(format!("baseline-{}", &version[..16]));
    if target.is_dir() {
        return Ok(target);
    }
    std::fs::create_dir_all(folder)?;
    // Whole or not at all, whoever else does the same now.
    let fresh = tempfile::Builder::new().prefix(".baseline-").tempdir_in(folder)?;
    for (name, data) in &files {
        let path = fresh.path().join(MODULE).join(&**name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, data)?;
    }
    match std::fs::rename(fresh.path(), &target) {
        Ok(()) => {
            // It has another name now.
            drop(fresh.keep());
            Ok(target)
        }
        Err(_) if target.is_dir() => Ok(target),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_written_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("not/yet/there");
        let unpacked = unpack(&data).unwrap();
        let package = unpacked.join(MODULE);
        for file in ["__main__.py", "front/service.py", "model/generation.py"] {
            let embedded = std::fs::read(package.join(file)).unwrap();
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../baseline").join(MODULE).join(file);
            assert_eq!(embedded, std::fs::read(source).unwrap(), "{file}");
        }
        std::fs::write(unpacked.join("mark"), "").unwrap();
        assert_eq!(unpack(&data).unwrap(), unpacked);
        assert!(unpacked.join("mark").exists(), "it was written again");
        let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [unpacked.file_name().unwrap()]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(unpack(&file.join("below")).is_err());
    }
}
