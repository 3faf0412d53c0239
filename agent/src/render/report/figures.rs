//! Owns the charts of a report: drawn once in each theme, and written once with the colours that follow the reader's.
//! Must not know what else stands in a report.

use crate::render::script::Renderer;
use crate::render::{Canvas, Chart, RenderError, Section};
use maud::{Markup, PreEscaped, html};
use shared::chart::Theme;

/// Size of a chart in a report, CSS pixels.
const CANVAS: Canvas = Canvas { width: 560, height: 280, scale: 1.0, theme: Theme::Light };

/// Draws charts and keeps the colours that differ between the themes.
pub(super) struct Figures {
    renderer: Renderer,
    /// Light and dark; their places are their names.
    colours: Vec<(String, String)>,
    drawn: usize,
}

impl Figures {
    /// # Errors
    /// [`RenderError`] where this binary cannot draw.
    pub(super) fn new() -> Result<Self, RenderError> {
        Ok(Self { renderer: Renderer::new()?, colours: Vec::new(), drawn: 0 })
    }

    /// The charts of a section; nothing where it has none.
    pub(super) fn of(&mut self, charts: &[Chart], section: Section) -> Result<Markup, RenderError> {
        let mut figures = Vec::new();
        for chart in charts.iter().filter(|chart| chart.section == section) {
            figures.push((chart, self.draw(chart)?));
        }
        Ok(html! {
            @if !figures.is_empty() {
                div.charts {
                    @for (chart, svg) in &figures {
                        figure role="img" aria-label=(chart.label) data-chart=(chart.name) { (PreEscaped(svg)) }
                    }
                }
            }
        })
    }

    fn draw(&mut self, chart: &Chart) -> Result<String, RenderError> {
        self.drawn += 1;
        let [light, dark] = [Theme::Light, Theme::Dark].map(|theme| {
            let svg = self.renderer.svg(chart, &Canvas { theme, ..CANVAS }, "transparent")?;
            Ok(named(&svg.text, self.drawn))
        });
        let (light, dark) = (light?, dark?);
        // Where more than colours differs, both are written, and the reader's theme shows one.
        Ok(self
            .joined(&light, &dark)
            .unwrap_or_else(|| format!("<span class=\"light\">{light}</span><span class=\"dark\">{dark}</span>")))
    }

    /// One drawing out of two that differ in nothing but colours.
    fn joined(&mut self, light: &str, dark: &str) -> Option<String> {
        let (light, dark) = (pieces(light), pieces(dark));
        if light.len() != dark.len() {
            return None;
        }
        let mut text = String::new();
        for ((is_colour, light), (is_also, dark)) in light.into_iter().zip(dark) {
            match (light == dark, is_colour && is_also) {
                (true, _) => text.push_str(light),
                (false, true) => text.push_str(&self.variable(light, dark)),
                (false, false) => return None,
            }
        }
        Some(text)
    }

    fn variable(&mut self, light: &str, dark: &str) -> String {
        let known = self.colours.iter().position(|(of_light, of_dark)| of_light == light && of_dark == dark);
        let place = known.unwrap_or_else(|| {
            self.colours.push((light.to_owned(), dark.to_owned()));
            self.colours.len() - 1
        });
        format!("var(--c{place})")
    }

    /// The colours as styles: dark for who reads a screen in the dark, light for everybody else and on paper.
    pub(super) fn style(&self) -> String {
        let of = |colour: fn(&(String, String)) -> &str| {
            let pairs = self.colours.iter().enumerate();
            pairs.map(|(place, pair)| format!("--c{place}:{};", colour(pair))).collect::<String>()
        };
        let (light, dark) = (of(|(light, _)| light), of(|(_, dark)| dark));
        format!(":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
    }
}

/// The drawing with names of its own: those of several drawings in one file would be the same, and of one chart's two
/// themes they must be.
fn named(svg: &str, number: usize) -> String {
    let Some(at) = svg.find("\"zr") else { return svg.to_owned() };
    let digits: String = svg[at + 3..].chars().take_while(char::is_ascii_digit).collect();
    let name = |before: &str| (format!("{before}zr{digits}-"), format!("{before}f{number}-"));
    ["\"", "#"].into_iter().map(name).fold(svg.to_owned(), |svg, (from, to)| svg.replace(&from, &to))
}

/// The text in pieces, each a colour or what lies between two; the pieces joined are the text.
fn pieces(text: &str) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(at) = rest[from..].find(['#', 'r']).map(|at| from + at) {
        let length = colour_length(&rest[at..]);
        if length == 0 {
            from = at + 1;
            continue;
        }
        pieces.extend([(false, &rest[..at]), (true, &rest[at..at + length])]);
        (rest, from) = (&rest[at + length..], 0);
    }
    pieces.push((false, rest));
    pieces
}

/// Bytes of the colour that a text begins with, `#0072B2` or `rgb(0,114,178)`; 0 where it begins with none.
fn colour_length(text: &str) -> usize {
    if let Some(digits) = text.strip_prefix('#') {
        return match digits.bytes().take_while(u8::is_ascii_hexdigit).count() {
            count @ (3 | 6 | 8) => 1 + count,
            _ => 0,
        };
    }
    let is_colour = text.starts_with("rgb(") || text.starts_with("rgba(");
    text.find(')').filter(|end| is_colour && *end < 40).map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_pieces_joined() {
        let check = |text: &str, colours: &[&str]| {
            let found = pieces(text);
            assert_eq!(found.iter().map(|(_, piece)| *piece).collect::<String>(), text);
            let of: Vec<&str> = found.iter().filter(|(is_colour, _)| *is_colour).map(|(_, piece)| *piece).collect();
            assert_eq!(of, colours, "{text}");
        };
        check("", &[]);
        check("fill=\"#0072B2\" stroke=\"rgb(1,2,3)\"", &["#0072B2", "rgb(1,2,3)"]);
        check("url(#f1-c0) rgb without end and # alone", &[]);
        check("#fff#abcdefg", &["#fff", "#abcdef"]);
    }

    #[test]
    fn names_are_of_one_drawing() {
        let svg = "<g clip-path=\"url(#zr3-c0)\"><clipPath id=\"zr3-c0\"/>zr3-c0</g>";
        assert_eq!(named(svg, 7), "<g clip-path=\"url(#f7-c0)\"><clipPath id=\"f7-c0\"/>zr3-c0</g>");
    }
}
