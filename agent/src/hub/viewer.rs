//! Owns one viewer: what it says, and the next message for it.
//! Must not know the socket.

use super::Inner;
use super::pace::Frame;
use super::queue::{MAX_BYTES, Queue, weight};
use super::slot::{Following, Slot, State};
use crate::log::LogError;
use shared::event::Event;
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::{ClientMessage, ServerMessage};
use std::sync::Arc;
use tokio::time::Instant;

/// Events that a viewer may be behind when it comes back and still gets events; beyond, a snapshot.
const MAX_RESUME: u64 = 2_000;
/// Rows that a viewer gets when it comes: the first page of the list.
const FIRST_ROWS: usize = 50;

/// One viewer; it leaves when this is dropped.
pub struct Viewer {
    hub: Arc<Inner>,
    id: u64,
    slot: Arc<Slot>,
}

/// What has to be fetched before something can be sent.
enum Fetch {
    /// Where to begin on a run, or where to go on after missed events.
    Begin { wish: u64, run: RunId, after_seq: Option<u64> },
    /// The list, as of so many losses of rows.
    Rows { rows_lost: u64 },
}

/// What the viewer does next.
enum Step {
    Send(ServerMessage),
    Fetch(Fetch),
    /// Nothing before this time, or before it is woken.
    Wait(Option<Instant>),
    End,
}

impl Viewer {
    pub(super) fn new(hub: Arc<Inner>, id: u64, slot: Arc<Slot>) -> Self {
        slot.change(|state| state.all_rows = true);
        Self { hub, id, slot }
    }

    /// Takes what the viewer says. Greetings, engines and the machine are the socket's matter.
    pub fn handle(&self, message: ClientMessage) {
        match message {
            ClientMessage::Hello { .. } | ClientMessage::Engines { .. } | ClientMessage::Machine { .. } => {}
            ClientMessage::Follow { run, after_seq } => {
                self.follow(Some(Following { run, queue: Queue::default(), begin: Some(after_seq) }));
            }
            ClientMessage::Unfollow => self.follow(None),
            // Whoever does not follow the run knows nothing to show of it.
            ClientMessage::Lead { run, lead } if self.slot.follows(&run) => self.hub.lead(self.id, &run, lead),
            ClientMessage::Lead { .. } => {}
        }
    }

    /// Tells the viewer that something was refused, as a sentence: a message that cannot be read, for one.
    pub fn refuse(&self, sentence: String) {
        self.slot.change(|state| state.answer(ServerMessage::Refused { sentence }));
    }

    /// The next message, when there is one and ten frames a second allow it; nothing once the hub is closed.
    /// Dropping the future loses no message. One caller at a time.
    pub async fn next(&self) -> Option<ServerMessage> {
        loop {
            let step = self.slot.lock().step(Instant::now());
            match step {
                Step::Send(message) => return Some(message),
                Step::End => return None,
                Step::Fetch(fetch) => self.fetch(fetch).await,
                Step::Wait(None) => self.slot.woken.notified().await,
                Step::Wait(Some(until)) => {
                    // Woken or due, the state decides again.
                    tokio::time::timeout_at(until, self.slot.woken.notified()).await.ok();
                }
            }
        }
    }

    fn follow(&self, following: Option<Following>) {
        let run = following.as_ref().map(|f| f.run.clone());
        let before = self.slot.change(|state| {
            state.wish += 1;
            (state.viewers, state.led) = (None, None);
            // What is ready of the run before is of no use now, and must not come after its successor was asked for.
            state.ready.retain(|message| {
                use ServerMessage as M;
                !matches!(message, M::Snapshot { .. } | M::Gap { .. } | M::Events { .. })
            });
            std::mem::replace(&mut state.following, following).map(|f| f.run)
        });
        for left in before.iter().filter(|before| Some(*before) != run.as_ref()) {
            self.hub.lead(self.id, left, None);
            self.hub.recount(left);
        }
        if let Some(run) = run {
            if let Some(lead) = self.hub.led(&run) {
                self.slot.led(&run, Some(lead));
            }
            self.hub.recount(&run);
        }
    }

    async fn fetch(&self, fetch: Fetch) {
        match fetch {
            Fetch::Rows { rows_lost } => match self.hub.log.rows(FIRST_ROWS, None).await {
                Ok(rows) => self.slot.change(|state| {
                    state.all_rows = state.rows_lost != rows_lost;
                    for row in rows {
                        // Meanwhile the run may have gone on, or been deleted: then that was announced already.
                        let newer = state.rows.get(&row.run).is_some_and(|waiting| waiting.seq >= row.seq);
                        if !newer && !self.hub.log.is_deleted(&row.run) {
                            state.rows.insert(row.run.clone(), row);
                        }
                    }
                }),
                Err(error) => self.slot.change(|state| {
                    state.all_rows = false;
                    state.answer(ServerMessage::Refused { sentence: error.to_string() });
                }),
            },
            Fetch::Begin { wish, run, after_seq } => {
                let begun = self.begin(&run, after_seq).await;
                self.slot.change(|state| state.begun(wish, &run, begun, &self.hub.clock_of));
            }
        }
    }

