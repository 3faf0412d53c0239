//! Owns the life of child processes: start, readiness, ending, and the ledger of what is ours.
//! Must not know what an engine does with its ports.
