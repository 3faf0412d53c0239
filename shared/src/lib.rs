//! Words both sides use.
