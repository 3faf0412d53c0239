//! Owns the columns of the records' table: name, type, unit, and what fills each of them.
//! Must not know how columns are written.

use super::super::form::RunForm;
use super::super::table::kind;
use crate::record::RequestRecord;
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{PrimitiveTypeBuilder, Type};
use shared::view::TrialView;
use std::sync::Arc;

/// What a row is made of.
pub(super) struct Row<'a> {
    pub form: &'a RunForm,
    pub trial: &'a TrialView,
    pub index: u32,
    pub record: &'a RequestRecord,
    pub in_window: Option<bool>,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit whole number.
    Int,
    /// 64-bit whole number.
    Long,
    /// Double.
    Number,
    /// True or false.
    Flag,
    /// UTF-8.
    Text,
    /// A list of 64-bit whole numbers.
    Longs,
    /// A list of 32-bit whole numbers, each of which may be null.
    Ints,
}

/// What a cell holds; nothing where it is unknown.
pub(super) enum Cell {
    Int(Option<i32>),
    Long(Option<i64>),
    Number(Option<f64>),
    Flag(Option<bool>),
    Text(Option<String>),
    Longs(Vec<i64>),
    Ints(Vec<Option<i32>>),
}

/// A column.
pub struct Column {
    /// Its name; the unit of a time is its end.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it is.
    pub says: &'static str,
    pub(super) cell: fn(&Row<'_>) -> Cell,
}

macro_rules! columns {
    ($($name:literal $kind:ident $says:literal $cell:expr;)*) => {
        /// The columns, in order. Each but a list may be null. Times are ns of run time: since the run was created, on
        /// the host's monotonic clock.
        pub const COLUMNS: &[Column] =
            &[$(Column { name: $name, kind: Kind::$kind, says: $says, cell: |row| Cell::$kind(($cell)(row)) }),*];
    };
}

columns! {
    "run" Text "Run id." |r: &Row<'_>| Some(r.form.run.to_string());
    "point" Int "Point, from 0." |r: &Row<'_>| int(r.trial.point);
    "variant" Text "What tells the engine's configuration from others; empty where nothing varies." |r: &Row<'_>| of_point(r, |p| p.variant.clone());
    "level_kind" Text "`concurrency`, `burst`, `rate`, `ramp` or `trace`." |r: &Row<'_>| of_point(r, |p| kind(p.level).to_owned());
    "level" Number "The level's number: requests in flight, or requests per second." |r: &Row<'_>| r.form.points.get(r.trial.point as usize).map(|p| p.level.value());
    "trial" Int "Trial in execution order, from 0." |r: &Row<'_>| int(r.index);
    "repeat" Int "Which repeat of the point, from 0." |r: &Row<'_>| int(r.trial.repeat);
    "set_aside" Flag "The point was begun again after this trial: no figure has it." |r: &Row<'_>| Some(r.trial.set_aside);
    "in_window" Flag "It belongs to the trial's window: its latencies are samples. Null where the trial has no figures." |r: &Row<'_>| r.in_window;
    "request" Long "Number of the request within the run." |r: &Row<'_>| long(Some(r.record.id));
    "outcome" Text "How it ended: `ok`, `ok_short`, `timed_out`, …" |r: &Row<'_>| word(&r.record.outcome);
    "status" Int "HTTP status, where one came." |r: &Row<'_>| r.record.status.map(i32::from);
    "error" Text "What went wrong, as a sentence." |r: &Row<'_>| r.record.error.clone();
    "sched_ns" Long "When it was due." |r: &Row<'_>| long(Some(r.record.sched_ns));
    "sent_ns" Long "When its first byte was handed to an open connection." |r: &Row<'_>| long(r.record.sent_ns);
    "connect_ns" Long "Time to open the connection, where one was opened for it." |r: &Row<'_>| long(r.record.connect_ns);
    "head_ns" Long "When the response head came." |r: &Row<'_>| long(r.record.head_ns);
    "first_visible_ns" Long "When the first output came that is not reasoning." |r: &Row<'_>| long(r.record.first_visible_ns);
    "end_ns" Long "When its stream ended, or it was given up." |r: &Row<'_>| long(Some(r.record.end_ns));
    "prompt_tokens" Int "Prompt tokens by the server's count." |r: &Row<'_>| r.record.prompt_tokens.and_then(int);
    "cached_tokens" Int "Of these, taken from a cache." |r: &Row<'_>| r.record.cached_tokens.and_then(int);
    "output_tokens" Int "Output tokens." |r: &Row<'_>| r.record.output_tokens.and_then(int);
    "token_source" Text "Where that count comes from." |r: &Row<'_>| word(&r.record.token_source);
    "counts_in_doubt" Flag "The server's own counts contradict each other." |r: &Row<'_>| Some(r.record.counts_in_doubt);
    "coalesced_chunks" Int "Chunks that came in one read with the one before." |r: &Row<'_>| int(r.record.coalesced);
    "ttft_ns" Long "Time to first token, from sent." |r: &Row<'_>| long(r.record.ttft_ns());
    "ttft_scheduled_ns" Long "Time to first token, from due." |r: &Row<'_>| long(r.record.ttft_scheduled_ns());
    "tpot_ns" Long "Time per output token after the first chunk." |r: &Row<'_>| long(r.record.tpot_ns());
    "e2e_ns" Long "From sent to the last output chunk." |r: &Row<'_>| long(r.record.e2e_ns());
    "arrival_ns" Longs "When each output chunk came." |r: &Row<'_>| r.record.chunks.iter().filter_map(|chunk| long(Some(chunk.t_ns))).collect();
    "arrival_tokens" Ints "Tokens of each of them; null where the server does not say." |r: &Row<'_>| r.record.chunks.iter().map(|chunk| chunk.tokens.and_then(int)).collect();
}

fn int(n: u32) -> Option<i32> {
    i32::try_from(n).ok()
}

fn long(n: Option<u64>) -> Option<i64> {
    n.and_then(|n| i64::try_from(n).ok())
}

fn of_point(row: &Row<'_>, of: fn(&super::super::form::PointForm) -> String) -> Option<String> {
    row.form.points.get(row.trial.point as usize).map(of)
}

/// The word that a value has in JSON.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// A column of single values.
fn leaf(name: &str, physical: Physical, repetition: Repetition) -> PrimitiveTypeBuilder<'_> {
    Type::primitive_type_builder(name, physical).with_repetition(repetition)
}

