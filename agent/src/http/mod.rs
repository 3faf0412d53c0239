//! Owns the HTTP surface: routes, socket, access, assets, errors. The only room that knows axum.
//! Must not know how runs are executed.

mod access;
mod agent;
mod assets;
mod audit;
mod compare;
mod edge;
mod engines;
mod error;
mod exports;
mod figures;
mod guard;
mod history;
mod imports;
mod listen;
mod openapi;
mod people;
mod pictures;
mod plans;
mod prices;
mod prometheus;
mod proxy;
mod queue;
mod ready;
mod refusals;
mod requests;
mod retention;
mod runs;
mod schedules;
mod shape;
mod shell;
mod socket;
mod studies;
mod tls;
mod token;

pub use access::Access;
pub use edge::{BasePath, Door, InvalidBasePath};
pub use openapi::openapi_json;
pub use proxy::Proxy;
pub use queue::QueueCommands;
pub use schedules::{ScheduleCommands, ScheduleRefused};
pub use tls::{Tls, TlsError};

use crate::blob::BlobStore;
use crate::export::Exporter;
use crate::hub::Hub;
use crate::import::Importer;
use crate::log::SqliteLog;
use crate::orchestrate::{ByHand, Machine};
use crate::price::Prices;
use access::Need;
use axum::Router;
use axum::extract::{self, DefaultBodyLimit};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, post, put};
use error::Refusal;
use futures_util::future::BoxFuture;
use shared::ids::{RunId, StudyId};
use shared::people::Role;
use shared::plan::Plan;
use shared::study::StudyPlan;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long answers under way may take once the agent is told to end.
const DRAIN: Duration = Duration::from_secs(5);

/// What the API does to runs. Errors are sentences.
pub trait RunCommands: QueueCommands + ScheduleCommands {
    /// Takes a validated plan; its run exists once this resolves.
    fn submit(&self, plan: Plan) -> BoxFuture<'_, Result<RunId, String>>;
    /// Takes a study; all its runs exist once this resolves.
    fn submit_study(&self, plan: StudyPlan) -> BoxFuture<'_, Result<StudyId, String>>;
    /// Has a run that ended before its end go on.
    fn resume(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>>;
    /// Cancels a run that waits or runs.
    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>>;
}

/// The rooms behind the routes.
#[derive(Clone)]
pub struct State {
    /// The event log.
    pub log: SqliteLog,
    /// Token timelines.
    pub blobs: BlobStore,
    /// Viewers.
    pub hub: Hub,
    /// What starts, resumes and cancels runs.
    pub commands: Arc<dyn RunCommands>,
    /// The engine that somebody starts by hand, and what the host has.
    pub by_hand: ByHand,
    /// What GPUs cost.
    pub prices: Prices,
    /// The host's GPUs and the host, while somebody looks.
    pub machine: Machine,
    /// Who may do what.
    pub access: Access,
    /// The agent's version.
    pub agent_version: String,
}

/// The state with what belongs to one listener.
#[derive(Clone)]
struct App {
    state: State,
    hosts: Arc<guard::Hosts>,
    sockets: Arc<Semaphore>,
    importer: Importer,
    forms: Arc<Semaphore>,
    exporter: Exporter,
    exports: Arc<Semaphore>,
    stopping: CancellationToken,
    /// Cancelled once the agent is about to end, though it still serves.
    draining: CancellationToken,
    ready: Arc<ready::Asked>,
    base: BasePath,
}

/// Serves on one plain listener until `shutdown` resolves, see [`serve_at`].
///
/// # Errors
/// As [`serve_at`].
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_at(vec![Door::plain(listener)], BasePath::default(), CancellationToken::new(), state, shutdown).await
}

