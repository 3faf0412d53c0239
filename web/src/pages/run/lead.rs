//! Owns leading: whoever presents has others follow the stretch of time that is zoomed to.
//! Must not know charts beyond their axis.

use crate::charts::TimeAxis;
use crate::erased::{click, kept, live};
use crate::model::App;
use leptos::prelude::*;
use shared::people::Role;
use shared::units::{NS_PER_S, ns_to_s};
use shared::wire::Lead;
use std::time::Duration;

/// Least time between two words of what is shown, ms: moving the stretch gives many.
const SAY_MS: u64 = 150;

fn lead_of(zoom: Option<(f64, f64)>) -> Lead {
    let ns = |s: f64| (s * NS_PER_S as f64).round().max(0.0) as u64;
    Lead { zoom_ns: zoom.map(|(from, to)| (ns(from), ns(to))) }
}

fn zoom_of(lead: Lead) -> Option<(f64, f64)> {
    lead.zoom_ns.map(|(from, to)| (ns_to_s(from), ns_to_s(to)))
}

/// What an operator leads with, and what others follow with where somebody leads.
#[component]
pub fn Leading(axis: TimeAxis) -> impl IntoView {
    let app = App::get();
    let leading = app.leading;
    let follows = RwSignal::new(false);
    // Said a moment later, so that what comes in between is said as one.
    let due = StoredValue::new(false);
    Effect::new(move |_| {
        axis.zoom.track();
        if !leading.leads() || due.get_value() {
            return;
        }
        due.set_value(true);
        set_timeout(
            move || {
                // Gone where the page is another by now.
                if due.try_set_value(false).is_none()
                    && let Some(zoom) = axis.zoom.try_get_untracked()
                    && leading.leads_untracked()
                {
                    app.lead(Some(lead_of(zoom)));
                }
            },
            Duration::from_millis(SAY_MS),
        );
    });
    Effect::new(move |_| {
        if let Some(lead) = leading.led().filter(|_| follows.get()) {
            axis.zoom.set(zoom_of(lead));
        }
    });
    let may_lead = kept(move || app.reader.may(Role::Operator));
    let leads = kept(move || leading.leads());
    let is_led = kept(move || leading.led().is_some());
    let toggle = move |_| app.lead((!leads.get_untracked()).then(|| lead_of(axis.zoom.get_untracked())));
    view! {
        <p class="leading">
            {live(move || may_lead.get().then(|| view! {
                <button class="button small" aria-pressed=move || leads.get().to_string() data-testid="lead"
                    title="Others who follow see the stretch of time that you zoom to" on:click=click(toggle)>
                    {live(move || if leads.get() { "Stop leading" } else { "Lead viewers" })}
                </button>
            }))}
            {live(move || is_led.get().then(|| view! {
                <label class="chip"><input type="checkbox" data-testid="follow" prop:checked=move || follows.get()
                    on:change:target=move |e| follows.set(e.target().checked())/>"Follow who leads"</label>
            }))}
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoom_survives_the_way() {
        for zoom in [None, Some((0.0, 0.2)), Some((1.25, 3.5))] {
            assert_eq!(zoom_of(lead_of(zoom)), zoom);
        }
        assert_eq!(lead_of(Some((-1.0, 2.0))).zoom_ns, Some((0, 2 * NS_PER_S)));
    }
}
