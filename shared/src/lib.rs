//! Owns the words that agent and browser both use: plan, events, the reducer, metrics, charts, wire.
//! Must not know sockets, clocks, files, or any framework.

pub mod calendar;
pub mod caveat;
pub mod chart;
pub mod compare;
pub mod cost;
pub mod engine;
pub mod event;
pub mod format;
pub mod histogram;
pub mod history;
pub mod ids;
pub mod metric;
pub mod order;
pub mod outcome;
pub mod people;
pub mod plan;
pub mod preset;
pub mod queue;
pub mod retention;
pub mod roofline;
pub mod said;
pub mod schedule;
pub mod search;
pub mod source;
pub mod statistics;
pub mod study;
pub mod summary;
pub mod telemetry;
pub mod units;
pub mod view;
pub mod wire;
pub mod workload;
