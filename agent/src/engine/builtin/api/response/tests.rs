use super::*;
use crate::engine::builtin::batch::RowRequest;
use crate::engine::builtin::sample::Sampling;
use crate::engine::builtin::token::EOS;

fn writer(route: Route, include_usage: bool, continuous_usage: bool, return_token_ids: bool) -> Writer {
    let sampling = Sampling { temperature: 0.0, seed: 0 };
    let row = RowRequest { prompt: vec![1, 2], max_tokens: 2, min_tokens: 0, ignore_eos: true, sampling };
    let work = Work { row, stream: true, include_usage, continuous_usage, return_token_ids };
    Writer::new(route, &work, "m", 0xab, 5)
}

fn stream(mut writer: Writer) -> String {
    let mut events = writer.events(65, None);
    events.extend(writer.events(66, Some(Ending::Length)));
    events.concat()
}

fn check(route: Route, options: (bool, bool, bool), expect: &[&str]) {
    let head = match route {
        Route::Completions => {
            r#"data: {"id":"cmpl-00000000000000ab","object":"text_completion","created":5,"model":"m","#
        }
        Route::Chat => {
            r#"data: {"id":"chatcmpl-00000000000000ab","object":"chat.completion.chunk","created":5,"model":"m","#
        }
    };
    let mut text: String =
        expect.iter().map(|rest| format!("{head}{}}}\n\n", rest.replace("FP", FINGERPRINT))).collect();
    text.push_str(DONE);
    assert_eq!(stream(writer(route, options.0, options.1, options.2)), text);
}

// The key order is that of the bytes vLLM 0.32 sends.
#[test]
fn completions_stream_is_vllms() {
    check(
        Route::Completions,
        (true, false, false),
        &[
            r#""choices":[{"index":0,"text":"A","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]"#,
            r#""choices":[{"index":0,"text":"B","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":null}]"#,
            r#""choices":[],"usage":{"prompt_tokens":2,"total_tokens":4,"completion_tokens":2},"system_fingerprint":"FP""#,
        ],
    );
    check(
        Route::Completions,
        (false, false, true),
        &[
            r#""choices":[{"index":0,"text":"A","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":[1,2],"token_ids":[65]}]"#,
            r#""choices":[{"index":0,"text":"B","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":[66]}]"#,
        ],
    );
}

#[test]
fn chat_stream_is_vllms() {
    check(
        Route::Chat,
        (false, false, false),
        &[
            r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null"#,
            r#""choices":[{"index":0,"delta":{"content":"A"},"logprobs":null,"finish_reason":null,"token_ids":null}]"#,
            r#""choices":[{"index":0,"delta":{"content":"B"},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}],"system_fingerprint":"FP""#,
        ],
    );
    check(
        Route::Chat,
        (true, true, false),
        &[
            r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":2,"total_tokens":2,"completion_tokens":0},"prompt_token_ids":null"#,
            r#""choices":[{"index":0,"delta":{"content":"A"},"logprobs":null,"finish_reason":null,"token_ids":null}],"usage":{"prompt_tokens":2,"total_tokens":3,"completion_tokens":1}"#,
            r#""choices":[{"index":0,"delta":{"content":"B"},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}],"usage":{"prompt_tokens":2,"total_tokens":4,"completion_tokens":2}"#,
            r#""choices":[],"usage":{"prompt_tokens":2,"total_tokens":4,"completion_tokens":2},"system_fingerprint":"FP""#,
        ],
    );
}

#[test]
fn an_end_token_counts_and_has_no_text() {
    let mut writer = writer(Route::Completions, true, false, false);
    let events = writer.events(EOS, Some(Ending::Stop)).concat();
    assert!(events.contains(r#""text":"","logprobs":null,"finish_reason":"stop""#), "{events}");
    assert!(events.contains(r#""completion_tokens":1"#), "{events}");
}

#[test]
fn whole_answers_hold_all_text_and_usage() {
    for (route, text) in
        [(Route::Completions, r#""text":"AB""#), (Route::Chat, r#""message":{"role":"assistant","content":"AB"}"#)]
    {
        let mut writer = writer(route, false, false, true);
        writer.push(65);
        writer.push(66);
        let answer = writer.whole(Ending::Length);
        for part in [text, r#""completion_tokens":2"#, r#""token_ids":[65,66]"#, r#""prompt_token_ids":[1,2]"#] {
            assert!(answer.contains(part), "{answer} has no {part}");
        }
    }
}

#[test]
fn a_failed_stream_ends_with_an_error() {
    let events = failure_events().concat();
    assert!(events.starts_with(r#"data: {"error":{"message":""#), "{events}");
    assert!(events.ends_with(DONE));
}
