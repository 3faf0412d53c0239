//! Owns which GPUs an engine gets: what the host has, by the driver's own tool, and what the plan wants of it.
//! Must not know engines.

use super::EngineError;
use super::tool::ask;
use shared::engine::Gpu;
use shared::plan::Gpus;
use std::time::Duration;

/// How long the driver's tool may take; a driver that is not loaded yet takes seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// One GPU of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    index: u32,
    uuid: String,
    name: String,
    driver: String,
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

/// The GPUs of this host; none where there is no driver, or it does not answer.
pub(super) async fn of_this_host() -> Vec<Device> {
    let args = ["--query-gpu=index,uuid,name,driver_version", "--format=csv,noheader"].map(str::to_owned);
    match ask("nvidia-smi", &args, &[], LIMIT).await {
        Ok(answer) if answer.is_ok => devices_in(&answer.text),
        Ok(answer) => {
            tracing::warn!(said = answer.text.trim(), "the GPUs of this host are unknown");
            Vec::new()
        }
        Err(error) => {
            tracing::debug!(%error, "no nvidia-smi");
            Vec::new()
        }
    }
}

/// The GPUs in the tool's lines; a line that is none is passed over.
fn devices_in(text: &str) -> Vec<Device> {
    let device = |line: &str| {
        let mut fields = line.split(',').map(str::trim);
        let mut field = || fields.next().filter(|field| !field.is_empty()).map(str::to_owned);
        Some(Device { index: field()?.parse().ok()?, uuid: field()?, name: field()?, driver: field()? })
    };
    text.lines().filter_map(device).collect()
}

/// What the plan wants of these.
///
/// # Errors
/// Where the host is known to have fewer, or not those.
pub(super) fn choose(wanted: Option<&Gpus>, mut host: Vec<Device>) -> Result<Devices, EngineError> {
    // The order of the PCI bus, which is also how the tool numbers them.
    host.sort_unstable_by_key(|device| device.index);
    let driver = host.first().map(|device| device.driver.clone());
    let known = |device: &Device| Gpu { name: Some(device.name.clone()), uuid: Some(device.uuid.clone()) };
    let has = || host.iter().map(|device| format!("{} {}", device.index, device.uuid)).collect::<Vec<_>>().join(", ");
    let lacks = |what: String| EngineError::Gpus { wanted: what, has: has() };
    let chosen: Vec<String> = match wanted {
        None => return Ok(Devices { chosen: None, count: None, gpus: host.iter().map(known).collect(), driver }),
        Some(Gpus::Count(n)) if host.is_empty() => return Ok(Devices { count: Some(*n), ..Devices::default() }),
        Some(Gpus::Count(n)) if host.len() < *n as usize => return Err(lacks(format!("{n} GPUs"))),
        Some(Gpus::Count(n)) => host.iter().take(*n as usize).map(|device| device.uuid.clone()).collect(),
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
        device.map_or_else(|| Gpu { name: None, uuid: Some(wanted.clone()) }, known)
    };
    Ok(Devices { gpus: chosen.iter().map(gpu).collect(), chosen: Some(chosen), count: None, driver })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "1, GPU-bb22, NVIDIA L4, 580.65.06\n0, GPU-aa11, NVIDIA H100 80GB HBM3, 580.65.06\n";

    fn check(host: &str, wanted: &str, expect: Result<(Option<&[&str]>, Option<u32>), &str>) {
        let wanted: Option<Gpus> = serde_json::from_str(wanted).unwrap();
        match (choose(wanted.as_ref(), devices_in(host)), expect) {
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
        check(TWO, "null", Ok((None, None)));
        check(TWO, "1", Ok((Some(&["GPU-aa11"]), None)));
        check(TWO, "2", Ok((Some(&["GPU-aa11", "GPU-bb22"]), None)));
        check(TWO, "[1]", Ok((Some(&["GPU-bb22"]), None)));
        check(TWO, "[\"GPU-bb22\"]", Ok((Some(&["GPU-bb22"]), None)));
        check(TWO, "[\"MIG-7\"]", Ok((Some(&["MIG-7"]), None)));
        check(TWO, "3", Err("wants 3 GPUs, but this host has 0 GPU-aa11, 1 GPU-bb22"));
        check(TWO, "[2]", Err("wants GPU 2"));
        check(TWO, "[\"GPU-cc\"]", Err("wants GPU GPU-cc"));
    }

    #[test]
    fn a_host_that_does_not_tell_is_believed() {
        check("No devices were found\n", "2", Ok((None, Some(2))));
        check("", "[0, 1]", Ok((Some(&["0", "1"]), None)));
        check("", "[\"GPU-aa11\"]", Ok((Some(&["GPU-aa11"]), None)));
        check("", "null", Ok((None, None)));
    }

    #[test]
    fn what_is_known_of_each_goes_along() {
        let wanted = Gpus::Indices(vec![0]);
        let devices = choose(Some(&wanted), devices_in(TWO)).unwrap();
        let gpu = Gpu { name: Some("NVIDIA H100 80GB HBM3".into()), uuid: Some("GPU-aa11".into()) };
        assert_eq!((devices.gpus, devices.driver.as_deref()), (vec![gpu], Some("580.65.06")));
    }
}
