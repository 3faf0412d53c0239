//! Owns the command line: arguments in, sentences and exit codes out.
//! Must not know how anything it calls is done.
