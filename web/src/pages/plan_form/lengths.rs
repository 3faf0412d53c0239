//! Owns the fields of lengths: one number, or a distribution with only its own parameters.
//! Must not know where prompts come from.

use super::fields::{Fields, about, key_of, value_of};
use crate::model::form::Shape;
use leptos::prelude::*;

const SHAPES: [(&str, Shape); 5] = [
    ("fixed", Shape::Fixed),
    ("uniform", Shape::Uniform),
    ("normal", Shape::Normal),
    ("log_normal", Shape::LogNormal),
    ("histogram", Shape::Histogram),
];
const WORDS: [(&str, &str); 5] = [
    ("fixed", "all the same"),
    ("uniform", "uniform between two"),
    ("normal", "normal"),
    ("log_normal", "log-normal, as real ones are"),
    ("histogram", "by weights"),
];

/// The fields of one of the plan's lengths: function, part of the form, path, label, and what its help says.
macro_rules! lengths {
    ($section:ident, $part:ident, $path:literal, $label:literal, $help:literal) => {
        pub fn $section(f: Fields) -> AnyView {
            view! {
                {f.choice(
                    about(concat!($label, " lengths"), concat!($path, ".distribution"), "default all the same", "Drawn for each request by the seed."),
                    &WORDS,
                    |f| key_of(&SHAPES, &f.work.$part.shape),
                    |f, key| f.work.$part.shape = value_of(&SHAPES, key).unwrap_or(f.work.$part.shape),
                )}
                {f.by(|f| f.work.$part.shape, |f, shape| {
                    let least = || f.text(
                        about("Least", concat!($path, ".min"), "tokens", "Shorter draws become this."),
                        |f| &f.work.$part.min, |f| &mut f.work.$part.min,
                    );
                    let most = || f.text(
                        about("Most", concat!($path, ".max"), "tokens", "Longer draws become this."),
                        |f| &f.work.$part.max, |f| &mut f.work.$part.max,
                    );
                    let middle = |name, path| f.text(
                        about(name, path, "tokens", "The middle of the distribution."),
                        |f| &f.work.$part.middle, |f| &mut f.work.$part.middle,
                    );
                    let width = |path, unit| f.text(
                        about("Standard deviation", path, unit, "How far lengths are spread."),
                        |f| &f.work.$part.width, |f| &mut f.work.$part.width,
                    );
                    match shape {
                        Shape::Fixed => f.text(
                            about($label, $path, "tokens, default 64", $help),
                            |f| &f.work.$part.tokens, |f| &mut f.work.$part.tokens,
                        ),
                        Shape::Uniform => view! { {least()}{most()} }.into_any(),
                        Shape::Normal => view! {
                            {middle("Mean", concat!($path, ".mean"))}{width(concat!($path, ".sd"), "tokens")}{least()}{most()}
                        }.into_any(),
                        Shape::LogNormal => view! {
                            {middle("Median", concat!($path, ".median"))}{width(concat!($path, ".sigma"), "of the logarithm, default 0.5")}{least()}{most()}
                        }.into_any(),
                        Shape::Histogram => f.text(
                            about("Weights", concat!($path, ".bins"), "tokens: weight", "Pairs such as 64: 1, 512: 0.5; the second half as often as the first."),
                            |f| &f.work.$part.bins, |f| &mut f.work.$part.bins,
                        ),
                    }
                })}
            }
            .into_any()
        }
    };
}

lengths!(input, input, "workload.input_tokens", "Input", "Length of each synthetic prompt.");
lengths!(output, output, "workload.output_tokens", "Output", "Tokens that each request asks for.");
