//! Owns what each request of a trial asks: the plan's prompts and lengths, seeded, with a nonce a request.
//! Must not know how a request is written or sent.

use crate::engine::{Ask, Prompt};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::caveat::Caveat;
use shared::plan::{EngineKind, Plan};
use shared::workload::{MAX_PROMPTS_BYTES, TaskPrompt, parse_prompts};

/// The prompts file that ships with the agent.
const SHIPPED: &str = include_str!("../../../prompts.txt");
/// Words of synthetic text: short and common, so that most tokenizers give each one token.
const WORDS: [&str; 32] = [
    "time", "water", "house", "light", "road", "hand", "year", "work", "line", "point", "world", "part", "place",
    "week", "case", "group", "fact", "eye", "side", "head", "war", "air", "force", "music", "paper", "field", "state",
    "market", "board", "city", "town", "book",
];

/// Why there are no prompts.
#[derive(Debug, thiserror::Error)]
pub enum PromptsRefused {
    /// The file could not be read.
    #[error(
        "The prompts file {path} could not be read on the agent's host: {source}. Check the path in workload.file."
    )]
    File {
        /// The path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file's content was refused.
    #[error(transparent)]
    Content(#[from] shared::workload::PromptsError),
    /// No such task.
    #[error("The shipped prompts have no task \"{wanted}\"; they have: {known}. \"all\" takes every one.")]
    UnknownTask {
        /// The plan's word.
        wanted: String,
        /// What there is.
        known: String,
    },
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its requests, one after the other.
    pub asks: Vec<Ask>,
    /// Pause between an answer's end and the next request, ns.
    pub think_ns: u64,
}

/// Makes the work of each request from the plan; the same plan makes the same work.
#[derive(Clone, Debug)]
pub struct Workload {
    source: Source,
    output_tokens: u32,
    ignore_eos: bool,
    nonce: bool,
    seed: u64,
}

#[derive(Clone, Debug)]
enum Source {
    /// Exactly this many random printable byte tokens.
    Bytes(u32),
    /// About this many tokens of common words.
    Words(u32),
    /// Prompts in turn.
    List(Vec<TaskPrompt>),
}

impl Workload {
    /// Prepares the plan's workload; reads its file where it names one.
    ///
    /// # Errors
    /// [`PromptsRefused`] as a sentence.
    pub fn of(plan: &Plan) -> Result<Self, PromptsRefused> {
        let workload = &plan.workload;
        let source = match (
            workload.input_tokens.as_ref().map(shared::plan::Lengths::most),
            &workload.prompts,
            &workload.file,
        ) {
            (Some(n), _, _) if plan.engine.kind == EngineKind::Builtin => Source::Bytes(n),
            (Some(n), _, _) => Source::Words(n),
            (None, Some(wanted), _) => Source::List(shipped(wanted)?),
            (None, None, path) => Source::List(read(path.as_deref().unwrap_or_default())?),
        };
        Ok(Self {
            source,
            output_tokens: workload.output_tokens.as_ref().map_or(0, shared::plan::Lengths::most),
            ignore_eos: workload.ignore_eos,
            nonce: workload.nonce,
            seed: workload.seed,
        })
    }

    /// Prompt tokens that are planned; absent where only a tokenizer could tell.
    #[must_use]
    pub fn planned_input_tokens(&self) -> Option<u32> {
        match self.source {
            Source::Bytes(n) | Source::Words(n) => Some(n),
            Source::List(_) => None,
        }
    }

    /// What must be said of the prompts.
    #[must_use]
    pub fn caveat(&self) -> Option<Caveat> {
        matches!(self.source, Source::Words(_)).then_some(Caveat::PromptLengthApproximate)
    }

    /// The `index`-th piece of work of a trial, whose first request has the number `id`: one request, or the turns of
    /// a session.
    #[must_use]
    pub fn piece(&self, _index: u64, id: u64) -> Piece {
        Piece { asks: vec![self.ask(id)], think_ns: 0 }
    }

    /// When each piece is due, ns from the start; of traces only.
    #[must_use]
    pub fn offsets(&self) -> std::sync::Arc<[u64]> {
        std::sync::Arc::default()
    }

    fn ask(&self, request: u64) -> Ask {
        let stream = if self.nonce { request + 1 } else { 0 };
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(stream);
        let prompt = match &self.source {
            Source::Bytes(n) => Prompt::TokenIds((0..*n).map(|_| random.random_range(32..127)).collect()),
            Source::Words(n) => Prompt::Text(self.words(*n, &mut random)),
            Source::List(list) => {
                let text = &list[(request % list.len() as u64) as usize].text;
                // In front, since a prefix cache compares from the first token on.
                Prompt::Text(if self.nonce { format!("[{:08x}] {text}", random.random::<u32>()) } else { text.clone() })
            }
        };
        Ask { prompt, output_tokens: self.output_tokens, ignore_eos: self.ignore_eos }
    }

    fn words(&self, n: u32, random: &mut ChaCha8Rng) -> String {
        let words: Vec<&str> = (0..n).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect();
        words.join(" ")
    }
}

fn shipped(wanted: &str) -> Result<Vec<TaskPrompt>, PromptsRefused> {
    let all = parse_prompts(SHIPPED)?;
    if wanted == "all" {
        return Ok(all);
    }
    let names: Vec<String> = all.iter().filter_map(|p| p.task.clone()).collect();
    let chosen: Vec<TaskPrompt> =
        (all.into_iter()).filter(|p| p.task.as_ref().is_some_and(|task| task.eq_ignore_ascii_case(wanted))).collect();
    if chosen.is_empty() {
        return Err(PromptsRefused::UnknownTask { wanted: wanted.to_owned(), known: names.join(", ") });
    }
    Ok(chosen)
}

fn read(path: &str) -> Result<Vec<TaskPrompt>, PromptsRefused> {
    use std::io::Read;
    let refused = |source| PromptsRefused::File { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut text = String::new();
    // One byte more than is allowed, so that a longer file is refused and never cut.
    file.take(MAX_PROMPTS_BYTES as u64 + 1).read_to_string(&mut text).map_err(refused)?;
    Ok(parse_prompts(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(change: impl FnOnce(&mut Plan)) -> Workload {
        let mut plan = shared::preset::find("first").unwrap();
        change(&mut plan);
        Workload::of(&plan).unwrap()
    }

    #[test]
    fn the_same_plan_makes_the_same_work_and_every_request_differs() {
        let (one, two) = (workload(|_| {}), workload(|_| {}));
        assert_eq!(one.ask(5), two.ask(5));
        assert_ne!(one.ask(5), one.ask(6));
        let Prompt::TokenIds(ids) = one.ask(0).prompt else { panic!("token ids expected") };
        assert_eq!(ids.len(), 64);
    }

    #[test]
    fn without_a_nonce_every_request_is_the_same() {
        let same = workload(|plan| plan.workload.nonce = false);
        assert_eq!(same.ask(1), same.ask(2));
    }

    #[test]
    fn an_unknown_task_is_refused_with_those_that_exist() {
        let error = shipped("poetry").unwrap_err().to_string();
        assert!(error.contains("Factual recall") && error.contains("poetry"), "{error}");
        assert_eq!(shipped("simple reasoning").unwrap().len(), 1);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read("/nonexistent/prompts.txt").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/prompts.txt"), "{error}");
    }
}
