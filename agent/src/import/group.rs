//! Owns which trials are one run: those of one sweep, of one engine as it was configured, that asked in one way.
//! Must not know any format, nor how a run is logged.

use super::trial::{Kin, Trial};
use shared::plan::Level;
use std::collections::{BTreeMap, BTreeSet};

/// A trial, and the places of the files that tell of it.
pub(super) struct Told {
    pub trial: Trial,
    pub files: Vec<usize>,
}

/// The trials of one run.
pub(super) struct Group {
    pub kin: Kin,
    pub trials: Vec<Told>,
}

/// Files whose figures contradict those of others, and why.
pub(super) type Contradictions = BTreeMap<usize, String>;

/// Sorts trials by run. What a summary repeats is one trial with what it repeats; a summary that says otherwise than
/// the trial's own file is not used at all. `name` gives a file's name by its place.
pub(super) fn groups(trials: Vec<(usize, Trial)>, name: impl Fn(usize) -> String) -> (Vec<Group>, Contradictions) {
    let (copies, own): (Vec<_>, Vec<_>) = trials.into_iter().partition(|(_, trial)| trial.is_copy);
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut places: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for (file, trial) in own {
        add(&mut groups, &mut places, file, trial);
    }
    let mut contradictions = Contradictions::new();
    for (file, copy) in &copies {
        let same = places.get(&identity(copy)).and_then(|(key, at)| groups.get(key)?.trials.get(*at));
        if let Some(told) = same.filter(|told| told.trial.summary != copy.summary) {
            let of = told.files.first().map(|file| name(*file)).unwrap_or_default();
            contradictions.insert(*file, format!("It says otherwise than {of} of the same trial, so it is not used."));
        }
    }
    for (file, copy) in copies {
        if !contradictions.contains_key(&file) {
            add(&mut groups, &mut places, file, copy);
        }
    }
    (groups.into_values().collect(), contradictions)
}

fn add(
    groups: &mut BTreeMap<String, Group>,
    places: &mut BTreeMap<String, (String, usize)>,
    file: usize,
    trial: Trial,
) {
    let (key, identity) = (key(&trial.kin), identity(&trial));
    let same = places.get(&identity).and_then(|(key, at)| groups.get_mut(key)?.trials.get_mut(*at));
    if let Some(told) = same.filter(|told| told.trial.summary == trial.summary) {
        told.files.push(file);
        return;
    }
    let group = groups.entry(key.clone()).or_insert_with(|| Group { kin: trial.kin.clone(), trials: Vec::new() });
    places.insert(identity, (key, group.trials.len()));
    group.trials.push(Told { trial, files: vec![file] });
}

/// A text that is the same for all trials of a run.
fn key(kin: &Kin) -> String {
    // Its fields are texts, numbers and maps with texts for keys, which always serialise.
    serde_json::to_string(kin).unwrap_or_default()
}

/// A text that is the same for all that is told of one trial.
fn identity(trial: &Trial) -> String {
    format!("{} {:?} {:?} {:?} {:?}", key(&trial.kin), trial.level, trial.repeat, trial.begun, trial.requests)
}

impl Group {
    /// Its levels, each once, in ascending order.
    pub(super) fn levels(&self) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for level in self.trials.iter().filter_map(|told| told.trial.level) {
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
        levels.sort_by(|a, b| a.value().total_cmp(&b.value()));
        levels
    }

    /// The places of its files, each once.
    pub(super) fn files(&self) -> BTreeSet<usize> {
        self.trials.iter().flat_map(|told| told.files.iter().copied()).collect()
    }

    /// Its name: the engine, and the folder that tells most; `file` is the name of its first file.
    pub(super) fn name(&self, file: &str) -> String {
        let is_told = |part: &&str| !is_of_a_sweep(part) && !is_a_time(part);
        let stem = file.rsplit('/').next().unwrap_or(file);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let told = self.kin.folder.rsplit('/').find(|part| !part.is_empty() && is_told(part)).unwrap_or(stem);
        let part = if self.kin.part.is_empty() { String::new() } else { format!(", {}", self.kin.part) };
        let name = format!("{} {told}{part}", self.kin.engine.label());
        name.chars().take(120).collect()
    }
}

/// The folder of the sweep that a file belongs to.
pub(super) fn sweep_folder(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    if parts.last().is_some_and(|part| is_of_a_sweep(part)) {
        parts.pop();
    }
    parts.join("/")
}

/// A folder of one combination of a sweep.
fn is_of_a_sweep(part: &str) -> bool {
    part.starts_with("SERVE-") || part.starts_with("BENCH-")
}

/// A folder that is named by when it was made.
fn is_a_time(part: &str) -> bool {
    part.len() >= 8 && part.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'T' | b':'))
}
