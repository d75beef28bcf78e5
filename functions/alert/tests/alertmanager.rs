//! Alertmanager's acceptance cases, as far as they translate: merging, repetition, retries, batching, resolutions, silences,
//! inhibition and a restart. Each runs minute by minute through the real dispatcher.
//!
//! Source: <https://github.com/prometheus/alertmanager/tree/main/test/with_api_v2/acceptance>

#![allow(
    async_fn_in_trait,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

mod harness;

use std::cell::RefCell;
use std::rc::Rc;

use alert::dispatcher::Alert;
use alert::notification::NotificationKind::{self, Firing, Reminder, Resolved, Updated};
use harness::{CHANNELS, Kept, People, World, dispatcher, notice, run};
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::notify::{DATABASE_DOWN_CONDITION, Message, Notification};
use proptest::test_runner::{RngAlgorithm, TestRng};
use rstest::rstest;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A dispatcher from three o'clock on.
struct Scene {
    world: Rc<World>,
    alert: Alert<Kept, People>,
    begin: Timestamp,
}

impl Scene {
    fn new() -> Self {
        let world = Rc::new(World {
            random: RefCell::new(Some(TestRng::deterministic_rng(RngAlgorithm::ChaCha))),
            ..World::default()
        });
        let begin: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        world.now.set(begin);
        let alert = dispatcher(&world);
        Self {
            world,
            alert,
            begin,
        }
    }

    fn at(&self, minute: i64) -> Timestamp {
        self.begin + MINUTE * i32::try_from(minute).unwrap()
    }

    /// Runs these minutes. `arrives`: what arrives in which of them.
    fn minutes(&self, from: i64, to: i64, arrives: &[(i64, Notification)]) {
        for minute in from..to {
            self.world.now.set(self.at(minute));
            let notices: Vec<Notification> = arrives
                .iter()
                .filter(|(at, _)| *at == minute)
                .map(|(_, notice)| notice.clone())
                .collect();
            assert!(run(&self.alert, &notices, self.at(minute)));
        }
    }

    fn fires(&self, minute: i64, condition: &str) -> (i64, Notification) {
        let message = Message::warning(format!("{condition} is wrong")).fires(condition);
        (minute, notice(1, self.at(minute), message))
    }

    fn clears(&self, minute: i64, condition: &str) -> (i64, Notification) {
        let message = Message::info(format!("{condition} is right again")).clears(condition);
        (minute, notice(1, self.at(minute), message))
    }

    /// Returns the minutes of the messages on a channel, and their kinds.
    fn heard(&self, channel: &str) -> Vec<(i64, NotificationKind)> {
        let heard = self.world.heard.borrow();
        let mine = heard.iter().filter(|(_, name, _)| *name == channel);
        mine.flat_map(|(at, _, about)| {
            let minute = at.duration_since(self.begin).as_mins();
            about.iter().map(move |(_, kind)| (minute, *kind))
        })
        .collect()
    }
}

/// TestRepeat: what stays is repeated after the interval, and no sooner.
#[test]
fn an_unchanged_alert_is_repeated() {
    let scene = Scene::new();
    let mut fires = scene.fires(1, "a");
    fires.1.message = Message::critical("a is wrong").fires("a");
    let clears = scene.clears(500, "a");
    scene.minutes(0, 800, &[fires, clears]);
    for channel in CHANNELS {
        let expected = [
            (1, Firing),
            (241, Reminder),
            (481, Reminder),
            (500, Resolved),
        ];
        assert_eq!(scene.heard(channel), expected);
    }
}

/// TestRetry: a receiver that fails is tried again until it accepts, and no other gets anything twice.
#[test]
fn a_failed_receiver_is_retried_alone() {
    let scene = Scene::new();
    let down = (scene.at(0), scene.at(20));
    scene.world.down.borrow_mut().insert("slack", down);
    let fires = scene.fires(1, "a");
    scene.minutes(0, 40, &[fires]);
    assert_eq!(scene.heard("e-mail")[0], (1, Firing));
    assert_eq!(scene.heard("slack"), [(20, Firing)]);
    let about_it = scene.heard("e-mail");
    assert_eq!(about_it.iter().filter(|(minute, _)| *minute < 5).count(), 1);
}

/// TestBatching: what follows within the interval is one message at its end.
#[test]
fn what_follows_soon_is_batched() {
    let scene = Scene::new();
    let arrives = [
        scene.fires(1, "a"),
        scene.fires(2, "b"),
        scene.fires(3, "c"),
        scene.fires(9, "d"),
    ];
    scene.minutes(0, 30, &arrives);
    assert_eq!(
        scene.heard("e-mail"),
        [(1, Firing), (6, Updated), (11, Updated)]
    );
}