    /// Where a viewer that has `after_seq` begins: with events if they are few, else with a snapshot.
    async fn begin(&self, run: &RunId, after_seq: Option<u64>) -> Result<Begin, LogError> {
        let view = self.hub.log.view(run).await?.ok_or_else(|| LogError::NoSuchRun(run.clone()))?;
        // A viewer ahead of the log has seen another log: only a snapshot helps.
        let behind = after_seq.and_then(|after| view.seq.checked_sub(after));
        if let Some(after) = after_seq
            && behind.is_some_and(|behind| behind < MAX_RESUME)
        {
            let mut events = self.hub.log.read_from(run, after, MAX_RESUME as usize).await?;
            events.truncate(usize::try_from(view.seq - after).unwrap_or(usize::MAX));
            if events.iter().map(weight).sum::<usize>() <= MAX_BYTES {
                return Ok(Begin::Events { after, events });
            }
        }
        // Copied here, where no lock is held.
        Ok(Begin::Snapshot(Box::new(RunView::clone(&view))))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.hub.remove(self.id);
        let run = self.slot.lock().following.take().map(|f| f.run);
        if let Some(run) = run {
            self.hub.lead(self.id, &run, None);
            self.hub.recount(&run);
        }
    }
}

/// How a viewer begins on a run.
enum Begin {
    Events { after: u64, events: Vec<Event> },
    Snapshot(Box<RunView>),
}

impl State {
    /// What comes next at `now`.
    fn step(&mut self, now: Instant) -> Step {
        if self.closed {
            return Step::End;
        }
        let mut due: Vec<Frame> = Vec::with_capacity(5);
        if !self.ready.is_empty() {
            due.push(Frame::Once);
        }
        if self.following.as_ref().is_some_and(|f| f.begin.is_some() || f.queue.overflowed() || !f.queue.is_empty()) {
            due.push(Frame::Events);
        }
        if self.viewers.is_some() {
            due.push(Frame::Viewers);
        }
        if self.led.is_some() {
            due.push(Frame::Led);
        }
        if self.all_rows || !self.rows.is_empty() {
            due.push(Frame::Rows);
        }
        for frame in &due {
            if self.pace.earliest(*frame, now) <= now
                && let Some(step) = self.frame(*frame, now)
            {
                return step;
            }
        }
        Step::Wait(due.iter().map(|frame| self.pace.earliest(*frame, now)).filter(|t| *t > now).min())
    }

    /// The step of one kind of frame whose time has come; nothing where all of it is old.
    fn frame(&mut self, frame: Frame, now: Instant) -> Option<Step> {
        let message = match frame {
            Frame::Once => self.ready.pop_front()?,
            Frame::Viewers => {
                ServerMessage::Viewers { run: self.following.as_ref()?.run.clone(), count: self.viewers.take()? }
            }
            Frame::Led => ServerMessage::Led { run: self.following.as_ref()?.run.clone(), lead: self.led.take()? },
            Frame::Rows if self.all_rows => {
                return Some(Step::Fetch(Fetch::Rows { rows_lost: self.rows_lost }));
            }
            Frame::Rows => ServerMessage::Rows { rows: std::mem::take(&mut self.rows).into_values().rev().collect() },
            Frame::Events => {
                let wish = self.wish;
                let following = self.following.as_mut()?;
                let run = following.run.clone();
                if following.begin.is_some() || following.queue.overflowed() {
                    let after_seq = following.begin.flatten();
                    return Some(Step::Fetch(Fetch::Begin { wish, run, after_seq }));
                }
                let events = following.queue.take();
                if events.is_empty() {
                    // All old, or a hole: the latter shows as an overflow at the next look.
                    return following.queue.overflowed().then_some(Step::Wait(Some(now)));
                }
                ServerMessage::Events { run, events }
            }
        };
        self.pace.sent(frame, now);
        Some(Step::Send(message))
    }

    /// Takes the fetched beginning (or new beginning) on a run, unless the viewer wants something else by now.
    fn begun(&mut self, wish: u64, run: &RunId, begun: Result<Begin, LogError>, clock_of: &super::ClockOf) {
        if self.wish != wish {
            return;
        }
        let Some(following) = self.following.as_mut() else { return };
        let first = following.begin.take().is_some();
        let run = run.clone();
        let now = Instant::now();
        match begun {
            Ok(Begin::Events { after, events }) => {
                following.queue.at(events.last().map_or(after, |e| e.seq));
                if !events.is_empty() {
                    self.ready.push_back(ServerMessage::Events { run, events });
                }
            }
            Ok(Begin::Snapshot(view)) => {
                if !first {
                    let missed = view.seq.saturating_sub(following.queue.seq());
                    self.ready.push_back(ServerMessage::Gap { run: run.clone(), missed });
                }
                following.queue.at(view.seq);
                let now_ns = if view.run_state().is_final() { None } else { clock_of(&run) };
                self.ready.push_back(ServerMessage::Snapshot { run, view, now_ns });
            }
            Err(error) => {
                self.following = None;
                self.answer(ServerMessage::Refused { sentence: error.to_string() });
            }
        }
        // What is ready is not paced by its kind; the next frame of events is.
        self.pace.events_from(now);
    }
}
