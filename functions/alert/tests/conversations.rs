//! What belongs together, when it is told and when not: decisions on constant times.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use alert::due::{Kind, due, forgotten, mark, withheld};
use alert::gather::{age, take};
use alert::round::{Post, Route, count, posts};
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::notify::incident::{Id, Incident};
use lamplighter::notify::{ACKNOWLEDGED, Message, Notice, RELEASE, SILENCE, Severity};
use lamplighter::ports::incidents::Desk;

const MAIL: &str = "e-mail";
const INTERVAL: SignedDuration = SignedDuration::from_mins(5);

fn mail() -> Route {
    Route {
        channel: MAIL.into(),
        interval: INTERVAL,
        a_minute: 8,
        from: Severity::Info,
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

fn notice(operation: &str, target: Arn, minute: i64, message: Message) -> Notice {
    Notice {
        message,
        at: at(minute),
        operation: operation.into(),
        name: target.name(),
        app: Some("shop".into()),
        stack: "lamplighter".into(),
        link: "https://console.example".into(),
        silenced_until: None,
        target,
    }
}

fn crash(minute: i64) -> Notice {
    notice(
        "heal",
        service("web"),
        minute,
        Message::warning(format!("crashes ({minute})")).lasts("heal:1"),
    )
}

fn well(minute: i64) -> Notice {
    notice(
        "heal",
        service("web"),
        minute,
        Message::info("is well again").resolves("heal:1"),
    )
}

fn called(minute: i64) -> Notice {
    notice(
        "heal",
        service("web"),
        minute,
        Message::critical("nothing helped").lasts("heal:1:called"),
    )
}

fn down(minute: i64) -> Notice {
    let orders = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    notice(
        "RDS",
        orders,
        minute,
        Message::critical("is full and was shut down").begins("down"),
    )
}

fn desk(notices: &[Notice]) -> Desk {
    let mut desk = Desk::default();
    for notice in notices {
        take(&mut desk, notice);
    }
    desk
}

fn only(desk: &mut Desk) -> &mut Incident {
    assert_eq!(desk.incidents.len(), 1, "{:?}", desk.incidents);
    desk.incidents.values_mut().next().unwrap()
}

fn now_due(incident: &Incident, minute: i64) -> Option<Kind> {
    due(incident, MAIL, INTERVAL, at(minute))
}

fn tell(incident: &mut Incident, minute: i64) -> Option<Kind> {
    let kind = now_due(incident, minute)?;
    mark(incident, MAIL, kind, None, at(minute));
    Some(kind)
}

#[test]
fn an_incident_is_told_when_it_begins_changes_at_most_every_five_minutes_lasts_and_is_over() {
    let mut desk = desk(&[crash(0)]);
    assert_eq!(tell(only(&mut desk), 0), Some(Kind::Begins));
    take(&mut desk, &crash(2));
    assert_eq!(tell(only(&mut desk), 4), None);
    take(&mut desk, &crash(4));
    assert_eq!(tell(only(&mut desk), 5), Some(Kind::Goes));
    assert_eq!(tell(only(&mut desk), 240), None);
    assert_eq!(tell(only(&mut desk), 245), Some(Kind::Lasts));
    take(&mut desk, &well(250));
    assert_eq!(tell(only(&mut desk), 250), Some(Kind::Over));
    assert_eq!(tell(only(&mut desk), 2_000), None);
    assert_eq!(forgotten(&desk, at(309)), []);
    assert_eq!(forgotten(&desk, at(310)).len(), 1);
}

#[test]
fn that_it_gets_worse_is_told_at_once() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    take(&mut desk, &called(1));
    assert_eq!(tell(only(&mut desk), 1), Some(Kind::Goes));
    take(&mut desk, &called(2));
    assert_eq!(now_due(only(&mut desk), 2), None);
}

#[test]
fn what_was_over_before_anybody_had_to_be_told_is_not_told() {
    let mut desk = desk(&[crash(0), called(0), well(0)]);
    assert_eq!(now_due(only(&mut desk), 0), None);
    assert_eq!(forgotten(&desk, at(60)).len(), 1);
}

#[test]
fn a_release_that_is_quick_is_told_all_the_same() {
    let release = |message| notice("deploy", service("web"), 0, message);
    let begins = release(Message::info("rolling out").begins(RELEASE));
    let live = notice(
        "rollout",
        service("web"),
        0,
        Message::info("is live").ends(RELEASE),
    );
    let mut desk = desk(&[begins, live]);
    assert_eq!(tell(only(&mut desk), 0), Some(Kind::Begins));
    assert_eq!(now_due(only(&mut desk), 10), None);
}

/// Nobody is told that a release which went back is over, and nobody fails to hear of it.
#[test]
fn a_release_that_fails_is_news_to_everybody() {
    let begins = notice(
        "deploy",
        service("web"),
        0,
        Message::info("rolling out").begins(RELEASE),
    );
    let back = notice(
        "rollout",
        service("web"),
        9,
        Message::warning("failed and went back").ends(RELEASE),
    );
    let mut desk = desk(&[begins]);
    assert_eq!(tell(only(&mut desk), 0), Some(Kind::Begins));
    take(&mut desk, &back);
    assert_eq!(now_due(only(&mut desk), 9), Some(Kind::News));
    let ops = Route {
        channel: "ops".into(),
        from: Severity::Warning,
        ..mail()
    };
    assert!(matches!(
        &posts(&desk, &ops, at(9))[..],
        [Post::One(_, Kind::News)]
    ));
}

#[test]
fn trouble_that_was_over_before_it_could_be_sent_is_told_and_ended() {
    let mut desk = desk(&[crash(0)]);
    only(&mut desk).told.entry(MAIL.into()).or_default();
    take(&mut desk, &well(30));
    assert_eq!(tell(only(&mut desk), 60), Some(Kind::Begins));
    assert_eq!(tell(only(&mut desk), 65), Some(Kind::Over));
}

#[test]
fn an_alarm_that_goes_off_without_having_been_on_is_not_told() {
    let off = notice(
        "CloudWatch",
        service("web"),
        0,
        Message::info("the alarm x is off").ends("alarm:x"),
    );
    assert!(desk(std::slice::from_ref(&off)).incidents.is_empty());
    let on = notice(
        "CloudWatch",
        service("web"),
        1,
        Message::warning("the alarm x is on").begins("alarm:x"),
    );
    let off = Notice { at: at(2), ..off };
    let mut desk = desk(&[on, off]);
    assert_eq!(only(&mut desk).over, Some(at(2)));
}

#[test]
fn a_warning_within_a_release_that_was_quick_is_told() {
    let said = |message| notice("deploy", service("web"), 0, message);
    let warning = said(Message::warning("can't shift traffic"));
    let begins = said(Message::info("rolling out").begins(RELEASE));
    let live = notice(
        "rollout",
        service("web"),
        0,
        Message::info("is live").ends(RELEASE),
    );
    let mut desk = desk(&[warning, begins, live]);
    assert_eq!(tell(only(&mut desk), 0), Some(Kind::Begins));
    assert_eq!(only(&mut desk).lines.len(), 3);
}

#[test]
fn the_same_twice_and_the_end_before_the_beginning_change_nothing() {
    let mut desk = desk(&[crash(0), crash(0)]);
    assert_eq!(only(&mut desk).said, 1);
    let mut late = self::desk(&[well(2), crash(0)]);
    let incident = only(&mut late);
    assert!(
        incident.lasting.is_empty() && incident.over == Some(at(2)),
        "{incident:?}"
    );
    take(&mut late, &crash(3));
    assert_eq!(only(&mut late).over, None);
}

#[test]
fn who_acknowledges_hears_no_reminder_and_hears_the_end() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    let acknowledge = |token: &str| {
        notice(
            "heal",
            service("web"),
            1,
            Message::info("").once(format!("{ACKNOWLEDGED}{token}")),
        )
    };
    take(&mut desk, &acknowledge("another"));
    assert_eq!(now_due(only(&mut desk), 240), Some(Kind::Lasts));
    let token = only(&mut desk).token();
    take(&mut desk, &acknowledge(&token));
    assert_eq!(now_due(only(&mut desk), 1_000), None);
    take(&mut desk, &well(1_000));
    assert_eq!(now_due(only(&mut desk), 1_000), Some(Kind::Over));
}

