//! Owns the documented shapes of the disk and of the policy of what is kept.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use utoipa::ToSchema;

/// What is kept. Without a limit everything is; what is pinned, tagged `keep` or under way always is. Unknown fields are refused.
#[derive(ToSchema)]
pub(in crate::http) struct Retention {
    /// Runs older than so many days go, 1 to 36,525.
    keep_days: Option<u32>,
    /// The oldest go until the others hold no more bytes than this, at least 100,000,000.
    max_bytes: Option<u64>,
}

/// A run and what it holds.
#[derive(ToSchema)]
pub(in crate::http) struct Held {
    /// The run's id.
    run: String,
    /// Its name.
    name: String,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Bytes of its events in the log.
    events_bytes: u64,
    /// Bytes of its request records on the disk.
    records_bytes: u64,
    /// Why no policy takes it: `active`, `pinned` or `tagged`; absent where one may.
    #[schema(required)]
    kept: Option<String>,
}

/// What the history takes on the disk, and what is kept of it.
#[derive(ToSchema)]
pub(in crate::http) struct Disk {
    /// The policy.
    policy: Retention,
    /// Bytes of the log's file.
    log_bytes: u64,
    /// Bytes within it that are free, and that new events fill first.
    log_free_bytes: u64,
    /// Bytes of all request records.
    records_bytes: u64,
    /// Bytes of events and records of what lies in the bin.
    bin_bytes: u64,
    /// Runs and studies in the bin.
    bin: u64,
    /// Bytes that are free on the disk, where the system tells.
    #[schema(required)]
    free_bytes: Option<u64>,
    /// Runs of the lists.
    runs: u64,
    /// Those of them that hold most, at most 50.
    largest: Vec<Held>,
}

/// A run that a policy lets go.
#[derive(ToSchema)]
pub(in crate::http) struct LetGo {
    /// The run's id.
    run: String,
    /// Its name.
    name: String,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Bytes that it holds.
    bytes: u64,
    /// `age` or `size`.
    why: String,
}

/// What a policy would do now.
#[derive(ToSchema)]
pub(in crate::http) struct Preview {
    /// Runs that would go into the bin, the oldest first.
    let_go: Vec<LetGo>,
    /// Bytes that they hold.
    bytes: u64,
    /// Runs that stay whatever the policy: pinned, tagged, or under way.
    kept: u64,
    /// Bytes that would be left, where there is a limit and what is kept alone is above it.
    #[schema(required)]
    still_above: Option<u64>,
}

/// What was done by a policy.
#[derive(ToSchema)]
pub(in crate::http) struct Swept {
    /// Runs that went into the bin.
    binned: u64,
    /// Runs and studies that are gone for good.
    purged: u64,
    /// Bytes of request records that the disk has back.
    records_bytes: u64,
    /// Bytes within the log that new events fill first.
    events_bytes: u64,
}
