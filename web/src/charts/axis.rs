//! Owns the time axis that the charts of a run share: where it ends, and the stretch that is zoomed to.
//! Must not know ECharts or elements; seconds of run time throughout.

use crate::erased::Kept;
use leptos::prelude::*;

/// Least width of a zoomed stretch, s: below the width of a bin there is nothing to see.
const MIN_WIDTH_S: f64 = 0.2;

/// Where the axis of a live run ends: grows in steps of about a third, so that what is read does not move each second.
pub fn stepped_end(last_s: f64) -> f64 {
    let mut end = 10.0;
    let mut steps = [1.5, 4.0 / 3.0].iter().cycle();
    // 10, 15, 20, 30, 40, 60, 80, …
    while end < last_s && end < 1e9 {
        end *= steps.next().copied().unwrap_or(2.0);
    }
    end
}

/// A dragged stretch as a zoom, within the axis; nothing where it is too short to be meant.
pub fn selected(a_s: f64, b_s: f64, end_s: f64) -> Option<(f64, f64)> {
    let (low, high) = (a_s.min(b_s).max(0.0), a_s.max(b_s).min(end_s));
    (high - low >= MIN_WIDTH_S).then_some((low, high))
}

/// A zoom moved by a share of its width, kept within the axis.
pub fn panned((low, high): (f64, f64), share: f64, end_s: f64) -> (f64, f64) {
    let width = high - low;
    let low = (low + share * width).min(end_s - width).max(0.0);
    (low, low + width)
}

/// The shared axis. Copies share it.
#[derive(Clone, Copy)]
pub struct TimeAxis {
    /// Zoomed stretch, s; nothing shows all.
    pub zoom: RwSignal<Option<(f64, f64)>>,
    /// End of the whole axis, s.
    pub end_s: Kept<f64>,
    /// Name under which ECharts shares the crosshair; nothing for a chart whose rows are not stretches of time.
    pub group: Option<&'static str>,
}

impl TimeAxis {
    /// What is shown now, s.
    pub fn range(self) -> (f64, f64) {
        self.zoom.get().unwrap_or((0.0, self.end_s.get()))
    }

    /// Zooms to a dragged stretch.
    pub fn select(self, a_s: f64, b_s: f64) {
        if let Some(zoom) = selected(a_s, b_s, self.end_s.get_untracked()) {
            self.zoom.set(Some(zoom));
        }
    }

    /// Moves the zoomed stretch.
    pub fn pan(self, share: f64) {
        let end_s = self.end_s.get_untracked();
        self.zoom.update(|zoom| *zoom = zoom.map(|z| panned(z, share, end_s)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_grows_in_steps() {
        for (last, expect) in [(0.0, 10.0), (10.0, 10.0), (10.1, 15.0), (15.1, 20.0), (21.0, 30.0), (31.0, 40.0)] {
            assert!((stepped_end(last) - expect).abs() < 1e-9, "{last}: {}", stepped_end(last));
        }
        assert!(stepped_end(f64::INFINITY).is_finite());
    }

    #[test]
    fn a_drag_is_clipped_and_a_click_is_none() {
        assert_eq!(selected(5.0, 2.0, 10.0), Some((2.0, 5.0)));
        assert_eq!(selected(-3.0, 99.0, 10.0), Some((0.0, 10.0)));
        assert_eq!(selected(4.0, 4.1, 10.0), None);
        assert_eq!(selected(11.0, 12.0, 10.0), None);
    }

    #[test]
    fn panning_stays_within() {
        assert_eq!(panned((2.0, 4.0), 0.5, 10.0), (3.0, 5.0));
        assert_eq!(panned((2.0, 4.0), -9.0, 10.0), (0.0, 2.0));
        assert_eq!(panned((2.0, 4.0), 9.0, 10.0), (8.0, 10.0));
    }
}
