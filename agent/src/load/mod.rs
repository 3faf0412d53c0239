//! Owns the load generator: arrivals, workers, connections, and the stamps of each read.
//! Must not know viewers, storage or statistics.
