//! Owns addresses: which screen a path names, what its query says, and moving between them without a new page.
//! Must not know what a screen shows.

use crate::erased::{Kept, kept};
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlAnchorElement, MouseEvent, UrlSearchParams};

/// A screen by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// What happens now.
    Now,
    /// The form.
    NewRun,
    /// What engines there are, and the one started by hand.
    Engines,
    /// What waits, and its order.
    Queue,
    /// What begins by itself.
    Schedule,
    /// The history.
    Runs,
    /// One run, by the text of its id.
    Run(String),
    /// The studies.
    Studies,
    /// The form of a study.
    NewStudy,
    /// One study, by the text of its id.
    Study(String),
    /// Runs and studies beside one another, named by the query.
    Compare,
    /// Tokens, links and what was done.
    People,
    /// What is kept.
    Settings,
    /// The definitions.
    Metrics,
    /// Nothing that this version has.
    Lost,
}

impl Route {
    /// The screen that a path names.
    pub fn parse(path: &str) -> Self {
        match path.trim_matches('/') {
            "" => Route::Now,
            "new" => Route::NewRun,
            "engines" => Route::Engines,
            "queue" => Route::Queue,
            "schedule" => Route::Schedule,
            "runs" => Route::Runs,
            "studies" => Route::Studies,
            "studies/new" => Route::NewStudy,
            "compare" => Route::Compare,
            "people" => Route::People,
            "settings" => Route::Settings,
            "metrics-guide" => Route::Metrics,
            path => match path.split_once('/') {
                Some(("runs", run)) if !run.contains('/') => Route::Run(run.to_owned()),
                Some(("studies", study)) if !study.contains('/') => Route::Study(study.to_owned()),
                _ => Route::Lost,
            },
        }
    }

    /// True for screens that show what was shared, or what anybody may read; the agent refuses what was not.
    pub fn is_for_guests(&self) -> bool {
        matches!(self, Route::Run(_) | Route::Study(_) | Route::Compare | Route::Metrics)
    }

    /// The path of a screen.
    pub fn path(&self) -> String {
        match self {
            Route::Now | Route::Lost => "/".to_owned(),
            Route::NewRun => "/new".to_owned(),
            Route::Engines => "/engines".to_owned(),
            Route::Queue => "/queue".to_owned(),
            Route::Schedule => "/schedule".to_owned(),
            Route::Runs => "/runs".to_owned(),
            Route::Run(run) => format!("/runs/{run}"),
            Route::Studies => "/studies".to_owned(),
            Route::NewStudy => "/studies/new".to_owned(),
            Route::Study(study) => format!("/studies/{study}"),
            Route::Compare => "/compare".to_owned(),
            Route::People => "/people".to_owned(),
            Route::Settings => "/settings".to_owned(),
            Route::Metrics => "/metrics-guide".to_owned(),
        }
    }
}

/// Where the page is. Copies share it.
#[derive(Clone, Copy)]
pub struct Place {
    path: RwSignal<String>,
    query: RwSignal<String>,
}

impl Place {
    /// The place of the address bar, kept up to date with it: by links, by the history's buttons, by [`Place::go`].
    pub fn start() -> Self {
        let place = Self { path: RwSignal::new(String::new()), query: RwSignal::new(String::new()) };
        place.read();
        // Both live as long as the page.
        window_event_listener(ev::popstate, move |_| {
            place.read();
        });
        window_event_listener(ev::click, move |event| place.follow(&event));
        place
    }

    /// The place of the page around the caller.
    pub fn get() -> Self {
        expect_context()
    }

    /// The screen that is shown.
    pub fn route(self) -> Kept<Route> {
        kept(move || self.path.with(|path| Route::parse(path)))
    }

    /// A value of the query as it changes.
    pub fn query(self, key: &'static str) -> Kept<Option<String>> {
        kept(move || self.query.with(|query| UrlSearchParams::new_with_str(query).ok()?.get(key)))
    }

    /// Sets or removes a value of the query without a new entry in the history.
    pub fn set_query(self, key: &str, value: Option<&str>) {
        let Ok(query) = self.query.with_untracked(|query| UrlSearchParams::new_with_str(query)) else { return };
        match value {
            Some(value) => query.set(key, value),
            None => query.delete(key),
        }
        let text = String::from(query.to_string());
        let mark = if text.is_empty() { "" } else { "?" };
        let address = crate::base::out(&format!("{}{mark}{text}", self.path.get_untracked()));
        note(window().history().and_then(|h| h.replace_state_with_url(&JsValue::NULL, "", Some(&address))));
        self.read();
    }

    /// Goes to an address of this page.
    pub fn go(self, address: &str) {
        let address = Some(crate::base::out(address));
        note(window().history().and_then(|h| h.push_state_with_url(&JsValue::NULL, "", address.as_deref())));
        if self.read() {
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    }

    /// Takes over what the address bar says; true where that is another path.
    fn read(self) -> bool {
        let location = window().location();
        let path = crate::base::within(&location.pathname().unwrap_or_default());
        let query = location.search().unwrap_or_default();
        if self.query.with_untracked(|old| *old != query) {
            self.query.set(query);
        }
        let moved = self.path.with_untracked(|old| *old != path);
        if moved {
            self.path.set(path);
        }
        moved
    }

    /// Goes where a clicked link of this page leads; leaves to the browser what is meant for it.
    fn follow(self, event: &MouseEvent) {
        let modified = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        if event.default_prevented() || event.button() != 0 || modified {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(link) = target.and_then(|element| element.closest("a[href]").ok().flatten()) else { return };
        let link: HtmlAnchorElement = link.unchecked_into();
        let here = window().location();
        let within = here.pathname().is_ok_and(|path| path == link.pathname()) && !link.hash().is_empty();
        if within || !link.target().is_empty() || !link.download().is_empty() || here.origin() != Ok(link.origin()) {
            return;
        }
        event.prevent_default();
        self.go(&link.href());
    }
}

/// Says in the console what the browser did not do.
fn note(done: Result<(), JsValue>) {
    if let Err(error) = done {
        leptos::logging::warn!("the address was not changed: {error:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expect: Route) {
        assert_eq!(Route::parse(path), expect, "{path}");
        if expect != Route::Lost {
            assert_eq!(Route::parse(&expect.path()), expect);
        }
    }

    #[test]
    fn paths_name_screens() {
        check("/", Route::Now);
        check("", Route::Now);
        check("/new", Route::NewRun);
        check("/new/", Route::NewRun);
        check("/engines", Route::Engines);
        check("/queue", Route::Queue);
        check("/schedule", Route::Schedule);
        check("/runs", Route::Runs);
        check("/runs/", Route::Runs);
        check("/runs/r0123", Route::Run("r0123".to_owned()));
        check("/studies", Route::Studies);
        check("/studies/new", Route::NewStudy);
        check("/studies/s0123", Route::Study("s0123".to_owned()));
        check("/studies/s0123/x", Route::Lost);
        check("/compare", Route::Compare);
        check("/people", Route::People);
        check("/settings", Route::Settings);
        check("/metrics-guide", Route::Metrics);
        check("/runs/r0123/x", Route::Lost);
        check("/elsewhere", Route::Lost);
    }
}
