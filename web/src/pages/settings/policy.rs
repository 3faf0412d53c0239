//! Owns the policy of what is kept: shown, tried, and set once somebody has seen what it would do.
//! Must not know how it is followed.

use crate::erased::{kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::model::{App, Fetched};
use crate::parts::{Card, Confirm, ErrorBox};
use leptos::prelude::*;
use serde_json::json;
use shared::people::Role;
use shared::retention::{BIN_DAYS, Disk, LetGo, Preview, Retention, Swept, Why};
use shared::wire::ApiError;

const GB: f64 = 1e9;

fn runs(n: u64) -> String {
    if n == 1 { "1 run".to_owned() } else { format!("{n} runs") }
}

/// A policy in words.
fn words(policy: &Retention) -> String {
    match (policy.keep_days, policy.max_bytes) {
        (None, None) => "Every run is kept until somebody deletes it.".to_owned(),
        (Some(days), None) => format!("Runs older than {days} days go."),
        (None, Some(bytes)) => format!("The oldest runs go where all hold more than {}.", format::bytes(bytes)),
        (Some(days), Some(bytes)) => {
            format!("Runs older than {days} days go, and the oldest where all hold more than {}.", format::bytes(bytes))
        }
    }
}

/// What fields say, as a policy: empty ones are no limit; nothing where one is no number.
fn parsed(days: &str, gigabytes: &str) -> Option<Retention> {
    let (days, gigabytes) = (days.trim(), gigabytes.trim());
    let keep_days = if days.is_empty() { None } else { Some(days.parse().ok()?) };
    let max_bytes = match gigabytes {
        "" => None,
        text => Some(text.parse::<f64>().ok().filter(|gb| gb.is_finite() && *gb >= 0.0)?),
    };
    Some(Retention { keep_days, max_bytes: max_bytes.map(|gb| (gb * GB) as u64) })
}

/// The card.
#[component]
pub(super) fn Policy(of: Fetched<Disk>) -> impl IntoView {
    let app = App::get();
    let policy = kept(move || of.value.with(|disk| disk.as_ref().map(|disk| disk.policy)).unwrap_or_default());
    let now = kept(move || policy.with(words));
    let admin = kept(move || app.reader.may(Role::Admin));
    let about = format!(
        "What goes lies in the bin for {BIN_DAYS} days, from which it can come back; then it is gone for good. Never what is pinned, \
         what is tagged keep, or the runs of a study that is. Followed once a day."
    );
    view! {
        <Card title="What is kept" about=about>
            <p data-testid="policy">{now}</p>
            {live(move || admin.get().then(|| view! { <Form policy=policy.get_untracked()/> }))}
        </Card>
    }
    .into_any()
}

/// The fields, what they would do, and setting it.
#[component]
fn Form(policy: Retention) -> impl IntoView {
    let app = App::get();
    let days = RwSignal::new(policy.keep_days.map(|days| days.to_string()).unwrap_or_default());
    let gigabytes = RwSignal::new(policy.max_bytes.map(|bytes| (bytes as f64 / GB).to_string()).unwrap_or_default());
    let error = RwSignal::new(None::<ApiError>);
    let told = RwSignal::new(None::<String>);
    // What would go, and by which policy: another one has to be tried first.
    let tried = RwSignal::new(None::<(Retention, Preview)>);
    let wanted = kept(move || parsed(&days.get(), &gigabytes.get()));
    let ask = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        told.set(None);
        let Some(policy) = wanted.get_untracked() else {
            let sentence = "Days must be a whole number, and GB a number, or empty for no limit.";
            error.set(Some(ApiError { error: sentence.to_owned(), detail: None }));
            return;
        };
        spawn(async move {
            let body = json!(policy).to_string();
            match http::post::<Preview>("/api/v1/retention/preview", "application/json", &body).await {
                Ok(preview) => {
                    error.try_set(None);
                    tried.try_set(Some((policy, preview)));
                }
                Err(failure) => {
                    app.failed(&failure);
                    tried.try_set(None);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    };
    let set = Callback::new(move |()| {
        let Some((policy, _)) = tried.get_untracked() else { return };
        spawn(async move {
            match http::put::<Retention>("/api/v1/retention", &json!(policy).to_string()).await {
                Ok(_) => {
                    tried.try_set(None);
                    told.try_set(Some("It is set, and will be followed once a day.".to_owned()));
                    app.changes.update(|changes| *changes += 1);
                }
                Err(failure) => app.tell(&failure),
            }
        });
    });
    let follow = Callback::new(move |()| {
        spawn(async move {
            match http::post::<Swept>("/api/v1/retention/sweep", "application/json", "").await {
                Ok(Swept { binned, purged, records_bytes, events_bytes }) => {
                    let (records, events) = (format::bytes(records_bytes), format::bytes(events_bytes));
                    let sentence = format!(
                        "{binned} went into the bin and {purged} are gone for good: {records} of records are free on the disk, {events} \
                         of the log for new events."
                    );
                    told.try_set(Some(sentence));
                    app.changes.update(|changes| *changes += 1);
                }
                Err(failure) => app.tell(&failure),
            }
        });
    });
    let result = move || {
        let (policy, preview) = tried.get()?;
        let is_same = wanted.with(|wanted| *wanted == Some(policy));
        is_same.then(|| {
            view! {
                <Would preview=preview/>
                <Confirm label="Keep to this" icon="settings" question="Let these go from now on?" yes="Set it" no="Not yet" testid="set-policy" does=set/>
            }
        })
    };
    view! {
        <form class="tools" on:submit=ask>
            <label class="field">
                <span class="field-label">"Keep runs for, days"</span>
                <input inputmode="numeric" placeholder="no limit" data-testid="keep-days" prop:value=move || days.get()
                    on:input:target=move |e| days.set(e.target().value())/>
            </label>
            <label class="field">
                <span class="field-label">"Runs hold at most, GB"</span>
                <input inputmode="decimal" placeholder="no limit" data-testid="max-gb" prop:value=move || gigabytes.get()
                    on:input:target=move |e| gigabytes.set(e.target().value())/>
            </label>
            <button class="button" data-testid="try-policy">"Show what would go"</button>
        </form>
        <ErrorBox error=error/>
        {live(result)}
        {live(move || told.get().map(|told| view! { <p role="status" data-testid="policy-told">{told}</p> }))}
        <p><Confirm label="Follow it now" icon="delete" question="Follow the policy that is set now?" yes="Follow it" no="Not now" testid="follow-policy" does=follow/></p>
    }
    .into_any()
}

/// What a policy would do.
#[component]
fn Would(preview: Preview) -> impl IntoView {
    let sentence = match preview.let_go.len() {
        0 => "Nothing would go now.".to_owned(),
        n => format!("{} would go into the bin now: {}.", runs(n as u64), format::bytes(preview.bytes)),
    };
    let kept = format!("Kept whatever the policy: {}, pinned, tagged keep, or under way.", runs(preview.kept));
    let above =
        preview.still_above.map(|bytes| format!("They alone hold {}, more than the limit.", format::bytes(bytes)));
    let line = |of: LetGo| {
        let why = match of.why {
            Why::Age => "too old",
            Why::Size => "too much in all",
        };
        view! {
            <tr>
                <th scope="row"><a href=format!("/runs/{}", of.run)>{of.name}</a></th>
                <td class="number">{format::bytes(of.bytes)}</td>
                <td>{why}</td>
            </tr>
        }
        .into_any()
    };
    let some = !preview.let_go.is_empty();
    view! {
        <p data-testid="would">{sentence}" "{kept}" "{above}</p>
        {some.then(|| view! {
            <div class="scroll" tabindex="0" role="region" aria-label="Table of runs that would go">
                <table>
                    <thead><tr><th scope="col">"Run"</th><th scope="col" class="number">"Holds"</th><th scope="col">"Why"</th></tr></thead>
                    <tbody>{preview.let_go.into_iter().map(line).collect_view()}</tbody>
                </table>
            </div>
        })}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_a_policy_or_nothing() {
        let check = |days: &str, gb: &str, expect: Option<(Option<u32>, Option<u64>)>| {
            let policy = expect.map(|(keep_days, max_bytes)| Retention { keep_days, max_bytes });
            assert_eq!(parsed(days, gb), policy, "{days} {gb}");
        };
        check("", "", Some((None, None)));
        check(" 90 ", "", Some((Some(90), None)));
        check("", "0.5", Some((None, Some(500_000_000))));
        check("1.5", "", None);
        check("-1", "", None);
        check("", "-1", None);
        check("", "much", None);
        check("", "inf", None);
    }
}
