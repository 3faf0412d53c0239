//! Owns the agent under a path of a reverse proxy: API, socket, cookies, links, and the page in a real browser.
//! Must not know the agent's insides.

use crate::browser::Chromium;
use crate::prefix_proxy::PrefixProxy;
use crate::support::{Agent, PROGRAM, SHORT_PLAN, TOKEN, client, finished, state};
use crate::turns::beside_another;
use std::process::Command;
use std::time::Duration;
use tokio::net::TcpListener;

const BASE: &str = "/bench/tokenprism";
const LIMIT: Duration = Duration::from_secs(60);

/// An agent behind a proxy; the URL of the agent there.
async fn behind(dir: &std::path::Path, takes_off: bool) -> (Agent, PrefixProxy, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = Agent::with(dir, &["--base-path", BASE]);
    let to = agent.url.strip_prefix("http://").unwrap().strip_suffix(BASE).unwrap().to_owned();
    let proxy = PrefixProxy::start(listener, to, BASE, takes_off).await;
    let url = format!("http://{}{BASE}", proxy.address);
    (agent, proxy, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_the_agent_names_is_under_the_path() {
    let _turn = beside_another().await;
    for takes_off in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (agent, proxy, url) = behind(dir.path(), takes_off).await;
        let head = async |path: &str| {
            let answer = client().get(format!("{url}{path}")).send().await.unwrap();
            let of = |name| {
                answer
                    .headers()
                    .get(name)
                    .map(|value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned())
            };
            (answer.status().as_u16(), of("location"), of("set-cookie"))
        };
        // Only a proxy that passes the path on shows that its last slash is missing.
        if !takes_off {
            assert_eq!(head("").await, (308, Some(format!("{BASE}/")), None));
        }
        let (status, location, cookie) = head(&format!("/runs?token={TOKEN}&x=1")).await;
        assert_eq!((status, location), (303, Some(format!("{BASE}/runs?x=1"))));
        assert!(cookie.unwrap().ends_with(&format!("; Path={BASE}")));
        assert_eq!(head("/healthz").await.0, 200);
        // As the command line sees it, over HTTP and over the socket.
        let run = agent.submit(SHORT_PLAN).await;
        agent.wait(&run, LIMIT, |view| state(view) == "done").await;
        let mut watch = Command::new(PROGRAM);
        watch.args(["watch", &format!("{url}/runs/{run}"), "--token", TOKEN]);
        let output = tokio::task::spawn_blocking(move || finished(&mut watch)).await.unwrap();
        assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
        let shared = serde_json::json!({ "shared": { "run": run } }).to_string();
        let (status, made) = agent.post("/api/v1/shares", shared, "application/json").await;
        assert_eq!(status, 201, "{made}");
        let (status, location, cookie) = head(made["path"].as_str().unwrap()).await;
        assert_eq!((status, location), (303, Some(format!("{BASE}/runs/{run}"))));
        assert!(cookie.unwrap().contains(&format!("; Path={BASE}; ")));
        assert_eq!(*proxy.strayed.lock().unwrap(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_for_nothing_outside_of_the_path() {
    let _turn = beside_another().await;
    for takes_off in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (agent, proxy, url) = behind(dir.path(), takes_off).await;
        let run = agent.submit(&SHORT_PLAN.replace("requests = 12", "duration_s = 3.0")).await;
        let chromium = Chromium::start().await;
        let tab = chromium.open(&format!("{url}/?token={TOKEN}")).await;
        // Live, over the socket, to its end.
        tab.wait_for(&format!("document.querySelector('a[href=\"{BASE}/runs/{run}\"]') !== null")).await;
        tab.eval(&format!("document.querySelector('a[href=\"{BASE}/runs/{run}\"]').click()")).await;
        tab.wait("run-state", |text| text.contains("done")).await;
        assert_eq!(tab.eval("location.pathname").await, format!("{BASE}/runs/{run}"));
        // Every screen by its link, then loaded anew where it is.
        for screen in ["/runs", "/studies", "/engines", "/people", "/metrics-guide", "/new"] {
            tab.wait_for(&format!("document.querySelector('a[href=\"{BASE}{screen}\"]') !== null")).await;
            tab.eval(&format!("document.querySelector('a[href=\"{BASE}{screen}\"]').click()")).await;
            tab.wait_for(&format!("location.pathname === '{BASE}{screen}' && document.querySelector('h1') !== null"))
                .await;
            let astray = "[...document.querySelectorAll('a[href^=\"/\"]')].map(a => a.getAttribute('href'))";
            let links: Vec<String> = serde_json::from_value(tab.eval(astray).await).unwrap();
            assert!(links.iter().all(|link| link.starts_with(&format!("{BASE}/"))), "{screen}: {links:?}");
        }
        tab.0.reload().await.unwrap();
        tab.wait_for("document.querySelector('h1') !== null").await;
        assert_eq!(tab.eval("location.pathname").await, format!("{BASE}/new"));
        chromium.stop().await;
        // A browser asks for a picture of the site at its root by itself; the page names its own.
        let strayed: Vec<String> =
            proxy.strayed.lock().unwrap().iter().filter(|path| *path != "/favicon.ico").cloned().collect();
        assert_eq!(strayed, [""; 0]);
    }
}
