//! Owns what was started from this page: whoever started it hears of its end, in the page and by the browser.
//! Must not know markup, nor how runs are started.

use super::app::{App, Toast};
use super::rows::Rows;
use crate::erased::kept;
use leptos::prelude::*;
use shared::event::RunState;
use shared::wire::RunRow;
use wasm_bindgen::JsValue;
use web_sys::{Notification, NotificationPermission, Storage};

/// Where it is kept over a reload, until the browser's tab is closed.
const KEY: &str = "tokenprism-started";
/// Most that is kept.
const MOST: usize = 50;

/// Runs and studies that were started here and have not ended, by the text of their ids. Copies share them.
#[derive(Clone, Copy)]
pub struct Started(RwSignal<Vec<String>>);

impl Default for Started {
    fn default() -> Self {
        let kept = storage().and_then(|storage| storage.get_item(KEY).ok()?);
        let ids = kept.unwrap_or_default();
        Self(RwSignal::new(ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect()))
    }
}

impl Started {
    /// Somebody is about to start something: asks whether the browser may tell of its end, where that was never answered.
    /// Browsers ask only within a click.
    pub fn ask(self) {
        if can_notify()
            && Notification::permission() == NotificationPermission::Default
            && let Err(error) = Notification::request_permission()
        {
            leptos::logging::warn!("the browser does not ask for notifications: {error:?}");
        }
    }

    /// A run or a study of this id was started.
    pub fn began(self, id: String) {
        self.0.update(|of| {
            of.push(id);
            let over = of.len().saturating_sub(MOST);
            of.drain(..over);
        });
        self.keep();
    }

    /// Tells of ends from now on, as their rows come.
    pub fn watch(self, app: App) {
        let ended = kept(move || app.rows.with(|rows| self.0.with(|of| ends(of, rows))));
        Effect::new(move |_| {
            let ended = ended.get();
            if ended.is_empty() {
                return;
            }
            let (ids, sentences): (Vec<String>, Vec<String>) = ended.into_iter().unzip();
            self.0.update(|of| of.retain(|id| !ids.contains(id)));
            self.keep();
            let sentence = sentences.join(" ");
            notify(&sentence);
            app.toast.set(Some(Toast { sentence, undo: None }));
        });
    }

    fn keep(self) {
        let text = self.0.with_untracked(|of| of.join(","));
        // A browser that keeps nothing forgets it with the page, and no more.
        if let Some(Err(error)) = storage().map(|storage| storage.set_item(KEY, &text)) {
            leptos::logging::warn!("what was started is not kept over a reload: {error:?}");
        }
    }
}

/// What of this has ended, each with a sentence that says how.
fn ends(started: &[String], rows: &Rows) -> Vec<(String, String)> {
    let sentence = |id: &String| {
        let is_of = |row: &&RunRow| {
            row.run.as_str() == id || row.study.as_ref().is_some_and(|place| place.study.as_str() == id)
        };
        let of: Vec<&RunRow> = rows.visible().filter(is_of).collect();
        let first = of.first().filter(|_| of.iter().all(|row| row.state.is_final()))?;
        Some(if first.run.as_str() == id {
            ["\"", &first.name, "\" is ", first.state.label(), "."].concat()
        } else {
            let done = of.iter().filter(|row| row.state == RunState::Done).count();
            ["The study has ended: ", &done.to_string(), " of ", &of.len().to_string(), " runs are done."].concat()
        })
    };
    started.iter().filter_map(|id| Some((id.clone(), sentence(id)?))).collect()
}

fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// Browsers have none on addresses that are neither local nor encrypted.
fn can_notify() -> bool {
    js_sys::Reflect::has(&window(), &JsValue::from_str("Notification")).unwrap_or(false)
}

fn notify(sentence: &str) {
    if can_notify()
        && Notification::permission() == NotificationPermission::Granted
        && let Err(error) = Notification::new(sentence)
    {
        leptos::logging::warn!("the browser did not tell of an end: {error:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::{RunId, StudyId};
    use shared::study::StudyPlace;
    use shared::view::RunView;

    fn row(n: u32, state: RunState, study: Option<&StudyId>) -> RunRow {
        let place = study.map(|study| StudyPlace { study: study.clone(), index: n, label: String::new() });
        RunRow {
            name: format!("Run {n}"),
            state,
            study: place,
            ..RunRow::without_header(&RunId::new(1, n), &RunView::default())
        }
    }

    #[test]
    fn only_what_was_started_here_and_is_over_is_told() {
        let study = StudyId::new(1, 9);
        let check = |states: [RunState; 4], started: &[String], expect: &[&str]| {
            let mut rows = Rows::default();
            let of_study = [None, None, Some(&study), Some(&study)];
            rows.merge((0..).zip(states).zip(of_study).map(|((n, state), study)| row(n, state, study)).collect());
            let told: Vec<String> = ends(started, &rows).into_iter().map(|(_, sentence)| sentence).collect();
            assert_eq!(told, expect);
        };
        let run = |n| RunId::new(1, n).to_string();
        let of_study = study.to_string();
        use RunState::{Cancelled, Done, Running};
        check([Done, Done, Done, Running], &[run(0), of_study.clone()], &["\"Run 0\" is done."]);
        check([Running, Done, Done, Cancelled], &[run(0), of_study], &["The study has ended: 1 of 2 runs are done."]);
        check([Done; 4], &[run(7)], &[]);
    }
}
