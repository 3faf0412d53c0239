//! Owns what `CUDA_VISIBLE_DEVICES` means in all its spellings: which of a host's GPUs a program sees, by UUID.
//! Must not know who is asked.

/// The UUIDs that a value of the variable lets a program see, of the host's GPUs in the order of the PCI bus; slices by
/// their own UUIDs. As CUDA reads it: the list ends at the first entry that names nothing, or something twice.
#[must_use]
pub fn visible(value: &str, host: &[String]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for entry in value.split(',').map(str::trim) {
        match one(entry, host) {
            Some(uuid) if !seen.contains(&uuid) => seen.push(uuid),
            // CUDA takes a list that names one twice for none at all.
            Some(_) => return Vec::new(),
            None => break,
        }
    }
    seen
}

fn one(entry: &str, host: &[String]) -> Option<String> {
    if let Ok(index) = entry.parse::<usize>() {
        return host.get(index).cloned();
    }
    if entry.starts_with("MIG-") {
        return Some(entry.to_owned());
    }
    // The beginning of a UUID will do where it fits one only.
    let mut alike = host.iter().filter(|uuid| entry.len() > "GPU-".len() && uuid.starts_with(entry));
    alike.next().filter(|_| alike.next().is_none()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: &[&str]) {
        let host: Vec<String> = ["GPU-aa11", "GPU-aa22", "GPU-bb33"].map(str::to_owned).to_vec();
        assert_eq!(visible(value, &host), expect, "{value:?}");
    }

    #[test]
    fn every_spelling_that_cuda_takes() {
        check("0", &["GPU-aa11"]);
        check("2,0", &["GPU-bb33", "GPU-aa11"]);
        check(" 1 , 2 ", &["GPU-aa22", "GPU-bb33"]);
        check("GPU-bb33", &["GPU-bb33"]);
        check("GPU-bb", &["GPU-bb33"]);
        check("GPU-aa2,0", &["GPU-aa22", "GPU-aa11"]);
        check("MIG-5f1c", &["MIG-5f1c"]);
        check("MIG-GPU-aa11/1/0", &["MIG-GPU-aa11/1/0"]);
        // Nothing is seen, or only what stands before the first entry that names nothing.
        check("", &[]);
        check("-1", &[]);
        check("NoDevFiles", &[]);
        check("none", &[]);
        check("0,-1,1", &["GPU-aa11"]);
        check("7,0", &[]);
        check("1,GPU-zz,0", &["GPU-aa22"]);
        check("GPU-aa,0", &[]);
        check("GPU-,0", &[]);
        check("0,0", &[]);
        check("0,GPU-aa11", &[]);
    }
}
