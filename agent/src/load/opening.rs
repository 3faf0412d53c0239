//! Owns the time before load: connections opened ahead of need, and the first pieces of work written.
//! Must not know when load starts to count.

use super::LoadError;
use super::io::{Io, Opened};
use super::work::Works;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Connections opened at a time: more can overflow a server's accept queue, whose retry costs a second.
const OPENING: usize = 64;
/// Time between two looks at limits and at the work that is being written.
const LOOK: Duration = Duration::from_millis(1);

/// Opens this many lanes. A lane that cannot be opened keeps the reason for its first request. False where somebody
/// cancelled meanwhile.
pub(super) fn open_ahead(
    io: &mut Io,
    lanes: usize,
    works: &Works,
    cancel: &CancellationToken,
) -> Result<bool, LoadError> {
    let (mut begun, mut settled) = (0, 0);
    let mut ready = Vec::new();
    while settled < lanes || !works.is_filled() {
        if cancel.is_cancelled() {
            return Ok(false);
        }
        while begun < lanes && begun - settled < OPENING {
            let place = io.add_lane();
            let opened = io.open(place);
            begun += 1;
            settled += usize::from(keep(io, place, opened));
        }
        io.poller.wait(Some(LOOK), &mut ready)?;
        for event in &ready {
            let place = event.key as usize;
            let opened = io.go_on(place);
            settled += usize::from(keep(io, place, opened));
        }
        let now_ns = io.clock.now_ns();
        for place in 0..begun {
            if io.deadlines[place].passed(now_ns).is_some() {
                io.deadlines[place] = super::limits::Deadline::NONE;
                io.close(place);
                settled += usize::from(keep(io, place, Opened::Failed(super::dial::DialError::TimedOut)));
            }
        }
    }
    Ok(true)
}

/// Keeps a failure for the lane's first request; true once opening has come to its end.
fn keep(io: &mut Io, place: usize, opened: Opened) -> bool {
    match opened {
        Opened::NotYet => false,
        Opened::Yes => true,
        Opened::Failed(error) => {
            io.lanes[place].failed = Some(error);
            true
        }
    }
}
