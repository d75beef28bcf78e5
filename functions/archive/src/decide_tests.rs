use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::model::{Arn, LogGroup};
use lamplighter::policy::{ExportRetention, LogsPolicy};
use rstest::rstest;

use crate::{Policy, export_days};

fn policy(keep: ExportRetention) -> Policy {
    Policy {
        logs: LogsPolicy {
            export: Some(keep),
            retain: None,
        },
        bucket: "logs".into(),
        default_keep: 7,
    }
}

fn group(name: &str, retention_days: Option<u32>, created: &str) -> LogGroup {
    LogGroup {
        arn: Arn::new(format!(
            "arn:aws:logs:eu-west-1:123456789012:log-group:{name}"
        )),
        created: Some(created.parse().unwrap()),
        retention_days,
        class: "STANDARD".into(),
    }
}

#[rstest]
#[case::first_of_all_before_noon(None, None, "2026-11-21T11:59:59Z", Some("2026-11-19"))]
#[case::first_of_all_at_noon(None, None, "2026-11-21T12:00:00Z", Some("2026-11-20"))]
#[case::settled(Some("2026-11-20"), None, "2026-11-22T11:59:59Z", None)]
#[case::the_next_one(Some("2026-11-20"), None, "2026-11-22T12:00:00Z", Some("2026-11-21"))]
#[case::over_new_year(Some("2026-12-30"), None, "2027-01-01T12:00:00Z", Some("2026-12-31"))]
#[case::on_a_leap_day(Some("2028-02-28"), None, "2028-03-01T12:00:00Z", Some("2028-02-29"))]
#[case::long_ago(Some("2026-11-01"), None, "2026-11-21T12:00:00Z", Some("2026-11-14"))]
#[case::deleted_meanwhile(
    Some("2026-11-01"),
    Some(3),
    "2026-11-21T12:00:00Z",
    Some("2026-11-19")
)]
fn the_first_day_that_is_due_and_there(
    #[case] exported: Option<&str>,
    #[case] retention: Option<u32>,
    #[case] now: &str,
    #[case] day: Option<&str>,
) {
    let (group, now) = (
        group("/ecs/web", retention, "2020-01-01T00:00:00Z"),
        now.parse::<Timestamp>().unwrap(),
    );
    let date = |day: &str| day.parse::<Date>().unwrap();
    let first = export_days::first_due_day(
        &policy(ExportRetention::Days(7)),
        ExportRetention::Days(7),
        &group,
        exported.map(date),
        now,
    );
    assert_eq!(first, day.map(date));
}

#[test]
fn a_group_that_is_a_day_old_has_nothing_due() {
    let now = "2026-11-21T13:00:00Z".parse().unwrap();
    let first = |created: &str| {
        export_days::first_due_day(
            &policy(ExportRetention::Default),
            ExportRetention::Default,
            &group("a", None, created),
            None,
            now,
        )
    };
    assert_eq!(first("2026-11-21T00:00:00Z"), None);
    assert_eq!(
        first("2026-11-20T23:59:59Z"),
        Some("2026-11-20".parse().unwrap())
    );
}

#[rstest]
#[case(
    "/ecs/shop/web",
    ExportRetention::Days(7),
    "7d/ecs/shop/web/2026-11-20"
)]
#[case(
    "ecs/shop/web",
    ExportRetention::Days(7),
    "7d/_/ecs/shop/web/2026-11-20"
)]
#[case(
    "/ecs/shop/web",
    ExportRetention::Default,
    "default/ecs/shop/web/2026-11-20"
)]
fn every_group_has_a_folder_of_its_own(
    #[case] name: &str,
    #[case] keep: ExportRetention,
    #[case] prefix: &str,
) {
    let group = group(name, None, "2020-01-01T00:00:00Z");
    assert_eq!(
        export_days::export_location(&policy(keep), keep, &group, "2026-11-20".parse().unwrap())
            .prefix,
        prefix
    );
}
