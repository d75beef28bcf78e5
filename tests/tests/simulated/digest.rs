//! The real `digest`, in a simulated world: of quiet days and of busy ones.

use backup::Backup;
use deploy::Deploy;
use digest::Digest;
use e2e::testkit::healing::HealWorld;
use e2e::testkit::requests::call_payload;
use e2e::testkit::world::tasks::Conduct;
use e2e::testkit::world::{BEGINNING, Fault, World};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use lamplighter::Error;
use lamplighter::model::{Arn, Database};
use lamplighter::plan::{Hold, HoldKind};
use lamplighter::policy::{Mode, StackDefaults};
use lamplighter::ports::costs::DailyCost;
use request::RequestOperation;
use rstest::rstest;
use serde_json::{Value, json};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

pub fn told(world: &World, payload: &Value, defaults: StackDefaults) -> Result<Value, Error> {
    let clock = world.clone();
    let digest = Digest {
        cloud: world.clone(),
        ledger: world.clone(),
        costs: world.clone(),
        outbox: world.clone(),
        defaults: StackDefaults {
            topic: "arn:aws:sns:eu-west-1:123456789012:topic".into(),
            ..defaults
        },
        clock: Box::new(move || clock.state().now),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:digest";
    runtime.block_on(digest.handle_request(payload, arn))
}

/// The page of the day until seven o'clock of the world's second day.
fn page(world: &World) -> (String, String) {
    let answer = told(
        world,
        &json!({"day": "2026-11-22"}),
        StackDefaults::default(),
    )
    .unwrap();
    (
        answer["title"].as_str().unwrap().to_owned(),
        answer["text"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn a_quiet_day_is_three_lines() {
    let world = World::new();
    world.web();
    world.database("orders", "keep=7d");
    world.advance(HOUR * 12);
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(HOUR * 16);
    let (title, text) = page(&world);
    assert_eq!(title, "daily report: no activity");
    insta::assert_snapshot!(text, @"
    From Sat 21 Nov 07:00 UTC to Sun 22 Nov 07:00 UTC.
    No releases, scaling, incidents or open findings.
    Lamplighter manages 1 service and 1 database; the oldest recovery point is 16 h old (orders).
    ");
}

#[test]
fn a_busy_day_is_told_section_by_section() {
    let world = World::new();
    let arn = world.web();
    world.database("orders", "keep=7d");
    world.advance(HOUR * 12);
    world.sweep(&Backup).unwrap().unwrap();
    let push = world.push("shop/web", "RC_1.4.2", 2);
    world.invoke(&Deploy, push).unwrap().unwrap();
    let tags = [
        ("freeze", "mon-fri 12:00-14:00"),
        ("silence", "until=2026-12-01T08:00Z"),
    ];
    for (key, value) in tags {
        world
            .state_mut()
            .tags
            .get_mut(&arn)
            .unwrap()
            .insert(format!("lamplighter:{key}"), value.to_owned());
    }
    world.advance(HOUR * 16);
    let (title, text) = page(&world);
    assert_eq!(title, "daily report: 1 release");
    insta::assert_snapshot!(text, @r#"
    From Sat 21 Nov 07:00 UTC to Sun 22 Nov 07:00 UTC.

    Releases
    - shop/web: RC_1.4.2 (sha256:00000000), Sat 21 Nov 15:00 UTC, in progress

    Backups
    - orders: newest backup 16 h old, 1 in total, recovery point 16 h old, never drilled
    - To restore one: the button Restore of the status widget, or invoke the function of the output DigestFunction with {"restore": "orders"}.

    Paused, silenced
    - shop/web: silenced until 2026-12-01 08:00 UTC

    Lamplighter manages 1 service and 1 database; the oldest recovery point is 16 h old (orders).
    "#);
}

#[test]
fn an_incident_is_told_with_how_long_it_lasted() {
    let mut heal_world = HealWorld::new();
    heal_world.world.advance(HOUR * 5);
    let web = heal_world.service("web", 3, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(30);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(60);
    heal_world.world.advance(HOUR * 24);
    let (title, text) = page(&heal_world.world);
    assert!(title.contains("1 incident"), "{title}\n{text}");
    assert!(
        text.contains("[CRITICAL] shop/web: ")
            && text.contains(" - crash loop (exit 1)")
            && text.contains("lasted 3"),
        "{text}"
    );
}

/// Pauses and silences by request are listed until they end.
#[test]
fn requests_in_effect_are_told() {
    let world = World::new();
    world.web();
    let topic = "arn:aws:sns:eu-west-1:123456789012:topic";
    for body in [
        json!({"command": "pause", "everything": true, "reason": "migration"}),
        json!({"command": "pause", "target": "shop/web", "reason": "load test", "until": "2026-11-21T05:00Z"}),
        json!({"command": "silence", "target": "shop/web", "reason": "load test", "until": "2026-12-01T08:00Z"}),
    ] {
        let defaults = StackDefaults {
            topic: topic.into(),
            ..StackDefaults::default()
        };
        let call = call_payload(&world, &body);
        let answer = world.invoke_with(&RequestOperation, call, defaults);
        assert_eq!(answer.unwrap().unwrap()["statusCode"], 200);
    }
    world.advance(HOUR * 28);
    let (_, text) = page(&world);
    for line in [
        "- everything: paused by alice since 2026-11-21 03:00 UTC: migration",
        "- shop/web: silenced until 2026-12-01 08:00 UTC by alice since 2026-11-21 03:00 UTC: load test",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("shop/web: paused"), "{text}");
}

#[test]
fn what_ends_soon_is_told() {
    let world = World::new();
    let web = world.web();
    let until = "lamplighter:silence".to_owned();
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert(until, "until=2026-11-22T12:00Z".to_owned());
    for (name, days) in [("orders", 59), ("users", 90)] {
        let arn = Arn::new(format!("arn:aws:rds:eu-west-1:123456789012:db:{name}"));
        world.keep_database(&arn, "keep=7d", |database| Database {
            identifier: name.to_owned(),
            certificate_until: Some(BEGINNING + HOUR * 24 * days),
            ..database
        });
    }
    world.advance(HOUR * 28);
    let (title, text) = page(&world);
    assert!(title.contains("2 ending soon"), "{title}");
    let soon = text.split("Ending soon\n").nth(1).unwrap_or_default();
    assert!(
        soon.starts_with(
            "- orders: the server certificate expires on 2027-01-19: choose another certificate authority\n"
        ),
        "{text}"
    );
    assert!(
        soon.contains("- shop/web: the silence ends on 2026-11-22 12:00 UTC")
            && !text.contains("users: the"),
        "{text}"
    );
}

#[test]
fn costs_are_told_by_application_with_the_mean_of_the_week_before() {
    let world = World::new();
    let arn = world.web();
    world
        .state_mut()
        .held
        .entry(arn)
        .or_default()
        .memory
        .findings
        .insert("f".into(), "has no alarm".into());
    world.advance(HOUR * 28);
    for back in 1..9_i64 {
        let day = date(2026, 11, 22).saturating_sub(back.days());
        let spent = |of: &str, service: &str, amount| DailyCost {
            day,
            tag_value: of.into(),
            service: service.into(),
            amount,
            unit: "USD".into(),
        };
        let more = if back == 1 { 2.0 } else { 0.0 };
        let all = [
            ("lamplighter:app", spent("shop", "Amazon ECS", 5.0 + more)),
            ("lamplighter:app", spent("shop", "Amazon RDS", 5.0)),
            (
                "aws:cloudformation:stack-name",
                spent("lamplighter", "AWS Lambda", 0.02),
            ),
        ];
        world
            .state_mut()
            .spent
            .extend(all.map(|(tag, spent)| (tag.to_owned(), spent)));
    }
    let asks = || StackDefaults {
        costs: true,
        ..StackDefaults::default()
    };
    let text = || told(&world, &json!({"day": "2026-11-22"}), asks()).unwrap()["text"].to_string();
    let known = text();
    assert!(
        known.contains("shop: 12.00 USD (7-day mean 10.00 USD, +20 %): Amazon ECS 7.00 USD, Amazon RDS 5.00 USD"),
        "{known}"
    );
    assert!(known.contains("this stack: 0.02 USD"), "{known}");
    // In the morning the last day may not be there yet.
    world
        .state_mut()
        .spent
        .retain(|(_, spent)| spent.day < date(2026, 11, 21));
    let late = text();
    assert!(
        late.contains(
            "shop: 10.00 USD on 2026-11-20, the newest day with costs (7-day mean 10.00 USD"
        ),
        "{late}"
    );
    world.inject_fault("GetCostAndUsage", Fault::Throttled);
    assert!(text().contains("not available: ThrottlingException"));
}

#[test]
fn a_dashboard_shows_how_each_target_is_and_what_was_done_escaped_in_its_colours() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(30);
    let script = "<script>alert('x')</script>";
    let hold = Hold::new(HoldKind::Scan, script);
    heal_world
        .world
        .state_mut()
        .held
        .get_mut(&web)
        .unwrap()
        .memory
        .track_hold("deploy", Some(hold), BEGINNING);
    let shown = |theme: &str| {
        let asked = json!({"widgetContext": {"theme": theme, "timeRange": {"mode": "relative"}}});
        told(&heal_world.world, &asked, StackDefaults::default())
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (light, dark) = (shown("light"), shown("dark"));
    assert!(
        light.contains("shop/web") && light.contains("crash loop (exit 1)"),
        "{light}"
    );
    assert!(
        !light.contains("<script>") && light.contains("&lt;script&gt;alert(&#39;x&#39;)"),
        "{light}"
    );
    assert_ne!(light, dark);
    assert_eq!(light.matches("role=\"list\"").count(), 2);
    let opened = light.matches("<div").count();
    assert!(opened > 3 && opened == light.matches("</div>").count());
    let described = told(
        &heal_world.world,
        &json!({"describe": true}),
        StackDefaults::default(),
    )
    .unwrap();
    assert!(described.as_str().unwrap().starts_with("### Lamplighter"));
    assert_eq!(
        heal_world
            .world
            .state()
            .notices
            .iter()
            .filter(|notice| notice.source == lamplighter::Function::Digest.into())
            .count(),
        0
    );
}

#[rstest]
#[case::at_its_hour("Europe/Rome", 7, true)]
#[case::an_hour_later("Europe/Rome", 6, false)]
#[case::elsewhere("Asia/Tokyo", 7, false)]
fn it_is_told_at_the_stacks_hour(
    #[case] zone: &str,
    #[case] digest_hour: u32,
    #[case] is_told: bool,
) {
    let world = World::new();
    // Six in the morning, UTC.
    world.advance(HOUR * 3);
    let time_zone = TimeZone::get(zone).unwrap();
    let hourly = json!({"detail-type": "Scheduled Event"});
    told(
        &world,
        &hourly,
        StackDefaults {
            digest_hour,
            time_zone,
            ..StackDefaults::default()
        },
    )
    .unwrap();
    assert_eq!(world.titles().len(), usize::from(is_told));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let world = World::new();
    let asked = |day: &str| {
        told(&world, &json!({"day": day}), StackDefaults::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        asked("tomorrow"),
        r#"day "tomorrow" is not a date such as "2026-11-21""#
    );
    assert_eq!(asked("2027-01-01"), "day is in the future");
    let off = StackDefaults {
        mode: Mode::Off,
        ..StackDefaults::default()
    };
    assert_eq!(
        told(&world, &json!({"day": "2026-11-21"}), off).unwrap(),
        json!({"mode": "off"})
    );
}
