//! Grouping, timing and suppression of notifications: decisions on constant times.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use alert::dispatcher::mark_pending;
use alert::expiry::{expire_conditions, list_expired_incidents};
use alert::grouping::ingest_notification;
use alert::notification::{NotificationKind, due_kind, mark_notified};
use alert::rate_limit::{Delivery, Route, due_notifications, plan_deliveries, record_delivery};
use alert::suppression::suppression_reason;
use jiff::{SignedDuration, Timestamp};
use lamplighter::Function;
use lamplighter::model::Arn;
use lamplighter::model::{AwsService, Cause};
use lamplighter::notify::Source;
use lamplighter::notify::incident::{Incident, IncidentId};
use lamplighter::notify::{
    ACKNOWLEDGED_PREFIX, Message, Notification, RELEASE_CONDITION, SILENCE_PREFIX, Severity,
};
use lamplighter::policy::TimeWindow;
use lamplighter::ports::incidents::DispatcherState;
use rstest::rstest;

const MAIL: &str = "e-mail";
const INTERVAL: SignedDuration = SignedDuration::from_mins(5);

fn mail() -> Route {
    Route {
        channel: MAIL.into(),
        interval: INTERVAL,
        messages_per_minute: 8,
        min_severity: Severity::Info,
        apps: Vec::new(),
        escalates_after: None,
        quiet: Vec::new(),
        shows_acknowledgements: false,
        has_buttons: false,
    }
}

fn at(minute: i64) -> Timestamp {
    let three: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    three + SignedDuration::from_mins(minute)
}

fn service(name: &str) -> Arn {
    Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}"
    ))
}

fn notice(source: impl Into<Source>, target: Arn, minute: i64, message: Message) -> Notification {
    Notification {
        runbook: None,
        message,
        at: at(minute),
        source: source.into(),
        name: target.display_name(),
        app: Some("shop".into()),
        stack: "lamplighter".into(),
        link: "https://console.example".into(),
        silenced_until: None,
        target,
    }
}

fn crash(minute: i64) -> Notification {
    notice(
        Function::Heal,
        service("web"),
        minute,
        Message::warning(format!("crashes ({minute})")).fires_until_resolved("heal:1"),
    )
}

fn crash_of(name: &str) -> Notification {
    notice(
        Function::Heal,
        service(name),
        0,
        Message::warning("crashes").fires_until_resolved("heal:1"),
    )
}

fn well(minute: i64) -> Notification {
    notice(
        Function::Heal,
        service("web"),
        minute,
        Message::info("2/2 tasks healthy again").resolves("heal:1"),
    )
}

fn called(minute: i64) -> Notification {
    notice(
        Function::Heal,
        service("web"),
        minute,
        Message::critical("nothing helped").fires_until_resolved("heal:1:called"),
    )
}

fn down(minute: i64) -> Notification {
    let orders = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    notice(
        Source::Aws(AwsService::Rds),
        orders,
        minute,
        Message::critical("is full and was shut down").fires("down"),
    )
}

fn desk(notices: &[Notification]) -> DispatcherState {
    let mut desk = DispatcherState::default();
    for notice in notices {
        ingest_notification(&mut desk, notice);
    }
    desk
}

fn only(desk: &mut DispatcherState) -> &mut Incident {
    assert_eq!(desk.incidents.len(), 1, "{:?}", desk.incidents);
    desk.incidents.values_mut().next().unwrap()
}

fn now_due(incident: &Incident, minute: i64) -> Option<NotificationKind> {
    due_kind(incident, MAIL, INTERVAL, at(minute))
}

fn tell(incident: &mut Incident, minute: i64) -> Option<NotificationKind> {
    let kind = now_due(incident, minute)?;
    mark_notified(incident, MAIL, kind, None, at(minute));
    Some(kind)
}

#[test]
fn an_incident_fires_is_updated_every_five_minutes_reminds_and_resolves() {
    let mut desk = desk(&[crash(0)]);
    assert_eq!(tell(only(&mut desk), 0), Some(NotificationKind::Firing));
    ingest_notification(&mut desk, &crash(2));
    assert_eq!(tell(only(&mut desk), 4), None);
    ingest_notification(&mut desk, &crash(4));
    assert_eq!(tell(only(&mut desk), 5), Some(NotificationKind::Updated));
    assert_eq!(tell(only(&mut desk), 240), None);
    assert_eq!(tell(only(&mut desk), 245), Some(NotificationKind::Reminder));
    ingest_notification(&mut desk, &well(250));
    assert_eq!(tell(only(&mut desk), 250), Some(NotificationKind::Resolved));
    assert_eq!(tell(only(&mut desk), 2_000), None);
    assert_eq!(list_expired_incidents(&desk, at(309)), []);
    assert_eq!(list_expired_incidents(&desk, at(310)).len(), 1);
}

