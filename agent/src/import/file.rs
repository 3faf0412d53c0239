//! Owns one file as it was handed in: a harmless name, a bounded text, and what marks it as no result file at all.
//! Must not know any format.

use sha2::{Digest, Sha256};
use shared::source::SourceFile;

/// Longest file that is read, bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Longest name that is kept, characters; its end tells most.
const MAX_NAME: usize = 200;

/// Beginnings of files that hold others.
const ARCHIVES: [(&[u8], &str); 7] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"7z\xbc\xaf", "a 7z archive"),
];
/// Plots lie beside the files that they are drawn from.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// A tar archive says so at this place.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// What is noted of a file.
#[must_use]
pub(super) fn noted(name: &str, bytes: &[u8]) -> SourceFile {
    let sha256 = hex::encode(Sha256::digest(bytes));
    SourceFile { name: harmless_name(name), bytes: bytes.len() as u64, sha256 }
}

/// A name as it may be shown and stored: its folders kept, but no way out of them, no root, and nothing that a terminal
/// would obey. It is never used to open anything.
#[must_use]
pub fn harmless_name(name: &str) -> String {
    let name = name.replace('\\', "/");
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let shown = |c: char| if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c };
    let name: String = parts.join("/").chars().map(shown).collect();
    let over = name.chars().count().saturating_sub(MAX_NAME);
    let name: String = name.chars().skip(over).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// Characters that turn or hide what stands around them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text of a file.
///
/// # Errors
/// A sentence where it is too long, an archive, or no text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_long(bytes.len() as u64));
    }
    let is_tar = bytes.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1));
    let archive = ARCHIVES.iter().find(|(begin, _)| bytes.starts_with(begin)).map(|(_, what)| *what);
    if let Some(what) = archive.or(is_tar.then_some("a tar archive")) {
        return Err(format!("It is {what}, and archives are not opened: unpack it and import the folder."));
    }
    if bytes.starts_with(PNG) {
        return Err("It is a picture: the figures that it shows are in other files.".to_owned());
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or("It is no text: result files are JSON or CSV.")?;
    if text.trim().is_empty() {
        return Err("It is empty.".to_owned());
    }
    Ok(text.trim_start_matches('\u{feff}'))
}

/// Why a file of so many bytes is not read.
pub(super) fn too_long(bytes: u64) -> String {
    let limit = MAX_FILE_BYTES >> 20;
    format!(
        "It has {bytes} bytes, more than the {limit} MiB that are read: have its tool write the summary without every \
         request."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folders_and_do_nothing() {
        let check = |name: &str, expect: &str| assert_eq!(harmless_name(name), expect, "{name:?}");
        check("study/vllm/run=0.json", "study/vllm/run=0.json");
        check("../../etc/passwd", "etc/passwd");
        check("/etc/shadow", "etc/shadow");
        check("C:\\..\\x.json", "C:/x.json");
        check("a/./b//c", "a/b/c");
        check("", "unnamed");
        check("../..", "unnamed");
        check("\x1b]0;title\x07.json", "\u{fffd}]0;title\u{fffd}.json");
        check("txt.\u{202e}nosj", "txt.\u{fffd}nosj");
        // Pages show names as text, so what is HTML elsewhere stays as it is.
        check("<script>alert(1)</script>.json", "<script>alert(1)</script>.json");
        check(&"x".repeat(300), &"x".repeat(MAX_NAME));
    }

    #[test]
    fn what_is_no_result_file_is_refused_with_a_sentence() {
        let check = |bytes: &[u8], words: &str| {
            let why = text(bytes).unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        check(b"", "empty");
        check(b" \n", "empty");
        check(b"PK\x03\x04rest", "zip archive");
        check(b"\x1f\x8b\x08", "gzip");
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        check(&tar, "tar archive");
        check(b"\x89PNG\r\n\x1a\n\0\0", "a picture");
        check(b"\x89no text", "no text");
        check(b"{\"a\": \0}", "no text");
        check(&vec![b' '; MAX_FILE_BYTES + 1], "67108865 bytes, more than the 64 MiB");
        assert_eq!(text("\u{feff}{}".as_bytes()), Ok("{}"));
    }
}