/// Serves at these doors until `shutdown` resolves; sockets are then closed, and answers under way have 5 s to end. From
/// when `draining` is cancelled the agent is not ready any more.
///
/// # Errors
/// Where a listener has no address any more.
pub async fn serve_at(
    doors: Vec<Door>,
    base: BasePath,
    draining: CancellationToken,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let addresses = doors.iter().map(|door| door.listener.local_addr()).collect::<std::io::Result<Vec<_>>>()?;
    let app = App {
        hosts: Arc::new(guard::Hosts::new(&addresses, state.access.hosts())),
        sockets: Arc::new(Semaphore::new(socket::MAX_SOCKETS)),
        importer: Importer::new(state.log.clone(), state.blobs.clone()),
        forms: Arc::new(Semaphore::new(imports::MAX_FORMS)),
        exporter: Exporter::new(state.log.clone(), state.blobs.clone()),
        exports: Arc::new(Semaphore::new(exports::MAX_EXPORTS)),
        stopping: CancellationToken::new(),
        draining,
        ready: Arc::default(),
        base: base.clone(),
        state,
    };
    let (stopping, noted) = (app.stopping.clone(), app.clone());
    let serving = listen::serve(doors, router(app), base, stopping.clone());
    let stop = async {
        shutdown.await;
        stopping.cancel();
        tokio::time::sleep(DRAIN).await;
    };
    let noting = async {
        loop {
            tokio::time::sleep(audit::NOTE_EVERY).await;
            audit::note_failures(&noted).await;
        }
    };
    tokio::select! {
        () = serving => {}
        // A client that neither reads nor leaves does not keep the agent.
        () = stop => {}
        () = noting => {}
    }
    audit::note_failures(&noted).await;
    if let Err(error) = noted.state.access.people().note_uses().await {
        tracing::warn!(%error, "when tokens were used last could not be noted");
    }
    Ok(())
}