/// The schema of the file.
pub(super) fn schema() -> Result<Type, ParquetError> {
    let fields = COLUMNS.iter().map(Column::field).collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("request").with_fields(fields).build()
}

impl Column {
    fn field(&self) -> Result<Arc<Type>, ParquetError> {
        let list = |element: Type| {
            let repeated = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![Arc::new(element)])
                .build()?;
            Type::group_type_builder(self.name)
                .with_repetition(Repetition::REQUIRED)
                .with_logical_type(Some(LogicalType::List))
                .with_converted_type(ConvertedType::LIST)
                .with_fields(vec![Arc::new(repeated)])
                .build()
        };
        let optional = |physical: Physical| leaf(self.name, physical, Repetition::OPTIONAL).build();
        let field = match self.kind {
            Kind::Int => optional(Physical::INT32),
            Kind::Long => optional(Physical::INT64),
            Kind::Number => optional(Physical::DOUBLE),
            Kind::Flag => optional(Physical::BOOLEAN),
            Kind::Text => leaf(self.name, Physical::BYTE_ARRAY, Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::String))
                .with_converted_type(ConvertedType::UTF8)
                .build(),
            Kind::Longs => list(leaf("element", Physical::INT64, Repetition::REQUIRED).build()?),
            Kind::Ints => list(leaf("element", Physical::INT32, Repetition::OPTIONAL).build()?),
        };
        field.map(Arc::new)
    }
}
