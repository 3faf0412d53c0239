//! Owns the files of the matrix of faults as tests read them: a script, and what must come of it.
//! Must not know how it is asked, nor where what comes of it is looked for.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use serde::Deserialize;
use shared::telemetry::{Trouble, TroubleKind};
use std::collections::BTreeMap;
use std::path::Path;

/// What a file of the matrix says beside its script.
#[derive(Deserialize)]
pub struct Case {
    /// What happens, as a sentence.
    pub about: String,
    /// How often everything is read.
    #[serde(default = "once")]
    pub reads: usize,
    /// Functions that the library lacks.
    #[serde(default)]
    pub missing_functions: Vec<String>,
    /// GPUs that are asked for; all where none is named.
    #[serde(default)]
    pub wanted: Vec<String>,
    /// What GPUs held before an engine was started, bytes.
    #[serde(default)]
    pub before: BTreeMap<String, u64>,
    /// GPUs that are found, in this order.
    pub found: Vec<String>,
    /// Words of the sentences about those that are not.
    #[serde(default)]
    pub not_found: Vec<String>,
    /// Names of GPUs that use the host's memory.
    #[serde(default)]
    pub unified: Vec<String>,
    /// The whole GPU of each slice.
    #[serde(default)]
    pub slice_of: BTreeMap<String, String>,
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// What happened, in order: GPU and what.
    #[serde(default)]
    pub troubles: Vec<(String, String)>,
    /// Words that the page says of it.
    #[serde(default)]
    pub says: Vec<String>,
}

fn once() -> usize {
    1
}

/// What must come of one read of one GPU: a number, `not supported`, or `failed` and a code.
#[derive(Deserialize)]
pub struct Expect {
    pub gpu: String,
    #[serde(default)]
    pub read: usize,
    #[serde(default)]
    pub fields: BTreeMap<String, toml::Value>,
    /// Process ids in order of what they hold.
    pub processes: Option<Vec<u32>>,
}

/// Every file, by its name: its text, which is the script, and what must come of it.
pub fn each() -> Vec<(String, String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nvml");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let scripts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let case = |path: std::path::PathBuf| {
        let (name, text) =
            (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap());
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(case.about.ends_with('.'), "{name} says what happens");
        (name, text, case)
    };
    scripts.map(case).collect()
}

/// What happened to a GPU, as files write it.
pub fn trouble_words(trouble: &Trouble) -> String {
    match trouble.kind {
        TroubleKind::Lost => format!("lost {}", trouble.code),
        TroubleKind::Back => "back".to_owned(),
        TroubleKind::Xid => format!("xid {}", trouble.code),
        TroubleKind::Unknown => "unknown".to_owned(),
    }
}
