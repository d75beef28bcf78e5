//! The one status: what the widget and the daily report say about targets that the real operations left in each state.

use std::collections::BTreeMap;

use backup::Backup;
use deploy::Deploy;
use digest::Window;
use digest::inputs::ReportInputs;
use digest::report::DailyReport;
use digest::text::{render_body, render_title};
use digest::widget::{parse_window, render_html};
use e2e::testkit::healing::HealWorld;
use e2e::testkit::releases::{MINUTE, digest as image_digest, minutes, release_and_fail};
use e2e::testkit::requests::request;
use e2e::testkit::world::tasks::Conduct;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use lamplighter::model::Arn;
use lamplighter::policy::StackDefaults;
use lamplighter::status::{Condition, TargetStatus};
use rstest::rstest;
use serde_json::{Value, json};

/// Reads the report of the last day, as the widget does.
fn read_report(world: &World) -> (DailyReport, ReportInputs) {
    let now = world.state().now;
    let window = Window {
        from: now - SignedDuration::from_hours(24),
        to: now,
        zone: TimeZone::UTC,
    };
    read_window(world, &window)
}

fn read_window(world: &World, window: &Window) -> (DailyReport, ReportInputs) {
    let defaults = StackDefaults::default();
    let now = world.state().now;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let inputs = runtime
        .block_on(ReportInputs::read_all(
            (world, world, world),
            window,
            now,
            &defaults,
        ))
        .unwrap();
    (
        DailyReport::from_inputs(&inputs, window, now, &defaults),
        inputs,
    )
}

/// Returns the status of each target by its name.
fn assess(world: &World) -> BTreeMap<String, TargetStatus> {
    let (report, _) = read_report(world);
    let statuses = report.statuses.into_iter();
    statuses
        .map(|status| (status.name.clone(), status))
        .collect()
}

fn render(world: &World, parameters: &Value) -> String {
    let (report, inputs) = read_report(world);
    let mut payload = json!({"widgetContext": {"theme": "light"}});
    for (key, value) in parameters.as_object().unwrap() {
        payload[key] = value.clone();
    }
    let endpoint = "arn:aws:lambda:eu-west-1:123456789012:function:digest";
    render_html(
        &report,
        &inputs,
        &payload,
        endpoint,
        &StackDefaults::default(),
    )
}

fn set_tag(world: &World, arn: &Arn, key: &str, value: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(arn).unwrap();
    tags.insert(format!("lamplighter:{key}"), value.to_owned());
}

/// Makes a service that tracks `RC_x.x.x` in a repository of its own name, with these options, and pushes a newer image.
fn service_with_push(world: &World, name: &str, options: &str) -> Arn {
    let repository = format!("shop/{name}");
    let arn = settled_service(world, name, options);
    world.push(&repository, "RC_1.1.0", 11);
    arn
}

/// Makes a service that runs the newest image of `RC_x.x.x`, which it tracks with these options.
fn settled_service(world: &World, name: &str, options: &str) -> Arn {
    let repository = format!("shop/{name}");
    let tag = format!("tag=RC_x.x.x repo={repository} {options}");
    let image = format!("RC_1.0.0@{}", image_digest(10));
    world.push(&repository, "RC_1.0.0", 10);
    world.service(name, &repository, &image, &tag)
}

fn remove_platform(world: &World, name: &str) {
    let key = (format!("shop/{name}"), "RC_1.1.0".to_owned());
    let mut state = world.state_mut();
    let (_, platforms, _) = state.images.get_mut(&key).unwrap();
    *platforms = Some(Vec::new());
}

/// Each of these services waits for something or can't work, so that none is healthy, and each says why.
#[test]
fn services_in_nine_states_are_told_apart() {
    let world = World::new();
    service_with_push(&world, "approval", "approve=yes");
    service_with_push(&world, "platform", "");
    remove_platform(&world, "platform");
    service_with_push(&world, "scan", "scan=high");
    service_with_push(&world, "unreadable", "approved=yes");
    let unreadable_freeze = service_with_push(&world, "unreadable-freeze", "");
    set_tag(&world, &unreadable_freeze, "freeze", "friday afternoon");
    world.service(
        "no-match",
        "shop/no-match",
        "RC_1.0.0",
        "tag=V_x.x.x repo=shop/no-match",
    );
    world.push("shop/no-match", "RC_1.1.0", 11);
    let paused = service_with_push(&world, "paused", "");
    set_tag(&world, &paused, "managed", "paused");
    let observed = settled_service(&world, "observed", "");
    set_tag(&world, &observed, "managed", "observe");
    // The world begins on a Saturday at 03:00 UTC.
    let frozen = settled_service(&world, "frozen", "");
    set_tag(&world, &frozen, "freeze", "daily 02:00-08:00");
    let untagged = settled_service(&world, "untagged", "");
    world
        .state_mut()
        .tags
        .get_mut(&untagged)
        .unwrap()
        .remove("lamplighter:managed");
    settled_service(&world, "fine", "");
    minutes(&world, 6);
    let statuses = assess(&world);
    let summary: Vec<String> = statuses
        .values()
        .map(|status| {
            let lines = status.describe(world.state().now);
            let lines = lines
                .iter()
                .map(|line| format!("{} / {}", line.what, line.next));
            format!(
                "{} [{}] {}",
                status.name,
                status.condition.label(),
                lines.collect::<Vec<_>>().join(" | ")
            )
        })
        .collect();
    insta::assert_snapshot!(summary.join("\n"));
}

