//! Requests of people and pipelines, in the simulated world: what they change, and what holds whatever fails.

use archive::Archive;
use backup::Backup;
use certificates::Certificates;
use deploy::Deploy;
use drill::Drill;
use e2e::testkit::releases::{MINUTE, digest, fail_to_start, minutes, push, release, runs};
use e2e::testkit::requests::{call_payload, closed, deliver, request, try_call};
use e2e::testkit::world::{BEGINNING, Fault, World, sweep};
use enroll::Enroll;
use heal::Heal;
use jiff::SignedDuration;
use lamplighter::event::dead_letter::DeadLetter;
use lamplighter::model::{Arn, PlatformImage};
use lamplighter::policy::{Mode, StackDefaults};
use request::RequestOperation;
use rollout::Rollout;
use rstest::rstest;
use scale::Scale;
use serde_json::{Value, json};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The beginnings of the names of calls that change nothing on AWS.
const HARMLESS: [&str; 15] = [
    "Get",
    "List",
    "Describe",
    "BatchGet",
    "Query",
    "Watched",
    "Acquire",
    "Intend",
    "Conclude",
    "SendMessage",
    "Lookup",
    "Filter",
    "Probe",
    "Head",
    "PutEvents",
];

fn web() -> (World, Arn) {
    let world = World::new();
    let web = world.web();
    (world, web)
}

fn tag(world: &World, arn: &Arn, key: &str, value: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(arn).unwrap();
    tags.insert(format!("lamplighter:{key}"), value.to_owned());
}

fn pause(scope: &Value) -> Value {
    let mut body = json!({"command": "pause", "reason": "database migration"});
    body.as_object_mut()
        .unwrap()
        .extend(scope.as_object().unwrap().clone());
    body
}

fn about_web(command: &str, argument: Option<(&str, &str)>) -> Value {
    let mut body = json!({"command": command, "target": "shop/web", "reason": "wrong prices"});
    if let Some((key, value)) = argument {
        body[key] = value.into();
    }
    body
}

/// One run of every sweep.
fn sweep_all(world: &World) {
    let _ = world.sweep(&Deploy);
    let _ = world.sweep(&Rollout);
    let _ = world.sweep(&Scale);
    let _ = world.sweep(&Heal);
    let _ = world.sweep(&Enroll);
    let _ = world.sweep(&Backup);
    let _ = world.sweep(&Archive);
    let _ = world.sweep(&Certificates);
    let _ = world.invoke_with(&Drill, sweep(), closed());
    let _ = world.sweep(&RequestOperation);
    deliver(world);
}

fn changes(world: &World) -> Vec<String> {
    let state = world.state();
    let changing = |call: &&String| !HARMLESS.iter().any(|name| call.starts_with(name));
    state.calls.iter().filter(changing).cloned().collect()
}

fn count_titles(world: &World, title: &str) -> usize {
    world.titles().iter().filter(|one| *one == title).count()
}

/// No function changes anything while everything is paused, and all of them catch up.
#[rstest]
#[case::everything(json!({"everything": true}))]
#[case::application(json!({"application": "shop"}))]
fn a_pause_of_many_holds_for_every_function(#[case] scope: Value) {
    let (world, web) = web();
    let orders = world.database("orders", "at=03:00 keep=7d");
    for target in [&web, &orders] {
        tag(&world, target, "app", "shop");
    }
    world.state_mut().calls.clear();
    request(&world, &pause(&scope));
    push(&world, "RC_1.1.0", 11);
    for _ in 0..12 {
        world.advance(MINUTE * 5);
        sweep_all(&world);
    }
    assert_eq!(changes(&world), [""; 0]);
    assert!(world.state().snapshots.is_empty());
    let mut body = scope;
    body["command"] = "resume".into();
    body["reason"] = "done".into();
    request(&world, &body);
    sweep_all(&world);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(world.taken(&orders).len(), 1);
}

#[test]
fn a_pause_of_one_target_or_application_leaves_the_others_alone() {
    let (world, web) = web();
    let other = world.service(
        "other",
        "shop/other",
        "RC_1.0.0",
        "tag=RC_x.x.x repo=shop/other",
    );
    tag(&world, &web, "app", "shop");
    request(&world, &pause(&json!({"application": "shop"})));
    for repository in ["shop/web", "shop/other"] {
        let event = world.push(repository, "RC_1.1.0", 11);
        let _ = world.invoke(&Deploy, event);
    }
    assert!(!runs(&world, &web, "RC_1.1.0"));
    assert!(runs(&world, &other, "RC_1.1.0"));
    request(
        &world,
        &json!({"command": "resume", "application": "shop", "reason": "done"}),
    );
    request(&world, &pause(&json!({"target": "shop/web"})));
    let _ = world.sweep(&Deploy);
    assert!(!runs(&world, &web, "RC_1.1.0"));
    request(&world, &about_web("resume", None));
    let _ = world.sweep(&Deploy);
    assert!(runs(&world, &web, "RC_1.1.0"));
}

/// It ends on its own to the second, whether or not the sweep runs, and people hear of both.
#[test]
fn a_pause_ends_at_its_time() {
    let (world, web) = web();
    let mut body = pause(&json!({"everything": true}));
    body["until"] = (BEGINNING + HOUR).to_string().into();
    request(&world, &body);
    push(&world, "RC_1.1.0", 11);
    world.advance(HOUR - SignedDuration::from_secs(1));
    let _ = world.sweep(&Deploy);
    assert!(!runs(&world, &web, "RC_1.1.0"));
    world.advance(SignedDuration::from_secs(1));
    let _ = world.sweep(&Deploy);
    assert!(runs(&world, &web, "RC_1.1.0"));
    for _ in 0..3 {
        let _ = world.sweep(&RequestOperation);
    }
    let titles = world.titles();
    assert_eq!(
        titles[0],
        "everything paused by alice until 2026-11-21 04:00 UTC"
    );
    assert_eq!(
        count_titles(
            &world,
            "pause of everything by alice ended - its time is up"
        ),
        1
    );
    let answer = world.sweep(&RequestOperation).unwrap().unwrap();
    assert!(
        answer.to_string().contains("nothing is paused or silenced"),
        "{answer}"
    );
}

