//! Owns the signs by which a reason shows in a log: words that programs print, most telling first.
//! Must not know what to do about a reason.

use super::cause::Cause;

/// A reason and the words that give it away. A line is a sign where it holds all words of one of the groups.
pub(super) struct Sign {
    pub cause: Cause,
    pub groups: &'static [&'static [&'static str]],
}

/// From what can mean nothing else to what may follow from something else. Where a log has signs of several, the
/// first here is the root: an engine that runs out of memory may well complain of a library that it does not need.
pub(super) const SIGNS: &[Sign] = &[
    Sign {
        cause: Cause::BadFlag,
        groups: &[
            // argparse
            &["error: unrecognized arguments:"],
            &["error: argument ", "invalid choice:"],
            &["error: argument ", "invalid ", " value:"],
            &["error: argument ", "expected one argument"],
            &["error: the following arguments are required:"],
            &["error: ambiguous option:"],
            // clap
            &["error: unexpected argument '"],
            &["error: invalid value '"],
            &["error: a value is required for '"],
            // click
            &["Error: No such option"],
            &["Error: Invalid value for"],
            // llama.cpp
            &["error: invalid argument:"],
            &["error: unknown argument:"],
            &["error while handling argument"],
        ],
    },
    Sign {
        cause: Cause::NoDocker,
        groups: &[
            &["Cannot connect to the Docker daemon"],
            &["permission denied while trying to connect to the", "ocker"],
        ],
    },
    Sign {
        cause: Cause::NoGpuInDocker,
        groups: &[&["could not select device driver", "[[gpu]]"], &["nvidia-container-cli", "no adapters were found"]],
    },
    Sign {
        cause: Cause::ImageNotFound,
        groups: &[
            &["Error response from daemon", "manifest", "not found"],
            &["Error response from daemon", "manifest unknown"],
            &["Error response from daemon", "pull access denied"],
            &["Error response from daemon", "No such image"],
        ],
    },
    Sign {
        cause: Cause::PortInUse,
        groups: &[
            &["error while attempting to bind on address", "ddress already in use"],
            &["OSError: [Errno 98]"],
            &["failed: port is already allocated"],
            &["bind: address already in use"],
            &["couldn't bind HTTP server socket"],
            &["could not listen on 127.0.0.1:", "ddress already in use"],
            &["Address already in use (os error 98)"],
        ],
    },
    // Shared memory is memory, though the system says that no space is left on it.
    Sign { cause: Cause::HostMemory, groups: &[&["unable to allocate shared memory"], &["/dev/shm", "No space left"]] },
    Sign {
        cause: Cause::DiskFull,
        groups: &[
            &["No space left on device"],
            &["[Errno 122] Disk quota exceeded"],
            &["Not enough free disk space to download"],
        ],
    },
    Sign {
        cause: Cause::Gated,
        groups: &[
            &["Cannot access gated repo"],
            &["You are trying to access a gated repo"],
            &["GatedRepoError"],
            &["is restricted", "You must have access to it"],
            &["is gated. You must be authenticated"],
            &["Invalid credentials in Authorization header"],
            &["User Access Token", "is expired"],
        ],
    },
    Sign {
        cause: Cause::ModelNotFound,
        groups: &[
            &["Repository Not Found for url"],
            &["RepositoryNotFoundError"],
            &["Invalid repository ID or local directory specified"],
            &["is not a local folder and is not a valid model identifier"],
            &["RevisionNotFoundError"],
            &["Repo id must be in the form"],
            &["gguf_init_from_file: failed to open GGUF file"],
            &["error loading model:", "No such file or directory"],
            &["does not appear to have a file named config.json"],
            &["Can't load the configuration of"],
            &["LocalEntryNotFoundError"],
        ],
    },
    Sign {
        cause: Cause::ModelDamaged,
        groups: &[
            &["error loading model:", "model is corrupted or incomplete"],
            &["Error while deserializing header:"],
        ],
    },
    Sign {
        cause: Cause::OldDriver,
        groups: &[
            &["The NVIDIA driver on your system is too old"],
            &["CUDA driver version is insufficient for CUDA runtime version"],
            &["forward compatibility was attempted on non supported HW"],
            &["driver/library version mismatch"],
            &["unsatisfied condition: cuda>="],
            &["the provided PTX was compiled with an unsupported toolchain"],
        ],
    },
    Sign {
        cause: Cause::NoDevice,
        groups: &[
            &["No CUDA GPUs are available"],
            &["no CUDA-capable device is detected"],
            &["Failed to infer device type"],
            &["Found no NVIDIA driver on your system"],
            &["has no GPU available"],
            &["invalid device ordinal"],
            &["No GPU devices found on the node"],
            &["Torch not compiled with CUDA enabled"],
        ],
    },
    Sign {
        cause: Cause::Dtype,
        groups: &[
            &["loat16 is only supported on GPUs with compute capability"],
            &["not supported", "compute capability", "dtype"],
            &["FP8", "not supported", "compute capability"],
            &["no kernel image is available for execution on the device"],
        ],
    },
    Sign {
        cause: Cause::KvCacheTooSmall,
        groups: &[
            &["No available memory for the cache blocks"],
            &["KV cache is needed, which is larger than the available KV cache memory"],
            &["To serve at least one request with the model", "max seq len"],
            &["is larger than the maximum number of tokens that can be stored in KV cache"],
            &["Not enough memory. Please try to increase --mem-fraction-static"],
            &["Not enough memory to handle", "prefill tokens"],
            &["failed to allocate buffer for kv cache"],
            &["unable to allocate", "KV buffer"],
        ],
    },
    Sign {
        cause: Cause::DeviceBusy,
        groups: &[&["Free memory on device", "is less than desired GPU memory utilization"]],
    },
    Sign {
        cause: Cause::DeviceMemory,
        groups: &[
            &["CUDA out of memory"],
            &["OutOfMemoryError"],
            &["cudaMalloc failed: out of memory"],
            &["CUDA error: out of memory"],
            &["CUBLAS_STATUS_ALLOC_FAILED"],
            &["would exceed allowed memory. (out of memory)"],
            &["unable to allocate CUDA"],
            &["NCCL", "out of memory"],
        ],
    },
    Sign {
        cause: Cause::HostMemory,
        groups: &[
            &["DefaultCPUAllocator: can't allocate memory"],
            &["DefaultCPUAllocator: not enough memory"],
            &["unable to allocate CPU buffer"],
            &["was sent SIGKILL! Perhaps out of memory?"],
            &["Out of memory: Killed process"],
            &["std::bad_alloc"],
            &["OSError: [Errno 12] Cannot allocate memory"],
            &["MemoryError"],
        ],
    },
    Sign {
        cause: Cause::MissingLibrary,
        groups: &[&["cannot open shared object file"], &["version `GLIBC", "not found"]],
    },
    Sign {
        cause: Cause::MissingPackage,
        groups: &[&["ModuleNotFoundError: No module named"], &["No module named "], &["PackageNotFoundError"]],
    },
];

/// Whether a line says that something went wrong. Warnings do not: what a program warns of it can live with. Nor does
/// a traceback's quotation of the statement that raises; what was raised stands at its end.
pub(super) fn is_serious(line: &str) -> bool {
    let minor = matches!(level_of(line), Some("WARNING" | "WARN" | "INFO" | "DEBUG"));
    !minor && !line.contains("Warning: ") && !line.split_whitespace().any(|word| word == "raise")
}

/// Whether the program itself calls a line an error.
pub(super) fn is_marked(line: &str) -> bool {
    level_of(line) == Some("ERROR")
}

/// The level of a line, where it begins with one: perhaps after the name of a process or a time.
fn level_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, after)) => after,
        None => line,
    };
    let words = line.split_whitespace().take(3).map(|word| word.trim_matches(['[', ']', ':', '|']));
    words.into_iter().find(|word| matches!(*word, "WARNING" | "WARN" | "INFO" | "DEBUG" | "ERROR"))
}

/// Words of lines that point at a cause elsewhere, or that end every traceback's telling.
pub(super) const POINTERS: &[&str] = &[
    "See root cause above",
    "See stack trace (above)",
    "Engine core initialization failed",
    "Error: ShardCannotStart",
    "Error: WebserverFailed",
    "Error: DownloadError",
    "exiting due to model loading error",
    "destroy_process_group()",
    "ChildFailedError",
];