#[test]
fn a_silence_ends_by_itself() {
    let silenced = |notice: Notice| Notice {
        silenced_until: Some(at(60)),
        ..notice
    };
    let desk = desk(&[silenced(crash(0))]);
    let incident = desk.incidents.values().next().unwrap();
    assert_eq!(
        withheld(incident, &desk, at(59)),
        Some("silenced until 2026-11-21T04:00:00Z".to_owned())
    );
    assert_eq!(withheld(incident, &desk, at(60)), None);
    // What was told before is silenced as well.
    let mut desk = self::desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    take(
        &mut desk,
        &silenced(notice(
            "scale",
            service("web"),
            1,
            Message::info("").once(format!("{SILENCE}4")),
        )),
    );
    let incident = only(&mut desk).clone();
    assert!(incident.said == 1 && withheld(&incident, &desk, at(59)).is_some());
}

#[test]
fn a_database_that_is_down_speaks_for_its_services() {
    let mut desk = desk(&[down(0), crash(1)]);
    let texts = posts(&desk, &mail(), at(1));
    assert!(
        matches!(&texts[..], [Post::One(id, Kind::Begins)] if desk.incidents[id].name == "orders"),
        "{texts:?}"
    );
    let orders = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    take(
        &mut desk,
        &notice("RDS", orders, 9, Message::info("is back").ends("down")),
    );
    assert_eq!(
        posts(&desk, &mail(), at(9)).len(),
        1,
        "the service, which is not well still"
    );
}