/// The notification of a pause keeps firing: `alert` forgets what nobody reports for 27 hours.
#[test]
fn a_long_pause_is_reported_each_day() {
    let (world, _) = web();
    request(&world, &pause(&json!({"everything": true})));
    for _ in 0..72 * 12 {
        world.advance(MINUTE * 5);
        let _ = world.sweep(&RequestOperation);
    }
    let title = "everything paused by alice until it is resumed";
    assert!(
        (3..=4).contains(&count_titles(&world, title)),
        "{:?}",
        world.titles()
    );
}

/// A temporary database that a drill restored costs money, and goes although all is paused.
#[test]
fn a_drill_is_torn_down_while_everything_is_paused() {
    let world = World::new();
    world.database("orders", "at=03:00 drill=weekly");
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(MINUTE * 15);
    let _ = world.invoke_with(&Drill, sweep(), closed());
    assert_eq!(world.count("RestoreDBInstance"), 1);
    request(&world, &pause(&json!({"everything": true})));
    for _ in 0..8 {
        world.advance(MINUTE * 15);
        let _ = world.invoke_with(&Drill, sweep(), closed());
    }
    let state = world.state();
    let left: Vec<String> = state.databases.keys().map(Arn::display_name).collect();
    assert_eq!(left, ["orders"]);
}

/// Whatever fails, the same call again ends with one record and one effect.
#[rstest]
fn a_request_that_failed_half_way_is_repeated(
    #[values(
        "GetResources",
        "GetItem",
        "Acquire",
        "Intend",
        "PutEvents",
        "Conclude",
        "SendMessageBatch"
    )]
    name: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    let mut body = about_web("roll-back", None);
    body["id"] = "rollback-of-friday".into();
    world.inject_fault(name, fault);
    let first = try_call(&world, &body);
    let was_recorded = first.is_some_and(|(status, _)| status == 200);
    deliver(&world);
    // The lease of a killed function runs out.
    world.advance(MINUTE * 6);
    if !was_recorded {
        assert_eq!(try_call(&world, &body).unwrap().0, 200);
        deliver(&world);
    }
    minutes(&world, 5);
    world.state_mut().settle(&web);
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    let state = world.state();
    let recorded = &state.held[&web].memory.requests;
    assert_eq!((recorded.recorded.len(), recorded.rejections.len()), (1, 0));
}

/// EventBridge may lose the event; the sweeps find the request.
#[rstest]
#[case::approve("approve", "RC_1.1.0")]
#[case::deploy("deploy", "hotfix-1")]
#[case::reject("reject", "RC_1.2.0")]
fn a_lost_event_is_made_up_for(#[case] command: &str, #[case] image: &str) {
    let (world, web) = web();
    world.push("shop/web", "hotfix-1", 99);
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    let body = about_web(command, Some(("image", image)));
    assert_eq!(try_call(&world, &body).unwrap().0, 200);
    world.state_mut().bus.clear();
    minutes(&world, 10);
    let expected = if command == "reject" {
        "RC_1.1.0"
    } else {
        image
    };
    assert!(runs(&world, &web, expected), "{:?}", world.titles());
}

/// An approval names an image by its tag or by digits of its digest, and counts once.
#[rstest]
#[case::tag("RC_1.2.0".to_owned())]
#[case::digest(digest(12).to_string())]
#[case::digits(format!("{:064x}", 12))]
fn an_approval_lifts_a_quarantine_once(#[case] image: String) {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 3);
    world.state_mut().roll_back(&web);
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    request(&world, &about_web("approve", Some(("image", &image))));
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    minutes(&world, 3);
    world.state_mut().roll_back(&web);
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"), "it counts once");
    request(&world, &about_web("approve", Some(("image", &image))));
    assert!(runs(&world, &web, "RC_1.2.0"), "another one counts");
}

/// A deployed image stays, also when its tag is not tracked; the next tracked push replaces it.
#[test]
fn a_requested_image_stays_until_a_newer_push() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    world.push("shop/web", "hotfix-1", 99);
    request(&world, &about_web("deploy", Some(("image", "hotfix-1"))));
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 90);
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
    release(&world, &web, "RC_1.2.0", 12);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}

#[test]
fn an_image_that_does_not_exist_or_is_not_tracked_gets_an_answer() {
    let (world, web) = web();
    world.push("shop/web", "hotfix-1", 99);
    let cases = [
        (
            "approve",
            "RC_9.9.9",
            "RC_9.9.9 approved without effect - no such image",
        ),
        (
            "approve",
            "hotfix-1",
            "hotfix-1 approved without effect - not tracked",
        ),
        (
            "deploy",
            "hotfix-2",
            "hotfix-2 not deployed - no such image",
        ),
        (
            "reject",
            "RC_9.9.8",
            "RC_9.9.8 rejected without effect - no such image",
        ),
    ];
    for (command, image, title) in cases {
        request(&world, &about_web(command, Some(("image", image))));
        minutes(&world, 10);
        assert_eq!(count_titles(&world, title), 1, "{:?}", world.titles());
    }
    assert!(world.image_of(&web).ends_with(":RC_1.0.0"));
    assert_eq!(world.state().held[&web].memory.requests.rejections, []);
}

/// What a person took back stays away, whoever looks next.
#[rstest]
#[case::rejected("reject", Some(("image", "RC_1.2.0")))]
#[case::rejected_by_digest("reject", Some(("image", "000000000000000000000000000000000000000000000000000000000000000c")))]
#[case::rolled_back("roll-back", None)]
#[case::rolled_back_to_a_tag("roll-back", Some(("to", "RC_1.1.0")))]
#[case::rolled_back_to_a_revision("roll-back", Some(("to", "shop-web:2")))]
fn a_release_that_was_taken_back_stays_away(
    #[case] command: &str,
    #[case] argument: Option<(&str, &str)>,
    #[values(false, true)] is_verified: bool,
) {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 2);
    if is_verified {
        world.state_mut().settle(&web);
        minutes(&world, 3);
    }
    request(&world, &about_web(command, argument));
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    let title = "RC_1.2.0 rejected by alice, rolling back to RC_1.1.0";
    assert_eq!(count_titles(&world, title), 1, "{:?}", world.titles());
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    let state = world.state();
    let releases = &state.held[&web].memory.releases;
    assert!(releases.quarantined.contains_key(&digest(12)));
    assert!(releases.verified.iter().all(|one| one.digest != digest(12)));
}

