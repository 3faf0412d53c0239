//! Owns the header of a run, which stays in view: what it is, how far, what it cost, who watches.
//! Must not know charts.

use crate::erased::{click, kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::model::App;
use crate::parts::{Confirm, CopyButton, Download, Figure, Icon, ShareButton, StateBadge, VerdictBadge, files};
use crate::route::Place;
use leptos::prelude::*;
use shared::event::RunState;
use shared::people::{Role, Shared};
use shared::plan::Plan;
use shared::said::header::{energy_words, engine_words, price_words};
use shared::units::{NS_PER_S, ns_to_s};
use shared::view::{RunView, TrialView};

/// Share of a trial that is done, 0 to 1, by requests or by time.
fn trial_share(trial: &TrialView, plan: &Plan, now_ns: u64) -> f64 {
    let share = match (plan.load.requests, plan.load.trial_ns()) {
        (Some(requests), _) => trial.ended.total() as f64 / f64::from(requests.max(1)),
        (None, Some(whole_ns)) => now_ns.saturating_sub(trial.started_ns) as f64 / whole_ns.max(1) as f64,
        (None, None) => 0.0,
    };
    // What is left of a trial after its last request (the drain) is not nothing.
    share.min(0.99)
}

/// Share of the whole run that is done, 0 to 1.
pub fn share_done(view: &RunView) -> f64 {
    let (done, total) = view.progress();
    if view.run_state() == RunState::Done {
        return 1.0;
    }
    // A search does not know how many trials it will need.
    let (Some(header), Some(total)) = (&view.header, total.filter(|n| *n > 0)) else { return 0.0 };
    let current = view.current_trial().map_or(0.0, |(_, trial)| trial_share(trial, &header.plan, view.last_ns));
    (f64::from(done) + current) / f64::from(total)
}

/// Output tokens per second over the last whole second of the series; absent where nothing arrives.
fn throughput_now(view: &RunView) -> Option<f64> {
    view.current_trial()?;
    let width = view.series.width_ns();
    // The last bin is still filling, so it is left out.
    let whole = view.series.bins.len().checked_sub(1)?;
    let bins = (NS_PER_S / width).max(1) as usize;
    let last = view.series.bins.get(whole.checked_sub(bins)?..whole)?;
    let tokens = last.iter().map(|b| b.millitokens).sum::<u64>() as f64 / 1000.0;
    Some(tokens / ns_to_s(width * bins as u64))
}

/// Requests by how they ended; of an imported run those of its summaries, where its files count them.
fn ended(view: &RunView) -> Option<Ended> {
    if view.source.is_none() {
        return Some(Ended { ok: view.ended.ok, failed: view.ended.failed, cancelled: view.ended.cancelled });
    }
    let summaries: Vec<_> = view.points.iter().filter_map(|point| point.summary.as_ref()).collect();
    let ok = summaries.iter().map(|summary| summary.ok).sum();
    let attempted: u64 = summaries.iter().map(|summary| summary.attempted).sum();
    (attempted > 0).then(|| Ended { ok, failed: attempted.saturating_sub(ok), cancelled: 0 })
}

/// How many requests ended, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended {
    ok: u64,
    failed: u64,
    cancelled: u64,
}

/// The requests that did not end well.
fn others_words(ended: &Ended) -> String {
    let failed = match ended.failed {
        0 => "none failed".to_owned(),
        n => format!("✕ {} failed", format::count(n)),
    };
    match ended.cancelled {
        0 => failed,
        n => format!("{failed}, {} cut off", format::count(n)),
    }
}

