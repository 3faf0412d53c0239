//! Owns what every view shows while its answer is held back, when it fails, once it is asked again, and where there is nothing.
//! Must not know how a view asks; what it asks for is compared with what is tried here, and so are the page's routes.

use crate::axe::STUDY;
use crate::browser::{Chromium, Tab};
use crate::support::{Agent, SHORT_PLAN, TOKEN, client, state};
use crate::turns::alone;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// Stands between the page and its agent: `how` says what becomes of the requests for one path, `asked` holds what was asked for.
const BETWEEN: &str = "(() => {
  const real = window.fetch;
  window.asked = [];
  window.fetch = (request) => {
    const path = new URL(request.url ?? request, location).pathname;
    const [how, what] = (sessionStorage.getItem('how') ?? '').split(' ');
    if (request.method === 'GET' && path.startsWith('/api/')) asked.push(path);
    if (path !== what) return real(request);
    if (how === 'held') return new Promise(() => {});
    if (how === 'cut') return Promise.reject(new TypeError('cut for the test'));
    const body = JSON.stringify({ error: 'The disk did not answer: try again.' });
    return Promise.resolve(new Response(body, { status: 500 }));
  };
  if (sessionStorage.getItem('how') === 'held socket') window.WebSocket = class { send() {} close() {} };
})()";

/// What the agent's refusal in [`BETWEEN`] and the page's own words for a request that was cut say.
const SENTENCES: [(&str, &str); 2] =
    [("fails", "The disk did not answer: try again."), ("cut", "The agent did not answer GET")];

/// A part of the page that waits for an answer of its own.
struct View {
    /// The page's name for its screen.
    route: &'static str,
    address: String,
    /// What it asks for.
    asks: String,
    /// Words that it has once the answer is there: where there can be nothing, those that say so.
    says: &'static str,
    /// It says that it waits; lists of fields do not, which stay empty until then.
    waits: bool,
    /// It is a dialog, which this button opens.
    dialog: Option<&'static str>,
}

fn view(route: &'static str, address: &str, asks: &str, says: &'static str) -> View {
    View { route, address: address.to_owned(), asks: format!("/api/v1/{asks}"), says, waits: true, dialog: None }
}

fn field(route: &'static str, address: &str, asks: &str, says: &'static str) -> View {
    View { waits: false, ..view(route, address, asks, says) }
}

/// The views of an agent that has nothing yet.
fn empty_views() -> Vec<View> {
    vec![
        view("Now", "/", "me", "No run yet"),
        view("Now", "/", "runs", "No run yet"),
        view("NewRun", "/new", "presets", "Start"),
        view("Engines", "/engines", "presets", "Start engine"),
        field("Engines", "/engines", "engines", "Start engine"),
        field("Engines", "/engines", "agent", "Start engine"),
        view("Queue", "/queue", "queue", "Nothing runs and nothing waits"),
        view("Schedule", "/schedule", "schedules", "Nothing is scheduled"),
        field("Schedule", "/schedule", "studies", "What begins"),
        view("Runs", "/runs", "runs", "No run yet"),
        view("Runs", "/runs?state=done", "runs", "No run is like that"),
        view("Runs", "/runs?show=bin", "history/bin", "Nothing was deleted"),
        field("Runs", "/runs", "history/facets", "Filters"),
        view("Studies", "/studies", "studies", "No study yet"),
        view("NewStudy", "/studies/new", "studies/presets", "The same file that the command line takes"),
        view("People", "/people", "tokens", "No token was made yet"),
        view("People", "/people", "shares", "There is no link now"),
        view("People", "/people", "audit", "Nothing was done yet"),
        view("Settings", "/settings", "history/disk", "No run holds anything yet"),
        view("Settings", "/settings", "prices", "NVIDIA L4 on demand"),
    ]
}

/// The views of a run that has ended, and of what is made of it.
fn views_of(run: &str, study: &str) -> Vec<View> {
    let page = format!("/runs/{run}");
    vec![
        view("Run", &page, &format!("history/items/{run}"), "Write a note"),
        view("Run", &page, &format!("runs/{run}/points/0/distribution"), "Every request of the window"),
        view("Run", &page, &format!("runs/{run}/goodput"), "12 of 12"),
        view("Run", &format!("{page}?request=0"), &format!("runs/{run}/requests/0"), "Prompt tokens"),
        View { dialog: Some("share"), ..view("Run", &page, "shares", "There is no link now") },
        view("Study", &format!("/studies/{study}"), &format!("studies/{study}"), "Two steps"),
        view("Study", &format!("/studies/{study}"), &format!("history/items/{study}"), "Write a note"),
        view("Compare", &format!("/compare?runs={run}"), "compare", "Output"),
    ]
}

