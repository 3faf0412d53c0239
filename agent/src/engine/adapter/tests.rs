//! Owns what must hold of every engine's table.
//! Must not know any one engine.

use super::*;
use shared::engine::Launch;
use std::collections::BTreeSet;

#[test]
fn every_table_is_whole() {
    for (key, kind) in EngineKind::KEYS {
        let Some(adapter) = Adapter::of(kind) else {
            assert!(kind.launches().is_empty(), "{key}");
            continue;
        };
        assert_eq!(adapter.container.is_some(), kind.launches().contains(&Launch::Docker), "{key}");
        let keys: BTreeSet<&str> = adapter.entries.iter().map(|entry| &*entry.parameter.key).collect();
        assert_eq!(keys.len(), adapter.entries.len(), "{key} has a parameter twice");
        assert!(adapter.running.is_none_or(|running| keys.contains(running)), "{key}");
        for Entry { parameter, .. } in adapter.entries {
            assert!(parameter.meaning.ends_with('.'), "{key}: {}", parameter.meaning);
            assert!(!parameter.default.is_empty() && parameter.restarts, "{key}: {}", parameter.key);
        }
        for entry in adapter.entries {
            for reuses in [true, false] {
                let fits = entry.our_value(reuses).is_none_or(|value| entry.parameter.values.hold(&value));
                assert!(fits, "{key}: ours of {} is none of its own values", entry.parameter.key);
            }
        }
        for change in adapter.history.changes {
            assert!(change.flags.iter().all(|flag| flag.starts_with("--")) && !change.instead.ends_with('.'), "{key}");
        }
    }
}