#[test]
fn an_image_is_rejected_before_it_is_released() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    let event = world.push("shop/web", "RC_1.2.0", 12);
    request(&world, &about_web("reject", Some(("image", "RC_1.2.0"))));
    assert_eq!(
        count_titles(&world, "RC_1.2.0 rejected by alice"),
        1,
        "{:?}",
        world.titles()
    );
    let _ = world.invoke(&Deploy, event);
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
}

/// Two people ask for the same rollback: the service goes back by one release.
#[test]
fn a_rollback_in_progress_is_not_repeated() {
    let (world, web) = web();
    for (tag, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12), ("RC_1.3.0", 13)] {
        release(&world, &web, tag, content);
    }
    request(&world, &about_web("roll-back", None));
    world.advance(MINUTE);
    request(&world, &about_web("roll-back", None));
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    let answer =
        "roll-back requested by alice without effect - a rollback to shop-web:3 is in progress";
    assert_eq!(count_titles(&world, answer), 1, "{:?}", world.titles());
}

#[rstest]
#[case::nothing_before(
    None,
    "roll-back requested by alice without effect - no earlier revision is verified, active and still in ECR"
)]
#[case::unknown(
    Some("RC_7.0.0"),
    "roll-back RC_7.0.0 requested by alice without effect - RC_7.0.0 is no verified release; none is"
)]
#[case::running(
    Some("RC_1.1.0"),
    "roll-back RC_1.1.0 requested by alice without effect - the service runs RC_1.1.0"
)]
fn a_rollback_that_leads_nowhere_is_answered_once(#[case] to: Option<&str>, #[case] title: &str) {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    {
        let mut state = world.state_mut();
        state.held.get_mut(&web).unwrap().memory.releases.adopted = None;
    }
    request(&world, &about_web("roll-back", to.map(|to| ("to", to))));
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"));
    assert_eq!(count_titles(&world, title), 1, "{:?}", world.titles());
    assert_eq!(world.state().held[&web].memory.requests.rejections, []);
}

#[test]
fn a_backup_and_a_drill_start_at_once() {
    let world = World::new();
    let orders = world.database("orders", "at=03:00 drill=weekly");
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(HOUR * 5);
    let body = |command: &str| json!({"command": command, "target": "orders", "reason": "before the migration"});
    request(&world, &body("back-up"));
    assert_eq!(world.taken(&orders).len(), 2, "{:?}", world.titles());
    for _ in 0..4 {
        world.advance(MINUTE * 15);
        let _ = world.sweep(&Backup);
    }
    assert_eq!(world.taken(&orders).len(), 2, "one request is one backup");
    request(&world, &body("drill"));
    assert_eq!(world.count("RestoreDBInstance"), 1, "{:?}", world.titles());
}

/// A silence of many holds for each of them and for no other, and ends at its time or by request. Its beginning and its
/// early end are heard.
#[rstest]
#[case::everything(json!({"everything": true}), &["shop/web", "shop/api"], "everything")]
#[case::application(json!({"application": "shop"}), &["shop/web"], "application shop")]
fn a_silence_of_many_is_about_each_of_them(
    #[case] scope: Value,
    #[case] silenced: &[&str],
    #[case] name: &str,
) {
    let (world, web) = web();
    let api = world.service("api", "shop/api", "RC_1.0.0", "tag=RC_x.x.x repo=shop/api");
    tag(&world, &web, "app", "shop");
    tag(&world, &api, "app", "billing");
    let mut silence =
        json!({"command": "silence", "reason": "maintenance", "until": "2026-11-21T05:00Z"});
    let mut unsilence = json!({"command": "unsilence", "reason": "done"});
    for body in [&mut silence, &mut unsilence] {
        let body = body.as_object_mut().unwrap();
        body.extend(scope.as_object().unwrap().clone());
    }
    let push_all = |world: &World, tag: &str, content| {
        for repository in ["shop/web", "shop/api"] {
            let event = world.push(repository, tag, content);
            world.invoke(&Deploy, event).unwrap().unwrap();
        }
    };
    // Whether each of the last messages is silenced, by target.
    let silences = |world: &World, tag: &str| -> Vec<String> {
        let state = world.state();
        let about = state.notices.iter();
        let about = about.filter(|notice| {
            notice
                .message
                .title
                .starts_with(&format!("deploying {tag}"))
        });
        about
            .filter(|notice| notice.silenced_until.is_some())
            .map(|notice| notice.name.clone())
            .collect()
    };
    let count = |world: &World, title: &str| {
        let state = world.state();
        let notices = state.notices.iter();
        notices
            .filter(|notice| notice.message.title == title)
            .count()
    };
    request(&world, &silence);
    let begin = format!("{name} silenced by alice until 2026-11-21 05:00 UTC");
    assert_eq!(count(&world, &begin), 1);
    push_all(&world, "RC_1.1.0", 11);
    assert_eq!(silences(&world, "RC_1.1.0"), silenced);
    world.advance(MINUTE * 5);
    request(&world, &unsilence);
    assert_eq!(
        count_titles(&world, &format!("{name} notified again, by alice")),
        1
    );
    push_all(&world, "RC_1.2.0", 12);
    assert_eq!(silences(&world, "RC_1.2.0"), [""; 0]);
    // The next one ends by itself.
    let mut again = silence.clone();
    again["id"] = "again".into();
    request(&world, &again);
    world.advance(MINUTE * 120);
    sweep_all(&world);
    push_all(&world, "RC_1.3.0", 13);
    assert_eq!(silences(&world, "RC_1.3.0"), [""; 0]);
    let all = Arn::new("").all_targets();
    let state = world.state();
    let recorded = state
        .held
        .iter()
        .find(|(arn, _)| arn.resource() == all.resource());
    assert!(recorded.is_some_and(|(_, held)| held.memory.requests.silences.is_empty()));
}