/// The header.
#[component]
pub fn RunHeader() -> impl IntoView {
    let app = App::get();
    let text = move |read: fn(&RunView) -> String| kept(move || app.with_view(read).unwrap_or_default());
    let state = kept(move || app.with_view(RunView::run_state).unwrap_or(RunState::Queued));
    let verdict = kept(move || app.with_view(RunView::verdict).flatten());
    let name = text(|v| v.header.as_ref().map(|h| h.plan.name.clone()).unwrap_or_default());
    let engine = text(engine_words);
    let starting = text(starting_words);
    let share = kept(move || app.with_view(|v| (share_done(v) * 1000.0).round() / 10.0).unwrap_or(0.0));
    let trials = text(|v| format::progress(v.progress().0, v.progress().1));
    let ok = text(|v| format::or_absent(ended(v), |ended| format::count(ended.ok)));
    let others = text(|v| match ended(v) {
        None => "not said by the files".to_owned(),
        Some(ended) => others_words(&ended),
    });
    let own = kept(move || app.with_view(|v| v.source.is_none()).unwrap_or(true));
    let elapsed = text(|v| format::duration(v.last_ns));
    let eta = text(|v| format::or_absent(v.eta_ns(), |ns| format!("≈ {}", format::duration(ns))));
    let eta_note = kept(move || {
        let unknown = app.with_view(|v| !v.run_state().is_final() && v.eta_ns().is_none()).unwrap_or(false);
        unknown.then(|| "known after the first trial".to_owned())
    });
    let throughput = text(|v| format::figure(throughput_now(v), "tok/s"));
    let in_flight = text(|v| format::count(v.in_flight.into()));
    let waiting = kept(move || {
        let open = app.with_view(|v| v.header.as_ref().is_some_and(|h| h.plan.load.arrival.is_open()));
        open.unwrap_or(false).then(|| app.with_view(|v| format::count(v.waiting.into())).unwrap_or_default())
    });
    let cost = text(|v| format::or_absent(v.spending.usd(v.last_ns), format::usd));
    let cost_note = text(price_words);
    // By the second: it changes with each read, and nobody reads more.
    let second = kept(move || app.with_view(|v| (v.last_ns / NS_PER_S, v.run_state().is_final())));
    let energy = kept(move || {
        second.track();
        untrack(|| app.with_view(energy_words)).flatten()
    });
    let has_energy = kept(move || energy.with(Option::is_some));
    let of_energy =
        move |part: fn((String, String)) -> String| Signal::derive(move || energy.get().map(part).unwrap_or_default());
    let seq = kept(move || app.with_view(|v| v.seq).unwrap_or(0));
    let viewers = kept(move || app.with_followed(|f| f.viewers));
    let missed = kept(move || app.with_followed(|f| f.missed));
    let link = Signal::derive(|| window().location().href().unwrap_or_default());
    let goes_on = kept(move || !state.get().is_final());
    let reader = app.reader;
    // What would be refused is not offered.
    let may_change = kept(move || reader.may(Role::Operator));

    view! {
        <header class="run-header">
            <div class="run-title">
                <h1>{name}</h1>
                <span data-testid="run-state"><StateBadge state=state/></span>
                <span data-testid="verdict"><VerdictBadge verdict=verdict/></span>
                <span class="quiet" data-testid="starting">{starting}</span>
                <span class="quiet engine">{engine}</span>
                <span class="run-actions">
                    {live(move || viewers.get().map(|n| view! {
                        <span class="quiet viewers" title="Browsers and terminals that follow this run" data-testid="viewers"><Icon name="eye"/>{n}</span>
                    }))}
                    {live(move || (!reader.is_guest()).then(|| view! { <CopyButton text=link label="Copy link"/> }))}
                    {app.run().map(|run| view! { <Download files=files(&format!("/api/v1/runs/{run}"))/> })}
                    <ShareButton what=Callback::new(move |()| app.run().map(Shared::Run))/>
                    {live(move || may_change.get().then(|| view! {
                        {live(move || if goes_on.get() { view! { <Cancel/> }.into_any() } else { view! { <Resume/><Again/> }.into_any() })}
                    }))}
                </span>
            </div>
            <progress max="100" value=move || share.get() aria-label="Progress"></progress>
            <div class="figures">
                <Figure label="Progress" value=Signal::derive(move || format!("{} %", share.get().floor())) note=Signal::derive(move || trials.get())/>
                <Figure label="Requests ok" value=ok note=Signal::derive(move || others.get()) testid="run-ok"/>
                {live(move || goes_on.get().then(|| view! {
                    <Figure label="Left" value=eta note=eta_note/>
                    <Figure label="Output now" value=throughput/>
                    <Figure label="In flight" value=in_flight/>
                }))}
                {live(move || (goes_on.get() && waiting.with(Option::is_some)).then(|| view! {
                    <Figure label="Waiting" value=Signal::derive(move || waiting.get().unwrap_or_default())/>
                }))}
                <Figure label="Elapsed" value=elapsed/>
                {live(move || own.get().then(|| view! {
                    <Figure label="Cost so far" value=cost note=Signal::derive(move || cost_note.get())/>
                }))}
                {live(move || has_energy.get().then(|| view! {
                    <Figure label="Energy so far" value=of_energy(|(value, _)| value) note=of_energy(|(_, note)| note)/>
                }))}
            </div>
            <span hidden data-testid="run-seq">{seq}</span>
            {live(move || (missed.get() > 0).then(|| view! {
                <p class="quiet">{format!("This page was too slow for {} events; snapshots made up for them.", format::count(missed.get()))}</p>
            }))}
        </header>
    }
    .into_any()
}

