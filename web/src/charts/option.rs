//! Owns what a page adds to a chart definition: crosshair, tooltip, end labels; all of it JSON.
//! Must not know elements; a picture rendered by the agent uses the same definition without these.

use serde_json::{Value, json};
use shared::chart::{ChartDefinition, Theme};

/// The definition as ECharts' option, JSON, with what a page adds.
pub fn option_json(definition: &ChartDefinition, theme: Theme, on_time_axis: bool) -> String {
    let Ok(mut option) = serde_json::to_value(&definition.option) else { return "{}".to_owned() };
    let several = series(&mut option).len() > 1;
    let mut scatter = false;
    for one in series(&mut option) {
        scatter |= one["type"] == "scatter";
        one["animation"] = json!(false);
        if several && one["type"] == "line" {
            one["endLabel"] =
                json!({ "show": true, "formatter": "{a}", "color": theme.text(), "fontSize": 10, "distance": 4 });
            one["labelLayout"] = json!({ "moveOverlap": "shiftY" });
        }
    }
    if several {
        merge(&mut option, "grid", json!({ "right": 36 }));
    }
    if !spans_decade(definition) {
        merge(&mut option, "yAxis", json!({ "type": "value" }));
    }
    let (surface, line) = surface(theme);
    let tooltip = json!({
        "trigger": if scatter { "item" } else { "axis" },
        "renderMode": "richText",
        "confine": true,
        "transitionDuration": 0,
        "backgroundColor": surface,
        "borderColor": line,
        "padding": [6, 8],
        "textStyle": { "color": theme.text(), "fontSize": 11 },
        "axisPointer": { "type": "line", "animation": false, "lineStyle": { "color": theme.text(), "type": "dashed" } },
    });
    merge(&mut option, "tooltip", tooltip);
    let precision = if on_time_axis { 1 } else { 0 };
    merge(&mut option, "xAxis", json!({ "axisPointer": { "label": { "precision": precision } } }));
    option.to_string()
}

/// True where the values span a decade, so that an axis that may be logarithmic should be; else it starts at zero.
fn spans_decade(definition: &ChartDefinition) -> bool {
    let width = definition.data.dimensions.len().max(1);
    // The first column is the horizontal axis; columns that no series draws (a request's number) come after the second.
    let drawn = if definition.data.dimensions.contains(&"request") { 2 } else { width };
    let values = definition.data.rows.chunks(width).flat_map(|row| row.iter().take(drawn).skip(1)).copied();
    let (low, high) =
        values.filter(|v| *v > 0.0).fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    high >= 10.0 * low
}

/// Background and border of a tooltip.
fn surface(theme: Theme) -> (&'static str, &'static str) {
    match theme {
        Theme::Light => ("#ffffff", "#d5d9e0"),
        Theme::Dark => ("#1b1f27", "#3a4250"),
    }
}

fn series(option: &mut Value) -> &mut [Value] {
    option.get_mut("series").and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// Adds keys to a component, which charming writes as an object or as a list of them.
fn merge(option: &mut Value, component: &str, more: Value) {
    let target = &mut option[component];
    let target = match target {
        Value::Array(list) => list.first_mut(),
        Value::Null => {
            *target = json!({});
            Some(target)
        }
        _ => Some(target),
    };
    if let (Some(Value::Object(target)), Value::Object(more)) = (target, more) {
        target.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::chart::{Latency, latency, request_scatter, throughput};
    use shared::view::RunView;

    fn check(definition: &ChartDefinition, trigger: &str, labelled: bool) {
        let option: Value = serde_json::from_str(&option_json(definition, Theme::Dark, true)).unwrap();
        let first = |name: &str| option[name].get(0).unwrap_or(&option[name]).clone();
        assert_eq!(first("tooltip")["trigger"], trigger, "{option}");
        assert_eq!(first("xAxis")["axisPointer"]["label"]["precision"], 1);
        assert_eq!(first("series")["endLabel"]["show"] == true, labelled);
        assert!(first("series")["encode"].is_object(), "the definition itself is kept");
    }

    #[test]
    fn a_logarithmic_axis_needs_a_decade() {
        let axis = |values: &[f64]| {
            let mut definition = latency(&RunView::default(), Latency::Ttft, Theme::Light);
            definition.data.rows = values.iter().flat_map(|v| [1.0, *v, f64::NAN, *v]).collect();
            let option: Value = serde_json::from_str(&option_json(&definition, Theme::Light, true)).unwrap();
            option["yAxis"].get(0).unwrap_or(&option["yAxis"])["type"].clone()
        };
        assert_eq!(axis(&[]), "value");
        assert_eq!(axis(&[20.0, 90.0]), "value");
        assert_eq!(axis(&[20.0, 200.0]), "log");
    }

    #[test]
    fn adds_without_losing() {
        let view = RunView::default();
        check(&throughput(&view, Theme::Dark), "axis", false);
        check(&latency(&view, Latency::Ttft, Theme::Dark), "axis", true);
        check(&request_scatter(&view, Theme::Dark), "item", false);
    }
}
