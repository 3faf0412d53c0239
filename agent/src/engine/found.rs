//! Owns where engines are looked for on this host: programs on PATH and in virtual environments, images of docker.
//! Must not know who wants to know, nor start anything but questions.

use super::adapter::{Adapter, Program};
use super::baseline::{Environment, python_of};
use super::launch::version_of;
use super::tool::{DOCKER_LIMIT, ask};
use super::{EngineError, adapter};
use shared::engine::{EngineKind, Launch};
use shared::wire::{FoundRow, Presence};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How the images of each kind are called, whoever built them, and the published one.
const IMAGES: [(EngineKind, &str, &str); 4] = [
    (EngineKind::Vllm, "vllm-openai", "vllm/vllm-openai"),
    (EngineKind::Sglang, "sglang", "lmsysorg/sglang"),
    (EngineKind::Tgi, "text-generation-inference", "ghcr.io/huggingface/text-generation-inference"),
    (EngineKind::LlamaServer, "llama.cpp", "ghcr.io/ggml-org/llama.cpp"),
];
/// What docker is asked: each image with its tag.
const LIST: [&str; 4] = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"];

/// Looks for every kind that the agent can start, also in these virtual environments. `tell` hears of all places at once, and
/// why docker does not tell of images, and again whenever more is known of one: versions take up to minutes, since an engine may load all of its code first.
pub async fn look(venvs: &[String], mut tell: impl FnMut(&[FoundRow], Option<&str>)) {
    let mut rows = natives(venvs);
    tell(&rows, None);
    let asked = rows.len();
    let no_docker = match images().await {
        Ok(images) => {
            rows.extend(images);
            None
        }
        Err(why) => Some(why),
    };
    tell(&rows, no_docker.as_deref());
    for place in 0..asked {
        let Some(row) = rows.get(place).filter(|row| row.presence == Presence::Asked).cloned() else { continue };
        let presence = answered(&row).await;
        if let Some(row) = rows.get_mut(place) {
            row.presence = presence;
        }
        tell(&rows, no_docker.as_deref());
    }
}

/// Programs, none of which was asked yet.
fn natives(venvs: &[String]) -> Vec<FoundRow> {
    let kinds = EngineKind::KEYS.iter().filter_map(|(_, kind)| Some((*kind, Adapter::of(*kind)?)));
    let of_kind = |(kind, adapter): (EngineKind, &Adapter)| {
        let row = |place: String, presence| FoundRow { kind, launch: Launch::Native, place, presence };
        let (on_path, name) = match adapter.program {
            Program::Ours => {
                let version = Presence::Found(Some(env!("CARGO_PKG_VERSION").to_owned()));
                return vec![row("in this program".to_owned(), version)];
            }
            Program::Named(name) => (which(name), name),
            Program::Baseline => (which("python3"), "python"),
        };
        let in_venvs = venvs.iter().filter(|venv| is_program(&Path::new(venv).join("bin").join(name)));
        let places: Vec<String> =
            on_path.map(|path| path.display().to_string()).into_iter().chain(in_venvs.cloned()).collect();
        match places.is_empty() {
            true => vec![row(name.to_owned(), Presence::Missing(how_to_get(kind)))],
            false => places.into_iter().map(|place| row(place, Presence::Asked)).collect(),
        }
    };
    kinds.flat_map(of_kind).collect()
}

/// What a program says of itself.
async fn answered(row: &FoundRow) -> Presence {
    // A place is a program, or a virtual environment, which is a folder.
    let venv = Path::new(&row.place).is_dir().then_some(row.place.as_str());
    if row.kind == EngineKind::Transformers {
        return baseline(venv.map(PathBuf::from)).await;
    }
    match version_of(row.kind, venv).await {
        Ok(version) => Presence::Found(version.map(|version| version.to_string())),
        Err(EngineError::NotInstalled { .. }) => Presence::Missing(how_to_get(row.kind)),
        Err(error) => Presence::Unknown(error.to_string()),
    }
}

/// What a Python lacks for the baseline.
async fn baseline(venv: Option<PathBuf>) -> Presence {
    let python = python_of(venv.as_deref());
    let found = tokio::task::spawn_blocking(move || Environment::of(&python)).await;
    match found {
        Ok(Some(environment)) if environment.suffices() => Presence::Found(Some(environment.summary())),
        Ok(found) => {
            let folder = venv.unwrap_or_else(|| "venv".into());
            let lacks = found.as_ref().map_or_else(|| "It does not answer".to_owned(), Environment::summary);
            let remedy = Environment::remedy(found.as_ref().filter(|_| folder.is_absolute()), &folder);
            Presence::Missing(format!("{lacks}. Bring the packages with: {remedy}"))
        }
        Err(error) => Presence::Unknown(format!("Asking its Python failed: {error}.")),
    }
}

