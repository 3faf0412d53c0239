//! Owns the page's signals and wires the socket to them; one of these lives in the context of the whole page.
//! Must not know markup.

use super::clock::ClockOffset;
use super::engines::Engines;
use super::followed::{Effect, Fold, Followed};
use super::leading::Leading;
use super::machine::{Machine, MachineFold};
use super::reader::Reader;
use super::rows::Rows;
use super::started::Started;
use crate::erased::{Kept, kept, spawn};
use crate::format;
use crate::link::http::{self, Failure};
use crate::link::{Link, LinkEvent, Message};
use leptos::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use shared::chart::Theme;
use shared::ids::RunId;
use shared::people::Shared;
use shared::plan::Plan;
use shared::view::RunView;
use shared::wire::{ApiError, ClientMessage, EngineRow, Lead, PROTOCOL_VERSION, RunRow};
use std::sync::Arc;
use std::time::Duration;

/// Least time between two redraws, ms: a figure that changes faster cannot be read, and charts cost the most here.
const REDRAW_MS: u64 = 250;
/// Runs that the list asks for at once.
const PAGE: usize = 200;

/// How the page stands with the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// First attempt.
    Connecting,
    /// Everything that is logged arrives.
    Open,
    /// Lost; the page goes on trying.
    Lost {
        /// Since when, Unix ms of the host.
        since_unix_ms: u64,
        /// Attempts since.
        attempt: u32,
    },
    /// The agent speaks another protocol than this page.
    Outdated,
    /// Nobody is signed in.
    SignedOut,
}

/// What the agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AgentInfo {
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Name of its host.
    #[serde(default)]
    pub host: String,
    /// Cores it may use.
    #[serde(default)]
    pub cores: u32,
    /// Minutes to add to UTC for the host's local time, where the host tells.
    #[serde(default)]
    pub utc_offset_minutes: Option<i32>,
    /// Name of the host's time zone, where it tells.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// What is to be known of logs that were damaged and set aside, the last first.
    #[serde(default)]
    pub damaged_logs: Vec<String>,
}

impl AgentInfo {
    /// A wall-clock time on the host's clock face; in UTC where the host does not tell its zone.
    pub fn clock(&self, unix_ms: u64) -> String {
        match self.utc_offset_minutes {
            Some(offset) => format::host_time(unix_ms, offset, self.time_zone.as_deref().unwrap_or_default()),
            None => format::host_time(unix_ms, 0, ""),
        }
    }
}

/// A preset's plan. The agent sends it, so that the page carries no parser of plans.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PresetPlan {
    /// Name of the preset.
    pub key: String,
    /// Its plan.
    pub plan: Plan,
}

/// The page's state. Copies share it.
#[derive(Clone, Copy)]
pub struct App {
    /// How the page stands with the agent.
    pub connection: RwSignal<Connection>,
    /// The list of runs.
    pub rows: RwSignal<Rows>,
    /// Counts redraws of the followed run; whoever shows it reads this and then the run.
    pub tick: RwSignal<u64>,
    /// What the agent says of itself.
    pub agent: RwSignal<AgentInfo>,
    /// Why something that every page needs did not come.
    pub missing: RwSignal<Option<ApiError>>,
    /// Who reads.
    pub reader: Reader,
    /// Light or dark, as shown now.
    pub theme: RwSignal<Theme>,
    /// What can be taken back: a sentence, and what taking back does.
    pub toast: RwSignal<Option<Toast>>,
    /// The presets' plans, once the agent sent them.
    pub presets: RwSignal<Vec<PresetPlan>>,
    /// The kinds of engine with their parameters, once the agent sent them.
    pub kinds: RwSignal<Vec<EngineRow>>,
    /// What the agent tells of engines while somebody looks.
    pub engines: Engines,
    /// What the agent tells of the host's machine while somebody looks.
    pub machine: Machine,
    /// Leading and following of the followed run's zoom.
    pub leading: Leading,
    /// A plan to start from on the next visit to the form.
    pub draft: RwSignal<Option<Plan>>,
    /// What was started from this page.
    pub started: Started,
    /// Counts what this page deleted, brought back and marked: lists that no message tells of are asked for again.
    pub changes: RwSignal<u64>,
    /// Somebody asked for the search field.
    pub search: RwSignal<bool>,
    /// What somebody wants to share: the dialog for it is open.
    pub sharing: RwSignal<Option<Shared>>,
    /// Help is open.
    pub help: RwSignal<bool>,
    clock: RwSignal<ClockOffset>,
    /// Host's wall clock in steps of some seconds, Unix ms, for ages.
    pub now_unix_ms: RwSignal<u64>,
    followed: StoredValue<Followed, LocalStorage>,
    link: StoredValue<Option<Link>, LocalStorage>,
    redraw_due: StoredValue<bool>,
}

