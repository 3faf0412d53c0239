//! Owns a real Chromium for tests, and reading a page by its test ids.
//! Must not know the agent's insides.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support fails by panicking")]

use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide::cdp::browser_protocol::memory::{GetDomCountersParams, GetDomCountersReturns};
use chromiumoxide::cdp::js_protocol::heap_profiler::CollectGarbageParams;
use chromiumoxide::page::Page;
use futures_util::StreamExt;
use std::time::{Duration, Instant};

/// A browser with a profile of its own.
pub struct Chromium {
    pub browser: Browser,
    _profile: tempfile::TempDir,
}

/// The browser to use: `TOKENPRISM_CHROMIUM`, else the distribution's.
fn executable() -> String {
    std::env::var("TOKENPRISM_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into())
}

impl Chromium {
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(executable())
            .user_data_dir(profile.path())
            .no_sandbox()
            .args([
                "--headless=new",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .build()
            .unwrap();
        let (browser, mut handler) =
            Browser::launch(config).await.expect("Chromium starts; TOKENPRISM_CHROMIUM names it");
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self { browser, _profile: profile }
    }

    pub async fn open(&self, url: &str) -> Tab {
        Tab(self.browser.new_page(url).await.unwrap())
    }

    /// A page with a script that runs before any of its own.
    pub async fn open_with(&self, script: &str, url: &str) -> Tab {
        let tab = self.open("about:blank").await;
        tab.0.evaluate_on_new_document(script).await.unwrap();
        tab.0.goto(url).await.unwrap();
        tab
    }

    pub async fn stop(mut self) {
        drop(self.browser.close().await);
        drop(self.browser.wait().await);
    }
}

/// One page.
pub struct Tab(pub Page);

impl Tab {
    /// The value of a script's expression.
    pub async fn eval(&self, script: &str) -> serde_json::Value {
        match self.0.evaluate(script).await {
            Ok(result) => result.value().cloned().unwrap_or_default(),
            Err(_) => serde_json::Value::Null,
        }
    }

    /// Text of the element with a test id; nothing where there is none.
    pub async fn text(&self, id: &str) -> Option<String> {
        let script = format!("document.querySelector('[data-testid=\"{id}\"]')?.textContent ?? null");
        self.eval(&script).await.as_str().map(|text| text.trim().to_owned())
    }

    /// Clicks the element with a test id once it is there.
    pub async fn click(&self, id: &str) {
        self.wait(id, |_| true).await;
        self.eval(&format!("document.querySelector('[data-testid=\"{id}\"]').click()")).await;
    }

    /// Types a text into the field that a selector names, once it is there.
    pub async fn fill(&self, selector: &str, text: &str) {
        let (selector, text) = (serde_json::json!(selector), serde_json::json!(text));
        self.wait_for(&format!("document.querySelector({selector}) !== null")).await;
        let script = format!(
            "(() => {{ const field = document.querySelector({selector}); field.value = {text}; \
             field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
        );
        self.eval(&script).await;
    }

    /// Chooses an option of the list that a selector names, once it is there.
    pub async fn choose(&self, selector: &str, value: &str) {
        let (selector, value) = (serde_json::json!(selector), serde_json::json!(value));
        self.wait_for(&format!("document.querySelector({selector}) !== null")).await;
        let script = format!(
            "(() => {{ const list = document.querySelector({selector}); list.value = {value}; \
             list.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
        );
        self.eval(&script).await;
    }

    /// Gives files to the field with a test id, as a person chooses them, once it is there.
    pub async fn give(&self, id: &str, files: &[String]) {
        self.wait(id, |_| true).await;
        let field = self.0.find_element(format!("[data-testid={id}]")).await.unwrap();
        let mut chosen = SetFileInputFilesParams::new(files.to_vec());
        chosen.backend_node_id = Some(field.backend_node_id);
        self.0.execute(chosen).await.unwrap();
    }

    /// Waits until the text of a test id satisfies a condition.
    pub async fn wait(&self, id: &str, until: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text(id).await;
            if let Some(text) = text.as_deref().filter(|text| until(text)) {
                return text.to_owned();
            }
            if begun.elapsed() > Duration::from_secs(90) {
                let body = self.eval("document.body.innerText").await;
                panic!("{id} did not come so far; it is {text:?} on the page:\n{body}");
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// Waits until a script's expression is true.
    pub async fn wait_for(&self, script: &str) {
        let begun = Instant::now();
        while self.eval(script).await != serde_json::Value::Bool(true) {
            let url = self.0.url().await.ok().flatten();
            assert!(begun.elapsed() < Duration::from_secs(90), "{script} did not become true at {url:?}");
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// Waits until the text of the element that a selector names holds these words.
    pub async fn says(&self, selector: &str, words: &str) {
        let (selector, words) = (serde_json::json!(selector), serde_json::json!(words));
        self.wait_for(&format!("document.querySelector({selector}).innerText.includes({words})")).await;
    }

    /// Waits until a run's page counts requests that ended well.
    pub async fn counts_requests(&self) {
        self.wait("run-ok", |text| text.chars().any(|c| ('1'..='9').contains(&c))).await;
    }

    /// What the page holds once garbage is gone.
    pub async fn held(&self) -> GetDomCountersReturns {
        self.0.execute(CollectGarbageParams::default()).await.unwrap();
        self.0.execute(GetDomCountersParams::default()).await.unwrap().result
    }

    /// Text of a cell, by test id and index, of every row of the points table.
    pub async fn rows(&self) -> Vec<String> {
        let script =
            "[...document.querySelectorAll('[data-testid=\"point-row\"]')].map(r => r.innerText.replace(/\\s+/g, ' '))";
        serde_json::from_value(self.eval(script).await).unwrap_or_default()
    }
}
