//! Owns the built-in engine: a real Llama on the CPU with random weights, served over HTTP like any other engine.
//! Must not know plans, runs or the log.
