//! Owns the prices of GPUs: the table that comes with the agent, and what somebody gave to it, kept beside the log.
//! Must not know runs, nor what is computed of a price.

mod row;

use crate::sync::lock;
use crate::wall_clock::unix_ms;
use row::Row;
use serde::{Deserialize, Serialize};
use shared::calendar;
use shared::cost::{Price, PriceOrigin};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The table that comes with the agent.
const SHIPPED: &str = include_str!("table.toml");
/// Name of the file with what somebody gave, within the data directory.
const FILE: &str = "prices.toml";
/// Most rows that somebody can give.
const MAX_ROWS: usize = 1000;

/// Why a price was not found or not kept.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// Not the words of a GPU.
    #[error("\"{0}\" names no GPU: give words of its name, such as \"H100\" or \"A100 80GB\", at most 200 characters.")]
    Gpu(String),
    /// Not a price.
    #[error("The price of {gpu} is {usd}, but must be above 0 and at most 100,000 USD for a GPU and hour.")]
    Price {
        /// Of which.
        gpu: String,
        /// What was given.
        usd: f64,
    },
    /// Not a source.
    #[error("The source of the price of {0} must be one line of at most 200 characters.")]
    Source(String),
    /// Too many.
    #[error("There are {MAX_ROWS} prices already: remove one that nobody needs.")]
    TooMany,
    /// The system refused, or the file holds something else.
    #[error("{path} could not be {what}: {reason}.")]
    File {
        /// The file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    price: Vec<Row>,
}

/// The prices of one data directory. Its file is read anew each time, so that a price given meanwhile is found.
#[derive(Clone, Debug)]
pub struct Prices {
    path: PathBuf,
    /// One change at a time within this process.
    changing: Arc<Mutex<()>>,
}

impl Prices {
    /// The prices of this data directory.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE), changing: Arc::default() }
    }

    /// All rows: those that somebody gave, then those of the table that these do not replace.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn list(&self) -> Result<Vec<Price>, PriceError> {
        let edited = self.read()?;
        let shipped = shipped()?.into_iter().filter(|row| !edited.iter().any(|given| given.is_for(&row.gpu)));
        let shipped: Vec<Price> = shipped.map(|row| row.price(PriceOrigin::Table)).collect();
        Ok(edited.into_iter().map(|row| row.price(PriceOrigin::Edited)).chain(shipped).collect())
    }

    /// The price of a GPU by its name: what somebody gave before what the table has, of several the one with most
    /// words.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Price>, PriceError> {
        let best = |rows: Vec<Row>| {
            let fitting = rows.into_iter().filter_map(|row| Some((row.fits(name)?, row)));
            fitting.max_by_key(|(words, _)| *words).map(|(_, row)| row)
        };
        if let Some(row) = best(self.read()?) {
            return Ok(Some(row.price(PriceOrigin::Edited)));
        }
        Ok(best(shipped()?).map(|row| row.price(PriceOrigin::Table)))
    }

    /// Keeps a price for GPUs with these words in their names, in place of one that was given for the same.
    ///
    /// # Errors
    /// Where it cannot be a price, or the file cannot be written.
    pub fn set(&self, gpu: &str, usd_per_gpu_hour: f64, source: Option<String>) -> Result<Price, PriceError> {
        let row = Row { gpu: gpu.trim().to_owned(), usd_per_gpu_hour, source, date: today() }.checked()?;
        let _one = lock(&self.changing);
        let mut rows = self.read()?;
        rows.retain(|kept| !kept.is_for(&row.gpu));
        if rows.len() >= MAX_ROWS {
            return Err(PriceError::TooMany);
        }
        rows.push(row.clone());
        self.write(rows)?;
        Ok(row.price(PriceOrigin::Edited))
    }

    /// Forgets a price that somebody gave, so that the table's holds again; true where there was one.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn remove(&self, gpu: &str) -> Result<bool, PriceError> {
        let _one = lock(&self.changing);
        let mut rows = self.read()?;
        let before = rows.len();
        rows.retain(|kept| !kept.is_for(gpu));
        let was_there = rows.len() < before;
        if was_there {
            self.write(rows)?;
        }
        Ok(was_there)
    }

    fn read(&self) -> Result<Vec<Row>, PriceError> {
        let failed = |reason: String| self.failed("read", reason);
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(|e| failed(e.to_string()))?,
        };
        let table: Table = toml::from_str(&text).map_err(|e| failed(e.message().to_owned()))?;
        table.price.into_iter().map(Row::checked).collect()
    }

    fn write(&self, price: Vec<Row>) -> Result<(), PriceError> {
        let failed = |reason: String| self.failed("written", reason);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let text = toml::to_string(&Table { price }).map_err(|e| failed(e.to_string()))?;
        // In place only once all of it is on the disk.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(e.to_string()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|e| failed(e.to_string()))?;
        file.persist(&self.path).map_err(|e| failed(e.error.to_string()))?;
        Ok(())
    }

    fn failed(&self, what: &'static str, reason: String) -> PriceError {
        PriceError::File { path: self.path.display().to_string(), what, reason }
    }
}

