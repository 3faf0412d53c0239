//! Owns what each request of a trial asks: the plan's prompts and lengths, seeded, with a nonce a request.
//! Must not know how a request is written or sent.

mod error;
mod file;
mod lengths;
mod nonce;
mod passage;
mod prompts;
mod synthetic;
mod trace;

pub use error::WorkloadRefused;
pub use nonce::salt_of;

use crate::engine::{Ask, Prompt, Vocabulary};
use lengths::{Side, length};
use nonce::Nonce;
use passage::Alphabet;
use prompts::{Entry, Prompts};
use shared::caveat::Caveat;
use shared::engine::EngineKind;
use shared::plan::{Arrival, Lengths, Plan};
use shared::units::s_to_ns;
use shared::workload::{TaskPrompt, parse_prompts};
use std::sync::Arc;
use synthetic::Synthetic;
use trace::Trace;

/// The word for every prompt of the shipped file.
const ALL: &str = "all";
/// The prompts file that ships with the agent.
const SHIPPED: &str = include_str!("../../../prompts.txt");

/// A piece of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its requests, one after the other.
    pub asks: Vec<Ask>,
    /// Pause between an answer's end and the next request, ns.
    pub think_ns: u64,
}

/// Tokens of a request that is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Prompt tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Which request, to begin a sentence.
    pub what: String,
}

impl Planned {
    fn total(&self) -> u64 {
        self.input + self.output
    }
}

/// Makes the work of each request from the plan. The lengths depend on the plan alone; the words also on the run, where
/// the plan wants a nonce.
#[derive(Clone, Debug)]
pub struct Workload {
    source: Arc<Source>,
    means: Means,
    think_ns: u64,
}

/// Where requests come from.
#[derive(Debug)]
enum Source {
    Synthetic(Synthetic),
    Prompts(Prompts),
    Trace(Trace),
}

/// What every source makes requests with.
#[derive(Clone, Debug)]
struct Means {
    alphabet: Alphabet,
    nonce: Nonce,
    seed: u64,
    /// Absent where a trace is played, whose own lengths hold.
    output: Option<Lengths>,
    ignore_eos: bool,
}

impl Means {
    fn input(&self, lengths: &Lengths, request: u64) -> u32 {
        length(lengths, self.seed, request, Side::Input)
    }

    fn output(&self, request: u64) -> u32 {
        self.output.as_ref().map_or(0, |lengths| length(lengths, self.seed, request, Side::Output))
    }

    fn most_output(&self) -> u32 {
        self.output.as_ref().map_or(0, Lengths::most)
    }

    fn ask(&self, prompt: Prompt, request: u64) -> Ask {
        Ask { prompt, output_tokens: self.output(request), ignore_eos: self.ignore_eos }
    }
}

impl Workload {
    /// Prepares the plan's workload; reads its file where it names one. The salt is the run's own, so that with a nonce
    /// no prompt was in any run before.
    ///
    /// # Errors
    /// [`WorkloadRefused`] as a sentence.
    pub fn of(plan: &Plan, salt: u64) -> Result<Self, WorkloadRefused> {
        let workload = &plan.workload;
        let turns = workload.sessions.as_ref().map(|sessions| sessions.turns);
        let source = match (&plan.load.trace, &workload.input_tokens, &workload.prompts) {
            (Some(trace), ..) if plan.load.arrival == Arrival::Trace => Source::Trace(Trace::of(trace)?),
            (_, Some(input), _) => Source::Synthetic(Synthetic::of(input, workload)),
            (_, None, Some(wanted)) => Source::Prompts(Prompts::of(shipped(wanted)?, turns)),
            (_, None, None) => {
                let entries = file::entries(workload.file.as_deref().unwrap_or_default(), turns.is_some())?;
                Source::Prompts(Prompts::of(entries, turns))
            }
        };
        // Any other engine is asked first what it takes.
        let alphabet = match plan.engine.kind {
            EngineKind::Builtin => Alphabet::Ids(Vocabulary::builtin()),
            _ => Alphabet::Words,
        };
        let means = Means {
            alphabet,
            nonce: Nonce::of(workload, salt),
            seed: workload.seed,
            output: workload.output_tokens.clone(),
            ignore_eos: workload.ignore_eos,
        };
        let think_ns = workload.sessions.as_ref().map_or(0, |sessions| s_to_ns(sessions.think_s));
        Ok(Self { source: Arc::new(source), means, think_ns })
    }

