//! Owns what ends with an engine: nothing, or what was launched, and what is told of an end that nobody asked for.
//! Must not know how an engine was started or what it serves.

use super::diagnose::{explain, reason};
use crate::process::{Child, Death, Failure, MemoryBack, State};
use std::collections::BTreeMap;
use std::time::Duration;

/// Lines of an engine's log that are told with its end.
const TOLD_LINES: usize = 20;
/// How long an engine that is on its way down is given to say why: its last lines come with that.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What ends with an engine.
pub(super) enum Life {
    /// It was there before us.
    Attached,
    /// A process or a container of ours.
    Launched {
        /// What was launched.
        child: Child,
        /// From SIGTERM to SIGKILL.
        drain: Duration,
    },
}

/// An end of an engine that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct EngineDeath {
    /// What happened, why, and what to do.
    pub sentence: String,
    /// The last lines of its log, oldest first.
    pub lines: Vec<String>,
}

impl EngineDeath {
    /// The end of an engine that had not come to its first token.
    pub(super) fn while_starting(death: &Death, memory: &MemoryBack) -> Self {
        let mut sentence = format!("The engine did not start. {}", explain(death));
        if let Failure::TooSlow { .. } = death.failure {
            sentence.push_str(" Where it only needs longer, raise engine.ready_limit_s.");
        }
        if let MemoryBack::Held(held) = memory {
            sentence.push(' ');
            sentence.push_str(held);
        }
        Self::of(sentence, death)
    }

    fn while_measured(death: &Death) -> Self {
        Self::unasked("The engine's process ended while it was measured", death)
    }

    /// The end of an engine that had answered; `what` are the first words of the sentence.
    fn unasked(what: &str, death: &Death) -> Self {
        let what = match &death.failure {
            Failure::Exited(ending) => format!("{what} ({ending})."),
            other => format!("{what}. {other}"),
        };
        let sentence = reason(death).map_or_else(|| what.clone(), |why| format!("{what} {why}"));
        Self::of(sentence, death)
    }

    fn of(sentence: String, death: &Death) -> Self {
        let lines = death.lines.iter().skip(death.lines.len().saturating_sub(TOLD_LINES));
        Self { sentence, lines: lines.map(|line| line.text.clone()).collect() }
    }
}

impl Life {
    /// How it died, where it has and that is known.
    pub fn death(&self) -> Option<EngineDeath> {
        let Life::Launched { child, .. } = self else { return None };
        child.death().map(|death| EngineDeath::while_measured(&death))
    }

    /// The same of one that seems to be dead: waits a little until that is known.
    pub async fn death_soon(&self) -> Option<EngineDeath> {
        let Life::Launched { child, .. } = self else { return None };
        let mut condition = child.condition();
        let told = condition.wait_for(|condition| condition.death.is_some());
        // One that lives has nothing to tell, however long one waits.
        if tokio::time::timeout(LAST_WORDS, told).await.is_err() && child.condition().borrow().state != State::Ready {
            tracing::warn!("an engine is on its way down and nobody says why");
        }
        self.death()
    }

    /// Waits until it is dead, which one of ours may never be, and another's is not known to be.
    pub async fn died(&self) -> EngineDeath {
        let Life::Launched { child, .. } = self else { return std::future::pending().await };
        let mut condition = child.condition();
        let unfollowed = Death { failure: Failure::Unfollowed, lines: Vec::new() };
        let death = match condition.wait_for(|condition| condition.death.is_some()).await {
            Ok(condition) => condition.death.as_deref().cloned(),
            Err(_) => None,
        };
        EngineDeath::unasked("The engine's process ended", &death.unwrap_or(unfollowed))
    }

    /// What devices held before it was started, bytes by their UUID; nothing where that is unknown.
    pub fn memory_before(&self) -> BTreeMap<String, u64> {
        let Life::Launched { child, .. } = self else { return BTreeMap::new() };
        let condition = child.condition();
        let before = condition.borrow();
        before.memory_before.iter().map(|device| (device.id.clone(), device.used_bytes)).collect()
    }

    /// Ends it and waits until nothing of it is left. Where device memory is not back then: a sentence.
    pub async fn stop(self) -> Option<String> {
        let Life::Launched { child, drain } = self else { return None };
        match child.stop(drain).await.memory {
            MemoryBack::Held(sentence) => Some(sentence),
            MemoryBack::NotWatched | MemoryBack::Unknown(_) | MemoryBack::Back(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Ending;

    #[test]
    fn a_failed_start_says_why_what_to_do_and_what_it_still_holds() {
        let died = Death::saying(
            Failure::Exited(Ending::Code(1)),
            &["begins", "torch.OutOfMemoryError: CUDA out of memory.", "exiting"],
        );
        let told = EngineDeath::while_starting(&died, &MemoryBack::Held("GPU 0 still holds 1 GiB.".into()));
        let begins = "The engine did not start. Its process ended (exit code 1). GPU memory is not enough.";
        assert!(told.sentence.starts_with(begins), "{told}");
        let ends = "Its log says: torch.OutOfMemoryError: CUDA out of memory. GPU 0 still holds 1 GiB.";
        assert!(told.sentence.ends_with(ends), "{told}");
        assert_eq!(told.lines[0], "begins");
    }

    #[test]
    fn only_the_last_lines_are_told() {
        let lines: Vec<String> = (0..50).map(|n| format!("line {n}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let too_slow = Failure::TooSlow { limit: Duration::from_secs(9), last: "no answer".into() };
        let told = EngineDeath::while_starting(&Death::saying(too_slow, &lines), &MemoryBack::NotWatched);
        assert_eq!((told.lines.len(), told.lines[0].as_str()), (20, "line 30"));
        assert!(
            told.sentence.contains("after 9 s: no answer") && told.sentence.ends_with("raise engine.ready_limit_s.")
        );
    }
}
