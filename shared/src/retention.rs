//! Owns the policy of what the history keeps: its limits, and which runs it lets go.
//! Must not know how runs are deleted, nor what they hold on a disk.

use crate::history::KEEP_TAG;
use crate::ids::RunId;
use serde::{Deserialize, Serialize};

/// Whole days that what was deleted stays in the bin, from which it can come back, before it is gone for good.
pub const BIN_DAYS: u32 = 7;
/// Most days that a policy may name: a hundred years.
pub const MAX_DAYS: u32 = 36_525;
/// Least bytes that a policy may leave, 100 MB: less is a slip of the pen.
pub const MIN_BYTES: u64 = 100_000_000;
/// A day, ms.
pub const DAY_MS: u64 = 86_400_000;

/// What is kept. Without a limit everything is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Runs older than so many days go.
    #[serde(default)]
    pub keep_days: Option<u32>,
    /// The oldest go until the others hold no more bytes than this.
    #[serde(default)]
    pub max_bytes: Option<u64>,
}

/// A policy that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetention {
    /// Days that cannot be.
    #[error("keep_days is {0}, but must be from 1 to {MAX_DAYS}; leave it out to keep runs however old they are.")]
    Days(u32),
    /// Bytes that cannot be.
    #[error("max_bytes is {0}, but must be at least {MIN_BYTES}; leave it out to keep runs however much they hold.")]
    Bytes(u64),
}

/// A run as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Bytes of its events in the log.
    pub events_bytes: u64,
    /// Bytes of its request records on the disk.
    pub records_bytes: u64,
    /// Why no policy takes it; absent where one may.
    pub kept: Option<Kept>,
}

/// Why a run is kept whatever the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It has not ended.
    Active,
    /// It, or its study, is pinned.
    Pinned,
    /// It, or its study, has the tag that keeps.
    Tagged,
}

impl Kept {
    /// Why one is kept that has ended or not, and is, or whose study is, pinned or has these tags.
    #[must_use]
    pub fn of<'a>(is_final: bool, pinned: bool, mut tags: impl Iterator<Item = &'a String>) -> Option<Self> {
        match (is_final, pinned) {
            (false, _) => Some(Self::Active),
            (true, true) => Some(Self::Pinned),
            (true, false) => tags.any(|tag| tag == KEEP_TAG).then_some(Self::Tagged),
        }
    }
}

/// Why a policy lets a run go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is older than the policy's days.
    Age,
    /// All runs hold more than the policy's bytes, and it is the oldest.
    Size,
}

/// A run that a policy lets go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Bytes that it holds.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// What the history takes on the disk, and what is kept of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// The policy.
    pub policy: Retention,
    /// Bytes of the log's file.
    pub log_bytes: u64,
    /// Bytes within it that are free, and that new events fill first.
    pub log_free_bytes: u64,
    /// Bytes of all request records.
    pub records_bytes: u64,
    /// Bytes of events and records of what lies in the bin.
    pub bin_bytes: u64,
    /// Runs and studies in the bin.
    pub bin: u64,
    /// Bytes that are free on the disk, where the system tells.
    pub free_bytes: Option<u64>,
    /// Runs of the lists.
    pub runs: u64,
    /// Those of them that hold most, at most 50.
    pub largest: Vec<Held>,
}

/// What a policy would do now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Runs that would go into the bin, the oldest first.
    pub let_go: Vec<LetGo>,
    /// Bytes that they hold.
    pub bytes: u64,
    /// Runs that stay whatever the policy: pinned, tagged, or under way.
    pub kept: u64,
    /// Bytes that would be left, where there is a limit and what is kept alone is above it.
    pub still_above: Option<u64>,
}

/// What was done by a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Runs that went into the bin.
    pub binned: u64,
    /// Runs and studies that are gone for good.
    pub purged: u64,
    /// Bytes of request records that the disk has back.
    pub records_bytes: u64,
    /// Bytes within the log that new events fill first.
    pub events_bytes: u64,
}

impl Held {
    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.events_bytes + self.records_bytes
    }
}

impl Retention {
    /// Whether it can be.
    ///
    /// # Errors
    /// [`InvalidRetention`].
    pub fn check(&self) -> Result<(), InvalidRetention> {
        match (self.keep_days, self.max_bytes) {
            (Some(days), _) if !(1..=MAX_DAYS).contains(&days) => Err(InvalidRetention::Days(days)),
            (_, Some(bytes)) if bytes < MIN_BYTES => Err(InvalidRetention::Bytes(bytes)),
            _ => Ok(()),
        }
    }

