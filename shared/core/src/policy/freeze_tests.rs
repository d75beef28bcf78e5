//! Tests of `lamplighter:freeze`.

use rstest::rstest;

use super::freeze::frozen_until;
use super::time_window::TimeWindow;

fn until(values: &[&str], now: &str) -> Option<String> {
    let freezes: Vec<TimeWindow> = values
        .iter()
        .map(|value| TimeWindow::parse("lamplighter:freeze", value).unwrap())
        .collect();
    frozen_until(&freezes, now.parse().unwrap()).map(|end| end.to_string())
}

#[rstest]
#[case::before("2026-11-20T14:59:59Z", None)]
#[case::begins("2026-11-20T15:00:00Z", Some("2026-11-23T07:00:00Z"))]
#[case::weekend("2026-11-22T12:00:00Z", Some("2026-11-23T07:00:00Z"))]
#[case::ends("2026-11-23T07:00:00Z", None)]
#[case::summer_time_ends_within("2026-10-23T14:00:00Z", Some("2026-10-26T07:00:00Z"))]
fn a_freeze_holds_over_the_weekend(#[case] now: &str, #[case] end: Option<&str>) {
    let weekend = ["fri 16:00 - mon 08:00 Europe/Rome"];
    assert_eq!(until(&weekend, now).as_deref(), end);
}

#[rstest]
#[case::every_night(
    "daily 22:00 - 06:00",
    "2026-11-20T23:00:00Z",
    Some("2026-11-21T06:00:00Z")
)]
#[case::after_midnight("22:00-06:00", "2026-11-20T05:00:00Z", Some("2026-11-20T06:00:00Z"))]
#[case::by_day("22:00-06:00", "2026-11-20T12:00:00Z", None)]
#[case::in_a_zone(
    "22:00 - 06:00 Europe/Rome",
    "2026-11-20T21:30:00Z",
    Some("2026-11-21T05:00:00Z")
)]
#[case::on_working_days(
    "mon-fri 09:00-10:00",
    "2026-11-20T09:30:00Z",
    Some("2026-11-20T10:00:00Z")
)]
#[case::not_on_saturday("mon-fri 09:00-10:00", "2026-11-21T09:30:00Z", None)]
#[case::the_night_of_friday(
    "mon-fri 22:00-06:00",
    "2026-11-21T05:00:00Z",
    Some("2026-11-21T06:00:00Z")
)]
#[case::not_the_night_of_saturday("mon-fri 22:00-06:00", "2026-11-22T05:00:00Z", None)]
#[case::the_last_date_is_frozen(
    "2026-12-20 - 2027-01-06",
    "2027-01-06T23:59:00Z",
    Some("2027-01-07T00:00:00Z")
)]
#[case::over_with_the_year("2026-12-20 - 2026-12-31", "2027-12-25T12:00:00Z", None)]
#[case::dates_with_times(
    "2026-12-20 16:00 - 2027-01-06 08:00 Europe/Rome",
    "2027-01-06T06:59:00Z",
    Some("2027-01-06T07:00:00Z")
)]
fn a_freeze_is_daily_or_has_dates(
    #[case] value: &str,
    #[case] now: &str,
    #[case] end: Option<&str>,
) {
    assert_eq!(until(&[value], now).as_deref(), end);
}

#[test]
fn freezes_that_follow_each_other_end_with_the_last() {
    let freezes = [
        "fri 16:00 - mon 08:00",
        "mon-fri 07:00-09:00",
        "2026-11-23 - 2026-11-24",
    ];
    assert_eq!(
        until(&freezes, "2026-11-22T12:00:00Z").as_deref(),
        Some("2026-11-25T00:00:00Z")
    );
}

#[rstest]
#[case("fri 16:00 mon 08:00 Europe/Rome", "is none of these")]
#[case("always", "is not a time zone such as Europe/Rome")]
#[case(
    "fri 16 - mon 08:00 Europe/Rome",
    "16 is not a time of day such as 03:00"
)]
#[case(
    "friday 16:00 - mon 08:00 UTC",
    "friday is not one of mon, tue, wed, thu, fri, sat, sun"
)]
#[case(
    "fri 16:00 - mon 08:00 Europe/Roma",
    "Europe/Roma is not a time zone such as Europe/Rome"
)]
#[case(
    "2026-12-20 - 2026-13-06",
    "2026-13-06 is not a date such as 2026-12-20"
)]
#[case("2026-12-20 - 2026-12-06", "ends before it begins")]
#[case("22:00 - 22:00", "begins and ends at the same time")]
#[case("wkd 22:00 - 23:00", "wkd is not one of mon, tue")]
fn an_invalid_freeze_is_rejected(#[case] value: &str, #[case] problem: &str) {
    let error = TimeWindow::parse("lamplighter:freeze.2", value).unwrap_err();
    assert!(error.problem.contains(problem), "{error}");
    assert_eq!(error.tag, "lamplighter:freeze.2");
}
