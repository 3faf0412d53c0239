//! Owns who looks at the machine, and until when it is read for them.
//! Must not know what is read.

use tokio::time::Instant;

/// Who looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Audience {
    /// Those who have come and not left.
    viewers: u32,
    /// Until when those count who have left.
    until: Option<Instant>,
}

/// How long somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// Nobody is.
    Nobody,
    /// Until then, if nobody comes.
    Until(Instant),
    /// Until somebody leaves.
    ForNow,
}

impl Audience {
    /// Somebody comes.
    pub fn comes(&mut self) {
        self.viewers += 1;
    }

    /// Somebody leaves, and counts until then: who opens another page, or asks now and then, may be back soon.
    pub fn leaves(&mut self, until: Instant) {
        self.viewers = self.viewers.saturating_sub(1);
        self.until = self.until.max(Some(until));
    }

    /// How long somebody is there, as of now.
    pub fn there(&self, now: Instant) -> There {
        match self.until {
            _ if self.viewers > 0 => There::ForNow,
            Some(until) if until > now => There::Until(until),
            _ => There::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    enum Happens {
        Comes,
        Leaves(u64),
    }

    #[tokio::test]
    async fn somebody_is_there_while_one_stays_or_counts() {
        use Happens::{Comes, Leaves};
        let start = Instant::now();
        let s = |s: u64| start + Duration::from_secs(s);
        let check = |happens: &[Happens], now: u64, expect: There| {
            let mut audience = Audience::default();
            for one in happens {
                match one {
                    Comes => audience.comes(),
                    Leaves(until) => audience.leaves(s(*until)),
                }
            }
            assert_eq!(audience.there(s(now)), expect);
        };
        check(&[], 0, There::Nobody);
        check(&[Comes], 1000, There::ForNow);
        check(&[Comes, Comes, Leaves(10)], 1000, There::ForNow);
        check(&[Comes, Comes, Leaves(10), Leaves(12)], 11, There::Until(s(12)));
        check(&[Comes, Leaves(10)], 10, There::Nobody);
        // Who leaves does not send away who looks now and then.
        check(&[Comes, Leaves(150), Comes, Leaves(20)], 30, There::Until(s(150)));
        check(&[Comes, Leaves(150), Comes, Leaves(165)], 150, There::Until(s(165)));
    }
}
