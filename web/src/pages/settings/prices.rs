//! Owns the card of prices: what a GPU costs by the table and by what somebody gave, and giving or forgetting one.
//! Must not know what is computed of a price.

use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::{App, Fetched};
use crate::parts::{Awaited, Card, ErrorBox};
use leptos::prelude::*;
use serde_json::json;
use shared::cost::{Price, PriceOrigin, PriceSource};
use shared::people::Role;
use shared::wire::ApiError;

const PATH: &str = "/api/v1/prices";

/// The path of the price for GPUs with these words in their names.
fn path_of(gpu: &str) -> String {
    format!("{PATH}/{}", js_sys::encode_uri_component(gpu))
}

/// The card.
#[component]
pub(super) fn Prices() -> impl IntoView {
    let app = App::get();
    let of = Fetched::<Vec<Price>>::new();
    of.ask(app, PATH.to_owned());
    let may = kept(move || app.reader.may(Role::Operator));
    let error = RwSignal::new(None::<ApiError>);
    let forget = Callback::new(move |gpu: String| {
        spawn(async move {
            match http::delete(&path_of(&gpu)).await {
                Ok(()) => of.ask(app, PATH.to_owned()),
                Err(failure) => drop(error.try_set(Some(failure.error()))),
            }
        });
    });
    let rows = move || {
        let prices = of.value.get()?;
        let rows = prices.iter().filter_map(|price| row(price, may.get().then_some(forget))).collect_view();
        Some(view! {
            <div class="scroll" tabindex="0" role="region" aria-label="Table of prices">
                <table data-testid="prices">
                    <thead><tr>
                        <th scope="col">"GPU"</th><th scope="col" class="number">"USD per GPU-hour"</th>
                        <th scope="col">"Of"</th><th scope="col">"Source"</th>
                        <th scope="col"><span class="unseen">"Forget"</span></th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })
    };
    view! {
        <Card title="What GPUs cost" about="For the cost of runs. A GPU is known by words of its name; of several rows that fit, the one with most words counts, and what was given before the table. A run keeps the price that its engine had when it was ready.">
            <Awaited known=of.known() error=of.error again=of.again(app)/>
            {live(rows)}
            {live(move || may.get().then(|| view! { <Form of=of error=error/> }))}
            <ErrorBox error=error/>
        </Card>
    }
    .into_any()
}

fn row(price: &Price, forget: Option<Callback<String>>) -> Option<AnyView> {
    let (PriceSource { gpu, source, date }, is_given) = match &price.origin {
        PriceOrigin::Edited(of) => (of.clone(), true),
        PriceOrigin::Table(of) => (of.clone(), false),
        PriceOrigin::Plan | PriceOrigin::Unknown => return None,
    };
    let source = source.unwrap_or_else(|| "given to this agent".to_owned());
    let label = format!("Forget the price of {gpu}");
    let forget = forget.filter(|_| is_given).map(|forget| {
        let gpu = gpu.clone();
        view! {
            <button class="button small" aria-label=label data-testid="forget-price" on:click=click(move |_| forget.run(gpu.clone()))>"Forget"</button>
        }
    });
    Some(
        view! {
            <tr data-testid="price-row">
                <th scope="row">{gpu}</th>
                <td class="number">{price.usd_per_gpu_hour.0.to_string()}</td>
                <td>{date}</td>
                <td>{source}</td>
                <td>{forget}</td>
            </tr>
        }
        .into_any(),
    )
}

/// The fields of a price that somebody gives.
#[component]
fn Form(of: Fetched<Vec<Price>>, error: RwSignal<Option<ApiError>>) -> impl IntoView {
    let app = App::get();
    let (gpu, usd, source) = (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let give = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Ok(price) = usd.with_untracked(|usd| usd.trim().parse::<f64>()) else {
            let sentence = "The price must be a number: US dollars for one GPU and hour, such as 2.93.";
            error.set(Some(ApiError { error: sentence.to_owned(), detail: None }));
            return;
        };
        let (name, said) = (gpu.get_untracked(), source.get_untracked());
        let body = match said.trim() {
            "" => json!({ "usd_per_gpu_hour": price }),
            said => json!({ "usd_per_gpu_hour": price, "source": said }),
        };
        spawn(async move {
            match http::put::<Price>(&path_of(name.trim()), &body.to_string()).await {
                Ok(_) => {
                    error.try_set(None);
                    [gpu, usd, source].iter().for_each(|field| drop(field.try_set(String::new())));
                    of.ask(app, PATH.to_owned());
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    };
    let field =
        |label: &'static str, hint: &'static str, testid: &'static str, of: RwSignal<String>, required: bool| {
            view! {
                <label class="field">
                    <span class="field-label">{label}</span>
                    <input placeholder=hint data-testid=testid required=required prop:value=move || of.get()
                        on:input:target=move |e| of.set(e.target().value())/>
                </label>
            }
        };
    view! {
        <form class="tools" on:submit=give>
            {field("GPU", "words of its name", "price-gpu", gpu, true)}
            {field("USD per GPU-hour", "2.93", "price-usd", usd, true)}
            {field("Who says so", "may be empty", "price-source", source, false)}
            <button class="button" data-testid="give-price">"Keep this price"</button>
        </form>
    }
    .into_any()
}
