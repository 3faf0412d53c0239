//! Owns the sentences about a machine: what happened to GPUs, what held them down, what is not known and why.
//! Must not know elements, nor what time an event is told in.

use crate::format;
use crate::telemetry::{
    ECC_CORRECTED, ECC_UNCORRECTED, Field, THROTTLED_BY_HARDWARE, THROTTLED_BY_HEAT, THROTTLED_BY_POWER, Trouble,
    TroubleKind,
};
use crate::view::{GpuSeen, Telemetry, Track};

/// "NVIDIA L4", "2 × NVIDIA L4", "NVIDIA L4, NVIDIA H100"; what has no name is a GPU.
#[must_use]
pub fn gpu_words(gpus: &[GpuSeen]) -> String {
    gpu_kinds(gpus.iter().map(|gpu| gpu.name.as_deref()))
}

/// The same of their names alone.
#[must_use]
pub fn gpu_kinds<'a>(names: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for name in names {
        let name = name.unwrap_or("GPU");
        match kinds.iter_mut().find(|(kind, _)| *kind == name) {
            Some((_, count)) => *count += 1,
            None => kinds.push((name, 1)),
        }
    }
    let kind =
        |(name, count): &(&str, usize)| if *count > 1 { format!("{count} × {name}") } else { (*name).to_owned() };
    kinds.iter().map(kind).collect::<Vec<_>>().join(", ")
}

/// Why there are no GPUs, or not all that were asked for.
#[must_use]
pub fn driver_says(telemetry: &Telemetry) -> Option<String> {
    telemetry.began.as_ref()?.no_gpus.clone()
}

/// What a GPU is that is no whole one with memory of its own: a slice, or one that uses the host's memory.
#[must_use]
pub fn kind_words(gpu: &GpuSeen, gpus: &[GpuSeen]) -> Option<String> {
    if let Some(whole) = &gpu.slice_of {
        let source = format!("{}{whole}", Telemetry::GPU);
        let whole = gpus.iter().find(|gpu| gpu.source == source).map_or(whole.as_str(), |gpu| gpu.short.as_str());
        return Some(format!("a slice of the GPU {whole}, which alone tells power, temperature and clocks"));
    }
    gpu.is_unified.then(|| "one without memory of its own: it uses the host's, which all of the host shares".to_owned())
}

/// What must be said of GPUs: what kind they are where they are no usual ones, what happened to them, what held their clocks
/// down, errors of their memory, reads that failed.
#[must_use]
pub fn sentences(telemetry: &Telemetry, gpus: &[GpuSeen], time: impl Fn(u64) -> String) -> Vec<String> {
    let kind = |gpu: &GpuSeen| Some(format!("{} is {}.", called(gpu, gpus), kind_words(gpu, gpus)?));
    let mut said: Vec<String> = gpus.iter().filter_map(kind).collect();
    said.extend(telemetry.troubles.iter().map(|trouble| trouble_words(trouble, gpus, &time)));
    if telemetry.more_troubles > 0 {
        said.push(format!("{} more such events are not listed.", format::count(telemetry.more_troubles)));
        let told = |source: &str| telemetry.troubles.iter().any(|t| t.source == source && t.kind == TroubleKind::Lost);
        let lost = |gpu: &&GpuSeen| telemetry.fate(&gpu.source).is_some_and(|fate| fate.is_lost) && !told(&gpu.source);
        let words = |gpu: &GpuSeen| format!("{} is lost; what it would have said is unknown.", called(gpu, gpus));
        said.extend(gpus.iter().filter(lost).map(words));
    }
    // Of several there is a table.
    if let [gpu] = gpus {
        let account = Account::of(telemetry, gpu);
        said.extend(account.held_words());
        said.extend(account.error_words());
        said.extend(failures(&called(gpu, gpus), telemetry, &gpu.source));
    }
    said
}

/// What a GPU went through so far, as numbers; what is unknown is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Whose.
    pub gpu: GpuSeen,
    /// Share of reads in which heat held its clocks down.
    pub heat: Option<f64>,
    /// That of power.
    pub power: Option<f64>,
    /// That of the hardware where it does not say which of the two.
    pub hardware: Option<f64>,
    /// Errors of its memory that were corrected.
    pub corrected: Option<u64>,
    /// Those that were not.
    pub uncorrected: Option<u64>,
    /// Values that it failed to tell, by why.
    pub failed: String,
}

impl Account {
    /// That of a GPU.
    #[must_use]
    pub fn of(telemetry: &Telemetry, gpu: &GpuSeen) -> Self {
        let bins = |key| telemetry.track(&gpu.source, key).into_iter().flat_map(Track::bins);
        let share = |key| {
            let (sum, n) = bins(key).fold((0, 0), |(sum, n), bin| (sum + bin.sum, n + bin.n));
            (n > 0).then(|| sum as f64 / n as f64)
        };
        let count = |key| telemetry.track(&gpu.source, key).and_then(Track::total);
        Self {
            gpu: gpu.clone(),
            heat: share(THROTTLED_BY_HEAT.key),
            power: share(THROTTLED_BY_POWER.key),
            hardware: share(THROTTLED_BY_HARDWARE.key),
            corrected: count(ECC_CORRECTED.key),
            uncorrected: count(ECC_UNCORRECTED.key),
            failed: failed(telemetry, &gpu.source),
        }
    }

