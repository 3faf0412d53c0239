//! Owns the families of models whose arithmetic is known: what each adds to the plain decoder layer.
//! Must not know files, nor bytes.

/// What a family's layers have, as its reference implementation in Transformers 4.57 builds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// `model_type` of its config.
    pub name: &'static str,
    /// Which projections of attention have a bias.
    pub bias: Bias,
    /// The feed-forward part has biases where the config's `mlp_bias` says so.
    pub has_mlp_bias: bool,
    /// Query and key are normalised, each by a weight of a head's width.
    pub has_qk_norms: bool,
    /// Norms of the residual stream in a layer.
    pub norms: u64,
    /// The output head is the embedding table where the config says nothing.
    pub is_tied: bool,
    /// Width of a head where the config says nothing; else hidden size over heads.
    pub head_dim: Option<u32>,
    /// Query heads, KV heads and vocabulary where the config says nothing.
    pub defaults: Option<(u32, u32, u32)>,
    /// KV heads are as many as query heads where the config says nothing.
    pub repeats_heads: bool,
    /// Which layers look back only so far.
    pub windows: Windows,
    /// How its experts are named, where it has some.
    pub mixture: Option<Mixture>,
}

/// Which projections of attention have a bias.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bias {
    /// None.
    None,
    /// Query, key and value, unless `qkv_bias` says no.
    Qkv,
    /// All four where `attention_bias` says so.
    Asked,
}

/// Which layers look back only `sliding_window` tokens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Windows {
    /// All where the config has a window.
    All,
    /// Those from `max_window_layers` on where `use_sliding_window` says so.
    Later,
    /// Some; which ones follows from the family.
    Some,
}

/// How a mixture names its parts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mixture {
    /// `num_local_experts` of `intermediate_size` in every layer.
    EveryLayer,
    /// `num_experts` of `moe_intermediate_size` in the layers that `decoder_sparse_step` and `mlp_only_layers` leave,
    /// with a shared expert or none.
    SomeLayers {
        /// There is a shared expert with a gate of its own.
        has_shared: bool,
    },
}

const PLAIN: Family = Family {
    name: "",
    bias: Bias::None,
    has_mlp_bias: false,
    has_qk_norms: false,
    norms: 2,
    is_tied: false,
    head_dim: None,
    defaults: None,
    repeats_heads: false,
    windows: Windows::All,
    mixture: None,
};

const GEMMA: Family = Family { name: "gemma", bias: Bias::Asked, is_tied: true, head_dim: Some(256), ..PLAIN };

static FAMILIES: [Family; 11] = [
    Family { name: "llama", bias: Bias::Asked, has_mlp_bias: true, repeats_heads: true, ..PLAIN },
    Family { name: "mistral", ..PLAIN },
    Family { name: "mixtral", mixture: Some(Mixture::EveryLayer), ..PLAIN },
    Family { name: "phi3", repeats_heads: true, ..PLAIN },
    Family { name: "qwen2", bias: Bias::Qkv, windows: Windows::Later, ..PLAIN },
    Family {
        name: "qwen2_moe",
        bias: Bias::Qkv,
        windows: Windows::Later,
        mixture: Some(Mixture::SomeLayers { has_shared: true }),
        ..PLAIN
    },
    Family {
        name: "qwen3",
        bias: Bias::Asked,
        has_qk_norms: true,
        head_dim: Some(128),
        windows: Windows::Later,
        ..PLAIN
    },
    Family {
        name: "qwen3_moe",
        bias: Bias::Asked,
        has_qk_norms: true,
        windows: Windows::Later,
        mixture: Some(Mixture::SomeLayers { has_shared: false }),
        ..PLAIN
    },
    GEMMA,
    Family { name: "gemma2", norms: 4, windows: Windows::Some, ..GEMMA },
    Family {
        name: "gemma3_text",
        norms: 4,
        has_qk_norms: true,
        windows: Windows::Some,
        defaults: Some((8, 4, 262_208)),
        ..GEMMA
    },
];

impl Family {
    /// The family of a `model_type`.
    pub fn of(model_type: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == model_type)
    }
}
