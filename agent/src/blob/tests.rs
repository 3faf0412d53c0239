//! Owns the tests of blobs: what is written is read, whatever was cut off.
//! Must not know the event log.

use super::*;
use crate::record::Chunk;
use shared::outcome::Outcome;
use shared::summary::TokenSource;

fn run() -> RunId {
    RunId::new(1, 2)
}

fn record(id: u64) -> RequestRecord {
    let chunks = (0..id % 5).map(|i| Chunk { t_ns: id * 1_000_003 + i, tokens: (i % 2 == 0).then_some(1) }).collect();
    RequestRecord {
        sent_ns: Some(id + 1),
        head_ns: Some(id + 2),
        chunks,
        end_ns: id + 9,
        outcome: Outcome::Ok,
        status: Some(200),
        output_tokens: Some(3),
        token_source: TokenSource::ServerUsage,
        ..RequestRecord::due(id, id)
    }
}

/// A blob of frames with the given numbers of records; the records count up from 0.
fn blob(store: &BlobStore, frames: &[u64]) -> String {
    let mut writer = store.create(&run(), 0).unwrap();
    let mut ids = 0u64..;
    for frame in frames {
        ids.by_ref().take(*frame as usize).for_each(|id| writer.push(&record(id)).unwrap());
        writer.cut().unwrap();
    }
    writer.finish().unwrap()
}

fn store() -> (tempfile::TempDir, BlobStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::open(dir.path().join("blobs")).unwrap();
    (dir, store)
}

#[test]
fn what_is_written_is_read_and_found() {
    let (_dir, store) = store();
    let name = blob(&store, &[3, 1, 20]);
    let mut records = store.read(&name).unwrap();
    let read: Vec<_> = records.by_ref().map(Result::unwrap).collect();
    assert_eq!(read, (0..24).map(record).collect::<Vec<_>>());
    assert!(!records.is_cut());
    assert_eq!(store.find(&name, 17).unwrap(), Some(record(17)));
    assert_eq!(store.find(&name, 24).unwrap(), None);
}

#[test]
fn a_file_cut_anywhere_gives_all_whole_frames() {
    let (dir, store) = store();
    let mut ends = Vec::new();
    for frames in [&[2u64][..], &[2, 3], &[2, 3, 1]] {
        let name = blob(&store, frames);
        ends.push((std::fs::metadata(dir.path().join("blobs").join(name)).unwrap().len(), frames.iter().sum::<u64>()));
    }
    let whole = std::fs::read(dir.path().join("blobs").join(blob(&store, &[2, 3, 1]))).unwrap();
    let torn = store.create(&run(), 1).unwrap().finish().unwrap();
    for length in 0..=whole.len() {
        std::fs::write(dir.path().join("blobs").join(&torn), &whole[..length]).unwrap();
        let expect = ends.iter().rev().find(|(end, _)| *end <= length as u64).map_or(0, |(_, n)| *n);
        let mut records = store.read(&torn).unwrap();
        let read: Vec<_> = records.by_ref().map(|r| r.unwrap().id).collect();
        assert_eq!(read, (0..expect).collect::<Vec<_>>(), "cut at {length}");
        let at_an_end = length == 0 || ends.iter().any(|(end, _)| *end == length as u64);
        assert_eq!(records.is_cut(), !at_an_end, "cut at {length}");
    }
}

#[test]
fn a_flipped_byte_is_damage_and_never_a_false_record() {
    let (dir, store) = store();
    let name = blob(&store, &[2, 3]);
    let path = dir.path().join("blobs").join(&name);
    let whole = std::fs::read(&path).unwrap();
    let known: Vec<_> = (0..5).map(record).collect();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let mut records = store.read(&name).unwrap();
        let read: Vec<_> = records.by_ref().collect();
        let noticed = records.is_cut() || read.iter().any(Result::is_err) || read.len() == known.len();
        assert!(noticed, "byte {at}");
        assert!(read.into_iter().flatten().all(|r| known.contains(&r)), "byte {at}");
    }
}

#[test]
fn an_attempt_never_touches_the_one_before() {
    let (_dir, store) = store();
    let first = blob(&store, &[2]);
    let second = blob(&store, &[3]);
    assert_ne!(first, second);
    assert_eq!(store.read(&first).unwrap().count(), 2);
    assert_eq!(store.read(&second).unwrap().count(), 3);
}

#[test]
fn frames_are_cut_at_their_size_without_being_asked() {
    let (dir, store) = store();
    let mut writer = store.create(&run(), 0).unwrap();
    let mut long = record(0);
    long.chunks = (0..100_000).map(|i| Chunk { t_ns: i, tokens: Some(1) }).collect();
    writer.push(&long).unwrap();
    let on_disk = std::fs::read_dir(dir.path().join("blobs")).unwrap().next().unwrap().unwrap().metadata().unwrap();
    assert!(on_disk.len() > 0);
    // Dropped without finish, as a crash does: the frame is there.
    drop(writer);
    let name = format!("{}-t0-a0{ENDING}", run());
    assert_eq!(store.find(&name, 0).unwrap(), Some(long));
}

#[test]
fn names_cannot_leave_the_directory() {
    let (dir, store) = store();
    std::fs::write(dir.path().join("r.rmp.zst"), "").unwrap();
    for name in ["../r.rmp.zst", "/etc/passwd", "r/../../r.rmp.zst", "", "r.rmp.zst\0", "R1.rmp.zst", "r1"] {
        assert!(matches!(store.read(name), Err(BlobError::Name(_))), "{name:?}");
    }
    let gone = store.read("r1-t0-a0.rmp.zst").err().map(|e| e.to_string());
    assert_eq!(gone.as_deref(), Some("The request records r1-t0-a0.rmp.zst are not on this host's disk."));
}
