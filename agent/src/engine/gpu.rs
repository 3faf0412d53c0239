//! Owns which GPUs an engine gets: what the host has and what the plan wants of it.
//! Must not know engines.

use super::EngineError;
use super::attach::loopback;
use super::launch::inherited_gpus;
use crate::telemetry::{self, Nvml, Reading, visible};
use shared::engine::{EngineKind, Gpu, GpuBounds};
use shared::plan::{EnginePlan, Gpus, Plan};
use std::collections::BTreeSet;
use tokio::task::spawn_blocking;

/// What the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostGpus {
    /// The driver's version.
    driver: Option<String>,
    /// By index, which is the order of the PCI bus.
    devices: Vec<Device>,
}

/// One GPU of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Device {
    index: u32,
    uuid: String,
    name: Option<String>,
    bounds: Option<GpuBounds>,
    /// The first of its slices, where it is cut: all that CUDA shows of it to a program that may use the whole.
    first_slice: Option<String>,
}

/// What an engine gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Devices {
    /// UUIDs, or indices where the host does not tell UUIDs; absent where it may use what it finds.
    pub chosen: Option<Vec<String>>,
    /// How many the plan wants of a host that does not tell which there are.
    pub count: Option<u32>,
    /// What is known of each that it may use.
    pub gpus: Vec<Gpu>,
    /// The driver's version.
    pub driver: Option<String>,
}

impl Devices {
    /// The UUIDs of whole GPUs where these and no others are the engine's.
    pub(super) fn own(&self) -> Option<Vec<String>> {
        self.chosen.as_ref()?;
        let uuid = |gpu: &Gpu| gpu.uuid.clone().filter(|uuid| uuid.starts_with("GPU-"));
        self.gpus.iter().map(uuid).collect()
    }
}

/// The GPUs of this host; none where there is no driver, or it does not answer.
pub(super) async fn of_this_host() -> HostGpus {
    // A driver that is not loaded yet takes seconds.
    let read = |nvml: Nvml| HostGpus::of(nvml.read(), |index| nvml.bounds(index), |index| nvml.first_slice(index));
    let read = spawn_blocking(move || Nvml::open().map(read)).await;
    match read.unwrap_or_else(|error| Reading::Failed(error.to_string())) {
        Reading::Value(host) => host,
        Reading::NotSupported => HostGpus::default(),
        Reading::Failed(why) => {
            tracing::warn!(why, "the GPUs of this host are unknown");
            HostGpus::default()
        }
    }
}

impl HostGpus {
    /// What the driver tells; a device that does not tell its UUID cannot be given to an engine, so it is none.
    fn of(
        read: telemetry::Gpus,
        bounds: impl Fn(u32) -> Option<GpuBounds>,
        first_slice: impl Fn(u32) -> Option<String>,
    ) -> Self {
        let device = |device: &Reading<telemetry::Device>| {
            let device = device.value()?;
            Some(Device {
                index: device.index,
                uuid: device.uuid.value()?.clone(),
                name: device.name.value().cloned(),
                bounds: bounds(device.index),
                first_slice: first_slice(device.index),
            })
        };
        let devices = read.devices.value().into_iter().flatten().filter_map(device).collect();
        Self { driver: read.driver.value().cloned(), devices }
    }
}