#[test]
fn a_silence_ends_at_its_time_or_by_request() {
    let (world, web) = web();
    let silence = |until| json!({"command": "silence", "target": "shop/web", "reason": "load test", "until": until});
    request(&world, &silence("2026-11-21T05:00Z"));
    release(&world, &web, "RC_1.1.0", 11);
    assert_eq!(world.titles(), [""; 0]);
    request(&world, &about_web("unsilence", None));
    release(&world, &web, "RC_1.2.0", 12);
    assert!(!world.titles().is_empty());
    request(&world, &silence("2026-11-21T05:00Z"));
    let before = world.titles().len();
    release(&world, &web, "RC_1.3.0", 13);
    assert_eq!(world.titles().len(), before);
    world.advance(HOUR * 2);
    release(&world, &web, "RC_1.4.0", 14);
    assert!(world.titles().len() > before, "{:?}", world.titles());
}

/// An acknowledgement reaches `alert`, which knows the incident.
#[test]
fn an_acknowledgement_is_passed_on() {
    let (world, _) = web();
    request(
        &world,
        &about_web("acknowledge", Some(("incident", "a1b2c3"))),
    );
    let state = world.state();
    let keys: Vec<&str> = state
        .notices
        .iter()
        .filter_map(|notice| notice.message.key.as_deref())
        .collect();
    assert_eq!(keys, ["acknowledged:a1b2c3"]);
}

fn redrive() -> Value {
    json!({"command": "redrive", "everything": true, "reason": "the bug is fixed"})
}

/// A dead letter of `deploy`, and one that nobody can send again.
fn dead_letters() -> [DeadLetter; 2] {
    let failed = json!({
        "requestContext": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:lamplighter-Deploy-1A2B:$LATEST"},
        "requestPayload": {"source": "aws.ecr"},
    });
    [failed, json!({"unknown": true})].map(|body| DeadLetter {
        body: body.to_string(),
        ..DeadLetter::default()
    })
}

/// What can be sent again is sent, also if a call fails or the function dies on the way; the rest stays.
#[rstest]
#[case::undisturbed(None)]
#[case::throttled(Some(("Invoke", Fault::Throttled)))]
#[case::answer_lost(Some(("Invoke", Fault::AnswerLost)))]
#[case::killed(Some(("DeleteMessage", Fault::Killed)))]
fn dead_letters_are_sent_again(#[case] fault: Option<(&'static str, Fault)>) {
    let (world, _) = web();
    let [failed, unknown] = dead_letters();
    world.state_mut().dead_letters = [unknown.clone(), failed.clone()].into();
    if let Some((call, fault)) = fault {
        world.inject_fault(call, fault);
        let _ = try_call(&world, &redrive());
        assert!(
            world.state().dead_letters.contains(&failed),
            "nothing is lost"
        );
        world.advance(HOUR);
    }
    let again =
        json!({"command": "redrive", "everything": true, "reason": "again", "id": "second"});
    let (status, answer) = try_call(&world, &again).unwrap();
    assert_eq!(status, 200, "{answer}");
    let state = world.state();
    assert_eq!(state.dead_letters, [unknown]);
    let recipient = failed.find_recipient("lamplighter").unwrap();
    assert!(state.sent_again.contains(&recipient));
    assert!(state.sent_again.iter().all(|sent| *sent == recipient));
}

/// The functions would drop the events.
#[test]
fn dead_letters_are_not_sent_again_during_a_pause_or_without_any() {
    let (world, _) = web();
    let (status, answer) = try_call(&world, &redrive()).unwrap();
    assert_eq!(status, 422);
    assert!(answer.to_string().contains("queue is empty"), "{answer}");
    let pause = json!({"command": "pause", "everything": true, "reason": "migration"});
    request(&world, &pause);
    world.state_mut().dead_letters = dead_letters().into();
    let (status, answer) = try_call(&world, &redrive()).unwrap();
    assert_eq!(status, 422);
    assert!(answer.to_string().contains("resume first"), "{answer}");
    assert_eq!(world.state().sent_again, []);
}

/// Requests with a mistake: the answer names the mistake and the remedy, and nothing is recorded.
#[rstest]
#[case::target(json!({"command": "pause", "target": "shop/wbe", "reason": "x"}), 422, "no resource with the tag lamplighter:managed is called shop/wbe; did you mean shop/web?")]
#[case::application(json!({"command": "pause", "application": "shpo", "reason": "x"}), 422, "no managed resource has the tag lamplighter:app = shpo; did you mean shop?")]
#[case::command(json!({"command": "stop", "target": "shop/web", "reason": "x"}), 400, "command \"stop\" is not one of pause, resume")]
#[case::no_scope(json!({"command": "pause", "reason": "x"}), 400, "exactly one of these is needed")]
#[case::two_scopes(json!({"command": "pause", "target": "shop/web", "everything": true, "reason": "x"}), 400, "exactly one of these is needed")]
#[case::no_reason(json!({"command": "pause", "everything": true}), 400, "\"reason\" is missing")]
#[case::blank_reason(json!({"command": "pause", "everything": true, "reason": "  "}), 400, "\"reason\" is missing")]
#[case::deploy_everything(json!({"command": "deploy", "everything": true, "image": "x", "reason": "x"}), 400, "deploy is for one target")]
#[case::redrive_one(json!({"command": "redrive", "target": "shop/web", "reason": "x"}), 400, "redrive is for the whole stack")]
#[case::no_image(json!({"command": "deploy", "target": "shop/web", "reason": "x"}), 400, "\"image\" is missing")]
#[case::useless_image(json!({"command": "pause", "target": "shop/web", "image": "x", "reason": "x"}), 400, "pause has no \"image\"")]
#[case::unknown_key(json!({"command": "pause", "targets": "shop/web", "reason": "x"}), 400, "unknown field `targets`")]
#[case::past(json!({"command": "pause", "everything": true, "reason": "x", "until": "2026-11-20T00:00Z"}), 400, "is not in the future")]
#[case::no_time(json!({"command": "pause", "everything": true, "reason": "x", "until": "tomorrow"}), 400, "until \"tomorrow\" is not a time such as")]
#[case::endless_silence(json!({"command": "silence", "target": "shop/web", "reason": "x"}), 400, "silence needs \"until\"")]
#[case::until_of_a_deployment(json!({"command": "deploy", "target": "shop/web", "image": "x", "reason": "x", "until": "2026-11-22T00:00Z"}), 400, "deploy has no \"until\"")]
#[case::untagged(json!({"command": "back-up", "target": "shop/web", "reason": "x"}), 422, "back-up has no effect on shop/web: it lacks the tag lamplighter:backup")]
#[case::not_paused(json!({"command": "resume", "everything": true, "reason": "x"}), 422, "everything is not paused by a request")]
fn a_mistake_is_named(#[case] body: Value, #[case] status: u16, #[case] text: &str) {
    let (world, web) = web();
    tag(&world, &web, "app", "shop");
    let (answered, answer) = try_call(&world, &body).unwrap();
    assert_eq!(answered, status, "{answer}");
    let answer = answer.to_string().replace("\\\"", "\"");
    assert!(answer.contains(text), "{answer}");
    assert_eq!(world.state().notices.len(), 0);
    let recorded = |held: &e2e::testkit::world::Held| held.memory.requests.recorded.len();
    assert!(world.state().held.values().all(|held| recorded(held) == 0));
}

