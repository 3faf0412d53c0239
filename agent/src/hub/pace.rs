//! Owns how often a viewer gets something: at most ten frames in any second.
//! Must not know what is sent.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Frames in any one second.
const FRAMES: usize = 10;
/// The second.
const SPAN: Duration = Duration::from_secs(1);
/// Between two frames of events: those that come in between share one.
const EVENTS_APART: Duration = Duration::from_millis(100);
/// Between two frames about other things that repeat: rows, number of viewers.
const ROWS_APART: Duration = Duration::from_millis(500);

/// What kind of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Answers that happen once.
    Once,
    /// A run's events, or the snapshot in their place.
    Events,
    /// Rows of the list.
    Rows,
    /// The number of viewers.
    Viewers,
    /// What somebody who leads shows.
    Led,
}

/// When the frames of one viewer were sent.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: VecDeque<Instant>,
    events: Option<Instant>,
    rows: Option<Instant>,
    viewers: Option<Instant>,
    led: Option<Instant>,
}

impl Pace {
    /// The earliest time at which such a frame may be sent; in the past where it may be sent now.
    pub(super) fn earliest(&self, frame: Frame, now: Instant) -> Instant {
        let whole = if self.last.len() < FRAMES { None } else { self.last.front().map(|t| *t + SPAN) };
        let own = match frame {
            Frame::Once => None,
            Frame::Events => self.events.map(|t| t + EVENTS_APART),
            Frame::Rows => self.rows.map(|t| t + ROWS_APART),
            Frame::Viewers => self.viewers.map(|t| t + ROWS_APART),
            Frame::Led => self.led.map(|t| t + EVENTS_APART),
        };
        whole.max(own).unwrap_or(now)
    }

    /// Notes that a beginning on a run is made ready, which takes the place of a frame of events.
    pub(super) fn events_from(&mut self, now: Instant) {
        self.events = Some(now);
    }

    /// Notes that such a frame is sent.
    pub(super) fn sent(&mut self, frame: Frame, now: Instant) {
        if self.last.len() >= FRAMES {
            self.last.pop_front();
        }
        self.last.push_back(now);
        match frame {
            Frame::Once => {}
            Frame::Events => self.events = Some(now),
            Frame::Rows => self.rows = Some(now),
            Frame::Viewers => self.viewers = Some(now),
            Frame::Led => self.led = Some(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_than_ten_frames_however_greedy() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut sent: Vec<Instant> = Vec::new();
        for ms in 0..5_000u64 {
            let now = start + Duration::from_millis(ms);
            for frame in [Frame::Events, Frame::Rows, Frame::Viewers, Frame::Once] {
                // One answer in 40 ms besides all that repeats.
                if (frame != Frame::Once || ms % 40 == 0) && pace.earliest(frame, now) <= now {
                    pace.sent(frame, now);
                    sent.push(now);
                }
            }
        }
        assert!(sent.windows(11).all(|w| w[10] - w[0] >= SPAN));
        assert!(sent.len() >= 45, "{}", sent.len());
    }

    #[test]
    fn frames_of_events_are_a_tenth_of_a_second_apart() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.earliest(Frame::Events, now), now);
        pace.sent(Frame::Events, now);
        assert_eq!(pace.earliest(Frame::Events, now), now + EVENTS_APART);
        assert_eq!(pace.earliest(Frame::Once, now), now);
    }
}
