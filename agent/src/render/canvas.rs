//! Owns what a picture is drawn on: format, size, scale and theme, and how large it may be.
//! Must not know what is drawn.

use super::RenderError;
use shared::chart::Theme;

/// Sizes that are drawn, CSS pixels.
const WIDTHS: std::ops::RangeInclusive<u32> = 240..=4000;
const HEIGHTS: std::ops::RangeInclusive<u32> = 160..=3000;
/// Scales that are drawn.
const SCALES: std::ops::RangeInclusive<f32> = 0.5..=4.0;
/// Most pixels of a picture: a quarter of a gigabyte in memory.
const MOST_PIXELS: f32 = 64e6;

/// The form of a picture's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines and text, sharp at any size.
    Svg,
    /// Pixels.
    Png,
}

impl Format {
    /// Its ending, and its name on the command line.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Png => "png",
        }
    }

    /// The format of a name.
    ///
    /// # Errors
    /// A sentence that names both.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "svg" => Ok(Format::Svg),
            "png" => Ok(Format::Png),
            _ => Err(format!("\"{}\" is no format of pictures: svg or png.", shortened(name))),
        }
    }
}

/// What a picture is drawn on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    /// CSS pixels across.
    pub width: u32,
    /// CSS pixels down.
    pub height: u32,
    /// Pixels of a PNG for one CSS pixel.
    pub scale: f32,
    /// Colours.
    pub theme: Theme,
}

impl Default for Canvas {
    fn default() -> Self {
        Self { width: 800, height: 360, scale: 2.0, theme: Theme::Light }
    }
}

impl Canvas {
    /// The same, high enough for what needs at least that.
    #[must_use]
    pub fn holding(self, least_height: u32) -> Self {
        Self { height: self.height.max(least_height), ..self }
    }

    /// The canvas where it is of a size that is drawn.
    ///
    /// # Errors
    /// [`RenderError::Canvas`] with a sentence that names the bounds.
    pub fn checked(self) -> Result<Self, RenderError> {
        let bounds = |what: &str, value: f32, (low, high): (f32, f32)| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(RenderError::Canvas(format!("{what} is {value}, but must be from {low} to {high}."))),
        };
        bounds("width", self.width as f32, (*WIDTHS.start() as f32, *WIDTHS.end() as f32))?;
        bounds("height", self.height as f32, (*HEIGHTS.start() as f32, *HEIGHTS.end() as f32))?;
        bounds("scale", self.scale, (*SCALES.start(), *SCALES.end()))?;
        let (width, height) = self.pixels();
        if width as f32 * height as f32 > MOST_PIXELS {
            let sentence = format!("{width} × {height} pixels are more than are drawn: take a smaller size or scale.");
            return Err(RenderError::Canvas(sentence));
        }
        Ok(self)
    }

    /// Pixels of its PNG, across and down.
    #[must_use]
    pub fn pixels(&self) -> (u32, u32) {
        let scaled = |side: u32| (side as f32 * self.scale).round() as u32;
        (scaled(self.width), scaled(self.height))
    }
}

/// The theme of a name.
///
/// # Errors
/// A sentence that names both.
pub fn theme(name: &str) -> Result<Theme, String> {
    match name {
        "light" => Ok(Theme::Light),
        "dark" => Ok(Theme::Dark),
        _ => Err(format!("\"{}\" is no theme: light or dark.", shortened(name))),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded() {
        let check = |width, height, scale, expect: Option<&str>| {
            let found = Canvas { width, height, scale, ..Canvas::default() }.checked().err().map(|e| e.to_string());
            match (found, expect) {
                (None, None) => {}
                (Some(found), Some(expect)) => assert!(found.contains(expect), "{found}"),
                (found, expect) => panic!("{width} {height} {scale}: {found:?}, not {expect:?}"),
            }
        };
        check(800, 360, 2.0, None);
        check(0, 360, 2.0, Some("width is 0, but must be from 240 to 4000"));
        check(800, 9000, 2.0, Some("height is 9000"));
        check(800, 360, f32::NAN, Some("scale is NaN"));
        check(4000, 3000, 4.0, Some("16000 × 12000 pixels are more"));
    }

    #[test]
    fn names_are_told_where_they_are_wrong() {
        assert_eq!((Format::parse("svg"), theme("dark")), (Ok(Format::Svg), Ok(Theme::Dark)));
        assert!(Format::parse("gif").unwrap_err().contains("svg or png"));
        assert!(theme("blue").unwrap_err().contains("light or dark"));
    }
}
