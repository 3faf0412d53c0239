//! Owns the proof that what was acknowledged outlives a power cut: of every file that SQLite writes, only what it had synced by
//! the time of the acknowledgement is kept, and a log opened on that has the event.
//! Must not know how the log is stored, beyond that SQLite does it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(unsafe_code, reason = "SQLite's file methods are a table of C functions")]

#[path = "support/events.rs"]
mod events;

use events::{created, run};
use rusqlite::{Connection, ffi};
use shared::event::Body;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use tokenprism::log::{Committed, SqliteLog};

/// What a file held when it was synced last, by its name.
static SYNCED: Mutex<BTreeMap<PathBuf, Vec<u8>>> = Mutex::new(BTreeMap::new());
/// Files that were deleted, and whose folder was not synced since.
static DELETED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
/// Names of the open files, by their address.
static OPEN: Mutex<BTreeMap<usize, PathBuf>> = Mutex::new(BTreeMap::new());
/// The methods that SQLite's own have been copied from, and the copies, in which a sync is noted.
static METHODS: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());
static ORIGINAL: OnceLock<usize> = OnceLock::new();

/// SQLite's own file system.
fn original() -> &'static ffi::sqlite3_vfs {
    // SAFETY: it was found when the other one was registered, and lives as long as the program.
    unsafe { &*(*ORIGINAL.get().unwrap() as *const ffi::sqlite3_vfs) }
}

/// Opens a file as SQLite does, and gives it methods that note when it is synced.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's own, passed on to its own function.
    unsafe {
        let code = original().xOpen.unwrap()(vfs, name, file, flags, out);
        if code == ffi::SQLITE_OK && !name.is_null() && !(*file).pMethods.is_null() {
            let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
            OPEN.lock().unwrap().insert(file as usize, path);
            let theirs = (*file).pMethods as usize;
            let ours = *METHODS.lock().unwrap().entry(theirs).or_insert_with(|| {
                let mut methods = *(*file).pMethods;
                methods.xSync = Some(sync);
                Box::leak(Box::new(methods)) as *const ffi::sqlite3_io_methods as usize
            });
            (*file).pMethods = ours as *const ffi::sqlite3_io_methods;
        }
        code
    }
}

/// Deletes a file as SQLite does; until its folder is synced, a power cut leaves it there.
unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own, passed on to its own function.
    let (code, path) = unsafe {
        let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
        (original().xDelete.unwrap()(vfs, name, sync_folder), path)
    };
    match code {
        ffi::SQLITE_OK if sync_folder != 0 => drop(SYNCED.lock().unwrap().remove(&path)),
        ffi::SQLITE_OK => DELETED.lock().unwrap().push(path),
        _ => {}
    }
    code
}

/// Syncs a file as SQLite does; what it holds then is what a power cut leaves.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is an open one, whose methods are a copy of these.
    let code = unsafe {
        let ours = (*file).pMethods as usize;
        let theirs =
            METHODS.lock().unwrap().iter().find(|(_, copy)| **copy == ours).map(|(theirs, _)| *theirs).unwrap();
        (*(theirs as *const ffi::sqlite3_io_methods)).xSync.unwrap()(file, flags)
    };
    let path = OPEN.lock().unwrap().get(&(file as usize)).cloned();
    if code == ffi::SQLITE_OK
        && let Some(path) = path
        // A log of which the test has done with may be closed after its folder is gone.
        && let Ok(bytes) = std::fs::read(&path)
    {
        let mut synced = SYNCED.lock().unwrap();
        // With the first sync of a new file SQLite syncs its folder, and with that what was deleted there before.
        if synced.insert(path, bytes).is_none() {
            DELETED.lock().unwrap().drain(..).for_each(|path| drop(synced.remove(&path)));
        }
    }
    code
}

/// From here on every file that SQLite opens in this program is watched.
fn watch() {
    ORIGINAL.get_or_init(|| {
        // SAFETY: the default file system is copied, and one of its functions replaced, before any file is opened.
        unsafe {
            let theirs = ffi::sqlite3_vfs_find(std::ptr::null());
            let mut ours = *theirs;
            ours.zName = c"watched".as_ptr();
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            ours.pNext = std::ptr::null_mut();
            assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1), ffi::SQLITE_OK);
            theirs as usize
        }
    });
}

/// A folder with what a power cut at this moment would leave of another.
fn cut(of: &Path) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    for (path, bytes) in SYNCED.lock().unwrap().iter() {
        if let Ok(name) = path.strip_prefix(of) {
            std::fs::write(left.path().join(name), bytes).unwrap();
        }
    }
    left
}

fn line(n: u64) -> Body {
    // Some fill many pages.
    Body::EngineLog { lines: vec!["x".repeat(usize::try_from(n % 7 * 3_000).unwrap())] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_on_the_disk_before_anybody_hears_of_it() {
    watch();
    // What this test looks at could tell: without syncs nothing is left.
    let loose = tempfile::tempdir().unwrap();
    let conn = Connection::open(loose.path().join("loose.sqlite")).unwrap();
    conn.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)",
    )
    .unwrap();
    assert_eq!(std::fs::read_dir(cut(loose.path()).path()).unwrap().count(), 0);

    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
    let mut heard = log.subscribe();
    // Enough for the journal to be brought into the file and begun anew.
    for n in 1..=300u64 {
        let body = if n == 1 { created(&run(1)) } else { line(n) };
        let log = log.clone();
        let appended = tokio::spawn(async move { log.append(&run(1), vec![(n, body)]).await.unwrap() });
        // The first who hears of it, be it by its broadcast or by its answer, pulls the plug.
        let event = loop {
            if let Committed::Events { events, .. } = heard.recv().await.unwrap() {
                break events[0].clone();
            }
        };
        if n % 10 == 0 || n < 10 {
            let left = cut(dir.path());
            let after = SqliteLog::open(&left.path().join("log.sqlite")).unwrap();
            assert_eq!(after.read_from(&run(1), n - 1, 9).await.unwrap(), [event], "event {n} is lost");
            assert_eq!(after.view(&run(1)).await.unwrap().unwrap().seq, n);
        }
        assert_eq!(appended.await.unwrap()[0].seq, n);
    }
}
