//! Owns the launch of engines as children of the agent, up to their first generated token.
//! Must not know load or runs.

use super::attach::Probe;
use super::builtin::child_environment;
use super::diagnose::explain;
use super::{Engine, EngineError, Vocabulary};
use crate::process::{Child, Host, Launch, Line, ProbeOutcome, Terms, port};
use crate::stream::Protocol;
use shared::caveat::Caveat;
use shared::plan::Plan;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The limits of the built-in engine, which holds no device memory and drops its streams when it is told to end.
fn terms() -> Terms {
    Terms {
        start_limit: Duration::from_secs(120),
        probe_every: Duration::from_millis(50),
        drain: Duration::from_secs(5),
        ..Terms::default()
    }
}

/// Starts the built-in engine: this program again, with its hidden command.
pub(super) async fn builtin(plan: &Plan, host: &Host, lines: mpsc::Sender<String>) -> Result<Engine, EngineError> {
    let port = port::free()?;
    let launch = Launch {
        program: std::env::current_exe().map_err(EngineError::OwnProgram)?,
        args: builtin_args(plan, port),
        // One core stays with the client, which must not be late.
        env: child_environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        port,
        container: None,
    };
    let probe = Probe::new(&format!("http://127.0.0.1:{port}"))?;
    let (model, label) = (plan.engine.model.clone(), plan.engine.kind.label());
    let found = Arc::new(Mutex::new(None));
    let identified = Arc::clone(&found);
    let ask = move || {
        let (probe, model, identified) = (probe.clone(), model.clone(), Arc::clone(&identified));
        async move {
            match probe.identify(Protocol::OpenAiCompletions, model.as_deref(), label).await {
                Ok(engine) => {
                    *identified.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine);
                    ProbeOutcome::Token
                }
                Err(error @ EngineError::Unreachable { .. }) => ProbeOutcome::NotYet(error.to_string()),
                Err(error) => ProbeOutcome::Refused(error.to_string()),
            }
        }
    };
    let (mut child, output) = Child::start(host, launch, terms(), |_| None, ask);
    tokio::spawn(forward(output, lines));
    let timings = match child.ready().await {
        Ok(timings) => timings,
        Err(death) => {
            // What is left of it goes before the next run's turn.
            child.stop(Duration::ZERO).await;
            return Err(EngineError::NotStarted(explain(&death)));
        }
    };
    let engine = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Ready comes from an answer, and with each answer an engine was put there.
    let mut engine = engine.ok_or_else(|| EngineError::NotStarted("It answered, but not to us.".to_owned()))?;
    engine.info.start_ms = Some(timings.iter().map(|(_, ms)| *ms as f64).sum());
    engine.caveats.extend([Caveat::RandomWeightsOnCpu, Caveat::SharedCores]);
    engine.vocabulary = Some(Vocabulary::builtin());
    engine.child = Some(child);
    Ok(engine)
}

fn builtin_args(plan: &Plan, port: u16) -> Vec<OsString> {
    let mut args: Vec<String> = vec!["builtin-engine".into(), "--port".into(), port.to_string()];
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

/// Sends an engine's lines on as text until it is gone; lines that were lost on the way are one line that says so.
async fn forward(mut output: mpsc::Receiver<Line>, lines: mpsc::Sender<String>) {
    while let Some(Line { text, dropped_before, .. }) = output.recv().await {
        let lost =
            (dropped_before > 0).then(|| format!("[{dropped_before} lines came too fast and were dropped here]"));
        for line in lost.into_iter().chain([text]) {
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
}
