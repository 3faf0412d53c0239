//! Owns the columns that set figures beside what the hardware allows: shares, and on hover what the bounds are made of.
//! Must not know how bounds are computed; the definitions of metrics have the formulas, one click away.

use super::columns::{Column, told};
use crate::format;
use crate::roofline::Limit;
use crate::summary::Summary;

const fn of_limit(key: &'static str, text: fn(&Summary) -> String, hover: fn(&Summary) -> String) -> Column {
    Column { metric: Some(key), needs_limit: true, ..told("of the limit", key, text, hover) }
}

/// Least time per token over the measured one.
pub(super) const OF_TPOT: Column = of_limit(
    "of_tpot",
    |s| share(s, |limit| limit.of_tpot),
    |s| {
        words(s, |limit| {
            let floor = format::figure(limit.tpot_floor_ms, "ms");
            let measured = format::figure(limit.tpot_ms, "ms");
            let (decoding, context) = (format::bare(limit.decoding), format::bare(limit.context_tokens));
            format!(
                "At least {floor} a token with {decoding} requests decoding and {context} tokens of context; measured {measured}, mean over tokens."
            )
        })
    },
);

/// Measured throughput over the most that there can be.
pub(super) const OF_THROUGHPUT: Column = of_limit(
    "of_throughput",
    |s| share(s, |limit| limit.of_throughput),
    |s| {
        words(s, |limit| {
            let (most, in_flight) = (format::figure(limit.throughput_ceiling, "tok/s"), format::bare(limit.in_flight));
            let (prompt, output) = (format::bare(limit.prompt_tokens), format::bare(limit.output_tokens));
            format!("At most {most} with {in_flight} requests in flight of {prompt} tokens in and {output} out.")
        })
    },
);

/// Least time to first token over the mean measured one.
pub(super) const OF_TTFT: Column = of_limit(
    "of_ttft",
    |s| share(s, |limit| limit.of_ttft),
    |s| {
        words(s, |limit| {
            let (floor, prompt) = (format::figure(limit.ttft_floor_ms, "ms"), format::bare(limit.prompt_tokens));
            format!("At least {floor} for a prompt of {prompt} tokens alone.")
        })
    },
);

fn share(s: &Summary, of: fn(&Limit) -> Option<f64>) -> String {
    format::or_absent(s.limit.as_ref().and_then(of), format::share)
}

/// What a bound is, and the hardware that it is of.
fn words(s: &Summary, of: fn(&Limit) -> String) -> String {
    let Some(limit) = &s.limit else { return s.no_limit.clone().unwrap_or_default() };
    let gpus = if limit.gpus == 1 { "one GPU".to_owned() } else { format!("{} GPUs", limit.gpus) };
    let (bandwidth, peak) = (limit.bytes_per_s / 1e12, limit.flops_per_s / 1e12);
    let kept = match limit.prompts_kept {
        true => " Prompts may have been kept, so only the last token of each is counted as computed.",
        false => "",
    };
    format!(
        "{} Of {gpus}: {}, {}, by the driver's highest clocks; {} of weights a step.{kept}",
        of(limit),
        format::figure(Some(bandwidth), "TB/s"),
        format::figure(Some(peak), "TFLOP/s"),
        format::bytes(limit.weight_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_names_its_bound_and_the_hardware_or_why_there_is_none() {
        let limit = Limit {
            tpot_floor_ms: Some(3.97),
            of_tpot: Some(0.651),
            tpot_ms: Some(6.1),
            decoding: Some(1.0),
            context_tokens: Some(320.0),
            weight_bytes: 13_214_687_232,
            gpus: 1,
            bytes_per_s: 3.352e12,
            flops_per_s: 1.0705e15,
            ..Limit::default()
        };
        let summary = Summary { limit: Some(limit), ..Summary::default() };
        assert_eq!((OF_TPOT.text)(&summary), "65.1 %");
        assert_eq!(
            (OF_TPOT.hover)(&summary),
            "At least 3.97 ms a token with 1.00 requests decoding and 320 tokens of context; measured 6.10 ms, mean over \
             tokens. Of one GPU: 3.35 TB/s, 1,070 TFLOP/s, by the driver's highest clocks; 12.3 GiB of weights a step."
        );
        assert_eq!((OF_TTFT.text)(&summary), format::ABSENT);
        let kept = Summary { limit: summary.limit.map(|limit| Limit { prompts_kept: true, ..limit }), ..summary };
        assert!(
            (OF_TPOT.hover)(&kept).ends_with(
                "a step. Prompts may have been kept, so only the last token of each is counted as computed."
            )
        );
        let none = Summary { no_limit: Some("It guesses.".to_owned()), ..Summary::default() };
        assert_eq!((OF_TTFT.hover)(&none), "It guesses.");
    }
}
