//! Owns building the dashboard into web/dist: Trunk, no inline script, brotli copies.
//! Must not know what the dashboard shows, nor how the agent serves it.

use crate::npm;
use crate::paths;
use crate::prerequisites;
use crate::sh::{self, Sh};
use crate::stamp::{Fingerprint, Stamp};
use crate::steps::Steps;
use crate::tools;
use crate::wasm_target;
use anyhow::{Context, Result, bail};

/// The five steps that bring what building needs.
///
/// # Errors
/// When one fails.
pub fn setup(steps: &mut Steps) -> Result<()> {
    steps.run("Prerequisites", prerequisites::check)?;
    steps.run("Wasm target", wasm_target::bring)?;
    steps.run("Trunk", tools::trunk)?;
    steps.run("wasm-bindgen", tools::wasm_bindgen)?;
    steps.run("npm packages", npm::install)
}

/// The eight steps from nothing to web/dist.
///
/// # Errors
/// When one fails.
pub fn prepare(steps: &mut Steps) -> Result<()> {
    setup(steps)?;
    steps.run("ECharts", npm::bundle_echarts)?;
    steps.run("Rust dependencies", fetch)?;
    steps.run("Dashboard (wasm)", build)
}

/// Trunk builds offline, so that it downloads no tool behind our back; the crates come first.
fn fetch() -> Result<&'static str> {
    Sh::new("cargo").args(["fetch", "--quiet", "--locked"]).run()?;
    Ok("are there")
}

/// Builds the dashboard unless nothing has changed since.
///
/// # Errors
/// When Trunk or compression fails, or Trunk's page is not as expected.
fn build() -> Result<&'static str> {
    let stamp = Stamp::new("dist", inputs()?, paths::dist());
    if stamp.is_fresh()? {
        return Ok("is built");
    }
    let mut front = vec![npm::programs()];
    front.extend(tools::folders()?);
    Sh::new("trunk")
        .args(["build", "--release", "--cargo-profile", "wasm-release", "--offline"])
        .env("PATH", sh::path_with(&front)?)
        .envs(&wasm_target::environment())
        // Trunk takes NO_COLOR=1, as some terminals set it, for a broken option.
        .env_remove("NO_COLOR")
        .run()?;
    externalise_scripts()?;
    Sh::new("node").args(["web/scripts/compress.mjs", "web/dist"]).run()?;
    within_budget()?;
    stamp.keep()?;
    Ok("built")
}

/// What a page may weigh, brotli: by the end of the file's name, in bytes.
const BUDGET: [(&str, u64); 2] = [("_bg.wasm.br", 350 * 1024), ("echarts.min.js.br", 260 * 1024)];

/// Refuses a page that has grown too heavy for a teammate far away.
fn within_budget() -> Result<()> {
    let files: Vec<_> = std::fs::read_dir(paths::dist())?.collect::<std::io::Result<_>>()?;
    for (end, most) in BUDGET {
        let file = files.iter().find(|f| f.file_name().to_string_lossy().ends_with(end));
        let size = file.with_context(|| format!("web/dist holds no file that ends in {end}"))?.metadata()?.len();
        if size > most {
            bail!(
                "web/dist/*{end} has {size} B, over its budget of {most} B: see what made it grow before raising that"
            );
        }
    }
    Ok(())
}

/// Everything that the dashboard is made of.
fn inputs() -> Result<Fingerprint> {
    let root = paths::root();
    let mut inputs = Fingerprint::new();
    inputs.add_path(&paths::web(), &["dist", "node_modules", "vendor", "target"])?;
    inputs.add_path(&root.join("shared"), &["target"])?;
    inputs.add_path(&npm::echarts_bundle(), &[])?;
    for name in [".cargo/config.toml", "Cargo.toml", "Cargo.lock", "Trunk.toml", "rust-toolchain.toml"] {
        inputs.add_path(&root.join(name), &[])?;
    }
    inputs.add(Sh::new("rustc").args(["-V"]).output().unwrap_or_default().as_bytes());
    Ok(inputs)
}

/// Moves Trunk's inline start script into a file, because the agent's Content-Security-Policy runs files only.
fn externalise_scripts() -> Result<()> {
    let dist = paths::dist();
    let page = dist.join("index.html");
    let html = std::fs::read_to_string(&page).with_context(|| format!("Trunk wrote no {}", page.display()))?;
    let (html, script) = externalise(&html)?;
    let mut hash = Fingerprint::new();
    hash.add(script.as_bytes());
    let name = format!("boot-{}.js", hash.hex());
    std::fs::write(dist.join(&name), script).with_context(|| format!("cannot write web/dist/{name}"))?;
    std::fs::write(&page, html.replace(BOOT, &name)).with_context(|| format!("cannot write {}", page.display()))
}

/// Stands for the script's name until its content is known.
const BOOT: &str = "@boot@";

/// The page with its one inline script replaced by a reference to [`BOOT`], and that script.
///
/// # Errors
/// When the page does not hold exactly one inline script, or holds another thing that the policy forbids.
fn externalise(html: &str) -> Result<(String, String)> {
    let mut page = String::with_capacity(html.len());
    let mut found: Option<String> = None;
    let mut rest = html;
    while let Some(start) = rest.find("<script") {
        let open = start + rest[start..].find('>').context("a <script> of the built page is not closed")? + 1;
        let tag = &rest[start..open];
        let end = open + rest[open..].find("</script>").context("a <script> of the built page has no end")?;
        let after = end + "</script>".len();
        if tag.contains("src=") {
            page.push_str(&rest[..after]);
        } else {
            if !tag.contains("module") || found.is_some() {
                bail!(
                    "the built page holds an inline script besides Trunk's, which the agent's policy would block: {tag}"
                );
            }
            found = Some(format!("{}\n", rest[open..end].trim()));
            page.push_str(&rest[..start]);
            page.push_str(&format!("<script type=\"module\" src=\"/{BOOT}\"></script>"));
        }
        rest = &rest[after..];
    }
    page.push_str(rest);
    if page.contains("<style") || page.contains(" style=\"") || page.contains(" onload=") {
        bail!(
            "the built page holds an inline style or handler, which the agent's policy would block; put it into a file"
        );
    }
    Ok((page, found.context("the built page holds no start script; has Trunk changed what it writes?")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_script_becomes_a_file_and_scripts_with_a_source_stay() {
        let html = "<head><script src=\"/theme.js\"></script>\n<script type=\"module\" nonce=\"x\">\nimport init from '/a.js';\nawait init();\n</script></head>";
        let (page, script) = externalise(html).unwrap();
        assert_eq!(
            page,
            "<head><script src=\"/theme.js\"></script>\n<script type=\"module\" src=\"/@boot@\"></script></head>"
        );
        assert_eq!(script, "import init from '/a.js';\nawait init();\n");
    }

    #[test]
    fn what_the_policy_would_block_is_refused() {
        let boot = "<script type=\"module\">x</script>";
        for html in [
            "<head></head>".to_owned(),
            format!("{boot}{boot}"),
            format!("{boot}<script>alert(1)</script>"),
            format!("{boot}<style>a{{}}</style>"),
            format!("{boot}<p style=\"color:red\">"),
            "<script type=\"module\">x".to_owned(),
        ] {
            assert!(externalise(&html).is_err(), "{html}");
        }
    }
}
