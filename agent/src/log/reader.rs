//! Owns the reading thread: one connection that only reads, beside the writer.
//! Must not know what is read.

use rusqlite::Connection;
use tokio::sync::mpsc;

/// Reads that may wait; a further one waits for room.
const MAX_QUEUE: usize = 64;

/// One piece of reading.
pub(super) type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Starts the thread; it ends when the last sender is gone.
pub(super) fn start(conn: Connection) -> std::io::Result<mpsc::Sender<Read>> {
    let (reads, mut queue) = mpsc::channel::<Read>(MAX_QUEUE);
    std::thread::Builder::new().name("log-read".into()).spawn(move || {
        while let Some(read) = queue.blocking_recv() {
            read(&conn);
        }
    })?;
    Ok(reads)
}
