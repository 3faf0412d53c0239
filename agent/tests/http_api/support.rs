//! Owns what the HTTP tests share: a server on a free port with a real log and a queue that only writes states.
//! Must not know what is tested.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use futures_util::future::BoxFuture;
use serde_json::Value;
use shared::event::{Body, Host, RunState};
use shared::ids::{RunId, ScheduleId, ShareId, StudyId, TokenId};
use shared::people::{Role, ShareRow, Shared, TokenRow, Who};
use shared::plan::Plan;
use shared::queue::{Change, QueueNow};
use shared::schedule::{SchedulePlan, ScheduleRow};
use shared::study::{StudyPlace, StudyPlan};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokenprism::blob::BlobStore;
use tokenprism::engine::Means;
use tokenprism::http::{self, Access};
use tokenprism::hub::Hub;
use tokenprism::log::{KeptShare, KeptToken, SqliteLog, Study};
use tokenprism::orchestrate::{ByHand, Floor, Machine, Manner};
use tokenprism::people::{People, hash};
use tokenprism::price::Prices;
use tokenprism::process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const ADMIN: &str = "admin-token-0123456789-0123456789-0123";

pub const PLAN: &str = r#"
schema = 1
name = "A plan"
[engine]
kind = "builtin"
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 4]
requests = 12
"#;

/// A queue that writes what a real one would and starts nothing.
struct FakeQueue {
    log: SqliteLog,
    next: AtomicU32,
}

impl http::QueueCommands for FakeQueue {
    fn queue(&self) -> BoxFuture<'_, Result<QueueNow, String>> {
        Box::pin(async { Ok(QueueNow::default()) })
    }

    fn pause(&self, _paused: bool, _by: Who) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn change(&self, run: &RunId, _change: Change, _by: Who) -> BoxFuture<'_, Result<(), String>> {
        let refused = format!("The run {run} does not wait.");
        Box::pin(async { Err(refused) })
    }

    fn retry(&self, run: &RunId) -> BoxFuture<'_, Result<RunId, String>> {
        let run = run.clone();
        Box::pin(async move {
            let view = self.log.view(&run).await.map_err(|e| e.to_string())?;
            let header = view.as_ref().and_then(|view| view.header.as_ref()).ok_or("It has no plan.")?;
            http::RunCommands::submit(self, header.plan.clone()).await
        })
    }
}

impl http::ScheduleCommands for FakeQueue {
    fn schedules(&self) -> Vec<ScheduleRow> {
        Vec::new()
    }

    fn check_schedule(&self, _plan: SchedulePlan, _by: Who) -> Result<ScheduleRow, http::ScheduleRefused> {
        Err(http::ScheduleRefused::Invalid("It never comes.".to_owned()))
    }

    fn create_schedule(
        &self,
        plan: SchedulePlan,
        by: Who,
    ) -> BoxFuture<'_, Result<ScheduleRow, http::ScheduleRefused>> {
        Box::pin(std::future::ready(self.check_schedule(plan, by)))
    }

    fn remove_schedule(&self, schedule: &ScheduleId, _by: Who) -> BoxFuture<'_, Result<(), http::ScheduleRefused>> {
        let refused = http::ScheduleRefused::NotThere(format!("There is no schedule {schedule}."));
        Box::pin(std::future::ready(Err(refused)))
    }
}

impl http::RunCommands for FakeQueue {
    fn submit(&self, plan: Plan) -> BoxFuture<'_, Result<RunId, String>> {
        Box::pin(async move {
            if plan.name == "Full" {
                return Err("The queue is full: wait until a run has ended.".to_owned());
            }
            let run = RunId::new(1_000, self.next.fetch_add(1, Ordering::Relaxed));
            self.log.append(&run, vec![(0, created(&run, plan))]).await.map_err(|e| e.to_string())?;
            Ok(run)
        })
    }

    fn submit_study(&self, plan: StudyPlan) -> BoxFuture<'_, Result<StudyId, String>> {
        Box::pin(async move {
            let (study, planned) = (StudyId::new(1_000, self.next.fetch_add(1, Ordering::Relaxed)), plan.expand());
            let begun = Study { study: study.clone(), plan, created_unix_ms: 1_000 };
            self.log.begin_study(begun).await.map_err(|e| e.to_string())?;
            for (index, of) in (0..).zip(planned) {
                let run = RunId::new(1_000, self.next.fetch_add(1, Ordering::Relaxed));
                let place = StudyPlace { study: study.clone(), index, label: of.label };
                let bodies = vec![(0, created(&run, of.plan)), (0, Body::OfStudy(place))];
                self.log.append(&run, bodies).await.map_err(|e| e.to_string())?;
            }
            Ok(study)
        })
    }

    fn resume(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        Box::pin(async move {
            let state = Body::State { state: RunState::Queued, reason: None };
            self.log.append(&run, vec![(6, state)]).await.map(|_| ()).map_err(|e| e.to_string())
        })
    }

    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        Box::pin(async move {
            let state = Body::State { state: RunState::Cancelled, reason: Some("Somebody stopped it.".to_owned()) };
            self.log.append(&run, vec![(5, state)]).await.map(|_| ()).map_err(|e| e.to_string())
        })
    }
}

pub fn created(run: &RunId, plan: Plan) -> Body {
    Body::Created {
        run: run.clone(),
        plan: Box::new(plan),
        anchor_unix_ms: 1_000,
        host: Host::default(),
        agent_version: "0".to_owned(),
    }
}

