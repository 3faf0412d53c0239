//! Owns what a metric is to readers: key, name, unit, direction, definition, and how others' numbers differ.
//! Must not know how a metric is computed or drawn.

mod registry;

pub use registry::METRICS;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
    /// Neither.
    Neutral,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Key in files.
    pub key: &'static str,
    /// Name on pages.
    pub name: &'static str,
    /// Unit of the value in files and on pages.
    pub unit: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// What it means, in the words of METRICS.md.
    pub definition: &'static str,
    /// How other tools' numbers compare.
    pub others: &'static [Peer],
}

/// Another tool's number for the same thing, or of the same name.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The tool.
    pub tool: &'static str,
    /// Its name for it, and how it differs.
    pub says: &'static str,
}

impl Peer {
    /// True where its number is not ours under that name.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.says.ends_with("the same.")
    }
}

impl Metric {
    /// The metric of a key.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_metric_is_defined_once() {
        let keys: BTreeSet<_> = METRICS.iter().map(|m| m.key).collect();
        assert_eq!(keys.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.definition.ends_with('.'), "{}", metric.key);
            assert!(metric.others.iter().all(|peer| peer.says.ends_with('.')), "{}", metric.key);
            let tools: BTreeSet<_> = metric.others.iter().map(|peer| peer.tool).collect();
            assert_eq!(tools.len(), metric.others.len(), "{}", metric.key);
        }
    }
}
