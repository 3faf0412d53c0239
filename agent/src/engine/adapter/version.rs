//! Owns the version of an engine: read from what the engine prints or its image's tag says, and compared.
//! Must not know which engine it is.

use std::fmt;

/// A version's first three numbers; builds that only count upwards have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// A version of three numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self([major, minor, patch])
    }

    /// The version that a program prints: behind `before` at the beginning of its last such line, since warnings may
    /// come first and name the versions of others.
    #[must_use]
    pub fn printed(output: &str, before: &str) -> Option<Self> {
        let lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
        let rest = lines.rev().find_map(|line| line.strip_prefix(before))?;
        Self::parse(rest.split_whitespace().next()?)
    }

    /// The version that the tag of an image names; none behind `latest` or a digest.
    #[must_use]
    pub fn of_image(image: &str) -> Option<Self> {
        let name = image.split('@').next()?;
        // A colon before the last slash belongs to a registry's port.
        let (_, tag) = name.rsplit('/').next()?.split_once(':')?;
        tag.split('-').find_map(Self::parse)
    }

    /// `0.25.1`, `v3.3`, `0.32.0+cpu`, `0.5.3rc1`, and of builds `6123`, `b6123`; whatever follows is passed over.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut parts = word.trim_start_matches(['v', 'V', 'b']).split(['.', '-', '+', '_']);
        let number = |part: &str| {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            part[..digits].parse::<u32>().ok()
        };
        let major = parts.next().filter(|part| part.bytes().all(|b| b.is_ascii_digit())).and_then(number)?;
        let mut next = || parts.next().and_then(number).unwrap_or(0);
        Some(Self::new(major, next(), next()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [build, 0, 0] => write!(f, "{build}"),
            [major, minor, patch] => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_engines_print() {
        let check = |output: &str, before: &str, expect: Option<[u32; 3]>| {
            assert_eq!(Version::printed(output, before).map(|version| version.0), expect, "{output}");
        };
        check("0.25.1\n", "", Some([0, 25, 1]));
        check("WARNING 11-25 02:16:07 [x.py:216] needs torch 2.11.0\n0.32.0+cpu\n\n", "", Some([0, 32, 0]));
        check("sglang version: 0.5.3rc1\ngit revision: 8f0c123\n", "sglang version: ", Some([0, 5, 3]));
        check("text-generation-launcher 3.3.6-dev0", "text-generation-launcher ", Some([3, 3, 6]));
        let llama = "version: 6123 (0f00ba11)\nbuilt with cc (Debian 12.2.0-14) 12.2.0 for x86_64-linux-gnu";
        check(llama, "version: ", Some([6123, 0, 0]));
        check("version: 0 (unknown)", "version: ", Some([0, 0, 0]));
        check("usage: vllm [-h]", "", None);
        check("", "", None);
    }

    #[test]
    fn tags_of_images() {
        let check = |image: &str, expect: Option<[u32; 3]>| {
            assert_eq!(Version::of_image(image).map(|version| version.0), expect, "{image}");
        };
        check("vllm/vllm-openai:v0.25.1", Some([0, 25, 1]));
        check("ghcr.io/huggingface/text-generation-inference:3.3.5", Some([3, 3, 5]));
        check("lmsysorg/sglang:v0.5.19-cu129", Some([0, 5, 19]));
        check("ghcr.io/ggml-org/llama.cpp:server-cuda-b6123", Some([6123, 0, 0]));
        check("ghcr.io/ggml-org/llama.cpp:server-cuda13", None);
        check("box:5000/vllm:latest", None);
        check("box:5000/vllm", None);
        check("vllm/vllm-openai@sha256:1f00", None);
        check("vllm/vllm-openai:v0.25.1@sha256:1f00", Some([0, 25, 1]));
    }

    #[test]
    fn versions_compare_by_number() {
        let of = |text| Version::parse(text).unwrap();
        assert!(of("0.9.2") < of("0.10.2") && of("0.16.0") < of("0.16.1") && of("0.20.2") > of("0.20.0rc1"));
        assert_eq!((of("0.25.1").to_string(), of("b6123-0f00ba11").to_string()), ("0.25.1".into(), "6123".into()));
    }
}