#[test]
fn a_release_in_progress_speaks_for_its_tasks() {
    let release = notice(
        "deploy",
        service("web"),
        0,
        Message::info("rolling out").begins(RELEASE),
    );
    let desk = desk(&[release, crash(1)]);
    let crash = Id::of(&service("web"), "health");
    assert_eq!(
        withheld(&desk.incidents[&crash], &desk, at(1)),
        Some("a release is rolled out".to_owned())
    );
    assert_eq!(withheld(&desk.incidents[&crash], &desk, at(60)), None);
}

#[test]
fn what_comes_and_goes_is_told_as_that_and_then_when_it_is_calm() {
    let mut desk = desk(&[]);
    let mut heard = Vec::new();
    for n in 0..6 {
        take(&mut desk, &crash(10 * n));
        heard.extend(tell(only(&mut desk), 10 * n));
        take(&mut desk, &well(10 * n + 5));
        heard.extend(tell(only(&mut desk), 10 * n + 5));
    }
    let begun = [
        Kind::Begins,
        Kind::Over,
        Kind::Goes,
        Kind::Over,
        Kind::Goes,
        Kind::Over,
    ];
    assert_eq!(heard, [&begun[..], &[Kind::Flaps]].concat());
    assert_eq!(now_due(only(&mut desk), 84), None);
    assert_eq!(now_due(only(&mut desk), 85), Some(Kind::Over));
}

#[test]
fn what_nobody_speaks_of_for_a_day_is_over() {
    let mut desk = desk(&[crash(0)]);
    tell(only(&mut desk), 0);
    age(&mut desk, at(27 * 60 - 1));
    assert_eq!(only(&mut desk).over, None);
    age(&mut desk, at(27 * 60));
    assert_eq!(now_due(only(&mut desk), 27 * 60), Some(Kind::Over));
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
        posts(
            &desk,
            &Route {
                channel: "ops".into(),
                from,
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
    let many: Vec<Notice> = (0..100)
        .map(|n| {
            notice(
                "heal",
                service(&format!("s{n}")),
                0,
                Message::warning("crashes").lasts("heal:1"),
            )
        })
        .chain([called(0)])
        .collect();
    let mut desk = desk(&many);
    let first = posts(&desk, &mail(), at(0));
    assert!(
        matches!(&first[0], Post::One(id, _) if desk.incidents[id].name == "shop/web"),
        "the worst first"
    );
    assert!(
        first.len() == 8 && matches!(&first[7], Post::Many(rest) if rest.len() == 94),
        "{}",
        first.len()
    );
    for post in first {
        count(desk.channels.entry(MAIL.into()).or_default(), &post, at(0));
        let all = match post {
            Post::One(id, kind) => vec![(id, kind)],
            Post::Many(all) => all,
        };
        for (id, kind) in all {
            mark(
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
            "heal",
            service(&format!("t{n}")),
            0,
            Message::warning("crashes").lasts("heal:1"),
        )
    });
    more.for_each(|notice| take(&mut desk, &notice));
    assert_eq!(posts(&desk, &mail(), at(0)), []);
    assert_eq!(posts(&desk, &mail(), at(1)), []);
    let next = posts(&desk, &mail(), at(5));
    assert!(
        matches!(&next[..], [Post::Many(rest)] if rest.len() == 900),
        "{}",
        next.len()
    );
}
