//! Owns the launch in a container: `docker run` as an argument vector, GPUs, shared memory, volumes, port, names.
//! Must not know what happens after the start.

use super::{Launcher, Order};
use crate::engine::EngineError;
use crate::engine::adapter::{Bind, Container as ContainerFacts, Mark, Models, SharedMemory, Version};
use crate::engine::gpu::Devices;
use crate::engine::tool::{DOCKER_LIMIT, docker};
use crate::process::{Container, Launch};
use shared::engine::{ImageInfo, Phase};
use std::path::Path;

/// Lines of the client itself, before the engine's own.
const MARKS: [Mark; 2] = [
    Mark { text: "Unable to find image", phase: Phase::Image },
    Mark { text: "Status: Downloaded newer image", phase: Phase::Process },
];

/// Starts engines in containers.
pub(super) struct Docker {
    /// The container, which does not exist yet.
    pub container: Container,
}

impl Launcher for Docker {
    async fn version(&self, order: &Order<'_>) -> Result<Option<Version>, EngineError> {
        Ok(order.plan.image.as_deref().and_then(Version::of_image))
    }

    fn command(&self, order: &Order<'_>, version: Option<Version>) -> Result<Launch, EngineError> {
        let (Some(container), Some(image)) = (&order.adapter.container, &order.plan.image) else {
            return Err(EngineError::NotLaunched(order.plan.kind.label()));
        };
        let bind = Bind { host: "0.0.0.0", port: container.port };
        let (engine, variables) = order.adapter.passed(&order.serving, bind, version)?;
        let mut args = Arguments::default();
        if let Some(gpus) = gpus(order.devices) {
            args.add(&["--gpus", &gpus]);
        }
        match container.memory {
            SharedMemory::OfHost => args.add(&["--ipc", "host"]),
            SharedMemory::Size(size) => args.add(&["--shm-size", size]),
        }
        args.add(&["-p", &format!("127.0.0.1:{}:{}", order.port, container.port)]);
        for volume in volumes(order, container) {
            args.add(&["-v", &volume]);
        }
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
        for (name, value) in order.variables().into_iter().chain(variables).chain(cache_variable(container)) {
            args.add(&["-e", &format!("{name}={value}")]);
        }
        // By name only: the value goes from the client's environment into the container's, and no process list has it.
        for (name, _) in order.secrets {
            args.add(&["-e", name]);
        }
        if let Some(entrypoint) = container.entrypoint {
            args.add(&["--entrypoint", entrypoint]);
        }
        args.add(&[image]);
        args.add(container.command);
        args.0.extend(engine);
        Ok(Launch {
            program: self.container.docker.clone(),
            args: self.container.run_args(args.0.into_iter().map(Into::into)),
            env: Vec::new(),
            secrets: order.secrets.to_vec(),
            port: order.port,
            container: Some(self.container.clone()),
        })
    }

    async fn image(&self, order: &Order<'_>) -> Option<ImageInfo> {
        let name = order.plan.image.clone()?;
        let said = docker(&["image", "inspect", "--format", "{{json .RepoDigests}}", &name], DOCKER_LIMIT).await;
        Some(ImageInfo { digest: said.as_deref().and_then(digest_in), name })
    }

    fn marks(&self) -> &'static [Mark] {
        &MARKS
    }
}

#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn add(&mut self, args: &[&str]) {
        self.0.extend(args.iter().map(|arg| (*arg).to_owned()));
    }
}

/// The GPUs as docker is told of them; nothing on a host without any.
fn gpus(devices: &Devices) -> Option<String> {
    match (&devices.chosen, devices.count) {
        // Docker reads the value as a line of comma-separated values, so a list needs quotes of its own.
        (Some(list), _) if list.len() > 1 => Some(format!("\"device={}\"", list.join(","))),
        (Some(list), _) => Some(format!("device={}", list.join(","))),
        (None, Some(count)) => Some(count.to_string()),
        (None, None) => (!devices.gpus.is_empty()).then(|| "all".to_owned()),
    }
}

