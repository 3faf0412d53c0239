use super::*;
use crate::engine::builtin::token::BOS;

fn read_text(route: Route, body: &str) -> Result<Work, ApiError> {
    read(route, body.as_bytes(), Limits { model: "m", max_model_len: 40, default_seed: 7 })
}

fn completions(body: &str) -> Work {
    read_text(Route::Completions, body).unwrap()
}

fn check_error(route: Route, body: &str, expect: &str) {
    let error = read_text(route, body).map(|_| ()).unwrap_err().to_json();
    assert!(error.contains(expect), "{body}: {error} has no {expect}");
}

#[test]
fn prompts_come_as_text_or_tokens() {
    assert_eq!(completions(r#"{"prompt":"ab"}"#).row.prompt, [BOS, 97, 98]);
    assert_eq!(completions(r#"{"prompt":["ab"]}"#).row.prompt, [BOS, 97, 98]);
    assert_eq!(completions(r#"{"prompt":[1,258]}"#).row.prompt, [1, 258]);
    assert_eq!(completions(r#"{"prompt":[[1,2]]}"#).row.prompt, [1, 2]);
    for prompt in ["[]", "[259]", "[-1]", "[1.5]", r#"["a","b"]"#, r#"[1,"a"]"#, "{}", "null", "3"] {
        check_error(Route::Completions, &format!(r#"{{"prompt":{prompt}}}"#), r#""code":400"#);
    }
}

#[test]
fn messages_come_as_text_or_text_parts() {
    let chat = |content: &str| {
        read_text(Route::Chat, &format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#)).unwrap().row
    };
    let plain = chat(r#""Hi""#);
    assert_eq!(plain.prompt, encode_chat([("user", "Hi")]));
    assert_eq!(plain.max_tokens, 40 - plain.prompt.len(), "a chat takes the rest of the context");
    assert_eq!(chat(r#"[{"type":"text","text":"H"},{"type":"text","text":"i"}]"#).prompt, plain.prompt);
    check_error(Route::Chat, r#"{"messages":[]}"#, "no messages");
    check_error(Route::Chat, r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#, "text parts only");
}

#[test]
fn defaults_are_vllms() {
    let work = completions(r#"{"prompt":"a"}"#);
    assert_eq!((work.row.max_tokens, work.row.sampling.temperature, work.row.sampling.seed), (16, 1.0, 7));
    assert!(!work.stream && !work.row.ignore_eos && !work.include_usage && !work.return_token_ids);
    let work = completions(r#"{"prompt":"a","max_tokens":3,"max_completion_tokens":4,"seed":-1,"temperature":0}"#);
    assert_eq!((work.row.max_tokens, work.row.sampling.seed), (4, u64::MAX));
}

#[test]
fn running_usage_needs_usage() {
    let work = completions(r#"{"prompt":"a","stream":true,"stream_options":{"continuous_usage_stats":true}}"#);
    assert!(work.stream && !work.continuous_usage);
    check_error(Route::Completions, r#"{"prompt":"a","stream_options":{}}"#, "stream=True");
}

#[test]
fn lengths_over_the_context_are_refused() {
    let ids = |count: usize| vec!["5"; count].join(",");
    let body = |count: usize, max: i64| format!(r#"{{"prompt":[{}],"max_tokens":{max}}}"#, ids(count));
    assert_eq!(completions(&body(36, 4)).row.max_tokens, 4);
    let too_large = "'max_tokens' or 'max_completion_tokens' is too large: 5. This model's maximum context length is 40 \
                     tokens and your request has 36 input tokens (5 > 40 - 36).";
    check_error(Route::Completions, &body(36, 5), too_large);
    check_error(Route::Completions, &body(41, 1), r#""param":"input_tokens""#);
    check_error(Route::Completions, &body(3, 0), "max_tokens must be at least 1, got 0.");
    check_error(Route::Completions, &body(3, -5), "max_tokens must be at least 1, got -5.");
    check_error(Route::Completions, &body(3, i64::MAX), "too large");
    check_error(Route::Completions, r#"{"prompt":"a","min_tokens":17}"#, "min_tokens");
}

#[test]
fn other_refusals_name_what_they_refuse() {
    check_error(Route::Completions, "{bad", r#""type":"Bad Request""#);
    check_error(Route::Completions, r#"{"prompt":"a","model":"other"}"#, r#""type":"NotFoundError""#);
    check_error(Route::Completions, r#"{"prompt":"a","temperature":-1}"#, r#""param":"temperature""#);
    check_error(Route::Completions, r#"{"prompt":"a","n":2}"#, r#""param":"n""#);
    check_error(Route::Completions, r#"{"prompt":"a","stop":["x"]}"#, r#""param":"stop""#);
    let harmless = r#"{"prompt":"a","n":1,"top_p":1.0,"top_k":-1,"stop":[],"logprobs":false,"user":"me"}"#;
    assert_eq!(completions(harmless).row.max_tokens, 16);
}
