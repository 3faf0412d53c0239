//! Owns the append-only event log and its projections.
//! Must not know what an event means beyond what the projections need.
