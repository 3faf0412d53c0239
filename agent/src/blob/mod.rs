//! Owns bulk token timelines: compressed frames on disk, named by events.
//! Must not know the event log.
