//! Owns one request opened as a token timeline: fetched from the agent's records once its trial has ended.
//! Must not know how it was chosen.

use crate::charts::Chart;
use crate::erased::{click, kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::model::{App, Retry};
use crate::parts::{Awaited, Card, Figure};
use leptos::prelude::*;
use shared::chart;
use shared::ids::RequestId;
use shared::units::ns_to_ms;
use shared::view::RunView;
use shared::wire::{ApiError, RequestTimeline};
use std::sync::Arc;

/// Whether a request's record can be read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    /// Its trial is under way.
    Later,
    /// Its trial ended but its records could not be kept.
    Lost,
    /// The agent has it, as far as this page knows.
    Ready,
}

/// What is known of a request's record from its trial; requests outside the sample are asked for.
fn record_of(view: &RunView, id: RequestId) -> Record {
    let Some(sample) = view.scatter.kept.iter().find(|s| s.id == id) else { return Record::Ready };
    let Some(trial) = view.trials.iter().rev().find(|t| t.started_ns <= sample.sent_ns) else { return Record::Ready };
    match (trial.ended_ns, &trial.blob) {
        (_, Some(_)) => Record::Ready,
        (None, None) if view.run_state().is_final() => Record::Lost,
        (None, None) => Record::Later,
        (Some(_), None) => Record::Lost,
    }
}

/// The opened request.
#[component]
pub fn OpenRequest(id: RequestId, close: Callback<()>) -> impl IntoView {
    let app = App::get();
    let record = kept(move || app.with_view(|v| record_of(v, id)).unwrap_or(Record::Later));
    let timeline = RwSignal::new(None::<RequestTimeline>);
    let error = RwSignal::new(None::<ApiError>);
    let retry = Retry::of(error);
    Effect::new(move |_| {
        retry.track();
        if record.get() != Record::Ready || timeline.with_untracked(Option::is_some) {
            return;
        }
        let Some(run) = app.run() else { return };
        spawn(async move {
            match http::get::<RequestTimeline>(&format!("/api/v1/runs/{run}/requests/{id}")).await {
                Ok(found) => drop(timeline.try_set(Some(found))),
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    });
    let settled = kept(move || record.get() != Record::Ready || timeline.with(Option::is_some));
    let content = move || {
        match (record.get(), timeline.get()) {
        (_, Some(timeline)) => view! { <Timeline timeline=timeline/> }.into_any(),
        (Record::Later, None) => {
            view! { <p class="quiet" data-testid="request-later">"Its token timeline can be opened when the trial that it belongs to has ended; it will appear here."</p> }.into_any()
        }
        (Record::Lost, None) => {
            view! { <p class="quiet">"The records of its trial were not kept, so there is no token timeline."</p> }.into_any()
        }
        (Record::Ready, None) => ().into_any(),
    }
    };
    view! {
        <Card title=format!("Request #{id}")>
            <button class="button small" on:click=click(move |_| close.run(()))>"Close"</button>
            <Awaited known=settled error=error again=retry.again()/>
            {live(content)}
        </Card>
    }
    .into_any()
}

#[component]
fn Timeline(timeline: RequestTimeline) -> impl IntoView {
    let ms = |ns: Option<u64>| Signal::stored(format::figure(ns.map(ns_to_ms), "ms"));
    let tokens = |n: Option<u32>| Signal::stored(format::or_absent(n, |n| format::count(n.into())));
    let sample = &timeline.sample;
    let outcome = sample.outcome.label().to_owned();
    let figures = view! {
        <div class="figures">
            <Figure label="Outcome" value=Signal::stored(outcome)/>
            <Figure label="TTFT" value=ms(sample.ttft_ns)/>
            <Figure label="TPOT" value=ms(sample.tpot_ns)/>
            <Figure label="Client queue" value=ms(Some(timeline.queue_client_ns))/>
            <Figure label="Connect" value=ms(timeline.connect_ns)/>
            <Figure label="Head" value=ms(timeline.head_ns)/>
            <Figure label="Closed" value=ms(Some(timeline.close_ns))/>
            <Figure label="Prompt tokens" value=tokens(timeline.prompt_tokens)/>
            <Figure label="Output tokens" value=tokens(sample.output_tokens)/>
            <Figure label="Chunks" value=Signal::stored(format::count(timeline.chunks.len() as u64))/>
        </div>
    };
    let error = timeline
        .error
        .clone()
        .map(|e| view! { <p class="error-line"><span class="shape" aria-hidden="true">"✕ "</span>{e}</p> });
    let define = Arc::new(move |theme| Some(chart::request_timeline(&timeline, theme)));
    view! {
        {figures}
        {error}
        <section class="charts single">
            <Chart name="request" label="Output of one request over the time since it was sent" define=define/>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::RequestSample;
    use shared::outcome::{Ended, Outcome};
    use shared::view::TrialView;

    fn check(ended_ns: Option<u64>, blob: Option<&str>, id: RequestId, expect: Record) {
        let mut view = RunView::default();
        view.trials.push(TrialView {
            point: 0,
            repeat: 0,
            started_ns: 10,
            window_ns: None,
            ended_ns,
            ended: Ended::default(),
            summary: None,
            blob: blob.map(str::to_owned),
            engine: None,
            set_aside: false,
        });
        view.scatter.add(&RequestSample {
            id: 7,
            sent_ns: 20,
            end_ns: 30,
            ttft_ns: None,
            tpot_ns: None,
            output_tokens: None,
            outcome: Outcome::Ok,
        });
        assert_eq!(record_of(&view, id), expect);
    }

    #[test]
    fn a_record_is_there_once_its_trial_ended() {
        check(None, None, 7, Record::Later);
        check(Some(40), Some("b"), 7, Record::Ready);
        check(Some(40), None, 7, Record::Lost);
        check(None, None, 8, Record::Ready);
    }
}
