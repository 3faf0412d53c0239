//! Owns the test of the records' table: read back with the reader of the same crate, value by value.
//! Must not know how columns are written.

use super::fixture::{Store, trials};
use crate::export::Format;
use crate::record::{Chunk, RequestRecord};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use shared::outcome::Outcome;

fn field<'a>(row: &'a Row, name: &str) -> &'a Field {
    row.get_column_iter().find(|(of, _)| *of == name).map(|(_, field)| field).unwrap_or_else(|| panic!("no {name}"))
}

fn long(n: Option<u64>) -> Field {
    n.map_or(Field::Null, |n| Field::Long(n as i64))
}

fn list(field: &Field) -> Vec<Field> {
    let Field::ListInternal(list) = field else { panic!("{field:?}") };
    list.elements().to_vec()
}

#[tokio::test]
async fn what_is_written_is_read() {
    let mut all = trials();
    let untold = Chunk { t_ns: 31_000_000_000, tokens: None };
    let first = all[3][0].clone();
    all[3].push(RequestRecord {
        outcome: Outcome::TimedOut,
        chunks: vec![untold],
        output_tokens: None,
        error: Some("no byte for 30 s".to_owned()),
        ..first
    });
    all[0].push(RequestRecord { end_ns: 5, ..RequestRecord::due(99, 1) });
    let store = Store::new();
    let run = store.own_run(&all).await;
    let bytes = bytes::Bytes::from(store.bytes(&run, Format::Parquet).await);
    let reader = SerializedFileReader::new(bytes).unwrap();
    let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let expect: Vec<(usize, &RequestRecord)> =
        all.iter().enumerate().flat_map(|(trial, records)| records.iter().map(move |record| (trial, record))).collect();
    assert_eq!(rows.len(), expect.len());
    for (row, (trial, record)) in rows.iter().zip(expect) {
        assert_eq!(field(row, "run"), &Field::Str(run.to_string()));
        assert_eq!(field(row, "trial"), &Field::Int(trial as i32));
        assert_eq!(field(row, "level"), &Field::Double([1.0, 4.0][trial / 2]));
        assert_eq!(field(row, "request"), &long(Some(record.id)));
        for (name, n) in [
            ("sched_ns", Some(record.sched_ns)),
            ("sent_ns", record.sent_ns),
            ("head_ns", record.head_ns),
            ("end_ns", Some(record.end_ns)),
            ("ttft_ns", record.ttft_ns()),
            ("tpot_ns", record.tpot_ns()),
            ("e2e_ns", record.e2e_ns()),
            ("connect_ns", None),
        ] {
            assert_eq!(field(row, name), &long(n), "{name} of {}", record.id);
        }
        assert_eq!(field(row, "outcome"), &Field::Str(serde_json::json!(record.outcome).as_str().unwrap().to_owned()));
        assert_eq!(field(row, "error"), &record.error.clone().map_or(Field::Null, Field::Str));
        assert_eq!(field(row, "output_tokens"), &record.output_tokens.map_or(Field::Null, |n| Field::Int(n as i32)));
        let arrivals: Vec<Field> = record.chunks.iter().map(|chunk| long(Some(chunk.t_ns))).collect();
        assert_eq!(list(field(row, "arrival_ns")), arrivals);
        let tokens: Vec<Field> =
            record.chunks.iter().map(|chunk| chunk.tokens.map_or(Field::Null, |n| Field::Int(n as i32))).collect();
        assert_eq!(list(field(row, "arrival_tokens")), tokens);
    }
    let told = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(told.iter().any(|pair| pair.key == "tokenprism.schema" && pair.value.as_deref() == Some("1")));
}
