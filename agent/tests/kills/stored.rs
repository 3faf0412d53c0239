//! Owns what lies in a data directory, read by nothing of ours but the encoding of events: the log's tables and the blobs.
//! Must not know who wrote it.

use rusqlite::Connection;
use shared::event::{Body, Event};
use shared::ids::RunId;
use std::collections::BTreeMap;
use std::path::Path;
use tokenprism::blob::BlobStore;

/// A log as its file has it.
pub struct Stored(Connection);

impl Stored {
    /// Opens the log of a data directory beside the agent that uses it.
    pub fn open(data: &Path) -> Self {
        let log = Connection::open(data.join("log.sqlite")).unwrap();
        log.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        log.execute_batch("PRAGMA query_only = ON").unwrap();
        Self(log)
    }

    /// The file is whole, and no stream of events has a hole or begins late.
    pub fn verify(&self) {
        let said: String = self.0.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(said, "ok");
        let sql = "SELECT stream, count(*), min(seq), max(seq) FROM events GROUP BY stream";
        let mut streams = self.0.prepare(sql).unwrap();
        let mut rows = streams.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (stream, n, first, last): (String, i64, i64, i64) =
                (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap());
            assert_eq!((first, last), (1, n), "the stream {stream} has a hole");
        }
    }

    /// The events of a run.
    pub fn events(&self, run: &RunId) -> BTreeMap<u64, Event> {
        let mut statement = self.0.prepare("SELECT seq, t_ns, body FROM events WHERE stream = ?1").unwrap();
        let rows = statement.query_map([run.as_str()], |row| {
            let (seq, t_ns, body): (i64, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let body: Body = rmp_serde::from_slice(&body).expect("an event that cannot be read");
            Ok((seq.unsigned_abs(), Event { seq: seq.unsigned_abs(), t_ns: t_ns.unsigned_abs(), body }))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// Every blob that these events name is on the disk and can be read to its end; how many there are.
pub fn verify_blobs(data: &Path, events: &BTreeMap<u64, Event>) -> usize {
    let blobs = BlobStore::open(data.join("blobs")).unwrap();
    let named = events.values().filter_map(|event| match &event.body {
        Body::TrialDone { blob, .. } => blob.as_deref(),
        _ => None,
    });
    named
        .map(|name| {
            let mut records = blobs.read(name).unwrap();
            assert!(records.by_ref().map(Result::unwrap).count() > 0, "{name} holds no record");
            assert!(!records.is_cut(), "{name} was named before it was whole");
        })
        .count()
}
