//! Owns the shape of a chart: ECharts' option cut down to the parts that are drawn here, and its data.
//! Must not know what is charted.

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
    pub(super) x_axis: XAxis,
    pub(super) y_axis: Axis,
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

/// The horizontal axis: one of numbers, or one of numbers that is not shown with names below it, a name for each unit.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum XAxis {
    /// Numbers.
    One(Box<Axis>),
    /// Numbers, and the names that stand for their units.
    Named(Box<[Axis; 2]>),
}

impl XAxis {
    /// The axis of numbers changed.
    pub(super) fn with(self, change: impl FnOnce(Axis) -> Axis) -> Self {
        match self {
            XAxis::One(axis) => XAxis::One(Box::new(change(*axis))),
            XAxis::Named(axes) => {
                let [numbers, names] = *axes;
                XAxis::Named(Box::new([change(numbers), names]))
            }
        }
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

    /// Telling these columns to whoever points at it.
    pub(super) fn telling(self, columns: &[&str]) -> Self {
        Self { encode: self.encode.tooltip(columns.to_vec()), ..self }
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
