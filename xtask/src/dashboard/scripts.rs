//! Owns that no script of the page is inline: the agent's policy runs files only.
//! Must not know what the scripts do.

use crate::paths;
use crate::stamp::Fingerprint;
use anyhow::{Context, Result, bail};

/// Moves Trunk's inline start script into a file, because the agent's Content-Security-Policy runs files only.
///
/// # Errors
/// When the page is not as expected or cannot be written.
pub fn move_into_files() -> Result<()> {
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
