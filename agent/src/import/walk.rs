//! Owns the way through folders on this host: regular files only, no link followed, bounded in depth and number.
//! Must not know what files hold.

use super::archive::is_archive;
use super::file::{MAX_FILE_BYTES, too_long};
use super::intake::MAX_FILES;
use std::fs::{self, Metadata};
use std::path::{Component, Path, PathBuf};

/// Folders within folders.
const MAX_DEPTH: usize = 24;
/// Parts of a path that a file's name keeps where it was named itself: those tell what it is, and no more of this host.
const KEPT_PARTS: usize = 4;

/// What was found at a path.
#[derive(Debug)]
pub enum Found {
    /// A file that can be read.
    File {
        /// Its name: the folder that was named, and the way from there.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// Something that is left out.
    LeftOut {
        /// Its name.
        name: String,
        /// Why, as a sentence.
        why: String,
    },
}

/// Everything at the paths, folders with all that is in them, in the order of names.
#[must_use]
pub fn walk(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        let name = name_of(path);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => folder(path, &name, 0, &mut found),
            Ok(metadata) => found.push(file(path, name, &metadata)),
            Err(error) => found.push(left_out(name, format!("It could not be read: {error}."))),
        }
    }
    found
}

/// The last parts of a path that was named.
fn name_of(path: &Path) -> String {
    // `.` and the like have a name only once they are resolved.
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let parts: Vec<_> = whole.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let kept = if path.is_dir() { 1 } else { KEPT_PARTS };
    let parts = parts[parts.len().saturating_sub(kept)..].iter();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn folder(path: &Path, name: &str, depth: usize, found: &mut Vec<Found>) {
    if depth > MAX_DEPTH {
        found.push(left_out(name.to_owned(), format!("It lies more than {MAX_DEPTH} folders deep.")));
        return;
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return found.push(left_out(name.to_owned(), format!("It could not be read: {error}."))),
    };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    entries.sort();
    for entry in entries {
        if found.len() > MAX_FILES {
            return;
        }
        let (path, name) = (path.join(&entry), format!("{name}/{}", entry.to_string_lossy()));
        // A link may lead anywhere, in a circle as well.
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => folder(&path, &name, depth + 1, found),
            Ok(metadata) => found.push(file(&path, name, &metadata)),
            Err(error) => found.push(left_out(name, format!("It could not be read: {error}."))),
        }
    }
}

fn file(path: &Path, name: String, metadata: &Metadata) -> Found {
    if metadata.is_symlink() {
        return left_out(name, "It is a link, and links in folders are not followed.".to_owned());
    }
    if !metadata.is_file() {
        return left_out(name, "It is no regular file.".to_owned());
    }
    let is_long = metadata.len() > MAX_FILE_BYTES as u64;
    if is_long && !fs::File::open(path).is_ok_and(|file| is_archive(&file)) {
        return left_out(name, too_long(metadata.len()));
    }
    Found::File { name, path: path.to_owned() }
}

fn left_out(name: String, why: String) -> Found {
    Found::LeftOut { name, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_pipes_and_long_files_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("study");
        fs::create_dir_all(root.join("vllm/a")).unwrap();
        fs::write(root.join("vllm/a/run=0.json"), "{}").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("vllm/a/run=1.json")).unwrap();
        std::os::unix::fs::symlink(&root, root.join("vllm/around")).unwrap();
        nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let long = fs::File::create(root.join("long.json")).unwrap();
        long.set_len(MAX_FILE_BYTES as u64 + 1).unwrap();
        let found = walk(&[root, dir.path().join("nothing")]);
        let told: Vec<(String, String)> = found
            .into_iter()
            .map(|found| match found {
                Found::File { name, .. } => (name, String::new()),
                Found::LeftOut { name, why } => (name, why),
            })
            .collect();
        let check = |at: usize, name: &str, words: &str| {
            assert!(told[at].0.ends_with(name) && told[at].1.contains(words), "{:?}", told[at]);
        };
        check(0, "study/long.json", "64 MiB");
        check(1, "study/pipe", "no regular file");
        check(2, "study/vllm/a/run=0.json", "");
        check(3, "study/vllm/a/run=1.json", "a link");
        check(4, "study/vllm/around", "a link");
        check(5, "nothing", "could not be read");
        assert_eq!(told.len(), 6);
    }
}
