//! Owns the table of comparisons of one figure: each curve against the first, level by level.
//! Must not know how two are compared.

use super::{Apart, Known, Word, unlike_lines, words};
use crate::erased::{Kept, kept, live};
use crate::format;
use crate::parts::Card;
use crate::route::Place;
use leptos::prelude::*;
use shared::compare::{Compared, ComparedRow, Figure};
use shared::said::compared::averaged;
use std::sync::Arc;

/// Rows of a figure, of one level where one is asked for.
fn rows<'a>(compared: &'a Compared, figure: &'a str, level: Option<&'a str>) -> impl Iterator<Item = &'a ComparedRow> {
    let of = move |row: &&ComparedRow| row.comparison.figure == figure;
    compared.rows.iter().filter(of).filter(move |row| level.is_none_or(|level| row.level.short() == level))
}

fn head(name: &'static str, title: &'static str) -> AnyView {
    view! { <th scope="col" class="number" title=title>{name}</th> }.into_any()
}

fn line(compared: &Compared, row: &ComparedRow) -> AnyView {
    let comparison = &row.comparison;
    let figure = Figure::parse(&comparison.figure).ok();
    let side = |side: &shared::compare::Side| {
        let half = words::half(side.interval.map(|interval| interval.half_width));
        view! {
            <td class="number" title=words::trials(side)>
                {words::value(figure, side.value)}<span class="interval">{half}</span>
            </td>
        }
        .into_any()
    };
    let unlike = unlike_lines(std::iter::once(comparison));
    let mark = (!unlike.is_empty()).then(|| {
        let count = if unlike.len() == 1 { "unlike in 1".to_owned() } else { format!("unlike in {}", unlike.len()) };
        view! { " "<span class="caveat" title=unlike.join("\n")>"△ "{count}</span> }
    });
    view! {
        <tr data-testid="pair-row">
            <th scope="row">{compared.row_label(row)}</th>
            <td class="number">{row.level.short()}</td>
            <td class="judged"><Word of=comparison.clone()/>{mark}</td>
            {side(&comparison.base)}
            {side(&comparison.other)}
            <Apart of=words::difference(comparison.difference)/>
            <Apart of=words::change(comparison.ratio)/>
            <td class="number">{words::effect(comparison)}</td>
            <td class="number">{words::p(comparison)}</td>
            <td class="number">{words::finds(comparison.detectable)}</td>
        </tr>
    }
    .into_any()
}

/// The table.
#[component]
pub fn Pairs(known: Known, figure: Kept<String>) -> impl IntoView {
    let place = Place::get();
    let level = place.query("level");
    let levels = kept(move || {
        let mut levels: Vec<String> = Vec::new();
        known.with(|known| {
            for row in known.iter().flat_map(|compared| rows(compared, "output_throughput", None)) {
                let level = row.level.short();
                if !levels.contains(&level) {
                    levels.push(level);
                }
            }
        });
        levels
    });
    let shown: Kept<Option<Arc<Compared>>> = kept(move || {
        known.with(|known| {
            let compared = known.as_ref()?;
            let (figure, level) = (figure.get(), level.get());
            let rows: Vec<ComparedRow> = rows(compared, &figure, level.as_deref()).cloned().collect();
            Some(Arc::new(Compared { curves: compared.curves.clone(), rows, price: compared.price }))
        })
    });
    let base = move || shown.with(|s| s.as_ref().map(|s| s.bases().join(", ")).unwrap_or_default());
    let name = move || figure.with(|key| Figure::parse(key).map(Figure::name).unwrap_or_default());
    let body = move || {
        shown.with(|shown| {
            let Some(shown) = shown.as_ref().filter(|shown| !shown.rows.is_empty()) else {
                return view! { <p class="quiet">"None of the others has this figure at a level that the first one has, too."</p> }
                    .into_any();
            };
            let unlike = unlike_lines(shown.rows.iter().map(|row| &row.comparison));
            let unlike = (!unlike.is_empty()).then(|| {
                view! {
                    <h3>"What is unlike besides"</h3>
                    <ul class="caveats" data-testid="unlike">
                        {unlike.into_iter().map(|line| view! { <li><span class="shape" aria-hidden="true">"△ "</span>{line}</li> }).collect_view()}
                    </ul>
                }
            });
            let averaged = shown.rows.iter().find_map(|row| averaged(&row.comparison));
            view! {
                <div class="scroll" tabindex="0" role="region" aria-label="Table of comparisons">
                    <table class="points" data-testid="pairs">
                        <caption>{format!("{}, compared with {}", name(), base())}</caption>
                        <thead><tr>
                            <th scope="col">"What"</th>
                            {head("Level", "Requests in flight, or a second")}
                            <th scope="col">"Word"</th>
                            {head("Base", "Over all trials; ± is half of the interval at 95 %")}
                            {head("This", "Over all trials; ± is half of the interval at 95 %")}
                            {head("Difference", "Of the means over trials, with its interval at 95 %")}
                            {head("Change", "Ratio of the means over trials, with its interval at 95 %")}
                            {head("Effect, g", "Hedges' g: the difference over the spread of repeats")}
                            {head("p (Holm)", "Exact permutation test, corrected for all rows of this figure")}
                            {head("Finds", "The least true difference that so many repeats find with a probability of 0.8")}
                        </tr></thead>
                        <tbody>{shown.rows.iter().map(|row| line(shown, row)).collect_view()}</tbody>
                    </table>
                </div>
                {averaged.map(|words| view! { <p class="quiet">{format::capital(words)}"."</p> })}
                {unlike}
            }
            .into_any()
        })
    };
    let option = move |value: String| {
        let of = value.clone();
        let is_chosen = move || level.with(|level| level.as_deref().unwrap_or_default() == of);
        let words = if value.is_empty() { "all levels".to_owned() } else { value.clone() };
        view! { <option value=value selected=is_chosen>{words}</option> }.into_any()
    };
    let choose = move |value: String| place.set_query("level", Some(value.as_str()).filter(|value| !value.is_empty()));
    view! {
        <Card title="Comparison" about="Trial by trial. Within noise: no more than chance makes of equal things.">
            <div class="tools">
                <label class="field">
                    <span class="field-label">"Level"</span>
                    <select data-testid="level" on:change:target=move |e| choose(e.target().value())>
                        {live(move || std::iter::once(String::new()).chain(levels.get()).map(option).collect_view())}
                    </select>
                </label>
            </div>
            {live(body)}
        </Card>
    }
    .into_any()
}
