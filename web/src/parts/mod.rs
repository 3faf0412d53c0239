//! Owns the small pieces that pages are made of, one component a file.
//! Must not know runs' meaning beyond the words that `shared` gives.

mod badge;
mod card;
mod choice;
mod confirm;
mod connection;
mod copy;
mod damage;
mod download;
mod empty;
mod error_box;
mod figure;
mod fold;
mod help;
mod icon;
mod metric_link;
mod phase;
mod rail;
mod reload;
mod share;
mod tabs;
mod theme_switch;
mod toast;

pub use badge::{StateBadge, VerdictBadge};
pub use card::Card;
pub use choice::{choice_bar, pick};
pub use confirm::Confirm;
pub use connection::ConnectionBanner;
pub use copy::CopyButton;
pub use damage::DamageBanner;
pub use download::{Download, files};
pub use empty::Empty;
pub use error_box::ErrorBox;
pub use figure::Figure;
pub use fold::Fold;
pub use help::Help;
pub use icon::Icon;
pub use metric_link::MetricLink;
pub use phase::{PhaseLine, phase_words};
pub use rail::Rail;
pub use reload::reload;
pub use share::ShareButton;
pub use tabs::Tabs;
pub use theme_switch::{ThemeSwitch, current_theme};
pub use toast::Toasts;