/// What whoever has a link to a run waits for.
fn views_of_a_guest(run: &str) -> Vec<View> {
    let views = views_of(run, "");
    let is_shown = |view: &View| view.asks.starts_with(&format!("/api/v1/runs/{run}/"));
    views.into_iter().filter(is_shown).collect()
}

/// Screens that need no answer, and their words.
const STILL: [(&str, &str, &str); 3] = [
    ("Compare", "/compare", "Nothing to compare yet"),
    ("Metrics", "/metrics-guide", "TTFT"),
    ("Lost", "/elsewhere", "There is no such page"),
];

/// The screens that the page knows by address.
fn routes() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/src/route.rs");
    let source = std::fs::read_to_string(file).unwrap();
    let body = source.split("pub enum Route {").nth(1).unwrap().split("\n}").next().unwrap();
    let names = body.lines().map(str::trim).filter(|line| line.starts_with(char::is_uppercase));
    names.map(|line| line.split(['(', ',']).next().unwrap().to_owned()).collect()
}

/// Opens an address with the requests of one path treated so.
async fn open(tab: &Tab, agent: &Agent, address: &str, how: &str) {
    tab.eval(&format!("sessionStorage.setItem('how', '{how}')")).await;
    tab.0.goto(format!("{}{address}", agent.url)).await.unwrap();
}

/// Waits until a part of the page says these words; in fields, too.
async fn says(tab: &Tab, within: &str, words: &str) {
    let words = serde_json::json!(words);
    tab.wait_for(&format!("document.querySelector('{within}')?.textContent.includes({words}) === true")).await;
}

async fn comes(tab: &Tab, words: &str) {
    says(tab, "main", words).await;
}

const ERROR: &str =
    "document.querySelector('main [role=alert][data-testid=error], .dialog [role=alert][data-testid=error]')";
const BUSY: &str = "document.querySelector('main [aria-busy=true], .dialog [aria-busy=true]')";

impl View {
    /// Opens it with its answer treated so.
    async fn open(&self, tab: &Tab, agent: &Agent, how: &str) {
        open(tab, agent, &self.address, &format!("{how} {}", self.asks)).await;
        if let Some(button) = self.dialog {
            tab.click(button).await;
        }
    }
}

/// Holds a view's answer back, has it fail, and asks again as its reader would.
async fn try_states(tab: &Tab, agent: &Agent, view: &View, (how, sentence): (&str, &str)) {
    let View { address, asks, waits, .. } = view;
    let asked = format!("asked.includes('{asks}')");
    if *waits {
        view.open(tab, agent, "held").await;
        tab.wait_for(&format!("{asked} && {BUSY}?.getAttribute('role') === 'status' && {ERROR} === null")).await;
        assert!(tab.eval(&format!("{BUSY}.textContent")).await.as_str().unwrap().contains("Loading"), "{address}");
    }
    view.open(tab, agent, how).await;
    let sentence = serde_json::json!(sentence);
    tab.wait_for(&format!("{ERROR}?.textContent.includes({sentence}) === true && {BUSY} === null")).await;
    tab.eval("sessionStorage.removeItem('how')").await;
    tab.click("again").await;
    tab.wait_for(&format!("{ERROR} === null && {BUSY} === null")).await;
    says(tab, if view.dialog.is_some() { ".dialog" } else { "main" }, view.says).await;
}

