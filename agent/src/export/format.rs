//! Owns the formats that results can be had in: their names, what each is called as a file, and its media type.
//! Must not know what stands in them.

use serde::Deserialize;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Everything that is known of a run but its series and records: the form that `compare` and `gate` read.
    Json,
    /// A line for each trial and each point.
    Csv,
    /// A row for each request, with its stamps.
    Parquet,
    /// The folders of `vllm bench sweep`.
    Sweep,
    /// The folders of the published study.
    Study,
    /// The run as it is: its events and its records, to be taken in by another agent.
    Archive,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] =
        [Format::Json, Format::Csv, Format::Parquet, Format::Sweep, Format::Study, Format::Archive];

    /// Its word in commands and routes.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Sweep => "sweep",
            Format::Study => "study",
            Format::Archive => "archive",
        }
    }

    /// What a file or folder of it is called after a run or a study.
    #[must_use]
    pub fn name(self, of: &str) -> String {
        match self {
            Format::Archive => format!("{of}.tokenprism"),
            Format::Sweep | Format::Study => format!("{of}-{}", self.key()),
            _ => format!("{of}.{}", self.key()),
        }
    }

    /// True where it is a folder of files.
    #[must_use]
    pub fn is_folder(self) -> bool {
        matches!(self, Format::Sweep | Format::Study)
    }

    /// Its media type; a folder travels as a tar archive.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Sweep | Format::Study => "application/x-tar",
            Format::Archive => "application/zstd",
        }
    }
}
