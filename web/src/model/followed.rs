//! Owns the run that the page follows: what came of it, what is asked for next, and that holes are noticed.
//! Must not know the socket, how events are folded or how a run is drawn.

use crate::link::Message;
use serde_json::Value;
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::{ClientMessage, PROTOCOL_VERSION};

/// How what is said of a run is read and folded. Whoever follows brings it, so that the page starts without that code.
#[derive(Clone, Copy)]
pub struct Fold {
    /// Reads a snapshot; a sentence where it is none.
    pub view: fn(Value) -> Result<RunView, String>,
    /// Folds events; false where one before them is missing.
    pub events: fn(&mut RunView, Vec<Value>) -> Result<bool, String>,
}

/// The followed run.
#[derive(Default)]
pub struct Followed {
    /// Which run; nothing where no run is followed.
    pub run: Option<RunId>,
    /// Its fold; absent until the first snapshot.
    pub view: Option<RunView>,
    /// Sockets that follow it.
    pub viewers: Option<u32>,
    /// Events that the agent left out because this page was slow; each time a snapshot healed it.
    pub missed: u64,
    /// It was deleted.
    pub deleted: bool,
    /// Why the agent refused to show it.
    pub refused: Option<String>,
    fold: Option<Fold>,
}

/// What a message asks of its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// The run looks different.
    Redraw,
    /// Events are missing: follow again from the last one.
    FollowAgain,
    /// The agent's words are not those of this page, as a sentence.
    Unreadable(String),
}

impl Followed {
    /// Begins to follow a run; keeps the fold where it is the same one.
    pub fn follow(&mut self, run: RunId, fold: Fold) {
        if self.run.as_ref() != Some(&run) {
            *self = Self { run: Some(run), fold: Some(fold), ..Self::default() };
        }
    }

    /// What to say when the socket opens: the protocol, then where to go on.
    pub fn greeting(&self) -> Vec<ClientMessage> {
        let mut messages = vec![ClientMessage::Hello { protocol: PROTOCOL_VERSION }];
        messages.extend(self.request());
        messages
    }

    /// The message that asks for everything after what is folded.
    pub fn request(&self) -> Option<ClientMessage> {
        let run = self.run.clone()?;
        Some(ClientMessage::Follow { run, after_seq: self.view.as_ref().map(|v| v.seq) })
    }

    /// Folds one message; messages about other runs change nothing.
    pub fn receive(&mut self, message: Message) -> Effect {
        let Some(fold) = self.fold else { return Effect::Nothing };
        match message {
            Message::Snapshot { run, view, .. } if self.is(&run) => match (fold.view)(*view) {
                Ok(view) => {
                    self.refused = None;
                    self.view = Some(view);
                    Effect::Redraw
                }
                Err(why) => Effect::Unreadable(why),
            },
            Message::Events { run, events } if self.is(&run) => {
                let Some(view) = self.view.as_mut() else { return Effect::FollowAgain };
                match (fold.events)(view, events) {
                    Ok(true) => Effect::Redraw,
                    Ok(false) => Effect::FollowAgain,
                    Err(why) => Effect::Unreadable(why),
                }
            }
            Message::Gap { run, missed } if self.is(&run) => {
                self.missed += missed;
                Effect::Redraw
            }
            Message::Viewers { run, count } if self.is(&run) => {
                self.viewers = Some(count);
                Effect::Redraw
            }
            Message::Deleted { run } if self.is(&run) => {
                self.deleted = true;
                Effect::Redraw
            }
            Message::Refused { sentence } => {
                self.refused = Some(sentence);
                Effect::Redraw
            }
            _ => Effect::Nothing,
        }
    }

    fn is(&self, run: &RunId) -> bool {
        self.run.as_ref() == Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::FOLD;
    use super::*;
    use serde_json::json;
    use shared::event::{Body, Event, RunState};

    fn run(n: u32) -> RunId {
        RunId::new(1, n)
    }

    fn events(run_id: &RunId, seqs: &[u64]) -> Message {
        let events = seqs
            .iter()
            .map(|seq| Event {
                seq: *seq,
                t_ns: seq * 10,
                body: Body::State { state: RunState::Running, reason: None },
            })
            .map(|event| json!(event))
            .collect();
        Message::Events { run: run_id.clone(), events }
    }

    fn snapshot(run_id: &RunId, seq: u64) -> Message {
        let view = json!(RunView { seq, ..RunView::default() });
        Message::Snapshot { run: run_id.clone(), view: Box::new(view), now_ns: None }
    }

    fn check(messages: Vec<Message>, effect: Effect, seq: Option<u64>) {
        let mut followed = Followed::default();
        followed.follow(run(1), FOLD);
        let last = messages.into_iter().fold(Effect::Nothing, |_, message| followed.receive(message));
        assert_eq!((last, followed.view.map(|v| v.seq)), (effect, seq));
    }

    #[test]
    fn folds_in_order_and_notices_holes() {
        let (own, other) = (run(1), run(2));
        check(vec![snapshot(&own, 4), events(&own, &[5, 6])], Effect::Redraw, Some(6));
        check(vec![snapshot(&own, 4), events(&own, &[3, 4, 5])], Effect::Redraw, Some(5));
        check(vec![snapshot(&own, 4), events(&own, &[5, 7])], Effect::FollowAgain, Some(5));
        check(vec![events(&own, &[1])], Effect::FollowAgain, None);
        check(vec![snapshot(&own, 4), events(&other, &[5])], Effect::Nothing, Some(4));
        check(vec![snapshot(&own, 4), snapshot(&own, 9)], Effect::Redraw, Some(9));
    }

    #[test]
    fn words_of_another_version_are_told_from_none() {
        let mut followed = Followed::default();
        followed.follow(run(1), FOLD);
        followed.receive(snapshot(&run(1), 4));
        let strange = Message::Events { run: run(1), events: vec![json!({ "seq": 5 })] };
        let effect = followed.receive(strange);
        assert!(matches!(effect, Effect::Unreadable(_)), "{effect:?}");
    }

    #[test]
    fn resumes_where_it_was() {
        let mut followed = Followed::default();
        assert_eq!(followed.greeting().len(), 1);
        followed.follow(run(1), FOLD);
        assert_eq!(followed.request(), Some(ClientMessage::Follow { run: run(1), after_seq: None }));
        followed.receive(snapshot(&run(1), 7));
        followed.follow(run(1), FOLD);
        assert_eq!(followed.request(), Some(ClientMessage::Follow { run: run(1), after_seq: Some(7) }));
        followed.follow(run(2), FOLD);
        assert_eq!(followed.request(), Some(ClientMessage::Follow { run: run(2), after_seq: None }));
    }
}
