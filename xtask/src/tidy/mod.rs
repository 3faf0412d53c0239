//! Owns the project's own rules: which file is looked at, and how a finding is told.
//! Must not know the rules themselves (`rules` does).

mod rules;
mod source;
#[cfg(test)]
mod tests;

use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use rules::{Finding, RULES};
use source::Source;

/// Checks every file that git tracks or would track.
///
/// # Errors
/// When a rule is broken; every place is printed with the rule's reason.
pub fn run() -> Result<()> {
    let sources = sources()?;
    let mut broken = 0;
    for rule in RULES {
        let found: Vec<(&Source, Finding)> = sources
            .iter()
            .flat_map(|source| (rule.check)(source).into_iter().map(move |finding| (source, finding)))
            .collect();
        if found.iter().any(|(_, finding)| !finding.only_warns) {
            println!("  rule `{}`: {}", rule.name, rule.reason);
        }
        for (source, finding) in found {
            let word = if finding.only_warns { "warning" } else { "error" };
            println!("  {word}: {}:{}: {}", source.path, finding.line, finding.what);
            broken += usize::from(!finding.only_warns);
        }
    }
    broken += usize::from(!tool_versions_agree(&sources)?);
    if broken > 0 {
        bail!("{broken} places break the project's rules; they are listed above with the reason of each rule");
    }
    println!("  {} files, {} rules", sources.len(), RULES.len() + 1);
    Ok(())
}

/// Trunk takes the wasm-bindgen that Trunk.toml names; any other version than the crate's fails late and unclearly.
fn tool_versions_agree(sources: &[Source]) -> Result<bool> {
    let text = |path: &str| sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
    let lock = text("Cargo.lock").context("Cargo.lock is not in git")?;
    let trunk = text("Trunk.toml").context("Trunk.toml is not in git")?;
    let locked = crate::tools::locked_version(lock, "wasm-bindgen").context("Cargo.lock does not name wasm-bindgen")?;
    let agree = trunk.contains(&format!("wasm_bindgen = \"{locked}\""));
    if !agree {
        println!("  error: Trunk.toml: [tools] wasm_bindgen must be \"{locked}\", the version in Cargo.lock");
    }
    Ok(agree)
}

fn sources() -> Result<Vec<Source>> {
    let list = Sh::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output()
        .context("`git ls-files` failed; tidy needs git and a checkout")?;
    let mut sources = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        // A file that is deleted but still listed, and bytes that are no text, have nothing to say to the rules.
        if let Ok(text) = std::fs::read_to_string(paths::root().join(path)) {
            sources.push(Source { path: path.to_owned(), text });
        }
    }
    Ok(sources)
}
