//! The whole workload, without files (see agent/tests/load/workloads.rs for these).

use super::*;
use proptest::prelude::*;
use shared::plan::{PrefixPlan, SessionPlan, Spread};
use std::collections::BTreeSet;

fn workload(salt: u64, change: impl FnOnce(&mut Plan)) -> Workload {
    let mut plan = shared::preset::find("first").unwrap();
    change(&mut plan);
    Workload::of(&plan, salt).unwrap()
}

fn ids(ask: &Ask) -> &[u32] {
    let Prompt::TokenIds(ids) = &ask.prompt else { panic!("token ids expected") };
    ids
}

fn only(workload: &Workload, id: u64) -> Ask {
    let mut asks = workload.piece(id, id).asks;
    assert_eq!(asks.len(), 1);
    asks.remove(0)
}

#[test]
fn the_same_run_of_the_same_plan_makes_the_same_work_and_every_request_differs() {
    let (one, two) = (workload(1, |_| {}), workload(1, |_| {}));
    assert_eq!(only(&one, 5), only(&two, 5));
    assert_ne!(only(&one, 5), only(&one, 6));
    assert_eq!(ids(&only(&one, 0)).len(), 64);
}

#[test]
fn another_run_has_the_same_lengths_and_other_words() {
    let spread = |plan: &mut Plan| {
        plan.workload.input_tokens = Some(Lengths::Spread(Spread::Uniform { min: 20, max: 200 }));
        plan.workload.output_tokens = Some(Lengths::Spread(Spread::Uniform { min: 1, max: 90 }));
    };
    let (one, two) = (workload(1, spread), workload(2, spread));
    for id in 0..50 {
        let (one, two) = (only(&one, id), only(&two, id));
        assert_eq!((ids(&one).len(), one.output_tokens), (ids(&two).len(), two.output_tokens));
        assert_ne!(ids(&one)[..16], ids(&two)[..16]);
    }
}

#[test]
fn by_default_no_two_requests_share_their_first_block_of_tokens() {
    let work = workload(3, |_| {});
    let beginnings: BTreeSet<Vec<u32>> = (0..20_000).map(|id| ids(&only(&work, id))[..16].to_vec()).collect();
    assert_eq!(beginnings.len(), 20_000);
}

#[test]
fn without_a_nonce_every_request_is_the_same_in_every_run() {
    let same = |salt| workload(salt, |plan| plan.workload.nonce = false);
    assert_eq!(only(&same(1), 1), only(&same(2), 2));
}

#[test]
fn texts_are_marked_in_front_with_a_nonce_and_left_alone_without() {
    let texts = |nonce| {
        workload(1, |plan| {
            plan.workload.input_tokens = None;
            plan.workload.prompts = Some("simple reasoning".into());
            plan.workload.nonce = nonce;
        })
    };
    let text = |work: &Workload, id| match only(work, id).prompt {
        Prompt::Text(text) => text,
        other => panic!("{other:?}"),
    };
    let (marked, plain) = (texts(true), texts(false));
    assert!(text(&marked, 1).ends_with(&text(&plain, 1)) && text(&marked, 1).starts_with('['));
    assert_ne!(text(&marked, 1)[..18], text(&marked, 2)[..18]);
    assert_eq!(text(&plain, 1), text(&plain, 2));
    assert_eq!((plain.planned_tokens(), plain.caveats()), (None, vec![]));
}

#[test]
fn an_unknown_task_is_refused_with_those_that_exist() {
    let error = shipped("poetry").unwrap_err().to_string();
    assert!(error.contains("Factual recall") && error.contains("poetry"), "{error}");
    assert_eq!(shipped("simple reasoning").unwrap().len(), 1);
    assert_eq!(shipped("all").unwrap().len(), 4);
}

fn grouped(salt: u64, nonce: bool) -> Workload {
    workload(salt, |plan| {
        plan.workload.prefix = Some(PrefixPlan { groups: 3, tokens: 40 });
        plan.workload.nonce = nonce;
    })
}

#[test]
fn groups_share_their_prefix_to_the_token_and_nothing_after_it() {
    let work = grouped(1, true);
    let asks: Vec<Ask> = (0..30).map(|id| only(&work, id)).collect();
    let prefixes: BTreeSet<&[u32]> = asks.iter().map(|ask| &ids(ask)[..40]).collect();
    let suffixes: BTreeSet<&[u32]> = asks.iter().map(|ask| &ids(ask)[40..56]).collect();
    assert_eq!((prefixes.len(), suffixes.len()), (3, 30));
    assert_eq!(ids(&asks[1])[..40], ids(&asks[28])[..40]);
    assert!(asks.iter().all(|ask| ids(ask).len() == 104));
    // A cache that outlived an earlier run knows none of them; without a nonce it knows them all.
    assert_ne!(ids(&only(&grouped(2, true), 0))[..40], ids(&asks[0])[..40]);
    assert_eq!(only(&grouped(1, false), 0), only(&grouped(2, false), 3));
}

fn in_sessions(kind: EngineKind) -> Workload {
    workload(1, |plan| {
        plan.engine.kind = kind;
        plan.workload.input_tokens = Some(Lengths::Spread(Spread::Uniform { min: 5, max: 30 }));
        plan.workload.output_tokens = Some(Lengths::Spread(Spread::Uniform { min: 2, max: 20 }));
        plan.workload.sessions = Some(SessionPlan { turns: 4, think_s: 1.5 });
    })
}

