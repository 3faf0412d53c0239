use super::super::config::Preset;
use super::*;

fn tiny() -> Llama {
    Llama::new(Preset::P1m.config(), 1).unwrap()
}

fn rows() -> Vec<Vec<u32>> {
    vec![b"a".map(u32::from).to_vec(), b"the longest prompt".map(u32::from).to_vec(), b"middle".map(u32::from).to_vec()]
}

fn padded(rows: &[Vec<u32>]) -> Padded {
    Padded::left(rows.iter().map(Vec::as_slice))
}

fn logits(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_vec2().unwrap()
}

fn assert_close(left: &[f32], right: &[f32]) {
    assert_eq!(left.len(), VOCAB_SIZE);
    for (index, (l, r)) in left.iter().zip(right).enumerate() {
        assert!((l - r).abs() < 1e-4, "logit {index}: {l} against {r}");
    }
}

#[test]
fn padding_goes_left() {
    let padded = Padded::left([&[1, 2, 3][..], &[4][..]]);
    assert_eq!(padded, Padded { tokens: vec![1, 2, 3, PAD, PAD, 4], padding: vec![0, 2], width: 3 });
}

#[test]
fn batched_logits_equal_single_ones_with_and_without_the_cache() {
    let model = tiny();
    let rows = rows();
    let batch = padded(&rows);
    let mut cache = KvCache::new(model.config(), 3, 64).unwrap();
    cache.reset(3);
    let cached = logits(&model.forward(&batch, Some(&mut cache)).unwrap());
    let recomputed = logits(&model.forward(&batch, None).unwrap());
    let next = Padded { tokens: vec![65, 66, 67], padding: batch.padding.clone(), width: 1 };
    let after = logits(&model.forward(&next, Some(&mut cache)).unwrap());
    for (row, tokens) in rows.iter().enumerate() {
        let single = logits(&model.forward(&padded(std::slice::from_ref(tokens)), None).unwrap());
        assert_close(&cached[row], &single[0]);
        assert_close(&recomputed[row], &single[0]);
        let longer: Vec<u32> = tokens.iter().copied().chain([65 + row as u32]).collect();
        let single = logits(&model.forward(&padded(&[longer]), None).unwrap());
        assert_close(&after[row], &single[0]);
    }
}

#[test]
fn rows_do_not_see_each_other_or_the_future() {
    let model = tiny();
    let one = logits(&model.forward(&padded(&[vec![1, 2, 3], vec![9]]), None).unwrap());
    let other = logits(&model.forward(&padded(&[vec![1, 2, 3], vec![8]]), None).unwrap());
    assert_close(&one[0], &other[0]);
    assert_ne!(one[1], other[1]);
}

#[test]
fn a_prompt_longer_than_a_query_block_gives_the_same_logits() {
    let model = tiny();
    let long: Vec<u32> = (0..QUERY_BLOCK as u32 + 40).map(|i| 32 + i % 90).collect();
    let whole = logits(&model.forward(&padded(std::slice::from_ref(&long)), None).unwrap());
    let mut cache = KvCache::new(model.config(), 1, 512).unwrap();
    cache.reset(1);
    let mut last = Vec::new();
    for piece in long.chunks(100) {
        let input = Padded { tokens: piece.to_vec(), padding: vec![0], width: piece.len() };
        last = logits(&model.forward(&input, Some(&mut cache)).unwrap());
    }
    assert_close(&whole[0], &last[0]);
}

#[test]
fn kv_bytes_are_two_times_layers_heads_width_and_tokens() {
    let model = tiny();
    let config = model.config().clone();
    let formula = |tokens: usize| 2 * config.layers * config.kv_heads * config.head_dim() * 4 * tokens;
    let mut cache = KvCache::new(&config, 4, 100).unwrap();
    assert_eq!(cache.capacity_bytes(), formula(400));
    assert_eq!(cache.held_bytes().unwrap(), 0);
    cache.reset(3);
    let batch = padded(&rows());
    model.forward(&batch, Some(&mut cache)).unwrap();
    assert_eq!(cache.held_bytes().unwrap(), formula(3 * batch.width));
    let next = Padded { tokens: vec![1, 2, 3], padding: batch.padding.clone(), width: 1 };
    model.forward(&next, Some(&mut cache)).unwrap();
    assert_eq!(cache.held_bytes().unwrap(), formula(3 * (batch.width + 1)));
    assert_eq!(config.kv_bytes_per_token(), formula(1));
    cache.reset(1);
    assert_eq!(cache.held_bytes().unwrap(), 0);
}

#[test]
fn the_seed_decides_the_model() {
    let input = padded(&[vec![1, 2, 3]]);
    let run = |seed| logits(&Llama::new(Preset::P1m.config(), seed).unwrap().forward(&input, None).unwrap());
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