/// What the plan wants of these; `inherited` is the agent's `CUDA_VISIBLE_DEVICES`, which says what an engine may use where
/// the plan names none, and of which so many are taken where it only says how many.
///
/// # Errors
/// Where the host is known to have fewer, or not those.
pub(super) fn choose(wanted: Option<&Gpus>, host: HostGpus, inherited: Option<&str>) -> Result<Devices, EngineError> {
    let HostGpus { driver, devices: host } = host;
    let known = |device: &Device| match &device.first_slice {
        // What a slice can do is a part of what the whole could, and nobody says which.
        Some(slice) => Gpu { uuid: Some(slice.clone()), ..Gpu::default() },
        None => Gpu { name: device.name.clone(), uuid: Some(device.uuid.clone()), bounds: device.bounds },
    };
    let has = || host.iter().map(|device| format!("{} {}", device.index, device.uuid)).collect::<Vec<_>>().join(", ");
    let lacks = |what: String| EngineError::Gpus { wanted: what, has: has() };
    let all = || host.iter().map(|device| device.uuid.clone()).collect::<Vec<_>>();
    let seen = inherited.map(|list| visible(list, &all()));
    let chosen: Vec<String> = match wanted {
        None => {
            let unseen = |uuid: &String| !host.iter().any(|device| device.uuid == *uuid);
            let slices = seen.iter().flatten().filter(|uuid| unseen(uuid));
            let slices = slices.map(|uuid| Gpu { uuid: Some(uuid.clone()), ..Gpu::default() });
            let whole = host.iter().filter(|device| seen.as_ref().is_none_or(|seen| seen.contains(&device.uuid)));
            let gpus = whole.map(known).chain(slices).collect();
            return Ok(Devices { chosen: None, count: None, gpus, driver });
        }
        Some(Gpus::Count(n)) if host.is_empty() => return Ok(Devices { count: Some(*n), ..Devices::default() }),
        Some(Gpus::Count(n)) => {
            let mut those = seen.unwrap_or_else(all);
            if those.len() < *n as usize {
                let of_these = inherited.map(|list| format!(" of those that CUDA_VISIBLE_DEVICES=\"{list}\" shows"));
                return Err(lacks(format!("{n} GPUs{}", of_these.unwrap_or_default())));
            }
            those.truncate(*n as usize);
            those
        }
        Some(Gpus::Indices(list)) if host.is_empty() => list.iter().map(u32::to_string).collect(),
        Some(Gpus::Indices(list)) => {
            let uuid = |index: &u32| {
                let device = host.iter().find(|device| device.index == *index);
                device.map(|device| device.uuid.clone()).ok_or_else(|| lacks(format!("GPU {index}")))
            };
            list.iter().map(uuid).collect::<Result<_, _>>()?
        }
        Some(Gpus::Uuids(list)) => {
            // A slice of a GPU has a UUID of its own, which is not in the list of whole ones.
            let is_missing =
                |uuid: &&String| uuid.starts_with("GPU-") && !host.iter().any(|d| d.uuid.starts_with(uuid.as_str()));
            if let Some(missing) = list.iter().find(is_missing).filter(|_| !host.is_empty()) {
                return Err(lacks(format!("GPU {missing}")));
            }
            list.clone()
        }
    };
    let gpu = |wanted: &String| {
        let device = host.iter().find(|device| device.uuid.starts_with(wanted.as_str()));
        device.map_or_else(|| Gpu { uuid: Some(wanted.clone()), ..Gpu::default() }, known)
    };
    Ok(Devices { gpus: chosen.iter().map(gpu).collect(), chosen: Some(chosen), count: None, driver })
}

/// The GPUs of this host, by UUID, that each of these plans says it computes on. Absent where it names none, where they are
/// not of this host, and where this host does not tell.
pub async fn planned(plans: &[Plan]) -> Vec<Option<BTreeSet<String>>> {
    let says = |plan: &Plan| plan.engine.kind != EngineKind::Builtin && plan.engine.gpus.is_some();
    if !plans.iter().any(says) {
        return vec![None; plans.len()];
    }
    let host = of_this_host().await;
    let of = |plan: &Plan| on(&plan.engine, host.clone(), inherited_gpus(&plan.engine).as_deref());
    plans.iter().map(|plan| if says(plan) { of(plan) } else { None }).collect()
}