    /// Which runs it lets go now, the oldest first. What lies in the bin is not among those that are handed in.
    #[must_use]
    pub fn preview(&self, mut held: Vec<Held>, now_unix_ms: u64) -> Preview {
        held.sort_by(|a, b| (a.created_unix_ms, &a.run).cmp(&(b.created_unix_ms, &b.run)));
        let too_old = self.keep_days.map(|days| now_unix_ms.saturating_sub(u64::from(days) * DAY_MS));
        let mut left: u64 = held.iter().map(Held::bytes).sum();
        let mut preview = Preview::default();
        // By age first: what goes for its age need not go for the size.
        for is_by_age in [true, false] {
            held.retain(|of| {
                let why = match (is_by_age, too_old, self.max_bytes) {
                    (true, Some(before), _) if of.created_unix_ms < before => Why::Age,
                    (false, _, Some(most)) if left > most => Why::Size,
                    _ => return true,
                };
                if of.kept.is_some() {
                    return true;
                }
                let (run, name, bytes) = (of.run.clone(), of.name.clone(), of.bytes());
                left -= bytes;
                preview.bytes += bytes;
                preview.let_go.push(LetGo { run, name, created_unix_ms: of.created_unix_ms, bytes, why });
                false
            });
        }
        preview.kept = held.iter().filter(|of| of.kept.is_some()).count() as u64;
        preview.still_above = self.max_bytes.filter(|most| left > *most).map(|_| left);
        preview
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 100 * DAY_MS;

    fn held(day: u64, megabytes: u64, kept: Option<Kept>) -> Held {
        Held {
            run: RunId::new(day * DAY_MS, 0),
            name: format!("day {day}"),
            created_unix_ms: day * DAY_MS,
            events_bytes: 0,
            records_bytes: megabytes * 1_000_000,
            kept,
        }
    }

    #[test]
    fn a_policy_lets_the_oldest_go_and_nothing_that_is_kept() {
        let check = |policy: Retention, runs: &[Held], expect: &[(u64, Why)], above: Option<u64>| {
            let preview = policy.preview(runs.to_vec(), NOW);
            let got: Vec<_> = preview.let_go.iter().map(|of| (of.created_unix_ms / DAY_MS, of.why)).collect();
            assert_eq!((got.as_slice(), preview.still_above), (expect, above), "{policy:?}");
        };
        let runs = [held(10, 300, None), held(95, 300, None), held(20, 300, Some(Kept::Pinned)), held(30, 300, None)];
        check(Retention::default(), &runs, &[], None);
        let days = |days| Retention { keep_days: Some(days), max_bytes: None };
        check(days(75), &runs, &[(10, Why::Age)], None);
        check(days(10), &runs, &[(10, Why::Age), (30, Why::Age)], None);
        let size = |megabytes: u64| Retention { keep_days: None, max_bytes: Some(megabytes * 1_000_000) };
        check(size(1_200), &runs, &[], None);
        check(size(1_199), &runs, &[(10, Why::Size)], None);
        check(size(600), &runs, &[(10, Why::Size), (30, Why::Size)], None);
        let all = [(10, Why::Size), (30, Why::Size), (95, Why::Size)];
        check(size(200), &runs, &all, Some(300_000_000));
        let both = Retention { keep_days: Some(75), max_bytes: Some(900_000_000) };
        check(both, &runs, &[(10, Why::Age)], None);
    }

    #[test]
    fn a_policy_has_bounds() {
        let check = |keep_days, max_bytes, words: Option<&str>| {
            let why = Retention { keep_days, max_bytes }.check().err().map(|error| error.to_string());
            assert_eq!(why.is_some(), words.is_some(), "{why:?}");
            assert!(why.unwrap_or_default().contains(words.unwrap_or_default()));
        };
        check(None, None, None);
        check(Some(1), Some(MIN_BYTES), None);
        check(Some(0), None, Some("keep_days is 0"));
        check(Some(36_526), None, Some("from 1 to 36525"));
        check(None, Some(5), Some("at least 100000000"));
    }

    #[test]
    fn what_keeps_a_run_is_told() {
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let check = |is_final, pinned, has: &[&str], expect| {
            assert_eq!(Kept::of(is_final, pinned, tags(has).iter()), expect);
        };
        check(true, false, &[], None);
        check(true, false, &["keeper"], None);
        check(true, false, &["a", "keep"], Some(Kept::Tagged));
        check(true, true, &["keep"], Some(Kept::Pinned));
        check(false, true, &[], Some(Kept::Active));
    }

    proptest! {
        /// Whatever the policy: nothing that is kept goes, nothing goes twice, and the limit is kept or said not to be.
        #[test]
        fn no_policy_takes_more_than_it_says(
            runs in prop::collection::vec((0u64..100, 0u64..500, any::<bool>()), 0..20),
            keep_days in prop::option::of(1u32..120),
            megabytes in prop::option::of(100u64..3_000),
        ) {
            let policy = Retention { keep_days, max_bytes: megabytes.map(|megabytes| megabytes * 1_000_000) };
            let made = |(n, (day, size, kept)): (usize, &(u64, u64, bool))| Held {
                run: RunId::new(day * DAY_MS, n as u32),
                ..held(*day, *size, kept.then_some(Kept::Tagged))
            };
            let runs: Vec<Held> = runs.iter().enumerate().map(made).collect();
            let preview = policy.preview(runs.clone(), NOW);
            let gone = |of: &&Held| preview.let_go.iter().any(|go| go.run == of.run);
            prop_assert_eq!(runs.iter().filter(gone).count(), preview.let_go.len());
            prop_assert!(runs.iter().filter(gone).all(|of| of.kept.is_none()));
            prop_assert_eq!(preview.bytes, runs.iter().filter(gone).map(Held::bytes).sum::<u64>());
            let left: u64 = runs.iter().filter(|of| !gone(of)).map(Held::bytes).sum();
            let above = policy.max_bytes.is_some_and(|most| left > most);
            prop_assert_eq!(preview.still_above.is_some(), above);
            // Above the limit only what is kept is left.
            prop_assert!(!above || runs.iter().filter(|of| !gone(of)).all(|of| of.kept.is_some()));
        }
    }
}
