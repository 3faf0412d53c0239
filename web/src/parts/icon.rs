//! Owns the icons: strokes on a 24-pixel grid, drawn in the colour of the text.
//! Must not know where they are used.

use leptos::prelude::*;

fn path(name: &str) -> &'static str {
    match name {
        "now" => "M3 12h4l3-8 4 16 3-8h4",
        "new" => "M12 5v14M5 12h14",
        "engines" => "M8 8h8v8H8zM5 5h14v14H5zM9 5V2M15 5V2M9 22v-3M15 22v-3M5 9H2M5 15H2M22 9h-3M22 15h-3",
        "queue" => "M4 5h11M4 12h11M4 19h11M18 8l3-3-3-3M21 5h-3",
        "runs" => "M4 6h16M4 12h16M4 18h10",
        "studies" => "M4 20V4M4 20h16M7 15l4-5 4 3 5-7",
        "people" => {
            "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14a6.5 6.5 0 0 1 3.5 6"
        }
        "share" => "M12 15V3M8 7l4-4 4 4M5 12v8h14v-8",
        "metrics" => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 8v.01",
        "settings" => "M4 7h9M19 7h1M16 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6M4 17h1M11 17h9M8 20a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
        "sun" => {
            "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5"
        }
        "moon" => "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5",
        "auto" => "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
        "copy" => "M9 9h11v11H9zM5 15H4V4h11v1",
        "download" => "M12 4v11M7 11l5 5 5-5M5 20h14",
        "delete" => "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
        "pin" => "M9 4h6l-1 6 4 4H6l4-4zM12 14v6",
        "stop" => "M7 7h10v10H7z",
        "help" => "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.5v.01",
        "close" => "M6 6l12 12M18 6L6 18",
        "eye" => "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
        _ => "",
    }
}

/// An icon; the text beside it, or the label of its button, says what it means.
#[component]
pub fn Icon(name: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=path(name)></path>
        </svg>
    }
}
