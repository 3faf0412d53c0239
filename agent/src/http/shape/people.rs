//! Owns the documented shapes of tokens, links, who asks and what was done.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use serde_json::Value;
use utoipa::ToSchema;

/// Who did something.
#[derive(ToSchema)]
pub(in crate::http) struct Who {
    /// `admin` for the token that the agent printed, the id of a named token or of a share, `command line`, or the user that a
    /// proxy named.
    id: String,
    /// The name that goes with it.
    name: String,
}

/// A named token as it is listed.
#[derive(ToSchema)]
pub(in crate::http) struct TokenRow {
    /// Its id.
    token: String,
    /// Whose or what for.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: String,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Who made it.
    by: Who,
    /// When it was used last, to a minute, Unix ms of the host; absent where it never was.
    #[schema(nullable = false)]
    used_unix_ms: Option<u64>,
    /// When it ends, Unix ms of the host; absent where it does not by itself.
    #[schema(nullable = false)]
    expires_unix_ms: Option<u64>,
}

/// A token that was just made.
#[derive(ToSchema)]
pub(in crate::http) struct NewToken {
    /// How it is listed.
    row: TokenRow,
    /// The token, which is not seen again.
    secret: String,
}

/// A link as it is listed.
#[derive(ToSchema)]
pub(in crate::http) struct ShareRow {
    /// Its id.
    share: String,
    /// What it shows: `{"run": id}`, `{"study": id}`, or `{"comparison": [id, …]}`.
    shared: Value,
    /// The name of what it shows, as of its creation.
    title: String,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Who made it.
    by: Who,
    /// When it ends, Unix ms of the host.
    expires_unix_ms: u64,
}

/// A link that was just made.
#[derive(ToSchema)]
pub(in crate::http) struct NewShare {
    /// How it is listed.
    row: ShareRow,
    /// The link, relative to the agent, which is not seen again.
    path: String,
}

/// Who asks.
#[derive(ToSchema)]
pub(in crate::http) struct Me {
    /// Id and name.
    who: Who,
    /// `viewer`, `operator` or `admin`.
    role: String,
    /// What was shared, where that is all that they may see.
    #[schema(nullable = false)]
    shared: Option<Vec<Value>>,
    /// When that ends, Unix ms of the host; absent where it does not by itself.
    #[schema(nullable = false)]
    expires_unix_ms: Option<u64>,
    /// Offset of the host's local time from UTC now, minutes, where the system tells.
    #[schema(nullable = false)]
    utc_offset_minutes: Option<i32>,
    /// Name of the host's time zone, where the system tells.
    #[schema(nullable = false)]
    time_zone: Option<String>,
}

/// Something that somebody did.
#[derive(ToSchema)]
pub(in crate::http) struct AuditRow {
    /// Its number; later ones are greater.
    seq: u64,
    /// When, Unix ms of the host.
    at_unix_ms: u64,
    /// Who; absent where nobody was signed in.
    #[schema(nullable = false)]
    by: Option<Who>,
    /// What was done, in words.
    action: String,
    /// What to.
    #[schema(nullable = false)]
    object: Option<String>,
}
