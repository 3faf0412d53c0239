//! Owns the rows of one group until they are written: values, and the levels that say which of them are null or in a list.
//! Must not know what the columns mean.

use super::super::failure::ExportError;
use super::columns::{COLUMNS, Cell, Kind, Row};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use std::io::Write;

/// Values of a column by its physical type.
enum Values {
    Int(Vec<i32>),
    Long(Vec<i64>),
    Number(Vec<f64>),
    Flag(Vec<bool>),
    Text(Vec<ByteArray>),
}

/// One column of a group.
struct Held {
    values: Values,
    /// How much of the way to a value is there: the greatest where there is one.
    definition: Vec<i16>,
    /// Of lists, 0 where a row begins and 1 within.
    repetition: Vec<i16>,
}

/// The rows of one group.
pub(super) struct Buffer {
    columns: Vec<Held>,
    rows: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        let held = |kind: Kind| {
            let values = match kind {
                Kind::Int | Kind::Ints => Values::Int(Vec::new()),
                Kind::Long | Kind::Longs => Values::Long(Vec::new()),
                Kind::Number => Values::Number(Vec::new()),
                Kind::Flag => Values::Flag(Vec::new()),
                Kind::Text => Values::Text(Vec::new()),
            };
            Held { values, definition: Vec::new(), repetition: Vec::new() }
        };
        Self { columns: COLUMNS.iter().map(|column| held(column.kind)).collect(), rows: 0 }
    }
}

impl Buffer {
    /// Rows that it holds.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Elements of its longest column of lists, or thereabouts.
    pub(super) fn arrivals(&self) -> usize {
        self.columns.iter().map(|held| held.definition.len()).max().unwrap_or(0)
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        for (column, held) in COLUMNS.iter().zip(&mut self.columns) {
            held.push((column.cell)(row));
        }
        self.rows += 1;
    }

    /// Writes what it holds as a group, and is empty then.
    pub(super) fn write<W: Write + Send>(&mut self, writer: &mut SerializedFileWriter<W>) -> Result<(), ExportError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = writer.next_row_group()?;
        let held = std::mem::take(self);
        for held in held.columns {
            let Some(column) = group.next_column()? else { break };
            held.write(column)?;
        }
        group.close()?;
        Ok(())
    }
}

impl Held {
    fn push(&mut self, cell: Cell) {
        match (cell, &mut self.values) {
            (Cell::Int(value), Values::Int(all)) => one(value, all, &mut self.definition),
            (Cell::Long(value), Values::Long(all)) => one(value, all, &mut self.definition),
            (Cell::Number(value), Values::Number(all)) => one(value, all, &mut self.definition),
            (Cell::Flag(value), Values::Flag(all)) => one(value, all, &mut self.definition),
            (Cell::Text(value), Values::Text(all)) => {
                one(value.map(|text| ByteArray::from(text.into_bytes())), all, &mut self.definition);
            }
            (Cell::Longs(list), Values::Long(all)) => {
                // Elements are never null: 1 is a value, 0 an empty list.
                let levels = list.iter().map(|_| 1).collect();
                all.extend(list);
                self.list(levels);
            }
            (Cell::Ints(list), Values::Int(all)) => {
                // 2 is a value, 1 a null among the elements, 0 an empty list.
                let levels = list.iter().map(|value| if value.is_some() { 2 } else { 1 }).collect();
                all.extend(list.into_iter().flatten());
                self.list(levels);
            }
            // The table of columns gives each cell its column's own type.
            _ => self.definition.push(0),
        }
    }

    fn list(&mut self, levels: Vec<i16>) {
        if levels.is_empty() {
            self.definition.push(0);
            self.repetition.push(0);
            return;
        }
        self.repetition.extend((0..levels.len()).map(|at| i16::from(at > 0)));
        self.definition.extend(levels);
    }

    fn write(self, mut column: SerializedColumnWriter<'_>) -> Result<(), ExportError> {
        let definition = Some(self.definition.as_slice());
        let repetition = Some(self.repetition.as_slice()).filter(|levels| !levels.is_empty());
        match &self.values {
            Values::Int(all) => column.typed::<Int32Type>().write_batch(all, definition, repetition)?,
            Values::Long(all) => column.typed::<Int64Type>().write_batch(all, definition, repetition)?,
            Values::Number(all) => column.typed::<DoubleType>().write_batch(all, definition, repetition)?,
            Values::Flag(all) => column.typed::<BoolType>().write_batch(all, definition, repetition)?,
            Values::Text(all) => column.typed::<ByteArrayType>().write_batch(all, definition, repetition)?,
        };
        column.close()?;
        Ok(())
    }
}

fn one<T>(value: Option<T>, all: &mut Vec<T>, definition: &mut Vec<i16>) {
    definition.push(i16::from(value.is_some()));
    all.extend(value);
}