/// A message that offers to take something back.
#[derive(Clone)]
pub struct Toast {
    /// What was done.
    pub sentence: String,
    /// Takes it back. It outlives the screen on which it was done.
    pub undo: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl App {
    /// Makes the state; nothing is connected yet.
    pub fn new(theme: Theme) -> Self {
        Self {
            connection: RwSignal::new(Connection::Connecting),
            rows: RwSignal::new(Rows::default()),
            tick: RwSignal::new(0),
            agent: RwSignal::new(AgentInfo::default()),
            missing: RwSignal::new(None),
            reader: Reader::default(),
            theme: RwSignal::new(theme),
            toast: RwSignal::new(None),
            presets: RwSignal::new(Vec::new()),
            kinds: RwSignal::new(Vec::new()),
            engines: Engines::default(),
            machine: Machine::default(),
            leading: Leading::default(),
            draft: RwSignal::new(None),
            started: Started::default(),
            changes: RwSignal::new(0),
            search: RwSignal::new(false),
            sharing: RwSignal::new(None),
            help: RwSignal::new(false),
            clock: RwSignal::new(ClockOffset::default()),
            now_unix_ms: RwSignal::new(browser_ms()),
            followed: StoredValue::new_local(Followed::default()),
            link: StoredValue::new_local(None),
            redraw_due: StoredValue::new(false),
        }
    }

    /// The state of the page around the caller.
    pub fn get() -> Self {
        expect_context()
    }

    /// Connects to the agent and asks it for what every page shows.
    pub fn start(self) {
        let greeting = move || {
            let mut greeting = self.followed.with_value(Followed::greeting);
            greeting.extend(self.engines.request());
            greeting.extend(self.machine.request());
            greeting.extend(self.leading.request());
            greeting
        };
        let link = Link::start(greeting, move |event| self.hear(event));
        self.link.set_value(Some(link));
        self.started.watch(self);
        set_interval(move || self.now_unix_ms.set(self.agent_ms()), Duration::from_secs(5));
        self.ask();
    }

    /// Asks again who reads, and then for what they may see.
    pub fn ask(self) {
        self.missing.set(None);
        spawn(async move {
            match http::get::<Value>("/api/v1/me").await {
                Ok(me) if self.reader.is(&me) => {
                    let time_zone = me["time_zone"].as_str().map(str::to_owned);
                    let minutes = me["utc_offset_minutes"].as_i64().and_then(|minutes| i32::try_from(minutes).ok());
                    self.agent.set(AgentInfo { utc_offset_minutes: minutes, time_zone, ..AgentInfo::default() });
                }
                Ok(_) => self.ask_all(),
                Err(failure) => self.lacks(&failure),
            }
        });
    }

    /// Asks again for what HTTP gives: the agent's facts, the presets and the list of runs.
    fn ask_all(self) {
        spawn(async move {
            match http::get::<AgentInfo>("/api/v1/agent").await {
                Ok(agent) => self.agent.set(agent),
                Err(failure) => self.lacks(&failure),
            }
        });
        spawn(async move {
            match http::get::<Vec<PresetPlan>>("/api/v1/presets").await {
                // Setting the same again would begin the form anew under somebody's hands.
                Ok(presets) if self.presets.with_untracked(|p| *p == presets) => {}
                Ok(presets) => self.presets.set(presets),
                Err(failure) => self.lacks(&failure),
            }
        });
        spawn(async move {
            match http::get::<Vec<EngineRow>>("/api/v1/engines").await {
                Ok(kinds) if self.kinds.with_untracked(|k| *k == kinds) => {}
                Ok(kinds) => self.kinds.set(kinds),
                Err(failure) => self.lacks(&failure),
            }
        });
        self.load_rows(None);
    }

    /// Loads a page of the list of runs: the newest, or those before a run.
    pub fn load_rows(self, before: Option<RunId>) {
        let is_first = before.is_none();
        let path = match before {
            Some(run) => format!("/api/v1/runs?limit={PAGE}&before={run}"),
            None => format!("/api/v1/runs?limit={PAGE}"),
        };
        spawn(async move {
            match http::get::<Vec<RunRow>>(&path).await {
                Ok(list) => self.rows.update(|rows| {
                    let full = list.len() >= PAGE;
                    rows.page(list, is_first, full);
                }),
                Err(failure) => {
                    self.failed(&failure);
                    self.rows.update(|rows| rows.error = Some(failure.error()));
                }
            }
        });
    }

    /// Notes that something did not come without which no page is whole.
    fn lacks(self, failure: &Failure) {
        self.failed(failure);
        // Whoever is not signed in is asked for a token instead.
        if !matches!(failure, Failure::SignedOut(_)) {
            self.missing.set(Some(failure.error()));
        }
    }

    /// Loads the newest runs again after an error.
    pub fn load_rows_again(self) {
        self.rows.update(|rows| rows.error = None);
        self.load_rows(None);
    }

    /// Notes a failure that concerns the whole page.
    pub fn failed(self, failure: &Failure) {
        if let Failure::SignedOut(error) = failure {
            self.reader.is_out(&error.error);
            // Nothing of what was shown stays for whoever comes next.
            self.rows.set(Rows::default());
            self.connection.set(Connection::SignedOut);
        }
    }

    /// Shows a failure of something that somebody asked for.
    pub fn tell(self, failure: &Failure) {
        self.failed(failure);
        self.toast.set(Some(Toast { sentence: failure.error().error, undo: None }));
    }

    /// Goes on after somebody signed in.
    pub fn signed_in(self) {
        self.connection.set(Connection::Connecting);
        self.retry_now();
        self.ask();
    }

    /// Tries to connect at once.
    pub fn retry_now(self) {
        if let Some(link) = self.link.get_value() {
            link.retry_now();
        }
    }

    /// Follows a run from now on, and folds it so.
    pub fn follow(self, run: RunId, fold: Fold) {
        if self.run().as_ref() != Some(&run) {
            self.leading.forget();
        }
        self.followed.update_value(|f| f.follow(run, fold));
        self.tick.update(|t| *t += 1);
        self.follow_again();
    }

    /// Follows no run any more and lets go of its fold.
    pub fn unfollow(self, run: &RunId) {
        // The next page may follow another run before this one is cleaned up.
        if self.followed.with_value(|f| f.run.as_ref() == Some(run)) {
            self.followed.set_value(Followed::default());
            self.leading.forget();
            self.say(&ClientMessage::Unfollow);
        }
    }

    /// Shows something of the followed run to those who follow, or no longer.
    pub fn lead(self, lead: Option<Lead>) {
        if let Some(run) = self.run() {
            self.say(&self.leading.show(&run, lead));
        }
    }

    /// Hears of engines from now on, or no longer.
    pub fn watch_engines(self, watch: bool) {
        self.engines.watch(watch);
        self.say(&ClientMessage::Engines { watch });
    }

    /// Hears of the host's machine from now on, and folds it so; or no longer.
    pub fn watch_machine(self, fold: Option<MachineFold>) {
        self.machine.watch(fold);
        self.say(&ClientMessage::Machine { watch: fold.is_some() });
    }

    /// The followed run, after reading [`App::tick`].
    pub fn with_followed<T>(self, read: impl FnOnce(&Followed) -> T) -> T {
        self.tick.track();
        self.followed.with_value(read)
    }

    /// The followed run's fold, where there is one.
    pub fn with_view<T>(self, read: impl FnOnce(&RunView) -> T) -> Option<T> {
        self.with_followed(|followed| followed.view.as_ref().map(read))
    }

    /// The row of a run as it changes; `None` once it is gone.
    pub fn row(self, run: RunId) -> Kept<Option<RunRow>> {
        kept(move || self.rows.with(|rows| rows.get(&run).cloned()))
    }

    /// The followed run's id, for handlers.
    pub fn run(self) -> Option<RunId> {
        self.followed.with_value(|f| f.run.clone())
    }

    /// The followed run's plan, for handlers.
    pub fn plan(self) -> Option<Plan> {
        self.followed.with_value(|f| f.view.as_ref()?.header.as_ref().map(|h| h.plan.clone()))
    }

    /// The host's wall clock now, Unix ms.
    pub fn agent_ms(self) -> u64 {
        self.clock.get_untracked().agent_ms(browser_ms())
    }

    fn say(self, message: &ClientMessage) {
        // A closed socket is no loss: the greeting of the next one says the same.
        if let Some(link) = self.link.get_value() {
            link.say(message);
        }
    }

    fn follow_again(self) {
        if let Some(message) = self.followed.with_value(Followed::request) {
            self.say(&message);
        }
    }

    fn hear(self, event: LinkEvent) {
        match event {
            LinkEvent::Opened => {
                let was_lost = matches!(self.connection.get_untracked(), Connection::Lost { .. });
                self.connection.set(Connection::Open);
                // Whoever leads by now is told of anew.
                self.leading.hear(None);
                if was_lost {
                    // What changed in the list meanwhile was never sent.
                    self.ask();
                }
            }
            LinkEvent::Message(message) => self.receive(message),
            LinkEvent::Unreadable(why) => self.misunderstood(&why),
            LinkEvent::Closed { attempt } => self.lost(attempt),
        }
    }

    fn misunderstood(self, why: &str) {
        leptos::logging::error!("a message of the agent could not be read: {why}");
        self.connection.set(Connection::Outdated);
    }

    fn lost(self, attempt: u32) {
        match self.connection.get_untracked() {
            Connection::SignedOut | Connection::Outdated => {}
            Connection::Lost { since_unix_ms, .. } => self.connection.set(Connection::Lost { since_unix_ms, attempt }),
            _ => self.connection.set(Connection::Lost { since_unix_ms: self.agent_ms(), attempt }),
        }
        // A refused handshake does not say why; the API does.
        spawn(async move {
            if let Err(failure) = http::get::<Value>("/api/v1/me").await {
                self.failed(&failure);
            }
        });
    }

    fn receive(self, message: Message) {
        match message {
            Message::Hello { protocol, now_unix_ms, .. } => {
                if protocol != PROTOCOL_VERSION {
                    self.connection.set(Connection::Outdated);
                }
                self.clock.set(ClockOffset::new(now_unix_ms, browser_ms()));
                self.now_unix_ms.set(now_unix_ms);
            }
            Message::Rows { rows: new } => self.rows.update(|rows| rows.merge(new)),
            Message::Led { run, lead } => {
                if self.run() == Some(run) {
                    self.leading.hear(lead);
                }
            }
            Message::Engines(now) => self.engines.receive(*now),
            Message::Machine(told) => {
                if let Err(why) = self.machine.receive(told) {
                    self.misunderstood(&why);
                }
            }
            message => {
                if let Message::Deleted { run } = &message {
                    self.rows.update(|rows| rows.remove(run));
                }
                match self.followed.try_update_value(|f| f.receive(message)) {
                    Some(Effect::Redraw) => self.redraw_soon(),
                    Some(Effect::FollowAgain) => self.follow_again(),
                    Some(Effect::Unreadable(why)) => self.misunderstood(&why),
                    Some(Effect::Nothing) | None => {}
                }
            }
        }
    }

    /// Redraws once the pause is over; never while the tab is hidden, where no frame comes.
    fn redraw_soon(self) {
        if self.redraw_due.get_value() {
            return;
        }
        self.redraw_due.set_value(true);
        let draw = move || {
            self.redraw_due.set_value(false);
            self.tick.update(|t| *t += 1);
        };
        let waits = self.tick.get_untracked() > 1;
        let pause = if waits { REDRAW_MS } else { 0 };
        set_timeout(move || request_animation_frame(draw), Duration::from_millis(pause));
    }
}

/// The browser's wall clock, Unix ms; only ever used with [`ClockOffset`].
fn browser_ms() -> u64 {
    js_sys::Date::now() as u64
}
