//! Owns the benches: a pacing server that knows the truth, and the tables that compare us with it.
//! Must not know runs, the log or viewers.
