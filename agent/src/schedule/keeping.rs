//! Owns the schedules of one agent: made, listed, taken away, and the loop that begins what is due.
//! Must not know what is said of an end, nor how somebody is told.

use super::due::{Due, due};
use super::ending;
use super::timetable::Timetable;
use super::webhook::{Backoff, deliver, refused};
use crate::engine;
use crate::log::{Committed, KeptSchedule, LogError, ScheduleEvent, SqliteLog};
use crate::orchestrate::{Queue, unix_ms};
use crate::secret::Secrets;
use crate::sync::lock;
use shared::ids::ScheduleId;
use shared::people::{Side, Who};
use shared::schedule::{
    Delivery, Fate, Occasion, On, Outcome, SHOWN_TIMES, Schedule, SchedulePlan, ScheduleRow, Webhook, Work,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Schedules that there are at most.
const MOST: usize = 200;
/// Longest wait between two looks at the clock: it may be set.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Why a schedule was not made or not taken away.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Something of it cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There are too many.
    #[error("There are {MOST} schedules already: take one away first.")]
    TooMany,
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A schedule and its times.
struct Entry {
    kept: KeptSchedule,
    timetable: Timetable,
    /// Somebody is being told of its last outcome.
    telling: bool,
}

/// The schedules of one agent. Clones are one; the loop ends with the last of them.
#[derive(Clone)]
pub struct Scheduler(Arc<Inner>);

struct Inner {
    log: SqliteLog,
    queue: Queue,
    secrets: Secrets,
    backoff: Backoff,
    entries: Mutex<BTreeMap<ScheduleId, Entry>>,
    changed: Arc<Notify>,
}

impl Scheduler {
    /// Reads the schedules and begins what is due. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    pub async fn start(log: SqliteLog, queue: Queue, secrets: Secrets, backoff: Backoff) -> Result<Self, LogError> {
        let mut entries = BTreeMap::new();
        for kept in log.schedules().await? {
            match Timetable::of(&kept.schedule.plan.when) {
                Ok(timetable) => {
                    entries.insert(kept.schedule.schedule.clone(), Entry { kept, timetable, telling: false });
                }
                Err(why) => tracing::error!(schedule = %kept.schedule.schedule, why, "a schedule begins nothing"),
            }
        }
        let (committed, entries, changed) = (log.subscribe(), Mutex::new(entries), Arc::new(Notify::new()));
        let inner = Arc::new(Inner { log, queue, secrets, backoff, entries, changed });
        tokio::spawn(look(Arc::downgrade(&inner), Arc::clone(&inner.changed), committed));
        Ok(Self(inner))
    }

    /// Schedules as they are listed, oldest first.
    #[must_use]
    pub fn rows(&self) -> Vec<ScheduleRow> {
        let now = unix_ms();
        lock(&self.0.entries).values().map(|entry| row(entry, now)).collect()
    }

    /// The row that a schedule would have, were it made now.
    ///
    /// # Errors
    /// [`ScheduleError::Invalid`] as a sentence.
    pub fn check(&self, plan: SchedulePlan, by: Who) -> Result<ScheduleRow, ScheduleError> {
        let now = unix_ms();
        let (plan, timetable) = self.valid(plan, now)?;
        let schedule = Schedule { schedule: ScheduleId::new(now, rand::random()), plan, created_unix_ms: now, by };
        Ok(row(&Entry { kept: KeptSchedule::new(schedule), timetable, telling: false }, now))
    }

    /// Makes a schedule.
    ///
    /// # Errors
    /// [`ScheduleError`] as a sentence; nothing is kept then.
    pub async fn create(&self, plan: SchedulePlan, by: Who) -> Result<ScheduleRow, ScheduleError> {
        if lock(&self.0.entries).len() >= MOST {
            return Err(ScheduleError::TooMany);
        }
        let row = self.check(plan, by)?;
        let (schedule, timetable) = (row.schedule.clone(), Timetable::of(&row.schedule.plan.when));
        let timetable = timetable.map_err(ScheduleError::Invalid)?;
        let id = schedule.schedule.clone();
        self.0.log.schedule(id.clone(), ScheduleEvent::Created(Box::new(schedule.clone()))).await?;
        let entry = Entry { kept: KeptSchedule::new(schedule), timetable, telling: false };
        lock(&self.0.entries).insert(id, entry);
        self.0.changed.notify_one();
        Ok(row)
    }

    /// Takes a schedule away; what it began goes on.
    ///
    /// # Errors
    /// [`LogError::NoSuchSchedule`], or a failure of the disk.
    pub async fn remove(&self, schedule: &ScheduleId, by: Who) -> Result<(), ScheduleError> {
        self.0.log.schedule(schedule.clone(), ScheduleEvent::Removed { by }).await?;
        lock(&self.0.entries).remove(schedule);
        Ok(())
    }

    fn valid(&self, mut plan: SchedulePlan, now: u64) -> Result<(SchedulePlan, Timetable), ScheduleError> {
        let invalid = |why: String| ScheduleError::Invalid(why);
        let timetable = Timetable::of(&plan.when).map_err(invalid)?;
        if timetable.after(now).is_none() {
            let sentence = format!("{} is over, so nothing would begin: choose a later time.", timetable.describe());
            return Err(ScheduleError::Invalid(sentence));
        }
        plan.work = match plan.work {
            Work::Run(of) => {
                let of = of.validated().map_err(|why| invalid(why.to_string()))?;
                engine::check(&of).map_err(|why| invalid(why.to_string()))?;
                Work::Run(Box::new(of))
            }
            Work::Study(of) => {
                let of = of.validated().map_err(|why| invalid(why.to_string()))?;
                for run in of.expand() {
                    engine::check(&run.plan).map_err(|why| invalid(format!("{}: {why}", run.label)))?;
                }
                Work::Study(Box::new(of))
            }
        };
        if let Some(Webhook { url, secret, .. }) = &plan.webhook {
            if let Some(why) = refused(url) {
                return Err(ScheduleError::Invalid(why));
            }
            self.0.secrets.require(secret).map_err(|why| invalid(why.to_string()))?;
        }
        Ok((plan, timetable))
    }
}