/// Every route. What needs a token stands under the role that it needs, and what may be seen by a link, within what was
/// shared, stands apart; the rest is the shell.
fn router(app: App) -> Router {
    let needs = |role: Role, by_link: bool| from_fn_with_state((app.clone(), Need { role, by_link }), access::require);
    let noted = || from_fn_with_state(app.clone(), audit::note);
    let by_link = Router::new()
        .route("/api/v1/runs/{run}", get(runs::read))
        .route("/api/v1/runs/{run}/export", get(exports::of_run))
        .route("/api/v1/runs/{run}/goodput", get(figures::goodput_of))
        .route("/api/v1/runs/{run}/points/{point}/distribution", get(figures::distribution))
        .route("/api/v1/runs/{run}/trials/{trial}/requests", get(requests::list))
        .route("/api/v1/runs/{run}/requests/{id}", get(requests::timeline))
        .route("/api/v1/runs/{run}/pictures", get(pictures::of_run))
        .route("/api/v1/runs/{run}/pictures/{chart}", get(pictures::run_picture))
        .route("/api/v1/runs/{run}/report", get(pictures::run_report))
        .route("/api/v1/studies/{study}", get(studies::read))
        .route("/api/v1/studies/{study}/pictures", get(pictures::of_study))
        .route("/api/v1/studies/{study}/pictures/{chart}", get(pictures::study_picture))
        .route("/api/v1/studies/{study}/report", get(pictures::study_report))
        .route("/api/v1/studies/{study}/export", get(exports::of_study))
        .route("/api/v1/compare", get(compare::compare))
        .route("/api/v1/compare/pictures", get(pictures::of_compared))
        .route("/api/v1/compare/pictures/{chart}", get(pictures::compared_picture))
        .route("/api/v1/compare/report", get(pictures::compared_report))
        .route("/api/v1/me", get(people::me))
        .route("/ws", get(socket::open))
        .route_layer(needs(Role::Viewer, true));
    let viewer = Router::new()
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/presets", get(plans::presets))
        .route("/api/v1/studies", get(studies::list))
        .route("/api/v1/studies/presets", get(studies::presets))
        .route("/api/v1/studies/check", post(studies::check))
        .route("/api/v1/engines", get(engines::list))
        .route("/api/v1/engines/now", get(engines::now))
        .route("/api/v1/plan/check", post(plans::check))
        .route("/api/v1/prices", get(prices::list))
        .route("/api/v1/queue", get(queue::now))
        .route("/api/v1/schedules", get(schedules::list))
        .route("/api/v1/schedules/check", post(schedules::check))
        .route("/api/v1/history/facets", get(history::facets))
        .route("/api/v1/history/bin", get(history::bin))
        .route("/api/v1/history/items/{item}", get(history::read))
        .route("/api/v1/history/disk", get(retention::disk))
        .route("/api/v1/agent", get(agent::about))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/metrics", get(prometheus::metrics))
        .route("/api", any(unknown))
        .route("/api/{*rest}", any(unknown))
        .route_layer(needs(Role::Viewer, false));
    let operator = Router::new()
        .route("/api/v1/runs", post(runs::create))
        .route("/api/v1/runs/{run}", delete(runs::delete))
        .route("/api/v1/runs/{run}/cancel", post(runs::cancel))
        .route("/api/v1/studies", post(studies::create))
        .route("/api/v1/studies/{study}", delete(studies::delete))
        .route("/api/v1/studies/{study}/cancel", post(studies::cancel))
        .route("/api/v1/studies/{study}/resume", post(studies::resume))
        .route("/api/v1/engines", post(engines::start))
        .route("/api/v1/engines/started", delete(engines::stop))
        .route("/api/v1/prices/{gpu}", put(prices::set).delete(prices::remove))
        .route("/api/v1/runs/{run}/resume", post(runs::resume))
        .route("/api/v1/runs/{run}/retry", post(queue::retry))
        .route("/api/v1/queue", put(queue::pause))
        .route("/api/v1/schedules", post(schedules::create))
        .route("/api/v1/schedules/{schedule}", delete(schedules::remove))
        .route("/api/v1/queue/{run}", put(queue::change))
        .route("/api/v1/history/tags", post(history::tag))
        .route("/api/v1/history/pins", post(history::pin))
        .route("/api/v1/history/delete", post(history::delete))
        .route("/api/v1/history/undelete", post(history::undelete))
        .route("/api/v1/history/items/{item}/note", put(history::write_note))
        .route("/api/v1/imports", post(imports::import).layer(DefaultBodyLimit::max(imports::MAX_FORM_BYTES)))
        .route("/api/v1/shares", get(people::shares).post(people::create_share))
        .route("/api/v1/shares/{share}", delete(people::revoke_share))
        .route_layer(noted())
        .route_layer(needs(Role::Operator, false));
    let admin = Router::new()
        .route("/api/v1/tokens", get(people::tokens).post(people::create_token))
        .route("/api/v1/tokens/{token}", delete(people::revoke_token))
        .route("/api/v1/audit", get(audit::list))
        .route("/api/v1/retention", put(retention::set))
        .route("/api/v1/retention/preview", post(retention::preview))
        .route("/api/v1/retention/sweep", post(retention::sweep))
        .route_layer(noted())
        .route_layer(needs(Role::Admin, false));
    Router::new()
        .merge(by_link)
        .merge(viewer)
        .merge(operator)
        .merge(admin)
        .route("/api/v1/sign-in", post(shell::sign_in))
        .route("/s/{secret}", get(shell::open_link))
        .route("/healthz", get(shell::health))
        .route("/readyz", get(ready::ready))
        .fallback(shell::page)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

async fn unknown(uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(100).collect();
    Refusal::new(StatusCode::NOT_FOUND, format!("There is no {path}: see /api/v1/openapi.json for what there is."))
}

/// A known path with another method; what is protected does not say even that without a token.
async fn wrong_method(
    extract::State(app): extract::State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Refusal, Refusal> {
    let is_protected = uri.path().starts_with("/api/") || ["/ws", "/metrics"].contains(&uri.path());
    if is_protected && !app.state.access.of_headers(&headers)?.sees_all() {
        return Err(access::stranger());
    }
    Ok(refuse_method(&method, &uri))
}

fn refuse_method(method: &Method, uri: &Uri) -> Refusal {
    let path: String = uri.path().chars().take(100).collect();
    let sentence = format!("{path} does not take {method}: see /api/v1/openapi.json for what it takes.");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, sentence)
}

/// Runs what reads files or asks the system away from the runtime's threads; `what` is read.
async fn off_the_loop<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "reading {what} did not end well");
        let sentence = format!("Reading {what} failed: see the agent's own log.");
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, sentence))
    })
}
