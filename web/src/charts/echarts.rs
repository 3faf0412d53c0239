//! Owns the bindings to the global `echarts`, and nothing else of JavaScript.
//! Must not know charts' meaning. No call evaluates text as code: the page's security policy forbids it.

use js_sys::{Array, Float64Array, Function, JSON, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// One chart.
    pub type Instance;

    #[wasm_bindgen(js_namespace = echarts, catch)]
    fn init(element: &HtmlElement, theme: &JsValue, options: &JsValue) -> Result<Instance, JsValue>;

    /// A definition's option with what every drawing of it needs.
    #[wasm_bindgen(js_namespace = echarts)]
    pub fn legible(option: &JsValue) -> JsValue;

    /// The option of a definition's data, and of the stretch of the time axis that is shown.
    #[wasm_bindgen(js_namespace = echarts)]
    pub fn filled(rows: &Float64Array, dimensions: &Array, shown: Option<&Array>) -> JsValue;

    #[wasm_bindgen(js_namespace = echarts, catch)]
    fn connect(group: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, setter)]
    fn set_group(this: &Instance, group: &str);

    #[wasm_bindgen(method, catch, js_name = setOption)]
    fn set_option_with(this: &Instance, option: &JsValue, how: &JsValue) -> Result<(), JsValue>;

    /// Fits the chart to its element.
    #[wasm_bindgen(method)]
    pub fn resize(this: &Instance);

    /// Frees everything that the chart holds.
    #[wasm_bindgen(method)]
    pub fn dispose(this: &Instance);

    /// Calls a function at an event.
    #[wasm_bindgen(method)]
    pub fn on(this: &Instance, event: &str, handler: &Function);

    #[wasm_bindgen(method, js_name = dispatchAction)]
    fn dispatch_action(this: &Instance, action: &JsValue);

    #[wasm_bindgen(method, js_name = getDataURL)]
    fn get_data_url(this: &Instance, options: &JsValue) -> String;

    #[wasm_bindgen(method, js_name = convertFromPixel)]
    fn convert_from_pixel(this: &Instance, finder: &JsValue, pixel: f64) -> JsValue;

    #[wasm_bindgen(method, catch, js_name = getModel)]
    fn get_model(this: &Instance) -> Result<Model, JsValue>;

    type Model;
    #[wasm_bindgen(method, catch, js_name = getSeriesByIndex)]
    fn get_series_by_index(this: &Model, index: u32) -> Result<SeriesModel, JsValue>;
    type SeriesModel;
    #[wasm_bindgen(method, catch, js_name = getData)]
    fn get_data(this: &SeriesModel) -> Result<SeriesData, JsValue>;
    type SeriesData;
    #[wasm_bindgen(method)]
    fn count(this: &SeriesData) -> u32;
}

/// A plain object of these fields.
pub fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in fields {
        set(&object, key, value);
    }
    object.into()
}

/// Sets a field; a fresh plain object takes every one.
pub fn set(object: &JsValue, key: &str, value: &JsValue) {
    if Reflect::set(object, &key.into(), value).is_err() {
        leptos::logging::warn!("a chart's option refused the field {key}");
    }
}

/// A part of an option.
pub fn part(option: &JsValue, key: &str) -> JsValue {
    Reflect::get(option, &key.into()).unwrap_or_default()
}

/// Puts a chart into an element; fails where ECharts was not loaded.
pub fn mount(element: &HtmlElement, group: Option<&str>) -> Result<Instance, JsValue> {
    let instance = init(element, &JsValue::NULL, &object(&[("renderer", "canvas".into())]))?;
    if let Some(group) = group {
        instance.set_group(group);
        connect(group)?;
    }
    Ok(instance)
}

/// JSON as a JavaScript value.
pub fn parse(json: &str) -> Result<JsValue, JsValue> {
    JSON::parse(json)
}

impl Instance {
    /// Merges an option; draws at once, so that counts read afterwards are of this data.
    pub fn set_option(&self, option: &JsValue) {
        self.merge(option, &[]);
    }

    /// Merges an option whose series take the place of those before, since there may be fewer.
    pub fn redefine(&self, option: &JsValue) {
        self.merge(option, &[("replaceMerge", "series".into())]);
    }

    fn merge(&self, option: &JsValue, also: &[(&str, JsValue)]) {
        let how = object(&[("lazyUpdate", false.into()), ("silent", true.into())]);
        for (key, value) in also {
            set(&how, key, value);
        }
        if let Err(error) = self.set_option_with(option, &how) {
            leptos::logging::error!("a chart refused its option: {error:?}");
        }
    }

    /// Rows that the first series really holds.
    pub fn drawn(&self) -> u32 {
        let data = self.get_model().and_then(|model| model.get_series_by_index(0)).and_then(|series| series.get_data());
        data.map(|data| data.count()).unwrap_or(0)
    }

    /// The value of the horizontal axis at a pixel of the element.
    pub fn x_at(&self, pixel: f64) -> Option<f64> {
        self.convert_from_pixel(&object(&[("xAxisIndex", 0.into())]), pixel).as_f64().filter(|x| x.is_finite())
    }

    /// Shows the crosshair and its tooltip at a row.
    pub fn show_tip(&self, row: u32) {
        let fields = [("type", "showTip".into()), ("seriesIndex", 0.into()), ("dataIndex", row.into())];
        self.dispatch_action(&object(&fields));
    }

    /// Hides the crosshair.
    pub fn hide_tip(&self) {
        self.dispatch_action(&object(&[("type", "hideTip".into())]));
    }

    /// A PNG as a data URL.
    pub fn png(&self, background: &str) -> String {
        let fields = [("type", "png".into()), ("pixelRatio", 2.into()), ("backgroundColor", background.into())];
        self.get_data_url(&object(&fields))
    }
}
