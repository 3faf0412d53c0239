//! Owns the lanes' connections: opening, watching and closing them.
//! Must not know what is sent over them, or when.

use super::clock::Clock;
use super::dial::{DialError, Dialer};
use super::lane::{Lane, Line, Opening, Progress};
use super::limits::Deadline;
use super::{Limits, LoadError};
use crate::poller::Poller;

/// All lanes, and what their connections need.
pub(super) struct Io {
    pub clock: Clock,
    pub poller: Poller,
    pub lanes: Vec<Lane>,
    /// Of each lane, side by side.
    pub deadlines: Vec<Deadline>,
    pub limits: Limits,
    dialer: Dialer,
}

/// What came of opening a connection.
#[derive(Debug)]
pub(super) enum Opened {
    NotYet,
    Yes,
    Failed(DialError),
}

impl Io {
    pub fn new(clock: Clock, limits: Limits, dialer: Dialer) -> Result<Self, LoadError> {
        Ok(Self { clock, poller: Poller::edge_triggered()?, lanes: Vec::new(), deadlines: Vec::new(), limits, dialer })
    }

    /// A new lane; the answer is its place.
    pub fn add_lane(&mut self) -> usize {
        self.lanes.push(Lane::default());
        self.deadlines.push(Deadline::NONE);
        self.lanes.len() - 1
    }

    /// Begins to open a lane's connection.
    pub fn open(&mut self, place: usize) -> Opened {
        let now_ns = self.clock.now_ns();
        let begun = Opening::begin(&self.dialer, 0, now_ns);
        self.deadlines[place] = Deadline::connecting(now_ns, &self.limits);
        self.watch(place, begun)
    }

    fn watch(&mut self, place: usize, begun: Result<Opening, DialError>) -> Opened {
        let watched = begun.and_then(|opening| match self.poller.add(opening.socket(), place as u64, true) {
            Ok(()) => Ok(opening),
            Err(error) => Err(super::dial::io_error(&error, None)),
        });
        match watched {
            Ok(opening) => {
                self.lanes[place].line = Line::Opening(Box::new(opening));
                Opened::NotYet
            }
            Err(error) => self.failed(place, error),
        }
    }

    fn failed(&mut self, place: usize, error: DialError) -> Opened {
        self.close(place);
        self.deadlines[place] = Deadline::NONE;
        Opened::Failed(error)
    }

    /// Goes on with opening a connection whose socket had something to tell.
    pub fn go_on(&mut self, place: usize) -> Opened {
        let line = std::mem::take(&mut self.lanes[place].line);
        let Line::Opening(opening) = line else {
            self.lanes[place].line = line;
            return Opened::NotYet;
        };
        match opening.go_on(&self.dialer, self.clock.now_ns()) {
            Progress::Waits(opening) => {
                let watched = self.poller.watch_writes(opening.socket(), place as u64, opening.wants_room());
                self.lanes[place].line = Line::Opening(opening);
                match watched {
                    Ok(()) => Opened::NotYet,
                    Err(error) => self.failed(place, super::dial::io_error(&error, None)),
                }
            }
            Progress::Opened(open, took_ns) => {
                if let Err(error) = self.poller.watch_writes(&open.socket, place as u64, false) {
                    return self.failed(place, super::dial::io_error(&error, None));
                }
                self.deadlines[place] = Deadline::NONE;
                let lane = &mut self.lanes[place];
                lane.line = Line::Open(open);
                lane.connect_ns = Some(took_ns);
                Opened::Yes
            }
            // Dropping the socket takes it out of the poller.
            Progress::Failed(opening, error) => {
                let next = opening.after(&error, &self.dialer);
                self.watch(place, next)
            }
        }
    }

    /// Closes a lane's connection.
    pub fn close(&mut self, place: usize) {
        self.lanes[place].line = Line::Closed;
        self.lanes[place].connect_ns = None;
    }
}
