//! Owns what a server says of itself beside OpenAI's routes: vendor, version, context limit, capacity.
//! Must not know how it is asked for work.

use super::{Probe, Wanted};
use crate::engine::EngineError;
use crate::engine::exposition::{Labels, Page, counter};
use serde::Deserialize;
use shared::engine::{Capacity, EngineKind};
use std::time::Duration;

/// How long a page of metrics may take.
const METRICS_LIMIT: Duration = Duration::from_secs(5);

/// Whose server it is, where it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vendor {
    Vllm,
    Sglang,
    Tgi,
    LlamaCpp,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct About {
    pub vendor: Option<Vendor>,
    pub version: Option<String>,
    pub context_tokens: Option<u32>,
    /// Precision of the weights.
    pub dtype: Option<String>,
    pub capacity: Capacity,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// Of the baseline: its packages, which are what is measured, and the precision that it chose.
#[derive(Deserialize)]
struct Packages {
    transformers: String,
    torch: String,
    dtype: Option<String>,
}

/// Of Text Generation Inference.
#[derive(Deserialize)]
struct Info {
    model_id: String,
    version: Option<String>,
    max_total_tokens: Option<u32>,
    max_concurrent_requests: Option<u32>,
}

/// Of SGLang.
#[derive(Deserialize)]
struct ServerInfo {
    version: String,
    max_running_requests: Option<u32>,
}

/// Of llama.cpp.
#[derive(Deserialize)]
struct Props {
    total_slots: u32,
    build_info: Option<String>,
    default_generation_settings: Option<SlotSettings>,
}

#[derive(Deserialize)]
struct SlotSettings {
    n_ctx: Option<u32>,
}

impl Probe {
    /// Asks the routes that the wanted kind has, or, of a kind that can be anybody's, those of each vendor in turn.
    pub(super) async fn about(&self, wanted: &Wanted) -> About {
        match wanted.kind {
            EngineKind::Vllm => self.vllm().await,
            EngineKind::Sglang => self.sglang().await,
            EngineKind::Tgi | EngineKind::GenerateStream => self.tgi().await,
            EngineKind::LlamaServer => self.llama_cpp(wanted).await,
            EngineKind::Builtin => self.builtin().await,
            EngineKind::Transformers => self.packages().await,
            EngineKind::OpenaiCompletions | EngineKind::OpenaiChat => self.of_anybody(wanted).await,
        }
        .unwrap_or_default()
    }

    async fn of_anybody(&self, wanted: &Wanted) -> Option<About> {
        if let Some(about) = self.vllm().await {
            return Some(about);
        }
        if let Some(about) = self.llama_cpp(wanted).await {
            return Some(about);
        }
        if let Some(about) = self.tgi().await {
            return Some(about);
        }
        self.sglang().await
    }

    /// The model of a server that serves one and tells it on a route of its own.
    pub(super) async fn model_of_info(&self, wanted: &Wanted) -> Result<String, EngineError> {
        let info: Info = self.get("/info").await?;
        match &wanted.model {
            Some(wanted) if *wanted != info.model_id => Err(self.unknown_model(wanted, &info.model_id)),
            _ => Ok(info.model_id),
        }
    }

    async fn versioned(&self) -> Option<About> {
        let version = self.get::<Version>("/version").await.ok()?.version;
        Some(About { version: Some(version), ..About::default() })
    }

    async fn builtin(&self) -> Option<About> {
        let about = self.versioned().await?;
        let metrics = self.text("/metrics", METRICS_LIMIT).await.unwrap_or_default();
        // Without a cache there are no tensors.
        let kv_bytes = counter(&metrics, "tokenprism_builtin_kv_bytes_capacity").filter(|bytes| *bytes > 0);
        Some(About { capacity: Capacity { kv_bytes, ..Capacity::default() }, ..about })
    }

    async fn packages(&self) -> Option<About> {
        let Packages { transformers, torch, dtype } = self.get("/version").await.ok()?;
        Some(About { version: Some(format!("{transformers} (torch {torch})")), dtype, ..About::default() })
    }

    async fn vllm(&self) -> Option<About> {
        let about = self.versioned().await?;
        let metrics = self.text("/metrics", METRICS_LIMIT).await.unwrap_or_default();
        // Others have this route, too; only what is counted tells whose it is.
        let vendor = metrics.contains("vllm:").then_some(Vendor::Vllm);
        Some(About { vendor, capacity: vllm_capacity(&metrics), ..about })
    }

    async fn sglang(&self) -> Option<About> {
        let info: ServerInfo = self.get("/server_info").await.ok()?;
        let metrics = self.text("/metrics", METRICS_LIMIT).await.unwrap_or_default();
        let kv_tokens = counter(&metrics, "sglang:max_total_num_tokens");
        let kv_block_tokens = counter(&metrics, "sglang:page_size").and_then(|tokens| u32::try_from(tokens).ok());
        let max_running = info.max_running_requests;
        let capacity = Capacity { kv_tokens, kv_block_tokens, max_running, ..Capacity::default() };
        Some(About { vendor: Some(Vendor::Sglang), version: Some(info.version), capacity, ..About::default() })
    }

    async fn tgi(&self) -> Option<About> {
        let info: Info = self.get("/info").await.ok()?;
        // The size of its batch stands in its log alone.
        let capacity = Capacity { max_taken: info.max_concurrent_requests, ..Capacity::default() };
        let context_tokens = info.max_total_tokens;
        Some(About { vendor: Some(Vendor::Tgi), version: info.version, context_tokens, capacity, ..About::default() })
    }

    async fn llama_cpp(&self, wanted: &Wanted) -> Option<About> {
        Some(of_props(self.get("/props").await.ok()?, wanted.splits_slots))
    }
}

/// Slots that share one KV cache each show the whole of it, so that their product means something only where they are
/// known not to.
fn of_props(props: Props, splits_slots: bool) -> About {
    let of_slot = props.default_generation_settings.and_then(|settings| settings.n_ctx);
    let kv_tokens = of_slot.filter(|_| splits_slots).map(|n| u64::from(n) * u64::from(props.total_slots));
    About {
        vendor: Some(Vendor::LlamaCpp),
        version: props.build_info,
        context_tokens: of_slot,
        capacity: Capacity { kv_tokens, max_running: Some(props.total_slots), ..Capacity::default() },
        ..About::default()
    }
}

/// The KV cache as vLLM's labels say, those of each of its engines: tokens since 0.26 or a little before as such, earlier
/// as blocks and their size.
fn vllm_capacity(metrics: &str) -> Capacity {
    let engines = Page::of(metrics).all_labels("vllm:cache_config_info");
    let number = |labels: &Labels<'_>, wanted: &str| -> Option<u64> {
        labels.iter().find(|(label, _)| *label == wanted).and_then(|(_, value)| value.parse().ok())
    };
    let tokens = |labels: &Labels<'_>| {
        let blocks = || number(labels, "num_gpu_blocks")?.checked_mul(number(labels, "block_size")?);
        number(labels, "kv_cache_size_tokens").or_else(blocks)
    };
    let block = engines.first().and_then(|labels| number(labels, "block_size"));
    Capacity {
        kv_tokens: engines.iter().map(tokens).sum::<Option<u64>>().filter(|tokens| *tokens > 0),
        kv_block_tokens: block.and_then(|tokens| u32::try_from(tokens).ok()),
        ..Capacity::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_of_vllm() {
        let check = |engines: &[&str], tokens: Option<u64>, block: Option<u32>| {
            let line = |labels: &&str| format!("vllm:cache_config_info{{{labels}}} 1.0\n");
            let text: String = engines.iter().map(line).collect();
            let capacity = vllm_capacity(&format!("# TYPE vllm:cache_config_info gauge\n{text}"));
            assert_eq!((capacity.kv_tokens, capacity.kv_block_tokens), (tokens, block), "{engines:?}");
        };
        let of_now = r#"block_size="16",kv_cache_size_tokens="121424",num_gpu_blocks="7589""#;
        check(&[of_now], Some(121_424), Some(16));
        check(&[of_now, of_now], Some(242_848), Some(16));
        check(&[r#"block_size="16",num_gpu_blocks="7589""#], Some(121_424), Some(16));
        check(&[r#"block_size="16",kv_cache_size_tokens="None",num_gpu_blocks="7589""#], Some(121_424), Some(16));
        check(&[r#"block_size="16",num_gpu_blocks="None""#], None, Some(16));
        check(&[of_now, ""], None, Some(16));
        check(&[""], None, None);
        check(&[], None, None);
    }

    #[test]
    fn capacity_of_llama_cpp() {
        let check = |props: &str, splits: bool, kv: Option<u64>, slots: u32| {
            let about = of_props(serde_json::from_str(props).unwrap(), splits);
            assert_eq!((about.capacity.kv_tokens, about.capacity.max_running), (kv, Some(slots)), "{props}");
        };
        let two =
            r#"{"default_generation_settings":{"params":{},"n_ctx":512},"total_slots":2,"build_info":"b0-unknown"}"#;
        check(two, true, Some(1024), 2);
        check(two, false, None, 2);
        check(r#"{"total_slots":4}"#, true, None, 4);
    }

    /// Bodies of a real server's answers, where the folder of captures is there.
    fn captured(file: &str) -> Option<String> {
        let folder = std::env::var_os("TOKENPRISM_CAPTURES").map_or_else(
            || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures"),
            std::path::PathBuf::from,
        );
        let text = std::fs::read(folder.join(file)).ok();
        if text.is_none() {
            eprintln!("skipped: no {file} below {}; name the folder in TOKENPRISM_CAPTURES", folder.display());
        }
        let text = String::from_utf8_lossy(&text?).into_owned();
        Some(text.split_once("\r\n\r\n").map_or(text.clone(), |(_, body)| body.to_owned()))
    }

    #[test]
    fn real_servers_say_what_they_hold() {
        let check = |file: &str, expect: u64| {
            if let Some(metrics) = captured(file) {
                assert_eq!(vllm_capacity(&metrics).kv_tokens, Some(expect), "{file}");
            }
        };
        check("vllm-0.25.1-h100/metrics_mid.txt", 121_424);
        check("vllm-0.32-cpu/metrics.txt", 524_288);
        check("vllm-0.32-cpu/metrics_after_load.txt", 640);
        if let Some(props) = captured("llama-server/get_props.raw") {
            let about = of_props(serde_json::from_str(&props).unwrap(), true);
            assert_eq!((about.capacity.kv_tokens, about.context_tokens), (Some(1024), Some(512)));
            assert_eq!(about.version.as_deref(), Some("b0-unknown"));
        }
        if let Some(info) = captured("tgi-3.3.7-router/auth_info_none.raw") {
            let info: Info = serde_json::from_str(&info).unwrap();
            assert_eq!((info.max_concurrent_requests, info.max_total_tokens), (Some(128), Some(2048)));
        }
    }
}
