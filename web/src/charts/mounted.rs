//! Owns one chart on the page: made once a theme, fed with data, freed when dropped.
//! Must not know where data comes from.

use super::echarts::{self, Instance, object, parse, part, set};
use crate::format;
use js_sys::{Array, Float64Array};
use shared::chart::{ChartData, ChartDefinition, ChartOption, Theme};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ResizeObserver};

/// A chart that exists. Dropping it frees the instance and its observer.
pub struct Mounted {
    instance: Rc<Instance>,
    element: HtmlElement,
    observer: Option<ResizeObserver>,
    /// Theme it was made for.
    pub theme: Theme,
    /// The static option as it was last given.
    option: String,
    rows: Rc<RefCell<Rows>>,
    /// The stretch of the time axis that is shown.
    range: Option<(f64, f64)>,
    cursor: Option<u32>,
    // What JavaScript may call as long as the chart lives.
    _on_resize: Closure<dyn FnMut()>,
    _on_click: Closure<dyn FnMut(JsValue)>,
    to_text: Closure<dyn Fn(JsValue) -> String>,
}

#[derive(Default)]
struct Rows {
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    /// True where it is this data, bit for bit, since a gap equals nothing.
    fn are(&self, data: &ChartData) -> bool {
        self.width == data.dimensions.len()
            && self.values.len() == data.rows.len()
            && self.values.iter().zip(&data.rows).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

impl Mounted {
    /// Makes a chart in `element`. `pick` gets a clicked row.
    pub fn new(
        element: HtmlElement,
        theme: Theme,
        group: Option<&str>,
        pick: impl Fn(&[f64]) + 'static,
    ) -> Result<Self, JsValue> {
        let instance = Rc::new(echarts::mount(&element, group)?);
        // A mark of several figures is named in a line of its own, which has none.
        let to_text = Closure::new(
            |value: JsValue| {
                if Array::is_array(&value) { String::new() } else { format::bare(value.as_f64()) }
            },
        );

        let rows = Rc::new(RefCell::new(Rows::default()));
        let clicked = rows.clone();
        let on_click = Closure::new(move |event: JsValue| {
            let index = js_sys::Reflect::get(&event, &"dataIndex".into()).ok().and_then(|i| i.as_f64());
            let row = index.and_then(|index| {
                let rows = clicked.borrow();
                let start = index as usize * rows.width;
                rows.values.get(start..start + rows.width).map(<[f64]>::to_vec)
            });
            if let Some(row) = row {
                pick(&row);
            }
        });
        instance.on("click", on_click.as_ref().unchecked_ref());

        let resized = instance.clone();
        let on_resize = Closure::new(move || resized.resize());
        let observer = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            observer.observe(&element);
        }
        Ok(Self {
            instance,
            element,
            observer,
            theme,
            option: String::new(),
            rows,
            range: None,
            cursor: None,
            to_text,
            _on_resize: on_resize,
            _on_click: on_click,
        })
    }

    /// Gives the static option where it is another than before: at first, and when an axis changes its kind. True
    /// where it did.
    fn define(&mut self, json: String) -> bool {
        if self.option == json {
            return false;
        }
        match parse(&json) {
            Ok(option) => {
                self.make_readable(&option);
                self.instance.redefine(&echarts::legible(&option));
            }
            Err(error) => leptos::logging::error!("a chart's option is no JSON: {error:?}"),
        }
        self.option = json;
        true
    }

    /// What only a chart that is read on a screen needs: a tooltip that is part of the picture and plain text. It must be
    /// there from the first, when a chart decides what its tooltip is made of.
    fn make_readable(&self, option: &JsValue) {
        let text = object(&[("color", self.theme.text().into()), ("fontSize", 11.into())]);
        let formatter: &JsValue = self.to_text.as_ref();
        let tooltip = part(option, "tooltip");
        for (key, value) in [
            ("renderMode", "richText".into()),
            ("confine", true.into()),
            ("transitionDuration", 0.into()),
            ("textStyle", text),
            ("valueFormatter", formatter.clone()),
        ] {
            set(&tooltip, key, &value);
        }
        set(&part(option, "xAxis"), "axisPointer", &object(&[("label", object(&[("precision", 1.into())]))]));
    }

    /// Replaces the data and, on a shared time axis, the stretch that is shown.
    pub fn update(&mut self, definition: &ChartDefinition, range: Option<(f64, f64)>) {
        let data = &definition.data;
        let defined = self.define(json(&definition.option));
        // Most ticks bring nothing new to most charts, and laying one out again is what costs.
        if !defined && self.range == range && self.rows.borrow().are(data) {
            return;
        }
        self.range = range;
        let dimensions: Array = data.dimensions.iter().map(|name| JsValue::from_str(name)).collect();
        let rows = Float64Array::from(data.rows.as_slice());
        let shown: Option<Array> = range.map(|(from, to)| [from, to].into_iter().map(JsValue::from_f64).collect());
        self.instance.set_option(&echarts::filled(&rows, &dimensions, shown.as_ref()));
        let mut rows = self.rows.borrow_mut();
        rows.width = data.dimensions.len();
        rows.values.clone_from(&data.rows);
        if self.element.set_attribute("data-points", &self.instance.drawn().to_string()).is_err() {
            leptos::logging::warn!("a chart's element took no attribute");
        }
    }

    /// The value of the horizontal axis at a pixel of the element.
    pub fn x_at(&self, pixel: f64) -> Option<f64> {
        self.instance.x_at(pixel)
    }

    /// Moves the crosshair by rows; from the last row where it is not shown.
    pub fn step(&mut self, by: i64) {
        let rows = self.instance.drawn();
        let Some(last) = rows.checked_sub(1) else { return };
        let at = self.cursor.map_or(i64::from(last), |at| i64::from(at) + by).clamp(0, i64::from(last)) as u32;
        self.cursor = Some(at);
        self.instance.show_tip(at);
    }

    /// Hides the crosshair.
    pub fn hide_cursor(&mut self) {
        self.cursor = None;
        self.instance.hide_tip();
    }

    /// The picture as a data URL.
    pub fn png(&self) -> String {
        self.instance.png(self.theme.background())
    }
}

/// A definition as ECharts' option, which is what its fields are.
fn json(option: &ChartOption) -> String {
    serde_json::to_string(option).unwrap_or_else(|_| "{}".to_owned())
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
        self.instance.dispose();
    }
}
