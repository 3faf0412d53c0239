//! Owns which lane takes which piece of work, and when: slots that are refilled, bursts, and schedules.
//! Must not know bytes or connections.

use super::engine::Engine;
use super::io::Opened;
use super::lane::{Line, WakesFor};
use super::limits::Abort;
use super::policy::Next;
use super::work::Prepared;
use crate::record::RequestRecord;
use shared::outcome::Outcome;
use std::collections::VecDeque;

/// Connections being opened ahead of a schedule at a time.
const OPENING_AHEAD: usize = 32;
/// Open connections that a schedule keeps ready at least.
pub(super) const SPARE: usize = 16;

/// How lanes come to their work.
pub(super) enum Dispatch {
    /// Each lane is a slot of a closed loop.
    Slots(Slots),
    /// Pieces are due at times of their own, and take whichever lane is free.
    Schedule(Schedule),
}

/// The slots of a closed loop.
pub(super) struct Slots {
    /// All that are free wait for the last one, and then go together.
    pub in_bursts: bool,
    /// Slots that ask again when something has changed.
    asking: Vec<usize>,
    /// Slots that may still send.
    live: usize,
    has_changed: bool,
}

/// A schedule under way.
pub(super) struct Schedule {
    /// Offsets count from here, ns.
    start_ns: u64,
    next: Option<Prepared>,
    /// Nothing more becomes due.
    is_over: bool,
    /// Due, without room; each with when it was due.
    waiting: VecDeque<(Prepared, u64)>,
    /// Free lanes with an open connection, the one used last on top.
    idle: Vec<usize>,
    /// Free lanes without.
    closed: Vec<usize>,
    /// Lanes that are being opened ahead.
    opening: usize,
    /// Lanes with a piece.
    taken: usize,
    max_in_flight: usize,
}

impl Slots {
    pub fn new(live: usize, in_bursts: bool) -> Self {
        Self { in_bursts, asking: Vec::new(), live, has_changed: false }
    }
}

impl Schedule {
    pub fn new(start_ns: u64, lanes: usize, max_in_flight: Option<u32>) -> Self {
        Self {
            start_ns,
            next: None,
            is_over: false,
            waiting: VecDeque::new(),
            idle: (0..lanes).collect(),
            closed: Vec::new(),
            opening: 0,
            taken: 0,
            max_in_flight: max_in_flight.map_or(usize::MAX, |n| n as usize),
        }
    }

    fn due_ns(&self) -> Option<u64> {
        Some(self.start_ns + self.next.as_ref()?.offset_ns?)
    }
}

impl Dispatch {
    /// Something happened that a slot may wait for.
    pub fn has_changed(&mut self) {
        if let Dispatch::Slots(slots) = self {
            slots.has_changed = true;
        }
    }

    /// When the next piece is due by the schedule.
    pub fn due_ns(&self) -> Option<u64> {
        if let Dispatch::Schedule(schedule) = self { schedule.due_ns() } else { None }
    }

    /// Pieces that are due and have no room.
    pub fn waiting(&self) -> usize {
        if let Dispatch::Schedule(schedule) = self { schedule.waiting.len() } else { 0 }
    }

    /// Nothing is under way and nothing is to come.
    pub fn is_over(&self) -> bool {
        match self {
            Dispatch::Slots(slots) => slots.live == 0,
            Dispatch::Schedule(s) => s.is_over && s.waiting.is_empty() && s.taken == 0,
        }
    }
}

impl Engine {
    /// Begins everything that is due now.
    pub fn dispatch_due(&mut self) {
        loop {
            let now_ns = self.clock.now_ns();
            if let Some((due_ns, place)) = self.timers.pop_due(now_ns) {
                self.woken(place, due_ns);
                continue;
            }
            let Dispatch::Schedule(schedule) = &mut self.dispatch else { return };
            if schedule.taken < schedule.max_in_flight
                && let Some((piece, due_ns)) = schedule.waiting.pop_front()
            {
                let place = self.free_lane();
                self.start(place, piece, due_ns, now_ns);
                continue;
            }
            if schedule.next.is_none() && !schedule.is_over {
                schedule.next = self.works.take();
                schedule.is_over = schedule.next.is_none();
                if schedule.is_over && !self.works.is_complete() {
                    return self.work_failed(now_ns);
                }
            }
            match schedule.due_ns() {
                Some(due_ns) if due_ns <= now_ns => self.due(due_ns),
                _ => return,
            }
        }
    }

