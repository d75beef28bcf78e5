//! The page of a day, end to end: the real function, asked by hand, and the mail.

use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::create_database;
use e2e::testkit::workload::{NewService, create_repository, create_service, image, push_image};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use lamplighter_aws::lambda::read_clock;
use serde_json::json;

#[test]
fn a_day_is_told_with_what_was_rolled_out_and_what_it_cost() {
    // The day until tomorrow's midnight has begun, whatever hour it is.
    let stack = Stack::start(&[("DigestHour", "0")]).unwrap();
    create_repository(&stack, "shop/web");
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
    ];
    let image = image("shop/web", "RC_1.0.0");
    create_service(
        &stack,
        &NewService {
            cluster: "shop",
            name: "web",
            image: &image,
            architecture: "X86_64",
            tags: &tags,
        },
    );
    create_database(
        &stack,
        "orders",
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:backup", "keep=7d"),
        ],
    );
    wait_until_idle(&stack);
    push_image(&stack, "shop/web", "RC_1.4.2", &["amd64", "arm64"], "a");
    let told = |what: &str| {
        stack
            .mail()
            .iter()
            .any(|mail| mail["subject"].as_str().unwrap().contains(what))
            .then_some(())
    };
    stack.sweep_until("RolloutSweep", "it is live", || told(" verified: "));
    let tomorrow = read_clock()
        .to_zoned(TimeZone::UTC)
        .date()
        .saturating_add(1.day());
    let answer = stack.invoke(
        &stack.output("DigestFunction"),
        json!({"day": tomorrow.to_string()}),
    );
    assert!(
        answer["title"]
            .as_str()
            .is_some_and(|title| title.contains("1 release")),
        "{answer}"
    );
    stack.until("it is told", || {
        told("lamplighter: daily report: 1 release")
    });
    let mails = stack.mail();
    let page = mails
        .iter()
        .find(|mail| mail["subject"].as_str().unwrap().contains("daily report"))
        .unwrap();
    let body = page["body"].as_str().unwrap();
    for expected in [
        "shop/web: RC_1.4.2 (sha256:",
        ", verified",
        "shop: 12.40 USD (7-day mean 12.40 USD, +0 %): Amazon Elastic Container Service 8.10 USD",
        "this stack: 0.03 USD",
    ] {
        assert!(body.contains(expected), "{expected}: {body}");
    }
    assert!(!body.contains("Why:"), "{body}");
    let wrong = stack.invoke(&stack.output("DigestFunction"), json!({"day": "yesterday"}));
    assert_eq!(
        wrong["errorMessage"], r#"day "yesterday" is not a date such as "2026-11-21""#,
        "{wrong}"
    );
}