#[test]
fn a_higher_severity_is_sent_at_once() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    ingest_notification(&mut desk, &called(1));
    assert_eq!(tell(only(&mut desk), 1), Some(NotificationKind::Updated));
    ingest_notification(&mut desk, &called(2));
    assert_eq!(now_due(only(&mut desk), 2), None);
}

#[test]
fn an_incident_that_resolves_before_it_is_notified_is_not_sent() {
    let mut desk = desk(&[crash(0), called(0), well(0)]);
    assert_eq!(now_due(only(&mut desk), 0), None);
    assert_eq!(list_expired_incidents(&desk, at(60)).len(), 1);
}

#[test]
fn a_quick_release_is_sent_all_the_same() {
    let release = |message| notice(Function::Deploy, service("web"), 0, message);
    let begins = release(Message::info("rolling out").fires(RELEASE_CONDITION));
    let live = notice(
        Function::Rollout,
        service("web"),
        0,
        Message::info("is live").clears(RELEASE_CONDITION),
    );
    let mut desk = desk(&[begins, live]);
    assert_eq!(tell(only(&mut desk), 0), Some(NotificationKind::Firing));
    assert_eq!(now_due(only(&mut desk), 10), None);
}

/// A release that was rolled back is not announced as resolved, but every channel reports it.
#[test]
fn a_failed_release_is_news_on_every_channel() {
    let begins = notice(
        Function::Deploy,
        service("web"),
        0,
        Message::info("rolling out").fires(RELEASE_CONDITION),
    );
    let back = notice(
        Function::Rollout,
        service("web"),
        9,
        Message::warning("failed and was rolled back").clears(RELEASE_CONDITION),
    );
    let mut desk = desk(&[begins]);
    assert_eq!(tell(only(&mut desk), 0), Some(NotificationKind::Firing));
    ingest_notification(&mut desk, &back);
    assert_eq!(now_due(only(&mut desk), 9), Some(NotificationKind::Info));
    let ops = Route {
        channel: "ops".into(),
        min_severity: Severity::Warning,
        ..mail()
    };
    assert!(matches!(
        &plan_deliveries(&desk, &ops, at(9))[..],
        [Delivery::Single(_, NotificationKind::Info)]
    ));
}

#[test]
fn an_incident_that_resolves_while_its_channel_is_broken_is_sent_and_resolved() {
    let mut desk = desk(&[crash(0)]);
    only(&mut desk).deliveries.entry(MAIL.into()).or_default();
    ingest_notification(&mut desk, &well(30));
    assert_eq!(tell(only(&mut desk), 60), Some(NotificationKind::Firing));
    assert_eq!(tell(only(&mut desk), 65), Some(NotificationKind::Resolved));
}

#[test]
fn an_alarm_that_returns_to_ok_without_having_fired_is_not_sent() {
    let off = notice(
        Source::Aws(AwsService::CloudWatch),
        service("web"),
        0,
        Message::info("alarm x is OK").clears("alarm:x"),
    );
    assert!(desk(std::slice::from_ref(&off)).incidents.is_empty());
    let on = notice(
        Source::Aws(AwsService::CloudWatch),
        service("web"),
        1,
        Message::warning("alarm x is in ALARM").fires("alarm:x"),
    );
    let off = Notification { at: at(2), ..off };
    let mut desk = desk(&[on, off]);
    assert_eq!(only(&mut desk).resolved_at, Some(at(2)));
}

#[test]
fn a_warning_during_a_quick_release_is_sent() {
    let said = |message| notice(Function::Deploy, service("web"), 0, message);
    let warning = said(Message::warning("can't shift traffic"));
    let begins = said(Message::info("rolling out").fires(RELEASE_CONDITION));
    let live = notice(
        Function::Rollout,
        service("web"),
        0,
        Message::info("is live").clears(RELEASE_CONDITION),
    );
    let mut desk = desk(&[warning, begins, live]);
    assert_eq!(tell(only(&mut desk), 0), Some(NotificationKind::Firing));
    assert_eq!(only(&mut desk).lines.len(), 3);
}