/// A call that finds the target locked says so, and can be repeated.
#[test]
fn a_busy_target_is_answered_with_a_conflict() {
    let (world, web) = web();
    {
        let mut state = world.state_mut();
        let until = state.now + MINUTE;
        state.held.entry(web).or_default().lease = Some(("another".to_owned(), until));
    }
    let body = about_web("pause", None);
    let (status, answer) = try_call(&world, &body).unwrap();
    assert_eq!(status, 409, "{answer}");
    world.advance(MINUTE * 2);
    assert_eq!(try_call(&world, &body).unwrap().0, 200);
}

/// A used approval stays used, however long ago that was and however many releases followed.
#[rstest]
#[case::deployment("request", "hotfix-1")]
#[case::approval("request", "RC_1.1.0")]
#[case::tag("tag", "RC_1.1.0")]
fn a_used_approval_never_comes_back(#[case] by: &str, #[case] image: &str) {
    let (world, web) = web();
    world.push("shop/web", "hotfix-1", 99);
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    let command = if image == "hotfix-1" {
        "deploy"
    } else {
        "approve"
    };
    if by == "tag" {
        tag(&world, &web, "approve", image);
        let _ = world.sweep(&Deploy);
    } else {
        request(&world, &about_web(command, Some(("image", image))));
    }
    assert!(runs(&world, &web, image), "{:?}", world.titles());
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 5);
    for minor in 3..70 {
        release(&world, &web, &format!("RC_1.{minor}.0"), 100 + minor);
        minutes(&world, 12);
    }
    let deployed = world
        .titles()
        .iter()
        .filter(|title| title.starts_with(&format!("deploying {image} ")))
        .count();
    assert!(deployed <= 2, "{:?}", world.titles());
    assert!(runs(&world, &web, "RC_1.69.0"));
}

/// Where one tag is tracked, a requested image stays until that tag is pushed again.
#[test]
fn a_requested_image_stays_where_a_fixed_tag_is_tracked() {
    let world = World::new();
    let web = world.service("web", "shop/web", "prod", "tag=prod repo=shop/web");
    release(&world, &web, "prod", 11);
    world.advance(MINUTE);
    world.push("shop/web", "hotfix-1", 99);
    request(&world, &about_web("deploy", Some(("image", "hotfix-1"))));
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
    release(&world, &web, "prod", 12);
    minutes(&world, 30);
    assert!(runs(&world, &web, "prod"), "{:?}", world.titles());
}

const VERSIONS: &str = "tag=RC_x.x.x repo=shop/web";

/// Asks for an image by a request with this command, or by the tag if it is empty.
fn ask_for(world: &World, web: &Arn, command: &str, image: &str) {
    if !command.is_empty() {
        request(world, &about_web(command, Some(("image", image))));
        return;
    }
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(web).unwrap();
    tags.insert("lamplighter:approve".into(), image.into());
}

/// Lets the release that is rolled out fail for its environment, which is well again afterwards.
fn fail_for_environment(world: &World, web: &Arn) {
    fail_to_start(world, web, "RESOURCE:MEMORY");
    world.state_mut().roll_back(web);
    minutes(world, 2);
    world.state_mut().tasks.clear();
}

/// A requested or approved image that failed for its environment is deployed again, as the message says.
#[rstest]
#[case::fixed_tag("prod", "tag=prod repo=shop/web", "deploy", "hotfix-1")]
#[case::not_tracked("RC_1.1.0", VERSIONS, "deploy", "hotfix-1")]
#[case::older("RC_1.1.0", VERSIONS, "deploy", "RC_1.0.9")]
#[case::approved("RC_1.1.0", VERSIONS, "approve", "RC_1.0.9")]
#[case::approved_by_tag("RC_1.1.0", VERSIONS, "", "RC_1.0.9")]
fn a_requested_image_is_tried_again(
    #[case] tracked: &str,
    #[case] tag: &str,
    #[case] command: &str,
    #[case] image: &str,
    #[values(true, false)] breaker: bool,
) {
    let world = World::new();
    let web = world.service("web", "shop/web", tracked, tag);
    world.push("shop/web", image, 99);
    world.advance(MINUTE);
    release(&world, &web, tracked, 11);
    world.advance(MINUTE);
    ask_for(&world, &web, command, image);
    minutes(&world, 7);
    assert!(runs(&world, &web, image), "{:?}", world.titles());
    if breaker {
        fail_for_environment(&world, &web);
    } else {
        fail_to_start(&world, &web, "RESOURCE:MEMORY");
        minutes(&world, 12);
        world.state_mut().settle(&web);
        world.state_mut().tasks.clear();
    }
    assert!(runs(&world, &web, tracked), "{:?}", world.titles());
    minutes(&world, 10);
    assert!(runs(&world, &web, image), "{:?}", world.titles());
    let last = world.state().notices.last().unwrap().message.clone();
    let why = "It is deployed again, because its environment failed it before: no capacity";
    assert!(last.why.starts_with(why), "{}", last.why);
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, image), "{:?}", world.titles());
    // Only what is pushed later takes its place.
    let newer = if tracked == "prod" {
        "prod"
    } else {
        "RC_1.2.0"
    };
    release(&world, &web, newer, 12);
    minutes(&world, 30);
    assert!(runs(&world, &web, newer), "{:?}", world.titles());
}

