//! Owns the launch of engines as children of the agent, up to their first generated token.
//! Must not know load or runs.

use super::attach::Probe;
use super::builtin::child_environment;
use super::{Engine, EngineError, Vocabulary};
use crate::process::{Child, Launch, Source};
use crate::stream::Protocol;
use shared::caveat::Caveat;
use shared::plan::Plan;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the built-in engine may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Log lines quoted where a start fails.
const QUOTED_LINES: usize = 5;

/// Starts the built-in engine: this program again, with its hidden command.
pub(super) async fn builtin(plan: &Plan, lines: mpsc::Sender<String>) -> Result<Engine, EngineError> {
    let begun = Instant::now();
    let launch = Launch {
        program: std::env::current_exe().map_err(EngineError::OwnProgram)?,
        args: builtin_args(plan),
        // One core stays with the client, which must not be late.
        env: child_environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    let (mut child, mut output) = Child::start(&launch)?;
    let url = match tokio::time::timeout(READY_LIMIT, ready_line(&mut output, &lines)).await {
        Err(_) => return Err(EngineError::Slow(READY_LIMIT.as_secs())),
        Ok(Ok(url)) => url,
        Ok(Err(last)) => {
            // Its outputs closed, so it has ended or is about to.
            let status = tokio::time::timeout(Duration::from_secs(5), async {
                loop {
                    if let Some(status) = child.ended() {
                        return status.to_string();
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            let status = status.await.unwrap_or_else(|_| "it closed its outputs".into());
            return Err(EngineError::Died { status, lines: last.join(" / ") });
        }
    };
    tokio::spawn(async move {
        while let Some((_, line)) = output.recv().await {
            if lines.send(line).await.is_err() {
                return;
            }
        }
    });
    let probe = Probe::new(&url)?;
    let mut engine =
        probe.identify(Protocol::OpenAiCompletions, plan.engine.model.as_deref(), plan.engine.kind.label()).await?;
    engine.info.start_ms = Some(begun.elapsed().as_secs_f64() * 1e3);
    engine.caveats.extend([Caveat::RandomWeightsOnCpu, Caveat::SharedCores]);
    engine.vocabulary = Some(Vocabulary::builtin());
    engine.child = Some(child);
    Ok(engine)
}

fn builtin_args(plan: &Plan) -> Vec<OsString> {
    let mut args: Vec<String> = vec!["builtin-engine".into(), "--exit-with-stdin".into(), "--port".into(), "0".into()];
    let mut set = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            args.extend([flag.to_owned(), value]);
        }
    };
    set("--preset", plan.param_text("preset").map(str::to_owned));
    set("--kv-cache", plan.param_bool("kv_cache").map(|on| if on { "on" } else { "off" }.to_owned()));
    set("--batch", plan.param_int("batch").map(|n| n.to_string()));
    set("--batch-wait-ms", plan.param_int("batch_wait_ms").map(|n| n.to_string()));
    set("--seed", plan.param_int("seed").map(|n| n.to_string()));
    args.into_iter().map(OsString::from).collect()
}

/// Reads lines until the one that names the engine's address; the last lines where the output ends before.
async fn ready_line(
    output: &mut mpsc::Receiver<(Source, String)>,
    lines: &mpsc::Sender<String>,
) -> Result<String, Vec<String>> {
    let mut last = VecDeque::new();
    while let Some((source, line)) = output.recv().await {
        if source == Source::Stdout
            && let Some(url) = line.strip_prefix("ready ")
        {
            return Ok(url.trim().to_owned());
        }
        last.push_back(line.clone());
        if last.len() > QUOTED_LINES {
            last.pop_front();
        }
        // A log that nobody reads any more is no reason to stop waiting for the engine.
        if lines.send(line).await.is_err() {
            tracing::debug!("nobody reads the engine's log");
        }
    }
    Err(last.into())
}
