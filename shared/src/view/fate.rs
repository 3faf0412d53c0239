//! Owns what troubles came to for a GPU: whether it is lost, and the driver's errors by their number. However many there were,
//! this stays small and forgets none.
//! Must not know which of them are listed.

use crate::telemetry::{Trouble, TroubleKind};
use serde::{Deserialize, Serialize};

/// Most GPUs that are told apart; a host has fewer, slices included.
const MAX_SOURCES: usize = 256;
/// Most errors that are told apart; the driver knows fewer.
const MAX_XIDS: usize = 256;

/// What became of a GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Its source.
    pub source: String,
    /// It was lost and has not answered since.
    pub is_lost: bool,
    /// Errors that the driver reported: XID and how often, in order of XID.
    pub xids: Vec<(u64, u64)>,
    /// The last of them since the GPU was lost and answered again, if it was; one from before that is over with.
    pub last_xid: Option<u64>,
}

/// Folds one more event into what became of each.
pub(super) fn fold(fates: &mut Vec<Fate>, trouble: &Trouble) {
    let place = match fates.binary_search_by(|fate| fate.source.cmp(&trouble.source)) {
        Ok(place) => place,
        Err(_) if fates.len() >= MAX_SOURCES => return,
        Err(place) => {
            fates.insert(place, Fate { source: trouble.source.clone(), ..Fate::default() });
            place
        }
    };
    let fate = &mut fates[place];
    match trouble.kind {
        TroubleKind::Lost => fate.is_lost = true,
        TroubleKind::Back => (fate.is_lost, fate.last_xid) = (false, None),
        TroubleKind::Xid => {
            fate.last_xid = Some(trouble.code);
            match fate.xids.binary_search_by_key(&trouble.code, |(xid, _)| *xid) {
                Ok(at) => fate.xids[at].1 += 1,
                Err(at) if fate.xids.len() < MAX_XIDS => fate.xids.insert(at, (trouble.code, 1)),
                Err(_) => {}
            }
        }
        TroubleKind::Unknown => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(troubles: &[(TroubleKind, u64)], is_lost: bool, xids: &[(u64, u64)], last_xid: Option<u64>) {
        let mut fates = Vec::new();
        for (kind, code) in troubles {
            fold(&mut fates, &Trouble { source: "gpu:GPU-1".into(), at_ns: 1, kind: *kind, code: *code });
        }
        let expect = Fate { source: "gpu:GPU-1".into(), is_lost, xids: xids.to_vec(), last_xid };
        assert_eq!(fates, [expect], "{troubles:?}");
    }

    #[test]
    fn nothing_is_forgotten_however_much_happens() {
        use TroubleKind::{Back, Lost, Xid};
        check(&[(Xid, 79), (Xid, 31), (Xid, 79)], false, &[(31, 1), (79, 2)], Some(79));
        check(&[(Xid, 79), (Lost, 15)], true, &[(79, 1)], Some(79));
        check(&[(Xid, 79), (Lost, 15), (Back, 0)], false, &[(79, 1)], None);
        check(&[(Lost, 15), (Back, 0), (Xid, 31)], false, &[(31, 1)], Some(31));
        let storm: Vec<_> = (0..500).map(|_| (Xid, 13)).chain([(Lost, 15)]).collect();
        check(&storm, true, &[(13, 500)], Some(13));
    }

    #[test]
    fn each_gpu_has_its_own() {
        let of = |source: &str| Trouble { source: source.into(), at_ns: 1, kind: TroubleKind::Lost, code: 15 };
        let mut fates = Vec::new();
        ["gpu:b", "gpu:a", "gpu:b"].iter().for_each(|source| fold(&mut fates, &of(source)));
        assert_eq!(fates.iter().map(|fate| fate.source.as_str()).collect::<Vec<_>>(), ["gpu:a", "gpu:b"]);
    }
}
