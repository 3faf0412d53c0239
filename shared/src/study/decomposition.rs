//! Owns the ladder's fold: what each step came to, how that differs from the step before, and each option left out.
//! Must not know how it is drawn.

use super::expand::Role;
use super::ladder::LeftOut;
use super::plan::StudyPlan;
use crate::caveat::{Caveat, Verdict};
use crate::compare::{Arm, Comparison, Figure, Recorded, Side, Terms, compare};
use crate::ids::{PointIndex, RunId};
use crate::plan::Level;
use crate::roofline::{Bound, Limit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a ladder is read by: work done, waiting, money, energy.
pub const LADDER_FIGURES: [&str; 5] =
    ["output_throughput", "ttft.mean", "tpot.mean", "cost_per_mtok", "energy_per_token"];

/// A ladder as far as it has been measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decomposition {
    /// The latency-bound case, then the throughput-bound one.
    pub cases: Vec<Case>,
}

/// The ladder under one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Case {
    /// Words for it.
    pub name: String,
    /// The load.
    pub level: Level,
    /// The steps, each against the last before it that was measured.
    pub steps: Vec<Rung>,
    /// The full configuration without one option each, against the full one. None where that was not asked for.
    pub without: Vec<Rung>,
}

/// One configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rung {
    /// The step's place in the plan.
    pub step: u32,
    /// What it switches on, or what is left out.
    pub label: String,
    /// What it changes, as the plan has it: "kv_cache on", "engine vllm"; empty for the first. Of the full configuration
    /// without an option, what stands in the option's place: "kv_cache off".
    pub change: String,
    /// Its run, once that has figures.
    pub run: Option<RunId>,
    /// Its figures by key; those that it does not have are left out.
    pub figures: BTreeMap<String, Side>,
    /// The place in the ladder that it is compared with; none for the first.
    pub base: Option<u32>,
    /// Its figures against those, by key. All steps of one case are read together.
    pub against: BTreeMap<String, Comparison>,
    /// What the hardware allows at its point, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Why that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_limit: Option<String>,
    /// What the rules say of its point.
    pub verdict: Verdict,
    /// What must be said beside its figures.
    pub caveats: Vec<Caveat>,
}

impl Decomposition {
    /// The ladder of a plan, and the runs that have figures, each by its place in the study.
    #[must_use]
    pub fn of(plan: &StudyPlan, recorded: &[(u32, Recorded)]) -> Self {
        let roles: Vec<Role> = plan.expand().into_iter().map(|run| run.role).collect();
        let run_of = |role: &Role| {
            let place = roles.iter().position(|of| of == role)?;
            recorded.iter().find(|(index, _)| *index as usize == place).map(|(_, run)| run)
        };
        let names = ["latency-bound", "throughput-bound"];
        let case = |(point, (name, level)): (PointIndex, (&str, Level))| {
            let arm = |role: Role| Arm::of(run_of(&role)?, point).filter(has_figures);
            let steps: Vec<Rig> = (0..)
                .zip(&plan.steps)
                .map(|(step, planned)| Rig {
                    step,
                    label: planned.label.clone(),
                    change: change_of(plan, step),
                    arm: arm(Role::Step { step }),
                })
                .collect();
            let full = steps.last().and_then(|last| last.arm);
            let left_out = |option: LeftOut| {
                let step = option.step;
                let role = option.same_as.map_or(Role::Without { step }, |step| Role::Step { step });
                Rig { step, label: label_of(plan, step), change: option.instead, arm: arm(role) }
            };
            let without: Vec<Rig> = plan.options().into_iter().map(left_out).collect();
            let last = (plan.steps.len() as u32).saturating_sub(1);
            let bases: Vec<_> = without.iter().map(|_| full.map(|full| (last, full))).collect();
            Case {
                name: name.to_owned(),
                level,
                steps: rungs(&steps, &before_each(&steps)),
                without: rungs(&without, &bases),
            }
        };
        let levels = plan.load.levels();
        Self { cases: (0..).zip(names.into_iter().zip(levels)).map(case).collect() }
    }
}

impl Rung {
    /// What the hardware allows of a figure, where that is known.
    #[must_use]
    pub fn bound(&self, figure: &str) -> Option<Bound> {
        self.limit.as_ref()?.bound(figure)
    }
}

