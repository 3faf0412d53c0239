//! Owns curves of figures against load, and several runs compared level by level with the first of them.
//! Must not know how they are drawn.

use super::arm::Arm;
use super::comparison::{Comparison, Terms, compare};
use super::figure::Figure;
use super::recorded::{Recorded, RecordedPoint};
use crate::caveat::{Caveat, Verdict};
use crate::cost::UsdPerHour;
use crate::ids::{PointIndex, RunId};
use crate::plan::Level;
use crate::summary::Interval;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One engine configuration's figures against load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Curve {
    /// The run.
    pub run: RunId,
    /// What tells it from the others, in words.
    pub label: String,
    /// Words for the kind of engine: curves of one engine have one colour.
    pub engine: String,
    /// The engine's configuration within its run.
    pub configuration: u32,
    /// GPUs of the engine, where the plan says.
    pub gpus: Option<u32>,
    /// Points in order of load.
    pub points: Vec<CurvePoint>,
    /// What must be said beside its figures.
    pub caveats: Vec<Caveat>,
}

/// One point of a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CurvePoint {
    /// Its place in its run.
    pub point: PointIndex,
    /// Its load level.
    pub level: Level,
    /// Trials that ended.
    pub trials: u32,
    /// Figures by key; absent ones are left out.
    pub figures: BTreeMap<String, f64>,
    /// Intervals over trials by the figure's key.
    pub intervals: BTreeMap<String, Interval>,
    /// What the rules say of it.
    pub verdict: Verdict,
}

impl Curve {
    /// The curves of a run, one for each engine configuration. `label` names the run.
    #[must_use]
    pub fn of(run: &Recorded, label: &str) -> Vec<Self> {
        let configurations: BTreeMap<u32, &str> =
            run.points.iter().map(|point| (point.configuration, point.variant.as_str())).collect();
        let curve = |(configuration, variant): (&u32, &&str)| {
            let of = (0..).zip(&run.points).filter(|(_, point)| point.configuration == *configuration);
            let mut points: Vec<CurvePoint> = of.map(|(index, point)| CurvePoint::of(run, index, point)).collect();
            points.sort_by(|a, b| a.level.value().total_cmp(&b.level.value()));
            Self {
                run: run.run.clone(),
                label: if variant.is_empty() { label.to_owned() } else { format!("{label}, {variant}") },
                engine: run.plan.engine.kind.label().to_owned(),
                configuration: *configuration,
                gpus: run.plan.gpu_count(),
                points,
                caveats: run.caveats.clone(),
            }
        };
        configurations.iter().map(curve).collect()
    }
}

impl Curve {
    /// The curve with costs where none is known, at what the engine and all it runs on would cost an hour: arithmetic on
    /// measured throughput, so without an interval of its own.
    #[must_use]
    pub fn at_price(mut self, price: UsdPerHour) -> Self {
        for point in &mut self.points {
            let throughput = point.figures.get("output_throughput").copied().filter(|rate| *rate > 0.0);
            if let Some(throughput) = throughput {
                let cost = price.usd() / 3600.0 / throughput * 1e6;
                point.figures.entry("cost_per_mtok".to_owned()).or_insert(cost);
            }
        }
        self
    }
}

impl CurvePoint {
    fn of(run: &Recorded, index: PointIndex, point: &RecordedPoint) -> Self {
        let read = |figure: Figure| Some((figure.key(), figure.read(point.summary.as_ref()?)?));
        Self {
            point: index,
            level: point.level,
            trials: run.trials_of(index).count() as u32,
            figures: Figure::usual().into_iter().filter_map(read).collect(),
            intervals: point.intervals.clone(),
            verdict: point.verdict,
        }
    }
}

/// Runs beside one another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Compared {
    /// Their curves, in the order that was asked for.
    pub curves: Vec<Curve>,
    /// Each of the others with the first, or with the first of its group, level by level and figure by figure.
    pub rows: Vec<ComparedRow>,
    /// The price that costs were worked out at where no run has one of its own; absent where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<UsdPerHour>,
}