#[test]
fn duplicates_and_late_notifications_change_nothing() {
    let mut desk = desk(&[crash(0), crash(0)]);
    assert_eq!(only(&mut desk).line_count, 1);
    let mut late = self::desk(&[well(2), crash(0)]);
    let incident = only(&mut late);
    assert!(
        incident.firing.is_empty() && incident.resolved_at == Some(at(2)),
        "{incident:?}"
    );
    ingest_notification(&mut late, &crash(3));
    assert_eq!(only(&mut late).resolved_at, None);
}

#[test]
fn an_acknowledged_incident_sends_no_reminder_and_still_resolves() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    let acknowledge = |token: &str| {
        notice(
            Function::Heal,
            service("web"),
            1,
            Message::info("").deduplicated_by(format!("{ACKNOWLEDGED_PREFIX}{token}")),
        )
    };
    ingest_notification(&mut desk, &acknowledge("another"));
    assert_eq!(
        now_due(only(&mut desk), 240),
        Some(NotificationKind::Reminder)
    );
    let token = only(&mut desk).occurrence_token();
    ingest_notification(&mut desk, &acknowledge(&token));
    assert_eq!(now_due(only(&mut desk), 1_000), None);
    ingest_notification(&mut desk, &well(1_000));
    assert_eq!(
        now_due(only(&mut desk), 1_000),
        Some(NotificationKind::Resolved)
    );
}

/// A certificate is reported again as its end comes nearer, so that a warning about it is not repeated in between.
#[test]
fn a_certificate_is_repeated_only_once_it_is_critical() {
    let report = |minute: i64, message: Message| {
        let message = message.fires("certificate:1");
        notice(Function::Certificates, service("web"), minute, message)
    };
    let mut desk = desk(&[report(0, Message::warning("expires within 30 days"))]);
    tell(only(&mut desk), 0);
    let day = 24 * 60;
    for n in 1..6 {
        ingest_notification(
            &mut desk,
            &report(n * day, Message::warning("expires within 30 days")),
        );
        expire_conditions(&mut desk, at((n + 1) * day));
        assert_eq!(now_due(only(&mut desk), (n + 1) * day), None, "day {n}");
    }
    ingest_notification(
        &mut desk,
        &report(6 * day, Message::critical("expires within 3 days")),
    );
    assert_eq!(
        now_due(only(&mut desk), 6 * day),
        Some(NotificationKind::Updated)
    );
    tell(only(&mut desk), 6 * day);
    assert_eq!(
        now_due(only(&mut desk), 6 * day + 240),
        Some(NotificationKind::Reminder)
    );
    let renewed = Message::info("renewed").clears("certificate:1");
    let renewed = notice(Function::Certificates, service("web"), 7 * day, renewed);
    ingest_notification(&mut desk, &renewed);
    assert_eq!(
        now_due(only(&mut desk), 7 * day),
        Some(NotificationKind::Resolved)
    );
}

#[test]
fn a_silence_ends_by_itself() {
    let silenced = |notice: Notification| Notification {
        silenced_until: Some(at(60)),
        ..notice
    };
    let desk = desk(&[silenced(crash(0))]);
    let incident = desk.incidents.values().next().unwrap();
    assert_eq!(
        suppression_reason(incident, &desk, at(59)),
        Some("silenced until 2026-11-21T04:00:00Z".to_owned())
    );
    assert_eq!(suppression_reason(incident, &desk, at(60)), None);
    // An incident that was notified before is silenced as well.
    let mut desk = self::desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    ingest_notification(
        &mut desk,
        &silenced(notice(
            Function::Scale,
            service("web"),
            1,
            Message::info("").deduplicated_by(format!("{SILENCE_PREFIX}4")),
        )),
    );
    let incident = only(&mut desk).clone();
    assert!(incident.line_count == 1 && suppression_reason(&incident, &desk, at(59)).is_some());
}

/// A silence holds back alerts, not the end of what was sent before: an alert in PagerDuty would stay open.
#[test]
fn the_resolution_of_what_was_sent_is_never_silenced() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    let silenced = |notice: Notification| Notification {
        silenced_until: Some(at(600)),
        ..notice
    };
    ingest_notification(&mut desk, &silenced(well(30)));
    let incident = only(&mut desk).clone();
    assert_eq!(suppression_reason(&incident, &desk, at(31)), None);
    assert_eq!(now_due(&incident, 31), Some(NotificationKind::Resolved));
    // What was never sent stays silent.
    let quiet = self::desk(&[silenced(crash(0)), silenced(well(30))]);
    let incident = quiet.incidents.values().next().unwrap();
    assert!(suppression_reason(incident, &quiet, at(31)).is_some());
}

