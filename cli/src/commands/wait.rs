//! Waits for the verdict on a release.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Digest;
use lamplighter::status::{ReleaseEntry, ReleaseResult, TargetDetail, TargetMode};

use super::questions::ask_target;
use crate::arguments::{DeployArguments, Output};
use crate::client::{Client, Recorded, read_clock};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{is_json, print_json};
use crate::render::format_line;

/// The pause between two questions.
const PAUSE: Duration = Duration::from_secs(5);
/// The time in which the function has looked at the service after the request. Older holds may be about something else.
const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(2);
/// The failed questions in a row after which the wait ends.
const MAX_FAILURES: u32 = 12;
/// The fewest digits of a digest.
const MIN_DIGITS: usize = 8;

/// The progress of a release that someone waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// The text says what happens now.
    Waiting(String),
    Verified(String),
    Rejected(String),
    Held(String),
}

/// Waits until the release is verified, rejected or held, and prints the progress.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked.
pub async fn wait_for_verdict(
    client: &Client,
    deploy: &DeployArguments,
    recorded: &Recorded,
    output: Output,
) -> Result<Exit, CommandError> {
    let deadline = recorded.sent_at + deploy.timeout;
    let mut last = String::new();
    let mut failures = 0;
    loop {
        let now = read_clock();
        let detail = match ask_target(client, &deploy.target.target).await {
            Ok(detail) => detail,
            Err(error) if failures < MAX_FAILURES && error.is_of_call() => {
                failures += 1;
                anstream::eprintln!("{} {error}", now.strftime("%H:%M:%S"));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        failures = 0;
        let asked_at = find_time(&detail, recorded);
        let progress = find_progress(&detail, &deploy.image, asked_at);
        let progress = match progress {
            Progress::Waiting(what) if now >= deadline => {
                Progress::Held(format!("no verdict yet: {what}"))
            }
            other => other,
        };
        let (exit, text) = match &progress {
            Progress::Waiting(what) => {
                if *what != last {
                    anstream::eprintln!("{} {what}", now.strftime("%H:%M:%S"));
                    last.clone_from(what);
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Progress::Verified(text) => (Exit::Done, text),
            Progress::Rejected(text) => (Exit::Rejected, text),
            Progress::Held(text) => (Exit::Held, text),
        };
        if is_json(output) {
            print_json(&detail)?;
        } else {
            anstream::println!("{text}");
        }
        return Ok(exit);
    }
}

/// Returns the time of the request by the clock of AWS. A repeated one has the time of the first.
fn find_time(detail: &TargetDetail, recorded: &Recorded) -> Timestamp {
    let mut requests = detail.requests.iter();
    requests
        .find(|request| request.id == recorded.id)
        .map_or(recorded.sent_at, |request| request.at)
}

/// Returns what became of an image that was asked for at a time.
fn find_progress(detail: &TargetDetail, image: &str, asked_at: Timestamp) -> Progress {
    let status = &detail.status;
    let mut releases = detail.releases.releases.iter();
    let release = releases
        .find(|release| is_image(image, &release.tag, &release.digest))
        .filter(|release| release.at >= asked_at);
    if let Some(release) = release {
        return describe_release(detail, release);
    }
    if let Some(running) = describe_running(detail, image) {
        return Progress::Verified(running);
    }
    if let Some(paused) = describe_mode(&status.mode) {
        return Progress::Held(format!("held: {paused}"));
    }
    let is_fresh = detail.at.duration_since(asked_at) < FIRST_LOOK;
    let holds = status.reported_holds().into_iter();
    let mut holds = holds.filter(|active| {
        let held = active.hold.image.as_ref();
        let is_it = held.is_some_and(|held| is_image(image, &held.tag, &held.digest));
        let since = active.since.is_some_and(|since| since >= asked_at);
        active.operation == "deploy" && (is_it || since || !is_fresh)
    });
    if let Some(active) = holds.next() {
        let (reason, end) = (&active.hold.reason, active.hold.kind.end());
        return Progress::Held(format!("held: {reason}. It ends with {end}"));
    }
    let activity = status.activity.as_ref();
    Progress::Waiting(activity.map_or_else(
        || "waiting for the release to begin".to_owned(),
        |activity| format!("{}. {}", activity.describe(), activity.next_step()),
    ))
}

fn describe_release(detail: &TargetDetail, release: &ReleaseEntry) -> Progress {
    let name = &detail.status.name;
    let tag = &release.tag;
    match &release.result {
        ReleaseResult::Verified => Progress::Verified(format!("{name}: {tag} verified")),
        ReleaseResult::Quarantined(reason) => Progress::Rejected(describe_rejection(
            detail,
            &format!("{name}: {tag} rejected: {reason}"),
            release.at,
        )),
        ReleaseResult::NotVerified => Progress::Rejected(describe_rejection(
            detail,
            &format!("{name}: {tag} ended without a verdict: something else was deployed"),
            release.at,
        )),
        ReleaseResult::NotBlamed(cause) => Progress::Held(format!(
            "held: {tag} failed because of its environment and is deployed again: {}",
            cause.describe()
        )),
        ReleaseResult::InProgress => {
            let tasks = detail.status.tasks.as_ref();
            let tasks = tasks.map(|tasks| format!(", {}/{} tasks", tasks.running, tasks.desired));
            Progress::Waiting(format!("releasing {tag}{}", tasks.unwrap_or_default()))
        }
    }
}

/// Adds what the messages since the release say, with the last log lines.
fn describe_rejection(detail: &TargetDetail, what: &str, since: Timestamp) -> String {
    let messages = detail.messages.iter().filter(|line| line.at >= since);
    let messages = messages.map(format_line);
    std::iter::once(what.to_owned())
        .chain(messages)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Says that the image runs already, if it does and is verified.
fn describe_running(detail: &TargetDetail, image: &str) -> Option<String> {
    let status = &detail.status;
    let version = status.version.as_ref()?;
    let digest = version.digest.as_ref()?;
    let tag = version.tag.as_deref().unwrap_or_default();
    let mut releases = detail.releases.releases.iter();
    let is_verified = releases
        .any(|release| release.digest == *digest && release.result == ReleaseResult::Verified);
    (is_verified && status.activity.is_none() && is_image(image, tag, digest))
        .then(|| format!("{}: {tag} runs already, and is verified", status.name))
}

/// Says why nothing is deployed to a target that Lamplighter does not act on.
fn describe_mode(mode: &TargetMode) -> Option<String> {
    match mode {
        TargetMode::Acting => None,
        TargetMode::Observing => Some("it is only observed".to_owned()),
        TargetMode::Paused(pause) => Some(pause.clone()),
        TargetMode::Off => Some("the stack is switched off".to_owned()),
        TargetMode::NotManaged => Some("it is not managed".to_owned()),
        TargetMode::Misconfigured => Some("its tag lamplighter:managed can't be read".to_owned()),
    }
}

/// Reports whether an image is the one that was asked for, by tag, digest, or the first digits of it.
fn is_image(asked: &str, tag: &str, digest: &Digest) -> bool {
    let digest = digest.to_string();
    let digits = digest.strip_prefix("sha256:").unwrap_or(&digest);
    let asked_digits = asked.strip_prefix("sha256:").unwrap_or(asked);
    asked == tag || asked_digits.len() >= MIN_DIGITS && digits.starts_with(asked_digits)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const DIGEST: &str = "sha256:ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34";
    const SENT_AT: &str = "2026-11-21T03:00:00Z";

    /// A service that runs RC_1.1.0, with these changes: by JSON pointer.
    fn detail(changes: &[(&str, Value)]) -> TargetDetail {
        let old = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let mut detail = json!({
            "stack": "lamplighter", "version": "0.2.0", "at": SENT_AT, "tags": {}, "messages": [],
            "pending_release": null, "requests": [],
            "releases": {"releases": [], "quarantined": {}},
            "status": {
                "target": "arn:aws:ecs:eu-west-1:123456789012:service/shop/web", "name": "shop/web", "app": null,
                "mode": "acting", "condition": "healthy", "mistakes": [], "tasks": null, "activity": null,
                "version": {"tag": "RC_1.1.0", "digest": old, "revision": "shop-web:41"},
                "holds": [], "incidents": [], "runbook": null, "silenced_until": null, "findings": [],
                "backups": null, "last_action": null,
            },
        });
        for (pointer, value) in changes {
            *detail.pointer_mut(pointer).unwrap() = value.clone();
        }
        serde_json::from_value(detail).unwrap()
    }

    fn released(result: &Value, at: &str) -> (&'static str, Value) {
        let release = json!({"at": at, "tag": "RC_1.2.0", "digest": DIGEST, "revision": null, "result": result});
        ("/releases/releases", json!([release]))
    }

    fn held(kind: &str, operation: &str, since: &str, image: &Value) -> (&'static str, Value) {
        let hold = json!({"kind": kind, "reason": "RC_1.2.0 waits", "until": null, "image": image});
        let hold = json!([{"operation": operation, "hold": hold, "since": since}]);
        ("/status/holds", hold)
    }

    fn progress(changes: &[(&str, Value)], image: &str, seconds: i64) -> Progress {
        let sent_at: Timestamp = SENT_AT.parse().unwrap();
        let mut detail = detail(changes);
        detail.at = sent_at + SignedDuration::from_secs(seconds);
        find_progress(&detail, image, sent_at)
    }

    #[rstest]
    #[case::verified(json!("verified"), "verified")]
    #[case::rejected(json!({"quarantined": "2 tasks stopped"}), "rejected: 2 tasks stopped")]
    #[case::replaced(json!("not-verified"), "ended without a verdict")]
    #[case::environment(json!({"not-blamed": "capacity"}), "is deployed again")]
    #[case::in_progress(json!("in-progress"), "releasing RC_1.2.0")]
    fn the_result_of_the_release_counts(#[case] result: Value, #[case] expected: &str) {
        let found = progress(&[released(&result, "2026-11-21T03:01:00Z")], "RC_1.2.0", 90);
        let text = match &found {
            Progress::Verified(text) if expected == "verified" => text,
            Progress::Rejected(text)
                if expected.starts_with("rej") || expected.starts_with("end") =>
            {
                text
            }
            Progress::Held(text) if expected.starts_with("is d") => text,
            Progress::Waiting(text) if expected.starts_with("rel") => text,
            other => panic!("{other:?}"),
        };
        assert!(text.contains(expected), "{text}");
    }

    /// A release of the same tag before the request is no answer to it.
    #[test]
    fn an_earlier_release_does_not_count() {
        let earlier = released(&json!("verified"), "2026-11-20T03:00:00Z");
        assert!(matches!(
            progress(&[earlier], "RC_1.2.0", 10),
            Progress::Waiting(_)
        ));
    }

    #[rstest]
    #[case::by_tag("RC_1.2.0", true)]
    #[case::by_digest(DIGEST, true)]
    #[case::by_digits("ab12cd34", true)]
    #[case::by_few_digits("ab12cd3", false)]
    #[case::another("RC_1.2.1", false)]
    fn an_image_has_a_tag_and_a_digest(#[case] asked: &str, #[case] is_it: bool) {
        assert_eq!(is_image(asked, "RC_1.2.0", &Digest::new(DIGEST)), is_it);
    }

    #[rstest]
    #[case::its_own(held("approval", "deploy", "2026-11-20T03:00:00Z", &json!({"tag": "RC_1.2.0", "digest": DIGEST, "commit": null})), 5, true)]
    #[case::since_the_request(held("freeze", "deploy", "2026-11-21T03:00:05Z", &Value::Null), 6, true)]
    #[case::an_older_one_at_first(held("no-match", "deploy", "2026-11-20T03:00:00Z", &Value::Null), 6, false)]
    #[case::an_older_one_later(held("no-match", "deploy", "2026-11-20T03:00:00Z", &Value::Null), 150, true)]
    #[case::of_another_operation(held("failure", "backup", "2026-11-21T03:00:05Z", &Value::Null), 150, false)]
    fn a_hold_of_the_image_ends_the_wait(
        #[case] hold: (&str, Value),
        #[case] seconds: i64,
        #[case] ends: bool,
    ) {
        let found = progress(&[hold], "RC_1.2.0", seconds);
        assert_eq!(matches!(found, Progress::Held(_)), ends, "{found:?}");
    }

    #[test]
    fn a_paused_target_ends_the_wait() {
        let paused = ("/status/mode", json!({"paused": "paused by alice"}));
        let found = progress(&[paused], "RC_1.2.0", 5);
        assert_eq!(found, Progress::Held("held: paused by alice".to_owned()));
    }
}
