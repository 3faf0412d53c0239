//! Owns what the hub of models says of one before an engine downloads it, and where downloads lie.
//! Must not know which engine it is for, or how that downloads.

use super::EngineError;
use crate::process::room;
use crate::secret::Secret;
use reqwest::{Client, StatusCode, redirect::Policy};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The hub where no variable names another.
const HUB: &str = "https://huggingface.co";
/// How long an answer may take: without one the engine is started all the same.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest list of files that is read, bytes.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// A model that is to be brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Its id.
    pub model: &'a str,
    /// Folder of this host that downloads are kept in.
    pub cache: &'a Path,
    /// The token that the engine gets for it.
    pub token: Option<&'a Secret>,
}

#[derive(Deserialize)]
struct About {
    /// False, or how access is given.
    #[serde(default)]
    gated: Value,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
}

/// Refuses a model that the hub does not give, or that the disk has no room for. One that is there already is not asked
/// for, and where the hub cannot be asked nothing is known: the engine will say more.
pub(super) async fn check(
    wanted: Option<Wanted<'_>>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), EngineError> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !["", "0", "false"].contains(&&*value.to_lowercase()));
    let Some(wanted) = wanted.filter(|_| !is_set("HF_HUB_OFFLINE")) else { return Ok(()) };
    let files = Files::of(&wanted);
    if files.are_complete() {
        return Ok(());
    }
    let hub = variable("HF_ENDPOINT").filter(|hub| !hub.is_empty());
    let asked = Asked { hub: hub.as_deref().unwrap_or(HUB).trim_end_matches('/'), wanted: &wanted };
    match asked.size().await? {
        Some(bytes) => Ok(room(&files.folder, bytes, files.present_bytes())?),
        None => Ok(()),
    }
}

/// A question to the hub.
struct Asked<'a> {
    hub: &'a str,
    wanted: &'a Wanted<'a>,
}

impl Asked<'_> {
    /// Bytes that will be downloaded at least; absent where the hub does not say.
    async fn size(&self) -> Result<Option<u64>, EngineError> {
        // Files are given from elsewhere: that they are is enough.
        let Ok(client) = Client::builder().timeout(LIMIT).redirect(Policy::none()).build() else { return Ok(None) };
        let model = self.wanted.model;
        let list = client.get(format!("{}/api/models/{model}?blobs=true", self.hub));
        let Some(mut response) = self.answer(list).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                return Ok(None);
            }
        }
        let Ok(about) = serde_json::from_slice::<About>(&bytes) else { return Ok(None) };
        if !matches!(about.gated, Value::Null | Value::Bool(false)) {
            // Everybody sees the list of a gated model, and not everybody its files.
            self.answer(client.head(format!("{}/{model}/resolve/main/config.json", self.hub))).await?;
        }
        Ok(downloaded(&about.siblings))
    }

    /// A good answer; nothing where none came, or one that says nothing of this model.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Option<reqwest::Response>, EngineError> {
        let request = match self.wanted.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                tracing::info!(%error, "the hub of models could not be asked");
                return Ok(None);
            }
        };
        let status = response.status();
        let is_unknown = response.headers().get("x-error-code").is_some_and(|code| code == "RepoNotFound");
        let what = match (status, self.wanted.token) {
            (StatusCode::UNAUTHORIZED, None) => {
                "it is gated, private or not there, and the agent has no HF_TOKEN. Set that for the agent, or keep it with \
                 `tokenprism secret set HF_TOKEN`."
            }
            (StatusCode::UNAUTHORIZED, Some(_)) => "it does not accept the agent's HF_TOKEN. Make a new one.",
            (StatusCode::FORBIDDEN, _) => {
                "it is gated, and the account of this HF_TOKEN has no access. Ask for it on the model's page."
            }
            (StatusCode::NOT_FOUND, _) if is_unknown => "it has none of this name. Check engine.model.",
            _ => return Ok(response.status().is_success().then_some(response)),
        };
        let (hub, model) = (self.hub.to_owned(), self.wanted.model.to_owned());
        Err(EngineError::Hub { hub, model, status: status.as_u16(), what })
    }
}

/// Bytes of what engines download of these files: weights in one form, and what is small beside them. Not a byte that
/// some engine may leave out is counted.
fn downloaded(files: &[Sibling]) -> Option<u64> {
    let of = |ending: &'static str| {
        let is_meant = move |file: &&Sibling| {
            let name = &file.rfilename;
            name.ends_with(ending) && !name.contains('/') && !name.starts_with("consolidated")
        };
        files.iter().filter(is_meant)
    };
    let weights = if of(".safetensors").next().is_some() { ".safetensors" } else { ".bin" };
    of(weights).chain(of(".json")).map(|file| file.size).sum()
}

