//! Owns the documented shapes of marks, notes, facets and the bin.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use super::people::Who;
use utoipa::ToSchema;

/// What people put on a run or study.
#[derive(ToSchema)]
pub(in crate::http) struct Marks {
    /// Its tags, sorted.
    tags: Vec<String>,
    /// True for a pinned baseline.
    pinned: bool,
    /// True where it has a note.
    noted: bool,
}

/// What people put on a run or study, its note in full.
#[derive(ToSchema)]
pub(in crate::http) struct Marked {
    /// Tags, pin, and whether there is a note.
    marks: Marks,
    /// The note; empty where there is none.
    note: Note,
}

/// A note on a run or study.
#[derive(ToSchema)]
pub(in crate::http) struct Note {
    /// Its Markdown; empty where there is no note.
    text: String,
    /// The same as HTML that has nothing but the elements of such a note.
    html: String,
    /// Who wrote it last; absent where there is no note.
    #[schema(required)]
    by: Option<Who>,
    /// When, Unix ms of the host; absent where there is no note.
    #[schema(required)]
    at_unix_ms: Option<u64>,
}

/// A value that a filter may have.
#[derive(ToSchema)]
pub(in crate::http) struct Facet {
    /// The value.
    value: String,
    /// Runs that have it.
    count: u64,
}

/// The values that filters may have over all runs, the most frequent first, at most 200 of a kind.
#[derive(ToSchema)]
pub(in crate::http) struct Facets {
    /// Runs in the list.
    runs: u64,
    /// Pinned ones.
    pinned: u64,
    /// Engines.
    engines: Vec<Facet>,
    /// Models; of some runs none is known.
    models: Vec<Facet>,
    /// Types of GPUs; of some runs none is known.
    gpus: Vec<Facet>,
    /// Tags.
    tags: Vec<Facet>,
    /// States.
    states: Vec<Facet>,
    /// Verdicts; a run has none before it was judged.
    verdicts: Vec<Facet>,
}

/// Something that was deleted and can come back.
#[derive(ToSchema)]
pub(in crate::http) struct BinRow {
    /// Id of the run or study.
    item: String,
    /// Its name.
    name: String,
    /// When it was deleted, Unix ms of the host.
    deleted_unix_ms: u64,
    /// Who deleted it, where that is known.
    #[schema(required)]
    by: Option<Who>,
}

/// What became of runs and studies that were to be marked, deleted or brought back.
#[derive(ToSchema)]
pub(in crate::http) struct Done {
    /// Ids of those with which it was done.
    done: Vec<String>,
    /// The others, each with why.
    refused: Vec<RefusedItem>,
}

/// A run or study with which something was not done.
#[derive(ToSchema)]
pub(in crate::http) struct RefusedItem {
    /// Its id.
    item: String,
    /// Why, as a sentence.
    why: String,
}