/// The images of each kind that can run in a container.
///
/// # Errors
/// Why docker does not tell, as a sentence.
async fn images() -> Result<Vec<FoundRow>, String> {
    let listed = match ask("docker", &LIST.map(str::to_owned), &[], DOCKER_LIMIT).await {
        Ok(answer) if answer.is_ok => answer.text,
        Ok(answer) => {
            let said: String = answer.text.trim().chars().take(300).collect();
            return Err(format!("Docker is installed, but does not serve: {said}"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let advice = "install it, and for GPUs the NVIDIA container toolkit.";
            return Err(format!("Docker is not on the agent's PATH: {advice}"));
        }
        Err(error) => return Err(format!("Docker did not answer: {error}.")),
    };
    let of_kind = |(kind, name, published): (EngineKind, &str, &str)| {
        let row = |place: &str, presence| FoundRow { kind, launch: Launch::Docker, place: place.to_owned(), presence };
        let images = images_of(name, &listed).into_iter().map(|image| {
            let version = adapter::Version::of_image(image).map(|version| version.to_string());
            row(image, Presence::Found(version))
        });
        let images: Vec<FoundRow> = images.collect();
        if images.is_empty() {
            let get = format!("Not here; a start brings it, or bring it before: docker pull {published}:TAG");
            return vec![row(published, Presence::Missing(get))];
        }
        images
    };
    Ok(IMAGES.into_iter().flat_map(of_kind).collect())
}

/// The images in a list whose name holds this one; those that have lost their tag cannot be named in a plan.
fn images_of<'a>(name: &str, listed: &'a str) -> Vec<&'a str> {
    let lines = listed.lines().map(str::trim).filter(|line| !line.contains("<none>"));
    lines.filter(|line| line.rsplit_once(':').is_some_and(|(repository, _)| repository.contains(name))).collect()
}

/// How a kind is installed, as a sentence.
fn how_to_get(kind: EngineKind) -> String {
    let pip = |packages: &str| {
        format!(
            "Not on the agent's PATH. Install it (python3 -m venv /opt/venv && /opt/venv/bin/pip install {packages}) and name that folder as engine.venv."
        )
    };
    match kind {
        EngineKind::Vllm => pip("vllm"),
        EngineKind::Sglang => pip("'sglang[all]'"),
        EngineKind::Transformers => pip("torch 'transformers>=5'"),
        EngineKind::Tgi => "Not on the agent's PATH, where hardly anybody has it: start it in Docker.".to_owned(),
        EngineKind::LlamaServer => {
            "Not on the agent's PATH. Build llama.cpp or take a release of it, and name its llama-server in engine.command."
                .to_owned()
        }
        _ => "A server of this kind is only measured by its URL.".to_owned(),
    }
}

/// The first program of this name on the agent's PATH.
fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_by_the_end_of_their_name_whoever_keeps_them() {
        let listed =
            "vllm/vllm-openai:v0.33.0\nbox:5000/mirror/vllm-openai:nightly\nvllm/vllm-openai:<none>\npostgres:17\n";
        assert_eq!(
            images_of("vllm-openai", listed),
            ["vllm/vllm-openai:v0.33.0", "box:5000/mirror/vllm-openai:nightly"]
        );
        assert!(images_of("sglang", listed).is_empty());
    }

    #[test]
    fn every_kind_is_looked_for_and_a_lack_says_what_to_do() {
        let empty = tempfile::tempdir().unwrap();
        let rows = natives(&[empty.path().display().to_string()]);
        for (_, kind) in EngineKind::KEYS.iter().filter(|(_, kind)| Adapter::of(*kind).is_some()) {
            let row = rows.iter().find(|row| row.kind == *kind).unwrap();
            match &row.presence {
                Presence::Missing(get) => assert!(get.ends_with('.'), "{get}"),
                presence => assert!(matches!(presence, Presence::Asked | Presence::Found(_)), "{row:?}"),
            }
            assert!(!row.place.starts_with(&empty.path().display().to_string()), "{row:?}");
        }
    }

    #[tokio::test]
    async fn an_environment_that_a_plan_named_is_asked_as_a_start_would_ask_it() {
        let venv = tempfile::tempdir().unwrap();
        let bin = venv.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let program = bin.join("vllm");
        std::fs::write(&program, "#!/bin/sh\necho WARNING: slow >&2\n[ \"$1\" = --version ] && echo 0.25.1\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let place = venv.path().display().to_string();
        let row = natives(std::slice::from_ref(&place)).into_iter().find(|row| row.place == place).unwrap();
        assert_eq!((row.kind, row.presence.clone()), (EngineKind::Vllm, Presence::Asked));
        assert_eq!(answered(&row).await, Presence::Found(Some("0.25.1".into())));
    }
}