/// The daily report lists what needs attention first, the worst before the others, and each finding once.
#[test]
fn the_report_begins_with_what_needs_attention() {
    let mut heal_world = HealWorld::new();
    let crashing = heal_world.service("crashing", 3, "on");
    heal_world.set(&crashing, Conduct::Crashes);
    heal_world.minutes(20);
    let world = &heal_world.world;
    service_with_push(world, "approval", "approve=yes");
    service_with_push(world, "unreadable", "approved=yes");
    world.database("orders", "keep=7d");
    minutes(world, 6);
    for name in ["approval", "unreadable"] {
        let arn = crashing.sibling_service("shop", name);
        let mut state = world.state_mut();
        let memory = &mut state.held.entry(arn).or_default().memory;
        let title = "no alarm for HTTP 5xx".to_owned();
        memory.findings.insert("no-alarm".to_owned(), title);
    }
    let (report, _) = read_report(world);
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        render_title(&report),
        render_body(&report)
    ));
}

/// What ends a hold ends the status as well.
#[rstest]
#[case::approval("approve=yes", "approve", "RC_1.1.0")]
#[case::freeze("", "freeze", "daily 12:00-13:00")]
fn a_hold_ends_with_its_cause(#[case] options: &str, #[case] key: &str, #[case] value: &str) {
    let world = World::new();
    let web = service_with_push(&world, "web", options);
    if key == "freeze" {
        set_tag(&world, &web, "freeze", "daily 02:00-08:00");
    }
    minutes(&world, 6);
    assert_eq!(assess(&world)["shop/web"].condition, Condition::Held);
    set_tag(&world, &web, key, value);
    minutes(&world, 6);
    let status = &assess(&world)["shop/web"];
    assert_eq!(status.condition, Condition::Changing, "{status:?}");
    assert_eq!(status.version.as_ref().unwrap().label(), "RC_1.1.0");
    world.state_mut().settle(&web);
    minutes(&world, 6);
    let status = &assess(&world)["shop/web"];
    assert_eq!(status.condition, Condition::Healthy, "{status:?}");
    assert_eq!(status.version.as_ref().unwrap().label(), "RC_1.1.0");
}

/// A hold keeps its beginning while its cause stays, whatever other events arrive meanwhile.
#[test]
fn a_hold_keeps_its_beginning() {
    let world = World::new();
    service_with_push(&world, "web", "approve=yes");
    minutes(&world, 6);
    let since = assess(&world)["shop/web"].holds[0].since;
    assert!(since.is_some());
    let other = world.push("shop/web", "feature-1", 12);
    let _ = world.invoke(&Deploy, other);
    minutes(&world, 30);
    assert_eq!(assess(&world)["shop/web"].holds[0].since, since);
}

/// A release that failed for its environment is held until its next attempt.
#[test]
fn what_failed_for_its_environment_is_held_until_its_next_attempt() {
    let world = World::new();
    let web = world.web();
    release_and_fail(&world, &web, "RESOURCE:MEMORY");
    minutes(&world, 3);
    let status = &assess(&world)["shop/web"];
    let lines = status.describe(world.state().now);
    assert_eq!(status.condition, Condition::Held, "{lines:?}");
    assert!(lines[0].next.starts_with("Until 03:"), "{lines:?}");
    assert_eq!(status.version.as_ref().unwrap().label(), "RC_1.1.0");
}

/// A target that AWS doesn't let Lamplighter read, or change, is not healthy until it does.
#[rstest]
#[case::read("DescribeTaskDefinition")]
#[case::change("UpdateService")]
fn what_aws_refuses_is_told(#[case] call: &'static str) {
    let world = World::new();
    let web = service_with_push(&world, "web", "");
    for _ in 0..3 {
        world.inject_fault(call, Fault::Throttled);
    }
    minutes(&world, 1);
    world.state_mut().faults.clear();
    let status = &assess(&world)["shop/web"];
    let lines = status.describe(world.state().now);
    assert_eq!(status.condition, Condition::Held, "{lines:?}");
    assert!(lines[0].what.starts_with("deploy held: "), "{lines:?}");
    minutes(&world, 10);
    world.state_mut().settle(&web);
    minutes(&world, 6);
    let status = &assess(&world)["shop/web"];
    assert_eq!(status.condition, Condition::Healthy, "{status:?}");
}

/// An incident that is open now is seen, whatever period the dashboard shows.
#[test]
fn the_period_of_the_dashboard_hides_no_incident() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.minutes(30);
    let before = heal_world.world.state().now;
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(30);
    let range =
        json!({"start": (before - MINUTE * 30).as_millisecond(), "end": before.as_millisecond()});
    let payload = json!({"widgetContext": {"theme": "light", "timeRange": range}});
    let now = heal_world.world.state().now;
    let window = parse_window(&payload, now, &TimeZone::UTC).unwrap();
    assert_eq!(window.to, before);
    let (report, _) = read_window(&heal_world.world, &window);
    assert_eq!(report.statuses[0].condition, Condition::Critical);
    assert!(report.incidents.is_empty());
}