/// A push while a requested image waits for its next attempt is deployed, and the request ends.
#[rstest]
#[case::requested("deploy")]
#[case::approved_by_tag("")]
fn a_push_ends_the_retries_of_a_requested_image(#[case] command: &str) {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.1.0", VERSIONS);
    world.push("shop/web", "RC_1.0.9", 99);
    world.advance(MINUTE);
    release(&world, &web, "RC_1.1.0", 11);
    ask_for(&world, &web, command, "RC_1.0.9");
    minutes(&world, 7);
    fail_for_environment(&world, &web);
    release(&world, &web, "RC_1.2.0", 12);
    let ended = "It ends the request of alice (deploy RC_1.0.9)";
    let is_named = world
        .state()
        .notices
        .iter()
        .any(|notice| notice.message.why.contains(ended));
    assert_eq!(is_named, command == "deploy", "{:?}", world.titles());
    minutes(&world, 120);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}

/// With approve=yes, the push is held for approval, and the retries end.
#[test]
fn a_push_that_waits_for_approval_ends_the_retries() {
    let world = World::new();
    let tag = format!("{VERSIONS} approve=yes");
    let web = world.service("web", "shop/web", "RC_1.1.0", &tag);
    world.push("shop/web", "RC_1.2.0", 12);
    world.advance(MINUTE);
    request(&world, &about_web("approve", Some(("image", "RC_1.2.0"))));
    minutes(&world, 3);
    fail_for_environment(&world, &web);
    push(&world, "RC_1.3.0", 13);
    minutes(&world, 60);
    for tag in ["RC_1.2.0", "RC_1.3.0"] {
        assert!(!runs(&world, &web, tag), "{:?}", world.titles());
    }
    let held = "RC_1.3.0 held - waiting for approval";
    assert!(
        world.titles().iter().any(|title| title.starts_with(held)),
        "{:?}",
        world.titles()
    );
}

/// A requested rollback ends the retries of an image that is newer than its target.
#[test]
fn a_requested_rollback_ends_the_retries() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERSIONS);
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 30);
    release(&world, &web, "RC_1.3.0", 13);
    world.push("shop/web", "RC_1.2.0", 12);
    minutes(&world, 30);
    request(&world, &about_web("deploy", Some(("image", "RC_1.2.0"))));
    minutes(&world, 3);
    fail_for_environment(&world, &web);
    request(&world, &about_web("roll-back", Some(("to", "RC_1.1.0"))));
    minutes(&world, 5);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    minutes(&world, 120);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
}

/// A template that names an earlier image is put right with the image that a person requested.
#[test]
fn a_template_does_not_take_a_requested_image_back() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    world.push("shop/web", "hotfix-1", 99);
    request(&world, &about_web("deploy", Some(("image", "hotfix-1"))));
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 5);
    {
        let mut state = world.state_mut();
        let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:RC_1.0.0";
        let revision = state.register("shop-web", image);
        state.deploy(&web, &revision);
        state.settle(&web);
    }
    minutes(&world, 10);
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
}

/// A rollback is about what ran when it was asked for: nothing newer is left, and a second caller goes back no further.
#[rstest]
#[case::another_caller(
    false,
    "roll-back requested by alice without effect - RC_1.2.0 was deployed again at "
)]
#[case::by_hand(
    true,
    "roll-back requested by alice without effect - the service was deployed by others after the request"
)]
fn a_rollback_leaves_only_what_ran_before(#[case] by_hand: bool, #[case] answer: &str) {
    let (world, web) = web();
    for (tag, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12), ("RC_1.3.0", 13)] {
        release(&world, &web, tag, content);
    }
    minutes(&world, 30);
    if by_hand {
        request(&world, &pause(&json!({"target": "shop/web"})));
        request(&world, &about_web("roll-back", None));
        world.advance(MINUTE * 5);
        let fixed = world.state().definitions[2].arn().to_owned();
        world.state_mut().deploy(&web, &fixed);
        world.state_mut().settle(&web);
        world.advance(MINUTE * 5);
        request(&world, &about_web("resume", None));
    } else {
        request(&world, &about_web("roll-back", None));
        world.state_mut().settle(&web);
        minutes(&world, 5);
        request(&world, &about_web("roll-back", None));
    }
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 30);
    let titles = world.titles();
    let answers = titles.iter().filter(|title| title.starts_with(answer));
    assert_eq!(answers.count(), 1, "{titles:?}");
    world.state_mut().settle(&web);
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}

/// What is rejected is not released by an earlier approval that something held.
#[rstest]
#[case::same_name("RC_1.2.0", "reject", Some(("image", "RC_1.2.0")))]
#[case::other_name("RC_1.2.0", "reject", Some(("image", "000000000000000000000000000000000000000000000000000000000000000c")))]
#[case::deployment("hotfix-1", "roll-back", None)]
fn a_rejection_ends_an_earlier_approval(
    #[case] approved: &str,
    #[case] command: &str,
    #[case] argument: Option<(&str, &str)>,
) {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    world.push("shop/web", "hotfix-1", 99);
    let _ = world.push("shop/web", "RC_1.2.0", 12);
    world.advance(MINUTE);
    request(&world, &pause(&json!({"target": "shop/web"})));
    let approve = if approved == "hotfix-1" {
        "deploy"
    } else {
        "approve"
    };
    let answer = request(&world, &about_web(approve, Some(("image", approved))));
    assert!(
        answer
            .to_string()
            .contains("Nothing changes while it is paused by alice: database migration."),
        "{answer}"
    );
    request(&world, &about_web(command, argument));
    request(&world, &about_web("resume", None));
    minutes(&world, 60);
    assert!(!runs(&world, &web, approved), "{:?}", world.titles());
}

/// The running image may have other tags, and is rejected by each of them.
#[test]
fn a_running_image_is_rejected_by_another_of_its_tags() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    world.push("shop/web", "git-3f2a1b0", 12);
    request(&world, &about_web("reject", Some(("image", "git-3f2a1b0"))));
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(world.state().held[&web].memory.requests.rejections, []);
}