    fn woken(&mut self, place: usize, due_ns: u64) {
        match self.io.lanes[place].wakes_for {
            WakesFor::Piece => self.slot_free(place, due_ns),
            WakesFor::Turn => {
                if let Some(turn) = self.io.lanes[place].turns.pop_front() {
                    self.core.follows(due_ns);
                    self.begin(place, turn, due_ns, due_ns);
                }
            }
        }
    }

    /// A slot is free since `free_ns`.
    pub fn slot_free(&mut self, place: usize, free_ns: u64) {
        let Dispatch::Slots(slots) = &mut self.dispatch else { return };
        if slots.in_bursts {
            slots.asking.push(place);
            if slots.asking.len() == slots.live {
                self.burst();
            }
            return;
        }
        match self.core.next(self.clock.now_ns(), free_ns, true) {
            Next::Go => self.give(place, free_ns),
            Next::Wait => slots.asking.push(place),
            Next::Stop => slots.live -= 1,
        }
    }

    /// All slots are free: together they take the next pieces, due now.
    fn burst(&mut self) {
        let now_ns = self.clock.now_ns();
        let Dispatch::Slots(slots) = &mut self.dispatch else { return };
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        for place in std::mem::take(&mut slots.asking) {
            match self.core.next(now_ns, now_ns, false) {
                Next::Go => going.push(place),
                Next::Wait => staying.push(place),
                Next::Stop => slots.live -= 1,
            }
        }
        slots.asking = staying;
        for place in going {
            self.give(place, now_ns);
        }
    }

    /// Slots that wait ask again, where something has changed.
    pub fn ask_again(&mut self) {
        let Dispatch::Slots(slots) = &mut self.dispatch else { return };
        if !std::mem::take(&mut slots.has_changed) || slots.in_bursts || slots.asking.is_empty() {
            return;
        }
        let now_ns = self.clock.now_ns();
        for place in std::mem::take(&mut slots.asking) {
            self.slot_free(place, now_ns);
        }
    }

    fn give(&mut self, place: usize, due_ns: u64) {
        match self.works.take() {
            Some(piece) => self.start(place, piece, due_ns, due_ns),
            None => {
                self.work_failed(due_ns);
                if let Dispatch::Slots(slots) = &mut self.dispatch {
                    slots.live -= 1;
                }
            }
        }
    }

    /// A lane takes a piece.
    fn start(&mut self, place: usize, piece: Prepared, due_ns: u64, room_ns: u64) {
        self.next_id += piece.turns.len() as u64;
        let lane = &mut self.io.lanes[place];
        lane.turns = piece.turns.into();
        lane.think_ns = piece.think_ns;
        if let Some(turn) = lane.turns.pop_front() {
            self.begin(place, turn, due_ns, room_ns);
        }
    }

    /// The function that makes work failed: the trial cannot go on.
    fn work_failed(&mut self, due_ns: u64) {
        let sentence = "The body of this request could not be made; the load generator's writer failed.";
        let now_ns = self.clock.now_ns();
        let record = RequestRecord {
            end_ns: now_ns,
            outcome: Outcome::ClientError,
            error: Some(sentence.to_owned()),
            ..RequestRecord::due(self.next_id, due_ns)
        };
        self.next_id += 1;
        self.core.ended(record, true, false);
        self.core.halt();
    }

    /// The schedule's next piece is due.
    fn due(&mut self, due_ns: u64) {
        let Dispatch::Schedule(schedule) = &mut self.dispatch else { return };
        let Some(piece) = schedule.next.take() else { return };
        if self.core.due(due_ns) != Next::Go {
            schedule.is_over = true;
            return;
        }
        if schedule.taken >= schedule.max_in_flight {
            return schedule.waiting.push_back((piece, due_ns));
        }
        let place = self.free_lane();
        self.start(place, piece, due_ns, due_ns);
    }

