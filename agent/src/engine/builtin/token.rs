//! Owns the built-in model's tokens: one per byte, and three special ones.
//! Must not know tensors or HTTP.

/// Beginning of sequence; put before every prompt that arrives as text.
pub const BOS: u32 = 256;
/// End of sequence; ends a row unless the request ignores it.
pub const EOS: u32 = 257;
/// Fills rows up to the longest of the batch; never attended to.
pub const PAD: u32 = 258;
/// Number of tokens: 256 bytes and the special ones.
pub const VOCAB_SIZE: usize = 259;

/// The tokens of a text prompt: `BOS`, then its UTF-8 bytes.
pub fn encode_text(text: &str) -> Vec<u32> {
    std::iter::once(BOS).chain(text.bytes().map(u32::from)).collect()
}

/// The tokens of a conversation, given as (role, content): `<|role|>`, content, newline for each message,
/// then `<|assistant|>` for the answer to come.
pub fn encode_chat<'a>(messages: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u32> {
    let mut text = String::new();
    for (role, content) in messages {
        text.push_str("<|");
        text.push_str(role);
        text.push_str("|>");
        text.push_str(content);
        text.push('\n');
    }
    text.push_str("<|assistant|>");
    encode_text(&text)
}

/// Whether the model may generate this token as text: printable ASCII only, so that each token is one
/// visible character and no chunk holds half of one.
pub fn is_printable(token: u32) -> bool {
    (0x20..=0x7e).contains(&token)
}

/// The text of a generated token; special tokens have none.
pub fn decode(token: u32) -> &'static str {
    const PRINTABLE: &str =
        " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    if !is_printable(token) {
        return "";
    }
    let at = (token - 0x20) as usize;
    PRINTABLE.get(at..=at).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_tokens_decode_to_their_byte() {
        for token in 0..VOCAB_SIZE as u32 {
            let expect = if is_printable(token) { (token as u8 as char).to_string() } else { String::new() };
            assert_eq!(decode(token), expect, "token {token}");
        }
    }

    #[test]
    fn chat_template_is_roles_then_the_assistant() {
        let text = |s: &str| encode_text(s);
        assert_eq!(encode_chat([("user", "Hi")]), text("<|user|>Hi\n<|assistant|>"));
        assert_eq!(encode_text("é"), [BOS, 0xc3, 0xa9]);
    }
}