/// An approved image that can't run here does not stand in the way of later pushes.
#[test]
fn a_later_push_replaces_an_approved_image_that_is_held() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    world.push("shop/web", "hotfix-1", 99);
    {
        let mut state = world.state_mut();
        let key = ("shop/web".to_owned(), "hotfix-1".to_owned());
        state.images.get_mut(&key).unwrap().1 = Some(Vec::new());
    }
    request(&world, &about_web("deploy", Some(("image", "hotfix-1"))));
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    push(&world, "RC_1.2.0", 12);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}

/// Two people pause everything: the one who resumes resumes all, and the end of one pause leaves the other.
#[test]
fn pauses_of_two_people_add_up() {
    let (world, web) = web();
    for (reason, hours) in [("migration", 3), ("audit", 1)] {
        let until = (BEGINNING + HOUR * hours).to_string();
        request(
            &world,
            &json!({"command": "pause", "everything": true, "reason": reason, "until": until}),
        );
        world.advance(MINUTE);
    }
    push(&world, "RC_1.1.0", 11);
    world.advance(HOUR);
    for _ in 0..3 {
        let _ = world.sweep(&RequestOperation);
        let _ = world.sweep(&Deploy);
        world.advance(MINUTE * 5);
    }
    assert!(!runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    let first = "everything paused by alice until 2026-11-21 06:00 UTC";
    assert_eq!(world.titles().last().unwrap(), first);
    let fires = |notice: &lamplighter::notify::Notification| notice.message.fires.is_some();
    assert_eq!(
        world
            .state()
            .notices
            .iter()
            .filter(|notice| fires(notice))
            .count(),
        3
    );
    request(
        &world,
        &json!({"command": "resume", "everything": true, "reason": "done"}),
    );
    let _ = world.sweep(&Deploy);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
}

/// An identifier names one request: another one with it is refused, and not taken for a repetition.
#[test]
fn an_identifier_names_one_request() {
    let (world, web) = web();
    tag(&world, &web, "app", "shop");
    let mut body = pause(&json!({"application": "shop"}));
    body["id"] = "change-42".into();
    request(&world, &body);
    assert!(
        request(&world, &body)
            .to_string()
            .contains("was recorded before")
    );
    let mut other = pause(&json!({"everything": true}));
    other["id"] = "change-42".into();
    let (status, answer) = try_call(&world, &other).unwrap();
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer
            .to_string()
            .contains("the id change-42 was used before for pause"),
        "{answer}"
    );
}

/// A pause ends although the tag by which it was asked for is gone.
#[test]
fn a_pause_can_be_ended_without_its_tags() {
    let (world, web) = web();
    tag(&world, &web, "app", "shop");
    request(&world, &pause(&json!({"application": "shop"})));
    request(&world, &pause(&json!({"target": "shop/web"})));
    world.state_mut().tags.get_mut(&web).unwrap().clear();
    request(
        &world,
        &json!({"command": "resume", "application": "shop", "reason": "done"}),
    );
    request(&world, &about_web("resume", None));
    assert!(
        world
            .state()
            .held
            .values()
            .all(|held| held.memory.requests.pauses.is_empty())
    );
}

/// A drill that is asked for during a pause begins after it, once.
#[test]
fn a_drill_waits_for_the_end_of_a_pause() {
    let world = World::new();
    world.database("orders", "at=03:00 keep=7d");
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(MINUTE * 15);
    request(&world, &pause(&json!({"everything": true})));
    request(
        &world,
        &json!({"command": "drill", "target": "orders", "reason": "audit"}),
    );
    assert_eq!(world.count("RestoreDBInstance"), 0);
    request(
        &world,
        &json!({"command": "resume", "everything": true, "reason": "done"}),
    );
    for _ in 0..30 {
        let _ = world.invoke_with(&Drill, sweep(), closed());
        world.advance(MINUTE * 15);
    }
    assert_eq!(world.count("RestoreDBInstance"), 1, "{:?}", world.titles());
}

/// What only observes records requests, and says that nothing follows from them.
#[rstest]
#[case::stack(
    Mode::Observe,
    "true",
    "Nothing changes while the stack parameter Mode is observe."
)]
#[case::target(
    Mode::Act,
    "observe",
    "Nothing changes while its tag lamplighter:managed is observe."
)]
fn a_request_is_recorded_where_nothing_is_changed(
    #[case] mode: Mode,
    #[case] managed: &str,
    #[case] text: &str,
) {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    tag(&world, &web, "managed", managed);
    let defaults = || StackDefaults {
        mode,
        ..StackDefaults::default()
    };
    let call = call_payload(&world, &about_web("roll-back", None));
    let answer = world.invoke_with(&RequestOperation, call, defaults());
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer["statusCode"], 200);
    assert!(answer["body"].to_string().contains(text), "{answer}");
    world.advance(MINUTE);
    let _ = world.invoke_with(&Rollout, sweep(), defaults());
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    assert!(
        world.titles().last().unwrap().starts_with("would "),
        "{:?}",
        world.titles()
    );
}

/// A push does not overtake a request to roll back: what ran is rolled back, and the new image follows.
#[test]
fn a_push_waits_for_a_requested_rollback() {
    let (world, web) = web();
    for (tag, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12), ("RC_1.3.0", 13)] {
        release(&world, &web, tag, content);
    }
    minutes(&world, 30);
    let body = about_web("roll-back", None);
    assert_eq!(try_call(&world, &body).unwrap().0, 200);
    world.state_mut().bus.clear();
    world.advance(MINUTE);
    push(&world, "RC_1.4.0", 14);
    assert!(runs(&world, &web, "RC_1.3.0"), "{:?}", world.titles());
    let _ = world.sweep(&Rollout);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    world.state_mut().settle(&web);
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.4.0"), "{:?}", world.titles());
    let state = world.state();
    let quarantined = &state.held[&web].memory.releases.quarantined;
    assert!(quarantined.keys().eq([&digest(13)]), "{quarantined:?}");
}

