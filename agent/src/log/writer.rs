//! Owns the writing thread: one bounded queue, group commit, then publish and broadcast, in this order.
//! Must not know who appends.

use super::Committed;
use super::codec::kind;
use super::error::LogError;
use super::project::{self, AgentBody, NS_PER_MS, signed};
use super::schema::AGENT_STREAM;
use super::spare::Spare;
use super::stored;
use super::views::Views;
use super::{audit, people};
use rusqlite::{Connection, TransactionBehavior, params};
use shared::event::{Body, Event};
use shared::ids::{RunId, TokenId};
use shared::people::{Side, Who};
use shared::view::RunView;
use shared::wire::RunRow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Jobs that may wait; a further append waits for room.
const MAX_QUEUE: usize = 256;
/// Most jobs in one commit: a commit costs one sync of the disk, however many.
const MAX_GROUP: usize = 64;

pub(super) type Reply<T> = oneshot::Sender<Result<T, LogError>>;

/// What the writer does.
pub(super) enum Job {
    /// Appends encoded events; their numbers are set here.
    Append { run: RunId, events: Vec<Event>, bodies: Vec<Vec<u8>>, reply: Reply<Arc<[Event]>> },
    /// Deletes an ended run.
    Delete { run: RunId, by: Option<Who>, reply: Reply<()> },
    /// Takes in a run that was stored in another log, all or nothing.
    Restore { run: RunId, source: stored::Source, reply: Reply<()> },
    /// Appends an event to the agent's own stream.
    Own { body: AgentBody, reply: Reply<()> },
    /// Notes when tokens were used last, Unix ms.
    Used { uses: Vec<(TokenId, u64)>, reply: Reply<()> },
    /// Limits the file's pages: how tests fill a disk.
    LimitPages { pages: u32, reply: Reply<()> },
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) spare: Spare,
    pub(super) views: Arc<Views>,
    pub(super) committed: broadcast::Sender<Committed>,
}

/// What a transaction will have changed once it commits.
#[derive(Default)]
struct Changes {
    views: BTreeMap<RunId, RunView>,
    rows: BTreeMap<RunId, RunRow>,
    deleted: Vec<RunId>,
    /// Runs that came back out of the bin.
    undeleted: Vec<RunId>,
    /// Jobs refused by rule, by their place in the group.
    refused: BTreeMap<usize, LogError>,
}

impl Writer {
    /// Starts the thread; it ends when the last sender is gone.
    pub(super) fn start(mut self) -> std::io::Result<mpsc::Sender<Job>> {
        let (jobs, mut queue) = mpsc::channel(MAX_QUEUE);
        std::thread::Builder::new().name("log-write".into()).spawn(move || {
            while let Some(first) = queue.blocking_recv() {
                let mut group = vec![first];
                while group.len() < MAX_GROUP
                    && let Ok(job) = queue.try_recv()
                {
                    group.push(job);
                }
                self.commit(group);
            }
        })?;
        Ok(jobs)
    }

    /// Commits a group; where that fails, each job alone, so that one that does not fit takes no other with it.
    fn commit(&mut self, mut group: Vec<Job>) {
        match self.transact(&mut group) {
            Ok(changes) => self.publish(group, changes),
            Err(error) if group.len() == 1 => {
                let error = LogError::of(&self.path, "store events", &error);
                // Whoever watches learns from the end of a run that the disk is full, so that end has room kept for it.
                if matches!(error, LogError::Full { .. }) && ends_a_run(&group) && self.spare.give_up() {
                    self.commit(group);
                    self.spare.hold();
                    return;
                }
                tracing::error!("{error}");
                group.into_iter().for_each(|job| refuse(job, error.clone()));
            }
            Err(_) => group.into_iter().for_each(|job| self.commit(vec![job])),
        }
    }