    /// The same on a thread of its own: to read and parse a large file takes a second, which nobody else shall wait.
    ///
    /// # Errors
    /// [`WorkloadRefused`] as a sentence.
    pub async fn read(plan: Plan, salt: u64) -> Result<Self, WorkloadRefused> {
        tokio::task::spawn_blocking(move || Self::of(&plan, salt)).await?
    }

    /// The same workload for an engine that is ready: in token ids where it takes them, and checked against its
    /// context, tokens.
    ///
    /// # Errors
    /// [`WorkloadRefused`] where the engine cannot take what the plan asks.
    pub fn fitted(mut self, vocabulary: Option<Vocabulary>, context: Option<u32>) -> Result<Self, WorkloadRefused> {
        if let Source::Prompts(prompts) = &*self.source
            && vocabulary.is_none()
            && let Some(place) = prompts.first_ids()
        {
            return Err(WorkloadRefused::IdsNotTaken(place));
        }
        self.means.alphabet = vocabulary.map_or(Alphabet::Words, Alphabet::Ids);
        if let (Some(planned), Some(context)) = (self.planned_tokens(), context)
            && planned.total() > u64::from(context)
        {
            let Planned { input, output, what } = planned;
            return Err(WorkloadRefused::Context { what, input, output, context });
        }
        Ok(self)
    }

    /// The longest request that can come; absent where only a tokenizer could tell.
    #[must_use]
    pub fn planned_tokens(&self) -> Option<Planned> {
        match &*self.source {
            Source::Synthetic(synthetic) => Some(synthetic.longest(&self.means)),
            Source::Prompts(prompts) => prompts.longest(&self.means),
            Source::Trace(trace) => trace.longest(),
        }
    }

    /// When the requests of a trace are due, ns after its first, in order; none without a trace.
    #[must_use]
    pub fn offsets(&self) -> Arc<[u64]> {
        if let Source::Trace(trace) = &*self.source { trace.offsets() } else { Arc::default() }
    }

    /// What must be said of the prompts.
    #[must_use]
    pub fn caveats(&self) -> Vec<Caveat> {
        let has_planned_lengths = !matches!(*self.source, Source::Prompts(_));
        let in_words = matches!(self.means.alphabet, Alphabet::Words);
        (has_planned_lengths && in_words).then_some(Caveat::PromptLengthApproximate).into_iter().collect()
    }

    /// The `index`-th piece of work of a trial, whose first request has the number `id`: one request, or the turns of
    /// a session.
    #[must_use]
    pub fn piece(&self, index: u64, id: u64) -> Piece {
        let asks = match &*self.source {
            Source::Synthetic(synthetic) => synthetic.asks(&self.means, index, id),
            Source::Prompts(prompts) => prompts.asks(&self.means, index, id),
            Source::Trace(trace) => vec![trace.ask(&self.means, index, id)],
        };
        Piece { asks, think_ns: self.think_ns }
    }
}

/// A task of the shipped prompts as their file names it, or `all` of them.
///
/// # Errors
/// [`WorkloadRefused::UnknownTask`] where there is none of that name.
pub fn task(wanted: &str) -> Result<String, WorkloadRefused> {
    let names: Vec<String> = parse_prompts(SHIPPED)?.into_iter().filter_map(|prompt| prompt.task).collect();
    let found = names.iter().chain([&ALL.to_owned()]).find(|name| name.eq_ignore_ascii_case(wanted.trim())).cloned();
    found.ok_or_else(|| WorkloadRefused::UnknownTask { wanted: wanted.to_owned(), known: names.join(", ") })
}

fn shipped(wanted: &str) -> Result<Vec<Entry>, WorkloadRefused> {
    let all = parse_prompts(SHIPPED)?;
    let names: Vec<String> = all.iter().filter_map(|prompt| prompt.task.clone()).collect();
    let is_wanted = |prompt: &TaskPrompt| {
        wanted == ALL || prompt.task.as_ref().is_some_and(|task| task.eq_ignore_ascii_case(wanted))
    };
    let chosen: Vec<Entry> = all.into_iter().filter(is_wanted).map(file::plain).collect();
    if chosen.is_empty() {
        return Err(WorkloadRefused::UnknownTask { wanted: wanted.to_owned(), known: names.join(", ") });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests;
