//! Owns what a page makes of a run's messages, and the account of what it got.
//! Must not know how messages come.
#![allow(missing_docs, reason = "test support")]

use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::ServerMessage;

pub struct Page {
    run: RunId,
    pub view: RunView,
    /// Where it began: the first snapshot.
    pub begun_at: Option<u64>,
    pub received: u64,
    /// Events that the agent said it left out.
    pub missed: u64,
    gap_open: bool,
}

impl Page {
    pub fn of(run: RunId) -> Self {
        Self { run, view: RunView::default(), begun_at: None, received: 0, missed: 0, gap_open: false }
    }

    /// Folds a message; a hole, a double or a snapshot without a reason fails the test.
    pub fn take(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Snapshot { run, view, .. } => {
                assert_eq!(run, self.run);
                assert!(self.begun_at.is_none() || self.gap_open, "a snapshot without a reason");
                self.gap_open = false;
                self.begun_at.get_or_insert(view.seq);
                self.view = *view;
            }
            ServerMessage::Events { run, events } => {
                assert_eq!(run, self.run);
                assert!(!self.gap_open, "events between a gap and its snapshot");
                for event in events {
                    assert_eq!(event.seq, self.view.seq + 1, "a hole or a double");
                    self.view.apply(&event);
                    self.received += 1;
                }
            }
            ServerMessage::Gap { run, missed } => {
                assert_eq!(run, self.run);
                self.gap_open = true;
                self.missed += missed;
            }
            _ => {}
        }
    }

    /// The number that the account ends at: begun, received and missed make all that was sent (CASES B68).
    pub fn accounted(&self) -> u64 {
        self.begun_at.unwrap_or_default() + self.received + self.missed
    }
}
