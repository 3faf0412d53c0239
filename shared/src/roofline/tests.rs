//! Owns the cases of bounds: computed by hand, their laws, and engines played at random that must not beat them.
//! Must not know how bounds are shown.

use super::*;
use crate::engine::{Attention, Gpu, GpuBounds, llama_2_7b};
use proptest::prelude::*;

/// An H100 80GB HBM3 as its driver describes it.
fn h100() -> Gpu {
    let bounds = GpuBounds {
        memory_clock_mhz: Some(2619),
        bus_bits: Some(5120),
        sm_clock_mhz: Some(1980),
        cores: Some(16_896),
        capability: Some((9, 0)),
    };
    Gpu { name: Some("NVIDIA H100 80GB HBM3".into()), uuid: None, bounds: Some(bounds) }
}

/// Llama-2-7B in float16 on it.
fn llama() -> EngineInfo {
    EngineInfo { shape: Some(llama_2_7b()), gpus: vec![h100()], ..EngineInfo::default() }
}

fn close(got: Option<f64>, expect: f64) {
    let got = got.unwrap();
    assert!((got / expect - 1.0).abs() < 1e-4, "{got}, not {expect}");
}

/// 256 tokens in, 128 out; the figures beside it were measured with the same model on such a GPU.
#[test]
fn llama_on_an_h100_by_hand() {
    let roofline = Roofline::of(&llama()).unwrap();
    // 13,476,831,232 bytes of weights without the table of 262,144,000.
    assert_eq!(roofline.weight_bytes, 13_214_687_232);
    // (13,214,687,232 + 320 × 524,288 − 62,914,560) / 3.35232e12 B/s.
    let text = Lengths { prompt: 256.0, output: 128.0 };
    close(roofline.step_floor_s(1.0, text), 3.973_23e-3);
    // The same with 128 × 320 × 524,288.
    close(roofline.step_floor_s(128.0, text), 10.329_1e-3);
    // (256 × 2 × 6,476,271,616 + 2 × 131,072,000) / 1.070531e15 FLOP/s = 3.0977 ms; reading the weights takes longer.
    close(Some(roofline.compute_floor_s(256.0)), 3.097_7e-3);
    close(Some(roofline.first_token_floor_s(256.0)), 3.923_17e-3);
    close(Some(roofline.first_token_floor_s(2048.0)), 24.779_5e-3);
    // 128 tokens in 127 / 128 of a step of 128; its 383 passes would take 4.67 ms of arithmetic.
    close(roofline.throughput_ceiling(128.0, text), 12_489.7);
    let alone = Seen {
        decoding: Some(0.97),
        in_flight: Some(1.0),
        prompt_tokens: Some(256.0),
        output_tokens: Some(128.0),
        ms_per_token: Some(6.1),
        output_throughput: Some(162.0),
        ttft_ms: Some(22.0),
    };
    let limit = roofline.limit(&alone);
    close(limit.of_tpot, 0.6514);
    close(limit.of_ttft, 0.178_33);
    close(limit.throughput_ceiling, 1e3 * 128.0 / (127.0 * 3.973_23));
    assert_eq!((limit.context_tokens, limit.gpus), (Some(320.0), 1));
}

/// The same, where all prompts may have been kept and be one.
#[test]
fn a_prompt_that_may_have_been_kept_is_neither_computed_nor_read_for_each() {
    let text = Lengths { prompt: 256.0, output: 128.0 };
    let roofline = Roofline::of(&EngineInfo { may_keep_prompts: true, ..llama() }).unwrap();
    assert_eq!(roofline, Roofline::of(&llama()).unwrap().keeping_prompts());
    close(roofline.step_floor_s(1.0, text), 3.973_23e-3);
    // (13,214,687,232 + (320 + 127 × 64) × 524,288 − 62,914,560) / 3.35232e12 B/s.
    close(roofline.step_floor_s(128.0, text), 5.244_37e-3);
    close(Some(roofline.first_token_floor_s(2048.0)), 3.923_17e-3);
    // 127 / 128 of that step; 128 passes would take 1.58 ms of arithmetic.
    close(roofline.throughput_ceiling(128.0, text), 128.0 / (127.0 / 128.0 * 5.244_37e-3));
}

#[test]
fn gpus_add_up_and_only_those_that_compute() {
    let two = EngineInfo { gpus: vec![h100(), h100()], ..llama() };
    assert_eq!(Roofline::of(&two).unwrap().bytes_per_s, 2.0 * 3.352_32e12);
    let one_of_two = EngineInfo { gpus_used: Some(1), ..two };
    assert_eq!(Roofline::of(&one_of_two).unwrap(), Roofline::of(&llama()).unwrap());
}

#[test]
fn narrow_weights_may_be_multiplied_as_narrow_as_they_are() {
    let mut info = llama();
    let wide = Roofline::of(&info).unwrap().flops_per_s;
    info.shape.as_mut().unwrap().bytes_per_weight = Some(1.0);
    assert_eq!(Roofline::of(&info).unwrap().flops_per_s, 2.0 * wide);
}