/// Files that are brought: under way, refused by an agent that fails, and what became of each once it answers.
async fn try_import(tab: &Tab, agent: &Agent, file: &Path) {
    std::fs::write(file, "no result of any tool").unwrap();
    open(tab, agent, "/runs", "held /api/v1/imports").await;
    tab.click("import").await;
    let files = [file.display().to_string()];
    tab.give("import-files", &files).await;
    comes(tab, "Reading 1 file").await;
    for (how, sentence) in [("fails", SENTENCES[0].1), ("cut", "The agent did not answer POST")] {
        open(tab, agent, "/runs", &format!("{how} /api/v1/imports")).await;
        tab.click("import").await;
        tab.give("import-files", &files).await;
        comes(tab, sentence).await;
    }
    // Nothing is lost: the same file can be chosen again.
    tab.eval("sessionStorage.removeItem('how')").await;
    tab.give("import-files", &files).await;
    comes(tab, "One file: 1 refused").await;
    tab.wait_for(&format!("{ERROR} === null")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_says_that_it_waits_why_it_has_nothing_and_that_there_is_nothing() {
    let _turn = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open_with(BETWEEN, &format!("{}/?token={TOKEN}", agent.url)).await;
    tab.wait("connection", |text| text == "open").await;
    let mut views = empty_views();
    for (of, view) in views.iter().enumerate() {
        try_states(&tab, &agent, view, SENTENCES[of % SENTENCES.len()]).await;
    }
    for (_, address, says) in STILL {
        // As by a link: of an address that leads nowhere the agent itself says so.
        let go = format!("history.pushState(null, '', '{address}'); dispatchEvent(new PopStateEvent('popstate'))");
        tab.eval(&go).await;
        comes(&tab, says).await;
    }

    try_import(&tab, &agent, &dir.path().join("unknown.txt")).await;

    let plan = format!("{}\n[slo]\nttft_ms = 600000\n", SHORT_PLAN.replace("[1, 4]", "[1]"));
    let run = agent.submit(&plan).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    let (status, study) = agent.post("/api/v1/studies", STUDY.to_owned(), "application/toml").await;
    assert_eq!(status, 201, "{study}");
    let of_run = views_of(&run, study["study"].as_str().unwrap());
    for (of, view) in of_run.iter().enumerate() {
        try_states(&tab, &agent, view, SENTENCES[of % SENTENCES.len()]).await;
    }
    let shared = serde_json::json!({ "shared": { "run": run } }).to_string();
    let (status, link) = agent.post("/api/v1/shares", shared, "application/json").await;
    assert_eq!(status, 201, "{link}");
    let stranger = Chromium::start().await;
    let guest = stranger.open_with(BETWEEN, &format!("{}{}", agent.url, link["path"].as_str().unwrap())).await;
    guest.wait("connection", |text| text == "open").await;
    let of_guest = views_of_a_guest(&run);
    assert_eq!(of_guest.len(), 3, "what is shared of a run");
    for (of, view) in of_guest.iter().enumerate() {
        try_states(&guest, &agent, view, SENTENCES[of % SENTENCES.len()]).await;
    }
    let revoked = format!("{}/api/v1/shares/{}", agent.url, link["row"]["share"].as_str().unwrap());
    assert_eq!(client().delete(revoked).bearer_auth(TOKEN).send().await.unwrap().status(), 204);
    open(&guest, &agent, &format!("/runs/{run}"), "").await;
    says(&guest, "body", "revoked or has expired").await;
    stranger.stop().await;
    // A run comes by the socket.
    open(&tab, &agent, &format!("/runs/{run}"), "held socket").await;
    tab.wait_for(&format!("{BUSY} !== null && {ERROR} === null")).await;
    open(&tab, &agent, "/runs/r0000000000000000", "").await;
    comes(&tab, "No run here").await;

    views.extend(of_run);
    let tried: BTreeSet<String> =
        views.iter().map(|view| view.route).chain(STILL.map(|(route, ..)| route)).map(str::to_owned).collect();
    assert_eq!(tried, routes(), "every screen of web/src/route.rs has its states tried here");
    // What a page asks for beside that would be a view without states.
    for address in views.iter().map(|view| view.address.clone()).collect::<BTreeSet<_>>() {
        open(&tab, &agent, &address, "").await;
        tab.wait_for(&format!("asked.length > 4 && {BUSY} === null")).await;
        let asked: BTreeSet<String> = serde_json::from_value(tab.eval("asked").await).unwrap();
        let known: BTreeSet<String> = views.iter().map(|view| view.asks.clone()).collect();
        assert!(asked.is_subset(&known), "{address} asks for {:?}", asked.difference(&known));
    }
    chromium.stop().await;
}
