//! The verdict follows the digest of the request, whatever its tag says, and only ends when it is final.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const ASKED_AT: &str = "2026-11-21T03:00:00Z";
const BEFORE: &str = "2026-11-20T03:00:00Z";
const AFTER: &str = "2026-11-21T03:01:00Z";
/// The sweep has looked at the service since.
const LATER: &str = "2026-11-21T03:07:30Z";

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

/// A service that runs another image, and was asked to deploy `latest`, whose digest is of `b`. Changes by JSON pointer.
fn detail(changes: &[(&str, Value)]) -> TargetDetail {
    let request = json!({"id": "r1", "at": ASKED_AT, "by": "arn:aws:iam::123456789012:user/alice", "reason": "test",
                         "scope": {"target": "shop/web"}, "command": {"deploy": "latest"}});
    let mut detail = json!({
        "stack": "lamplighter", "version": "0.2.0", "at": AFTER, "tags": {}, "messages": [], "requests": [request],
        "release_request": {"request": request, "digest": digest('b'), "is_used": false},
        "releases": {"releases": [], "quarantined": {}},
        "status": {
            "target": "arn:aws:ecs:eu-west-1:123456789012:service/shop/web", "name": "shop/web", "app": null,
            "mode": "acting", "condition": "healthy", "mistakes": [], "tasks": null, "activity": null,
            "version": {"tag": "latest", "digest": digest('a'), "revision": "shop-web:41"},
            "holds": [], "incidents": [], "runbook": null, "silenced_until": null, "findings": [],
            "backups": null, "last_action": null,
        },
    });
    for (pointer, value) in changes {
        *detail.pointer_mut(pointer).unwrap() = value.clone();
    }
    serde_json::from_value(detail).unwrap()
}

fn released(letter: char, tag: &str, result: &Value, at: &str) -> (&'static str, Value) {
    let release =
        json!({"at": at, "tag": tag, "digest": digest(letter), "revision": null, "result": result});
    ("/releases/releases", json!([release]))
}

fn held(kind: &str, operation: &str, since: &str, letter: Option<char>) -> (&'static str, Value) {
    let image =
        letter.map(|letter| json!({"tag": "RC_1.2.0", "digest": digest(letter), "commit": null}));
    let hold = json!({"kind": kind, "reason": "it waits", "until": null, "image": image});
    (
        "/status/holds",
        json!([{"operation": operation, "hold": hold, "since": since}]),
    )
}

fn quarantined(reason: &str) -> (&'static str, Value) {
    ("/releases/quarantined", json!({ digest('b'): reason }))
}

fn wait() -> Wait {
    Wait {
        id: "r1".to_owned(),
        asked_at: ASKED_AT.parse().unwrap(),
        ..Wait::default()
    }
}

fn look(changes: &[(&str, Value)]) -> Progress {
    wait().look(&detail(changes))
}

/// Returns the exit code of a final progress, and `None` while it goes on.
fn code(progress: &Progress) -> Option<u8> {
    match progress {
        Progress::Waiting(_) => None,
        Progress::Verified(_) => Some(0),
        Progress::Rejected(_) => Some(1),
        Progress::Held(_) => Some(2),
    }
}

#[rstest]
#[case::verified('b', json!("verified"), AFTER, Some(0))]
#[case::rejected('b', json!({"quarantined": "2 tasks stopped"}), AFTER, Some(1))]
#[case::replaced('b', json!("not-verified"), AFTER, Some(1))]
#[case::tried_again('b', json!({"not-blamed": "capacity"}), AFTER, None)]
#[case::in_progress('b', json!("in-progress"), AFTER, None)]
#[case::verified_before_the_request('b', json!("verified"), BEFORE, None)]
#[case::another_image_of_the_tag('a', json!("verified"), AFTER, None)]
fn the_result_of_its_release_counts(
    #[case] letter: char,
    #[case] result: Value,
    #[case] at: &str,
    #[case] expected: Option<u8>,
) {
    // The release may have another tag of the same image.
    let found = look(&[released(letter, "RC_1.2.0", &result, at)]);
    assert_eq!(code(&found), expected, "{found:?}");
}

/// A tracked push began it just before the request: its result is the answer.
#[test]
fn a_release_that_was_in_progress_counts() {
    let mut wait = wait();
    let active = released('b', "RC_1.2.0", &json!("in-progress"), BEFORE);
    assert_eq!(code(&wait.look(&detail(&[active]))), None);
    let failed = released(
        'b',
        "RC_1.2.0",
        &json!({"quarantined": "it crashed"}),
        BEFORE,
    );
    assert_eq!(code(&wait.look(&detail(&[failed]))), Some(1));
}