/// News without an open alert stays silent, also of an incident that was sent before.
#[test]
fn a_silence_holds_back_what_comes_after_a_resolution() {
    let silenced = |notice: Notification| Notification {
        silenced_until: Some(at(600)),
        ..notice
    };
    let mut resolved = desk(&[crash(0), well(10)]);
    tell(only(&mut resolved), 10);
    tell(only(&mut resolved), 16);
    ingest_notification(&mut resolved, &silenced(crash(20)));
    ingest_notification(&mut resolved, &silenced(well(30)));
    let incident = only(&mut resolved).clone();
    assert!(suppression_reason(&incident, &resolved, at(31)).is_some());
    let news = |minute| {
        let message = Message::info(format!("scaled out ({minute})"));
        notice(Function::Scale, service("web"), minute, message)
    };
    let mut quiet = desk(&[news(0)]);
    tell(only(&mut quiet), 0);
    ingest_notification(&mut quiet, &silenced(news(10)));
    let incident = only(&mut quiet).clone();
    assert!(suppression_reason(&incident, &quiet, at(11)).is_some());
}

fn acknowledge(desk: &mut DispatcherState) {
    let token = only(desk).occurrence_token();
    let message = Message::acknowledgement(&token, "alice in Slack");
    ingest_notification(
        desk,
        &notice(Function::Interact, service("web"), 1, message),
    );
}

/// A channel that shows who works on an incident, such as a thread in Slack.
fn thread() -> Route {
    Route {
        shows_acknowledgements: true,
        messages_per_minute: 2,
        ..mail()
    }
}

/// Threads and alerts show who acknowledged, once, silenced or not; other channels don't.
#[test]
fn an_acknowledgement_is_shown_once_where_it_is_seen() {
    let mut desk = desk(&[crash(0)]);
    let id = only(&mut desk).id();
    acknowledge(&mut desk);
    let due = |desk: &DispatcherState, route: &Route| due_notifications(desk, route, at(2));
    assert_eq!(
        due(&desk, &thread()),
        [(id.clone(), NotificationKind::Firing)],
        "the alert comes first"
    );
    tell(only(&mut desk), 1);
    let shown = [(id, NotificationKind::Acknowledged)];
    assert_eq!(due(&desk, &thread()), shown);
    assert_eq!(due(&desk, &mail()), []);
    let target = only(&mut desk).target.clone();
    desk.silences.insert(target, (at(1), Some(at(60))));
    assert_eq!(due(&desk, &thread()), shown);
    mark_notified(
        only(&mut desk),
        MAIL,
        NotificationKind::Acknowledged,
        None,
        at(2),
    );
    assert_eq!(due(&desk, &thread()), []);
    assert_eq!(now_due(only(&mut desk), 1_000), None, "no reminders");
}

/// An acknowledgement displaces no alert, and a summary could not say whose it is.
#[test]
fn acknowledgements_wait_for_alerts_and_are_in_no_summary() {
    let mut desk = desk(&[crash(0)]);
    let id = only(&mut desk).id();
    tell(only(&mut desk), 0);
    acknowledge(&mut desk);
    for name in ["a", "b", "c"] {
        ingest_notification(&mut desk, &crash_of(name));
    }
    let planned = plan_deliveries(&desk, &thread(), at(2));
    let is_acknowledgement = |delivery: &Delivery| match delivery {
        Delivery::Single(one, _) => *one == id,
        Delivery::Summary(all) => all.iter().any(|(one, _)| *one == id),
    };
    assert_eq!(planned.len(), 2, "{planned:?}");
    assert!(!planned.iter().any(is_acknowledgement), "{planned:?}");
}

/// Who acknowledged a warning has not acknowledged what it became.
#[test]
fn an_incident_that_gets_worse_is_unacknowledged() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    acknowledge(&mut desk);
    ingest_notification(&mut desk, &called(10));
    assert_eq!(only(&mut desk).acknowledged, None);
    assert_eq!(tell(only(&mut desk), 10), Some(NotificationKind::Updated));
    assert_eq!(
        now_due(only(&mut desk), 10 + 240),
        Some(NotificationKind::Reminder)
    );
}

/// Whoever acknowledged the first firing knows nothing of the second.
#[test]
fn an_incident_that_returns_is_unacknowledged() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    only(&mut desk).acknowledged = Some("acknowledged by alice".to_owned());
    ingest_notification(&mut desk, &well(10));
    tell(only(&mut desk), 10);
    ingest_notification(&mut desk, &crash(20));
    assert_eq!(only(&mut desk).acknowledged, None);
    assert_eq!(tell(only(&mut desk), 20), Some(NotificationKind::Updated));
    assert_eq!(now_due(only(&mut desk), 20 + 239), None);
    assert_eq!(
        now_due(only(&mut desk), 20 + 240),
        Some(NotificationKind::Reminder)
    );
}

