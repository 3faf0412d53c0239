//! Owns what is kept beside the page: the setting, and each trial's requests, account and result, from which alone the
//! page is computed.
//! Must not know how trials are made, nor what is computed of them.

use super::cut;
use super::level::Level;
use super::ours::Seen;
use super::timeline::Timeline;
use crate::bench::report::Circumstances;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::summary::Summary;
use std::fs;
use std::path::{Path, PathBuf};

/// The setting's file.
const SETTING: &str = "setting.json";

/// What all trials have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Setting {
    /// When the first trial was made, and where.
    pub circumstances: Circumstances,
    /// What is asked.
    #[serde(flatten)]
    pub asked: Asked,
}

/// What is asked of everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    /// The levels.
    pub levels: Vec<Level>,
    /// The pacing server's time to first token, ms.
    pub ttft_ms: f64,
    /// Its time from one token to the next, ms.
    pub gap_ms: f64,
    /// Trials of each tool at each level.
    pub repeats: u32,
    /// The model of another server that was measured in its place; absent where the pacing server was.
    pub engine_model: Option<String>,
    /// Whether tools and server had a core each.
    pub bound: bool,
    /// The other tools.
    pub tools: Vec<ToolSaid>,
}

/// A tool that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToolSaid {
    /// Its program, by which its files are named.
    pub program: String,
    /// Its name.
    pub title: String,
    /// Its version, where it says one.
    pub version: Option<String>,
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Trial {
    /// Load average of the host before and after, where it says one.
    pub load: (Option<f64>, Option<f64>),
    /// What ours saw; absent of another tool.
    pub seen: Option<Seen>,
    /// The server's account; absent where it keeps none.
    pub served: Option<Vec<Timeline>>,
    /// Another tool's result, cut to what its figures are read from.
    pub result: Option<Value>,
    /// Why there is no result.
    pub failure: Option<String>,
}

impl Trial {
    /// The figures of another tool's result; nothing where it has none.
    ///
    /// # Errors
    /// Where the result is not what a result looks like.
    pub fn reported(&self) -> anyhow::Result<Option<Summary>> {
        self.result.as_ref().map(cut::figures).transpose()
    }
}

/// The folder beside a page.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The one that has the page's name without its ending.
    pub fn beside(page: &Path) -> Self {
        Self(page.with_extension(""))
    }

    /// The setting of what is there.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn setting(&self) -> anyhow::Result<Setting> {
        read(&self.0.join(SETTING))?.with_context(|| format!("{} holds no trials", self.0.display()))
    }

    /// Begins with this setting, or goes on with what is there, whose setting is the answer.
    ///
    /// # Errors
    /// Where what is there was asked otherwise, or on another machine.
    pub fn begin(&self, setting: Setting) -> anyhow::Result<Setting> {
        let path = self.0.join(SETTING);
        let Some(there) = read::<Setting>(&path)? else {
            fs::create_dir_all(&self.0).with_context(|| format!("{} cannot be made", self.0.display()))?;
            write(&path, &serde_json::to_string_pretty(&setting)?)?;
            return Ok(setting);
        };
        let same =
            |of: &Setting| (of.asked.clone(), of.circumstances.machine.clone(), of.circumstances.version.clone());
        if same(&there) != same(&setting) {
            bail!(
                "{} holds trials of another setting, machine or version: remove the folder to begin anew, or name \
                 another page with --out",
                self.0.display()
            );
        }
        Ok(there)
    }

    /// A trial that is there; nothing where it is still to be made.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn trial(&self, level: Level, repeat: u32, program: &str) -> anyhow::Result<Option<Trial>> {
        read(&self.path(level, repeat, program))
    }

    /// Keeps a trial.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&self, level: Level, repeat: u32, program: &str, trial: &Trial) -> anyhow::Result<()> {
        // A line for each request.
        let text = serde_json::to_string(trial)?.replace("{\"id\":", "\n{\"id\":");
        write(&self.path(level, repeat, program), &text)
    }

    fn path(&self, level: Level, repeat: u32, program: &str) -> PathBuf {
        self.0.join(format!("{level}-{program}-{repeat}.json"))
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("{} is not what was kept there", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    // A file that is there is whole: what an end in the middle leaves has another name.
    let partial = path.with_extension("partial");
    fs::write(&partial, format!("{text}\n"))
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("{} cannot be written", path.display()))
}
