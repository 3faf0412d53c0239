//! Owns noticing that the embedded dashboard has changed: the folder is embedded by a macro, which sees files only.
//! Must not know what is in the folder, nor build it (`cargo xtask web` does).

use std::path::Path;

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    // The agent builds without the dashboard; an empty folder is what the macro needs then, and what cargo can watch.
    std::fs::create_dir_all(&dist)?;
    // A debug build reads the folder while it runs: rebuilding it for each change of the page would be for nothing.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", dist.display());
    }
    Ok(())
}