    fn transact(&mut self, group: &mut [Job]) -> Result<Changes, rusqlite::Error> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut changes = Changes::default();
        let mut before = BTreeMap::new();
        for (place, job) in group.iter_mut().enumerate() {
            let refusal = match job {
                Job::Append { run, .. } | Job::Delete { run, .. } | Job::Restore { run, .. }
                    if changes.is_deleted(&self.views, run) =>
                {
                    Some(LogError::Deleted(run.clone()))
                }
                Job::Append { events, .. } if begins_a_run(events) && !self.spare.hold() => {
                    Some(LogError::Full { path: self.path.clone() })
                }
                Job::Append { run, events, bodies, .. } => {
                    let view = changes.view(&tx, &self.views, run)?;
                    before.entry(run.clone()).or_insert(view.seq);
                    for (event, body) in events.iter_mut().zip(bodies) {
                        event.seq = view.seq + 1;
                        insert(&tx, run.as_str(), event.seq, event.t_ns, kind(&event.body), body)?;
                        view.apply(event);
                    }
                    None
                }
                Job::Delete { run, by, .. } => {
                    let view = changes.view(&tx, &self.views, run)?;
                    if view.seq == 0 {
                        changes.views.remove(run);
                        Some(LogError::NoSuchRun(run.clone()))
                    } else if view.run_state().is_final() {
                        changes.undeleted.retain(|of| of != run);
                        changes.deleted.push(run.clone());
                        append_own(&tx, &AgentBody::RunDeleted { run: run.clone(), by: by.take() })?
                    } else {
                        Some(LogError::NotFinal(run.clone()))
                    }
                }
                Job::Restore { run, source, .. } => {
                    let put = |conn: &Connection, event: &Event, body: &[u8]| {
                        insert(conn, run.as_str(), event.seq, event.t_ns, kind(&event.body), body)
                    };
                    // A transaction of its own within: what was stored of a run that is refused goes again.
                    tx.execute_batch("SAVEPOINT restore")?;
                    match stored::take(&tx, run, source, put)? {
                        Ok(view) => {
                            tx.execute_batch("RELEASE restore")?;
                            before.insert(run.clone(), 0);
                            changes.views.insert(run.clone(), view);
                            None
                        }
                        Err(error) => {
                            tx.execute_batch("ROLLBACK TO restore; RELEASE restore")?;
                            Some(error)
                        }
                    }
                }
                Job::Own { body, .. } => {
                    let refusal = append_own(&tx, body)?;
                    if refusal.is_none() {
                        changes.of_own(&tx, body)?;
                    }
                    refusal
                }
                Job::Used { uses, .. } => {
                    people::used(&tx, uses)?;
                    None
                }
                Job::LimitPages { .. } => None,
            };
            refusal.map(|error| changes.refused.insert(place, error));
        }
        for (run, before) in before {
            if let Some(view) = changes.views.get(&run)
                && !changes.deleted.contains(&run)
            {
                changes.rows.insert(run.clone(), project::project(&tx, &run, before, view)?);
            }
        }
        tx.commit()?;
        Ok(changes)
    }

    /// Makes what was committed visible: first the folds, so that whoever hears of an event finds it in the view.
    fn publish(&mut self, group: Vec<Job>, mut changes: Changes) {
        changes.undeleted.iter().for_each(|run| self.views.undelete(run));
        for (run, view) in std::mem::take(&mut changes.views) {
            self.views.put(&run, Arc::new(view));
        }
        changes.deleted.iter().for_each(|run| self.views.delete(run));
        let mut answers: Vec<Box<dyn FnOnce()>> = Vec::new();
        for (place, job) in group.into_iter().enumerate() {
            if let Some(error) = changes.refused.remove(&place) {
                answers.push(Box::new(move || refuse(job, error)));
                continue;
            }
            match job {
                Job::Append { run, events, reply, .. } => {
                    let events: Arc<[Event]> = events.into();
                    if !events.is_empty() {
                        self.broadcast(Committed::Events { run, events: events.clone() });
                    }
                    answers.push(Box::new(move || answer(reply, Ok(events))));
                }
                Job::Delete { reply, .. }
                | Job::Restore { reply, .. }
                | Job::Own { reply, .. }
                | Job::Used { reply, .. } => answers.push(Box::new(move || answer(reply, Ok(())))),
                Job::LimitPages { pages, reply } => {
                    let set = self.conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()));
                    let set = set.map_err(|e| LogError::of(&self.path, "be limited", &e));
                    answers.push(Box::new(move || answer(reply, set)));
                }
            }
        }
        changes.rows.retain(|run, _| !changes.deleted.contains(run));
        std::mem::take(&mut changes.rows).into_values().for_each(|row| self.broadcast(Committed::Row(Box::new(row))));
        changes.deleted.into_iter().for_each(|run| self.broadcast(Committed::Deleted(run)));
        answers.into_iter().for_each(|answer| answer());
    }

    /// Tells the subscribers; that there are none is not an error.
    fn broadcast(&self, committed: Committed) {
        self.committed.send(committed).ok();
    }
}

