//! Owns `tokenprism serve`: the rooms put together, the URL printed, and a graceful end.
//! Must not know what happens inside the rooms.

use super::agent_file::{self, AgentFile};
use super::commands::Commands;
use super::edge::{self, EdgeArgs};
use super::{DONE, DataArg, means};
use crate::blob::BlobStore;
use crate::http;
use crate::hub::Hub;
use crate::log::{DataDir, SqliteLog};
use crate::orchestrate::{ByHand, Machine, Manner, Queue, Terms};
use crate::people::{Fresh, People};
use crate::price::Prices;
use crate::retention::Keeper;
use crate::schedule::{Backoff, Scheduler};
use crate::secret::Secrets;
use ::http::HeaderName;
use anyhow::Context;
use ipnet::IpNet;
use shared::people::Role;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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
    /// How long a run waits, in seconds, for the end of somebody else's processes on its GPUs, before it starts beside them and
    /// says so.
    #[arg(long, env = "TOKENPRISM_WAIT_FOR_GPUS", value_name = "SECONDS", default_value_t = 600)]
    wait_for_gpus: u64,
    #[command(flatten)]
    proxy: ProxyArgs,
    #[command(flatten)]
    edge: EdgeArgs,
    /// When told to end (SIGTERM, SIGINT), let the run that is under way come to its end first; told again, park it. Else it
    /// is parked at once: marked as interrupted, and it can be resumed.
    #[arg(long)]
    finish: bool,
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
    /// The header in which it says from which address a request comes (X-Forwarded-For): wrong tokens are then counted by that
    /// address and not by the proxy's.
    #[arg(long, value_name = "NAME", requires = "proxy_user_header")]
    proxy_address_header: Option<HeaderName>,
    /// The role of users of whom it does not name one.
    #[arg(long, value_name = "ROLE", default_value = "viewer", requires = "proxy_user_header")]
    proxy_role: Role,
}

impl ProxyArgs {
    /// The proxy, where one is named.
    fn proxy(self) -> Option<http::Proxy> {
        let user = self.proxy_user_header?;
        Some(http::Proxy {
            from: self.trusted_proxy,
            user,
            role: self.proxy_role_header,
            usual: self.proxy_role,
            address: self.proxy_address_header,
        })
    }
}

/// A network, or the one of a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("\"{text}\" is neither an address nor a network like 10.0.0.0/8"))
}

/// Serves until SIGINT or SIGTERM, then parks what runs and ends its engine.
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
    let (log, damage) = SqliteLog::open_or_rescue(&data_dir.log_path())?;
    if let Some(damage) = damage {
        eprintln!("tokenprism: {damage}");
    }
    let blobs = BlobStore::open(data_dir.blob_dir())?;
    let listener = listen(args.listen).await?;
    let edge::Doors { doors, address, url, local_url } = args.edge.doors(listener, &args.allow_host).await?;
    let token = args.token.unwrap_or_else(|| Fresh::new().secret.expose().to_owned());
    let means = means(&data_dir)?;
    let prices = Prices::of(data_dir.path());
    let terms = Terms::serving(Duration::from_secs(args.wait_for_gpus));
    let queue = Queue::start(log.clone(), blobs.clone(), means.clone(), prices.clone(), terms).await?;
    let secrets = Secrets::of(data_dir.path());
    let scheduler = Scheduler::start(log.clone(), queue.clone(), secrets, Backoff::default()).await?;
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
        commands: Arc::new(Commands { queue: queue.clone(), scheduler }),
        by_hand: by_hand.clone(),
        prices,
        machine: Machine::start(Manner::default()),
        access,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    AgentFile { url: local_url, token: token.clone(), pid: std::process::id() }.write(&args.data.data_dir)?;
    let mut open = format!("{url}/?token={token}");
    if args.first_run && log.rows(1, None).await?.is_empty() {
        let plan = shared::preset::find("first").context("the preset of the first run is broken")?;
        let run = queue.submit(plan).await?;
        open = format!("{url}/runs/{run}?token={token}");
    }
    println!("Tokenprism serves on {url}");
    if !address.ip().is_loopback() && !args.edge.is_encrypted() {
        println!(
            "Warning: this address is reachable from other machines, without encryption; the token goes over the wire."
        );
    }
    println!("Open in a browser:\n\n    {open}\n");
    let draining = CancellationToken::new();
    let told = until_told(args.finish, queue.clone(), draining.clone());
    let served = http::serve_at(doors, args.edge.base_path, draining, state, told).await;
    keeping.abort();
    say("Stopping: what runs is parked and its engine ended; what waits goes on waiting for the next start.");
    tokio::join!(queue.park(), by_hand.end());
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

/// Says how the agent ends. Whoever read its output may have gone, which must not keep it from ending well.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Resolves when the agent is told to end, and what it then does first is done.
async fn until_told(finish: bool, queue: Queue, draining: CancellationToken) {
    stop_signal().await;
    draining.cancel();
    if finish {
        say("Stopping once the run that is under way has ended; told again, it is parked.");
        tokio::select! {
            () = queue.finish() => {}
            () = stop_signal() => {}
        }
    }
}

/// Resolves at the next SIGINT or SIGTERM.
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