fn row(entry: &Entry, now: u64) -> ScheduleRow {
    let Entry { kept, timetable, .. } = entry;
    let next_unix_ms = timetable.times(now.max(kept.settled_unix_ms)).take(SHOWN_TIMES).collect::<Vec<_>>();
    ScheduleRow {
        schedule: kept.schedule.clone(),
        when: timetable.describe(),
        next: next_unix_ms.iter().map(|time| timetable.words(*time)).collect(),
        next_unix_ms,
        last: kept.last.clone(),
        outcome: kept.outcome.clone(),
        delivery: kept.delivery.clone(),
    }
}

/// Looks at the clock and at what has ended, again and again, for as long as there is a scheduler.
async fn look(inner: Weak<Inner>, changed: Arc<Notify>, mut committed: Receiver<Committed>) {
    loop {
        let wait = {
            let Some(inner) = inner.upgrade() else { return };
            inner.conclude_what_has_ended().await;
            inner.begin_what_is_due().await;
            inner.tell_whoever_waits();
            inner.until_next()
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = changed.notified() => {}
            () = end_of_something(&mut committed) => {}
        }
    }
}

/// Resolves where a run has ended, or where one may have that nobody told of.
async fn end_of_something(committed: &mut Receiver<Committed>) {
    loop {
        match committed.recv().await {
            Ok(Committed::Row(row)) if row.state.is_final() => return,
            Ok(Committed::Deleted(_)) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The log is gone, and whoever holds it with it.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Inner {
    /// How long until the next time, or until another look at a clock that may have been set.
    fn until_next(&self) -> Duration {
        let now = unix_ms();
        let entries = lock(&self.entries);
        let next = entries.values().filter_map(|entry| entry.timetable.after(entry.kept.settled_unix_ms)).min();
        next.map_or(LOOK_EVERY, |next| Duration::from_millis(next.saturating_sub(now)).min(LOOK_EVERY))
    }

    /// Logs what happened, and folds it.
    async fn note(&self, id: &ScheduleId, event: ScheduleEvent) -> bool {
        if let Err(error) = self.log.schedule(id.clone(), event.clone()).await {
            tracing::error!(%error, schedule = %id, "what became of a schedule could not be logged");
            return false;
        }
        if let Some(entry) = lock(&self.entries).get_mut(id)
            && let Some(kept) = KeptSchedule::after(Some(entry.kept.clone()), &event)
        {
            entry.kept = kept;
        }
        true
    }

    async fn begin_what_is_due(&self) {
        let now = unix_ms();
        let all: Vec<(ScheduleId, Due)> = {
            let entries = lock(&self.entries);
            let of = |(id, entry): (&ScheduleId, &Entry)| {
                let Entry { kept, timetable, .. } = entry;
                Some((id.clone(), due(timetable, kept.schedule.plan.missed, kept.settled_unix_ms, now)?))
            };
            entries.iter().filter_map(of).collect()
        };
        for (id, due) in all {
            let kept = lock(&self.entries).get(&id).map(|entry| entry.kept.clone());
            let Some(kept) = kept else { continue };
            let occasion = |fate| Occasion { due_unix_ms: due.at_unix_ms, fate, missed: due.missed };
            let passed = self.passed_over(&kept, due).await;
            if let Some(why) = passed {
                self.note(&id, ScheduleEvent::Settled(occasion(Fate::Passed(why)))).await;
                continue;
            }
            // It may have ended since the look before: what begins now takes its place.
            self.conclude(&id).await;
            // Settled first: an agent that ends in between does not begin the same twice.
            if !self.note(&id, ScheduleEvent::Settled(occasion(Fate::Begins))).await {
                continue;
            }
            let fate = match &kept.schedule.plan.work {
                Work::Run(plan) => self.queue.submit((**plan).clone()).await.map(Side::Run),
                Work::Study(plan) => self.queue.submit_study((**plan).clone()).await.map(Side::Study),
            };
            let fate = fate.map_or_else(|why| Fate::Passed(why.to_string()), Fate::Began);
            self.note(&id, ScheduleEvent::Settled(occasion(fate))).await;
        }
    }

    /// Why a time is passed over, where it is.
    async fn passed_over(&self, kept: &KeptSchedule, due: Due) -> Option<String> {
        if !due.begins {
            return Some("The agent was not there at that time, and missed times are passed over.".to_owned());
        }
        let side = kept.under_way.as_ref()?;
        match ending::is_over(&self.log, side).await {
            Ok(false) => Some(format!("What it began before ({side}) had not ended.")),
            Ok(true) => None,
            Err(error) => Some(error.to_string()),
        }
    }

    async fn conclude_what_has_ended(&self) {
        let open: Vec<ScheduleId> = {
            let entries = lock(&self.entries);
            entries.iter().filter(|(_, entry)| entry.kept.under_way.is_some()).map(|(id, _)| id.clone()).collect()
        };
        for id in open {
            self.conclude(&id).await;
        }
    }

    /// Notes what came of what a schedule has under way, where that has ended.
    async fn conclude(&self, id: &ScheduleId) {
        let kept = lock(&self.entries).get(id).map(|entry| entry.kept.clone());
        let Some(kept) = kept else { return };
        let Some(side) = &kept.under_way else { return };
        let outcome = ending::outcome(&self.log, kept.schedule.plan.work.name(), side, kept.base.as_ref()).await;
        match outcome {
            Ok(Some(outcome)) => drop(self.note(id, ScheduleEvent::Ended(Box::new(outcome))).await),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, schedule = %id, "what came of a schedule could not be read"),
        }
    }

    /// Tells of outcomes of which nobody was told yet, each beside the others.
    fn tell_whoever_waits(self: &Arc<Self>) {
        let mut entries = lock(&self.entries);
        for (id, entry) in entries.iter_mut().filter(|(_, entry)| !entry.telling && entry.kept.delivery.is_none()) {
            let Some((webhook, outcome)) = entry.kept.schedule.plan.webhook.clone().zip(entry.kept.outcome.clone())
            else {
                continue;
            };
            if webhook.on == On::Finish || outcome.changed.is_regression() {
                entry.telling = true;
                let name = entry.kept.schedule.plan.work.name().to_owned();
                tokio::spawn(Arc::clone(self).tell(id.clone(), name, webhook, outcome));
            }
        }
    }

    async fn tell(self: Arc<Self>, id: ScheduleId, name: String, webhook: Webhook, outcome: Outcome) {
        let delivery = match self.secrets.require(&webhook.secret) {
            Ok(secret) => deliver(&webhook.url, &secret, &id, &name, &outcome, &self.backoff).await,
            Err(why) => Delivery { at_unix_ms: unix_ms(), attempts: 0, failure: Some(why.to_string()) },
        };
        let is_last = lock(&self.entries).get(&id).is_some_and(|entry| entry.kept.outcome.as_ref() == Some(&outcome));
        // Of one that was replaced meanwhile nobody asks any more.
        if is_last {
            self.note(&id, ScheduleEvent::Told(delivery)).await;
        }
        if let Some(entry) = lock(&self.entries).get_mut(&id) {
            entry.telling = false;
        }
        self.changed.notify_one();
    }
}
