//! Owns what several rooms do with files: the folder of one, names that stay after a loss of power, heads in tar archives.
//! Must not know what the files hold.

use std::fs::File;
use std::io;
use std::path::Path;

/// The folder in which a file or folder lies.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until the names in a folder are on the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The head of a file in an archive, with nothing of this host or of now.
pub fn tar_head(bytes: u64, mode: u32) -> tar::Header {
    let mut head = tar::Header::new_gnu();
    head.set_entry_type(tar::EntryType::Regular);
    head.set_size(bytes);
    head.set_mode(mode);
    head.set_mtime(0);
    head
}