/// A total outage is told at once, whatever is being tried. A warning waits for the end of the release.
#[test]
fn a_release_holds_back_no_critical_alert() {
    let release = notice(
        Function::Rollout,
        service("web"),
        0,
        Message::info("deploying RC_1.1.0").fires("release"),
    );
    let desk = desk(&[release, crash(1)]);
    let health = |desk: &DispatcherState| {
        let mut incidents = desk.incidents.values();
        incidents
            .find(|incident| incident.firing.keys().any(|key| key.starts_with("heal:")))
            .unwrap()
            .clone()
    };
    assert!(suppression_reason(&health(&desk), &desk, at(2)).is_some());
    let mut desk = desk;
    ingest_notification(&mut desk, &called(2));
    assert_eq!(suppression_reason(&health(&desk), &desk, at(3)), None);
}

#[test]
fn a_database_that_is_down_inhibits_its_services() {
    let mut desk = desk(&[down(0), crash(1)]);
    let texts = plan_deliveries(&desk, &mail(), at(1));
    assert!(
        matches!(&texts[..], [Delivery::Single(id, NotificationKind::Firing)] if desk.incidents[id].name == "orders"),
        "{texts:?}"
    );
    let orders = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    ingest_notification(
        &mut desk,
        &notice(
            Source::Aws(AwsService::Rds),
            orders,
            9,
            Message::info("is back").clears("down"),
        ),
    );
    assert_eq!(
        plan_deliveries(&desk, &mail(), at(9)).len(),
        1,
        "the service, which is still unhealthy"
    );
}

#[test]
fn a_release_in_progress_inhibits_the_health_of_its_tasks() {
    let release = notice(
        Function::Deploy,
        service("web"),
        0,
        Message::info("rolling out").fires(RELEASE_CONDITION),
    );
    let desk = desk(&[release, crash(1)]);
    let crash = IncidentId::for_target(&service("web"), &Cause::Health);
    assert_eq!(
        suppression_reason(&desk.incidents[&crash], &desk, at(1)),
        Some("a release is in progress".to_owned())
    );
    assert_eq!(
        suppression_reason(&desk.incidents[&crash], &desk, at(60)),
        None
    );
}

#[test]
fn a_flapping_incident_is_announced_once_and_resolved_once_quiet() {
    let mut desk = desk(&[]);
    let mut heard = Vec::new();
    for n in 0..6 {
        ingest_notification(&mut desk, &crash(10 * n));
        heard.extend(tell(only(&mut desk), 10 * n));
        ingest_notification(&mut desk, &well(10 * n + 5));
        heard.extend(tell(only(&mut desk), 10 * n + 5));
    }
    let begun = [
        NotificationKind::Firing,
        NotificationKind::Resolved,
        NotificationKind::Updated,
        NotificationKind::Resolved,
        NotificationKind::Updated,
        NotificationKind::Resolved,
    ];
    assert_eq!(heard, [&begun[..], &[NotificationKind::Flapping]].concat());
    assert_eq!(now_due(only(&mut desk), 84), None);
    assert_eq!(
        now_due(only(&mut desk), 85),
        Some(NotificationKind::Resolved)
    );
}

/// Every 50 minutes is too seldom for three returns an hour, and too often for a day of messages.
#[test]
fn an_incident_that_returns_every_50_minutes_is_flapping_too() {
    let mut desk = desk(&[]);
    let mut heard = Vec::new();
    for n in 0..24 {
        let fires_at = 50 * n;
        ingest_notification(&mut desk, &crash(fires_at));
        heard.extend(tell(only(&mut desk), fires_at));
        for minute in [10, 20, 30, 40] {
            if minute == 20 {
                ingest_notification(&mut desk, &well(fires_at + minute));
            }
            expire_conditions(&mut desk, at(fires_at + minute));
            heard.extend(tell(only(&mut desk), fires_at + minute));
        }
    }
    let flapping = heard
        .iter()
        .filter(|kind| **kind == NotificationKind::Flapping);
    assert_eq!(flapping.count(), 1, "{heard:?}");
    assert!(heard.len() < 14, "{heard:?}");
    // The last resolution was 20 minutes after the last return.
    let over = 50 * 23 + 20;
    assert_eq!(now_due(only(&mut desk), over + 119), None);
    assert_eq!(
        now_due(only(&mut desk), over + 120),
        Some(NotificationKind::Resolved)
    );
}