/// The folder that a model of this id was downloaded to, in the cache of downloads.
pub(super) fn snapshot(model: &str, cache: &Path) -> Option<PathBuf> {
    Files::of(&Wanted { model, cache, token: None }).snapshot()
}

/// The files of a model in the cache of downloads.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn of(wanted: &Wanted<'_>) -> Self {
        Self { folder: wanted.cache.join("hub").join(format!("models--{}", wanted.model.replace('/', "--"))) }
    }

    /// The folder of the version that is used: the one that the main branch is at, or the only one.
    fn snapshot(&self) -> Option<PathBuf> {
        let snapshots = self.folder.join("snapshots");
        let of_main = std::fs::read_to_string(self.folder.join("refs/main")).ok();
        if let Some(version) = of_main.as_deref().map(str::trim).filter(|version| !version.contains(['/', '.'])) {
            return Some(snapshots.join(version)).filter(|folder| folder.is_dir());
        }
        let mut all = std::fs::read_dir(snapshots).ok()?.flatten().map(|entry| entry.path());
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether a version of it was downloaded, and nothing is half there.
    fn are_complete(&self) -> bool {
        let names = |folder: PathBuf| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        let ends = |path: &PathBuf, endings: &[&str]| {
            path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
        };
        let is_whole = |snapshot: PathBuf| {
            let files = names(snapshot);
            files.iter().any(|file| file.ends_with("config.json"))
                && files.iter().any(|file| ends(file, &["safetensors", "bin"]))
        };
        names(self.folder.join("snapshots")).into_iter().any(is_whole)
            && !names(self.folder.join("blobs")).iter().any(|file| ends(file, &["incomplete"]))
    }

    /// Bytes that are there, of whole files and of parts.
    fn present_bytes(&self) -> u64 {
        let blobs = std::fs::read_dir(self.folder.join("blobs")).into_iter().flatten().flatten();
        blobs.filter_map(|blob| blob.metadata().ok()).map(|blob| blob.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_engine_downloads_is_counted() {
        let check = |files: &[(&str, Option<u64>)], expect: Option<u64>| {
            let sibling = |(name, size): &(&str, Option<u64>)| Sibling { rfilename: (*name).to_owned(), size: *size };
            assert_eq!(downloaded(&files.iter().map(sibling).collect::<Vec<_>>()), expect, "{files:?}");
        };
        let both = [
            ("config.json", Some(1)),
            ("model-00001-of-00002.safetensors", Some(100)),
            ("model-00002-of-00002.safetensors", Some(100)),
            ("pytorch_model.bin", Some(200)),
            ("original/consolidated.00.pth", Some(200)),
            ("consolidated.safetensors", Some(200)),
            ("README.md", Some(7)),
        ];
        check(&both, Some(201));
        check(&[("config.json", Some(1)), ("pytorch_model.bin", Some(200))], Some(201));
        check(&[("config.json", Some(1)), ("pytorch_model.bin", None)], None);
        check(&[], Some(0));
    }

    #[test]
    fn a_model_is_there_once_its_weights_are_and_nothing_is_half_there() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::of(&Wanted { model: "a/b", cache: dir.path(), token: None });
        let make = |path: &str, bytes: usize| {
            let path = dir.path().join("hub/models--a--b").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![0; bytes]).unwrap();
        };
        assert_eq!((files.are_complete(), files.present_bytes()), (false, 0));
        make("snapshots/1f/config.json", 1);
        assert!(!files.are_complete());
        make("snapshots/1f/model.safetensors", 1);
        make("blobs/aa", 5);
        assert_eq!((files.are_complete(), files.present_bytes()), (true, 5));
        assert_eq!(files.snapshot(), Some(files.folder.join("snapshots/1f")));
        make("snapshots/2e/config.json", 1);
        assert_eq!(files.snapshot(), None);
        make("refs/main", 0);
        std::fs::write(files.folder.join("refs/main"), "2e\n").unwrap();
        assert_eq!(files.snapshot(), Some(files.folder.join("snapshots/2e")));
        make("blobs/bb.incomplete", 7);
        assert_eq!((files.are_complete(), files.present_bytes()), (false, 12));
    }
}