/// How far the engine's start is; empty while none starts.
fn starting_words(view: &RunView) -> String {
    view.starting.map(|starting| format!("Starting: {}", starting.words())).unwrap_or_default()
}

/// Stops the run, after a second click.
#[component]
fn Cancel() -> impl IntoView {
    let app = App::get();
    let cancel = Callback::new(move |()| {
        let Some(run) = app.run() else { return };
        spawn(async move {
            if let Err(failure) = http::command(&format!("/api/v1/runs/{run}/cancel"), "{}").await {
                app.tell(&failure);
            }
        });
    });
    view! {
        <Confirm label="Cancel" icon="stop" question="Stop the run?" yes="Stop" no="Go on" testid="cancel-run" does=cancel/>
    }
    .into_any()
}

/// Has a run that ended before its end go on.
#[component]
fn Resume() -> impl IntoView {
    let app = App::get();
    let may = kept(move || app.with_view(RunView::is_resumable).unwrap_or(false));
    let resume = move |_| {
        let Some(run) = app.run() else { return };
        spawn(async move {
            if let Err(failure) = http::command(&format!("/api/v1/runs/{run}/resume"), "{}").await {
                app.tell(&failure);
            }
        });
    };
    live(move || {
        may.get().then(|| view! {
            <button class="button small" data-testid="run-resume" title="Measures the points that have no figures yet" on:click=click(resume)>"Resume"</button>
        })
    })
}

/// Opens the form with this run's plan.
#[component]
fn Again() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let again = move |_| {
        app.draft.set(app.plan());
        place.go("/new?preset=again");
    };
    view! { <button class="button small" data-testid="run-again" on:click=click(again)>"Run again"</button> }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::{Phase, Starting};
    use shared::event::{Body, Event, Host};
    use shared::ids::RunId;
    use shared::preset;

    fn view(change: impl FnOnce(&mut Plan), bodies: Vec<(u64, Body)>) -> RunView {
        let mut plan = preset::find("first").unwrap();
        change(&mut plan);
        let mut view = RunView::default();
        let created = Body::Created {
            run: RunId::new(1, 1),
            plan: Box::new(plan),
            anchor_unix_ms: 0,
            host: Host::default(),
            agent_version: String::new(),
        };
        for (index, (t_ns, body)) in std::iter::once((0, created)).chain(bodies).enumerate() {
            view.apply(&Event { seq: index as u64 + 1, t_ns, body });
        }
        view
    }

    #[test]
    fn progress_counts_the_trial_under_way() {
        let started = || (0, Body::TrialStarted { trial: 0, point: 0, repeat: 0 });
        let running = |t_ns| (t_ns, Body::State { state: RunState::Running, reason: None });
        // 3 trials of 1 s warm-up and 10 s: half of the first is a sixth of the run.
        let half = view(|_| (), vec![started(), running(5_500_000_000)]);
        assert!((share_done(&half) - 0.5 / 3.0).abs() < 1e-9);
        let late = view(|_| (), vec![started(), running(99_000_000_000)]);
        assert!(share_done(&late) < 1.0 / 3.0);
        let done = view(|_| (), vec![(1, Body::State { state: RunState::Done, reason: None })]);
        assert!((share_done(&done) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn requests_of_an_imported_run_are_those_of_its_files() {
        let mut view = view(|_| (), vec![]);
        assert_eq!(ended(&view), Some(Ended { ok: 0, failed: 0, cancelled: 0 }));
        view.source = Some(shared::source::Source::default());
        assert_eq!(ended(&view), None);
        let summary = |attempted, ok| Some(shared::summary::Summary { attempted, ok, ..Default::default() });
        view.points.iter_mut().for_each(|point| point.summary = summary(300, 298));
        let points = view.points.len() as u64;
        assert_eq!(ended(&view), Some(Ended { ok: 298 * points, failed: 2 * points, cancelled: 0 }));
    }

    #[test]
    fn a_start_is_told_until_it_is_over() {
        let starting = |phase, percent| (1, Body::EngineStarting(Starting { phase, percent }));
        let said = |bodies| starting_words(&view(|_| (), bodies));
        assert_eq!(said(vec![]), "");
        assert_eq!(said(vec![starting(Phase::Download, Some(43))]), "Starting: downloading 43 %");
        let weights = || vec![starting(Phase::Download, Some(43)), starting(Phase::Weights, None)];
        assert_eq!(said(weights()), "Starting: weights");
        for end in [
            Body::EngineReady(Box::default()),
            Body::State { state: RunState::Failed, reason: None },
            Body::EngineFailed { configuration: 0, reason: String::new(), lines: vec![] },
        ] {
            assert_eq!(said(weights().into_iter().chain([(2, end)]).collect()), "");
        }
    }
}
