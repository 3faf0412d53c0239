//! Owns the page of a soak: what every kill hit and what was found afterwards.
//! Must not know how it was found out.

use crate::round::Seen;
use shared::calendar;
use shared::event::RunState;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The page as Markdown.
pub fn markdown(seed: u64, seen: &[Seen], took: Duration) -> String {
    let days = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let (year, month, day) = calendar::date(i64::try_from(days).unwrap());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = |of: &dyn Fn(&Seen) -> bool| seen.iter().filter(|round| of(round)).count();
    let mut text = format!(
        "# kill -9 at {n} random moments\n\n\
         - Date: {year:04}-{month:02}-{day:02} (UTC)\n\
         - Machine: {cores} cores, Linux {kernel}; agent built without optimisation\n\
         - Again: `cargo xtask soak kills --kills {n} --seed {seed}` ({took} s)\n\n\
         One data directory. In each round a run of two levels on the built-in engine begins, or one that an earlier kill had \
         cut off goes on; at a random moment the agent is killed, in {both} rounds together with the process that watches its \
         engine; another agent then starts on the same directory. After each kill:\n\n\
         - the log's file passes SQLite's integrity check, and no stream of events has a hole;\n\
         - every event that a client had been sent over its socket is stored as it was sent, of this run and of all before;\n\
         - every file of records that an event names is on the disk and can be read to its end;\n\
         - no process of the killed agent is left, and the ledger names none;\n\
         - the run is done, or marked as interrupted with the reason.\n\n\
         All of this held {n} times of {n}, or this page would not have been written. {interrupted} runs were cut off, {resumed} rounds \
         went on with one, {done} kills came after the run's end{last}.\n\n",
        n = seen.len(),
        last = match seen.last() {
            Some(round) if round.then == RunState::Interrupted => "; the last run went on to its end afterwards",
            _ => "",
        },
        kernel = kernel.trim(),
        took = took.as_secs(),
        both = count(&|round| round.with_supervisor),
        interrupted = count(&|round| round.then == RunState::Interrupted),
        resumed = count(&|round| round.resumed),
        done = count(&|round| round.then == RunState::Done),
    );
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for round in seen {
        *states.entry(round.state.label()).or_default() += 1;
    }
    let hit: Vec<String> = states.iter().map(|(state, n)| format!("{state} {n}")).collect();
    text.push_str(&format!("State of the run when it was hit: {}.\n\n", hit.join(", ")));
    text.push_str(
        "| # | began with | killed | after, ms | in state | events a client had | events stored | files of records | processes | \
         gone after, ms | then |\n|---:|---|---|---:|---|---:|---:|---:|---:|---:|---|\n",
    );
    for (number, round) in (1..).zip(seen) {
        text.push_str(&format!(
            "| {number} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            if round.resumed { "a resumed run" } else { "a new run" },
            if round.with_supervisor { "agent and watcher" } else { "agent" },
            round.after.as_millis(),
            round.state.label(),
            round.heard,
            round.stored,
            round.blobs,
            round.processes,
            round.gone_after.as_millis(),
            round.then.label(),
        ));
    }
    text
}
