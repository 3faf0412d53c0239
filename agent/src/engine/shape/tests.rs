//! Owns the cases of shapes: configs of published models beside the figures that their authors give.
//! Must not know engines.

use super::*;
use shared::engine::Attention;

/// Nothing was asked of the engine.
fn nothing_asked() -> Precision {
    Precision { dtype: Asked::Nothing, kv_cache: Asked::Nothing, quantisation: Asked::Nothing }
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/shapes").join(name).with_extension("json");
    std::fs::read_to_string(path).unwrap()
}

/// A folder with this config.
fn model(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    folder
}

fn shape_in(folder: &tempfile::TempDir, precision: &Precision) -> Result<ModelShape, String> {
    of(folder.path().to_str().unwrap(), None, precision)
}

fn shape(config: &str) -> Result<ModelShape, String> {
    shape_in(&model(config), &nothing_asked())
}

/// Parameters as published with each model's files, those that a token goes through, and its KV bytes at 16 bits.
#[test]
fn published_models() {
    let check = |name: &str, parameters: u64, active: u64, kv: Option<f64>| {
        let shape = shape(&fixture(&format!("{name}.json"))).unwrap();
        assert_eq!(shape.parameters, parameters, "{name}");
        assert_eq!(shape.active_parameters, active, "{name}");
        assert_eq!(shape.kv_bytes_per_token(), kv, "{name}");
        assert_eq!((shape.weight_bytes(), shape.unknown.len()), (Some(2 * parameters), 0), "{name}");
    };
    check("llama-2-7b", 6_738_415_616, 6_738_415_616, Some(524_288.0));
    check("llama-2-7b-of-the-measured", 6_738_415_616, 6_738_415_616, Some(524_288.0));
    check("llama-3-8b", 8_030_261_248, 8_030_261_248, Some(131_072.0));
    check("mistral-7b", 7_241_732_096, 7_241_732_096, Some(131_072.0));
    check("qwen2.5-0.5b", 494_032_768, 494_032_768, Some(12_288.0));
    check("qwen2-7b", 7_615_616_512, 7_615_616_512, Some(57_344.0));
    check("qwen3-8b", 8_190_735_360, 8_190_735_360, Some(147_456.0));
    check("phi-3-mini-4k", 3_821_079_552, 3_821_079_552, Some(393_216.0));
    check("gemma-2-2b", 2_614_341_888, 2_614_341_888, None);
    check("gemma-2-9b", 9_241_705_984, 9_241_705_984, None);
    // 12.9 of 46.7 billion, 2.7 of 14.3 (its name counts no tables: 2.69 with them), 3.3 of 30.5.
    check("mixtral-8x7b", 46_702_792_704, 12_879_925_248, Some(131_072.0));
    check("qwen1.5-moe-a2.7b", 14_315_784_192, 2_689_173_504, Some(196_608.0));
    check("qwen3-30b-a3b", 30_532_122_624, 3_353_032_704, Some(98_304.0));
}

#[test]
fn what_is_not_known_is_refused_with_the_reason() {
    let check = |config: &str, words: &str| {
        let why = shape(config).unwrap_err();
        assert!(why.contains(words) && why.ends_with('.'), "{why}");
    };
    check(&fixture("deepseek-v2-lite.json"), "deepseek_v2, whose arithmetic is unknown");
    check(&fixture("t5-small.json"), "t5 with an encoder");
    check("{}", "no model_type");
    check("[", "is none");
    let llama = fixture("llama-2-7b.json");
    check(&llama.replace("\"hidden_size\": 4096,", ""), "hidden_size");
    check(&llama.replace("\"num_hidden_layers\": 32", "\"num_hidden_layers\": [1]"), "not as llama has it");
    check(&llama.replace("\"num_attention_heads\": 32", "\"num_attention_heads\": 0"), "num_attention_heads");
    check(&llama.replace("\"hidden_size\": 4096", "\"hidden_size\": 4294967295"), "numbers that no model has");
    let mixture = fixture("mixtral-8x7b.json");
    check(&mixture.replace("\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"), "9 of 8 experts");
    let hybrid = llama.replace("\"use_cache\"", "\"layer_types\": [\"linear_attention\"], \"use_cache\"");
    check(&hybrid, "layers that are no attention");
    let no_folder = of("/nothing/here.gguf", None, &nothing_asked()).unwrap_err();
    assert!(no_folder.contains("a model in one file"), "{no_folder}");
    let nowhere = of("a/b", None, &nothing_asked()).unwrap_err();
    assert!(nowhere.contains("Nothing of the model \"a/b\""), "{nowhere}");
}

