//! `lamplighter:freeze`: the times in which new images are held.

use jiff::Timestamp;

use super::time_window::TimeWindow;

/// How often a freeze may follow directly on another until the end is reported.
const MAX_CHAINED: usize = 50;

/// Returns the time at which no freeze is active any more; `None` if none is active now. A freeze that begins before the
/// end of another prolongs it.
#[must_use]
pub fn frozen_until(freezes: &[TimeWindow], now: Timestamp) -> Option<Timestamp> {
    let end_of_all = |at: Timestamp| {
        freezes
            .iter()
            .filter_map(|freeze| freeze.open_until(at))
            .max()
    };
    let mut until = end_of_all(now)?;
    for _ in 0..MAX_CHAINED {
        match end_of_all(until) {
            Some(later) if later > until => until = later,
            Some(_) | None => break,
        }
    }
    Some(until)
}