/// DynamoDB takes items of 400 KB, and one that is too large would hold back all others.
#[test]
fn long_lines_of_an_incident_stay_within_an_item() {
    let report = |n: i64| {
        let text = format!("{n} {}", "x".repeat(60_000));
        notice(
            Function::Digest,
            service("web"),
            n,
            Message::info("report").why(text),
        )
    };
    let desk = desk(&(0..12).map(report).collect::<Vec<_>>());
    let incident = desk.incidents.values().next().unwrap();
    let stored = serde_json::to_string(incident).unwrap();
    assert!(stored.len() < 250_000, "{}", stored.len());
    assert!(incident.lines[0].why.starts_with("0 "));
    assert!(incident.lines.last().unwrap().why.starts_with("11 "));
}

/// Many bursts are no slow rhythm: after half an hour without a change, the next message follows.
#[test]
fn bursts_are_calm_after_half_an_hour() {
    let mut desk = desk(&[]);
    for n in 0..14 {
        ingest_notification(&mut desk, &crash(10 * n));
        tell(only(&mut desk), 10 * n);
        if n < 13 {
            ingest_notification(&mut desk, &well(10 * n + 5));
            tell(only(&mut desk), 10 * n + 5);
        }
    }
    assert_eq!(now_due(only(&mut desk), 130 + 29), None);
    assert_eq!(
        now_due(only(&mut desk), 130 + 30),
        Some(NotificationKind::Updated)
    );
}

/// Whatever it did before: a service that serves nothing for half an hour is heard.
#[test]
fn a_critical_incident_that_lasts_is_no_flapping() {
    let mut desk = desk(&[]);
    for n in 0..7 {
        ingest_notification(&mut desk, &called(50 * n));
        tell(only(&mut desk), 50 * n);
        if n < 6 {
            ingest_notification(&mut desk, &well(50 * n + 20));
            tell(only(&mut desk), 50 * n + 20);
        }
    }
    assert_eq!(now_due(only(&mut desk), 300 + 29), None);
    assert_eq!(
        now_due(only(&mut desk), 300 + 30),
        Some(NotificationKind::Updated)
    );
}

/// A receiver of critical alerts hears nothing of an incident that returns as a warning, but how its own alert ended.
#[rstest]
#[case::resolution_sent(6, &[NotificationKind::Firing, NotificationKind::Resolved])]
#[case::resolution_outstanding(2, &[NotificationKind::Firing, NotificationKind::Resolved])]
fn a_receiver_of_critical_alerts_hears_nothing_below(
    #[case] resolved_at: i64,
    #[case] expected: &[NotificationKind],
) {
    let route = Route {
        channel: "pager".into(),
        min_severity: Severity::Critical,
        ..mail()
    };
    let mut state = desk(&[called(0)]);
    let mut heard = Vec::new();
    let mut minute = |state: &mut DispatcherState, minute: i64| {
        for delivery in plan_deliveries(state, &route, at(minute)) {
            let Delivery::Single(id, kind) = delivery else {
                panic!("a summary")
            };
            let incident = state.incidents.get_mut(&id).unwrap();
            mark_notified(incident, "pager", kind, None, at(minute));
            heard.push(kind);
        }
    };
    minute(&mut state, 0);
    ingest_notification(&mut state, &well(resolved_at));
    minute(&mut state, resolved_at);
    ingest_notification(&mut state, &crash(resolved_at + 1));
    for n in 1..30 {
        minute(&mut state, resolved_at + n);
    }
    ingest_notification(&mut state, &well(resolved_at + 30));
    for n in 30..60 {
        minute(&mut state, resolved_at + n);
    }
    assert_eq!(heard, expected);
}

/// A receiver to escalate to hears of what nobody acknowledged in time, and how it ended; after a return it waits again.
#[rstest]
#[case::nobody_acknowledges(None, &[(15, NotificationKind::Firing), (40, NotificationKind::Resolved), (65, NotificationKind::Firing)])]
#[case::in_time(Some(10), &[(65, NotificationKind::Firing)])]
#[case::too_late(Some(20), &[(15, NotificationKind::Firing), (40, NotificationKind::Resolved), (65, NotificationKind::Firing)])]
fn what_nobody_acknowledges_escalates(
    #[case] acknowledged_at: Option<i64>,
    #[case] expected: &[(i64, NotificationKind)],
) {
    let route = Route {
        channel: "chief".into(),
        escalates_after: Some(SignedDuration::from_mins(15)),
        ..mail()
    };
    let mut state = desk(&[crash(0)]);
    let mut heard = Vec::new();
    for minute in 0..80 {
        match minute {
            40 => ingest_notification(&mut state, &well(40)),
            50 => ingest_notification(&mut state, &crash(50)),
            _ if Some(minute) == acknowledged_at => {
                only(&mut state).acknowledged = Some("acknowledged by alice".to_owned());
            }
            _ => {}
        }
        for delivery in plan_deliveries(&state, &route, at(minute)) {
            let Delivery::Single(id, kind) = delivery else {
                panic!("a summary")
            };
            let incident = state.incidents.get_mut(&id).unwrap();
            mark_notified(incident, "chief", kind, None, at(minute));
            // As the dispatcher does: a return escalates anew.
            incident.deliveries.retain(|_, delivery| !delivery.resolved);
            heard.push((minute, kind));
        }
    }
    assert_eq!(heard, expected);
}

