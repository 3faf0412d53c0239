//! Owns the words about a run that the page and files both say: header, verdict, table of points.
//! Must not know who says them; text in, text out.

pub mod compared;
pub mod header;
pub mod kv;
pub mod machine;
pub mod points;
pub mod verdict;
