//! Owns parting the linked program: the main part, which the page starts with, and the parts that come on demand.
//! Must not know which screens those are, nor how the agent serves them.

use crate::paths;
use crate::sh::Sh;
use crate::wasm_target::TARGET;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// The program as cargo names it.
const PROGRAM: &str = "tokenprism-web";
/// The cargo profile of what a browser downloads.
pub const PROFILE: &str = "wasm-release";
/// What makes each part small. Functions in the order of their names compress better.
const OPTIMISE: [&str; 13] = [
    "--flatten",
    "--rereloop",
    "-O2",
    "-Oz",
    "--converge",
    "--reorder-functions-by-name",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Puts the parts in the place of the one program that Trunk made, below the name that Trunk gave it. `path` has the
/// tools.
///
/// # Errors
/// When a tool fails, or what one wrote is not as expected.
pub fn split(path: &OsStr) -> Result<()> {
    let dist = paths::dist();
    let name = name_by_trunk(&dist)?;
    let work = paths::target().join("xtask/split");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    let tool = |program: &str| Sh::new(program).env("PATH", path);

    let linked = paths::target().join(TARGET).join(PROFILE).join(PROGRAM).with_extension("wasm");
    tool("wasm-split-cli").args([&linked, &work]).args(["--out-name", &name]).run()?;
    let main = work.join(&name).with_extension("wasm");
    tool("wasm-bindgen")
        // Both keep what the parts need of the main one.
        .args(["--target=web", "--no-typescript", "--keep-lld-exports", "--no-demangle", "--out-name", &name])
        .arg_path("--out-dir", &work)
        .arg(&main)
        .run()?;
    fs::remove_file(&main).with_context(|| format!("cannot remove {}", main.display()))?;

    let script = work.join(LINK);
    let text = fs::read_to_string(&script).with_context(|| format!("wasm-split wrote no {}", script.display()))?;
    let (text, parts) = named(&text, &name)?;
    fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    let main = format!("{name}_bg.wasm");
    for (from, to) in parts.iter().chain([(&main, &main)]) {
        tool("wasm-opt").args(OPTIMISE).arg(work.join(from)).arg_path("-o", &dist.join(to)).run()?;
    }
    // One script of the two that need each other. wasm-bindgen names the other once for each function that it takes.
    tool("esbuild")
        .args(["--bundle", "--minify", "--format=esm", "--log-level=warning", "--allow-overwrite"])
        .arg("--log-override:duplicate-object-key=silent")
        .arg(work.join(&name).with_extension("js"))
        .arg(format!("--outfile={}", dist.join(&name).with_extension("js").display()))
        .run()
}

/// The script with which wasm-split fetches parts.
const LINK: &str = "__wasm_split.js";

/// The name that Trunk gave the program: its own, and a hash of what was linked.
fn name_by_trunk(dist: &Path) -> Result<String> {
    let files: Vec<_> = fs::read_dir(dist)?.collect::<std::io::Result<_>>()?;
    let mut names = files.iter().filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        Some(name.strip_suffix("_bg.wasm").filter(|name| name.starts_with(PROGRAM))?.to_owned())
    });
    let name = names.next().context("Trunk wrote no program into web/dist; has it changed how it names it?")?;
    if let Some(second) = names.next() {
        bail!("web/dist holds two programs, {name} and {second}: remove the folder");
    }
    Ok(name)
}

/// The script that fetches parts, with names that tell the program, its hash and whose part it is; and what is to be
/// renamed so. A part that several screens share is named by all of them.
///
/// # Errors
/// When the script names no part, or one that it should not.
fn named(script: &str, program: &str) -> Result<(String, BTreeMap<String, String>)> {
    let mut parts = BTreeMap::new();
    let mut text = String::with_capacity(script.len());
    let mut of = String::new();
    for line in script.lines() {
        // A shared part is announced by those that share it.
        if let Some(names) = line.strip_prefix("/* ").and_then(|rest| rest.strip_suffix(" */")) {
            of = names.replace(", ", "-");
        }
        match line.split_once("new URL(\"./").and_then(|(_, rest)| rest.split_once('"')) {
            Some((file, _)) => {
                let stem = file.strip_suffix(".wasm").with_context(|| format!("wasm-split named a part {file}"))?;
                let name = format!("{program}_{}.wasm", stem.strip_prefix("split_").unwrap_or(&of));
                text.push_str(&line.replace(file, &name));
                parts.insert(file.to_owned(), name);
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    if parts.is_empty() {
        bail!("wasm-split found no part in the program; was it compiled with the feature `split` and relocations?");
    }
    Ok((text, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_by_program_and_screens() {
        let script = "/* engines, run */\nconst __chunk_3 = makeLoad(() => {\n  const src = fetch(new URL(\"./chunk_3.wasm\", import.meta.url));\n}, []);\n\
            export const a = () => fetch(new URL(\"./split_run.wasm\", import.meta.url));\n";
        let (text, parts) = named(script, "web-0123").unwrap();
        assert!(text.contains("new URL(\"./web-0123_engines-run.wasm\", import.meta.url)"), "{text}");
        assert!(text.contains("new URL(\"./web-0123_run.wasm\", import.meta.url)"), "{text}");
        let parts: Vec<_> = parts.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        assert_eq!(parts, [("chunk_3.wasm", "web-0123_engines-run.wasm"), ("split_run.wasm", "web-0123_run.wasm")]);
        assert!(named("let nothing;\n", "web-0123").is_err());
    }
}
