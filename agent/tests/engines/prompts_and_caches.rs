//! Owns the proof that an engine is asked what it can take, is not asked more than fits, and that its cache is watched.
//! Must not know the agent's insides: servers play the engine.

use crate::played_engine::{ABLE, Ability, Played, play};
use crate::support::{Agent, attached, state};
use shared::plan::Plan;
use shared::summary::PrefixCache;
use std::time::Duration;
use tokenprism::engine::{Engine, Means};
use tokenprism::process::Host;

const LIMIT: Duration = Duration::from_secs(60);

async fn start(played: &Played) -> Engine {
    // The client needs the process's cryptography, which the program sets up for itself.
    drop(crate::support::client());
    let plan = Plan::from_toml(&attached(&played.url, "")).unwrap();
    let (lines, _received) = tokio::sync::mpsc::channel(8);
    let dir = tempfile::tempdir().unwrap();
    let means = Means::of(dir.path(), Host::open(dir.path()).unwrap().0);
    Engine::start(&plan, 0, &plan.configurations()[0], &means, lines).await.unwrap()
}

#[tokio::test]
async fn token_ids_are_used_where_the_server_takes_them_and_counts_them_one_by_one() {
    let check = async |ability: Ability, expect: Option<(u32, usize)>| {
        let engine = start(&play(ability)).await;
        let got = engine.vocabulary.map(|vocabulary| (vocabulary.ids()[0], vocabulary.ids().len()));
        assert_eq!(got, expect);
    };
    // The words' own ids, without the one at each end, which may be special.
    check(ABLE, Some((5_000, 127))).await;
    check(Ability { tokenises: false, ..ABLE }, Some((2_000, 2_000))).await;
    // It adds a token of its own: lengths would not be exact.
    check(Ability { counts: Some(|ids| ids + 1), ..ABLE }, None).await;
    check(Ability { counts: None, ..ABLE }, None).await;
    check(Ability { counts: None, tokenises: false, ..ABLE }, None).await;
}

#[tokio::test]
async fn a_prompt_that_cannot_fit_is_refused_before_any_load() {
    // CASES B53: 508 prompt tokens and 100 more at 512.
    let played = play(ABLE);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let plan = attached(&played.url, "").replace("input_tokens = 16", "input_tokens = 508");
    let run = agent.submit(&plan.replace("output_tokens = 8", "output_tokens = 100")).await;
    let view = agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    let reason = view["reason"].as_str().unwrap();
    let words = "508 prompt tokens and 100 output tokens do not fit the engine's context of 512 tokens";
    assert!(reason.contains(words), "{reason}");
    // The token that shows that it works, and the one that shows what it counts.
    assert_eq!(played.asked("/v1/completions"), 2);
}

fn counters(queries: u32, hits: u32) -> String {
    format!(
        "vllm:prefix_cache_queries_total{{model_name=\"a b\\\"}}c\"}} {queries}.0\n\
         vllm:prefix_cache_hits_total{{model_name=\"a b\\\"}}c\"}} {hits}.0\n"
    )
}

#[tokio::test]
async fn the_prefix_caches_counters_are_compared_and_what_is_missing_is_unknown() {
    // CASES B54.
    let played = play(ABLE);
    played.shows(&counters(1000, 900));
    let cache = start(&played).await.prefix_counters.unwrap();
    let before = cache.read().await.unwrap();
    played.shows(&counters(3000, 900));
    let after = cache.read().await.unwrap();
    assert_eq!(after.since(before), Some(PrefixCache { queries: 2000, hits: 0 }));
    // It was started anew.
    played.shows(&counters(500, 100));
    assert_eq!(cache.read().await.unwrap().since(before), None);
    played.shows("vllm:prefix_cache_queries_total 5\n");
    assert_eq!(cache.read().await, None);
    assert!(start(&play(ABLE)).await.prefix_counters.is_none());
}

#[tokio::test]
async fn the_counters_are_read_before_and_after_each_trial_and_only_where_there_are_some() {
    let run = async |played: &Played| {
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path());
        let run = agent.submit(&attached(&played.url, "")).await;
        let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        assert_eq!(state(&view), "done", "{}", view["reason"]);
        played.asked("/metrics")
    };
    let with = play(ABLE);
    with.shows(&counters(1000, 900));
    // Once to find them, around both trials, and by telemetry at least before, and at the window's opening and end.
    assert!(run(&with).await > 1 + 2 * 2 + 2);
    // Once to find them, and once by telemetry, which does not ask again.
    assert_eq!(run(&play(ABLE)).await, 2);
}
