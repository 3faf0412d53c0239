//! Owns the queue and the state machine of a run, from plan to last event.
//! Must not know HTTP routes or how bytes are decoded.