    /// A lane that is free, with an open connection where there is one; it is taken from now on.
    fn free_lane(&mut self) -> usize {
        let Dispatch::Schedule(schedule) = &mut self.dispatch else { return 0 };
        schedule.taken += 1;
        while let Some(place) = schedule.idle.pop() {
            if matches!(self.io.lanes[place].line, Line::Open(_)) {
                return place;
            }
            schedule.closed.push(place);
        }
        schedule.closed.pop().unwrap_or_else(|| self.io.add_lane())
    }

    /// A lane's piece is over. After a failure a slot pauses; a schedule does not ask.
    pub fn lane_free(&mut self, place: usize, now_ns: u64, pause_ns: u64) {
        let Dispatch::Schedule(schedule) = &mut self.dispatch else {
            return match pause_ns {
                0 => self.slot_free(place, now_ns),
                _ => self.wake(place, now_ns + pause_ns, WakesFor::Piece),
            };
        };
        schedule.taken -= 1;
        self.lane_ready(place);
    }

    /// A lane without work has a connection, or has lost it.
    pub fn lane_ready(&mut self, place: usize) {
        let Dispatch::Schedule(schedule) = &mut self.dispatch else { return };
        if std::mem::take(&mut self.io.lanes[place].is_ahead) {
            schedule.opening -= 1;
        }
        match self.io.lanes[place].line {
            Line::Open(_) => schedule.idle.push(place),
            _ => schedule.closed.push(place),
        }
    }

    /// Keeps connections open ahead of a schedule: a share of those that it uses, and no stale ones.
    pub fn open_ahead(&mut self, now_ns: u64) {
        let Dispatch::Schedule(schedule) = &mut self.dispatch else { return };
        for place in &schedule.idle {
            if self.io.lanes[*place].is_stale(now_ns) {
                self.io.close(*place);
            }
        }
        let (open, lost): (Vec<usize>, Vec<usize>) =
            schedule.idle.drain(..).partition(|place| matches!(self.io.lanes[*place].line, Line::Open(_)));
        schedule.idle = open;
        schedule.closed.extend(lost);
        if schedule.is_over {
            return;
        }
        let room = schedule.max_in_flight.saturating_sub(schedule.taken);
        let wanted = (schedule.taken / 4).max(SPARE).min(room);
        let missing = wanted.saturating_sub(schedule.idle.len() + schedule.opening);
        for _ in 0..missing.min(OPENING_AHEAD.saturating_sub(schedule.opening)) {
            let place = schedule.closed.pop().unwrap_or_else(|| self.io.add_lane());
            schedule.opening += 1;
            self.io.lanes[place].is_ahead = true;
            match self.io.open(place) {
                Opened::NotYet | Opened::Yes => {}
                // The request that needs it will say why.
                Opened::Failed(_) => {
                    schedule.opening -= 1;
                    self.io.lanes[place].is_ahead = false;
                    schedule.closed.push(place);
                    return;
                }
            }
        }
    }

    /// Ends everything that waits: pieces that are due become records, lanes that think or pause are let go.
    pub fn let_go(&mut self, why: impl Fn(bool) -> Abort) {
        let now_ns = self.clock.now_ns();
        if let Dispatch::Schedule(schedule) = &mut self.dispatch {
            schedule.is_over = true;
            schedule.next = None;
            for (piece, due_ns) in schedule.waiting.drain(..) {
                let Some(turn) = piece.turns.first() else { continue };
                let mut record = RequestRecord { end_ns: now_ns, ..RequestRecord::due(turn.id, due_ns) };
                self.next_id = self.next_id.max(turn.id + piece.turns.len() as u64);
                let abort = why(self.core.in_window(&record));
                record.outcome = abort.unsent();
                record.error = Some(abort.sentence(&self.io.limits));
                self.core.ended(record, true, false);
            }
        }
        for place in self.timers.take() {
            if self.io.lanes[place].wakes_for == WakesFor::Piece {
                self.slot_free(place, now_ns);
            }
        }
        for place in 0..self.io.lanes.len() {
            let lane = &mut self.io.lanes[place];
            if lane.is_taken && lane.exchange.is_none() {
                lane.turns.clear();
                lane.is_taken = false;
                self.core.freed();
                self.lane_free(place, now_ns, 0);
            }
        }
    }
}
