//! Owns the pages of a damaged database as its last commits left them: those of its file, and over them those of its journal.
//! Must not know what is on a page.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How a database's file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The size of pages where the file does not tell it any more, bytes: what this program's logs have.
const USUAL_PAGE: usize = 4096;
/// Bytes before the first frame of a journal, and before the page of each.
const JOURNAL_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
/// What journals begin with: words of their sums are little-endian, or big-endian.
const LITTLE: u32 = 0x377f_0682;
const BIG: u32 = 0x377f_0683;

/// The pages of a database.
pub(super) struct Image {
    file: File,
    journal: Option<File>,
    /// Bytes of a page.
    pub page_bytes: usize,
    /// Pages that there are; the first has the number 1.
    pub pages: u32,
    /// Where in the journal the last committed content of a page is.
    newer: BTreeMap<u32, u64>,
}

/// The journal of a database's file.
pub(super) fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Image {
    /// Looks at a database's file and its journal, and changes neither.
    ///
    /// # Errors
    /// Where the file cannot be read at all.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; 18];
        let told = file.read_exact_at(&mut head, 0).is_ok() && head.starts_with(MAGIC);
        let journal = File::open(journal_of(path)).ok();
        let mut journal_head = [0; JOURNAL_HEAD];
        let of_journal = journal.as_ref().filter(|journal| journal.read_exact_at(&mut journal_head, 0).is_ok());
        // 65,536 is written as 1, for it does not fit.
        let of_file = match u16::from_be_bytes([head[16], head[17]]) {
            1 => 65_536,
            bytes => usize::from(bytes),
        };
        let candidates = [told.then_some(of_file), of_journal.map(|_| word(&journal_head, 8, false) as usize)];
        let page_bytes = candidates.into_iter().flatten().find(|bytes| is_page_size(*bytes)).unwrap_or(USUAL_PAGE);
        let newer = match of_journal {
            Some(journal) => committed(journal, &journal_head, page_bytes)?,
            None => BTreeMap::new(),
        };
        let of_file = file.metadata()?.len() / page_bytes as u64;
        let last = newer.last_key_value().map_or(0, |(page, _)| *page);
        let pages = u32::try_from(of_file).unwrap_or(u32::MAX).max(last);
        Ok(Self { file, journal, page_bytes, pages, newer })
    }

    /// A page; nothing where there is none of that number or the disk does not give it.
    pub fn page(&self, number: u32) -> Option<Vec<u8>> {
        let mut page = vec![0; self.page_bytes];
        match (self.newer.get(&number), &self.journal) {
            (Some(at), Some(journal)) => journal.read_exact_at(&mut page, *at),
            _ => self.file.read_exact_at(&mut page, u64::from(number.checked_sub(1)?) * self.page_bytes as u64),
        }
        .ok()?;
        Some(page)
    }
}

fn is_page_size(bytes: usize) -> bool {
    (512..=65_536).contains(&bytes) && bytes.is_power_of_two()
}

/// Where the pages of a journal's committed transactions are. Its sums chain each frame to all before it, so that it ends
/// with the first which does not fit.
fn committed(journal: &File, head: &[u8; JOURNAL_HEAD], page_bytes: usize) -> Result<BTreeMap<u32, u64>> {
    let little = match word(head, 0, false) {
        LITTLE => true,
        BIG => false,
        _ => return Ok(BTreeMap::new()),
    };
    let mut sums = add((0, 0), &head[..24], little);
    if sums != (word(head, 24, false), word(head, 28, false)) || word(head, 8, false) as usize != page_bytes {
        return Ok(BTreeMap::new());
    }
    let (mut all, mut pending) = (BTreeMap::new(), BTreeMap::new());
    let mut frame = vec![0; FRAME_HEAD + page_bytes];
    let mut at = JOURNAL_HEAD as u64;
    while journal.read_exact_at(&mut frame, at).is_ok() {
        sums = add(add(sums, &frame[..8], little), &frame[FRAME_HEAD..], little);
        // The same salt as the head's: frames after the end may be of an earlier round through the file.
        if frame[8..16] != head[16..24] || sums != (word(&frame, 16, false), word(&frame, 20, false)) {
            break;
        }
        pending.insert(word(&frame, 0, false), at + FRAME_HEAD as u64);
        if word(&frame, 4, false) > 0 {
            all.append(&mut pending);
        }
        at += frame.len() as u64;
    }
    Ok(all)
}

/// Goes on with a journal's sums over these bytes, whose number is a multiple of 8.
fn add((mut first, mut second): (u32, u32), bytes: &[u8], little: bool) -> (u32, u32) {
    for at in (0..bytes.len()).step_by(8) {
        first = first.wrapping_add(word(bytes, at, little)).wrapping_add(second);
        second = second.wrapping_add(word(bytes, at + 4, little)).wrapping_add(first);
    }
    (first, second)
}

/// Four bytes as a number; 0 beyond the end.
fn word(bytes: &[u8], at: usize, little: bool) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).unwrap_or([0; 4]);
    if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }
}