/// Folders of the host in the container: the model at its own path, and the cache of downloads.
fn volumes(order: &Order<'_>, container: &ContainerFacts) -> Vec<String> {
    let of_model = order.model_path().map(|path| {
        // A model in one file may have others beside it that belong to it.
        let is_file = path.extension().is_some_and(|extension| extension == "gguf");
        let folder = path.parent().filter(|_| is_file).unwrap_or(path).display();
        format!("{folder}:{folder}:ro")
    });
    let of_cache =
        order.cache.zip(container.models).filter(|_| order.model_path().is_none()).map(
            |(cache, models)| match models {
                Models::Cache(folder) => format!("{}:{folder}", cache.display()),
                Models::Hub(folder) => format!("{}:{folder}", cache.join("hub").display()),
            },
        );
    of_model.into_iter().chain(of_cache).collect()
}

/// What tells the engine where its model cache is, so that no image's home folder need be known.
fn cache_variable(container: &ContainerFacts) -> Option<(String, String)> {
    match container.models {
        Some(Models::Cache(folder)) => Some(("HF_HOME".to_owned(), folder.to_owned())),
        Some(Models::Hub(_)) | None => None,
    }
}

/// The digest in the JSON list of an image's names with digests.
fn digest_in(said: &str) -> Option<String> {
    let line = said.lines().map(str::trim).rfind(|line| line.starts_with('['))?;
    let names: Vec<String> = serde_json::from_str(line).ok()?;
    names.first()?.split_once('@').map(|(_, digest)| digest.to_owned())
}

/// The folder that downloads are kept in: the plan's, else where Hugging Face's own tools keep them.
pub(super) fn cache_folder(
    planned: Option<&str>,
    hf_home: Option<&str>,
    home: Option<&str>,
) -> Option<std::path::PathBuf> {
    let given = planned.or(hf_home.filter(|folder| !folder.is_empty())).map(|folder| Path::new(folder).to_owned());
    given.or_else(|| home.map(|home| Path::new(home).join(".cache/huggingface"))).filter(|folder| folder.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::Gpu;

    #[test]
    fn gpus_as_docker_reads_them() {
        let check = |chosen: Option<&[&str]>, count: Option<u32>, host: usize, expect: Option<&str>| {
            let chosen = chosen.map(|list| list.iter().map(|uuid| (*uuid).to_owned()).collect());
            let gpus = vec![Gpu::default(); host];
            let devices = Devices { chosen, count, gpus, driver: None };
            assert_eq!(super::gpus(&devices).as_deref(), expect);
        };
        check(Some(&["GPU-a"]), None, 1, Some("device=GPU-a"));
        check(Some(&["GPU-a", "GPU-b"]), None, 2, Some("\"device=GPU-a,GPU-b\""));
        check(None, Some(2), 0, Some("2"));
        check(None, None, 8, Some("all"));
        check(None, None, 0, None);
    }

    #[test]
    fn an_image_says_what_it_is() {
        let check = |said: &str, expect: Option<&str>| assert_eq!(digest_in(said).as_deref(), expect, "{said}");
        check("WARNING: x\n\n[\"vllm/vllm-openai@sha256:1f00\"]\n", Some("sha256:1f00"));
        check("[]", None);
        check("null", None);
        check("Error: No such image", None);
    }

    #[test]
    fn downloads_are_kept_where_other_tools_keep_them() {
        let check = |planned, hf_home, home, expect: Option<&str>| {
            assert_eq!(cache_folder(planned, hf_home, home).as_deref(), expect.map(Path::new));
        };
        check(Some("/data/hf"), Some("/hf"), Some("/h"), Some("/data/hf"));
        check(None, Some("/hf"), Some("/h"), Some("/hf"));
        check(None, Some(""), Some("/h"), Some("/h/.cache/huggingface"));
        check(None, None, None, None);
        check(Some("relative"), None, None, None);
    }
}
