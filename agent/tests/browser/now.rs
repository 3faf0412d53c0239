//! Owns the machine on the first screen in a real browser: cards of GPUs and host, what each is, lacks and suffers; and the
//! prices of GPUs that somebody gives on the page.
//! Must not know the agent's insides: a played driver stands in for a real one.

use crate::browser::{Chromium, Tab};
use crate::fake_nvml::FakeNvml;
use crate::support::{Agent, TOKEN};
use crate::turns::beside_another;
use std::path::Path;

/// An agent whose driver plays a file of the matrix of faults.
fn agent_with(fault: &str, data: &Path) -> (FakeNvml, Agent) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/nvml/{fault}.toml"));
    let fake = FakeNvml::playing(&std::fs::read_to_string(script).unwrap());
    let agent = Agent::driven_by(&fake.driver(), data);
    (fake, agent)
}

/// Waits until a card of each GPU has these words, in their order.
async fn cards(tab: &Tab, expect: &[&[&str]]) {
    let words = serde_json::to_string(expect).unwrap();
    let script = format!(
        "(() => {{ const cards = [...document.querySelectorAll('[data-testid=gpu-card]')].map(card => card.innerText);\
         const expect = {words}; return cards.length === expect.length\
         && expect.every((words, place) => words.every(word => cards[place].includes(word))); }})()"
    );
    tab.wait_for(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_gpu_has_a_card_that_says_what_it_is_and_what_it_suffers() {
    let _turn = beside_another().await;
    let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let chromium = Chromium::start().await;
    let open = async |agent: &Agent| chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;

    let (_fake, agent) = agent_with("b58_slices_listed", dirs[0].path());
    let tab = open(&agent).await;
    let slice = ["MIG 1g.10gb", "slice", "of 9.50 GiB", "Not supported"];
    cards(&tab, &[&["H100 80GB HBM3", "200 W", "XID 79"], &slice, &slice, &["NVIDIA L4", "60.0 W"]]).await;
    let said = tab.wait("machine-said", |text| text.contains("XID 79")).await;
    assert!(said.contains("GPU 77aa is a slice of the GPU aa11"), "{said}");
    tab.wait("host-card", |text| text.contains("Memory")).await;

    let (_fake, agent) = agent_with("b57_unified_memory", dirs[1].path());
    let tab = open(&agent).await;
    let unified = ["NVIDIA GB10", "unified memory", "Host's memory", "GiB"];
    cards(&tab, &[&unified, &unified, &["NVIDIA GB10", "Not told: cannot be true"]]).await;

    let (_fake, agent) = agent_with("throttled", dirs[2].path());
    let tab = open(&agent).await;
    let both = ["held by power", "held by hardware"];
    cards(
        &tab,
        &[&["held by heat"], &["held by power"], &["held by hardware"], &["held by heat"], &both, &["NVIDIA L4"]],
    )
    .await;

    let (_fake, agent) = agent_with("b63_gone", dirs[3].path());
    let tab = open(&agent).await;
    cards(&tab, &[&["NVIDIA L4", "60.0 W"]]).await;
    tab.wait("no-gpus", |text| text.contains("The driver's GPU 1 does not answer")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_given_and_forgotten_on_the_page() {
    let _turn = beside_another().await;
    let data = tempfile::tempdir().unwrap();
    let agent = Agent::start(data.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/settings?token={TOKEN}", agent.url)).await;
    // The table's own row, with where it comes from.
    tab.wait("prices", |text| text.contains("L4") && text.contains("2.93")).await;
    tab.fill("[data-testid=price-gpu]", "H100 80GB").await;
    tab.fill("[data-testid=price-usd]", "two").await;
    tab.click("give-price").await;
    tab.wait_for("document.body.innerText.includes('The price must be a number')").await;
    tab.fill("[data-testid=price-usd]", "2.5").await;
    tab.fill("[data-testid=price-source]", "our contract").await;
    tab.click("give-price").await;
    tab.wait("prices", |text| text.contains("H100 80GB") && text.contains("our contract")).await;
    let (_, listed) = agent.get("/api/v1/prices").await;
    assert_eq!(listed[0]["usd_per_gpu_hour"], 2.5, "{listed}");
    tab.click("forget-price").await;
    tab.wait("prices", |text| !text.contains("H100 80GB") && text.contains("2.93")).await;
    chromium.stop().await;
}
