//! Owns `tokenprism runs`: finds, tags, pins, notes, deletes and brings back, by the serving agent where there is one.
//! Must not know how runs are kept or found.

use super::holder::Holder;
use super::table::{number, utc};
use super::{DONE, DataArg, FAILED};
use crate::find::Asked;
use crate::log::SqliteLog;
use crate::people::command_line;
use crate::remote::Agent;
use crate::shelf::Change;
use anyhow::{Context, bail, ensure};
use comfy_table::{Table, presets};
use serde_json::json;
use shared::format;
use shared::history::{BinRow, Done, MAX_NOTE_BYTES};
use shared::ids::RunId;
use shared::people::Side;
use shared::wire::RunRow;
use std::io::Read;

/// Rows that are listed where nobody says how many.
const ROWS: usize = 50;
/// Most rows of one list.
const MAX_ROWS: usize = 200;

/// What to do with runs and studies of the history.
#[derive(clap::Subcommand, Debug)]
pub enum RunsCommand {
    /// Print runs, the newest first: all, or those that are like this.
    List {
        #[command(flatten)]
        asked: Asked,
        /// As JSON, the rows of the API.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArg,
    },
    /// Put tags on runs and studies, or take them off.
    Tag {
        #[command(flatten)]
        items: Items,
        /// A tag that comes; may be given several times.
        #[arg(long)]
        add: Vec<String>,
        /// A tag that goes.
        #[arg(long)]
        remove: Vec<String>,
    },
    /// Pin runs and studies as baselines.
    Pin(Items),
    /// Unpin them.
    Unpin(Items),
    /// Print the note of a run or study, or write it.
    Note {
        /// Its id.
        item: String,
        /// The note, Markdown; `-` reads it from the standard input, an empty one takes it away.
        text: Option<String>,
        #[command(flatten)]
        data: DataArg,
    },
    /// Delete runs and studies that have ended: they lie in the bin.
    Delete(Items),
    /// Bring runs and studies back out of the bin.
    Undelete(Items),
    /// Print what lies in the bin.
    Bin {
        #[command(flatten)]
        data: DataArg,
    },
}

/// Runs and studies.
#[derive(clap::Args, Debug)]
pub struct Items {
    /// Ids of runs and studies, as the lists show them.
    #[arg(required = true)]
    items: Vec<String>,
    #[command(flatten)]
    data: DataArg,
}

/// Does it.
pub async fn runs(command: RunsCommand) -> anyhow::Result<u8> {
    match command {
        RunsCommand::List { asked, json, data } => {
            let rows = list(asked, &data).await?;
            if json {
                println!("{}", serde_json::to_string_pretty(&rows)?);
            } else if rows.is_empty() {
                eprintln!("No run is like that.");
            } else {
                println!("{}", table(&rows));
            }
            Ok(DONE)
        }
        RunsCommand::Tag { items, add, remove } => {
            ensure!(!add.is_empty() || !remove.is_empty(), "nothing to do: give --add TAG or --remove TAG");
            change(&items, &Change::of_tags(add, remove)?).await
        }
        RunsCommand::Pin(items) => change(&items, &Change::Pin(true)).await,
        RunsCommand::Unpin(items) => change(&items, &Change::Pin(false)).await,
        RunsCommand::Note { item, text, data } => note(Side::try_from(item)?, text, &data).await,
        RunsCommand::Delete(items) => change(&items, &Change::Delete).await,
        RunsCommand::Undelete(items) => change(&items, &Change::Undelete).await,
        RunsCommand::Bin { data } => {
            let rows = match Holder::of(&data)? {
                Holder::Us(data_dir) => SqliteLog::open(&data_dir.log_path())?.bin(usize::MAX).await?,
                Holder::Agent(agent) => agent.bin().await?,
            };
            if rows.is_empty() {
                eprintln!("Nothing was deleted.");
            } else {
                println!("{}", bin(&rows));
            }
            Ok(DONE)
        }
    }
}