fn shipped() -> Result<Vec<Row>, PriceError> {
    let table = toml::from_str::<Table>(SHIPPED);
    let table = table.map_err(|e| PriceError::File {
        path: "The price table of this program".to_owned(),
        what: "read",
        reason: e.message().to_owned(),
    })?;
    Ok(table.price)
}

/// The date by this host's clock, in UTC.
fn today() -> String {
    let (year, month, day) = calendar::date((unix_ms() / 86_400_000) as i64);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> (tempfile::TempDir, Prices) {
        let folder = tempfile::tempdir().unwrap();
        let prices = Prices::of(folder.path());
        (folder, prices)
    }

    fn usd(price: Option<Price>) -> Option<f64> {
        price.map(|price| price.usd_per_gpu_hour.0)
    }

    #[test]
    fn each_row_that_comes_with_the_agent_has_a_source_and_a_date() {
        let rows = shipped().unwrap();
        assert!(!rows.is_empty());
        for row in rows {
            let row = row.checked().unwrap();
            assert!(row.source.is_some_and(|source| !source.is_empty()), "{}", row.gpu);
            let date: Vec<&str> = row.date.split('-').collect();
            assert_eq!(date.iter().map(|part| part.len()).collect::<Vec<_>>(), [4, 2, 2], "{}", row.date);
        }
    }

    #[test]
    fn a_price_is_the_given_one_then_the_tables_and_else_unknown() {
        let (_folder, prices) = prices();
        assert_eq!(usd(prices.find("NVIDIA L4").unwrap()), Some(2.93));
        assert_eq!(usd(prices.find("NVIDIA L40S").unwrap()), None);
        assert_eq!(prices.find("").unwrap(), None);
        let set = prices.set("L4", 0.71, Some("our own".into())).unwrap();
        assert_eq!(prices.find("NVIDIA L4").unwrap(), Some(set));
        prices.set("A100", 1.0, None).unwrap();
        prices.set("A100 80GB", 2.0, None).unwrap();
        assert_eq!(usd(prices.find("NVIDIA A100-SXM4-80GB").unwrap()), Some(2.0));
        assert_eq!(usd(prices.find("NVIDIA A100-SXM4-40GB").unwrap()), Some(1.0));
        prices.set("a100", 1.5, None).unwrap();
        assert_eq!(prices.list().unwrap().len(), 3);
        assert!(prices.remove("l4").unwrap() && !prices.remove("l4").unwrap());
        assert_eq!(usd(prices.find("NVIDIA L4").unwrap()), Some(2.93));
        assert_eq!(prices.list().unwrap().len(), 3);
    }

    #[test]
    fn a_file_that_holds_something_else_is_told_with_its_name() {
        let (folder, prices) = prices();
        std::fs::write(folder.path().join(FILE), "price = 1").unwrap();
        let why = prices.find("NVIDIA L4").unwrap_err().to_string();
        assert!(why.contains("prices.toml could not be read") && why.ends_with('.'), "{why}");
        std::fs::write(folder.path().join(FILE), "[[price]]\ngpu = \"L4\"\nusd_per_gpu_hour = -1\ndate = \"x\"")
            .unwrap();
        assert!(prices.list().unwrap_err().to_string().contains("price of L4"));
    }
}
