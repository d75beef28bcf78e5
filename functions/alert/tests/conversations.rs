//! What belongs together, when it is told and when not: decisions on constant times.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use alert::grouping::{expire_conditions, ingest_notification};
use alert::notification::{
    NotificationKind, due_kind, list_expired_incidents, mark_notified, suppression_reason,
};
use alert::rate_limit::{Delivery, Route, plan_deliveries, record_delivery};
use jiff::{SignedDuration, Timestamp};
use lamplighter::Function;
use lamplighter::model::Arn;
use lamplighter::model::{AwsService, Cause};
use lamplighter::notify::Source;
use lamplighter::notify::incident::{Incident, IncidentId};
use lamplighter::notify::{
    ACKNOWLEDGED_PREFIX, Message, Notification, RELEASE_CONDITION, SILENCE_PREFIX, Severity,
};
use lamplighter::ports::incidents::DispatcherState;

const MAIL: &str = "e-mail";
const INTERVAL: SignedDuration = SignedDuration::from_mins(5);

fn mail() -> Route {
    Route {
        channel: MAIL.into(),
        interval: INTERVAL,
        messages_per_minute: 8,
        min_severity: Severity::Info,
        apps: Vec::new(),
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

fn well(minute: i64) -> Notification {
    notice(
        Function::Heal,
        service("web"),
        minute,
        Message::info("is well again").resolves("heal:1"),
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
fn an_incident_is_told_when_it_begins_changes_at_most_every_five_minutes_lasts_and_is_over() {
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
fn that_it_gets_worse_is_told_at_once() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    ingest_notification(&mut desk, &called(1));
    assert_eq!(tell(only(&mut desk), 1), Some(NotificationKind::Updated));
    ingest_notification(&mut desk, &called(2));
    assert_eq!(now_due(only(&mut desk), 2), None);
}

#[test]
fn what_was_over_before_anybody_had_to_be_told_is_not_told() {
    let mut desk = desk(&[crash(0), called(0), well(0)]);
    assert_eq!(now_due(only(&mut desk), 0), None);
    assert_eq!(list_expired_incidents(&desk, at(60)).len(), 1);
}

#[test]
fn a_release_that_is_quick_is_told_all_the_same() {
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

/// Nobody is told that a release which went back is over, and nobody fails to hear of it.
#[test]
fn a_release_that_fails_is_news_to_everybody() {
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
        Message::warning("failed and went back").clears(RELEASE_CONDITION),
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
fn trouble_that_was_over_before_it_could_be_sent_is_told_and_ended() {
    let mut desk = desk(&[crash(0)]);
    only(&mut desk).deliveries.entry(MAIL.into()).or_default();
    ingest_notification(&mut desk, &well(30));
    assert_eq!(tell(only(&mut desk), 60), Some(NotificationKind::Firing));
    assert_eq!(tell(only(&mut desk), 65), Some(NotificationKind::Resolved));
}

#[test]
fn an_alarm_that_goes_off_without_having_been_on_is_not_told() {
    let off = notice(
        Source::Aws(AwsService::CloudWatch),
        service("web"),
        0,
        Message::info("the alarm x is off").clears("alarm:x"),
    );
    assert!(desk(std::slice::from_ref(&off)).incidents.is_empty());
    let on = notice(
        Source::Aws(AwsService::CloudWatch),
        service("web"),
        1,
        Message::warning("the alarm x is on").fires("alarm:x"),
    );
    let off = Notification { at: at(2), ..off };
    let mut desk = desk(&[on, off]);
    assert_eq!(only(&mut desk).resolved_at, Some(at(2)));
}

#[test]
fn a_warning_within_a_release_that_was_quick_is_told() {
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
fn the_same_twice_and_the_end_before_the_beginning_change_nothing() {
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
fn who_acknowledges_hears_no_reminder_and_hears_the_end() {
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
    // What was told before is silenced as well.
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

#[test]
fn a_database_that_is_down_speaks_for_its_services() {
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
        "the service, which is not well still"
    );
}

#[test]
fn a_release_in_progress_speaks_for_its_tasks() {
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
        Some("a release is rolled out".to_owned())
    );
    assert_eq!(
        suppression_reason(&desk.incidents[&crash], &desk, at(60)),
        None
    );
}

#[test]
fn what_comes_and_goes_is_told_as_that_and_then_when_it_is_calm() {
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
    assert_eq!(heard, [&begun[..], &[NotificationKind::Flaps]].concat());
    assert_eq!(now_due(only(&mut desk), 84), None);
    assert_eq!(
        now_due(only(&mut desk), 85),
        Some(NotificationKind::Resolved)
    );
}

#[test]
fn what_nobody_speaks_of_for_a_day_is_over() {
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
        "is taken as over"
    );
}

#[test]
fn a_route_takes_what_is_bad_enough_and_of_its_applications() {
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
fn past_the_limit_one_message_lists_the_rest_and_the_next_one_waits() {
    let many: Vec<Notification> = (0..100)
        .map(|n| {
            notice(
                Function::Heal,
                service(&format!("s{n}")),
                0,
                Message::warning("crashes").fires_until_resolved("heal:1"),
            )
        })
        .chain([called(0)])
        .collect();
    let mut desk = desk(&many);
    let first = plan_deliveries(&desk, &mail(), at(0));
    assert!(
        matches!(&first[0], Delivery::Single(id, _) if desk.incidents[id].name == "shop/web"),
        "the worst first"
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
    let more = (0..900).map(|n| {
        notice(
            Function::Heal,
            service(&format!("t{n}")),
            0,
            Message::warning("crashes").fires_until_resolved("heal:1"),
        )
    });
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
