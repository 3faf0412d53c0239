//! Owns the viewers: a snapshot, then deltas, a bounded queue each.
//! Must not know sockets or runs beyond their events.
