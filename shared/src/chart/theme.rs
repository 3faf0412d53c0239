//! Owns colours: the colour-blind-safe data palette and the neutral tones of both themes.
//! Must not know which chart uses them.

/// Data colours (Okabe and Ito, 2008), black left out since it vanishes on dark.
pub const PALETTE: [&str; 7] = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];

/// The page's theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark text on light.
    #[default]
    Light,
    /// Light text on dark.
    Dark,
}

impl Theme {
    /// Colour of axis labels and titles.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Theme::Light => "#4a5160",
            Theme::Dark => "#aab2c0",
        }
    }

    /// Colour behind a chart that is a picture of its own.
    #[must_use]
    pub fn background(self) -> &'static str {
        match self {
            Theme::Light => "#ffffff",
            Theme::Dark => "#14171d",
        }
    }

    /// Colour of what floats over a chart.
    #[must_use]
    pub fn surface(self) -> &'static str {
        match self {
            Theme::Light => "#ffffff",
            Theme::Dark => "#1b1f27",
        }
    }

    /// Colour of grid lines.
    #[must_use]
    pub fn line(self) -> &'static str {
        match self {
            Theme::Light => "#e3e6eb",
            Theme::Dark => "#2b313b",
        }
    }

    /// Colours of a step that made things better, worse, neither beyond noise, of what marks an interval, and of what the
    /// hardware allows. Better and worse differ in lightness, too.
    #[must_use]
    pub fn steps(self) -> &'static [&'static str] {
        match self {
            Theme::Light => &["#0072B2", "#E69F00", "#b8bec9", "#2b2f38", "#CC79A7"],
            Theme::Dark => &["#56B4E9", "#E69F00", "#5a6270", "#e6eaf0", "#CC79A7"],
        }
    }

    /// Colours from few to many, of one hue and evenly lighter or darker, so that they read without seeing hues.
    #[must_use]
    pub fn ramp(self) -> &'static [&'static str] {
        match self {
            Theme::Light => &["#d6e8f5", "#56B4E9", "#0072B2", "#00253a"],
            Theme::Dark => &["#1d4a6b", "#2b8ac6", "#7cc8f2", "#f2faff"],
        }
    }
}
