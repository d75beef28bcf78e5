//! `lamplighter:schedule`: windows with other bounds of the number of tasks.

use jiff::Timestamp;

use super::grammar::{TagError, build_tag_error};
use super::reference::SCHEDULE_TAG;
use super::time_window::TimeWindow;

/// The most tasks that a window may ask for: more than one ECS service can have.
const MOST_TASKS: u32 = 5_000;

/// A window with other bounds of the number of tasks, for a known load.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleWindow {
    window: TimeWindow,
    /// The bounds within the window; at least one of them is set.
    pub min: Option<u32>,
    pub max: Option<u32>,
    /// The window as written, without its bounds: `mon-fri 05:00-10:00 Europe/Rome`.
    pub text: String,
}

impl ScheduleWindow {
    /// Parses one window.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(tag: &str, value: &str) -> Result<Self, TagError> {
        Self::parse_words(value)
            .map_err(|problem| build_tag_error(tag, value, &problem, SCHEDULE_TAG.example))
    }

    fn parse_words(value: &str) -> Result<Self, String> {
        let (bounds, times): (Vec<&str>, Vec<&str>) = value
            .split_whitespace()
            .partition(|word| word.contains('='));
        let text = times.join(" ");
        let (mut min, mut max) = (None, None);
        for bound in bounds {
            let bound_of = match bound.split_once('=') {
                Some(("min", count)) => (&mut min, count),
                Some(("max", count)) => (&mut max, count),
                _ => return Err(format!("{bound} is neither min= nor max=")),
            };
            let least = u32::from(!bound.starts_with("min="));
            let count = bound_of.1.parse().ok();
            let count = count.filter(|count| (least..=MOST_TASKS).contains(count));
            *bound_of.0 = Some(count.ok_or_else(|| {
                format!("{bound} is not a number of tasks from {least} to {MOST_TASKS}")
            })?);
        }
        if min.is_none() && max.is_none() {
            return Err("has neither min= nor max=".to_owned());
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err(format!("min={min} is more than max={max}"));
        }
        Ok(Self {
            window: TimeWindow::parse_text(&text)?,
            min,
            max,
            text,
        })
    }

    /// Returns the end of the window, if it is open at `now`.
    #[must_use]
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.window.open_until(now)
    }

    /// Reports whether the window is open at `now`, by the clock of its time zone.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.window.open_until(now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(value: &str) -> ScheduleWindow {
        ScheduleWindow::parse("lamplighter:schedule", value).unwrap()
    }

    #[test]
    fn a_window_has_times_and_bounds() {
        let window = parse(SCHEDULE_TAG.example);
        assert_eq!((window.min, window.max), (Some(6), None));
        assert_eq!(window.text, "mon-fri 05:00-10:00 Europe/Rome");
        let capped = parse("2026-12-24 - 2026-12-26 max=3 min=2");
        assert_eq!((capped.min, capped.max), (Some(2), Some(3)));
    }

    #[rstest]
    #[case::before("2026-11-20T03:59:59Z", false)]
    #[case::opens("2026-11-20T04:00:00Z", true)]
    #[case::closes("2026-11-20T09:00:00Z", false)]
    #[case::saturday("2026-11-21T05:00:00Z", false)]
    #[case::in_summer_an_hour_earlier("2026-07-20T03:00:00Z", true)]
    fn a_window_opens_by_the_local_clock(#[case] now: Timestamp, #[case] open: bool) {
        assert_eq!(parse(SCHEDULE_TAG.example).is_open(now), open);
    }

    #[rstest]
    #[case(
        "mon-fri 05:00-10:00 Europe/Rome floor=6",
        "floor=6 is neither min= nor max="
    )]
    #[case("mon-fri 05:00-10:00 UTC", "has neither min= nor max=")]
    #[case(
        "mon-fri 05:00-10:00 UTC min=many",
        "min=many is not a number of tasks"
    )]
    #[case(
        "mon-fri 05:00-10:00 UTC max=0",
        "max=0 is not a number of tasks from 1"
    )]
    #[case("mon-fri 05:00-10:00 UTC min=6 max=2", "min=6 is more than max=2")]
    #[case("mon-fri min=6", "mon is not a date")]
    fn an_invalid_window_is_rejected(#[case] value: &str, #[case] problem: &str) {
        let error = ScheduleWindow::parse("lamplighter:schedule.2", value).unwrap_err();
        assert!(error.problem.contains(problem), "{error}");
        assert_eq!(error.tag, "lamplighter:schedule.2");
    }
}
