//! Owns the words of the history: tags, notes, pins, what is found by which filters, and what lies in the bin.
//! Must not know how any of it is kept or found.

use crate::ids::RunId;
use crate::people::{Side, Who};
use serde::{Deserialize, Serialize};

/// Most tags of a run or study.
pub const MAX_TAGS: usize = 20;
/// Longest tag, characters.
pub const MAX_TAG_CHARS: usize = 32;
/// Longest note, bytes of its Markdown.
pub const MAX_NOTE_BYTES: usize = 16 << 10;
/// Most runs and studies of one request that marks or deletes.
pub const MAX_ITEMS: usize = 200;
/// Runs and studies with this tag are kept by every policy.
pub const KEEP_TAG: &str = "keep";

/// A text that cannot be a tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" cannot be a tag: use 1 to 32 letters, digits, and - _ . : / + between them, without a space")]
pub struct InvalidTag(String);

/// A tag as it is kept: in lower case, without space around it.
///
/// # Errors
/// [`InvalidTag`] for a text with other characters, none, or too many.
pub fn tag(text: &str) -> Result<String, InvalidTag> {
    let tag = text.trim().to_lowercase();
    let fits = |c: char| c.is_alphanumeric() || "-_.:/+".contains(c);
    let is_tag = !tag.is_empty() && tag.chars().count() <= MAX_TAG_CHARS && tag.chars().all(fits);
    if is_tag { Ok(tag) } else { Err(InvalidTag(text.chars().take(40).collect())) }
}

/// What people put on a run or study.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Marks {
    /// Its tags, sorted.
    #[serde(default)]
    pub tags: Vec<String>,
    /// True for a pinned baseline.
    #[serde(default)]
    pub pinned: bool,
    /// True where it has a note.
    #[serde(default)]
    pub noted: bool,
}

/// What people put on a run or study, its note in full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// Tags, pin, and whether there is a note.
    pub marks: Marks,
    /// The note; empty where there is none.
    pub note: Note,
}

/// A note on a run or study.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its Markdown; empty where there is no note.
    pub text: String,
    /// The same as HTML that has nothing but the elements of such a note.
    pub html: String,
    /// Who wrote it last; absent where there is no note.
    pub by: Option<Who>,
    /// When, Unix ms of the host; absent where there is no note.
    pub at_unix_ms: Option<u64>,
}

/// Which runs are looked for: all of these hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Words, each the beginning of one in name, engine, model, GPU, tags, note or id.
    pub q: Option<String>,
    /// Engine, by its words.
    pub engine: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Type of a GPU.
    pub gpu: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// Verdict, by its words.
    pub verdict: Option<String>,
    /// State, by its word.
    pub state: Option<String>,
    /// Pinned or not.
    pub pinned: Option<bool>,
    /// Created at this time or later, Unix ms.
    pub from_unix_ms: Option<u64>,
    /// Created before this time, Unix ms.
    pub until_unix_ms: Option<u64>,
}

/// A value that a filter may have, and how many runs have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// The value.
    pub value: String,
    /// Runs that have it.
    pub count: u64,
}

/// The values that filters may have over all runs, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// Runs in the list.
    pub runs: u64,
    /// Pinned ones.
    pub pinned: u64,
    /// Engines.
    pub engines: Vec<Facet>,
    /// Models; of some runs none is known.
    pub models: Vec<Facet>,
    /// Types of GPUs; of some runs none is known.
    pub gpus: Vec<Facet>,
    /// Tags.
    pub tags: Vec<Facet>,
    /// States.
    pub states: Vec<Facet>,
    /// Verdicts; a run has none before it was judged.
    pub verdicts: Vec<Facet>,
}

/// Something that was deleted and can come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinRow {
    /// The run or study.
    pub item: Side,
    /// Its name.
    pub name: String,
    /// When it was deleted, Unix ms of the host.
    pub deleted_unix_ms: u64,
    /// Who deleted it, where that is known.
    pub by: Option<Who>,
}

/// What became of runs and studies that were to be marked, deleted or brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Those with which it was done.
    pub done: Vec<Side>,
    /// The others, each with why.
    pub refused: Vec<RefusedItem>,
}

/// A run or study with which something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedItem {
    /// The run or study.
    pub item: Side,
    /// Why, as a sentence.
    pub why: String,
}

impl Filter {
    /// True where everything is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The words of `q`, in lower case: what separates words in the index separates them here.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let text = self.q.as_deref().unwrap_or_default().to_lowercase();
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// The ids of runs between which those created within the time lie: from the first, up to but without the second.
    #[must_use]
    pub fn ids(&self) -> (Option<RunId>, Option<RunId>) {
        let at = |unix_ms: Option<u64>| unix_ms.map(|unix_ms| RunId::new(unix_ms, 0));
        (at(self.from_unix_ms), at(self.until_unix_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_word_in_lower_case() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(tag(text).ok().as_deref(), expect, "{text}");
        };
        check("Nightly", Some("nightly"));
        check(" fp8/kv ", Some("fp8/kv"));
        check("prüfstand", Some("prüfstand"));
        check("v1.2+cu124", Some("v1.2+cu124"));
        check(&"x".repeat(32), Some(&"x".repeat(32)));
        check(&"x".repeat(33), None);
        check("two words", None);
        check("", None);
        check("<b>", None);
        check("a,b", None);
        assert!(tag("a b").unwrap_err().to_string().contains("\"a b\" cannot be a tag"));
    }

    #[test]
    fn words_are_parted_as_the_index_parts_them() {
        let check = |q: &str, expect: &[&str]| {
            let filter = Filter { q: Some(q.to_owned()), ..Filter::default() };
            assert_eq!(filter.words(), expect, "{q}");
        };
        check("", &[]);
        check("Llama-2 7B", &["llama", "2", "7b"]);
        check("\"a\" OR b* NEAR(c)", &["a", "or", "b", "near", "c"]);
        check(" -- ", &[]);
    }
}
