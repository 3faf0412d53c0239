//! Owns synthetic requests: of planned lengths, with prefixes that groups have in common, in sessions of several turns.
//! Must not know what passages are written in.

use super::nonce::Subject;
use super::passage::{Passage, Utterance};
use super::{Means, Planned};
use crate::engine::{Ask, Role};
use shared::plan::{Lengths, PrefixPlan, SessionPlan, WorkloadPlan};

/// The plan of synthetic requests.
#[derive(Clone, Debug)]
pub(super) struct Synthetic {
    input: Lengths,
    prefix: Option<PrefixPlan>,
    sessions: Option<SessionPlan>,
}

impl Synthetic {
    pub fn of(input: &Lengths, workload: &WorkloadPlan) -> Self {
        Self { input: input.clone(), prefix: workload.prefix.clone(), sessions: workload.sessions.clone() }
    }

    /// The requests of one piece of work: one, or a session's turns.
    pub fn asks(&self, means: &Means, index: u64, id: u64) -> Vec<Ask> {
        let prefix = self.prefix.as_ref().map(|prefix| Passage {
            key: means.nonce.shared(Subject::Group, index % u64::from(prefix.groups)),
            tokens: prefix.tokens,
        });
        let own = |turn| Passage {
            key: means.nonce.own(Subject::Own, id, turn),
            tokens: means.input(&self.input, id.wrapping_add(turn)),
        };
        let first: Vec<Passage> = prefix.into_iter().chain([own(0)]).collect();
        let Some(sessions) = &self.sessions else {
            return vec![means.ask(means.alphabet.prompt(&first), id)];
        };
        let mut said = vec![Utterance { role: Role::User, passages: first }];
        let mut asks = vec![means.ask(means.alphabet.conversation(&said), id)];
        for turn in 1..u64::from(sessions.turns) {
            // In place of what the engine answered, so that every engine gets the same work.
            let reply = Passage {
                key: means.nonce.own(Subject::Reply, id, turn - 1),
                tokens: means.output(id.wrapping_add(turn - 1)),
            };
            said.push(Utterance { role: Role::Assistant, passages: vec![reply] });
            said.push(Utterance { role: Role::User, passages: vec![own(turn)] });
            asks.push(means.ask(means.alphabet.conversation(&said), id.wrapping_add(turn)));
        }
        asks
    }

    /// The longest request that can come.
    pub fn longest(&self, means: &Means) -> Planned {
        let (input, output) = (u64::from(self.input.most()), u64::from(means.most_output()));
        let prefix = self.prefix.as_ref().map_or(0, |prefix| u64::from(prefix.tokens));
        let turns = self.sessions.as_ref().map_or(1, |sessions| u64::from(sessions.turns));
        let what = match (turns, prefix) {
            (1, 0) => "The longest request".to_owned(),
            (1, prefix) => format!("The longest request, whose prefix has {prefix} tokens"),
            (turns, _) => format!("The last of a session's {turns} turns, which holds the turns before it"),
        };
        Planned { input: prefix + turns * input + (turns - 1) * output, output, what }
    }
}