#[test]
fn windows() {
    let check = |config: &str, expect: Attention| assert_eq!(shape(config).unwrap().attention, expect);
    check(&fixture("llama-2-7b.json"), Attention::Full);
    check(&fixture("mistral-7b.json"), Attention::Window(4096));
    check(&fixture("phi-3-mini-4k.json"), Attention::Window(2047));
    check(&fixture("mixtral-8x7b.json"), Attention::Full);
    check(&fixture("gemma-2-2b.json"), Attention::Mixed(4096));
    let qwen = fixture("qwen2-7b.json");
    check(&qwen, Attention::Full);
    let windowed = qwen.replace("\"use_sliding_window\": false", "\"use_sliding_window\": true");
    check(&windowed, Attention::Full);
    check(&windowed.replace("\"max_window_layers\": 28", "\"max_window_layers\": 20"), Attention::Mixed(131_072));
    check(&windowed.replace("\"max_window_layers\": 28", "\"max_window_layers\": 0"), Attention::Window(131_072));
    let typed = |types: &str| qwen.replace("\"use_cache\"", &format!("\"layer_types\": {types}, \"use_cache\""));
    check(&typed(r#"["full_attention", "full_attention"]"#), Attention::Full);
    check(&typed(r#"["full_attention", "sliding_attention"]"#), Attention::Mixed(131_072));
    check(&typed(r#"["sliding_attention"]"#), Attention::Window(131_072));
}

#[test]
fn the_text_of_a_model_with_several_parts() {
    let text = r#"{"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
        "sliding_window": 1024}"#;
    let whole = shape(&format!(r#"{{"model_type": "gemma3", "text_config": {text}, "vision_config": {{}}}}"#)).unwrap();
    // 4,300,079,472 with the picture's part, which is 416,866,032 and a projector of 2,950,272.
    assert_eq!(whole.parameters, 3_880_263_168);
    assert_eq!((whole.tied_embeddings, whole.attention), (true, Attention::Mixed(1024)));
    let untied = format!(r#"{{"model_type": "gemma3", "tie_word_embeddings": false, "text_config": {text}}}"#);
    assert!(!shape(&untied).unwrap().tied_embeddings);
}

#[test]
fn bytes_follow_from_what_was_asked() {
    let llama = model(&fixture("llama-2-7b.json"));
    let check = |precision: Precision, weight: Option<f64>, kv: Option<f64>, reasons: usize| {
        let shape = shape_in(&llama, &precision).unwrap();
        let got = (shape.bytes_per_weight, shape.bytes_per_kv_element, shape.unknown.len());
        assert_eq!(got, (weight, kv, reasons), "{precision:?}");
    };
    let asked = |word: &str| Asked::Value(word.to_owned());
    check(Precision { dtype: asked("auto"), ..nothing_asked() }, Some(2.0), Some(2.0), 0);
    check(Precision { dtype: asked("float32"), ..nothing_asked() }, Some(4.0), Some(4.0), 0);
    check(Precision { kv_cache: asked("fp8_e4m3"), ..nothing_asked() }, Some(2.0), Some(1.0), 0);
    check(Precision { kv_cache: asked("auto"), dtype: asked("bfloat16"), ..nothing_asked() }, Some(2.0), Some(2.0), 0);
    check(Precision { kv_cache: asked("turbo"), ..nothing_asked() }, Some(2.0), None, 1);
    check(Precision { quantisation: asked("fp8"), ..nothing_asked() }, None, Some(2.0), 1);
    let unknown = || Asked::Unknown("Unknown.".to_owned());
    check(Precision { dtype: unknown(), kv_cache: unknown(), quantisation: unknown() }, None, None, 1);
}

#[test]
fn quantised_weights_take_what_their_files_hold() {
    let quantised = |more: &str| {
        let scheme =
            format!("\"quantization_config\": {{\"quant_method\": \"awq\", \"bits\": 4{more}}}, \"use_cache\"");
        model(&fixture("llama-2-7b.json").replace("\"use_cache\"", &scheme))
    };
    let folder = quantised("");
    let unknown = shape_in(&folder, &nothing_asked()).unwrap();
    assert_eq!((unknown.bytes_per_weight, unknown.bytes_per_kv_element), (None, Some(2.0)));
    assert!(unknown.unknown.first().unwrap().contains("quantised weights"), "{:?}", unknown.unknown);
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, r#"{"metadata": {"total_size": 3890000000}, "weight_map": {}}"#).unwrap();
    assert_eq!(shape_in(&folder, &nothing_asked()).unwrap().weight_bytes(), Some(3_890_000_000));
    std::fs::remove_file(index).unwrap();
    let mut file = 20_u64.to_le_bytes().to_vec();
    file.extend_from_slice(&[b' '; 120]);
    std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
    assert_eq!(shape_in(&folder, &nothing_asked()).unwrap().weight_bytes(), Some(100));
    let own_cache = quantised(", \"kv_cache_scheme\": {\"num_bits\": 8}");
    assert_eq!(shape_in(&own_cache, &nothing_asked()).unwrap().bytes_per_kv_element, None);
}

#[test]
fn a_downloaded_model_is_found_in_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let snapshot = cache.path().join("hub/models--meta-llama--Llama-2-7b-hf/snapshots/01c7");
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::write(snapshot.join("config.json"), fixture("llama-2-7b.json")).unwrap();
    let found = of("meta-llama/Llama-2-7b-hf", Some(cache.path()), &nothing_asked()).unwrap();
    assert_eq!(found.parameters, 6_738_415_616);
}