impl Case {
    /// How near the last measured step comes to what the hardware allows of a figure, or why that is not known, as a
    /// sentence; nothing before a step was measured.
    #[must_use]
    pub fn distance(&self, figure: &str) -> Option<String> {
        let last = self.steps.iter().rev().find(|rung| rung.figures.contains_key(figure))?;
        Some(match (last.bound(figure), &last.no_limit) {
            (Some(bound), _) => {
                format!("{}: {:.1} % of what the hardware allows.", last.label, bound.reached * 100.0)
            }
            (None, Some(why)) => format!("What the hardware allows is unknown: {why}"),
            (None, None) if last.limit.is_some() => {
                "What the hardware allows of this figure has no bound here.".to_owned()
            }
            (None, None) => "What the hardware allows is unknown: no GPU of the engine is known.".to_owned(),
        })
    }
}

/// A configuration and its point, where that has figures.
struct Rig<'a> {
    step: u32,
    label: String,
    change: String,
    arm: Option<Arm<'a>>,
}

/// What a step changes; empty for the first, which is what the others are changes of.
fn change_of(plan: &StudyPlan, step: u32) -> String {
    let Some(planned) = plan.steps.get(step as usize).filter(|_| step > 0) else { return String::new() };
    let set = planned.set.iter().next().map(|(key, value)| format!("{key} {value}"));
    set.or_else(|| planned.engine.as_ref().map(|engine| format!("engine {engine}"))).unwrap_or_default()
}

fn label_of(plan: &StudyPlan, step: u32) -> String {
    plan.steps.get(step as usize).map(|step| step.label.clone()).unwrap_or_default()
}

fn has_figures(arm: &Arm) -> bool {
    arm.point().is_some_and(|point| point.summary.is_some())
}

/// Of each step the last one before it that has figures: a step whose engine did not start is passed over.
fn before_each<'a>(steps: &[Rig<'a>]) -> Vec<Option<(u32, Arm<'a>)>> {
    let mut last = None;
    let before = |rig: &Rig<'a>| {
        let before = last;
        last = rig.arm.map(|arm| (rig.step, arm)).or(last);
        before
    };
    steps.iter().map(before).collect()
}

fn rungs(rigs: &[Rig], bases: &[Option<(u32, Arm)>]) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = rigs.iter().zip(bases).map(|(rig, base)| rung(rig, *base)).collect();
    for figure in LADDER_FIGURES.iter().filter_map(|key| Figure::parse(key).ok()) {
        let compared: Vec<(usize, (Arm, Arm))> = (rigs.iter().zip(bases).enumerate())
            .filter_map(|(place, (rig, base))| Some((place, ((*base)?.1, rig.arm?))))
            .collect();
        let pairs: Vec<(Arm, Arm)> = compared.iter().map(|(_, pair)| *pair).collect();
        for ((place, _), comparison) in compared.iter().zip(compare(&pairs, Terms::strict(figure))) {
            if comparison.base.value.is_some() || comparison.other.value.is_some() {
                rungs[*place].against.insert(figure.key(), comparison);
            }
        }
    }
    rungs
}

fn rung(rig: &Rig, base: Option<(u32, Arm)>) -> Rung {
    let figures = LADDER_FIGURES.iter().filter_map(|key| {
        let of = Side::of(rig.arm.as_ref()?, Figure::parse(key).ok()?);
        of.value.is_some().then(|| ((*key).to_owned(), of))
    });
    let point = rig.arm.and_then(|arm| arm.point());
    let summary = point.and_then(|point| point.summary.as_ref());
    Rung {
        step: rig.step,
        label: rig.label.clone(),
        change: rig.change.clone(),
        run: rig.arm.map(|arm| arm.run.run.clone()),
        figures: figures.collect(),
        base: base.filter(|_| rig.arm.is_some()).map(|(step, _)| step),
        against: BTreeMap::new(),
        limit: summary.and_then(|summary| summary.limit.clone()),
        no_limit: summary.and_then(|summary| summary.no_limit.clone()),
        verdict: point.map_or(Verdict::NotJudged, |point| point.verdict),
        caveats: rig.arm.map(|arm| arm.run.caveats.clone()).unwrap_or_default(),
    }
}
