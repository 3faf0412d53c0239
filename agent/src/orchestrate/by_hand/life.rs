//! Owns the life of an engine that was started by hand, told as it goes on: start, ready, end.
//! Must not know who looks on.

use super::board::Board;
use crate::engine::{Begun, Engine, Means, Onlooker};
use crate::orchestrate::floor::Place;
use shared::engine::{Phase, StartPhase};
use shared::plan::Plan;
use shared::wire::StartedState;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Starts the plan's engine and follows it until nothing of it is left; its place is free then.
pub(super) async fn live(plan: Plan, place: Place, means: Means, board: Arc<Board>, stop: CancellationToken) {
    let (lines, received) = mpsc::channel(256);
    let (begun, begins) = oneshot::channel();
    let logging = tokio::spawn(log(received, Arc::clone(&board)));
    let following = tokio::spawn(follow(begins, Arc::clone(&board)));
    let configuration = plan.configurations().into_iter().next().unwrap_or_default();
    let onlooker = Onlooker::watching(lines, begun);
    let started = tokio::select! {
        () = stop.cancelled() => None,
        engine = Engine::start(&plan, 0, &configuration, &means, onlooker) => Some(engine),
    };
    let (state, reason) = match started {
        None => {
            // Letting go of a start ends it, and what follows it knows when.
            board.change(|shown| shown.state(StartedState::Stopping, None));
            (StartedState::Stopped, None)
        }
        Some(Err(error)) => (StartedState::Failed, Some(error.to_string())),
        Some(Ok(engine)) => serve(engine, &means, &board, &stop).await,
    };
    for task in [logging, following] {
        if let Err(error) = task.await {
            tracing::error!(%error, "a task beside an engine started by hand ended badly");
        }
    }
    // Who sees that it is over finds the place free, and who takes that place shows itself only after this.
    board.change(|shown| {
        shown.kin = None;
        shown.state(state, reason);
        drop(place);
    });
}

/// The engine answers: until somebody stops it, or it dies. The state that it ends in, and what is to be said.
async fn serve(
    engine: Engine,
    means: &Means,
    board: &Board,
    stop: &CancellationToken,
) -> (StartedState, Option<String>) {
    means.standing().set(&engine);
    board.change(|shown| {
        if let Some(started) = &mut shown.started {
            started.info = engine.info.clone();
        }
        shown.state(StartedState::Ready, None);
    });
    let death = tokio::select! {
        () = stop.cancelled() => None,
        death = engine.died() => Some(death.to_string()),
    };
    means.standing().clear();
    if death.is_none() {
        board.change(|shown| shown.state(StartedState::Stopping, None));
    }
    let held = engine.stop().await;
    match death {
        Some(death) => {
            (StartedState::Failed, Some([Some(death), held].into_iter().flatten().collect::<Vec<_>>().join(" ")))
        }
        None => (StartedState::Stopped, held),
    }
}

/// Tells how far the start is, from its process's beginning until nothing of it is left.
async fn follow(begins: oneshot::Receiver<Begun>, board: Arc<Board>) {
    // Nobody sends where it was refused before it had a process.
    let Ok(Begun { info, url, mut condition }) = begins.await else { return };
    let begun = Instant::now();
    board.change(|shown| {
        if let Some(started) = &mut shown.started {
            (started.info, started.url) = (info, Some(url));
            started.info.phases = vec![StartPhase { phase: Phase::Process, begun_ms: 0.0 }];
        }
    });
    while condition.changed().await.is_ok() {
        let now = condition.borrow_and_update().clone();
        let begun_ms = begun.elapsed().as_secs_f64() * 1000.0;
        board.change(|shown| {
            shown.kin = now.kin;
            let Some(started) = shown.started.as_mut().filter(|started| started.state == StartedState::Starting) else {
                return;
            };
            if started.phase != now.phase {
                started.info.phases.push(StartPhase { phase: now.phase, begun_ms });
            }
            (started.phase, started.percent) = (now.phase, now.percent);
        });
    }
}

/// Shows the engine's lines in small groups until it is gone.
async fn log(mut lines: mpsc::Receiver<String>, board: Arc<Board>) {
    let mut group = Vec::new();
    while lines.recv_many(&mut group, 50).await > 0 {
        board.change(|shown| group.drain(..).for_each(|line| shown.log.push(line)));
    }
}
