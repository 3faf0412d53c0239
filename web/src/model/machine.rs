//! Owns what the agent tells of the host's machine while somebody looks.
//! Must not know the socket, nor how it is drawn; how it is read and folded comes with what shows it.

use leptos::prelude::*;
use serde_json::Value;
use shared::view::MachineView;
use shared::wire::ClientMessage;

/// Reads what is told and folds it into what is known; gives how many events were left out, or a sentence where it is nothing
/// that can be read.
pub type MachineFold = fn(&mut Option<MachineView>, Value) -> Result<u64, String>;

/// What is known of the machine. Copies share it.
#[derive(Clone, Copy)]
pub struct Machine {
    /// Counts what came; whoever shows the machine reads this and then the machine.
    tick: RwSignal<u64>,
    known: StoredValue<Option<MachineView>, LocalStorage>,
    /// Events that the agent left out because this page was slow; each time a snapshot healed it.
    missed: StoredValue<u64>,
    /// There while somebody looks.
    fold: StoredValue<Option<MachineFold>>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            tick: RwSignal::new(0),
            known: StoredValue::new_local(None),
            missed: StoredValue::new(0),
            fold: StoredValue::new(None),
        }
    }
}

impl Machine {
    /// Somebody looks from now on, and this is how it is folded; or nobody does any more.
    pub fn watch(self, fold: Option<MachineFold>) {
        self.fold.set_value(fold);
    }

    /// What to say when the socket opens.
    pub fn request(self) -> Option<ClientMessage> {
        self.fold.get_value().map(|_| ClientMessage::Machine { watch: true })
    }

    /// Takes what the agent tells; what comes after nobody looks any more changes nothing.
    ///
    /// # Errors
    /// A sentence where it cannot be read.
    pub fn receive(self, told: Value) -> Result<(), String> {
        let Some(fold) = self.fold.get_value() else { return Ok(()) };
        let missed = self.known.try_update_value(|known| fold(known, told)).transpose()?;
        self.missed.update_value(|all| *all += missed.unwrap_or(0));
        self.tick.update(|tick| *tick += 1);
        Ok(())
    }

    /// Lets go of what is known.
    pub fn forget(self) {
        self.known.set_value(None);
        self.missed.set_value(0);
    }

    /// The machine as it changes, where anything has been told of it, and how many events were left out.
    pub fn with<T>(self, read: impl FnOnce(&MachineView, u64) -> T) -> Option<T> {
        self.tick.track();
        self.known.with_value(|known| known.as_ref().map(|known| read(known, self.missed.get_value())))
    }
}