/// A crash loop is critical, and the status says what was tried.
#[test]
fn an_incident_comes_first() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.service("api", 3, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(30);
    let (report, _) = read_report(&heal_world.world);
    let conditions: Vec<(&str, Condition)> = report
        .statuses
        .iter()
        .map(|status| (status.name.as_str(), status.condition))
        .collect();
    assert_eq!(
        conditions,
        [
            ("shop/web", Condition::Critical),
            ("shop/api", Condition::Healthy)
        ]
    );
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(60);
    let status = &assess(&heal_world.world)["shop/web"];
    assert_eq!(status.condition, Condition::Healthy, "{status:?}");
}

/// A pause of everything, by request, is the state of each target, and stands above them all.
#[test]
fn a_pause_of_everything_is_seen() {
    let world = World::new();
    service_with_push(&world, "web", "approve=yes");
    minutes(&world, 6);
    request(
        &world,
        &json!({"command": "pause", "everything": true, "reason": "migration"}),
    );
    minutes(&world, 6);
    let status = &assess(&world)["shop/web"];
    assert_eq!(status.condition, Condition::Paused, "{status:?}");
    let html = render(&world, &json!({}));
    assert!(
        html.contains("everything: paused by alice since 2026-11-21 03:06 UTC: migration"),
        "{html}"
    );
}

/// A database is unprotected until it has a recovery point.
#[test]
fn a_database_without_a_recovery_point_is_unprotected() {
    let world = World::new();
    world.database("orders", "keep=7d");
    assert_eq!(assess(&world)["orders"].condition, Condition::Unprotected);
    world.advance(SignedDuration::from_hours(12));
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(SignedDuration::from_hours(1));
    let status = &assess(&world)["orders"];
    assert_eq!(status.condition, Condition::Healthy, "{status:?}");
}

/// 200 targets stay readable: those that need attention come first, healthy ones are counted, and filters show the rest.
#[test]
fn the_widget_is_usable_with_200_targets() {
    let world = World::new();
    for n in 0..200 {
        let name = format!("s{n:03}");
        let arn = settled_service(&world, &name, "");
        let app = if n % 2 == 0 { "shop" } else { "billing" };
        set_tag(&world, &arn, "app", app);
        if n % 50 == 7 {
            set_tag(&world, &arn, "deploy", "tagg=RC_x.x.x");
        }
    }
    let rows = |parameters: &Value| {
        let html = render(&world, parameters);
        let rows = html.matches("role=\"listitem\"").count();
        (html, rows)
    };
    let (html, all) = rows(&json!({}));
    // Four misconfigured ones, the line that counts the healthy ones, and the one of the actions.
    assert_eq!(all, 6, "{html}");
    assert!(html.contains("196 more are healthy") && html.contains("4 misconfigured"));
    assert!(html.contains("billing (100)") && html.contains("shop (100)"));
    let (_, healthy) = rows(&json!({"state": "healthy"}));
    assert_eq!(healthy, 197);
    let (html, of_app) = rows(&json!({"app": "shop", "state": "misconfigured"}));
    // The four have odd numbers.
    assert_eq!(of_app, 2, "{html}");
    assert!(html.contains("No target matches this filter."));
    let (html, _) = rows(&json!({"state": "helthy"}));
    assert!(html.contains("No state is called helthy. The states are critical,"));
    assert!(html.len() < 1_000_000);
}

/// CloudWatch takes out scripts, iframes and `use`; buttons call the function again.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_security.html>
#[test]
fn the_widget_is_what_cloudwatch_allows() {
    let world = World::new();
    let web = service_with_push(&world, "web", "approve=yes");
    set_tag(&world, &web, "deploy", "tag=<script>alert('x')</script>");
    set_tag(&world, &web, "app", "<b>\"shop\"</b>");
    let api = settled_service(&world, "api", "");
    set_tag(&world, &api, "app", "shop");
    minutes(&world, 6);
    let html = render(&world, &json!({}));
    for taken_out in [
        "<script",
        "<iframe",
        "<use",
        "<object",
        "<embed",
        "<link",
        "javascript:",
        " on",
    ] {
        let found = html.match_indices(taken_out).any(|(at, _)| {
            // A handler is an attribute; the word `on` is not.
            taken_out != " on"
                || html[at..]
                    .find('=')
                    .is_some_and(|end| end < 14 && !html[at..at + end].contains(['<', '>', ';']))
        });
        assert!(!found, "{taken_out}: {html}");
    }
    let actions = html.matches("<cwdb-action action=\"call\" display=\"widget\" endpoint=\"arn:aws:lambda:eu-west-1:123456789012:function:digest\">").count();
    assert!(actions >= 4 && actions == html.matches("</cwdb-action>").count());
    // Each belongs to the element before it.
    assert_eq!(html.matches("</a><cwdb-action").count(), actions);
    assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
}
