//! Owns leading and following of a run's zoom: what somebody shows, and what this page shows to others.
//! Must not know charts.

use leptos::prelude::*;
use shared::ids::RunId;
use shared::wire::{ClientMessage, Lead};

/// Leading and following. Copies share it.
#[derive(Clone, Copy)]
pub struct Leading {
    /// What somebody who leads shows of the followed run.
    led: RwSignal<Option<Lead>>,
    own: RwSignal<Option<(RunId, Lead)>>,
}

impl Default for Leading {
    fn default() -> Self {
        Self { led: RwSignal::new(None), own: RwSignal::new(None) }
    }
}

impl Leading {
    /// What somebody who leads shows; nothing where nobody does.
    pub fn led(self) -> Option<Lead> {
        self.led.get()
    }

    /// True where this page leads.
    pub fn leads(self) -> bool {
        self.own.with(Option::is_some)
    }

    /// The same as it is now.
    pub fn leads_untracked(self) -> bool {
        self.own.with_untracked(Option::is_some)
    }

    /// Somebody leads, or no longer. There is one at a time, so this page does not any more.
    pub fn hear(self, lead: Option<Lead>) {
        if lead.is_some() {
            self.own.set(None);
        }
        self.led.set(lead);
    }

    /// This page shows something of a run, or no longer; what to say of it.
    pub fn show(self, run: &RunId, lead: Option<Lead>) -> ClientMessage {
        self.own.set(lead.map(|lead| (run.clone(), lead)));
        if lead.is_some() {
            self.led.set(None);
        }
        ClientMessage::Lead { run: run.clone(), lead }
    }

    /// What to say where the socket is a new one.
    pub fn request(self) -> Option<ClientMessage> {
        let (run, lead) = self.own.get_untracked()?;
        Some(ClientMessage::Lead { run, lead: Some(lead) })
    }

    /// Another run, or none, is followed from now on.
    pub fn forget(self) {
        self.led.set(None);
        self.own.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leads_at_a_time() {
        Owner::new().set();
        let (leading, run) = (Leading::default(), RunId::new(1, 1));
        let shown = Lead { zoom_ns: Some((1, 2)) };
        assert_eq!(leading.request(), None);
        let said = leading.show(&run, Some(shown));
        assert_eq!(said, ClientMessage::Lead { run: run.clone(), lead: Some(shown) });
        assert_eq!((leading.leads(), leading.request()), (true, Some(said)));
        leading.hear(Some(Lead { zoom_ns: None }));
        assert_eq!((leading.leads(), leading.led(), leading.request()), (false, Some(Lead { zoom_ns: None }), None));
        leading.show(&run, Some(shown));
        assert_eq!(leading.led(), None);
        leading.forget();
        assert!(!leading.leads());
    }
}
