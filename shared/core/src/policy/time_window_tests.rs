//! Windows across midnight, on lists of days, and over both changes of the clock.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::time_window::TimeWindow;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn parse(value: &str) -> TimeWindow {
    TimeWindow::parse("lamplighter:freeze", value).unwrap()
}

fn is_open(value: &str, now: &str) -> bool {
    parse(value).open_until(now.parse().unwrap()).is_some()
}

/// Lists the minutes of a time in which a window is open: the first, and how many.
fn open_minutes(value: &str, from: &str, hours: i64) -> (String, usize) {
    let window = parse(value);
    let from: Timestamp = from.parse().unwrap();
    let open: Vec<Timestamp> = (0..hours * 60)
        .map(|minute| from + SignedDuration::from_mins(minute))
        .filter(|at| window.open_until(*at).is_some())
        .collect();
    let first = open.first().map(ToString::to_string);
    (first.unwrap_or_default(), open.len())
}

#[rstest]
#[case::late("2026-11-20T23:30:00Z", true)]
#[case::early("2026-11-21T03:59:00Z", true)]
#[case::over("2026-11-21T04:00:00Z", false)]
#[case::of_the_night_before("2026-11-20T03:00:00Z", true)]
#[case::by_day("2026-11-20T12:00:00Z", false)]
fn a_window_crosses_midnight_without_a_gap(#[case] now: &str, #[case] open: bool) {
    assert_eq!(is_open("daily 22:00-04:00", now), open);
}

#[rstest]
#[case::monday("2026-11-16T09:00:00Z", true)]
#[case::tuesday("2026-11-17T09:00:00Z", false)]
#[case::wednesday("2026-11-18T09:00:00Z", true)]
#[case::saturday("2026-11-21T09:00:00Z", true)]
#[case::sunday("2026-11-22T09:00:00Z", true)]
fn days_may_be_a_list(#[case] now: &str, #[case] open: bool) {
    assert_eq!(is_open("mon+wed+sat-sun 08:00-10:00", now), open);
    assert_eq!(is_open("mon,wed,sat-sun 08:00-10:00", now), open);
}

#[test]
fn dates_may_end_with_a_day() {
    let window = "2026-11-27 08:00 - 2026-11-28 24:00";
    let (first, minutes) = open_minutes(window, "2026-11-26T00:00:00Z", 96);
    assert_eq!((first.as_str(), minutes), ("2026-11-27T08:00:00Z", 40 * 60));
}

#[test]
fn a_whole_day_ends_at_midnight() {
    let (first, minutes) = open_minutes("sat-sun 00:00-24:00", "2026-11-20T12:00:00Z", 96);
    assert_eq!((first.as_str(), minutes), ("2026-11-21T00:00:00Z", 48 * 60));
}

/// In Rome, the clock jumps from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
#[rstest]
#[case::skipped("02:00-03:00", "2026-03-29T01:00:00Z", 60)]
#[case::within_what_is_skipped("02:15-02:45", "2026-03-29T01:15:00Z", 30)]
#[case::begins_in_it("02:30-06:00", "2026-03-29T01:30:00Z", 150)]
#[case::ends_in_it("00:00-02:30", "2026-03-28T23:00:00Z", 150)]
#[case::around_it("01:00-04:00", "2026-03-29T00:00:00Z", 120)]
fn a_window_opens_also_where_the_clock_jumps_forward(
    #[case] hours: &str,
    #[case] first: &str,
    #[case] minutes: usize,
) {
    let window = format!("daily {hours} Europe/Rome");
    let open = open_minutes(&window, "2026-03-28T22:00:00Z", 20);
    assert_eq!(open, (first.to_owned(), minutes));
}

#[rstest]
#[case::repeated("02:00-03:00", "2026-10-25T00:00:00Z", 120)]
#[case::begins_in_it("02:30-06:00", "2026-10-25T00:30:00Z", 270)]
#[case::ends_in_it("00:00-02:30", "2026-10-24T22:00:00Z", 210)]
#[case::around_it("01:00-04:00", "2026-10-24T23:00:00Z", 240)]
fn a_window_includes_both_hours_where_the_clock_goes_back(
    #[case] hours: &str,
    #[case] first: &str,
    #[case] minutes: usize,
) {
    let window = format!("daily {hours} Europe/Rome");
    let open = open_minutes(&window, "2026-10-24T21:30:00Z", 20);
    assert_eq!(open, (first.to_owned(), minutes));
}

#[test]
fn a_weekly_window_that_opens_in_a_repeated_hour_stays_open() {
    let window = "sun 02:30 - sun 06:00 Europe/Rome";
    let open = open_minutes(window, "2026-10-24T21:30:00Z", 20);
    assert_eq!(open, ("2026-10-25T00:30:00Z".to_owned(), 270));
}

/// The end that is reported is the first minute in which the window is closed.
#[test]
fn the_end_of_a_window_is_when_it_closes() {
    let zones = [
        "UTC",
        "Europe/Rome",
        "America/New_York",
        "Australia/Lord_Howe",
    ];
    let windows = [
        "daily 22:00-04:00",
        "sat 00:00-24:00",
        "sun 01:30-02:45",
        "fri 16:00 - mon 02:30",
    ];
    let starts = ["2026-03-26T00:00:00Z", "2026-10-22T00:00:00Z"];
    for (zone, window) in zones
        .iter()
        .flat_map(|zone| windows.map(|window| (zone, window)))
    {
        let window = parse(&format!("{window} {zone}"));
        for start in starts {
            let start: Timestamp = start.parse().unwrap();
            let mut at = start;
            while at < start + SignedDuration::from_hours(24 * 8) {
                if let Some(end) = window.open_until(at) {
                    assert!(
                        window.open_until(end - MINUTE).is_some(),
                        "{window:?} {at} {end}"
                    );
                    at = end;
                }
                at += MINUTE * 7;
            }
        }
    }
}
