//! Owns runs that an earlier agent left: what waited waits on, in its order; what was under way is interrupted.
//! Must not know how turns are taken.

use super::company::Company;
use super::line::{Line, Waiting};
use super::order::restored;
use crate::engine;
use crate::load::Clock;
use crate::log::{LogError, SqliteLog};
use crate::orchestrate::floor::Floor;
use crate::orchestrate::host::unix_ms;
use crate::orchestrate::resume::Before;
use crate::orchestrate::run::Turn;
use crate::workload::Workload;
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::queue::Arrangement;
use shared::units::NS_PER_MS;
use shared::view::RunView;
use tokio_util::sync::CancellationToken;

/// Ends what was under way, and gives the line of what waited. Where what waits is none of this process's matter, it is
/// left as it is.
///
/// # Errors
/// [`LogError`] where the log cannot be read or written.
pub async fn restore(
    log: &SqliteLog,
    floor: &Floor,
    stopping: &CancellationToken,
    lasting: bool,
) -> Result<Line, LogError> {
    let mut line = Line::default();
    let mut since = Vec::new();
    for run in log.unfinished().await? {
        let view = log.view(&run).await?;
        match view.filter(|view| waits(view)) {
            Some(_) if !lasting => {}
            Some(view) => match turn(&run, &view, stopping).await {
                Ok((turn, since_unix_ms)) => match floor.for_run(&turn.plan) {
                    Ok(place) => {
                        since.push((since_unix_ms, run));
                        line.join(Waiting::new(turn, place));
                    }
                    Err(why) => end(log, &run, RunState::Failed, why.to_string()).await?,
                },
                Err(why) => end(log, &run, RunState::Failed, why).await?,
            },
            None => {
                let reason = "The agent ended in the middle of this run; what had been logged by then is shown.";
                end(log, &run, RunState::Interrupted, reason.to_owned()).await?;
            }
        }
    }
    // A pause is the serving agent's: whoever gives a command wants what it says.
    if lasting {
        let arrangement = log.arrangement().await?;
        let paused = arrangement.paused.clone();
        line.arrange(Arrangement { paused, runs: restored(arrangement, since) });
    }
    Ok(line)
}

/// True where nothing has happened since it began to wait.
fn waits(view: &RunView) -> bool {
    matches!(view.state, Some((RunState::Queued, since_ns)) if since_ns == view.last_ns)
}

async fn end(log: &SqliteLog, run: &RunId, state: RunState, reason: String) -> Result<(), LogError> {
    let t_ns = log.view(run).await?.map_or(0, |view| view.last_ns);
    log.append(run, vec![(t_ns, Body::State { state, reason: Some(reason) })]).await?;
    Ok(())
}

/// The turn of a run that waited, and since when it has, Unix ms; why not, as a sentence.
async fn turn(run: &RunId, view: &RunView, stopping: &CancellationToken) -> Result<(Turn, u64), String> {
    let (plan, before) = Before::of_waiting(run, view).map_err(|why| why.to_string())?;
    let refused = |why: String| format!("This version of the agent refuses the plan of this run, which waited: {why}");
    engine::check(&plan).map_err(|why| refused(why.to_string()))?;
    Workload::read(plan.clone(), 0).await.map_err(|why| refused(why.to_string()))?;
    let last = view.resumptions.last().map(|last| (last.t_ns, last.anchor_unix_ms));
    let (from_ns, anchor_unix_ms) = last.unwrap_or((0, view.header.as_ref().map_or(0, |header| header.anchor_unix_ms)));
    let clock = Clock::going_on(time_of(unix_ms(), from_ns, anchor_unix_ms, view.last_ns))
        .ok_or("This host's clock does not reach as far back as this run has waited: run its plan again.")?;
    let (cancel, asked, company) = (stopping.child_token(), CancellationToken::new(), Company::default());
    Ok((Turn { run: run.clone(), plan, clock, before, cancel, asked, company }, anchor_unix_ms))
}

/// The run time of a wall-clock time, ns, by the run's anchor, so that this stays right over a restart. Where the wall clock
/// was set back meanwhile, time goes on from the last event.
fn time_of(unix_ms: u64, from_ns: u64, anchor_unix_ms: u64, last_ns: u64) -> u64 {
    let since_ns = unix_ms.saturating_sub(anchor_unix_ms).saturating_mul(NS_PER_MS);
    from_ns.saturating_add(since_ns).max(last_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::Event;

    #[test]
    fn run_time_goes_on_with_the_wall_clock_and_never_back() {
        let check = |unix_ms, from_ns, anchor, last, expect| {
            assert_eq!(time_of(unix_ms, from_ns, anchor, last), expect);
        };
        check(1_005, 0, 1_000, 0, 5_000_000);
        check(1_005, 70, 1_000, 70, 5_000_070);
        // Set back by an hour.
        check(400, 70, 1_000, 90, 90);
    }

    #[test]
    fn only_what_has_done_nothing_since_waits() {
        let mut view = RunView::default();
        let mut check = |t_ns, body, expect| {
            view.apply(&Event { seq: view.seq + 1, t_ns, body });
            assert_eq!(waits(&view), expect, "{t_ns}");
        };
        let state = |state| Body::State { state, reason: None };
        check(0, state(RunState::Queued), true);
        check(9, Body::EngineLog { lines: vec![] }, false);
        check(20, state(RunState::Starting), false);
        check(30, state(RunState::Interrupted), false);
        check(40, state(RunState::Queued), true);
    }
}