#[test]
fn each_turn_begins_with_the_turn_before_and_a_reply_of_the_planned_length() {
    let work = in_sessions(EngineKind::Builtin);
    let piece = work.piece(7, 28);
    assert_eq!((piece.asks.len(), piece.think_ns), (4, 1_500_000_000));
    for (turn, pair) in (28..).zip(piece.asks.windows(2)) {
        let (before, after) = (ids(&pair[0]), ids(&pair[1]));
        assert_eq!(&after[..before.len()], before);
        let own = work.means.input(&Lengths::Spread(Spread::Uniform { min: 5, max: 30 }), turn + 1) as usize;
        assert_eq!(after.len(), before.len() + pair[0].output_tokens as usize + own);
    }
    assert_ne!(ids(&piece.asks[0])[..5], ids(&work.piece(8, 32).asks[0])[..5]);
    let longest = work.planned_tokens().unwrap();
    assert_eq!((longest.input, longest.output), (4 * 30 + 3 * 20, 20));
}

#[test]
fn in_words_a_session_is_messages_that_grow() {
    let work = in_sessions(EngineKind::OpenaiChat);
    let said: Vec<_> = work
        .piece(0, 0)
        .asks
        .into_iter()
        .map(|ask| match ask.prompt {
            Prompt::Messages(messages) => messages,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(said.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 5, 7]);
    assert!(said.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
    assert_eq!(work.caveats(), [Caveat::PromptLengthApproximate]);
}

#[test]
fn lengths_are_exact_in_words_too_as_far_as_words_are_tokens() {
    let work = workload(1, |plan| plan.engine.kind = EngineKind::OpenaiCompletions);
    let Prompt::Text(text) = only(&work, 3).prompt else { panic!("text expected") };
    assert_eq!(text.split(' ').count(), 64);
    let work = work.fitted(Some(Vocabulary::builtin()), None).unwrap();
    assert_eq!((ids(&only(&work, 3)).len(), work.caveats()), (64, vec![]));
}

/// CASES B53: what cannot fit is refused before there is load, and the longest request is named.
#[test]
fn what_cannot_fit_the_context_is_refused_with_the_longest_request() {
    let check = |context: u32, expect: Option<&str>, change: fn(&mut Plan)| {
        let fitted = workload(1, change).fitted(None, Some(context));
        match (expect, fitted) {
            (None, Ok(_)) => {}
            (Some(words), Err(error)) => {
                let error = error.to_string();
                assert!(error.contains(words) && error.contains(&format!("context of {context} tokens")), "{error}");
            }
            (expect, fitted) => panic!("{expect:?} with {context}, got {:?}", fitted.map(|_| ())),
        }
    };
    let fixed: fn(&mut Plan) = |plan| {
        plan.workload.input_tokens = Some(Lengths::Fixed(508));
        plan.workload.output_tokens = Some(Lengths::Fixed(100));
    };
    check(512, Some("508 prompt tokens and 100 output tokens"), fixed);
    check(607, Some("The longest request: "), fixed);
    check(608, None, fixed);
    let spread: fn(&mut Plan) = |plan| {
        let spread = Spread::LogNormal { median: 100.0, sigma: 0.1, min: 1, max: 500 };
        plan.workload.input_tokens = Some(Lengths::Spread(spread));
    };
    check(531, Some("500 prompt tokens and 32 output tokens"), spread);
    check(532, None, spread);
    let prefix: fn(&mut Plan) = |plan| plan.workload.prefix = Some(PrefixPlan { groups: 2, tokens: 400 });
    check(495, Some("whose prefix has 400 tokens: 464 prompt tokens"), prefix);
    check(496, None, prefix);
    let sessions: fn(&mut Plan) = |plan| plan.workload.sessions = Some(SessionPlan { turns: 3, think_s: 0.0 });
    check(287, Some("The last of a session's 3 turns, which holds the turns before it: 256 prompt tokens"), sessions);
    check(288, None, sessions);
    assert!(workload(1, fixed).fitted(None, None).is_ok());
}

proptest! {
    #[test]
    fn no_request_is_longer_than_what_was_checked(
        (input, output) in (1u32..200, 1u32..50),
        (turns, prefix) in (1u32..4, proptest::option::of(1u32..60)),
        (seed, id) in (any::<u64>(), any::<u64>()),
    ) {
        let spread = |most: u32| Some(Lengths::Spread(Spread::Uniform { min: 1, max: most }));
        let work = workload(seed, |plan| {
            plan.workload.seed = seed;
            plan.workload.input_tokens = spread(input);
            plan.workload.output_tokens = spread(output);
            plan.workload.prefix = prefix.map(|tokens| PrefixPlan { groups: 5, tokens });
            plan.workload.sessions = Some(SessionPlan { turns, think_s: 0.0 });
        });
        let longest = work.planned_tokens().unwrap();
        for ask in work.piece(id, id).asks {
            prop_assert!(ids(&ask).len() as u64 <= longest.input);
            prop_assert!(u64::from(ask.output_tokens) <= longest.output);
        }
    }
}
