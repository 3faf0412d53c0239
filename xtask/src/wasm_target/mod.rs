//! Owns the wasm32 target of the compiler: there already, from rustup, or by Debian's own compiler.
//! Must not know what is built with it.

mod debian;

use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result};
use std::ffi::OsString;

/// What the dashboard is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Set to `debian` to take Debian's compiler though rustup's would do.
const VARIABLE: &str = "TOKENPRISM_WASM";

/// Brings the target.
///
/// # Errors
/// When neither rustup nor Debian can serve it.
pub fn bring() -> Result<String> {
    let forced = std::env::var_os(VARIABLE).is_some_and(|value| value == "debian");
    if !forced {
        if has_target("rustc") {
            return Ok("is there".into());
        }
        if paths::on_path("rustup").is_some() {
            match Sh::new("rustup").args(["target", "add", TARGET]).run() {
                Ok(()) if has_target("rustc") => return Ok("added by rustup".into()),
                Ok(()) => println!("  rustup says that the target is there, but its libraries are not"),
                Err(error) => println!("  {error:#}"),
            }
        }
        if debian::is_ready() {
            return Ok("is there, by Debian's compiler".into());
        }
        println!("  rustup cannot bring {TARGET}; taking Debian's compiler, which needs no download from rustup");
    }
    debian::bring().with_context(|| {
        format!(
            "the dashboard needs the {TARGET} target, which rustup could not bring \
             (try `rustup target add {TARGET}` with a network) and Debian's packages could not replace"
        )
    })
}

/// Environment of every command that compiles the dashboard: empty unless Debian's compiler does it.
pub fn environment() -> Vec<(&'static str, OsString)> {
    let forced = std::env::var_os(VARIABLE).is_some_and(|value| value == "debian");
    if !forced && has_target("rustc") { Vec::new() } else { debian::environment() }
}

/// Whether that compiler has the target's standard library.
fn has_target(rustc: &str) -> bool {
    let dir = Sh::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    dir.and_then(|dir| std::fs::read_dir(dir).ok())
        .is_some_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
}