/// In quiet hours a channel hears of what is critical, and how its alerts end. The rest follows in the morning, unless it is
/// over by then.
#[rstest]
#[case::a_warning_waits(crash(10), None, &[(120, NotificationKind::Firing)])]
#[case::a_warning_that_is_over(crash(10), Some(50), &[])]
#[case::a_critical_incident(called(10), Some(50), &[(10, NotificationKind::Firing), (50, NotificationKind::Resolved)])]
fn quiet_hours_hold_back_warnings(
    #[case] fires: Notification,
    #[case] resolved_at: Option<i64>,
    #[case] expected: &[(i64, NotificationKind)],
) {
    let route = Route {
        // The minutes count from three o'clock.
        quiet: vec![TimeWindow::parse("quiet", "daily 22:00-05:00").unwrap()],
        ..mail()
    };
    let mut state = desk(&[]);
    let mut heard = Vec::new();
    for minute in 0..150 {
        if minute == 10 {
            ingest_notification(&mut state, &fires);
        }
        if Some(minute) == resolved_at {
            ingest_notification(&mut state, &well(minute));
        }
        for delivery in plan_deliveries(&state, &route, at(minute)) {
            let Delivery::Single(id, kind) = delivery else {
                panic!("a summary")
            };
            let incident = state.incidents.get_mut(&id).unwrap();
            mark_notified(incident, MAIL, kind, None, at(minute));
            heard.push((minute, kind));
        }
    }
    assert_eq!(heard, expected);
}

/// News of the night waits for the morning, however soon other channels have sent it.
#[test]
fn news_of_the_night_is_kept_for_the_morning() {
    let route = Route {
        channel: "ops".into(),
        quiet: vec![TimeWindow::parse("quiet", "daily 22:00-05:00").unwrap()],
        ..mail()
    };
    let back = notice(
        Function::Rollout,
        service("web"),
        10,
        Message::warning("RC_1.4.2 rejected, rolling back"),
    );
    let mut state = desk(&[back]);
    mark_pending(&mut state, &[mail(), route.clone()], at(10));
    tell(only(&mut state), 10);
    for minute in [10, 100, 119] {
        assert_eq!(plan_deliveries(&state, &route, at(minute)), []);
        expire_conditions(&mut state, at(minute));
        assert_eq!(list_expired_incidents(&state, at(minute)), []);
    }
    assert!(matches!(
        &plan_deliveries(&state, &route, at(120))[..],
        [Delivery::Single(_, NotificationKind::Info)]
    ));
}

/// A silence of everything holds back what AWS says of things that are no targets, but neither the daily report nor what is
/// said about the silence itself.
#[test]
fn a_silence_of_everything_covers_what_is_no_target() {
    let all = service("web").all_targets();
    let topic = Arn::new("arn:aws:sns:eu-west-1:123456789012:lamplighter");
    let silence = Notification {
        silenced_until: Some(at(60)),
        ..notice(Function::Request, all.clone(), 0, Message::silence(at(60)))
    };
    let aws = notice(
        Source::Aws(AwsService::CloudWatch),
        Arn::new("arn:aws:ec2:eu-west-1:123456789012:instance/i-1"),
        1,
        Message::warning("alarm x is in ALARM").fires("alarm:x"),
    );
    let report = notice(
        Function::Digest,
        topic,
        1,
        Message::info("daily report").caused_by(Cause::Report(1)),
    );
    let pause = notice(
        Function::Request,
        all,
        2,
        Message::warning("everything paused by alice").fires("pause:everything"),
    );
    let pause = Notification {
        silenced_until: Some(at(60)),
        ..pause
    };
    let state = desk(&[silence, aws, report, pause]);
    let heard = |minute| {
        let deliveries = plan_deliveries(&state, &mail(), at(minute));
        let mut titles: Vec<&str> = deliveries
            .iter()
            .filter_map(|delivery| match delivery {
                Delivery::Single(id, _) => Some(state.incidents[id].lines[0].title.as_str()),
                Delivery::Summary(_) => None,
            })
            .collect();
        titles.sort_unstable();
        titles
    };
    assert_eq!(heard(3), ["daily report", "everything paused by alice"]);
    assert_eq!(heard(60).len(), 3);
}