/// TestMergeAlerts: reports about one condition are one alert, whatever their order; an older one doesn't fire it again.
#[test]
fn reports_about_one_condition_are_merged() {
    let scene = Scene::new();
    let late = (12, scene.fires(8, "a").1);
    let arrives = [
        scene.fires(1, "a"),
        scene.fires(1, "a"),
        scene.fires(7, "a"),
        scene.clears(10, "a"),
        late,
    ];
    scene.minutes(0, 60, &arrives);
    let heard = scene.heard("e-mail");
    assert_eq!(heard.first(), Some(&(1, Firing)));
    assert_eq!(heard.last(), Some(&(10, Resolved)), "{heard:?}");
}

/// TestMergeAlerts, after the end: a new report is a new firing.
#[test]
fn what_fires_after_its_resolution_is_heard() {
    let scene = Scene::new();
    let arrives = [
        scene.fires(1, "a"),
        scene.clears(10, "a"),
        scene.fires(20, "a"),
    ];
    scene.minutes(0, 60, &arrives);
    assert_eq!(
        scene.heard("e-mail"),
        [(1, Firing), (10, Resolved), (20, Updated)]
    );
}

/// TestResolved and TestResolvedFilter: a resolution follows its alert, once, and what ended before anyone heard of it is
/// not sent.
#[rstest]
#[case::sent(8, &[(1, Firing), (8, Resolved)])]
#[case::never_sent(1, &[])]
fn a_resolution_follows_its_alert_once(
    #[case] ends: i64,
    #[case] expected: &[(i64, NotificationKind)],
) {
    let scene = Scene::new();
    let mut clears = scene.clears(ends, "a");
    clears.1.at += SignedDuration::from_secs(30);
    // The queue delivers it once more.
    let again = (30, clears.1.clone());
    scene.minutes(0, 120, &[scene.fires(1, "a"), clears, again]);
    assert_eq!(scene.heard("e-mail"), expected);
}

/// TestSilencing: what ends while it is silenced was never there; what was heard before is resolved, silenced or not.
#[rstest]
#[case::silenced_first(1, &[])]
#[case::heard_first(5, &[(2, Firing), (20, Resolved)])]
fn a_silence_hides_what_ends_within_it(
    #[case] silenced_at: i64,
    #[case] expected: &[(i64, NotificationKind)],
) {
    let scene = Scene::new();
    let until = scene.at(60);
    let silence = notice(1, scene.at(silenced_at), Message::silence(until));
    let silence = Notification {
        silenced_until: Some(until),
        ..silence
    };
    let mut arrives = vec![
        (silenced_at, silence),
        scene.fires(2, "a"),
        scene.clears(20, "a"),
    ];
    // What the target says knows its silence.
    for (minute, notice) in &mut arrives {
        if *minute >= silenced_at {
            notice.silenced_until = Some(until);
        }
    }
    scene.minutes(0, 120, &arrives);
    assert_eq!(scene.heard("e-mail"), expected);
}

/// TestSilenceDelete: a silence that is removed early lets through what still fires.
#[test]
fn the_end_of_a_silence_lets_through_what_fires() {
    let scene = Scene::new();
    let until = scene.at(600);
    let mut fires = scene.fires(2, "a");
    fires.1.silenced_until = Some(until);
    let lifted = (30, notice(1, scene.at(30), Message::silence(scene.at(30))));
    scene.minutes(0, 60, &[fires, lifted]);
    assert_eq!(scene.heard("e-mail"), [(30, Firing)]);
}

/// TestInhibiting: a database that is down speaks for its services, until it is up and they still aren't.
#[test]
fn an_alert_inhibits_others_until_it_ends() {
    let scene = Scene::new();
    let database = |minute: i64, message: Message| {
        let database = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
        let said = Notification {
            name: "orders".into(),
            app: Some("shop".into()),
            target: database,
            ..notice(2, scene.at(minute), message)
        };
        (minute, said)
    };
    let mut fires = scene.fires(2, "a");
    fires.1.app = Some("shop".into());
    let arrives = [
        database(
            1,
            Message::critical("orders is down").fires(DATABASE_DOWN_CONDITION),
        ),
        fires,
        database(
            30,
            Message::info("orders is up").clears(DATABASE_DOWN_CONDITION),
        ),
    ];
    scene.minutes(0, 60, &arrives);
    let heard = scene.heard("e-mail");
    assert_eq!(heard, [(1, Firing), (30, Resolved), (30, Firing)]);
}

/// TestReload: a new process with the same store repeats nothing.
#[test]
fn a_restart_repeats_nothing() {
    let mut scene = Scene::new();
    let fires = scene.fires(1, "a");
    scene.minutes(0, 10, &[fires]);
    scene.alert = dispatcher(&scene.world);
    let clears = scene.clears(20, "a");
    scene.minutes(10, 60, &[clears]);
    assert_eq!(scene.heard("e-mail"), [(1, Firing), (20, Resolved)]);
}
