//! Owns what the page may weigh: the part that it starts with, each other part, and all that a run's page needs.
//! Must not know how the files came to be.

use crate::paths;
use anyhow::{Context, Result, bail};

/// The part that the page starts with, brotli, bytes.
const MAIN: u64 = 230 * 1024;
/// Each part that comes on demand.
const PART: u64 = 200 * 1024;
/// Main part and the parts of a run's page together. Was 400 KiB until links, leading and downloads came to it; what it shares
/// with studies (68 KiB) is where to look before this grows again.
const RUN: u64 = 420 * 1024;
/// The chart library.
const ECHARTS: u64 = 260 * 1024;

/// Refuses a page that has grown too heavy for a teammate far away.
///
/// # Errors
/// When a file is over its bound or missing.
pub fn check() -> Result<()> {
    let mut files = Vec::new();
    for file in std::fs::read_dir(paths::dist()).context("there is no web/dist")? {
        let file = file?;
        files.push((file.file_name().to_string_lossy().into_owned(), file.metadata()?.len()));
    }
    println!("  {}", within(&files)?);
    Ok(())
}

/// Holds names and sizes of files against the bounds; a sentence of what there is.
fn within(files: &[(String, u64)]) -> Result<String> {
    let (mut echarts, mut main, mut run) = (0, 0, 0);
    for (name, size) in files {
        if name == "echarts.min.js.br" {
            echarts += size;
        }
        let Some((_, part)) = name.strip_suffix(".wasm.br").and_then(|name| name.split_once('_')) else { continue };
        if part == "bg" {
            main += size;
        } else {
            bound(&format!("the part {part}"), *size, PART)?;
        }
        if part == "bg" || part.split('-').any(|part| part == "run") {
            run += size;
        }
    }
    bound("the chart library", echarts, ECHARTS)?;
    bound("the main part", main, MAIN)?;
    bound("what a run's page needs", run, RUN)?;
    Ok(format!("the main part has {main} B, what a run's page needs {run} B"))
}

fn bound(what: &str, size: u64, most: u64) -> Result<()> {
    match size {
        0 => bail!("web/dist lacks {what}; have files other names by now?"),
        size if size > most => {
            bail!("{what} has {size} B, over its budget of {most} B: see what made it grow before raising that")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_held() {
        let check = |[echarts, main, run, rest, both]: [u64; 5], expect: &str| {
            let files = [
                ("echarts.min.js.br", echarts),
                ("echarts.min.js", 9 * ECHARTS),
                ("web-0123_bg.wasm.br", main),
                ("web-0123_run.wasm.br", run),
                ("web-0123_rest.wasm.br", rest),
                ("web-0123_rest-run.wasm.br", both),
            ]
            .map(|(name, size)| (name.to_owned(), size));
            let said = within(&files).unwrap_or_else(|error| error.to_string());
            assert!(said.starts_with(expect), "{said}");
        };
        check([1, 10, 20, 30, 40], "the main part has 10 B, what a run's page needs 70 B");
        check([ECHARTS + 1, 10, 20, 30, 40], "the chart library has 266241 B, over");
        check([1, MAIN + 1, 20, 30, 40], "the main part has 235521 B, over");
        check([1, 10, PART + 1, 30, 40], "the part run has 204801 B, over");
        check([1, 10, 20, PART + 1, 40], "the part rest has 204801 B, over");
        check([1, MAIN, PART, 30, PART], "what a run's page needs has 645120 B, over");
        check([1, 0, 20, 30, 40], "web/dist lacks the main part");
        check([0, 10, 20, 30, 40], "web/dist lacks the chart library");
    }
}
