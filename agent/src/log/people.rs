//! Owns the projections of tokens and shares: those that were not revoked, and when tokens were used last.
//! Must not know what a token or a share opens, nor who asks.

use super::project::{signed, unstorable};
use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::ids::{ShareId, TokenId};
use shared::people::{ShareRow, TokenRow};

/// A named token as it is kept: by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptToken {
    /// How it is listed.
    pub row: TokenRow,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

/// A share as it is kept: by the hash of what its link has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptShare {
    /// How it is listed.
    pub row: ShareRow,
    /// SHA-256 of the secret in its link.
    pub sha256: [u8; 32],
}

/// Puts a token into the list.
pub(super) fn put_token(conn: &Connection, kept: &KeptToken) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO tokens(token, kept) VALUES (?1, ?2)";
    put(conn, sql, kept.row.token.as_str(), kept)
}

/// Takes a token out of the list; true where it was there.
pub(super) fn bury_token(conn: &Connection, token: &TokenId) -> Result<bool, rusqlite::Error> {
    conn.execute("DELETE FROM token_uses WHERE token = ?1", [token.as_str()])?;
    Ok(conn.execute("DELETE FROM tokens WHERE token = ?1", [token.as_str()])? > 0)
}

/// Notes when tokens were used last, Unix ms. No event tells this, so no rebuilding touches it.
pub(super) fn used(conn: &Connection, uses: &[(TokenId, u64)]) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO token_uses(token, used_unix_ms)
               SELECT token, ?2 FROM tokens WHERE token = ?1";
    for (token, used_unix_ms) in uses {
        conn.prepare_cached(sql)?.execute(params![token.as_str(), signed(*used_unix_ms)])?;
    }
    Ok(())
}

/// Tokens that were not revoked, oldest first, with their last use.
pub(super) fn tokens(conn: &Connection) -> Result<Vec<KeptToken>, rusqlite::Error> {
    let sql = "SELECT kept, used_unix_ms FROM tokens LEFT JOIN token_uses USING (token) ORDER BY token";
    let of_row = |row: &Row<'_>| -> Result<Option<KeptToken>, rusqlite::Error> {
        let used: Option<i64> = row.get(1)?;
        let mut kept: Option<KeptToken> = read(row)?;
        if let Some(kept) = &mut kept {
            kept.row.used_unix_ms = used.map(i64::unsigned_abs);
        }
        Ok(kept)
    };
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map([], of_row)?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Puts a share into the list.
pub(super) fn put_share(conn: &Connection, kept: &KeptShare) -> Result<(), rusqlite::Error> {
    put(conn, "INSERT OR REPLACE INTO shares(share, kept) VALUES (?1, ?2)", kept.row.share.as_str(), kept)
}

/// Takes a share out of the list; true where it was there.
pub(super) fn bury_share(conn: &Connection, share: &ShareId) -> Result<bool, rusqlite::Error> {
    Ok(conn.execute("DELETE FROM shares WHERE share = ?1", [share.as_str()])? > 0)
}

/// Shares that were not revoked, oldest first.
pub(super) fn shares(conn: &Connection) -> Result<Vec<KeptShare>, rusqlite::Error> {
    let mut statement = conn.prepare_cached("SELECT kept FROM shares ORDER BY share")?;
    let found = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn put<T: Serialize>(conn: &Connection, sql: &str, id: &str, kept: &T) -> Result<(), rusqlite::Error> {
    let bytes = rmp_serde::to_vec_named(kept).map_err(unstorable)?;
    conn.prepare_cached(sql)?.execute(params![id, bytes])?;
    Ok(())
}

/// One that only a later version can read opens nothing, and is passed over.
fn read<T: DeserializeOwned>(row: &Row<'_>) -> Result<Option<T>, rusqlite::Error> {
    let kept = rmp_serde::from_slice(row.get_ref(0)?.as_bytes()?);
    if let Err(error) = &kept {
        tracing::warn!(%error, "a token or a share cannot be read by this version and opens nothing");
    }
    Ok(kept.ok())
}
