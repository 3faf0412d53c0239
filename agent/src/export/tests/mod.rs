//! Owns the tests of exports as a whole: the same bytes after a way there and back, and what others read of them.
//! Must not know how any format is written.

mod fixture;
mod forms;
mod records;
mod schema;
mod sweep;
mod whole;
