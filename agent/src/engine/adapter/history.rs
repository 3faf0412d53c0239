//! Owns which flags a version of an engine knows, as far as that is known, and what to say of one that it does not.
//! Must not know how flags are made.

use super::version::Version;

/// Flags that came or went between two versions that were looked at.
#[derive(Debug)]
pub struct Change {
    /// The flags, with their dashes.
    pub flags: &'static [&'static str],
    /// What happened to them.
    pub what: What,
    /// What to do instead, a clause.
    pub instead: &'static str,
}

/// What happened to flags.
#[derive(Debug)]
pub enum What {
    /// They went.
    Gone {
        /// The last version that is known to have them.
        last: Version,
        /// The first that is known not to.
        first_without: Version,
    },
    /// They came.
    Came {
        /// The last version that is known not to have them.
        last_without: Version,
        /// The first that is known to have them.
        first: Version,
    },
}

/// A flag that went.
pub const fn gone(
    flags: &'static [&'static str],
    last: Version,
    first_without: Version,
    instead: &'static str,
) -> Change {
    Change { flags, what: What::Gone { last, first_without }, instead }
}

/// A flag that came.
pub const fn came(flags: &'static [&'static str], last_without: Version, first: Version) -> Change {
    Change { flags, what: What::Came { last_without, first }, instead: "leave it out, or use a later version" }
}

/// What all versions of one engine know.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// How the engine is called.
    pub engine: &'static str,
    /// What changed.
    pub changes: &'static [Change],
}

impl History {
    /// Why this version does not know an argument, where that is known. A version between the last that had a flag and
    /// the first that had not is taken to be without it: a start that fails costs minutes.
    #[must_use]
    pub fn objection(&self, version: Version, argument: &str) -> Option<String> {
        let argument = argument.split('=').next().unwrap_or_default();
        let flag = argument.strip_prefix("--")?.replace('_', "-");
        let names = |change: &&Change| change.flags.iter().any(|known| known.strip_prefix("--") == Some(&flag));
        let change = self.changes.iter().find(names)?;
        let (engine, instead) = (self.engine, change.instead);
        match change.what {
            What::Gone { last, first_without } if version > last => Some(format!(
                "{engine} {version} does not know {argument}, which was there up to {last} and is gone in {first_without}: \
                 {instead}."
            )),
            What::Came { last_without, first } if version <= last_without => Some(format!(
                "{engine} {version} does not know {argument}, which is not yet there in {last_without} and is in {first}: \
                 {instead}."
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: History = History {
        engine: "E",
        changes: &[
            gone(&["--old-way"], Version::new(1, 2, 0), Version::new(1, 4, 0), "use --new-way"),
            came(&["--new-way"], Version::new(1, 2, 0), Version::new(1, 4, 0)),
        ],
    };

    fn check(version: &str, argument: &str, expect: Option<&str>) {
        let said = HISTORY.objection(Version::parse(version).unwrap(), argument);
        match (&said, expect) {
            (Some(said), Some(words)) => assert!(said.contains(words), "{said} lacks {words}"),
            _ => assert_eq!(said.is_some(), expect.is_some(), "{version} {argument}: {said:?}"),
        }
    }

    #[test]
    fn a_flag_is_refused_where_it_is_known_to_be_gone_or_not_yet_there() {
        check("1.2.0", "--old-way", None);
        check("1.3.0", "--old-way", Some("E 1.3.0 does not know --old-way, which was there up to 1.2.0"));
        check("1.4.0", "--old-way=3", Some("gone in 1.4.0: use --new-way."));
        check("1.4.0", "--old_way", Some("does not know --old_way"));
        check("1.2.0", "--new-way", Some("use a later version"));
        check("1.3.0", "--new-way", None);
        check("1.4.0", "--unheard-of", None);
        check("1.4.0", "old-way", None);
    }
}
