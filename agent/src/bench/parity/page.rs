//! Owns how the comparison is written: a count of verdicts, what is not explained, and each figure from all sides.
//! Must not know how figures were had or judged.

use super::compared::Compared;
use super::figures::{FIGURES, Figure};
use super::kept::{Asked, Setting, Trial};
use super::verdict::{SAME, Sides, Verdict, percent};
use crate::bench::peers::Definition;
use crate::bench::table::{begin, line, number};
use shared::metric::Metric;

/// The page.
///
/// # Errors
/// Where nobody knows what a tool's figures mean.
pub(super) fn markdown(
    setting: &Setting,
    compared: &[Compared],
    trials: &[Trial],
    definition: impl Fn(&str) -> anyhow::Result<Definition>,
) -> anyhow::Result<String> {
    let asked = &setting.asked;
    let definitions: Vec<Definition> =
        asked.tools.iter().map(|tool| definition(&tool.program)).collect::<anyhow::Result<_>>()?;
    let mut text = preamble(setting, trials);
    for (tool, definition) in asked.tools.iter().zip(&definitions) {
        let version = tool.version.as_deref().unwrap_or("of unknown version");
        line(&mut text, &format!("- {} {version}: {}.", tool.title, words(definition)));
    }
    counts(&mut text, asked, compared);
    unexplained(&mut text, asked, compared);
    for level in &asked.levels {
        let head = [
            "figure",
            "tool",
            "ours",
            "true",
            "theirs",
            "true",
            "difference",
            "ours by their definition",
            "difference then",
            "verdict",
        ];
        let title = format!(
            "## {} of {} tokens, {} requests",
            plural(level.streams, "stream"),
            level.tokens,
            level.requests_in_all()
        );
        begin(&mut text, &title, &head);
        for (place, figure) in FIGURES.iter().enumerate() {
            for one in compared.iter().filter(|one| one.level == *level) {
                if let Some(sides) = one.sides.get(place).filter(|sides| sides.verdict() != Verdict::Unsaid) {
                    let definition = &definitions[one.tool];
                    line(&mut text, &row(figure, &asked.tools[one.tool].title, sides, definition));
                }
            }
        }
    }
    Ok(text)
}

fn preamble(setting: &Setting, trials: &[Trial]) -> String {
    let Asked { ttft_ms, gap_ms, repeats, levels, engine_model, bound, .. } = &setting.asked;
    let cores = match (engine_model, bound) {
        (None, true) => "every tool, ours too, is bound with all its processes to one core and the server to another",
        (None, false) => "tools and server share one core: both are late together",
        (Some(_), true) => "every tool, ours too, is bound with all its processes to one core",
        (Some(_), false) => "tools have one core",
    };
    let levels: Vec<String> = levels.iter().map(ToString::to_string).collect();
    let mut task = format!("parity --levels {} --repeats {repeats}", levels.join(","));
    task.push_str(&match engine_model {
        None => format!(" --ttft-ms {ttft_ms} --gap-ms {gap_ms}"),
        Some(model) => format!(" --engine http://HOST:PORT --model {model}"),
    });
    let mut text = setting.circumstances.head("The same server by us and by other tools", cores, &task);
    let loads = || trials.iter().flat_map(|trial| [trial.load.0, trial.load.1]).flatten();
    let (least, most) = (loads().reduce(f64::min), loads().reduce(f64::max));
    line(
        &mut text,
        &format!(
            "- Load average of the host over a minute, before and after each trial: {} to {}; a trial is itself about 1",
            number(least, 2),
            number(most, 2)
        ),
    );
    let server = match engine_model {
        None => format!(
            "The server is the pacing server: first token after {ttft_ms} ms, then one every {gap_ms} ms. It keeps an \
             account of when it had read each request and wrote each chunk, which is what \"true\" is computed from, each \
             by the definition of the column before it. "
        ),
        Some(_) => "The server is an engine, of which nobody knows the truth. ".to_owned(),
    };
    line(
        &mut text,
        &format!(
            "\n{server}Every tool asks for the same number of answers of the same length, in turns, medians of \
             {repeats} trials. Written by the command alone, from the files in the folder of this page's name: `--page-only` \
             computes it anew. A difference is theirs over ours, and has one of these verdicts:\n"
        ),
    );
    let same = SAME * 100.0;
    line(&mut text, &format!("- **within {same} %**: no more than that apart."));
    line(
        &mut text,
        &format!(
            "- **by definition**: ours, computed again from our own requests by the tool's definition, is within {same} % \
             of theirs, and what is left is at most half of the difference."
        ),
    );
    line(
        &mut text,
        &format!(
            "- **both true**: each is within {same} % of what the server did for it, which was not the same for both. Where \
             streams are refilled as they end, it has as many requests to answer as it is sent, and a tool that takes \
             longer to send the next one gets fewer."
        ),
    );
    line(&mut text, "- **differs**: none of these; what is known of it stands there.");
    line(
        &mut text,
        "\nOurs are those of a run: requests sent once all streams are busy, and rates while they are. Figures that a tool \
         does not say are left out. What the definitions of the other tools are, over all requests and the whole time, \
         start and drain included:\n",
    );
    text
}