/// The old image runs under the tag that was moved: that is no verdict on the new one.
#[test]
fn a_moved_tag_is_another_image() {
    let old = released('a', "latest", &json!("verified"), BEFORE);
    assert_eq!(code(&look(&[old])), None);
}

#[rstest]
#[case::verified(json!("verified"), AFTER, Some(0))]
#[case::never_verified(json!("not-verified"), AFTER, None)]
#[case::never_verified_later(json!("not-verified"), LATER, Some(2))]
fn an_image_that_runs_already_needs_no_release(
    #[case] result: Value,
    #[case] now: &str,
    #[case] expected: Option<u8>,
) {
    let runs = ("/status/version/digest", json!(digest('b')));
    let found = look(&[
        runs,
        released('b', "latest", &result, BEFORE),
        ("/at", json!(now)),
    ]);
    assert_eq!(code(&found), expected, "{found:?}");
}

/// A quarantined image may be deployed again: only a new reason is a verdict, such as that of its pre-deployment task.
#[test]
fn only_a_new_quarantine_is_a_verdict() {
    let mut wait = wait();
    assert_eq!(
        code(&wait.look(&detail(&[quarantined("it crashed")]))),
        None
    );
    let again = wait.look(&detail(&[quarantined("its migration failed")]));
    assert_eq!(code(&again), Some(1), "{again:?}");
}

#[rstest]
#[case::approval(held("approval", "deploy", BEFORE, Some('b')), AFTER, Some(2))]
#[case::freeze_since_then(held("freeze", "deploy", AFTER, None), AFTER, Some(2))]
#[case::older_at_first(held("no-match", "deploy", BEFORE, None), AFTER, None)]
#[case::older_later(held("no-match", "deploy", BEFORE, None), LATER, Some(2))]
#[case::its_task_runs(held("pre-deployment-task", "deploy", AFTER, Some('b')), AFTER, None)]
#[case::its_snapshot_is_taken(held("snapshot", "deploy", AFTER, Some('b')), AFTER, None)]
#[case::another_deployment(held("active-deployment", "deploy", AFTER, None), AFTER, None)]
#[case::of_another_operation(held("configuration", "backup", AFTER, None), LATER, None)]
fn a_hold_that_needs_a_person_ends_the_wait(
    #[case] hold: (&str, Value),
    #[case] now: &str,
    #[case] expected: Option<u8>,
) {
    let found = look(&[hold, ("/at", json!(now))]);
    assert_eq!(code(&found), expected, "{found:?}");
}

/// The run for a push recorded it a moment ago: the request, which is an approval, has its run still to come.
#[test]
fn a_hold_of_another_run_is_no_answer_to_the_request() {
    let unknown = ("/release_request/digest", Value::Null);
    let hold = held("approval", "deploy", AFTER, Some('b'));
    let found = look(&[unknown, hold]);
    assert_eq!(code(&found), None, "{found:?}");
    let of_another = held("approval", "deploy", AFTER, Some('c'));
    assert_eq!(code(&look(&[of_another])), None);
}

#[rstest]
#[case::paused(json!({"paused": "paused by alice"}), Some(2))]
#[case::observing(json!("observing"), Some(2))]
#[case::acting(json!("acting"), None)]
fn a_target_on_which_nothing_is_done_ends_the_wait(
    #[case] mode: Value,
    #[case] expected: Option<u8>,
) {
    let found = look(&[("/status/mode", mode)]);
    assert_eq!(code(&found), expected, "{found:?}");
}

#[rstest]
#[case::at_first(AFTER, None)]
#[case::later(LATER, Some(2))]
fn an_image_that_is_not_found_ends_the_wait(#[case] now: &str, #[case] expected: Option<u8>) {
    let unknown = ("/release_request/digest", Value::Null);
    let found = look(&[unknown, ("/at", json!(now))]);
    assert_eq!(code(&found), expected, "{found:?}");
}

/// Another request, a rejection or a rollback ends the request before its release.
#[test]
fn a_request_that_was_replaced_is_no_release() {
    let found = look(&[("/release_request", Value::Null)]);
    assert_eq!(code(&found), Some(1), "{found:?}");
}