#[test]
fn no_bound_without_what_it_is_made_of() {
    let check = |info: EngineInfo, words: &str| {
        let why = Roofline::of(&info).unwrap_err();
        assert!(why.contains(words) && why.ends_with('.'), "{why}");
    };
    check(EngineInfo { shape: None, no_shape: Some("A file says nothing.".into()), ..llama() }, "A file says");
    check(EngineInfo { shape: None, ..llama() }, "shape");
    check(EngineInfo { gpus: vec![], ..llama() }, "No GPU");
    check(EngineInfo { gpus: vec![Gpu { bounds: None, ..h100() }], ..llama() }, "NVIDIA H100 80GB HBM3");
    check(EngineInfo { other_work: Some("It guesses tokens.".into()), ..llama() }, "guesses");
    let mut unknown = llama();
    let shape = unknown.shape.as_mut().unwrap();
    (shape.bytes_per_weight, shape.unknown) = (None, vec!["Nobody told the dtype.".into()]);
    check(unknown, "dtype");
}

#[test]
fn what_a_window_did_not_see_has_no_bound() {
    let roofline = Roofline::of(&llama()).unwrap();
    let nothing = roofline.limit(&Seen::default());
    assert_eq!((nothing.tpot_floor_ms, nothing.throughput_ceiling, nothing.ttft_floor_ms), (None, None, None));
    // Half of the layers see 1,024 tokens: beyond them KV bytes are unknown, and a prefill is not.
    let mut mixed = llama();
    mixed.shape.as_mut().unwrap().attention = Attention::Mixed(1024);
    let seen = Seen {
        decoding: Some(4.0),
        in_flight: Some(4.0),
        prompt_tokens: Some(2000.0),
        output_tokens: Some(100.0),
        ms_per_token: Some(9.0),
        ..Seen::default()
    };
    let limit = Roofline::of(&mixed).unwrap().limit(&seen);
    assert_eq!((limit.tpot_floor_ms, limit.of_tpot, limit.throughput_ceiling), (None, None, None));
    assert!(limit.ttft_floor_ms.is_some() && limit.of_ttft.is_none());
    let short = Seen { prompt_tokens: Some(900.0), ..seen };
    assert!(Roofline::of(&mixed).unwrap().limit(&short).of_tpot.is_some());
}

proptest! {
    #[test]
    fn more_work_takes_longer(batch in 1.0..512.0, more in 1.0..512.0, tokens in 1.0..8192.0, extra in 0.0..8192.0) {
        let roofline = Roofline::of(&llama()).unwrap();
        let text = |prompt| Lengths { prompt, output: 128.0 };
        let floor = |batch, prompt| roofline.step_floor_s(batch, text(prompt)).unwrap();
        prop_assert!(floor(batch + more, tokens) >= floor(batch, tokens));
        prop_assert!(floor(batch, tokens + extra) >= floor(batch, tokens));
        prop_assert!(roofline.first_token_floor_s(tokens + extra) >= roofline.first_token_floor_s(tokens));
        let ceiling = |batch, prompt| roofline.throughput_ceiling(batch, text(prompt)).unwrap();
        let kept = roofline.keeping_prompts();
        prop_assert!(kept.step_floor_s(batch, text(tokens)).unwrap() <= floor(batch, tokens));
        prop_assert!(kept.throughput_ceiling(batch, text(tokens)).unwrap() >= ceiling(batch, tokens));
        prop_assert!(ceiling(batch + more, tokens) >= ceiling(batch, tokens));
        prop_assert!(ceiling(batch, tokens + extra) <= ceiling(batch, tokens));
    }

    /// Each step holds some of the requests that are decoding, takes at least what the hardware needs for those, and
    /// some time may pass beside; requests that wait for their first token are in no step.
    #[test]
    fn no_engine_beats_a_bound(
        steps in prop::collection::vec((1_u32..300, 0_u32..300, 0_u32..300, 0.0..0.02), 1..200),
        prompt in 1.0..4000.0,
    ) {
        let roofline = Roofline::of(&llama()).unwrap();
        let output = 128.0;
        let (mut window, mut decoding, mut in_flight, mut tokens) = (0.0, 0.0, 0.0, 0.0);
        for (held, idle, waiting, pause) in steps {
            let time = roofline.step_floor_s(f64::from(held), Lengths { prompt, output }).unwrap() + pause;
            window += time;
            decoding += f64::from(held + idle) * time;
            in_flight += f64::from(held + idle + waiting) * time;
            tokens += f64::from(held);
        }
        let seen = Seen {
            decoding: Some(decoding / window),
            in_flight: Some(in_flight / window),
            prompt_tokens: Some(prompt),
            output_tokens: Some(output),
            ms_per_token: Some(1e3 * decoding / tokens),
            // With the first tokens, which come out of prefills that took no time here.
            output_throughput: Some(tokens / window * output / (output - 1.0)),
            ttft_ms: None,
        };
        let limit = roofline.limit(&seen);
        prop_assert!(limit.of_tpot.unwrap() <= 1.0 + 1e-9, "{limit:?}");
        // Prefills that take no time beat arithmetic, and nothing else.
        let compute = roofline.compute_floor_s(prompt) * tokens / (output - 1.0) > window;
        prop_assert!(compute || limit.of_throughput.unwrap() <= 1.0 + 1e-9, "{limit:?}");
    }
}
