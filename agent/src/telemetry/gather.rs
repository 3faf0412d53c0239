//! Owns the way from reads to events of bounded size: those of a source in one, those of a group side by side.
//! Must not know where they come from or go.

use super::row::{Row, Said};
use shared::event::Body;
use shared::telemetry::{Group, Samples};
use std::collections::BTreeMap;

/// What was said since the last events.
#[derive(Debug, Default)]
pub struct Gathered {
    /// By source and the keys of what is read together.
    groups: BTreeMap<String, BTreeMap<Vec<&'static str>, Vec<Row>>>,
    /// Ready to be written.
    bodies: Vec<Body>,
}

impl Gathered {
    /// Adds what a source said.
    pub fn add(&mut self, said: Said) {
        match said {
            Said::Row(row) => self.row(row),
            Said::Look(look) => self.bodies.push(Body::Look(look)),
            Said::Trouble(trouble) => self.bodies.push(Body::Trouble(trouble)),
        }
    }

    fn row(&mut self, row: Row) {
        let groups = self.groups.entry(row.source.clone()).or_default();
        let keys = row.fields.iter().map(|(signal, _)| signal.key).collect();
        let source = row.source.clone();
        let group = groups.entry(keys).or_default();
        group.push(row);
        if group.len() >= Samples::MAX_READS {
            let groups = std::mem::take(groups);
            self.bodies.push(body(source, groups));
        }
    }

    /// All of it as events; `dropped` reads were lost on the way here.
    #[must_use]
    pub fn take(&mut self, dropped: u64) -> Vec<Body> {
        let mut bodies = std::mem::take(&mut self.bodies);
        for (source, groups) in std::mem::take(&mut self.groups).into_iter().filter(|(_, groups)| !groups.is_empty()) {
            bodies.push(body(source, groups));
        }
        if dropped > 0 {
            // A source of its own, which has no values: nobody knows whose they were.
            bodies.push(Body::Samples(Samples { dropped, ..Samples::default() }));
        }
        bodies
    }
}

fn body(source: String, groups: BTreeMap<Vec<&'static str>, Vec<Row>>) -> Body {
    let group = |(keys, rows): (Vec<&'static str>, Vec<Row>)| Group {
        at_ns: rows.iter().map(Row::at_ns).collect(),
        took_ns: rows.iter().map(Row::took_ns).collect(),
        values: (0..keys.len()).flat_map(|key| rows.iter().map(move |row| row.fields[key].1.to_wire())).collect(),
        keys: keys.into_iter().map(str::to_owned).collect(),
    };
    Body::Samples(Samples { source, groups: groups.into_iter().map(group).collect(), dropped: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::telemetry::{Field, MEMORY_USED, POWER, Signal, TEMPERATURE};

    fn row(source: &str, at_ns: u64, fields: &[(Signal, Field)]) -> Said {
        Said::Row(Row { source: source.into(), begun_ns: at_ns - 2, ended_ns: at_ns + 2, fields: fields.to_vec() })
    }

    #[test]
    fn reads_of_a_source_are_one_event_with_a_group_for_what_is_read_together() {
        let mut gathered = Gathered::default();
        for at_ns in [10, 20] {
            let fields = [(POWER, Field::Value(at_ns)), (TEMPERATURE, Field::NotSupported)];
            gathered.add(row("gpu:1", at_ns, &fields));
            gathered.add(row("gpu:1", at_ns + 5, &[(MEMORY_USED, Field::Failed(15))]));
        }
        gathered.add(row("host", 7, &[(MEMORY_USED, Field::Value(1))]));
        let bodies = gathered.take(0);
        let [Body::Samples(gpu), Body::Samples(host)] = &bodies[..] else { panic!("{bodies:?}") };
        assert_eq!((gpu.source.as_str(), host.source.as_str()), ("gpu:1", "host"));
        let [memory, power] = &gpu.groups[..] else { panic!("{gpu:?}") };
        assert_eq!((&memory.at_ns[..], &memory.values[..]), (&[15, 25][..], &[-16; 2][..]));
        assert_eq!((&power.at_ns[..], &power.took_ns[..]), (&[10, 20][..], &[4, 4][..]));
        let columns: Vec<_> = power.columns().map(|(key, column)| (key.as_str(), column)).collect();
        assert_eq!(columns, [("power", &[10, 20][..]), ("temperature", &[-1, -1])]);
        assert!(gathered.take(0).is_empty());
    }

    #[test]
    fn many_reads_are_several_events_and_none_is_lost() {
        let mut gathered = Gathered::default();
        (1..=50).for_each(|n| gathered.add(row("gpu:1", n * 10, &[(POWER, Field::Value(n))])));
        let bodies = gathered.take(3);
        let mut values = Vec::new();
        let mut dropped = 0;
        for body in &bodies {
            let Body::Samples(samples) = body else { panic!("{body:?}") };
            dropped += samples.dropped;
            for group in &samples.groups {
                assert!(group.at_ns.len() <= Samples::MAX_READS);
                values.extend_from_slice(&group.values);
            }
        }
        assert_eq!((values, dropped), ((1..=50).collect(), 3));
    }
}
