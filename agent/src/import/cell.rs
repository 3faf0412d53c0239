//! Owns a flat row of named values, as a JSON object or a line of CSV has it; long lists leave what is asked of them.
//! Must not know what any name means.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use shared::engine::ParamValue;
use std::collections::BTreeMap;

/// Longest text that is kept, characters.
const MAX_TEXT: usize = 300;

/// Most values of a row.
const MAX_NAMES: usize = 2000;

/// The values of one row by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row(pub BTreeMap<String, Cell>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row = BTreeMap::new();
        while let Some((name, cell)) = map.next_entry()? {
            row.insert(name, cell);
            if row.len() > MAX_NAMES {
                return Err(A::Error::custom(format!("an object holds more than {MAX_NAMES} names")));
            }
        }
        Ok(Row(row))
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text, its beginning where it is long.
    Text(String),
    /// A list of numbers: how many there are, how many of them are above 1, and the value that all have.
    List { n: u64, above_one: u64, all: Option<f64> },
    /// Something else.
    Other,
}

impl Cell {
    /// What a field of CSV holds.
    pub(super) fn of_csv(field: &str) -> Self {
        match field {
            "" => Cell::Null,
            "True" | "true" => Cell::Bool(true),
            "False" | "false" => Cell::Bool(false),
            _ => {
                let float = || field.parse::<f64>().ok().filter(|n| n.is_finite()).map(Cell::Float);
                let number = field.parse::<i64>().ok().map(Cell::Int).or_else(float);
                number.unwrap_or_else(|| Cell::text(field))
            }
        }
    }

    fn text(text: &str) -> Self {
        Cell::Text(text.chars().take(MAX_TEXT).collect())
    }

    /// The number that it is.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Cell::Int(n) => Some(*n as f64),
            Cell::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// The value that an engine's parameter has.
    pub(super) fn param(&self) -> Option<ParamValue> {
        match self {
            Cell::Bool(value) => Some(ParamValue::Bool(*value)),
            Cell::Int(value) => Some(ParamValue::Int(*value)),
            Cell::Float(value) => Some(ParamValue::Float(*value)),
            Cell::Text(value) => Some(ParamValue::Text(value.clone())),
            Cell::Null | Cell::List { .. } | Cell::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
        Ok(i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cell, E> {
        Ok(Cell::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
        let (mut n, mut above_one, mut first) = (0, 0, None);
        let mut alike = true;
        while let Some(Element(value)) = seq.next_element()? {
            n += 1;
            above_one += u64::from(value.is_some_and(|value| value > 1.0));
            alike &= value.is_some() && *first.get_or_insert(value) == value;
        }
        Ok(Cell::List { n, above_one, all: first.flatten().filter(|_| alike) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }
}

/// An element of a list, where it is a number.
struct Element(Option<f64>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cell::deserialize(deserializer).map(|cell| Self(cell.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_same_from_json_and_from_csv() {
        let json: Row = serde_json::from_str(
            r#"{"date": "20251202-234641", "label": null, "request_rate": "inf", "burstiness": 1.0, "completed": 100,
                "duration": 5.263624365000396, "on": true}"#,
        )
        .unwrap();
        let fields = ["20251202-234641", "", "inf", "1.0", "100", "5.263624365000396", "True"];
        let names = ["date", "label", "request_rate", "burstiness", "completed", "duration", "on"];
        let csv = names.iter().map(|n| (*n).to_owned()).zip(fields.map(Cell::of_csv)).collect();
        assert_eq!(json, Row(csv));
    }

    #[test]
    fn lists_leave_what_is_asked_of_them() {
        let check = |text: &str, expect: Cell| assert_eq!(serde_json::from_str::<Cell>(text).unwrap(), expect);
        check("[5, 5, 5]", Cell::List { n: 3, above_one: 3, all: Some(5.0) });
        check("[5, 1, 0.2]", Cell::List { n: 3, above_one: 1, all: None });
        check("[[0.1, 0.2], []]", Cell::List { n: 2, above_one: 0, all: None });
        check("[]", Cell::List { n: 0, above_one: 0, all: None });
        check("{\"a\": [1, {\"b\": 2}]}", Cell::Other);
    }
}
