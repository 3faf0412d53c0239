//! Owns `tokenprism queue`: what waits on the serving agent, and arranging it.
//! Must not know how the order is kept or when a run starts.

use super::holder::Holder;
use super::{DONE, DataArg};
use crate::remote::Agent;
use comfy_table::{Table, presets};
use shared::format;
use shared::ids::RunId;
use shared::queue::{Change, QueueNow};

/// What to do with the queue.
#[derive(clap::Subcommand, Debug)]
pub enum QueueCommand {
    /// Print what runs and what waits, in its order, why, and when it will start.
    List {
        #[command(flatten)]
        data: DataArg,
    },
    /// Have nothing start any more; what is under way goes on.
    Pause {
        #[command(flatten)]
        data: DataArg,
    },
    /// Let it go on.
    Resume {
        #[command(flatten)]
        data: DataArg,
    },
    /// Hold a run back that waits; others pass it.
    Hold {
        /// The run.
        run: String,
        #[command(flatten)]
        data: DataArg,
    },
    /// Let a run go that was held back.
    Release {
        /// The run.
        run: String,
        #[command(flatten)]
        data: DataArg,
    },
    /// Put a run behind the others of a priority; greater ones go first.
    Priority {
        /// The run.
        run: String,
        /// From -100 to 100; a run has 0 where nobody says otherwise.
        #[arg(allow_negative_numbers = true)]
        priority: i32,
        #[command(flatten)]
        data: DataArg,
    },
    /// Put a run right before another one that waits.
    Before {
        /// The run.
        run: String,
        /// The other one.
        other: String,
        #[command(flatten)]
        data: DataArg,
    },
    /// Cancel a run that waits or is under way.
    Cancel {
        /// The run.
        run: String,
        #[command(flatten)]
        data: DataArg,
    },
    /// Take the plan of a run that has ended once more, and print the new run's id.
    Retry {
        /// The run.
        run: String,
        #[command(flatten)]
        data: DataArg,
    },
}

/// Does it.
pub async fn queue(command: QueueCommand) -> anyhow::Result<u8> {
    let run = |text: String| RunId::try_from(text);
    match command {
        QueueCommand::List { data } => print!("{}", render(&serving(&data)?.queue().await?)),
        QueueCommand::Pause { data } => serving(&data)?.pause_queue(true).await?,
        QueueCommand::Resume { data } => serving(&data)?.pause_queue(false).await?,
        QueueCommand::Hold { run: of, data } => serving(&data)?.change_place(&run(of)?, &Change::Held(true)).await?,
        QueueCommand::Release { run: of, data } => {
            serving(&data)?.change_place(&run(of)?, &Change::Held(false)).await?
        }
        QueueCommand::Priority { run: of, priority, data } => {
            serving(&data)?.change_place(&run(of)?, &Change::Priority(priority)).await?;
        }
        QueueCommand::Before { run: of, other, data } => {
            serving(&data)?.change_place(&run(of)?, &Change::Before(run(other)?)).await?;
        }
        QueueCommand::Cancel { run: of, data } => serving(&data)?.cancel(&run(of)?).await?,
        QueueCommand::Retry { run: of, data } => println!("{}", serving(&data)?.retry(&run(of)?).await?),
    }
    Ok(DONE)
}

/// The agent that serves: without one nothing has its turn.
fn serving(data: &DataArg) -> anyhow::Result<Agent> {
    match Holder::of(data)? {
        Holder::Agent(agent) => Ok(agent),
        Holder::Us(_) => anyhow::bail!(
            "no agent serves from {}, so nothing has its turn: start one with tokenprism serve, and what waits there goes on",
            data.data_dir.display()
        ),
    }
}

/// A length, or that nobody knows it.
fn length(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "unknown".to_owned(), |s| format::duration((s * 1e9) as u64))
}

fn render(now: &QueueNow) -> String {
    let mut text = String::new();
    if let Some(who) = &now.paused {
        text.push_str(&format!("The queue was paused by {}: nothing starts until it goes on.\n", who.name));
    }
    for row in &now.running {
        let left = length(row.left_s);
        text.push_str(&format!("{} {} is under way with {}; time left: {left}\n", row.run, row.name, row.has));
    }
    if now.waiting.is_empty() {
        text.push_str("Nothing waits.\n");
        return text;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "",
        "run",
        "name",
        "priority",
        "starts in",
        "takes",
        "why it waits",
    ]);
    for (place, row) in (1..).zip(&now.waiting) {
        let (place, run, priority): (i32, _, _) = (place, row.run.to_string(), row.priority.to_string());
        let (starts, takes) = (length(row.starts_in_s), length(row.takes_s));
        table.add_row([place.to_string(), run, row.name.clone(), priority, starts, takes, row.reason.clone()]);
    }
    text.push_str(&format!("{table}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::people::Who;
    use shared::queue::{RunningRow, WaitingRow};

    #[test]
    fn what_is_unknown_is_never_a_number() {
        assert_eq!(render(&QueueNow::default()), "Nothing waits.\n");
        let (run, name) = (RunId::new(1, 2), "A".to_owned());
        let waiting = WaitingRow {
            run: run.clone(),
            name: name.clone(),
            priority: -3,
            held: None,
            needs: "GPU-a".to_owned(),
            reason: "Because.".to_owned(),
            starts_in_s: None,
            takes_s: Some(90.0),
            takes_by: String::new(),
        };
        let running = RunningRow { run, name, has: "GPU-a".to_owned(), beside: vec![], left_s: None };
        let paused = Some(Who { id: "t".to_owned(), name: "Ada".to_owned() });
        let text = render(&QueueNow { paused, running: vec![running], waiting: vec![waiting] });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "The queue was paused by Ada: nothing starts until it goes on.");
        assert!(lines[1].ends_with("is under way with GPU-a; time left: unknown"), "{text}");
        let cells: Vec<&str> = lines[3].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["1", "r00000000000100000002", "A", "-3", "unknown", "1 m 30 s", "Because."]);
    }
}
