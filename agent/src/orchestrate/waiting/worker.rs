//! Owns the loop that has waiting runs take their turns, and what it looks up of the host for that.
//! Must not know how it is decided, nor what a run does in its turn.

use super::Terms;
use super::line::{Line, Waiting};
use super::need::{Need, listed};
use crate::engine;
use crate::orchestrate::run::{self, House, Turn};
use crate::sync::lock;
use crate::telemetry::{Other, others};
use shared::ids::RunId;
use shared::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between two looks at GPUs that somebody else uses.
const AGAIN: Duration = Duration::from_secs(2);
/// How long a driver may take to say which GPUs there are; a run whose GPUs are not known then is measured alone.
const DRIVER_LIMIT: Duration = Duration::from_secs(10);

/// What the loop and the queue's handles share.
#[derive(Clone)]
pub struct Work {
    /// What waits and what is under way.
    pub line: Arc<Mutex<Line>>,
    /// Told whenever that changes.
    pub changed: Arc<Notify>,
    /// Nothing new starts any more, and what is under way is ended.
    pub stopping: CancellationToken,
    /// Nothing new starts any more; what is under way may come to its end.
    pub parking: CancellationToken,
    /// The last run whose end could not be logged, and why.
    pub lost: watch::Sender<Option<(RunId, String)>>,
}

/// The loop.
pub struct Worker {
    /// What it shares.
    pub work: Work,
    /// What turns share.
    pub house: House,
    /// How it treats what waits.
    pub terms: Terms,
    /// The driver's answer to who uses GPUs, while it is waited for.
    pub asked: Option<JoinHandle<BTreeMap<String, Vec<Other>>>>,
}

impl Worker {
    /// Goes on until the queue stops, or parks and nothing is under way, and the last turn is over.
    pub async fn run(mut self) {
        let mut turns = JoinSet::new();
        while !self.work.stopping.is_cancelled() {
            let parks = self.work.parking.is_cancelled();
            if parks && lock(&self.work.line).running.is_empty() {
                break;
            }
            let mut sees_others = false;
            if !parks {
                self.find_out_needs().await;
                sees_others = self.look_for_others().await;
                if self.work.stopping.is_cancelled() || self.work.parking.is_cancelled() {
                    continue;
                }
            }
            let due = if parks { lock(&self.work.line).cancelled() } else { lock(&self.work.line).due() };
            due.into_iter().for_each(|turn| self.take(&mut turns, turn));
            while turns.try_join_next().is_some() {}
            tokio::select! {
                () = self.work.changed.notified() => {}
                () = self.work.stopping.cancelled() => {}
                () = sleep(AGAIN), if sees_others => {}
            }
        }
        // What waits is for the agent that comes next; where none does it ends, having been cancelled with everything else.
        if !self.terms.lasting {
            let left = lock(&self.work.line).give_up();
            left.into_iter().for_each(|turn| self.take(&mut turns, turn));
        }
        while turns.join_next().await.is_some() {}
    }

    fn take(&self, turns: &mut JoinSet<()>, turn: Turn) {
        let (work, house) = (self.work.clone(), self.house.clone());
        turns.spawn(async move {
            let run = turn.run.clone();
            let end = run::take_turn(turn, &house).await;
            // Whoever hears that it has ended may resume it at once.
            lock(&work.line).end(&run);
            if let Err(error) = end.log().await {
                work.lost.send_replace(Some((run, error.to_string())));
            }
            work.changed.notify_one();
        });
    }

    /// Finds out what those need of which that is not known yet.
    async fn find_out_needs(&self) {
        let unknown = |waiting: &&Waiting| waiting.need.is_none();
        let (runs, plans): (Vec<RunId>, Vec<Plan>) = {
            let line = lock(&self.work.line);
            let asking = line.waiting.iter().filter(unknown);
            asking.map(|waiting| (waiting.turn.run.clone(), waiting.turn.plan.clone())).unzip()
        };
        if runs.is_empty() {
            return;
        }
        let found = timeout(DRIVER_LIMIT, engine::planned(&plans)).await.unwrap_or_else(|_| {
            tracing::warn!("the driver does not say which GPUs there are: runs that name some are measured alone");
            vec![None; plans.len()]
        });
        let mut line = lock(&self.work.line);
        for (run, gpus) in runs.iter().zip(found) {
            if let Some(at) = line.place(run) {
                line.waiting[at].need = Some(Need::of(gpus));
            }
        }
    }

