//! Owns the records of requests as Parquet: a row for each request, its stamps as whole nanoseconds.
//! Must not know where records lie. What is unknown is null.

mod buffer;
mod columns;

#[cfg(test)]
pub(super) use columns::COLUMNS;

use super::failure::ExportError;
use super::form::RunForm;
use crate::blob::{BlobError, BlobStore};
use crate::record::Span;
use buffer::Buffer;
use columns::Row;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use shared::view::RunView;
use std::io::Write;
use std::sync::Arc;

/// Rows of a group, and arrivals of one: what is in memory at once.
const GROUP_ROWS: usize = 16_384;
const GROUP_ARRIVALS: usize = 1 << 20;
/// Version of the columns, as the file says it.
const SCHEMA: &str = "1";

impl From<ParquetError> for ExportError {
    fn from(error: ParquetError) -> Self {
        // The one external error is that of the file it writes to.
        match error {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(io) => Self::Write(*io),
                Err(other) => Self::Encode(other.to_string()),
            },
            other => Self::Encode(other.to_string()),
        }
    }
}

/// Writes every record of some runs, run by run, trial by trial, in the order in which requests ended.
///
/// # Errors
/// Where there is no record at all, one is damaged, or the file cannot be written.
pub(super) fn write(
    of: &str,
    runs: &[(&RunView, RunForm)],
    blobs: &BlobStore,
    to: impl Write + Send,
) -> Result<(), ExportError> {
    let schema = Arc::new(columns::schema()?);
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer = SerializedFileWriter::new(to, schema, Arc::new(properties))?;
    let mut buffer = Buffer::default();
    let (mut lost, mut any) = (Vec::new(), false);
    for (view, form) in runs {
        for (index, trial) in (0u32..).zip(&view.trials) {
            let records = trial.blob.as_ref().map(|blob| blobs.read(blob));
            let mut records = match records {
                Some(Ok(records)) => records,
                Some(Err(error)) if !matches!(error, BlobError::Missing(_)) => return Err(error.into()),
                // A trial that had none to write is no loss; one whose file is gone is.
                _ if trial.summary.is_none() => continue,
                _ => {
                    lost.push(format!("{}/{index}", form.run));
                    continue;
                }
            };
            let span = trial.summary.as_ref().map(|summary| Span::of_summary(summary, &form.plan));
            for record in records.by_ref() {
                let record = record?;
                let in_window = span.map(|span| span.holds(&record));
                buffer.push(&Row { form, trial, index, record: &record, in_window });
                any = true;
                if buffer.rows() >= GROUP_ROWS || buffer.arrivals() >= GROUP_ARRIVALS {
                    buffer.write(&mut writer)?;
                }
            }
            if records.is_cut() {
                lost.push(format!("{}/{index} (its end)", form.run));
            }
        }
    }
    if !any {
        let why = "There are no records of requests: another tool measured it, or no trial has ended.".to_owned();
        return Err(ExportError::Nothing { of: of.to_owned(), format: "parquet", why });
    }
    buffer.write(&mut writer)?;
    writer.append_key_value_metadata(KeyValue::new("tokenprism.schema".to_owned(), SCHEMA.to_owned()));
    // A file that travels alone says what its columns are.
    for column in columns::COLUMNS {
        writer.append_key_value_metadata(KeyValue::new(
            format!("tokenprism.column.{}", column.name),
            column.says.to_owned(),
        ));
    }
    writer.append_key_value_metadata(KeyValue::new("tokenprism.trials_without_records".to_owned(), lost.join(", ")));
    // What is still buffered must reach the disk, or be told of.
    writer.into_inner()?.flush()?;
    Ok(())
}
