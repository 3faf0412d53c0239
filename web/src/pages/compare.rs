//! Owns the Compare screen: runs and studies of the address beside one another, and which of them is the base.
//! Must not know how they are compared, nor how that looks (`compared`).

use super::compared::{Beside, Known};
use crate::erased::{kept, live};
use crate::model::{App, Fetched};
use crate::parts::{Awaited, CopyButton, Download, Empty, ShareButton};
use crate::route::Place;
use leptos::prelude::*;
use shared::compare::{Compared, Figure};
use shared::people::{Shared, Side};

/// The address of runs beside one another, the first of them the base.
fn path(runs: &str, figure: Option<&str>) -> String {
    // Every usual figure, and the one that is read closely where it is another.
    let mut keys: Vec<String> = Figure::usual().into_iter().map(Figure::key).collect();
    let asked = figure.and_then(|key| Figure::parse(key).ok()).map(Figure::key);
    keys.extend(asked.filter(|key| !Figure::USUAL.contains(&key.as_str())));
    let runs = js_sys::encode_uri_component(runs);
    format!("/api/v1/compare?runs={runs}&figures={}", keys.join(","))
}

/// The runs of the curves, each once, one of them first.
fn with_base(compared: &Compared, base: &str) -> String {
    let mut runs: Vec<&str> = vec![base];
    for curve in &compared.curves {
        if !runs.contains(&curve.run.as_str()) {
            runs.push(curve.run.as_str());
        }
    }
    runs.join(",")
}

/// The screen.
#[component]
pub fn Compare() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let (runs, figure) = (place.query("runs"), place.query("figure"));
    let asked = kept(move || {
        let runs = runs.get().filter(|runs| !runs.trim_matches([',', ' ']).is_empty())?;
        Some(path(&runs, figure.get().as_deref()))
    });
    let of = Fetched::<Compared>::new();
    Effect::new(move |_| {
        if let Some(path) = asked.get() {
            of.ask(app, path);
        }
    });
    let known: Known = kept(move || of.value.get());
    let has = kept(move || known.with(|known| known.as_ref().is_some_and(|compared| !compared.curves.is_empty())));
    let came = kept(move || known.with(Option::is_some));
    let bases = kept(move || {
        known.with(|known| {
            let curves = known.iter().flat_map(|compared| &compared.curves);
            let mut bases: Vec<(String, String)> = Vec::new();
            for curve in curves {
                let run = curve.run.to_string();
                if !bases.iter().any(|(known, _)| *known == run) {
                    bases.push((run, curve.label.clone()));
                }
            }
            bases
        })
    });
    let choose = move |base: String| {
        let runs = known.with_untracked(|known| known.as_ref().map(|compared| with_base(compared, &base)));
        place.set_query("runs", runs.as_deref());
    };
    let base = move |(place, (run, label)): (usize, (String, String))| {
        view! { <option value=run selected=place == 0>{label}</option> }.into_any()
    };
    let body = move || {
        if asked.with(Option::is_none) {
            return view! {
                <Empty title="Nothing to compare yet" text="Choose two or more runs in the list of runs, then Compare." action="Choose runs" href="/runs"/>
            }
            .into_any();
        }
        if has.get() {
            return view! { <Beside known=known/> }.into_any();
        }
        if came.get() {
            return view! { <p class="quiet" data-testid="no-curve">"None of these runs has figures so far."</p> }
                .into_any();
        }
        if of.error.with(Option::is_some) {
            return view! {
                <Empty title="These cannot be compared" text="The reason is above. Others can be chosen in the list of runs." action="Choose runs" href="/runs"/>
            }
            .into_any();
        }
        ().into_any()
    };
    // Where nothing is asked for, nothing is waited for.
    let settled = kept(move || came.get() || asked.with(Option::is_none));
    let link = Signal::derive(|| window().location().href().unwrap_or_default());
    view! {
        <header class="page-head">
            <h1>"Compare"</h1>
            {live(move || (bases.with(Vec::len) > 1).then(|| view! {
                <label class="inline-field">
                    "Base "
                    <select data-testid="base" on:change:target=move |e| choose(e.target().value())>
                        {bases.get().into_iter().enumerate().map(base).collect_view()}
                    </select>
                </label>
            }))}
            {live(move || (!app.reader.is_guest()).then(|| view! { <CopyButton text=link label="Copy link"/> }))}
            <ShareButton what=Callback::new(move |()| runs.get_untracked().and_then(|runs| sharing(&runs)))/>
            {live(move || asked.get().map(|path| view! { <Download files=files(path)/> }))}
        </header>
        <Awaited known=settled error=of.error again=of.again(app)/>
        {live(body)}
    }
    .into_any()
}

/// What a link to the comparison of these ids shows; nothing where one is none.
fn sharing(runs: &str) -> Option<Shared> {
    let ids = runs.split(',').map(str::trim).filter(|id| !id.is_empty());
    let sides: Option<Vec<Side>> = ids.map(|id| Side::try_from(id.to_owned()).ok()).collect();
    sides.filter(|sides| !sides.is_empty()).map(Shared::Comparison)
}

/// What a comparison of this address in the API can be downloaded as.
fn files(path: String) -> Vec<(&'static str, String)> {
    let report = path.replacen("/compare?", "/compare/report?", 1);
    vec![("Report, HTML", report), ("Curves and comparisons, JSON", path)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_shows_what_the_address_names() {
        let check = |runs: &str, expect: Option<usize>| {
            let sides = sharing(runs).map(|shared| match shared {
                Shared::Comparison(sides) => sides.len(),
                other => panic!("{other:?}"),
            });
            assert_eq!(sides, expect, "{runs}");
        };
        let (run, study) = (shared::ids::RunId::new(1, 1), shared::ids::StudyId::new(1, 1));
        check(&format!("{run}, {study},"), Some(2));
        check("", None);
        check(&format!("{run},nonsense"), None);
    }

    #[test]
    fn a_base_comes_first_and_each_run_once() {
        let curve = |run: u32| shared::compare::Curve {
            run: shared::ids::RunId::new(1, run),
            label: String::new(),
            engine: String::new(),
            configuration: 0,
            gpus: None,
            points: vec![],
            caveats: vec![],
        };
        let compared = Compared { curves: [1, 1, 2, 3].map(curve).into(), ..Compared::default() };
        let [one, two, three] = [1, 2, 3].map(|run| curve(run).run.to_string());
        assert_eq!(with_base(&compared, &two), [two, one, three].join(","));
    }
}
