//! Owns the chart component: element, keyboard and pointer, and the effect that keeps the picture current.
//! Must not know what is drawn.

use super::axis::TimeAxis;
use super::mounted::Mounted;
use crate::erased::{click, live};
use crate::model::App;
use crate::parts::Icon;
use leptos::html::Div;
use leptos::prelude::*;
use shared::chart::{ChartDefinition, Theme};
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::{HtmlAnchorElement, KeyboardEvent, PointerEvent, WheelEvent};

/// Least drag that is a selection and not a click, CSS pixels.
const MIN_DRAG_PX: f64 = 5.0;

/// Yields the chart for a theme; reads the signals that it depends on. Nothing while there is nothing to draw.
pub type Define = Arc<dyn Fn(Theme) -> Option<ChartDefinition> + Send + Sync>;

/// A chart. On a time axis it can be zoomed by dragging, reset by double click or Escape, panned by shift and wheel.
#[component]
pub fn Chart(
    /// Name in the test id and of the downloaded file.
    name: &'static str,
    /// What a reader who cannot see it hears.
    label: &'static str,
    define: Define,
    /// The shared time axis, for a chart that is on it.
    #[prop(optional)]
    axis: Option<TimeAxis>,
    /// Gets the row of a clicked mark.
    #[prop(optional)]
    on_pick: Option<Callback<Vec<f64>>>,
) -> impl IntoView {
    let app = App::get();
    let element = NodeRef::<Div>::new();
    let mounted = StoredValue::new_local(None::<Mounted>);
    let failed = RwSignal::new(false);
    // Start and end of a drag, pixels of the element.
    let drag = RwSignal::new(None::<(f64, f64)>);

    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        let theme = app.theme.get();
        let Some(definition) = define(theme) else { return };
        let range = axis.map(TimeAxis::range);
        mounted.update_value(|slot| {
            if slot.as_ref().is_none_or(|m| m.theme != theme) {
                // The old one must be gone before its element is used again.
                drop(slot.take());
                let pick = move |row: &[f64]| {
                    if let Some(on_pick) = on_pick {
                        on_pick.run(row.to_vec());
                    }
                };
                *slot = Mounted::new(element.into(), theme, axis.and_then(|a| a.group), pick).ok();
                failed.set(slot.is_none());
            }
            if let Some(chart) = slot {
                chart.update(&definition, range);
            }
        });
    });
    on_cleanup(move || drop(mounted.try_update_value(Option::take)));

    let x_of = move |event: &PointerEvent| {
        let left = element.get_untracked().map_or(0.0, |e| e.get_bounding_client_rect().left());
        f64::from(event.client_x()) - left
    };
    let down = move |event: PointerEvent| {
        if axis.is_some() && event.button() == 0 && event.pointer_type() == "mouse" {
            let x = x_of(&event);
            drag.set(Some((x, x)));
        }
    };
    let moved = move |event: PointerEvent| {
        if drag.get_untracked().is_some() {
            let x = x_of(&event);
            drag.update(|d| *d = d.map(|(from, _)| (from, x)));
        }
    };
    let up = move |_: PointerEvent| {
        let (Some((from, to)), Some(axis)) = (drag.get_untracked(), axis) else { return };
        drag.set(None);
        if (to - from).abs() < MIN_DRAG_PX {
            return;
        }
        let ends = mounted.with_value(|m| m.as_ref().map(|m| (m.x_at(from), m.x_at(to))));
        if let Some((Some(a), Some(b))) = ends {
            axis.select(a, b);
        }
    };
    let reset = move || {
        if let Some(axis) = axis {
            axis.zoom.set(None);
        }
    };
    let wheel = move |event: WheelEvent| {
        let Some(axis) = axis.filter(|a| event.shift_key() && a.zoom.get_untracked().is_some()) else { return };
        event.prevent_default();
        // Some systems turn shift and wheel into a sideways wheel.
        let delta = if event.delta_x() == 0.0 { event.delta_y() } else { event.delta_x() };
        axis.pan(delta.signum() * 0.1);
    };
    let key = move |event: KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowLeft" => -1,
            "ArrowRight" => 1,
            "Escape" => {
                mounted.update_value(|m| {
                    if let Some(m) = m {
                        m.hide_cursor();
                    }
                });
                reset();
                return;
            }
            _ => return,
        };
        event.prevent_default();
        mounted.update_value(|m| {
            if let Some(m) = m {
                m.step(step);
            }
        });
    };
    let save = move |_| {
        if let Some(url) = mounted.with_value(|m| m.as_ref().map(Mounted::png)) {
            download(&url, &format!("tokenprism-{name}.png"));
        }
    };
    let band = move || {
        drag.get().filter(|(a, b)| (b - a).abs() >= MIN_DRAG_PX).map(|(a, b)| {
            let (left, width) = (a.min(b), (b - a).abs());
            view! { <div class="band" style:left=format!("{left}px") style:width=format!("{width}px")></div> }
        })
    };

    view! {
        <figure class="chart" on:pointerleave=move |_| drag.set(None)>
            <button class="icon-button chart-save" title="Download this chart as PNG" aria-label="Download this chart as PNG" on:click=click(save)>
                <Icon name="download"/>
            </button>
            <div
                class="chart-canvas"
                node_ref=element
                role="img"
                tabindex="0"
                aria-label=label
                data-testid=format!("chart-{name}")
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=up
                on:dblclick=move |_| reset()
                on:wheel=wheel
                on:keydown=key
            ></div>
            {live(band)}
            {live(move || failed.get().then(|| view! {
                <p class="chart-failed">"The chart library did not load: reload the page."</p>
            }))}
        </figure>
    }
    .into_any()
}

/// Offers a data URL as a file.
fn download(url: &str, name: &str) {
    let Ok(anchor) = document().create_element("a") else { return };
    let anchor: HtmlAnchorElement = anchor.unchecked_into();
    anchor.set_href(url);
    anchor.set_download(name);
    anchor.click();
}
