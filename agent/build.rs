//! Owns noticing that an embedded folder has changed: they are embedded by a macro, which sees files only.
//! Must not know what is in the folders, nor build the dashboard (`cargo xtask web` does).

use std::path::Path;

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    // The agent builds without the dashboard; an empty folder is what the macro needs then, and what cargo can watch.
    std::fs::create_dir_all(&dist)?;
    // A debug build reads the folders while it runs: rebuilding it for each change would be for nothing.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", dist.display());
        println!("cargo:rerun-if-changed=../baseline/tokenprism_baseline");
    }
    Ok(())
}
