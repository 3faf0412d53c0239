//! Owns the columns of what was measured beside requests: the server's own TTFT, energy.
//! Must not know how either is measured.

use super::columns::{Group, told};
use crate::format;
use crate::summary::Summary;
use crate::telemetry::{Bucketed, EnergyMethod, ServerLatency};

/// TTFT by the server's own histogram.
pub(super) const SERVER: Group = Group {
    name: "TTFT by the server, ms",
    metric: Some("server_ttft"),
    columns: &[
        told(
            "mean",
            "server_ttft.mean",
            |s| format::bare(server_ttft(s).and_then(|t| t.mean_ms)),
            |s| server_words(s, None),
        ),
        told(
            "p50",
            "server_ttft.p50",
            |s| bucketed(server_ttft(s).and_then(|t| t.p50)),
            |s| server_words(s, server_ttft(s).and_then(|t| t.p50)),
        ),
        told(
            "p99",
            "server_ttft.p99",
            |s| bucketed(server_ttft(s).and_then(|t| t.p99)),
            |s| server_words(s, server_ttft(s).and_then(|t| t.p99)),
        ),
        told(
            "n",
            "server_ttft.n",
            |s| format::or_absent(server_ttft(s), |t| format::count(t.n)),
            |s| server_words(s, None),
        ),
    ],
};

/// Energy of the engine's GPUs.
pub(super) const ENERGY: Group = Group {
    name: "Energy",
    metric: Some("energy_per_token"),
    columns: &[
        told("J/tok", "energy_per_token", |s| format::bare(s.energy.and_then(|e| e.joules_per_token)), energy_words),
        told("tok/s/W", "tokens_per_joule", |s| format::bare(s.energy.and_then(|e| e.tokens_per_joule)), energy_words),
        told("by", "energy.method", |s| format::or_absent(s.energy, |e| method(e.method).to_owned()), energy_words),
    ],
};

fn server_ttft(s: &Summary) -> Option<&ServerLatency> {
    s.server.as_ref()?.ttft.as_ref()
}

/// A percentile out of a histogram: interpolated, or no more than that it lies above the last bound.
fn bucketed(percentile: Option<Bucketed>) -> String {
    match percentile {
        None => format::ABSENT.to_owned(),
        Some(Bucketed { ms: Some(ms), .. }) => format!("≈ {}", format::significant(ms)),
        Some(Bucketed { above_ms, .. }) => format!("> {}", format::significant(above_ms)),
    }
}

fn server_words(s: &Summary, percentile: Option<Bucketed>) -> String {
    if server_ttft(s).is_none() {
        return "The server told no such histogram around this window, or it began anew.".to_owned();
    }
    let bucket = percentile.map(|of| match of.up_to_ms {
        Some(up_to) => {
            let (above, up_to) = (format::significant(of.above_ms), format::significant(up_to));
            format!("Somewhere between {above} and {up_to} ms: interpolated within that bucket. ")
        }
        None => format!("In the last bucket, above {} ms. ", format::significant(of.above_ms)),
    });
    let means = "By the server's own histogram, from when it takes a request in: the way to it and back is not in it.";
    format!("{}{means}", bucket.unwrap_or_default())
}

/// How energy was measured, in a word.
fn method(method: EnergyMethod) -> &'static str {
    match method {
        EnergyMethod::Counter => "counter",
        EnergyMethod::Integrated => "power",
        EnergyMethod::Mixed => "both",
        EnergyMethod::Unknown => "other",
    }
}

fn energy_words(s: &Summary) -> String {
    let Some(energy) = s.energy else {
        return "Unknown for at least one of the engine's GPUs, or which ones those are.".to_owned();
    };
    let gpus = if energy.gpus == 1 { "one GPU".to_owned() } else { format!("{} GPUs", energy.gpus) };
    let how = match energy.method {
        EnergyMethod::Counter => "by the driver's energy counter",
        EnergyMethod::Integrated => "by power over time",
        EnergyMethod::Mixed => "by the driver's energy counter where there is one, else by power over time",
        EnergyMethod::Unknown => "in a way that this page does not know",
    };
    format!("{} of {gpus} over the window, idle power included, {how}.", format::figure(Some(energy.joules), "J"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_names_its_bucket() {
        let check = |ms: Option<f64>, up_to_ms: Option<f64>, expect: &str, hover: &str| {
            let p99 = Some(Bucketed { ms, above_ms: 80.0, up_to_ms });
            let ttft = Some(ServerLatency { n: 9, mean_ms: Some(15.0), p50: None, p99 });
            let server = Some(crate::telemetry::ServerSide { ttft, ..Default::default() });
            let summary = Summary { server, ..Summary::default() };
            let column = SERVER.columns.iter().find(|column| column.name == "p99").unwrap();
            assert_eq!((column.text)(&summary), expect);
            assert!((column.hover)(&summary).starts_with(hover), "{}", (column.hover)(&summary));
        };
        check(Some(95.0), Some(100.0), "≈ 95.0", "Somewhere between 80.0 and 100 ms");
        check(None, None, "> 80.0", "In the last bucket, above 80.0 ms");
        assert_eq!((SERVER.columns[0].text)(&Summary::default()), format::ABSENT);
        assert!((SERVER.columns[0].hover)(&Summary::default()).contains("no such histogram"));
    }
}
