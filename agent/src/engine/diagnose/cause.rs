//! Owns the reasons for which engines do not start or die, each with what to do about it.
//! Must not know how a reason shows in a log.

/// The root of a failed start or a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A flag or its value is not known to this version.
    BadFlag,
    /// Somebody listens on its port.
    PortInUse,
    /// No room for the model's files, or for what it writes.
    DiskFull,
    /// The model's owner wants to know who fetches it.
    Gated,
    /// There is no such model, or its files are not where they should be.
    ModelNotFound,
    /// The model's files are there, but not whole.
    ModelDamaged,
    /// The driver is older than what the engine was built for, or does not fit its library.
    OldDriver,
    /// Docker cannot give a GPU to a container.
    NoGpuInDocker,
    /// No GPU is there, or none that it may use.
    NoDevice,
    /// This GPU cannot calculate in the number format.
    Dtype,
    /// Device memory holds the weights, but no request of the longest length beside them.
    KvCacheTooSmall,
    /// Somebody else holds the device memory.
    DeviceBusy,
    /// Device memory is not enough.
    DeviceMemory,
    /// The host's memory is not enough.
    HostMemory,
    /// A shared library is missing.
    MissingLibrary,
    /// A Python package is missing.
    MissingPackage,
    /// Docker has no such image, or may not fetch it.
    ImageNotFound,
    /// Docker's service does not answer.
    NoDocker,
    /// Somebody ended it from outside.
    Killed,
    /// Nothing that is known here.
    Unknown,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::BadFlag,
        Self::PortInUse,
        Self::DiskFull,
        Self::Gated,
        Self::ModelNotFound,
        Self::ModelDamaged,
        Self::OldDriver,
        Self::NoGpuInDocker,
        Self::NoDevice,
        Self::Dtype,
        Self::KvCacheTooSmall,
        Self::DeviceBusy,
        Self::DeviceMemory,
        Self::HostMemory,
        Self::MissingLibrary,
        Self::MissingPackage,
        Self::ImageNotFound,
        Self::NoDocker,
        Self::Killed,
        Self::Unknown,
    ];

    /// What it is and what to do, as sentences.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::BadFlag => {
                "It does not know one of its flags or the value of one: this version may have another name for it. \
                 Change or remove it in the plan's engine parameters."
            }
            Self::PortInUse => "Another process took its port. End that one, or start the engine on another port.",
            Self::DiskFull => "The disk is full. Free some of it, or put the model cache (HF_HOME) on another disk.",
            Self::Gated => {
                "The model may only be fetched by those whom its owner has let in. Accept its terms on its page, and \
                 give the agent a token of that account in HF_TOKEN."
            }
            Self::ModelNotFound => {
                "The model was not found. Check its name or path; where it is private, the agent needs a token in \
                 HF_TOKEN."
            }
            Self::ModelDamaged => {
                "A file of the model is damaged or was not fetched to its end. Remove it and fetch it again."
            }
            Self::OldDriver => {
                "The GPU's driver is too old for this engine, or was changed without a restart of the host. Update the \
                 driver, restart, or take a version of the engine that was built for this driver."
            }
            Self::NoGpuInDocker => {
                "Docker cannot give a GPU to a container. Install the NVIDIA container toolkit and restart docker."
            }
            Self::NoDevice => {
                "It found no GPU that it can use. Check nvidia-smi, and which GPUs the plan gives to the engine."
            }
            Self::Dtype => {
                "This GPU cannot calculate in that number format (bfloat16 needs compute capability 8.0). Choose \
                 dtype float16."
            }
            Self::KvCacheTooSmall => {
                "Beside the weights there is not enough GPU memory for the KV cache. Shorten the longest context \
                 (max_model_len), give the engine a larger share of the memory, or take a smaller model."
            }
            Self::DeviceBusy => {
                "Other processes hold GPU memory that the engine was to have. End them (nvidia-smi shows who), or give \
                 the engine a smaller share."
            }
            Self::DeviceMemory => {
                "GPU memory is not enough. Take a smaller model, batch or context, a smaller number format, or more \
                 GPUs."
            }
            Self::HostMemory => {
                "The host's memory is not enough, or a limit on it was reached. Take a smaller model, or give the \
                 engine or its container more memory."
            }
            Self::MissingLibrary => {
                "A shared library is missing. Install what it belongs to, or start the engine in the environment that \
                 has it."
            }
            Self::MissingPackage => {
                "A Python package is missing. Check that the engine is started from the environment that it is \
                 installed in, and install the package there."
            }
            Self::ImageNotFound => {
                "Docker has no such image and cannot fetch it. Check its name and tag, and whether it needs a login."
            }
            Self::NoDocker => "Docker's service does not answer. Start it, and let this user use it.",
            Self::Killed => {
                "It was killed from outside and says nothing of why. Where nobody did that, the kernel did, for lack of \
                 the host's memory: its log (dmesg) says so."
            }
            Self::Unknown => "Its log shows more.",
        }
    }
}
