//! Owns the shape of a chart: ECharts' option cut down to the parts that are drawn here, and its data.
//! Must not know what is charted.

use super::theme::Theme;
use charming::component::{Axis, Grid, Legend, Title};
use charming::element::{AreaStyle, DimensionEncode, ItemStyle, LineStyle, LineStyleType, Tooltip};
use serde::Serialize;
use std::borrow::Cow;

/// A chart: the static option, and the data that a live chart appends to.
pub struct ChartDefinition {
    /// Option without data: axes, series, names.
    pub option: ChartOption,
    /// The data.
    pub data: ChartData,
}

/// An option. charming's own `Chart` can hold every component and series there is, and a page that serialises it
/// downloads the code for all of them; this one names what is used.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartOption {
    /// Always off: a live chart must not wobble.
    pub(super) animation: bool,
    pub(super) title: Title,
    pub(super) grid: Grid,
    pub(super) tooltip: Tooltip,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) legend: Option<Legend>,
    pub(super) x_axis: Axis,
    pub(super) y_axis: YAxis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visual_map: Option<VisualMap>,
    pub(super) series: Vec<Series>,
}

impl ChartOption {
    /// The option with one more series.
    pub(super) fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The option with a legend.
    pub(super) fn legend(mut self, legend: Legend) -> Self {
        self.legend = Some(legend);
        self
    }
}

/// The vertical axis: one of numbers, or names from the top down.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum YAxis {
    /// Numbers.
    Numbers(Box<Axis>),
    /// Names, a band for each.
    Names(Box<Names>),
}

impl YAxis {
    /// An axis of numbers changed.
    pub(super) fn with(self, change: impl FnOnce(Axis) -> Axis) -> Self {
        match self {
            YAxis::Numbers(axis) => YAxis::Numbers(Box::new(change(*axis))),
            names @ YAxis::Names(_) => names,
        }
    }
}

/// Names of several lines each. charming's labels cannot say how far lines are apart, which ECharts then measures by a
/// letter that not every font has.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Names {
    #[serde(rename = "type")]
    kind: &'static str,
    inverse: bool,
    data: Vec<String>,
    axis_tick: Shown,
    axis_line: Shown,
    axis_label: NameLabel,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NameLabel {
    color: &'static str,
    font_size: u8,
    line_height: u8,
    interval: u8,
}

impl Names {
    pub(super) fn of(data: Vec<String>, theme: Theme) -> YAxis {
        let hidden = || Shown { show: false };
        YAxis::Names(Box::new(Self {
            kind: "category",
            inverse: true,
            data,
            axis_tick: hidden(),
            axis_line: hidden(),
            axis_label: NameLabel { color: theme.text(), font_size: 11, line_height: 14, interval: 0 },
        }))
    }
}

/// One series: the fields of ECharts' lines, scatters and custom series that are used.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Series {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    encode: DimensionEncode,
    #[serde(skip_serializing_if = "Option::is_none")]
    render_item: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_symbol: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol_size: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_style: Option<LineStyle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_style: Option<AreaStyle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_style: Option<ItemStyle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_payload: Option<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    z: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tooltip: Option<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark_line: Option<Marks>,
}

/// Which row of strips it is drawn in, from the axis upwards.
#[derive(Clone, Debug, Serialize)]
struct Row {
    row: u8,
}

#[derive(Clone, Debug, Serialize)]
struct Shown {
    show: bool,
}

