//! Requests of people and pipelines, in the simulated world: what they change, and what holds whatever fails.

use archive::Archive;
use backup::Backup;
use certificates::Certificates;
use deploy::Deploy;
use drill::Drill;
use e2e::testkit::releases::{MINUTE, digest, minutes, push, release, runs};
use e2e::testkit::requests::{closed, deliver, request, try_call};
use e2e::testkit::world::{BEGINNING, Fault, World, sweep};
use enroll::Enroll;
use heal::Heal;
use jiff::SignedDuration;
use lamplighter::model::Arn;
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
        count_titles(&world, "pause of everything ended - its time is up"),
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
    assert_eq!((recorded.recorded.len(), &recorded.rejection), (1, &None));
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
            "hotfix-2 approved without effect - no such image",
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
    assert_eq!(world.state().held[&web].memory.requests.rejection, None);
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
    assert_eq!(world.state().held[&web].memory.requests.rejection, None);
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
#[case::no_image(json!({"command": "deploy", "target": "shop/web", "reason": "x"}), 400, "\"image\" is missing")]
#[case::useless_image(json!({"command": "pause", "target": "shop/web", "image": "x", "reason": "x"}), 400, "pause has no \"image\"")]
#[case::unknown_key(json!({"command": "pause", "targets": "shop/web", "reason": "x"}), 400, "unknown field `targets`")]
#[case::past(json!({"command": "pause", "everything": true, "reason": "x", "until": "2026-11-20T00:00Z"}), 400, "is not in the future")]
#[case::no_time(json!({"command": "pause", "everything": true, "reason": "x", "until": "tomorrow"}), 400, "until \"tomorrow\" is not a time such as")]
#[case::endless_silence(json!({"command": "silence", "target": "shop/web", "reason": "x"}), 400, "silence needs \"until\"")]
#[case::until_of_a_deployment(json!({"command": "deploy", "target": "shop/web", "image": "x", "reason": "x", "until": "2026-11-22T00:00Z"}), 400, "deploy has no \"until\"")]
#[case::untagged(json!({"command": "back-up", "target": "shop/web", "reason": "x"}), 422, "back-up has no effect on shop/web: it lacks the tag lamplighter:backup")]
#[case::not_paused(json!({"command": "resume", "everything": true, "reason": "x"}), 200, "everything is not paused by a request")]
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