/// One point against the base's at the same level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComparedRow {
    /// Place of the curve that is compared.
    pub curve: u32,
    /// Place of the curve that it is compared with.
    #[serde(default)]
    pub base: u32,
    /// The level.
    pub level: Level,
    /// The comparison.
    pub comparison: Comparison,
}

impl Compared {
    /// Them with costs at a price where none is known, see [`Curve::at_price`].
    #[must_use]
    pub fn at_price(mut self, price: UsdPerHour) -> Self {
        self.curves = self.curves.into_iter().map(|curve| curve.at_price(price)).collect();
        self.price = Some(price);
        self
    }

    /// The label of the curve at a place.
    #[must_use]
    pub fn label(&self, place: u32) -> &str {
        self.curves.get(place as usize).map_or("", |curve| curve.label.as_str())
    }

    /// What the rows are compared with: one label, or several.
    #[must_use]
    pub fn bases(&self) -> Vec<&str> {
        let places: BTreeSet<u32> = self.rows.iter().map(|row| row.base).collect();
        places.into_iter().map(|place| self.label(place)).collect()
    }

    /// What a row compares: its label, and that of its base where not all have the same.
    #[must_use]
    pub fn row_label(&self, row: &ComparedRow) -> String {
        let label = self.label(row.curve);
        if self.rows.iter().all(|of| of.base == row.base) {
            return label.to_owned();
        }
        format!("{label} against {}", self.label(row.base))
    }
}

/// As [`compare_within`], all of them in one group.
#[must_use]
pub(super) fn compare_runs(runs: &[(String, Recorded)], figures: &[Figure], strict: bool) -> Compared {
    compare_within(runs, &vec![0; runs.len()], figures, strict)
}

/// Compares runs, each with its label, with the first configuration of the first of their group: those that did the same
/// work. A run without a group is compared with nothing. Comparisons of one figure are read together. `strict` asks for as
/// many repeats as an A/B needs.
#[must_use]
pub fn compare_within(runs: &[(String, Recorded)], groups: &[u32], figures: &[Figure], strict: bool) -> Compared {
    let mut curves: Vec<(usize, Curve)> = (0..)
        .zip(runs)
        .flat_map(|(place, (label, run))| Curve::of(run, label).into_iter().map(move |curve| (place, curve)))
        .collect();
    tell_apart(&mut curves);
    let arm = |place: usize, point: PointIndex| Arm::of(&runs.get(place)?.1, point);
    let mut places = Vec::new();
    let mut pairs = Vec::new();
    let mut bases: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
    for (curve, (place, other)) in (0..).zip(&curves) {
        let Some(group) = groups.get(*place) else { continue };
        let Some((at, first)) = bases.get(group).copied() else {
            bases.insert(*group, (curve, *place));
            continue;
        };
        let base = &curves[at as usize].1;
        for point in &other.points {
            let same = base.points.iter().find(|of| of.level == point.level);
            let pair = same.and_then(|same| arm(first, same.point)).zip(arm(*place, point.point));
            pairs.extend(pair);
            places.extend(pair.map(|_| (curve, at, point.level)));
        }
    }
    let of_figure = |figure: &Figure| {
        let terms = if strict { Terms::strict(*figure) } else { Terms::of(*figure) };
        let row = |((curve, base, level), comparison): (&(u32, u32, Level), Comparison)| {
            // A figure that neither has says nothing.
            let says = comparison.base.value.is_some() || comparison.other.value.is_some();
            says.then_some(ComparedRow { curve: *curve, base: *base, level: *level, comparison })
        };
        places.iter().zip(compare(&pairs, terms)).filter_map(row).collect::<Vec<_>>()
    };
    let rows = figures.iter().flat_map(of_figure).collect();
    Compared { curves: curves.into_iter().map(|(_, curve)| curve).collect(), rows, price: None }
}

