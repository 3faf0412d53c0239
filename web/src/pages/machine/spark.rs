//! Owns sparklines: a track of the last minutes as the path of a small picture.
//! Must not know what is drawn, or in which unit.

use leptos::prelude::*;
use shared::view::{Telemetry, Track};

/// Size of a picture's own grid.
const WIDTH: u64 = 150;
const HEIGHT: f64 = 30.0;
/// Bins that a picture shows: more of them as time goes by, in steps, up to all that are kept.
const SPANS: [u64; 3] = [30, 75, WIDTH];

/// The path of a track as of a time, from zero to `top` or to its greatest value; empty where nothing is known. Where a bin has
/// no values the path has a gap.
pub fn path(telemetry: &Telemetry, track: &Track, now_ns: u64, top: Option<f64>) -> String {
    let now = now_ns / telemetry.width_ns();
    let span = SPANS.into_iter().find(|span| *span > now).unwrap_or(WIDTH);
    let shown = || track.bins().filter(|bin| bin.bin <= now && bin.bin + span > now);
    let top = top.unwrap_or_else(|| shown().map(|bin| bin.mean()).fold(0.0, f64::max));
    let (mut path, mut before) = (String::new(), None);
    for bin in shown() {
        let x = (span - 1 - (now - bin.bin)) * (WIDTH / span);
        let y = HEIGHT * (1.0 - (bin.mean() / top.max(1e-9)).min(1.0));
        let is_next = before.is_some_and(|before: u64| before + 1 == bin.bin);
        // A point alone is a line of no length, which its round end makes a dot.
        let step = if is_next { format!("L{x} {y:.1}") } else { format!("M{x} {y:.1}h0") };
        path.push_str(&step);
        before = Some(bin.bin);
    }
    path
}

/// The picture; what it shows is told beside it.
#[component]
pub fn Spark(#[prop(into)] path: Signal<String>) -> impl IntoView {
    view! {
        <svg class="spark" viewBox=format!("-1 -1 {} {}", WIDTH + 2, HEIGHT + 2.0) preserveAspectRatio="none" aria-hidden="true">
            <path d=move || path.get()></path>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::units::NS_PER_S;

    #[test]
    fn a_path_has_gaps_and_leaves_out_what_is_long_ago() {
        let path_at = |now_s: u64, bins: &[(u64, u64)], top: Option<f64>| {
            let bins = bins.iter().flat_map(|(bin, value)| [*bin, 1, *value, *value, *value]).collect();
            path(&Telemetry::window(), &Track { bins, ..Track::default() }, now_s * NS_PER_S, top)
        };
        // Bins of 1.6 s: now is bin 200.
        let check = |bins: &[(u64, u64)], top: Option<f64>, expect: &str| assert_eq!(path_at(320, bins, top), expect);
        check(&[], None, "");
        check(&[(50, 7)], None, "");
        check(&[(51, 50), (52, 100)], Some(100.0), "M0 15.0h0L1 0.0");
        check(&[(198, 1), (200, 2)], None, "M147 15.0h0M149 0.0h0");
        check(&[(200, 0)], None, "M149 30.0h0");
        // Of a short time there is less to show, over all of the picture.
        assert_eq!(path_at(16, &[(0, 1), (10, 1)], None), "M95 0.0h0M145 0.0h0");
    }
}
