//! Owns `tokenprism serve`: the rooms put together, the URL printed, and a graceful end.
//! Must not know what happens inside the rooms.

use super::agent_file::{self, AgentFile};
use super::{DONE, DataArg, means};
use crate::blob::BlobStore;
use crate::http;
use crate::hub::Hub;
use crate::log::{DataDir, SqliteLog};
use crate::orchestrate::{ByHand, Machine, Manner, Queue};
use crate::people::{Fresh, People};
use crate::price::Prices;
use crate::retention::Keeper;
use ::http::HeaderName;
use anyhow::Context;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use shared::ids::{RunId, StudyId};
use shared::people::Role;
use shared::plan::Plan;
use shared::study::StudyPlan;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Ports tried after the default one is taken.
const NEXT_PORTS: u16 = 20;
/// The port where none is named.
const DEFAULT_PORT: u16 = 7717;

/// Arguments of `serve`.
#[derive(clap::Args, Debug)]
pub struct ServeArgs {
    /// Address and port to listen on. Beyond loopback everybody who has the token can start processes here.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    data: DataArg,
    /// Begin a first short run on the built-in engine where the log is empty.
    #[arg(long)]
    first_run: bool,
    /// The admin token, 32 characters at least; by default a new one at each start.
    #[arg(long, env = "TOKENPRISM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A host name that browsers may use for this agent, such as that of a reverse proxy; several times for several.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    #[command(flatten)]
    proxy: ProxyArgs,
}

/// A reverse proxy that signs people in, and says who they are in a header.
#[derive(clap::Args, Debug)]
struct ProxyArgs {
    /// Address or network of the proxy; several times for several. From anywhere else its headers are taken away.
    #[arg(long, value_name = "CIDR", value_parser = network, requires = "proxy_user_header")]
    trusted_proxy: Vec<IpNet>,
    /// The header in which it names the user.
    #[arg(long, value_name = "NAME", requires = "trusted_proxy")]
    proxy_user_header: Option<HeaderName>,
    /// The header in which it names the user's role: viewer, operator or admin.
    #[arg(long, value_name = "NAME", requires = "proxy_user_header")]
    proxy_role_header: Option<HeaderName>,
    /// The role of users of whom it does not name one.
    #[arg(long, value_name = "ROLE", default_value = "viewer", requires = "proxy_user_header")]
    proxy_role: Role,
}

impl ProxyArgs {
    /// The proxy, where one is named.
    fn proxy(self) -> Option<http::Proxy> {
        let user = self.proxy_user_header?;
        Some(http::Proxy { from: self.trusted_proxy, user, role: self.proxy_role_header, usual: self.proxy_role })
    }
}

/// A network, or the one of a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("\"{text}\" is neither an address nor a network like 10.0.0.0/8"))
}

/// The queue as the HTTP room sees it.
struct Commands(Queue);

impl http::RunCommands for Commands {
    fn submit(&self, plan: Plan) -> BoxFuture<'_, Result<RunId, String>> {
        Box::pin(async move { self.0.submit(plan).await.map_err(|e| e.to_string()) })
    }

    fn submit_study(&self, plan: StudyPlan) -> BoxFuture<'_, Result<StudyId, String>> {
        Box::pin(async move { self.0.submit_study(plan).await.map_err(|e| e.to_string()) })
    }

    fn resume(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        Box::pin(async move { self.0.resume(&run).await.map_err(|e| e.to_string()) })
    }

    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        let result = self.0.cancel(run).map_err(|e| e.to_string());
        Box::pin(std::future::ready(result))
    }
}

/// Serves until SIGINT or SIGTERM, then cancels what runs and ends its engine.
pub async fn serve(args: ServeArgs) -> anyhow::Result<u8> {
    if let Some(token) = &args.token
        && token.len() < 32
    {
        anyhow::bail!(
            "the token has {} characters, at least 32 are needed: leave it out to get a random one",
            token.len()
        );
    }
    let data_dir = DataDir::lock(&args.data.data_dir)?;
    let log = SqliteLog::open(&data_dir.log_path())?;
    let blobs = BlobStore::open(data_dir.blob_dir())?;
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;
    let token = args.token.unwrap_or_else(|| Fresh::new().secret.expose().to_owned());
    let means = means(&data_dir)?;
    let prices = Prices::of(data_dir.path());
    let queue = Queue::start(log.clone(), blobs.clone(), means.clone(), prices.clone()).await?;
    let by_hand = ByHand::new(means, queue.floor(), log.clone());
    let mut access = http::Access::new(&token, People::open(log.clone()).await?);
    for name in &args.allow_host {
        access = access.allow_host(name);
    }
    if let Some(proxy) = args.proxy.proxy() {
        access = access.behind(proxy);
    }
    let clocks = queue.clone();
    let keeping = tokio::spawn(Keeper::new(log.clone(), blobs.clone()).daily());
    let state = http::State {
        log: log.clone(),
        blobs,
        hub: Hub::new(log.clone(), Arc::new(move |run| clocks.run_time_ns(run))),
        commands: Arc::new(Commands(queue.clone())),
        by_hand: by_hand.clone(),
        prices,
        machine: Machine::start(Manner::default()),
        access,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let url = format!("http://{address}");
    AgentFile { url: url.clone(), token: token.clone(), pid: std::process::id() }.write(&args.data.data_dir)?;
    let mut open = format!("{url}/?token={token}");
    if args.first_run && log.rows(1, None).await?.is_empty() {
        let plan = shared::preset::find("first").context("the preset of the first run is broken")?;
        let run = queue.submit(plan).await?;
        open = format!("{url}/runs/{run}?token={token}");
    }
    println!("Tokenprism serves on {url}");
    if !address.ip().is_loopback() {
        println!(
            "Warning: this address is reachable from other machines, without encryption; the token goes over the wire."
        );
    }
    println!("Open in a browser:\n\n    {open}\n");
    let served = http::serve(listener, state, stop_signal()).await;
    keeping.abort();
    println!("Stopping: what runs is cancelled and its engine ended.");
    tokio::join!(queue.stop(), by_hand.end());
    agent_file::remove(&args.data.data_dir);
    served?;
    Ok(DONE)
}

/// Listens where told; by default on the first free port from 7717 on, loopback only.
async fn listen(wanted: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    if let Some(address) = wanted {
        return TcpListener::bind(address).await.with_context(|| {
            format!("{address} could not be listened on; another program may hold the port: name another with --listen")
        });
    }
    for port in DEFAULT_PORT..DEFAULT_PORT + NEXT_PORTS {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    let last = DEFAULT_PORT + NEXT_PORTS - 1;
    anyhow::bail!("no port from {DEFAULT_PORT} to {last} is free on 127.0.0.1: name one with --listen 127.0.0.1:PORT")
}

/// Resolves at the first SIGINT or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            // Without the handler SIGTERM ends the process at once, which is what was asked for.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_may_be_one_address() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(network(text).ok().map(|net| net.to_string()).as_deref(), expect, "{text}");
        };
        check("10.0.0.0/8", Some("10.0.0.0/8"));
        check("10.0.0.1", Some("10.0.0.1/32"));
        check("::1", Some("::1/128"));
        check("proxy.example", None);
        check("10.0.0.0/33", None);
    }
}
