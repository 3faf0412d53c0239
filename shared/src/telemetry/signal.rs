//! Owns the list of signals: key, unit, and whether a value is a level or what was added since the read before.
//! Must not know who reads them.

/// What the values of a signal are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How much there is at a time.
    Level,
    /// How much came since the read before: sums mean something.
    Increment,
}

/// One signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its key in events.
    pub key: &'static str,
    /// The unit of its values.
    pub unit: &'static str,
    /// What they are.
    pub kind: Kind,
}

macro_rules! signals {
    ($($kind:ident { $($(#[$doc:meta])+ $name:ident $key:literal $unit:literal;)* })*) => {
        $($($(#[$doc])+ pub const $name: Signal = Signal { key: $key, unit: $unit, kind: Kind::$kind };)*)*
        /// All of them.
        pub const SIGNALS: &[Signal] = &[$($($name),*),*];
    };
}

signals! {
    Level {
        /// Memory of the device in use by anybody.
        MEMORY_USED "memory_used" "B";
        /// Share of time in which the device did anything.
        BUSY "busy" "%";
        /// Share of time in which its memory was read or written.
        MEMORY_BUSY "memory_busy" "%";
        /// Power drawn.
        POWER "power" "mW";
        /// Temperature of the chip.
        TEMPERATURE "temperature" "°C";
        /// Temperature of the memory.
        MEMORY_TEMPERATURE "memory_temperature" "°C";
        /// Clock of the streaming multiprocessors.
        SM_CLOCK "sm_clock" "MHz";
        /// Clock of the memory.
        MEMORY_CLOCK "memory_clock" "MHz";
        /// 1 while heat holds the clocks down.
        THROTTLED_BY_HEAT "throttled_by_heat" "";
        /// 1 while power holds the clocks down.
        THROTTLED_BY_POWER "throttled_by_power" "";
        /// 1 while the hardware holds the clocks down and does not say whether heat or power makes it do so.
        THROTTLED_BY_HARDWARE "throttled_by_hardware" "";
        /// Read over PCIe.
        PCIE_RX "pcie_rx" "B/s";
        /// Written over PCIe.
        PCIE_TX "pcie_tx" "B/s";
        /// Memory of the device that this agent's engine holds.
        ENGINE_MEMORY "engine_memory" "B";
        /// 1 where that is what the device holds above what it held before the engine was started, since the driver's
        /// processes are nobody's here; 0 where they tell.
        ENGINE_MEMORY_BY_DIFFERENCE "engine_memory_by_difference" "";
        /// Memory of the device that others hold.
        OTHERS_MEMORY "others_memory" "B";
        /// Busy time of all the host's cores.
        CPU_BUSY "cpu_busy" "‰";
        /// Busy time of the busiest core.
        CORE_BUSY_MOST "core_busy_most" "‰";
        /// Memory of the host that is not available.
        HOST_MEMORY_USED "host_memory_used" "B";
        /// Memory in RAM of the processes that this agent started.
        CHILDREN_MEMORY "children_memory" "B";
        /// Share of the engine's KV cache in use, millionths.
        KV_USED "kv_used" "ppm";
        /// Bytes of the engine's KV cache in use.
        KV_BYTES "kv_bytes" "B";
        /// Requests that the engine works on.
        RUNNING "running" "requests";
        /// Requests that wait in the engine.
        WAITING "waiting" "requests";
    }
    Increment {
        /// Energy.
        ENERGY "energy" "mJ";
        /// Memory errors that were corrected.
        ECC_CORRECTED "ecc_corrected" "errors";
        /// Memory errors that were not.
        ECC_UNCORRECTED "ecc_uncorrected" "errors";
        /// CPU time of the processes that this agent started.
        CHILDREN_CPU "children_cpu" "ns";
        /// CPU time of the agent itself.
        AGENT_CPU "agent_cpu" "ns";
        /// Read from disks.
        DISK_READ "disk_read" "B";
        /// Written to disks.
        DISK_WRITTEN "disk_written" "B";
        /// Received from the network.
        NET_RX "net_rx" "B";
        /// Sent to the network.
        NET_TX "net_tx" "B";
        /// Requests whose memory the engine took away.
        PREEMPTIONS "preemptions" "requests";
        /// Prompt tokens that the engine worked on.
        PROMPT_TOKENS "prompt_tokens" "tokens";
        /// Tokens that the engine generated.
        OUTPUT_TOKENS "output_tokens" "tokens";
        /// Prompt tokens looked up in the prefix cache.
        PREFIX_QUERIES "prefix_queries" "tokens";
        /// Prompt tokens found in it.
        PREFIX_HITS "prefix_hits" "tokens";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_signal_has_a_key_of_its_own() {
        let keys: BTreeSet<_> = SIGNALS.iter().map(|signal| signal.key).collect();
        assert_eq!(keys.len(), SIGNALS.len());
    }
}