/// A definition in words.
fn words(definition: &Definition) -> String {
    let Definition { with_connection, to_stream_end, by_token, between_ranks, .. } = *definition;
    let start = if with_connection { "before its connection is opened" } else { "when it is sent" };
    let end = if to_stream_end { "the end of its stream" } else { "its last output" };
    let weight = if by_token {
        "each request counts as often as it has tokens after the first"
    } else {
        "each request counts once"
    };
    let ranks = if between_ranks { "on the line between two ranks" } else { "samples at their rank" };
    format!("a request begins {start} and lasts to {end}; of TPOT {weight}; percentiles are {ranks}")
}

/// How many figures have which verdict.
fn counts(text: &mut String, asked: &Asked, compared: &[Compared]) {
    let head = ["streams", "tool", "trials", "within 1 %", "by definition", "both true", "differs", "not said"];
    begin(text, "## Verdicts", &head);
    for one in compared {
        let count = |is: fn(&Verdict) -> bool| one.sides.iter().filter(|sides| is(&sides.verdict())).count();
        let cells = [
            one.level.streams.to_string(),
            asked.tools[one.tool].title.clone(),
            one.trials.to_string(),
            count(|verdict| *verdict == Verdict::Same).to_string(),
            count(|verdict| *verdict == Verdict::ByDefinition).to_string(),
            count(|verdict| *verdict == Verdict::BothTrue).to_string(),
            count(|verdict| matches!(verdict, Verdict::Differs(_))).to_string(),
            count(|verdict| *verdict == Verdict::Unsaid).to_string(),
        ];
        line(text, &format!("| {} |", cells.join(" | ")));
    }
}

/// What no definition explains, and what gave no result.
fn unexplained(text: &mut String, asked: &Asked, compared: &[Compared]) {
    line(text, "\n## What differs\n");
    let mut any = false;
    for one in compared {
        let who = format!("{}, {}", asked.tools[one.tool].title, plural(one.level.streams, "stream"));
        if let Some(failure) = &one.failure {
            any = true;
            line(text, &format!("- {who}: a trial gave no result: {}", failure.replace('\n', " · ")));
        }
        for (figure, sides) in FIGURES.iter().zip(&one.sides) {
            if let (Verdict::Differs(why), Some(apart)) = (sides.verdict(), sides.apart()) {
                any = true;
                line(text, &format!("- {who}, {}: {}; {why}.", figure.name, percent(apart)));
            }
        }
    }
    if !any {
        line(text, "Nothing.");
    }
}

fn row(figure: &Figure, title: &str, sides: &Sides, definition: &Definition) -> String {
    let value = |value: Option<f64>| number(value, figure.digits);
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    let cells = [
        figure.name.to_owned(),
        title.to_owned(),
        value(sides.ours),
        value(sides.ours_true),
        value(sides.theirs),
        value(sides.theirs_true),
        share(sides.apart()),
        value(sides.alike),
        share(sides.apart_alike()),
        verdict(figure, sides, definition),
    ];
    format!("| {} |", cells.join(" | "))
}

fn verdict(figure: &Figure, sides: &Sides, definition: &Definition) -> String {
    match sides.verdict() {
        Verdict::Unsaid => "not said".to_owned(),
        Verdict::Same => format!("within {} %", SAME * 100.0),
        Verdict::ByDefinition => match says(figure, definition) {
            Some(says) => format!("by definition: {says}"),
            None => "by definition: over all requests and the whole time".to_owned(),
        },
        Verdict::BothTrue => "both true".to_owned(),
        Verdict::Differs(_) => "differs".to_owned(),
    }
}

/// What the registry says of a metric of that tool.
fn says(figure: &Figure, definition: &Definition) -> Option<&'static str> {
    let others = Metric::find(figure.metric)?.others;
    let peer = others.iter().find(|peer| peer.tool == definition.name && peer.differs())?;
    Some(peer.says.trim_end_matches('.'))
}

fn plural(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
