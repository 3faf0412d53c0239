//! Owns what of the host a run needs for itself, and which runs keep each other out.
//! Must not know how it is found out, nor who waits.

use std::collections::BTreeSet;

/// What a run needs while it is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The host for itself: nobody knows on which GPUs it computes, or it computes on the CPU.
    Host,
    /// These whole GPUs, by UUID.
    Gpus(BTreeSet<String>),
}

impl Need {
    /// What a run on these GPUs needs; the host where they are unknown. Of slices nobody knows here whose GPU they are of.
    #[must_use]
    pub fn of(gpus: Option<BTreeSet<String>>) -> Self {
        match gpus {
            Some(gpus) if !gpus.is_empty() && gpus.iter().all(|uuid| uuid.starts_with("GPU-")) => Self::Gpus(gpus),
            _ => Self::Host,
        }
    }

    /// True where two runs cannot be measured at the same time.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Gpus(one), Self::Gpus(other)) => !one.is_disjoint(other),
            _ => true,
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Host => "this host for itself".to_owned(),
            Self::Gpus(gpus) => listed(gpus),
        }
    }
}

/// "GPU-1 and GPU-2", for instance.
pub(super) fn listed<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<T> = words.into_iter().collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.as_ref().to_owned(),
        Some((last, others)) => {
            let others: Vec<&str> = others.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", others.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(gpus: &[&str]) -> Need {
        Need::of(Some(gpus.iter().map(|uuid| (*uuid).to_owned()).collect()))
    }

    #[test]
    fn only_runs_on_other_gpus_go_side_by_side() {
        let check = |one: &Need, other: &Need, expect: bool| {
            assert_eq!(one.excludes(other), expect, "{one:?} {other:?}");
            assert_eq!(other.excludes(one), expect);
        };
        check(&need(&["GPU-a"]), &need(&["GPU-b"]), false);
        check(&need(&["GPU-a", "GPU-b"]), &need(&["GPU-b", "GPU-c"]), true);
        check(&need(&["GPU-a"]), &Need::Host, true);
        check(&Need::Host, &Need::Host, true);
        // A slice, or a place without a UUID, may be a part of any GPU.
        assert_eq!([need(&["MIG-1"]), need(&["0"]), need(&[]), Need::of(None)], [(); 4].map(|()| Need::Host));
    }

    #[test]
    fn what_is_needed_is_said_in_words() {
        let check = |need: Need, expect: &str| assert_eq!(need.words(), expect);
        check(Need::Host, "this host for itself");
        check(need(&["GPU-a"]), "GPU-a");
        check(need(&["GPU-a", "GPU-b", "GPU-c"]), "GPU-a, GPU-b and GPU-c");
    }
}
