//! Owns a client of a run that keeps every event which it was sent: what the agent has acknowledged to somebody.
//! Must not know how the agent ends.

use crate::socket::Client;
use crate::support::TOKEN;
use shared::event::Event;
use shared::ids::RunId;
use shared::wire::{ClientMessage, ServerMessage};
use std::collections::BTreeMap;
use tokio::task::JoinHandle;

/// What a client was sent of a run.
#[derive(Debug, Default)]
pub struct Heard {
    /// Each event by its number.
    pub events: BTreeMap<u64, Event>,
    /// The last event that a snapshot held, where one was sent.
    pub snapshot_seq: u64,
}

impl Heard {
    /// The last event that it knows to exist.
    pub fn last_seq(&self) -> u64 {
        self.events.last_key_value().map_or(0, |(seq, _)| *seq).max(self.snapshot_seq)
    }
}

/// A client that listens until the agent is gone.
pub struct Witness(JoinHandle<Heard>);

impl Witness {
    /// Follows the run from its first event.
    pub async fn begin(host: &str, run: &RunId) -> Self {
        let mut client = Client::greeted(host, TOKEN).await;
        client.say(&ClientMessage::Follow { run: run.clone(), after_seq: Some(0) }).await;
        let run = run.clone();
        Self(tokio::spawn(async move {
            let mut heard = Heard::default();
            while let Some(message) = client.hear().await {
                match message {
                    ServerMessage::Events { run: of, events } if of == run => {
                        heard.events.extend(events.into_iter().map(|event| (event.seq, event)));
                    }
                    ServerMessage::Snapshot { run: of, view, .. } if of == run => heard.snapshot_seq = view.seq,
                    _ => {}
                }
            }
            heard
        }))
    }

    /// What it heard, once the agent is gone.
    pub async fn heard(self) -> Heard {
        self.0.await.unwrap()
    }
}