async fn list(asked: Asked, data: &DataArg) -> anyhow::Result<Vec<RunRow>> {
    match Holder::of(data)? {
        Holder::Us(data_dir) => {
            let limit = asked.limit.unwrap_or(ROWS);
            ensure!((1..=MAX_ROWS).contains(&limit), "--limit is {limit}, but must be from 1 to {MAX_ROWS}");
            let before = asked.before.clone().map(RunId::try_from).transpose()?;
            let filter = asked.filter().map_err(anyhow::Error::msg)?;
            Ok(SqliteLog::open(&data_dir.log_path())?.find_runs(filter, limit, before).await?)
        }
        Holder::Agent(agent) => agent.find_runs(&asked).await,
    }
}

async fn change(items: &Items, change: &Change) -> anyhow::Result<u8> {
    let sides = items.items.iter().cloned().map(Side::try_from).collect::<Result<Vec<_>, _>>()?;
    let done = match Holder::of(&items.data)? {
        Holder::Us(data_dir) => change.apply(&SqliteLog::open(&data_dir.log_path())?, sides, &command_line()).await?,
        Holder::Agent(agent) => ask(&agent, sides, change).await?,
    };
    let Done { done, refused } = done;
    if !done.is_empty() {
        let ids: Vec<String> = done.iter().map(ToString::to_string).collect();
        eprintln!("{}: {}", change.words(), ids.join(", "));
    }
    for of in &refused {
        eprintln!("tokenprism: {}: {}", of.item, of.why);
    }
    Ok(if refused.is_empty() { DONE } else { FAILED })
}

async fn ask(agent: &Agent, items: Vec<Side>, change: &Change) -> anyhow::Result<Done> {
    match change {
        Change::Tags { add, remove } => {
            agent.of_history("tags", json!({ "items": items, "add": add, "remove": remove })).await
        }
        Change::Pin(pinned) => agent.of_history("pins", json!({ "items": items, "pinned": pinned })).await,
        Change::Delete => agent.of_history("delete", json!({ "items": items })).await,
        Change::Undelete => agent.of_history("undelete", json!({ "items": items })).await,
    }
}

async fn note(item: Side, text: Option<String>, data: &DataArg) -> anyhow::Result<u8> {
    let text = match text.as_deref() {
        Some("-") => {
            let mut text = String::new();
            let most = MAX_NOTE_BYTES as u64 + 1;
            std::io::stdin().take(most).read_to_string(&mut text).context("the note could not be read")?;
            Some(text)
        }
        _ => text,
    };
    if text.as_ref().is_some_and(|text| text.len() > MAX_NOTE_BYTES) {
        bail!("the note has more than {MAX_NOTE_BYTES} bytes");
    }
    let shown = match Holder::of(data)? {
        Holder::Us(data_dir) => {
            let log = SqliteLog::open(&data_dir.log_path())?;
            match text {
                Some(text) => {
                    log.write_note(item, (!text.trim().is_empty()).then_some(text), command_line()).await?;
                    None
                }
                None => log.marks(&item).await?.1.map(|note| note.text),
            }
        }
        Holder::Agent(agent) => match text {
            Some(text) => {
                agent.write_note(&item, &text).await?;
                None
            }
            None => Some(agent.marked(&item).await?.note.text),
        },
    };
    if let Some(text) = shown {
        println!("{}", text.trim_end());
    }
    Ok(DONE)
}

fn table(rows: &[RunRow]) -> Table {
    let mut table = Table::new();
    let heads = ["run", "name", "engine", "model", "state", "verdict", "best tok/s", "created", "tags"];
    table.load_preset(presets::NOTHING).set_header(heads);
    let absent = || "—".to_owned();
    for row in rows {
        let pin = if row.marks.pinned { "pinned " } else { "" };
        table.add_row([
            row.run.to_string(),
            row.name.clone(),
            row.engine.clone(),
            row.model.clone().unwrap_or_else(absent),
            row.state.label().to_owned(),
            row.verdict.map_or_else(absent, |verdict| verdict.label().to_owned()),
            number(row.best_output_throughput),
            utc(row.created_unix_ms),
            format!("{pin}{}", row.marks.tags.join(" ")),
        ]);
    }
    table
}

fn bin(rows: &[BinRow]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["id", "name", "deleted", "by"]);
    for row in rows {
        let by = format::or_absent(row.by.as_ref(), |who| who.name.clone());
        table.add_row([row.item.to_string(), row.name.clone(), utc(row.deleted_unix_ms), by]);
    }
    table
}
