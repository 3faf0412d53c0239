//! Owns the sum that lies beside each event, by which a byte that changed on the disk is noticed.
//! Must not know what is done about it.

use crc32fast::Hasher;
use rusqlite::{Connection, Row, params};

/// Rows that are read and written in one go where sums are added.
const ROWS: usize = 1_000;

/// The CRC-32 of all that a row of the log says. Lengths keep apart what follows one another.
pub(super) fn of(stream: &str, seq: i64, t_ns: i64, kind: &str, body: &[u8]) -> u32 {
    let mut hash = Hasher::new();
    for part in [stream.as_bytes(), &seq.to_le_bytes(), &t_ns.to_le_bytes(), kind.as_bytes(), body] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
}

/// The sum of a row of `stream, seq, t_ns, kind, body`.
fn of_row(row: &Row<'_>) -> Result<u32, rusqlite::Error> {
    let text = |at: usize| -> Result<&str, rusqlite::Error> { Ok(row.get_ref(at)?.as_str()?) };
    Ok(of(text(0)?, row.get(1)?, row.get(2)?, text(3)?, row.get_ref(4)?.as_bytes()?))
}

/// Adds the sums of all rows: what they say now is what is believed from here on.
pub(super) fn add(conn: &Connection) -> Result<(), rusqlite::Error> {
    let (mut stream, mut seq) = (String::new(), 0);
    loop {
        let sql = "SELECT stream, seq, t_ns, kind, body FROM events WHERE (stream, seq) > (?1, ?2)
                   ORDER BY stream, seq LIMIT ?3";
        let mut statement = conn.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, of_row(row)?));
        let rows = statement.query_map(params![stream, seq, ROWS as i64], read)?.collect::<Result<Vec<_>, _>>()?;
        let Some((last, at, _)) = rows.last() else { return Ok(()) };
        (stream, seq) = (last.clone(), *at);
        let mut update = conn.prepare_cached("UPDATE events SET sum = ?3 WHERE stream = ?1 AND seq = ?2")?;
        for (stream, seq, sum) in rows {
            update.execute(params![stream, seq, sum])?;
        }
    }
}

/// The first event, stream and number, that does not have its sum; events without one are believed.
pub(super) fn first_wrong(conn: &Connection) -> Result<Option<(String, i64)>, rusqlite::Error> {
    let mut statement = conn.prepare("SELECT stream, seq, t_ns, kind, body, sum FROM events")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(sum) = row.get::<_, Option<u32>>(5)?
            && sum != of_row(row)?
        {
            return Ok(Some((row.get(0)?, row.get(1)?)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_that_differ_share_a_sum_by_their_seams() {
        let rows = [("a", 1, 2, "b", "c"), ("ab", 1, 2, "", "c"), ("a", 1, 2, "bc", ""), ("a", 2, 1, "b", "c")];
        let sums: std::collections::BTreeSet<u32> =
            rows.iter().map(|(s, n, t, k, b)| of(s, *n, *t, k, b.as_bytes())).collect();
        assert_eq!(sums.len(), rows.len());
    }
}