    /// In which share of reads the clocks were held down.
    fn held_words(&self) -> Option<String> {
        let causes =
            [("heat", self.heat), ("power", self.power), ("the hardware, which does not say why,", self.hardware)];
        let words = |(cause, share): &(&str, Option<f64>)| {
            share.filter(|share| *share > 0.0).map(|share| format!("{cause} in {}", format::share(share)))
        };
        let held: Vec<String> = causes.iter().filter_map(words).collect();
        (!held.is_empty()).then(|| format!("The GPU had its clocks held down: by {} of reads.", held.join(", by ")))
    }

    /// Errors of memory, where there were any.
    fn error_words(&self) -> Option<String> {
        let (good, bad) = (self.corrected.unwrap_or(0), self.uncorrected.unwrap_or(0));
        (good + bad > 0).then(|| {
            let (good, bad) = (format::count(good), format::count(bad));
            format!("The GPU had errors in its memory: {good} corrected, {bad} not.")
        })
    }
}

/// What a source cannot tell and what it failed to tell; nothing where it tells everything.
#[must_use]
pub fn missing(who: &str, telemetry: &Telemetry, sources: &[&str]) -> Vec<String> {
    let lacks = |source: &str| -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let never =
            |track: &&Track| track.source == source && track.bins.is_empty() && track.absent.first() == Some(&0);
        for track in telemetry.tracks.iter().filter(never) {
            let name = signal_words(&track.signal);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let mut kinds: Vec<Vec<String>> = Vec::new();
    for names in sources.iter().map(|source| lacks(source)).filter(|names| !names.is_empty()) {
        if !kinds.contains(&names) {
            kinds.push(names);
        }
    }
    kinds.iter().map(|names| format!("{who}: {}.", names.join(", "))).collect()
}

/// "GPU aa11" where there are several.
fn called(gpu: &GpuSeen, gpus: &[GpuSeen]) -> String {
    if gpus.len() > 1 { format!("GPU {}", gpu.short) } else { "The GPU".to_owned() }
}

fn trouble_words(trouble: &Trouble, gpus: &[GpuSeen], time: impl Fn(u64) -> String) -> String {
    let who = gpus.iter().find(|gpu| gpu.source == trouble.source);
    let who = who.map_or_else(|| trouble.source.clone(), |gpu| called(gpu, gpus));
    let when = time(trouble.at_ns);
    match trouble.kind {
        TroubleKind::Lost => {
            format!("{who} was lost {when} ({}); what it would have said since is unknown.", code_words(trouble.code))
        }
        TroubleKind::Back => format!("{who} answered again {when}."),
        TroubleKind::Xid => format!("{who}: the driver reported the error XID {} {when}.", trouble.code),
        TroubleKind::Unknown => format!("{who}: something happened {when} that this page has no word for."),
    }
}

/// That a source failed to tell values, and why.
#[must_use]
pub fn failures(who: &str, telemetry: &Telemetry, source: &str) -> Option<String> {
    let failed = failed(telemetry, source);
    (!failed.is_empty()).then(|| format!("{who} failed to tell some values: {failed}."))
}

/// Values that a source failed to tell, by why; empty where it told all.
fn failed(telemetry: &Telemetry, source: &str) -> String {
    let mut codes: Vec<(u64, u64)> = Vec::new();
    for track in telemetry.tracks.iter().filter(|track| track.source == source) {
        for pair in track.absent.chunks_exact(2) {
            // A counter's first read has none before it, which is no failure.
            if pair[0] == 0 || pair[0] == u64::from(Field::BEGAN_ANEW) {
                continue;
            }
            match codes.iter_mut().find(|(code, _)| *code == pair[0]) {
                Some((_, count)) => *count += pair[1],
                None => codes.push((pair[0], pair[1])),
            }
        }
    }
    let words = |(code, count): &(u64, u64)| format!("{} ({})", format::count(*count), code_words(*code));
    codes.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// What a failure's code means.
#[must_use]
pub fn code_words(code: u64) -> String {
    let words = match u32::try_from(code).unwrap_or(u32::MAX) {
        4 => "no permission",
        10 => "timed out",
        15 => "GPU is lost",
        16 => "GPU must be reset",
        Field::IMPLAUSIBLE => "cannot be true",
        Field::UNREADABLE => "could not be read",
        Field::NO_ANSWER => "no answer",
        _ => return format!("the driver's code {code}"),
    };
    words.to_owned()
}

/// A signal's name in a sentence.
fn signal_words(key: &str) -> String {
    let words = match key {
        "busy" => "busy time",
        "memory_busy" => "busy time of memory",
        "memory_used" => "memory in use",
        "sm_clock" | "memory_clock" => "clocks",
        "throttled_by_heat" | "throttled_by_power" | "throttled_by_hardware" => "what holds clocks down",
        "pcie_rx" | "pcie_tx" => "PCIe traffic",
        "ecc_corrected" | "ecc_uncorrected" => "memory errors",
        "engine_memory" | "engine_memory_by_difference" | "others_memory" => "whose memory it is",
        "kv_used" => "share of the KV cache in use",
        "kv_bytes" => "bytes of the KV cache",
        "prefix_queries" | "prefix_hits" => "hits in the prefix cache",
        "disk_read" | "disk_written" => "disks",
        "net_rx" | "net_tx" => "network",
        "children_cpu" => "the engine's CPU time",
        "children_memory" => "the engine's memory",
        _ => return key.replace('_', " "),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Began, GpuFacts};

    fn track(source: &str, signal: &str, bins: &[u64], absent: &[u64]) -> Track {
        let bins = bins.iter().enumerate().flat_map(|(bin, value)| [bin as u64, 1, *value, *value, *value]).collect();
        let (source, signal) = (source.to_owned(), signal.to_owned());
        Track { source, signal, bins, absent: absent.to_vec(), ..Track::default() }
    }

    fn telemetry(uuids: &[&str], tracks: Vec<Track>) -> Telemetry {
        let facts = |uuid: &&str| GpuFacts {
            source: format!("gpu:{uuid}"),
            name: Some("NVIDIA L4".to_owned()),
            ..GpuFacts::default()
        };
        let began = Began { gpus: uuids.iter().map(facts).collect(), ..Began::default() };
        Telemetry { began: Some(began), tracks, ..Telemetry::default() }
    }

    fn check(telemetry: &Telemetry, expect: &[&str]) {
        let said = sentences(telemetry, &telemetry.gpus(), |at_ns| format!("at {at_ns} ns"));
        assert_eq!(said, expect);
    }

    #[test]
    fn what_happened_is_said_of_whom() {
        let trouble = |kind, code| Trouble { source: "gpu:GPU-aa11".into(), at_ns: 7, kind, code };
        let mut one = telemetry(&["GPU-aa11"], vec![]);
        one.troubles = vec![trouble(TroubleKind::Lost, 15), trouble(TroubleKind::Back, 0)];
        one.more_troubles = 1200;
        check(
            &one,
            &[
                "The GPU was lost at 7 ns (GPU is lost); what it would have said since is unknown.",
                "The GPU answered again at 7 ns.",
                "1,200 more such events are not listed.",
            ],
        );
        let began = one.began.as_mut().unwrap();
        (began.gpus[0].slice_of, one.troubles, one.more_troubles) = (Some("GPU-cc33".into()), vec![], 0);
        check(&one, &["The GPU is a slice of the GPU GPU-cc33, which alone tells power, temperature and clocks."]);
        let mut two = telemetry(&["GPU-aa11", "GPU-bb22"], vec![]);
        two.began.as_mut().unwrap().gpus[1].is_unified = true;
        check(&two, &["GPU bb22 is one without memory of its own: it uses the host's, which all of the host shares."]);
        let mut two = telemetry(&["GPU-aa11", "GPU-bb22"], vec![]);
        two.troubles = vec![trouble(TroubleKind::Xid, 79)];
        check(&two, &["GPU aa11: the driver reported the error XID 79 at 7 ns."]);
        assert_eq!(gpu_words(&two.gpus()), "2 × NVIDIA L4");
    }

    #[test]
    fn clocks_errors_and_failed_reads_are_counted() {
        let gpu = "gpu:GPU-aa11";
        let tracks = vec![
            track(gpu, "ecc_corrected", &[0, 3], &[10_002, 1]),
            track(gpu, "power", &[5], &[15, 40]),
            track(gpu, "temperature", &[5], &[10_004, 2, 15, 40]),
            track(gpu, "throttled_by_hardware", &[1, 0, 0, 0], &[]),
            track(gpu, "throttled_by_heat", &[0, 1, 1, 0], &[]),
            track(gpu, "throttled_by_power", &[0, 0, 0, 0], &[]),
        ];
        check(
            &telemetry(&["GPU-aa11"], tracks),
            &[
                "The GPU had its clocks held down: by heat in 50 %, by the hardware, which does not say why, in 25 % of reads.",
                "The GPU had errors in its memory: 3 corrected, 0 not.",
                "The GPU failed to tell some values: 80 (GPU is lost), 2 (no answer).",
            ],
        );
        // A counter that only began says nothing of a failure.
        check(&telemetry(&["GPU-aa11"], vec![track(gpu, "energy", &[1], &[10_002, 1])]), &[]);
    }

    #[test]
    fn what_a_device_lacks_is_one_line() {
        let lacking = |source| {
            vec![
                track(source, "energy", &[], &[0, 9]),
                track(source, "pcie_rx", &[], &[0, 9]),
                track(source, "pcie_tx", &[], &[0, 9]),
                track(source, "power", &[1], &[0, 1]),
            ]
        };
        let tracks = [lacking("gpu:GPU-aa11"), lacking("gpu:GPU-bb22")].concat();
        let said = missing("Not supported", &telemetry(&[], tracks), &["gpu:GPU-aa11", "gpu:GPU-bb22", "gpu:GPU-cc"]);
        assert_eq!(said, ["Not supported: energy, PCIe traffic."]);
    }
}
