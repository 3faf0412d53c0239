//! Owns how the machine's part reads the followed run: charts and sentences that change once a second.
//! Must not know which charts and sentences there are.

use crate::charts::{Chart, Define, TimeAxis};
use crate::erased::{Kept, kept, live};
use crate::model::App;
use leptos::prelude::*;
use shared::chart::{ChartDefinition, Theme, TrackChart};
use shared::units::NS_PER_S;
use shared::view::{GpuSeen, RunView};
use std::sync::Arc;

/// How this part reads the followed run: once a second while it is live, since many charts cost much to draw.
#[derive(Clone, Copy)]
pub struct Followed {
    app: App,
    second: Kept<(u64, bool)>,
}

impl Followed {
    /// The run that the page follows.
    pub fn of(app: App) -> Self {
        let second = move |view: &RunView| (view.last_ns / NS_PER_S, view.run_state().is_final());
        Self { app, second: kept(move || app.with_view(second).unwrap_or_default()) }
    }

    /// What a function says of the run, as it changes.
    pub fn says<T: PartialEq + Default + Send + Sync + 'static>(self, says: fn(&RunView) -> T) -> Kept<T> {
        kept(move || {
            self.second.track();
            untrack(|| self.app.with_view(says)).unwrap_or_default()
        })
    }

    /// A chart that may have nothing to draw.
    pub fn define(self, make: fn(&RunView, Theme) -> Option<ChartDefinition>) -> Define {
        Arc::new(move |theme| {
            self.second.track();
            untrack(|| self.app.with_view(|view| make(view, theme))).flatten()
        })
    }

    /// Charts, those of which something is known, of the GPUs that are shown; another one before them, and what must be said
    /// beside them.
    pub fn charts(
        self,
        axis: TimeAxis,
        charts: &'static [TrackChart],
        shown: Kept<Vec<GpuSeen>>,
        before: impl IntoAny,
        notes: impl IntoAny,
    ) -> AnyView {
        let known = kept(move || {
            self.second.track();
            let known = |view: &RunView| charts.iter().map(|chart| chart.is_known(&view.telemetry)).collect::<Vec<_>>();
            let known = untrack(|| self.app.with_view(known)).unwrap_or_default();
            known.iter().enumerate().filter(|(_, known)| **known).map(|(place, _)| place).collect::<Vec<usize>>()
        });
        let chart = move |place: usize| {
            charts.get(place).map(|chart| {
                let define: Define = Arc::new(move |theme| {
                    self.second.track();
                    let shown = shown.get();
                    untrack(|| self.app.with_view(|view| chart.draw(&view.telemetry, view.last_ns, &shown, theme)))
                });
                view! { <Chart name=chart.name label=chart.label axis=axis define=define/> }
            })
        };
        view! {
            <div class="charts tracks">
                {before.into_any()}
                <For each=move || known.get() key=|place| *place children=chart/>
                <div class="track-notes">{notes.into_any()}</div>
            </div>
        }
        .into_any()
    }
}

/// Lines of quiet text.
pub fn lines(of: Kept<Vec<String>>, testid: &'static str) -> AnyView {
    live(move || {
        let of = of.get();
        (!of.is_empty()).then(|| {
            view! { <ul class="said" data-testid=testid>{of.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul> }
        })
    })
}
