//! Owns a viewer that only counts: whether every event of a run came, or was announced as left out.
//! Must not know what an event says: two hundred of these must leave the machine to the agent.

use crate::remote::Agent;
use anyhow::{Context, bail, ensure};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::ids::RunId;
use shared::wire::ServerSays;
use tokio_tungstenite::tungstenite::Message;

/// A view or an event, of which only its number is read.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// What a viewer was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The last event that it knows of.
    pub last_seq: u64,
    /// Events that came one by one.
    pub events: u64,
    /// Events that the agent said it had left out; a snapshot took their place.
    pub announced: u64,
    /// Bytes of all messages.
    pub bytes: u64,
}

impl Heard {
    /// A snapshot as of this event.
    fn snapshot(&mut self, seq: u64) {
        self.last_seq = self.last_seq.max(seq);
    }

    /// Events with these numbers.
    ///
    /// # Errors
    /// Where one between was neither sent nor announced.
    fn events(&mut self, numbers: impl IntoIterator<Item = u64>) -> anyhow::Result<()> {
        for seq in numbers {
            ensure!(
                seq == self.last_seq + 1,
                "a viewer had event {} and then got event {seq}: those between were neither sent nor announced",
                self.last_seq
            );
            (self.last_seq, self.events) = (seq, self.events + 1);
        }
        Ok(())
    }
}

/// Follows a run until its last event.
///
/// # Errors
/// Where an event was missed that was not announced, or the connection ended early.
pub(super) async fn watch(
    agent: Agent,
    run: RunId,
    last: tokio::sync::watch::Receiver<Option<u64>>,
) -> anyhow::Result<Heard> {
    let mut socket = agent.socket(&run).await?;
    let (mut heard, mut last) = (Heard::default(), last);
    loop {
        if last.borrow_and_update().is_some_and(|seq| heard.last_seq >= seq) {
            return Ok(heard);
        }
        let message = tokio::select! {
            message = socket.next() => message.context("the agent closed a viewer's socket")??,
            // The end is known now, and may have been heard before.
            changed = last.changed() => {
                changed.context("the run has no end")?;
                continue;
            }
        };
        let Message::Binary(bytes) = message else { continue };
        heard.bytes += bytes.len() as u64;
        match rmp_serde::from_slice::<ServerSays<Numbered, Numbered, IgnoredAny>>(&bytes)? {
            ServerSays::Snapshot { view, .. } => heard.snapshot(view.seq),
            ServerSays::Events { events, .. } => heard.events(events.iter().map(|event| event.seq))?,
            ServerSays::Gap { missed, .. } => heard.announced += missed,
            ServerSays::Refused { sentence } => bail!("{sentence}"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_neither_sent_nor_announced_is_noticed() {
        let mut heard = Heard::default();
        heard.snapshot(4);
        heard.events([5, 6]).unwrap();
        assert_eq!((heard.last_seq, heard.events), (6, 2));
        assert!(heard.events([8]).unwrap_err().to_string().contains("had event 6 and then got event 8"));
        heard.snapshot(9);
        heard.events([10]).unwrap();
    }
}
