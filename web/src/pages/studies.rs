//! Owns the list of studies, newest first, and the choice of some to compare.
//! Must not know a study beyond its row.

use super::runs::When;
use super::study::{StudyBadge, deleted_words};
use crate::erased::{click, kept, live};
use crate::model::{App, Fetched};
use crate::parts::{Awaited, Empty, Icon, choice_bar, pick};
use crate::route::Route;
use leptos::prelude::*;
use shared::ids::StudyId;
use shared::study::{StudyRow, StudyState};

/// Studies that the list asks for.
const MOST: usize = 200;

/// The list.
#[component]
pub fn Studies() -> impl IntoView {
    let app = App::get();
    let of = Fetched::<Vec<StudyRow>>::new();
    // A study's row follows from the states of its runs, whose rows come by themselves.
    let changed = kept(move || {
        app.rows.with(|rows| {
            let of_study = rows.visible().filter(|row| row.study.is_some());
            of_study.map(|row| (row.run.clone(), row.state)).collect::<Vec<_>>()
        })
    });
    Effect::new(move |_| {
        changed.track();
        app.changes.track();
        of.ask(app, format!("/api/v1/studies?limit={MOST}"));
    });
    let chosen = RwSignal::new(Vec::<StudyId>::new());
    let rows = kept(move || of.value.with(|rows| rows.as_ref().map(|rows| rows.to_vec())));
    let body = move || {
        match rows.get() {
        None => ().into_any(),
        Some(rows) if rows.is_empty() => view! {
            <Empty
                title="No study yet"
                text="A study is a set of runs that are read together: curves of several engines, what each optimisation is worth, or an A/B."
                action="New study"
                href="/studies/new"
            />
        }
        .into_any(),
        Some(rows) => table(app, rows, chosen),
    }
    };
    view! {
        <header class="page-head">
            <h1>"Studies"</h1>
            <a href=Route::NewStudy.path() class="button primary">"New study"</a>
        </header>
        <Awaited known=of.known() error=of.error again=of.again(app)/>
        {choice_bar(chosen, "Chosen studies", words, "compare-studies", || ().into_any())}
        {live(body)}
    }
    .into_any()
}

fn words(count: usize) -> String {
    match count {
        1 => "1 study chosen; choose another to compare with it".to_owned(),
        n => format!("{n} studies chosen; like work is compared with the first"),
    }
}

fn table(app: App, rows: Vec<StudyRow>, chosen: RwSignal<Vec<StudyId>>) -> AnyView {
    let line = move |row: StudyRow| {
        let ended = matches!(row.state, StudyState::Done | StudyState::Incomplete);
        let label = format!("Delete {}", row.name);
        let (study, name) = (row.study.clone(), row.name.clone());
        let remove = move |_| app.delete(vec![study.to_string()], deleted_words(&name));
        let picked = row.study.clone();
        let choose = Signal::stored(format!("Choose {} to compare", row.name));
        view! {
            <tr data-testid="study-row">
                {pick(chosen, picked, choose, "pick-study")}
                <th scope="row"><a href=format!("/studies/{}", row.study)>{row.name}</a></th>
                <td>{row.kind.label()}</td>
                <td><StudyBadge state=Signal::stored(row.state)/></td>
                <td class="number">{format!("{} of {}", row.done, row.runs)}</td>
                <td><When unix_ms=row.created_unix_ms/></td>
                <td>
                    {ended.then(|| view! {
                        <button class="icon-button" title=label.clone() aria-label=label on:click=click(remove)><Icon name="delete"/></button>
                    })}
                </td>
            </tr>
        }
        .into_any()
    };
    view! {
        <div class="scroll card">
            <table data-testid="studies">
                <thead><tr>
                    <th scope="col"><span class="unseen">"Choose"</span></th>
                    <th scope="col">"Study"</th><th scope="col">"Kind"</th><th scope="col">"State"</th>
                    <th scope="col" class="number">"Runs done"</th><th scope="col">"Begun"</th>
                    <th scope="col"><span class="unseen">"Delete"</span></th>
                </tr></thead>
                <tbody>{rows.into_iter().map(line).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}
