//! Owns turning lines and text into pixels, with fonts that travel in the binary: a GPU host often has none.
//! Must not know charts.

use super::canvas::Canvas;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, ID, Source};
use resvg::usvg::{FontResolver, Options, Tree};
use std::sync::{Arc, LazyLock};

/// Inter, the letters of Latin, Greek and Cyrillic scripts and the signs that figures need (`fonts/README.md`).
const FONTS: [&[u8]; 2] = [include_bytes!("fonts/Inter-Regular.ttf"), include_bytes!("fonts/Inter-SemiBold.ttf")];

static SHIPPED: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for font in FONTS {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family("Inter");
    fonts.set_serif_family("Inter");
    Arc::new(fonts)
});

/// A picture as PNG.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn png(svg: &str, canvas: &Canvas) -> Result<Vec<u8>, String> {
    let shipped = SHIPPED.len();
    // A letter that the shipped fonts lack is looked for among the host's, which are read for it alone.
    let fallback = FontResolver::default_fallback_selector();
    let select_fallback = Box::new(move |letter: char, used: &[ID], fonts: &mut Arc<Database>| {
        if fonts.len() == shipped {
            Arc::make_mut(fonts).load_system_fonts();
        }
        fallback(letter, used, fonts)
    });
    let options = Options {
        font_family: "Inter".to_owned(),
        font_resolver: FontResolver { select_font: FontResolver::default_font_selector(), select_fallback },
        fontdb: Arc::clone(&SHIPPED),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let (width, height) = canvas.pixels();
    let mut pixels = Pixmap::new(width, height).ok_or("it has no size")?;
    resvg::render(&tree, Transform::from_scale(canvas.scale, canvas.scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}