/// The time to escalate counts from the first report that asks for someone, not from the release before it.
#[test]
fn an_escalation_counts_from_the_first_urgent_report() {
    let route = Route {
        channel: "chief".into(),
        escalates_after: Some(SignedDuration::from_mins(15)),
        ..mail()
    };
    let said = |minute, message| notice(Function::Rollout, service("web"), minute, message);
    let state = desk(&[
        said(0, Message::info("deploying").fires(RELEASE_CONDITION)),
        said(20, Message::warning("held").fires("release:approval")),
    ]);
    assert_eq!(plan_deliveries(&state, &route, at(34)), []);
    assert_eq!(plan_deliveries(&state, &route, at(35)).len(), 1);
}

/// News that asks for no one, and an incident that ends in time, escalate to nobody.
#[test]
fn what_ends_in_time_does_not_escalate() {
    let route = Route {
        channel: "chief".into(),
        escalates_after: Some(SignedDuration::from_mins(15)),
        ..mail()
    };
    let news = notice(
        Function::Deploy,
        service("web"),
        0,
        Message::info("deploying RC_1.4.2"),
    );
    for incident in [vec![news], vec![crash(0), well(14)]] {
        let state = desk(&incident);
        for minute in 0..120 {
            assert_eq!(plan_deliveries(&state, &route, at(minute)), []);
        }
    }
}

#[test]
fn an_incident_without_a_report_for_27_hours_is_closed() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    expire_conditions(&mut desk, at(27 * 60 - 1));
    assert_eq!(only(&mut desk).resolved_at, None);
    expire_conditions(&mut desk, at(27 * 60));
    assert_eq!(
        now_due(only(&mut desk), 27 * 60),
        Some(NotificationKind::Resolved)
    );
    assert_eq!(
        only(&mut desk).lines.last().unwrap().title,
        "closed - no report for 27 h"
    );
}

#[test]
fn a_route_filters_by_severity_and_application() {
    let desk = desk(&[crash(0), down(0)]);
    let takes = |from, apps: &[&str]| {
        let apps = apps.iter().map(|app| (*app).to_owned()).collect();
        plan_deliveries(
            &desk,
            &Route {
                channel: "ops".into(),
                min_severity: from,
                apps,
                ..mail()
            },
            at(200),
        )
        .len()
    };
    assert_eq!(
        (
            takes(Severity::Warning, &["shop"]),
            takes(Severity::Critical, &[]),
            takes(Severity::Info, &["crm"])
        ),
        (1, 1, 0)
    );
}

#[test]
fn beyond_the_rate_limit_one_summary_lists_the_rest_and_the_next_one_waits() {
    let many: Vec<Notification> = (0..100)
        .map(|n| crash_of(&format!("s{n}")))
        .chain([called(0)])
        .collect();
    let mut desk = desk(&many);
    let first = plan_deliveries(&desk, &mail(), at(0));
    assert!(
        matches!(&first[0], Delivery::Single(id, _) if desk.incidents[id].name == "shop/web"),
        "the most severe comes first"
    );
    assert!(
        first.len() == 8 && matches!(&first[7], Delivery::Summary(rest) if rest.len() == 94),
        "{}",
        first.len()
    );
    for post in first {
        record_delivery(desk.channels.entry(MAIL.into()).or_default(), &post, at(0));
        let all = match post {
            Delivery::Single(id, kind) => vec![(id, kind)],
            Delivery::Summary(all) => all,
        };
        for (id, kind) in all {
            mark_notified(
                desk.incidents.get_mut(&id).unwrap(),
                MAIL,
                kind,
                None,
                at(0),
            );
        }
    }
    let more = (0..900).map(|n| crash_of(&format!("t{n}")));
    more.for_each(|notice| ingest_notification(&mut desk, &notice));
    assert_eq!(plan_deliveries(&desk, &mail(), at(0)), []);
    assert_eq!(plan_deliveries(&desk, &mail(), at(1)), []);
    let next = plan_deliveries(&desk, &mail(), at(5));
    assert!(
        matches!(&next[..], [Delivery::Summary(rest)] if rest.len() == 900),
        "{}",
        next.len()
    );
}