/// Numbers the labels that an earlier curve has, too: two runs of one plan are two lines.
fn tell_apart(curves: &mut [(usize, Curve)]) {
    let mut taken = BTreeSet::new();
    for (_, curve) in curves {
        let label = curve.label.clone();
        let mut number = 1;
        while !taken.insert(curve.label.clone()) {
            number += 1;
            curve.label = format!("{label} ({number})");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::levels;
    use super::*;
    use crate::compare::Judgement;

    #[test]
    fn runs_are_compared_where_they_have_the_same_level() {
        let base = levels(&[(1, &[1.0, 1.1, 1.2, 1.3, 1.4]), (8, &[5.0, 5.1, 5.2, 5.3, 5.4])]);
        let other = levels(&[(8, &[6.0, 6.1, 6.2, 6.3, 6.4]), (16, &[9.0; 5])]);
        let figures = ["output_throughput", "goodput"].map(|key| Figure::parse(key).unwrap());
        let found = compare_runs(&[("a".to_owned(), base), ("b".to_owned(), other)], &figures, false);
        let labels: Vec<_> = found.curves.iter().map(|curve| curve.label.as_str()).collect();
        assert_eq!(labels, ["a", "b"]);
        let rows: Vec<_> = found.rows.iter().map(|row| (row.curve, row.level, row.comparison.judgement)).collect();
        assert_eq!(rows, [(1, Level::Concurrency(8), Judgement::Better)]);
        assert!(compare_runs(&[], &figures, false).rows.is_empty());
    }

    #[test]
    fn each_is_compared_with_the_first_of_its_group() {
        let run = || levels(&[(1, &[1.0, 1.1, 1.2, 1.3, 1.4])]);
        let runs = ["a, qa", "a, sums", "b, qa", "b, sums"].map(|label| (label.to_owned(), run()));
        let figures = [Figure::parse("output_throughput").unwrap()];
        let found = compare_within(&runs, &[7, 9, 7, 9], &figures, false);
        let pairs: Vec<_> = found.rows.iter().map(|row| (row.base, row.curve)).collect();
        assert_eq!(pairs, [(0, 2), (1, 3)]);
        assert_eq!(found.bases(), ["a, qa", "a, sums"]);
        assert_eq!(found.row_label(&found.rows[1]), "b, sums against a, sums");
        let alone = compare_runs(&runs, &figures, false);
        assert_eq!((alone.bases(), alone.row_label(&alone.rows[0])), (vec!["a, qa"], "a, sums".to_owned()));
    }

    #[test]
    fn a_price_makes_costs_where_none_is_known() {
        let [curve] = <[Curve; 1]>::try_from(Curve::of(&levels(&[(1, &[100.0]), (8, &[])]), "a")).unwrap();
        let costs = |curve: &Curve| -> Vec<Option<f64>> {
            curve.points.iter().map(|point| point.figures.get("cost_per_mtok").copied()).collect()
        };
        // 3.6 dollars an hour are 0.001 a second, for 100 tokens.
        let price = |text: &str| text.parse().unwrap();
        let priced = curve.clone().at_price(price("3.6"));
        assert_eq!((costs(&curve), costs(&priced)), (vec![None, None], vec![Some(10.0), None]));
        // What is known stays.
        assert_eq!(costs(&priced.at_price(price("7.2")))[0], Some(10.0));
        let compared = Compared { curves: vec![curve], ..Compared::default() }.at_price(price("3.6"));
        assert_eq!((costs(&compared.curves[0])[0], compared.price), (Some(10.0), Some(price("3.6"))));
    }

    #[test]
    fn runs_of_one_name_have_labels_of_their_own() {
        let named = |label: &str| (label.to_owned(), levels(&[(1, &[1.0; 4])]));
        let found = compare_runs(&["a", "a", "a (2)", "a"].map(named), &[], false);
        let labels: Vec<_> = found.curves.iter().map(|curve| curve.label.as_str()).collect();
        assert_eq!(labels, ["a", "a (2)", "a (2) (2)", "a (3)"]);
    }
}