impl Changes {
    /// Whether a run is deleted as this transaction sees it.
    fn is_deleted(&self, views: &Views, run: &RunId) -> bool {
        self.deleted.contains(run) || views.is_deleted(run) && !self.undeleted.contains(run)
    }

    /// Notes what an event of the agent's own stream has changed of a run's row.
    fn of_own(&mut self, conn: &Connection, body: &AgentBody) -> Result<(), rusqlite::Error> {
        let (AgentBody::Undeleted { item: Side::Run(run) } | AgentBody::Marked { item: Side::Run(run), .. }) = body
        else {
            return Ok(());
        };
        if matches!(body, AgentBody::Undeleted { .. }) {
            self.deleted.retain(|of| of != run);
            self.undeleted.push(run.clone());
        }
        self.rows.extend(project::row(conn, run)?.map(|row| (run.clone(), row)));
        Ok(())
    }

    /// The fold of a run as this transaction sees it.
    fn view(&mut self, conn: &Connection, views: &Views, run: &RunId) -> Result<&mut RunView, rusqlite::Error> {
        if !self.views.contains_key(run) {
            let view = match views.get(run) {
                Some(view) => (*view).clone(),
                None => project::fold(conn, run)?.unwrap_or_default(),
            };
            self.views.insert(run.clone(), view);
        }
        Ok(self.views.entry(run.clone()).or_default())
    }
}

fn begins_a_run(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.body, Body::Created { .. } | Body::Resumed { .. }))
}

fn ends_a_run(group: &[Job]) -> bool {
    group.iter().any(|job| match job {
        Job::Append { events, .. } => {
            events.iter().any(|event| matches!(event.body, Body::State { state, .. } if state.is_final()))
        }
        Job::Delete { .. } | Job::Restore { .. } | Job::Own { .. } | Job::Used { .. } | Job::LimitPages { .. } => false,
    })
}

fn insert(
    conn: &Connection,
    stream: &str,
    seq: u64,
    t_ns: u64,
    kind: &str,
    body: &[u8],
) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO events(stream, seq, t_ns, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    conn.prepare_cached(sql)?.execute(params![stream, signed(seq), signed(t_ns), kind, body])?;
    Ok(())
}

/// Appends to the agent's own stream, whose times are Unix time in ns, and projects it; why not, where it does not go with
/// what is there.
fn append_own(conn: &Connection, body: &AgentBody) -> Result<Option<LogError>, rusqlite::Error> {
    let last = "SELECT coalesce(max(seq), 0) FROM events WHERE stream = ?1";
    let seq = conn.query_row(last, [AGENT_STREAM], |r| r.get::<_, i64>(0))?.unsigned_abs() + 1;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    if let Some(refusal) = project::own(conn, body, now_ns / NS_PER_MS)? {
        return Ok(Some(refusal));
    }
    let bytes = rmp_serde::to_vec_named(body).map_err(project::unstorable)?;
    insert(conn, AGENT_STREAM, seq, now_ns, body.kind(), &bytes)?;
    audit::note(conn, seq, now_ns / NS_PER_MS, body)?;
    Ok(None)
}

fn refuse(job: Job, error: LogError) {
    match job {
        Job::Append { reply, .. } => answer(reply, Err(error)),
        Job::Delete { reply, .. }
        | Job::Restore { reply, .. }
        | Job::Own { reply, .. }
        | Job::Used { reply, .. }
        | Job::LimitPages { reply, .. } => answer(reply, Err(error)),
    }
}

/// Answers whoever waits; it may have gone, which changes nothing of what is stored.
fn answer<T>(reply: Reply<T>, value: Result<T, LogError>) {
    reply.send(value).ok();
}
