//! Owns the screens whose code comes when they are first visited, and what is seen until then or where it never comes.
//! Must not know what such a screen shows.

use super::compare::Compare;
use super::engines::Engines;
use super::import::Import;
use super::machine::Machine;
use super::marks::Marks;
use super::metrics_guide::MetricsGuide;
use super::new_run::NewRun;
use super::new_study::{NewStudy, StudyCards};
use super::not_shared::NotShared;
use super::people::{People, Share};
use super::queue::{QueuePage, WhatWaits};
use super::run::Run;
use super::runs::Runs;
use super::schedule::SchedulePage;
use super::settings::Settings;
use super::sign_in::SignIn;
use super::source::Imported;
use super::studies::Studies;
use super::study::Study;
use crate::erased::{click, live, spawn};
use crate::parts::{Loading, reload};
use leptos::prelude::*;
use wasm_split_helpers::SplitLoaderError;

/// Makes a screen of what the address names, a run's id for instance.
type Make = fn(String) -> AnyView;

/// What makes a screen, in a part of the program that is a file of its own. Trunk alone leaves everything in one.
macro_rules! code {
    ($part:ident, $name:ident, $make:expr) => {
        #[cfg(feature = "split")]
        #[wasm_split_helpers::wasm_split($part, fallible)]
        fn $name() -> Result<Make, SplitLoaderError> {
            Ok($make)
        }

        #[cfg(not(feature = "split"))]
        async fn $name() -> Result<Make, SplitLoaderError> {
            Ok($make)
        }
    };
}

// Three parts, and others of what they share: each more would be shared in more ways, and small files compress badly.
code!(run, run, |id| view! { <Run id=id/> }.into_any());
code!(rest, new_run, |_| view! { <NewRun/> }.into_any());
code!(rest, engines, |_| view! { <Engines/> }.into_any());
code!(rest, machine, |_| view! { <Machine/> }.into_any());
code!(rest, people, |_| view! { <People/> }.into_any());
code!(rest, queue, |_| view! { <QueuePage/> }.into_any());
code!(rest, schedule, |_| view! { <SchedulePage/> }.into_any());
code!(rest, what_waits, |_| view! { <WhatWaits/> }.into_any());
code!(rest, sign_in, |_| view! { <SignIn/> }.into_any());
code!(rest, not_shared, |_| view! { <NotShared/> }.into_any());
code!(rest, share, |_| view! { <Share/> }.into_any());
code!(rest, metrics, |_| view! { <MetricsGuide/> }.into_any());
code!(rest, runs, |_| view! { <Runs/> }.into_any());
code!(rest, study_cards, |_| view! { <StudyCards/> }.into_any());
code!(rest, import, |_| view! { <Import/> }.into_any());
code!(rest, settings, |_| view! { <Settings/> }.into_any());
code!(rest, marks, |id| view! { <Marks id=id/> }.into_any());
code!(study, studies, |_| view! { <Studies/> }.into_any());
code!(study, new_study, |_| view! { <NewStudy/> }.into_any());
code!(study, study, |id| view! { <Study id=id/> }.into_any());
code!(study, imported, |_| view! { <Imported/> }.into_any());
code!(study, compare, |_| view! { <Compare/> }.into_any());

/// A screen that is not part of what the page starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// One run.
    Run,
    /// The form.
    NewRun,
    /// What engines there are.
    Engines,
    /// The machine, which is a part of the first screen.
    Machine,
    /// Tokens, links and what was done.
    People,
    /// What waits, and its order.
    Queue,
    /// What begins by itself.
    Schedule,
    /// What waits, which is a part of the first screen.
    WhatWaits,
    /// What asks for a token.
    SignIn,
    /// What leads whoever came by a link to what it shows.
    NotShared,
    /// The dialog that shares what its page shows.
    Share,
    /// The definitions.
    Metrics,
    /// The list of runs.
    Runs,
    /// The presets of studies, which are a part of the first screen.
    StudyCards,
    /// Taking files of other tools in, which is a part of the list of runs.
    Import,
    /// What people put on a run or study, which is a part of its page.
    Marks,
    /// What is kept.
    Settings,
    /// The studies.
    Studies,
    /// The form of a study.
    NewStudy,
    /// One study.
    Study,
    /// Runs and studies beside one another.
    Compare,
    /// What an imported run says of itself, which is a part of its page.
    Imported,
}

impl Screen {
    /// What makes it; nothing where its code did not come.
    async fn code(self) -> Option<Make> {
        let came = match self {
            Screen::Run => run().await,
            Screen::NewRun => new_run().await,
            Screen::Engines => engines().await,
            Screen::Machine => machine().await,
            Screen::People => people().await,
            Screen::Queue => queue().await,
            Screen::Schedule => schedule().await,
            Screen::WhatWaits => what_waits().await,
            Screen::SignIn => sign_in().await,
            Screen::NotShared => not_shared().await,
            Screen::Share => share().await,
            Screen::Metrics => metrics().await,
            Screen::Runs => runs().await,
            Screen::StudyCards => study_cards().await,
            Screen::Import => import().await,
            Screen::Marks => marks().await,
            Screen::Settings => settings().await,
            Screen::Studies => studies().await,
            Screen::NewStudy => new_study().await,
            Screen::Study => study().await,
            Screen::Compare => compare().await,
            Screen::Imported => imported().await,
        };
        came.ok()
    }
}

/// What is known of a screen's code.
#[derive(Clone, Copy)]
enum Code {
    Coming,
    Here(Make),
    Missing,
}

/// A screen as soon as its code is here.
#[component]
pub fn OnDemand(
    screen: Screen,
    /// What the address names beside the screen.
    #[prop(optional)]
    of: String,
) -> impl IntoView {
    let code = RwSignal::new(Code::Coming);
    spawn(async move {
        let came = screen.code().await.map_or(Code::Missing, Code::Here);
        // Nothing hears of it where somebody went elsewhere meanwhile.
        code.try_set(came);
    });
    live(move || {
        match code.get() {
        Code::Coming => view! { <Loading/> }.into_any(),
        Code::Here(make) => make(of.clone()),
        Code::Missing => view! {
            <div class="empty" role="alert" data-testid="code-missing">
                <h2>"This screen did not load"</h2>
                <p class="quiet">
                    "The agent did not give the code of this screen: it is not there any more, or it runs in another version by now. Reload the page once it is back."
                </p>
                <button class="button primary" on:click=click(move |_| reload())>"Reload"</button>
            </div>
        }
        .into_any(),
    }
    })
}
