//! Owns in which order a plan's trials are measured: stretches of one engine's life, rounds of levels within them.
//! Must not know how a trial is run.

use super::trial::TrialPlace;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use shared::ids::{ConfigurationIndex, PointIndex};
use shared::plan::{Order, Plan};

/// Trials that one start of the engine serves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stretch {
    /// The engine's configuration.
    pub configuration: ConfigurationIndex,
    /// Its trials in order; none where a search finds them.
    pub places: Vec<TrialPlace>,
}

/// The stretches of a plan. Every round holds each level once, in seeded order, so that drift does not favour one; an
/// interleaved plan's rounds hold each configuration once, too.
pub(super) fn stretches(plan: &Plan) -> Vec<Stretch> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.workload.seed);
    let configurations: Vec<ConfigurationIndex> = (0..).take(plan.configurations().len()).collect();
    let repeats = 0..plan.load.trials;
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut add = |configuration, repeat, random: &mut ChaCha8Rng| {
        let places = round(plan, configuration, repeat, random);
        match stretches.last_mut().filter(|last| last.configuration == configuration) {
            // The engine is there already.
            Some(last) => last.places.extend(places),
            None => stretches.push(Stretch { configuration, places }),
        }
    };
    match plan.engine.order {
        Order::Blocked => {
            for configuration in configurations {
                repeats.clone().for_each(|repeat| add(configuration, repeat, &mut random));
            }
        }
        Order::Interleaved => {
            for repeat in repeats {
                let mut configurations = configurations.clone();
                if plan.load.trials > 1 {
                    configurations.shuffle(&mut random);
                }
                configurations.into_iter().for_each(|configuration| add(configuration, repeat, &mut random));
            }
        }
    }
    stretches
}

/// One trial of each level of a configuration.
fn round(plan: &Plan, configuration: ConfigurationIndex, repeat: u32, random: &mut ChaCha8Rng) -> Vec<TrialPlace> {
    let of_configuration = (0..).zip(plan.points()).filter(|(_, point)| point.configuration == configuration);
    let mut round: Vec<TrialPlace> = of_configuration
        .map(|(point, planned): (PointIndex, _)| TrialPlace { point, repeat, level: planned.level })
        .collect();
    // One trial of each level reads best from low to high; with repeats, order must not matter.
    if plan.load.trials > 1 {
        round.shuffle(random);
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::ParamValue;

    fn plan(trials: u32, batches: &[i64], order: Order) -> Plan {
        let mut plan = shared::preset::find("throughput").unwrap();
        plan.load.trials = trials;
        plan.load.concurrency = vec![1, 4];
        plan.engine.params.remove("batch");
        if !batches.is_empty() {
            let values = batches.iter().map(|n| ParamValue::Int(*n)).collect();
            plan.engine.vary.insert("batch".to_owned(), values);
        }
        plan.engine.order = order;
        plan
    }

    /// Configuration, and points of each round in increasing order.
    fn shape(plan: &Plan) -> Vec<(u32, Vec<Vec<u32>>)> {
        let rounds = |stretch: &Stretch| {
            let round = |round: &[TrialPlace]| {
                let mut points: Vec<u32> = round.iter().map(|place| place.point).collect();
                points.sort_unstable();
                assert!(round.iter().all(|place| place.repeat == round[0].repeat));
                points
            };
            (stretch.configuration, stretch.places.chunks(2).map(round).collect())
        };
        stretches(plan).iter().map(rounds).collect()
    }

    #[test]
    fn every_round_holds_each_level_once_in_an_order_that_the_seed_decides() {
        let plan = plan(3, &[], Order::Blocked);
        assert_eq!(stretches(&plan), stretches(&plan));
        assert_eq!(shape(&plan), [(0, vec![vec![0, 1]; 3])]);
    }

    #[test]
    fn blocked_means_one_start_for_each_configuration() {
        assert_eq!(shape(&plan(2, &[1, 8], Order::Blocked)), [(0, vec![vec![0, 1]; 2]), (1, vec![vec![2, 3]; 2])]);
        let once = stretches(&plan(1, &[1, 8], Order::Blocked));
        let points: Vec<u32> = once.iter().flat_map(|stretch| &stretch.places).map(|place| place.point).collect();
        assert_eq!(points, [0, 1, 2, 3]);
    }

    #[test]
    fn interleaved_means_that_each_repeat_holds_every_configuration_and_no_start_is_for_nothing() {
        let plan = plan(4, &[1, 8, 16], Order::Interleaved);
        let stretches = stretches(&plan);
        assert!(stretches.windows(2).all(|pair| pair[0].configuration != pair[1].configuration));
        let places: Vec<TrialPlace> = stretches.into_iter().flat_map(|stretch| stretch.places).collect();
        for (repeat, round) in (0..).zip(places.chunks(6)) {
            let mut points: Vec<u32> = round.iter().map(|place| place.point).collect();
            points.sort_unstable();
            assert_eq!(points, [0, 1, 2, 3, 4, 5]);
            assert!(round.iter().all(|place| place.repeat == repeat));
        }
    }

    #[test]
    fn a_search_has_one_stretch_without_places() {
        let mut plan = plan(3, &[], Order::Blocked);
        plan.load.concurrency.clear();
        let goal = shared::plan::Goal::Saturation;
        plan.load.search = Some(shared::plan::SearchPlan { goal, from: 1.0, to: 8.0, attainment: None });
        assert_eq!(stretches(&plan), [Stretch { configuration: 0, places: Vec::new() }]);
    }
}