/// Who made what tests need.
pub fn who() -> Who {
    Who { id: "test".to_owned(), name: "a test".to_owned() }
}

/// A token that ends at this time, Unix ms.
pub fn token_until(secret: &str, role: Role, expires_unix_ms: u64) -> KeptToken {
    let row = TokenRow {
        token: TokenId::new(1, 1),
        name: "Short".to_owned(),
        role,
        created_unix_ms: 1,
        by: who(),
        used_unix_ms: None,
        expires_unix_ms: Some(expires_unix_ms),
    };
    KeptToken { row, sha256: hash(secret) }
}

/// A link to something that ends at this time, Unix ms.
pub fn link_until(secret: &str, shared: Shared, expires_unix_ms: u64) -> KeptShare {
    let (share, title) = (ShareId::new(1, 1), "Short".to_owned());
    let row = ShareRow { share, shared, title, created_unix_ms: 1, by: who(), expires_unix_ms };
    KeptShare { row, sha256: hash(secret) }
}

pub struct Server {
    pub url: String,
    pub host: String,
    pub log: SqliteLog,
    pub blobs: BlobStore,
    pub client: reqwest::Client,
    pub people: People,
    /// The token of somebody who reads.
    pub viewer: String,
    /// The token of somebody who starts runs.
    pub operator: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    pub task: tokio::task::JoinHandle<std::io::Result<()>>,
    dir: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::looking(Manner::default()).await
    }

    /// One that looks at its machine in this manner.
    pub async fn looking(manner: Manner) -> Self {
        Self::of(manner, &[], &[], None).await
    }

    /// One that believes this proxy.
    pub async fn behind(proxy: http::Proxy) -> Self {
        Self::of(Manner::default(), &[], &[], Some(proxy)).await
    }

    /// One that finds these tokens and shares in its log, and the runs that are shared.
    pub async fn with(tokens: &[KeptToken], shares: &[KeptShare]) -> Self {
        Self::of(Manner::default(), tokens, shares, None).await
    }

    async fn of(manner: Manner, tokens: &[KeptToken], shares: &[KeptShare], proxy: Option<http::Proxy>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
        for token in tokens {
            log.create_token(token.clone()).await.unwrap();
        }
        for share in shares {
            if let Shared::Run(run) = &share.row.shared {
                let plan = Plan::from_toml(PLAN).unwrap();
                log.append(run, vec![(0, created(run, plan))]).await.unwrap();
            }
            log.create_share(share.clone()).await.unwrap();
        }
        let blobs = BlobStore::open(dir.path().join("blobs")).unwrap();
        let people = People::open(log.clone()).await.unwrap();
        let token =
            async |name: &str, role| people.create_token(name, role, None, who()).await.unwrap().1.expose().to_owned();
        let (viewer, operator) = (token("Vi", Role::Viewer).await, token("Op", Role::Operator).await);
        let access = Access::new(ADMIN, people.clone()).allow_host("named.example");
        let access = match proxy {
            Some(proxy) => access.behind(proxy),
            None => access,
        };
        let host = process::Host::open(dir.path()).unwrap().0.with_supervisor(env!("CARGO_BIN_EXE_tokenprism"));
        let means = Means::of(dir.path(), host);
        let state = http::State {
            log: log.clone(),
            blobs: blobs.clone(),
            hub: Hub::new(log.clone(), Arc::new(|_| None)),
            commands: Arc::new(FakeQueue { log: log.clone(), next: AtomicU32::new(1) }),
            by_hand: ByHand::new(means, Floor::default(), log.clone()),
            prices: Prices::of(dir.path()),
            machine: Machine::start(manner),
            access,
            agent_version: "1.2.3".to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(http::serve(listener, state, async move { drop(stopped.await) }));
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let (url, stop) = (format!("http://{host}"), Some(stop));
        Self { url, host, log, blobs, client, people, viewer, operator, stop, task, dir }
    }

    /// The folder of the log and the blobs.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// The secret of a link that shows something.
    pub async fn link(&self, shared: Shared) -> String {
        self.people.create_share(shared, None, who()).await.unwrap().1.expose().to_owned()
    }

    /// A request as the admin.
    pub fn ask(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).bearer_auth(ADMIN)
    }

    pub fn anonymous(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    /// A run with its first event.
    pub async fn run(&self, run: &RunId) {
        let plan = Plan::from_toml(PLAN).unwrap();
        self.log.append(run, vec![(0, created(run, plan))]).await.unwrap();
    }

    /// A study of one engine, none of whose runs has begun.
    pub async fn study(&self, study: &StudyId) {
        let engine = "kind = \"curves\"\n[engines.one]\nkind = \"builtin\"";
        let plan = StudyPlan::from_toml(&PLAN.replace("[engine]\nkind = \"builtin\"", engine)).unwrap();
        let kept = Study { study: study.clone(), plan, created_unix_ms: 1 };
        self.log.begin_study(kept).await.unwrap();
    }

    pub async fn state(&self, run: &RunId, t_ns: u64, state: RunState) {
        self.log.append(run, vec![(t_ns, Body::State { state, reason: None })]).await.unwrap();
    }

    /// Raw bytes of a request, as no client library would send them; the whole answer.
    pub async fn raw(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Status and body.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The sentence of a refusal.
pub fn sentence(body: &Value) -> &str {
    body["error"].as_str().unwrap_or_else(|| panic!("no ApiError: {body}"))
}