fn on(engine: &EnginePlan, host: HostGpus, inherited: Option<&str>) -> Option<BTreeSet<String>> {
    let gpus = match &engine.url {
        None => choose(engine.gpus.as_ref(), host, inherited).ok()?.gpus,
        Some(url) if loopback::is_loopback(&url.parse().ok()?) => named(engine.gpus.as_ref(), host),
        Some(_) => return None,
    };
    gpus.into_iter().map(|gpu| gpu.uuid).collect()
}

/// The GPUs of this host that a plan names beyond doubt, of a server that it reaches by URL: by index or UUID, or as
/// many as there are. None where one of them is not here, nor where one is cut into slices: which of these a server that
/// was there before uses, nobody here can tell.
pub(super) fn named(wanted: Option<&Gpus>, mut host: HostGpus) -> Vec<Gpu> {
    let is_certain = match wanted {
        None => false,
        Some(Gpus::Count(n)) => host.devices.len() == *n as usize,
        Some(Gpus::Indices(_) | Gpus::Uuids(_)) => !host.devices.is_empty(),
    };
    if !is_certain {
        return Vec::new();
    }
    // Without their slices, so that whole ones are chosen as what they are.
    let cut = host.devices.iter_mut().filter_map(|device| device.first_slice.take().map(|_| device.uuid.clone()));
    let cut: Vec<String> = cut.collect();
    let gpus = choose(wanted, host, None).map(|devices| devices.gpus).unwrap_or_default();
    let is_cut = |gpu: &Gpu| gpu.uuid.as_ref().is_some_and(|uuid| cut.contains(uuid));
    if gpus.iter().any(is_cut) { Vec::new() } else { gpus }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: u32, uuid: &str, name: &str) -> Reading<telemetry::Device> {
        Reading::Value(telemetry::Device {
            index,
            uuid: Reading::Value(uuid.into()),
            name: Reading::Value(name.into()),
            memory: Reading::NotSupported,
            processes: Reading::NotSupported,
        })
    }

    const BOUNDS: GpuBounds = GpuBounds {
        memory_clock_mhz: Some(2619),
        bus_bits: Some(5120),
        sm_clock_mhz: None,
        cores: None,
        capability: Some((9, 0)),
    };

    fn two() -> HostGpus {
        let devices = vec![device(0, "GPU-aa11", "NVIDIA H100 80GB HBM3"), device(1, "GPU-bb22", "NVIDIA L4")];
        let read = telemetry::Gpus { driver: Reading::Value("580.65.06".into()), devices: Reading::Value(devices) };
        HostGpus::of(read, |index| (index == 0).then_some(BOUNDS), |_| None)
    }

    fn check(host: HostGpus, wanted: &str, expect: Result<(Option<&[&str]>, Option<u32>), &str>) {
        let wanted: Option<Gpus> = serde_json::from_str(wanted).unwrap();
        match (choose(wanted.as_ref(), host, None), expect) {
            (Ok(devices), Ok((chosen, count))) => {
                let chosen = chosen.map(|list| list.iter().map(|uuid| (*uuid).to_owned()).collect());
                assert_eq!((devices.chosen, devices.count), (chosen, count), "{wanted:?}");
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (got, expect) => panic!("{wanted:?}: {got:?}, not {expect:?}"),
        }
    }

    #[test]
    fn gpus_are_chosen_by_uuid() {
        check(two(), "null", Ok((None, None)));
        check(two(), "1", Ok((Some(&["GPU-aa11"]), None)));
        check(two(), "2", Ok((Some(&["GPU-aa11", "GPU-bb22"]), None)));
        check(two(), "[1]", Ok((Some(&["GPU-bb22"]), None)));
        check(two(), "[\"GPU-bb22\"]", Ok((Some(&["GPU-bb22"]), None)));
        check(two(), "[\"MIG-7\"]", Ok((Some(&["MIG-7"]), None)));
        check(two(), "3", Err("wants 3 GPUs, but this host has 0 GPU-aa11, 1 GPU-bb22"));
        check(two(), "[2]", Err("wants GPU 2"));
        check(two(), "[\"GPU-cc\"]", Err("wants GPU GPU-cc"));
    }

    #[test]
    fn a_host_that_does_not_tell_is_believed() {
        let lost = Reading::Value(vec![Reading::Failed("lost".into())]);
        let silent = HostGpus::of(telemetry::Gpus { driver: Reading::NotSupported, devices: lost }, |_| None, |_| None);
        check(silent, "2", Ok((None, Some(2))));
        check(HostGpus::default(), "[0, 1]", Ok((Some(&["0", "1"]), None)));
        check(HostGpus::default(), "[\"GPU-aa11\"]", Ok((Some(&["GPU-aa11"]), None)));
        check(HostGpus::default(), "null", Ok((None, None)));
    }

    #[test]
    fn without_a_word_in_the_plan_the_engine_uses_what_it_inherits() {
        let check = |inherited: Option<&str>, expect: &[&str]| {
            let devices = choose(None, two(), inherited).unwrap();
            let uuids: Vec<String> = devices.gpus.into_iter().filter_map(|gpu| gpu.uuid).collect();
            assert_eq!((devices.chosen, uuids), (None, expect.iter().map(|uuid| (*uuid).to_owned()).collect()));
        };
        check(None, &["GPU-aa11", "GPU-bb22"]);
        check(Some("1"), &["GPU-bb22"]);
        check(Some("GPU-aa"), &["GPU-aa11"]);
        check(Some("MIG-7"), &["MIG-7"]);
        check(Some("-1"), &[]);
    }

    #[test]
    fn of_a_gpu_in_slices_a_program_gets_the_first_one() {
        let check = |wanted: Option<Gpus>, inherited: Option<&str>, chosen: Option<&[&str]>, expect: &[&str]| {
            let mut host = two();
            host.devices[0].first_slice = Some("MIG-5f1c".to_owned());
            let devices = choose(wanted.as_ref(), host, inherited).unwrap();
            let owned = |uuids: &[&str]| uuids.iter().map(|uuid| (*uuid).to_owned()).collect::<Vec<_>>();
            assert_eq!(devices.chosen, chosen.map(owned));
            let slice = devices.gpus.iter().find(|gpu| gpu.uuid.as_deref() == Some("MIG-5f1c"));
            assert!(slice.is_none_or(|slice| slice.bounds.is_none()), "{slice:?}");
            let uuids: Vec<String> = devices.gpus.into_iter().filter_map(|gpu| gpu.uuid).collect();
            assert_eq!(uuids, owned(expect));
        };
        check(None, Some("0"), None, &["MIG-5f1c"]);
        check(None, Some("GPU-aa11"), None, &["MIG-5f1c"]);
        check(None, Some("1"), None, &["GPU-bb22"]);
        check(Some(Gpus::Indices(vec![0])), None, Some(&["GPU-aa11"]), &["MIG-5f1c"]);
        check(Some(Gpus::Uuids(vec!["MIG-77aa".to_owned()])), None, Some(&["MIG-77aa"]), &["MIG-77aa"]);
    }

    #[test]
    fn of_a_number_of_gpus_the_first_that_are_inherited_are_taken() {
        let check = |n: u32, inherited: &str, expect: Result<&[&str], &str>| {
            let devices = choose(Some(&Gpus::Count(n)), two(), Some(inherited));
            let chosen = devices.map(|devices| devices.chosen.unwrap()).map_err(|error| error.to_string());
            match (chosen, expect) {
                (Ok(chosen), Ok(expect)) => assert_eq!(chosen, expect, "{n} of {inherited}"),
                (Err(error), Err(words)) => assert!(error.contains(words), "{error}"),
                (got, _) => panic!("{n} of {inherited}: {got:?}"),
            }
        };
        check(1, "1", Ok(&["GPU-bb22"]));
        check(2, "1,0", Ok(&["GPU-bb22", "GPU-aa11"]));
        check(1, "MIG-7", Ok(&["MIG-7"]));
        check(2, "1", Err("wants 2 GPUs of those that CUDA_VISIBLE_DEVICES=\"1\" shows"));
        check(1, "-1", Err("CUDA_VISIBLE_DEVICES=\"-1\""));
        let engine: EnginePlan = serde_json::from_str(r#"{"kind": "vllm", "launch": "native", "gpus": 1}"#).unwrap();
        assert_eq!(on(&engine, two(), Some("1")), Some(["GPU-bb22".to_owned()].into()));
    }

    #[test]
    fn a_server_has_the_gpus_that_a_plan_names_beyond_doubt() {
        let check = |wanted: &str, expect: &[&str]| {
            let wanted: Option<Gpus> = serde_json::from_str(wanted).unwrap();
            let uuids: Vec<String> = named(wanted.as_ref(), two()).into_iter().filter_map(|gpu| gpu.uuid).collect();
            assert_eq!(uuids, expect);
        };
        check("null", &[]);
        check("1", &[]);
        check("2", &["GPU-aa11", "GPU-bb22"]);
        check("[1]", &["GPU-bb22"]);
        check("[\"GPU-aa\"]", &["GPU-aa11"]);
        check("[7]", &[]);
        // Of one that is cut, only a slice that is named is known.
        let check = |wanted: &str, expect: &[&str]| {
            let mut host = two();
            host.devices[0].first_slice = Some("MIG-5f1c".to_owned());
            let wanted: Option<Gpus> = serde_json::from_str(wanted).unwrap();
            let uuids: Vec<String> = named(wanted.as_ref(), host).into_iter().filter_map(|gpu| gpu.uuid).collect();
            assert_eq!(uuids, expect);
        };
        check("2", &[]);
        check("[0]", &[]);
        check("[\"GPU-aa11\"]", &[]);
        check("[1]", &["GPU-bb22"]);
        check("[\"MIG-5f1c\"]", &["MIG-5f1c"]);
        check("[\"MIG-77aa\"]", &["MIG-77aa"]);
    }

    #[test]
    fn a_plan_computes_on_the_gpus_that_it_names_of_this_host() {
        let check = |engine: &str, expect: Option<&[&str]>| {
            let engine: EnginePlan = serde_json::from_str(engine).unwrap();
            let uuids = on(&engine, two(), None);
            let expect = expect.map(|uuids| uuids.iter().map(|uuid| (*uuid).to_owned()).collect());
            assert_eq!(uuids, expect, "{engine:?}");
        };
        check(r#"{"kind": "vllm", "launch": "native", "gpus": [1]}"#, Some(&["GPU-bb22"]));
        check(r#"{"kind": "vllm", "launch": "native", "gpus": ["GPU-bb"]}"#, Some(&["GPU-bb22"]));
        check(r#"{"kind": "vllm", "launch": "docker", "gpus": 2}"#, Some(&["GPU-aa11", "GPU-bb22"]));
        check(r#"{"kind": "vllm", "launch": "native", "gpus": 3}"#, None);
        check(r#"{"kind": "vllm", "url": "http://localhost:8000", "gpus": [0]}"#, Some(&["GPU-aa11"]));
        check(r#"{"kind": "vllm", "url": "http://10.0.0.9:8000", "gpus": [0]}"#, None);
    }

    #[test]
    fn what_is_known_of_each_goes_along() {
        let wanted = Gpus::Indices(vec![0]);
        let devices = choose(Some(&wanted), two(), None).unwrap();
        let (name, uuid) = (Some("NVIDIA H100 80GB HBM3".into()), Some("GPU-aa11".into()));
        let gpu = Gpu { name, uuid, bounds: Some(BOUNDS) };
        assert_eq!((devices.gpus, devices.driver.as_deref()), (vec![gpu], Some("580.65.06")));
    }
}
