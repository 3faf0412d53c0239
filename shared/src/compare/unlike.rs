//! Owns what is unlike in two things that are compared, so that the number never stands without it.
//! Must not know what the figure comes to.

use super::arm::Arm;
use super::figure::Figure;
use super::lengths::unlike_lengths;
use super::recorded::{Recorded, RecordedPoint};
use crate::caveat::{Caveat, Verdict};
use crate::plan::{Lengths, Plan};
use crate::summary::TokenSource;
use serde::{Deserialize, Serialize};

/// One thing that is unlike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unlike {
    /// What.
    pub what: Trait,
    /// How it is in what is compared with.
    pub base: String,
    /// How it is in what is compared.
    pub other: String,
}

/// What must be alike for two numbers to differ by the engine alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trait {
    /// The model.
    Model,
    /// Precision of the weights.
    Dtype,
    /// Where prompts come from, and their lengths.
    Prompts,
    /// Output lengths.
    OutputTokens,
    /// Output tokens of a request, as counted.
    MeasuredOutput,
    /// Prompt tokens of a request, as counted.
    MeasuredInput,
    /// Whether the length is forced.
    EndOfText,
    /// What prompts share on purpose.
    SharedPrefixes,
    /// The load level.
    Level,
    /// How requests arrive.
    Arrival,
    /// What a trial is: so many requests, or so long.
    Trial,
    /// What rates are over: the saturated part, or the whole span.
    Window,
    /// GPUs.
    Hardware,
    /// The machine that engine and client are on.
    Host,
    /// How output tokens were counted.
    TokenSource,
    /// Whose definitions the figures have.
    Definitions,
    /// How the figure that is compared was computed.
    Figure,
    /// What the rules say of one of them.
    Verdict,
}

impl Trait {
    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Trait::Model => "model",
            Trait::Dtype => "precision",
            Trait::Prompts => "prompts",
            Trait::OutputTokens => "output length",
            Trait::MeasuredOutput => "outputs",
            Trait::MeasuredInput => "measured prompts",
            Trait::EndOfText => "forced length",
            Trait::SharedPrefixes => "shared prefixes",
            Trait::Level => "load level",
            Trait::Arrival => "arrivals",
            Trait::Trial => "trial",
            Trait::Window => "window of rates",
            Trait::Hardware => "GPUs",
            Trait::Host => "host",
            Trait::TokenSource => "token counts",
            Trait::Definitions => "version of the definitions",
            Trait::Figure => "definition",
            Trait::Verdict => "verdict",
        }
    }
}

impl Unlike {
    /// What is unlike, in words: "unlike precision: float16 against bfloat16".
    #[must_use]
    pub fn words(&self) -> String {
        match self.what {
            Trait::Verdict => format!("verdicts: {} and {}", self.base, self.other),
            Trait::MeasuredOutput => format!("outputs differ: {} and {} tokens a request", self.base, self.other),
            Trait::MeasuredInput => format!("prompts differ: {} and {} tokens a request", self.base, self.other),
            what => format!("unlike {}: {} against {}", what.label(), self.base, self.other),
        }
    }
}

/// Everything that is unlike in two arms, in a fixed order. What one of them does not tell is unlike where the other
/// tells.
#[must_use]
pub fn unlike(base: &Arm, other: &Arm) -> Vec<Unlike> {
    let (Some(a), Some(b)) = (Facts::of(base), Facts::of(other)) else { return Vec::new() };
    let pairs = a.said.into_iter().zip(b.said);
    let mut found: Vec<Unlike> = pairs
        .filter(|((_, base), (_, other))| base != other)
        .map(|((what, base), (_, other))| Unlike { what, base, other })
        .collect();
    found.extend(unlike_lengths(base, other));
    // A number that a rule calls invalid is no number to compare, even where both are.
    let doubted = |verdict: Verdict| matches!(verdict, Verdict::Doubtful | Verdict::Invalid | Verdict::NotJudged);
    if doubted(a.verdict) || doubted(b.verdict) {
        let words = |verdict: Verdict| verdict.label().to_owned();
        found.push(Unlike { what: Trait::Verdict, base: words(a.verdict), other: words(b.verdict) });
    }
    found
}

/// How the figure was computed, where not alike: another tool's may follow another definition.
#[must_use]
pub(super) fn unlike_figure(base: &Arm, other: &Arm, figure: Figure) -> Option<Unlike> {
    let words = |arm: &Arm| {
        let says = arm.run.source.iter().flat_map(|source| figure.definitions_in(source));
        let says = says.collect::<Vec<_>>().join(" ");
        if says.is_empty() { "as here".to_owned() } else { format!("\"{says}\"") }
    };
    let (base, other) = (words(base), words(other));
    (base != other).then_some(Unlike { what: Trait::Figure, base, other })
}

/// What an arm says of itself.
struct Facts {
    said: Vec<(Trait, String)>,
    verdict: Verdict,
}