impl Series {
    fn new(kind: &'static str, name: &str, encode: DimensionEncode) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            encode,
            render_item: None,
            show_symbol: None,
            symbol_size: None,
            step: None,
            line_style: None,
            area_style: None,
            item_style: None,
            item_payload: None,
            z: None,
            tooltip: None,
            mark_line: None,
        }
    }

    /// A line of one colour through two columns; gaps stay gaps.
    pub(super) fn line(x: &str, y: &str, name: &str, colour: &str) -> Self {
        Self {
            line_style: Some(LineStyle::new().width(1.5).color(colour)),
            item_style: Some(ItemStyle::new().color(colour)),
            ..Self::new("line", name, DimensionEncode::new().x(x).y(y))
        }
    }

    /// Marks at two columns.
    pub(super) fn scatter(x: &str, y: &str, name: &str, style: ItemStyle) -> Self {
        Self { item_style: Some(style), ..Self::new("scatter", name, DimensionEncode::new().x(x).y(y)) }
    }

    /// Rectangles between two values of each axis, coloured by [`VisualMap`]. ECharts' own heat map knows categories
    /// only; the page's bundle registers `cells`, which draws these on axes of numbers.
    pub(super) fn cells(name: &str, encode: DimensionEncode) -> Self {
        Self { render_item: Some("cells"), ..Self::new("custom", name, encode) }
    }

    /// Rectangles from one value to another of the horizontal axis, each in the band of a category and so much of it high.
    /// The page's bundle registers `spans`.
    pub(super) fn spans(name: &str, encode: DimensionEncode) -> Self {
        Self { render_item: Some("spans"), ..Self::new("custom", name, encode) }
    }

    /// Telling these columns to whoever points at it.
    pub(super) fn telling(self, columns: &[&str]) -> Self {
        Self { encode: self.encode.tooltip(columns.to_vec()), ..self }
    }

    /// A strip along the horizontal axis wherever a column is above zero; several lie above one another. The page's bundle
    /// registers `strip`.
    pub(super) fn strip(name: &str, encode: DimensionEncode, colour: &str, row: u8) -> Self {
        Self {
            render_item: Some("strip"),
            item_style: Some(ItemStyle::new().color(colour)),
            item_payload: Some(Row { row }),
            ..Self::new("custom", name, encode)
        }
    }

    /// Of one colour, behind the lines, and without a word in the tooltip.
    pub(super) fn behind(mut self, colour: String) -> Self {
        self.item_style = Some(ItemStyle::new().color(colour));
        (self.z, self.tooltip) = (Some(1), Some(Shown { show: false }));
        self
    }

    /// With upright lines at these times.
    pub(super) fn marks(mut self, marks: Option<Marks>) -> Self {
        self.mark_line = marks;
        self
    }

    /// With lines broken up in a way of its own.
    pub(super) fn dashed(mut self, dashes: LineStyleType) -> Self {
        self.line_style = self.line_style.map(|style| style.type_(dashes));
        self
    }

    /// With the area below it faintly filled.
    pub(super) fn filled(mut self) -> Self {
        self.area_style = Some(AreaStyle::new().opacity(0.12));
        self
    }

    /// Without marks at its points.
    pub(super) fn plain(mut self) -> Self {
        self.show_symbol = Some(false);
        self
    }

    /// With marks of so many pixels.
    pub(super) fn marked(mut self, pixels: u8) -> Self {
        (self.show_symbol, self.symbol_size) = (Some(true), Some(pixels));
        self
    }

    /// As a staircase that rises where a value comes.
    pub(super) fn stepped(mut self) -> Self {
        self.step = Some("end");
        self
    }
}

/// Upright lines across a chart, each with words at its end.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Marks {
    silent: bool,
    animation: bool,
    symbol: &'static str,
    label: MarkLabel,
    line_style: LineStyle,
    data: Vec<Mark>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MarkLabel {
    formatter: &'static str,
    color: &'static str,
    font_size: u8,
    distance: u8,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    x_axis: f64,
    name: String,
}

impl Marks {
    /// Lines at these values of the horizontal axis; nothing without any.
    pub(super) fn of(marks: Vec<(f64, String)>, theme: Theme) -> Option<Self> {
        let data: Vec<Mark> = marks.into_iter().map(|(x_axis, name)| Mark { x_axis, name }).collect();
        (!data.is_empty()).then(|| Self {
            silent: true,
            animation: false,
            symbol: "none",
            label: MarkLabel { formatter: "{b}", color: theme.text(), font_size: 10, distance: 2 },
            line_style: LineStyle::new().width(1.0).color(theme.text()).type_(LineStyleType::Dashed),
            data,
        })
    }
}

/// Colours by a column, from the least to the greatest value.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VisualMap {
    show: bool,
    dimension: usize,
    min: f64,
    max: f64,
    in_range: Colours,
}

#[derive(Clone, Debug, Serialize)]
struct Colours {
    color: &'static [&'static str],
}

impl VisualMap {
    pub(super) fn new(dimension: usize, min: f64, max: f64, color: &'static [&'static str]) -> Self {
        Self { show: false, dimension, min, max, in_range: Colours { color } }
    }
}

/// Row-major data for one dataset; a gap is NaN, which no file ever holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartData {
    /// Column names.
    pub dimensions: Vec<Cow<'static, str>>,
    /// Rows after one another, each as long as `dimensions`.
    pub rows: Vec<f64>,
}

impl ChartData {
    /// No rows yet, of these columns.
    pub(super) fn of(dimensions: &[&'static str]) -> Self {
        Self { dimensions: dimensions.iter().map(|name| Cow::Borrowed(*name)).collect(), rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: &[Option<f64>]) {
        self.rows.extend(row.iter().map(|v| v.unwrap_or(f64::NAN)));
    }
}