    /// Looks who else is on the GPUs of those that could start; true where somebody is.
    async fn look_for_others(&mut self) -> bool {
        let wanted = candidates(&lock(&self.work.line));
        let found = if wanted.is_empty() { Some(BTreeMap::new()) } else { self.others().await };
        let mut line = lock(&self.work.line);
        for waiting in &mut line.waiting {
            let gpus = wanted.get(&waiting.turn.run);
            // A driver that does not answer keeps no run from what it would do without asking.
            waiting.sees(gpus.zip(found.as_ref()).and_then(|(gpus, found)| who(gpus, found)), self.terms.patience);
        }
        line.waiting.iter().any(|waiting| waiting.others.is_some())
    }

    /// One that hangs is waited for and not asked again, so that it costs one thread and no more.
    async fn others(&mut self) -> Option<BTreeMap<String, Vec<Other>>> {
        let asked = self.asked.get_or_insert_with(|| spawn_blocking(others));
        let found = timeout(DRIVER_LIMIT, asked).await.ok()?;
        self.asked = None;
        found.ok()
    }
}

/// Runs that start engines on GPUs that no run has, and those GPUs.
fn candidates(line: &Line) -> BTreeMap<RunId, BTreeSet<String>> {
    if line.paused.is_some() {
        return BTreeMap::new();
    }
    let is_free = |need: &Need| line.running.values().all(|running| !running.need.excludes(need));
    let launches =
        line.waiting.iter().filter(|waiting| waiting.turn.plan.engine.launch.is_some() && waiting.held.is_none());
    let gpus = |waiting: &Waiting| match &waiting.need {
        Some(need @ Need::Gpus(gpus)) if is_free(need) => Some((waiting.turn.run.clone(), gpus.clone())),
        _ => None,
    };
    launches.filter_map(gpus).collect()
}

/// Who else is on these GPUs, as the beginning of a sentence, and whether their end is worth waiting for: of processes that
/// cannot be seen from here, as those of other containers, nobody here can tell what they are.
fn who(gpus: &BTreeSet<String>, found: &BTreeMap<String, Vec<Other>>) -> Option<(String, bool)> {
    let used: Vec<(&String, &Vec<Other>)> = found.iter().filter(|(uuid, _)| gpus.contains(*uuid)).collect();
    let all: BTreeMap<u32, &Option<String>> =
        used.iter().flat_map(|(_, others)| others.iter().map(|other| (other.pid, &other.name))).collect();
    let words = |(pid, name): (&u32, &&Option<String>)| match name {
        Some(name) => format!("{pid} ({name})"),
        None => pid.to_string(),
    };
    let on = listed(used.iter().map(|(uuid, _)| uuid.as_str()));
    let who = match all.len() {
        0 => return None,
        1 => format!("The process {} is on {on}", listed(all.iter().map(words))),
        _ => format!("The processes {} are on {on}", listed(all.iter().map(words))),
    };
    Some((who, all.values().any(|name| name.is_some())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_is_on_gpus_is_said_by_process_and_gpu() {
        let other = |pid, name: Option<&str>| Other { pid, name: name.map(str::to_owned) };
        let found: BTreeMap<String, Vec<Other>> = [
            ("GPU-a".to_owned(), vec![other(7, Some("python")), other(9, None)]),
            ("GPU-b".to_owned(), vec![other(7, Some("python"))]),
            ("GPU-c".to_owned(), vec![other(5, None)]),
        ]
        .into();
        let check = |gpus: &[&str], expect: Option<(&str, bool)>| {
            let gpus = gpus.iter().map(|uuid| (*uuid).to_owned()).collect();
            assert_eq!(who(&gpus, &found), expect.map(|(who, waits)| (who.to_owned(), waits)));
        };
        check(&["GPU-d"], None);
        check(&["GPU-b"], Some(("The process 7 (python) is on GPU-b", true)));
        check(&["GPU-a", "GPU-b"], Some(("The processes 7 (python) and 9 are on GPU-a and GPU-b", true)));
        check(&["GPU-c"], Some(("The process 5 is on GPU-c", false)));
    }
}
