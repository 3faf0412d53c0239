//! Owns everything that knows a vendor: how an engine is launched, probed and asked for work.
//! Must not know statistics, storage or viewers.

pub mod builtin;