impl Facts {
    fn of(arm: &Arm) -> Option<Self> {
        let (run, point) = (arm.run, arm.point()?);
        let plan = &run.plan;
        // Of another tool's run the plan says nothing of what its files do not tell.
        let own = !run.is_others();
        let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let is_forced = plan.workload.ignore_eos && !run.caveats.contains(&Caveat::LengthNotForced);
        let unasked = if own { "its own" } else { UNKNOWN };
        let output = plan.workload.output_tokens.as_ref();
        let said = vec![
            (Trait::Model, model(run, point)),
            (Trait::Dtype, dtype(run, point)),
            (Trait::Prompts, prompts(run)),
            (Trait::OutputTokens, output.map_or_else(|| unasked.to_owned(), lengths)),
            (Trait::EndOfText, or_unknown(own.then(|| yes_no(is_forced)))),
            (Trait::SharedPrefixes, shared_prefixes(plan)),
            (Trait::Level, point.level.words()),
            (Trait::Arrival, plan.load.arrival.label().to_owned()),
            (Trait::Trial, trial(run, point)),
            (Trait::Window, window(run, point)),
            (Trait::Hardware, hardware(run, point)),
            (Trait::Host, host(run)),
            (Trait::TokenSource, counted(point)),
            (Trait::Definitions, definitions(run)),
        ];
        Some(Self { said, verdict: point.verdict })
    }
}

const UNKNOWN: &str = "unknown";

fn or_unknown(words: Option<String>) -> String {
    words.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The plan's, since servers name one model differently; what the built-in engine makes up is named by its size.
fn model(run: &Recorded, point: &RecordedPoint) -> String {
    let info = run.engine_of(point);
    or_unknown(run.plan.engine.model.clone().or_else(|| info.map(|info| info.model.clone())))
}

fn dtype(run: &Recorded, point: &RecordedPoint) -> String {
    let info = run.engine_of(point);
    let asked = || info.and_then(|info| info.params.get("dtype")).map(ToString::to_string);
    or_unknown(info.and_then(|info| info.dtype.clone()).or_else(asked))
}

fn lengths(lengths: &Lengths) -> String {
    match lengths {
        Lengths::Fixed(n) => format!("{n} tokens"),
        Lengths::Spread(spread) => serde_json::to_string(spread).unwrap_or_default(),
    }
}

fn prompts(run: &Recorded) -> String {
    let workload = &run.plan.workload;
    if run.is_others() {
        return or_unknown(workload.input_tokens.as_ref().map(|input| format!("another tool's, {}", lengths(input))));
    }
    let made = match (&workload.input_tokens, &workload.prompts, &workload.file) {
        (Some(input), ..) => format!("synthetic, {}", lengths(input)),
        (_, Some(task), _) => format!("shipped, {task}"),
        (.., Some(file)) => format!("file {file}"),
        _ => "a trace's".to_owned(),
    };
    format!("{made}, seed {}", workload.seed)
}

fn shared_prefixes(plan: &Plan) -> String {
    let workload = &plan.workload;
    let prefix = workload.prefix.as_ref().map(|p| format!("{} groups of {} tokens", p.groups, p.tokens));
    let sessions = workload.sessions.as_ref().map(|s| format!("sessions of {} turns", s.turns));
    match prefix.or(sessions) {
        Some(words) => words,
        None if workload.nonce => "none".to_owned(),
        None => "as they come".to_owned(),
    }
}

fn trial(run: &Recorded, point: &RecordedPoint) -> String {
    let load = &run.plan.load;
    let length = match (load.requests_at(point.level), load.duration_s) {
        (Some(n), _) => format!("{n} requests"),
        (None, Some(seconds)) => format!("{seconds} s"),
        (None, None) if run.is_others() => "of unknown length".to_owned(),
        (None, None) => "a trace".to_owned(),
    };
    match run.is_others() {
        true => format!("{length}, warm-up unknown"),
        false => format!("{length}, {} s of warm-up", load.warmup_s),
    }
}

fn window(run: &Recorded, point: &RecordedPoint) -> String {
    let words = point.summary.as_ref().map(|summary| {
        let has = |caveat| summary.caveats.contains(&caveat) || run.caveats.contains(&caveat);
        match (has(Caveat::WholeTime), has(Caveat::WholeSpan)) {
            (true, _) => "whole wall time",
            (_, true) => "whole span",
            _ => "saturated part",
        }
    });
    or_unknown(words.map(str::to_owned))
}

fn hardware(run: &Recorded, point: &RecordedPoint) -> String {
    let gpus = run.engine_of(point).map(|info| info.gpus.as_slice()).unwrap_or_default();
    let mut names: Vec<&str> = gpus.iter().map(|gpu| gpu.name.as_deref().unwrap_or(UNKNOWN)).collect();
    names.sort_unstable();
    match (names.as_slice(), &run.plan.engine.gpu) {
        ([], Some(gpu)) => gpu.clone(),
        ([], None) => "none known".to_owned(),
        (names, _) => names.join(", "),
    }
}

/// That of an imported run only read its files.
fn host(run: &Recorded) -> String {
    if run.is_others() {
        return UNKNOWN.to_owned();
    }
    let host = &run.host;
    format!("{}, {} cores, {}", host.name, host.cores, host.cpu.as_deref().unwrap_or(UNKNOWN))
}

fn counted(point: &RecordedPoint) -> String {
    let source = point.summary.as_ref().map(|summary| match summary.token_source {
        TokenSource::ServerUsage => "by the server's usage",
        TokenSource::TokenIds => "by token ids",
        TokenSource::Told => "by another tool, which does not say how",
        TokenSource::Unknown => UNKNOWN,
    });
    or_unknown(source.map(str::to_owned))
}

fn definitions(run: &Recorded) -> String {
    match &run.source {
        Some(source) => format!("{} {}", source.tool, source.version.as_deref().unwrap_or("of unknown version")),
        None => run.agent_version.clone(),
    }
}
