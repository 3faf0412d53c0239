//! Owns the shape of a chart: ECharts' option cut down to the parts that are drawn here, and its data.
//! Must not know what is charted.

use charming::component::{Axis, Grid, Legend, Title};
use charming::element::{DimensionEncode, Tooltip};
use charming::series::{Line, Scatter};
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
    pub(super) y_axis: Axis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visual_map: Option<VisualMap>,
    pub(super) series: Vec<Series>,
}

impl ChartOption {
    /// The option with one more series.
    pub(super) fn series(mut self, series: impl Into<Series>) -> Self {
        self.series.push(series.into());
        self
    }

    /// The option with a legend.
    pub(super) fn legend(mut self, legend: Legend) -> Self {
        self.legend = Some(legend);
        self
    }
}

/// The kinds of series that are drawn.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Series {
    Line(Box<Line>),
    Scatter(Box<Scatter>),
    Cells(Cells),
}

impl From<Line> for Series {
    fn from(line: Line) -> Self {
        Series::Line(Box::new(line))
    }
}

impl From<Scatter> for Series {
    fn from(scatter: Scatter) -> Self {
        Series::Scatter(Box::new(scatter))
    }
}

impl From<Cells> for Series {
    fn from(cells: Cells) -> Self {
        Series::Cells(cells)
    }
}

/// Rectangles between two values of each axis, coloured by [`VisualMap`]. ECharts' own heat map knows categories only;
/// the page's bundle registers `cells`, which draws these on axes of numbers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cells {
    #[serde(rename = "type")]
    kind: &'static str,
    render_item: &'static str,
    name: &'static str,
    encode: DimensionEncode,
}

impl Cells {
    pub(super) fn new(name: &'static str, encode: DimensionEncode) -> Self {
        Self { kind: "custom", render_item: "cells", name, encode }
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