/// A rollback that a person chose stays where one tag is tracked: the tag still names what ran before.
#[test]
fn a_requested_rollback_stays_where_a_fixed_tag_is_tracked() {
    let world = World::new();
    let web = world.service("web", "shop/web", "prod", "tag=prod repo=shop/web");
    release(&world, &web, "prod", 11);
    release(&world, &web, "prod", 12);
    world.push("shop/web", "hotfix-1", 99);
    world.advance(MINUTE);
    request(&world, &about_web("deploy", Some(("image", "hotfix-1"))));
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 40);
    // A request without effect changes nothing, also later.
    request(&world, &about_web("roll-back", Some(("to", "pord"))));
    minutes(&world, 10);
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
    request(&world, &about_web("approve", Some(("image", "hotfix-9"))));
    minutes(&world, 10);
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
    let first = format!("{}", digest(11));
    request(&world, &about_web("roll-back", Some(("to", &first))));
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(
        world.image_of(&web).ends_with(&first),
        "{:?}",
        world.titles()
    );
    release(&world, &web, "prod", 13);
    minutes(&world, 10);
    assert!(
        world.image_of(&web).ends_with(&format!("{}", digest(13))),
        "{:?}",
        world.titles()
    );
}

/// A moved tag is rejected as what it names now, and not as what it named when it was released.
#[test]
fn a_moved_tag_is_rejected_as_what_it_names_now() {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "prod",
        "tag=prod repo=shop/web approve=yes",
    );
    push(&world, "prod", 11);
    request(&world, &about_web("approve", Some(("image", "prod"))));
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 5);
    push(&world, "prod", 13);
    request(&world, &about_web("reject", Some(("image", "prod"))));
    minutes(&world, 10);
    assert!(
        world.image_of(&web).ends_with(&format!("{}", digest(11))),
        "{:?}",
        world.titles()
    );
    let state = world.state();
    let quarantined = &state.held[&web].memory.releases.quarantined;
    assert!(quarantined.keys().eq([&digest(13)]), "{quarantined:?}");
}

/// An approval of what runs already is used up by the rejection of it, whatever each person called it.
#[test]
fn an_approval_of_the_running_image_does_not_outlive_its_rejection() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    let image = digest(12).to_string();
    request(&world, &about_web("approve", Some(("image", &image))));
    request(&world, &about_web("reject", Some(("image", "RC_1.2.0"))));
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
}

/// Of a rejection and an approval that both wait, the newer one counts.
#[test]
fn an_approval_after_a_rejection_counts() {
    let (world, web) = web();
    release(&world, &web, "RC_1.1.0", 11);
    let _ = world.push("shop/web", "RC_1.2.0", 12);
    request(&world, &pause(&json!({"target": "shop/web"})));
    request(&world, &about_web("reject", Some(("image", "RC_1.2.0"))));
    world.advance(MINUTE);
    request(&world, &about_web("approve", Some(("image", "RC_1.2.0"))));
    request(&world, &about_web("resume", None));
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}

/// A service that runs RC_1.4.0, and a request for hotfix-1, which has no platform of the service.
fn with_held_request() -> (World, Arn) {
    let (world, web) = web();
    release(&world, &web, "RC_1.4.0", 11);
    world.push("shop/web", "hotfix-1", 99);
    set_platforms(&world, Some(Vec::new()));
    request(&world, &about_web("deploy", Some(("image", "hotfix-1"))));
    world.advance(MINUTE);
    (world, web)
}

/// Sets the platforms of hotfix-1; `None` for an image that runs everywhere.
fn set_platforms(world: &World, platforms: Option<Vec<PlatformImage>>) {
    let key = ("shop/web".to_owned(), "hotfix-1".to_owned());
    world.state_mut().images.get_mut(&key).unwrap().1 = platforms;
}

/// A push that is not deployed itself does not end a request that is held.
#[test]
fn an_older_push_does_not_end_a_held_request() {
    let (world, web) = with_held_request();
    push(&world, "RC_1.3.9", 12);
    set_platforms(&world, None);
    minutes(&world, 10);
    assert!(runs(&world, &web, "hotfix-1"), "{:?}", world.titles());
}

/// A push that ends a held request says so.
#[test]
fn a_newer_push_ends_a_held_request_in_words() {
    let (world, web) = with_held_request();
    push(&world, "RC_1.4.1", 12);
    assert!(runs(&world, &web, "RC_1.4.1"), "{:?}", world.titles());
    let last = world.state().notices.last().unwrap().message.clone();
    assert!(
        last.why.ends_with(
            " It ends the request of alice (deploy hotfix-1), whose image was not released."
        ),
        "{}",
        last.why
    );
    minutes(&world, 10);
    push(&world, "RC_1.4.2", 13);
    let last = world.state().notices.last().unwrap().message.clone();
    assert!(!last.why.contains("request"), "it ended: {}", last.why);
}

/// The list of pauses is bounded, and no pause is dropped for another one.
#[test]
fn a_pause_is_never_dropped_for_another_one() {
    let (world, _) = web();
    for n in 0..20 {
        let mut body = pause(&json!({"everything": true}));
        body["id"] = format!("pause-{n}").into();
        request(&world, &body);
    }
    let (status, answer) = try_call(&world, &pause(&json!({"everything": true}))).unwrap();
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer
            .to_string()
            .contains("too many pauses are in effect: resume some of them"),
        "{answer}"
    );
}

/// A stack that is off and an AWS that does not answer record nothing, and say so.
#[test]
fn only_a_request_that_failed_is_to_be_repeated() {
    let (world, web) = web();
    let call = call_payload(&world, &about_web("pause", None));
    let off = StackDefaults {
        mode: Mode::Off,
        ..StackDefaults::default()
    };
    let answer = world.invoke_with(&RequestOperation, call, off);
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer["statusCode"], 422);
    assert!(
        answer["body"].to_string().contains("Mode is off"),
        "{answer}"
    );
    world.inject_fault("GetResources", Fault::Throttled);
    let (status, answer) = try_call(&world, &about_web("pause", None)).unwrap();
    assert_eq!(status, 503, "{answer}");
    assert!(answer.to_string().contains("with the same"), "{answer}");
    assert!(!world.state().held.contains_key(&web));
}
