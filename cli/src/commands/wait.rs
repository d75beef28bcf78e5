//! Waits for the verdict on a release.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Digest;
use lamplighter::plan::HoldKind;
use lamplighter::status::{ReleaseEntry, ReleaseResult, TargetDetail, TargetMode};
use serde_json::json;

use super::questions::ask_target;
use crate::arguments::{DeployArguments, Output};
use crate::client::{Client, Recorded, read_clock};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{ignore_closed, print};
use crate::render::{describe_mode, format_line};

/// The pauses between two questions: short ones at first.
const SHORT_PAUSE: Duration = Duration::from_secs(5);
const LONG_PAUSE: Duration = Duration::from_secs(15);
/// The number of short pauses.
const SHORT_PAUSES: u32 = 24;
/// The time in which `deploy` has looked at the service after the request, by its sweep if an event is lost. Older holds may be
/// about something else.
const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(7);
/// The time without an answer after which the wait ends.
const MAX_SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// The progress of a release that someone waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// The text says what happens now.
    Waiting(String),
    Verified(String),
    Rejected(String),
    Held(String),
}

/// The release that someone waits for.
#[derive(Debug, Clone, Default)]
struct Wait {
    /// The name of the request.
    id: String,
    /// The time of the request, by the clock of AWS once it is known. A repeated one has the time of the first.
    asked_at: Timestamp,
    /// The digest of the image, once `deploy` has found it.
    digest: Option<Digest>,
    /// Why the image was in quarantine when the wait began; `None` if it was not.
    earlier_quarantine: Option<String>,
    /// The release was seen in progress, so that its result counts even if it began before the request.
    was_in_progress: bool,
}

/// Waits until the release is verified, rejected or held, and prints the progress.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked for a while.
pub async fn wait_for_verdict(
    client: &Client,
    deploy: &DeployArguments,
    recorded: &Recorded,
    output: Output,
) -> Result<Exit, CommandError> {
    let deadline = recorded.sent_at.saturating_add(deploy.timeout);
    let deadline = deadline.unwrap_or(Timestamp::MAX);
    let mut wait = Wait::new(recorded);
    let (mut last, mut questions) = (String::new(), 0);
    let mut answered_at = recorded.sent_at;
    loop {
        questions += 1;
        let asked = ask_target(client, &deploy.target.target).await;
        let now = read_clock();
        let progress = match &asked {
            Ok(detail) => wait.look(detail),
            // The request was recorded, so the question is right, and an answer may come later.
            Err(error) if now.duration_since(answered_at) < MAX_SILENCE => {
                Progress::Waiting(error.to_string())
            }
            Err(error) => return Err(error.clone()),
        };
        if asked.is_ok() {
            answered_at = now;
        }
        let progress = match progress {
            Progress::Waiting(what) if now >= deadline => {
                Progress::Held(format!("no verdict yet: {what}"))
            }
            other => other,
        };
        if let Progress::Waiting(what) = &progress {
            if *what != last {
                anstream::eprintln!("{} {what}", now.strftime("%H:%M:%S"));
                last.clone_from(what);
            }
            let is_early = questions <= SHORT_PAUSES;
            tokio::time::sleep(if is_early { SHORT_PAUSE } else { LONG_PAUSE }).await;
            continue;
        }
        return conclude(&progress, asked.ok().as_ref(), output);
    }
}

/// Prints the verdict.
fn conclude(
    progress: &Progress,
    detail: Option<&TargetDetail>,
    output: Output,
) -> Result<Exit, CommandError> {
    let (exit, verdict, text) = match progress {
        Progress::Verified(text) => (Exit::Done, "verified", text),
        Progress::Rejected(text) => (Exit::Rejected, "rejected", text),
        Progress::Held(text) | Progress::Waiting(text) => (Exit::Held, "held", text),
    };
    let answer = json!({"verdict": verdict, "reason": text, "target": detail});
    let printed = print(output, &answer, || format!("{text}\n"));
    // The verdict is in the exit code, whoever reads the text.
    ignore_closed(printed)?;
    Ok(exit)
}

impl Wait {
    fn new(recorded: &Recorded) -> Self {
        Self {
            id: recorded.id.clone(),
            asked_at: recorded.sent_at,
            ..Self::default()
        }
    }

    /// Returns what became of the image.
    fn look(&mut self, detail: &TargetDetail) -> Progress {
        let mut requests = detail.requests.iter();
        let known = requests.find(|request| request.id == self.id);
        if let Some(request) = known {
            self.asked_at = request.at;
        }
        let own = detail.release_request.as_ref();
        let own = own.filter(|release| release.request.id == self.id);
        if self.digest.is_none()
            && let Some(digest) = own.and_then(|release| release.digest.clone())
        {
            self.earlier_quarantine = detail.releases.quarantined.get(&digest).cloned();
            self.digest = Some(digest);
        }
        if let Some(digest) = self.digest.clone()
            && let Some(progress) = self.find_result(detail, &digest)
        {
            return progress;
        }
        if own.is_none() && known.is_some() {
            let name = &detail.status.name;
            return Progress::Rejected(describe_rejection(
                detail,
                &format!(
                    "{name}: the request ended before its release: another one, a rejection or a rollback came later"
                ),
                self.asked_at,
            ));
        }
        self.find_obstacle(detail).unwrap_or_else(|| {
            let activity = detail.status.activity.as_ref();
            Progress::Waiting(activity.map_or_else(
                || "waiting for the release to begin".to_owned(),
                |activity| format!("{}. {}", activity.describe(), activity.next_step()),
            ))
        })
    }

    /// Returns the result of the image's release; `None` before it has one.
    fn find_result(&mut self, detail: &TargetDetail, digest: &Digest) -> Option<Progress> {
        let status = &detail.status;
        let name = &status.name;
        let mut releases = detail.releases.releases.iter();
        let release = releases.find(|release| release.digest == *digest);
        let is_active = release.is_some_and(|one| one.result == ReleaseResult::InProgress);
        self.was_in_progress |= is_active;
        let release = release.filter(|one| one.at >= self.asked_at || self.was_in_progress);
        if let Some(release) = release {
            return Some(describe_release(detail, release));
        }
        let quarantine = detail.releases.quarantined.get(digest);
        if let Some(reason) =
            quarantine.filter(|reason| Some(*reason) != self.earlier_quarantine.as_ref())
        {
            let what = format!("{name}: {} rejected: {reason}", digest.short_digest());
            return Some(Progress::Rejected(describe_rejection(
                detail,
                &what,
                self.asked_at,
            )));
        }
        let running = status.version.as_ref()?;
        if running.digest.as_ref() != Some(digest) || status.activity.is_some() {
            return None;
        }
        let label = running.label();
        let mut releases = detail.releases.releases.iter();
        let is_verified =
            releases.any(|one| one.digest == *digest && one.result == ReleaseResult::Verified);
        if is_verified {
            return Some(Progress::Verified(format!(
                "{name}: {label} runs already, and is verified"
            )));
        }
        let is_late = detail.at.duration_since(self.asked_at) >= FIRST_LOOK;
        is_late.then(|| {
            Progress::Held(format!(
                "{name}: {label} runs already, and was never verified"
            ))
        })
    }

    /// Returns what keeps the release from beginning, and does not end by itself.
    fn find_obstacle(&self, detail: &TargetDetail) -> Option<Progress> {
        let status = &detail.status;
        if status.mode != TargetMode::Acting {
            let mode = describe_mode(&status.mode);
            return Some(Progress::Held(format!("held: {mode}")));
        }
        let is_late = detail.at.duration_since(self.asked_at) >= FIRST_LOOK;
        let holds = status.reported_holds().into_iter();
        let mut holds = holds.filter(|active| {
            let held = active.hold.image.as_ref().map(|held| &held.digest);
            let is_it = held.is_some() && held == self.digest.as_ref();
            // Before `deploy` has found the image, a run for something else may have recorded it.
            let is_new = active.since.is_some_and(|since| since >= self.asked_at)
                && self.digest.is_some()
                && held.is_none();
            active.operation == "deploy" && (is_it || is_new || is_late)
        });
        if let Some(active) = holds.next() {
            let (reason, kind) = (&active.hold.reason, active.hold.kind);
            let text = format!("held: {reason}. It ends with {}", kind.end());
            return Some(if ends_by_itself(kind) {
                Progress::Waiting(text)
            } else {
                Progress::Held(text)
            });
        }
        // A message says why `deploy` did not find the image.
        let message = detail.messages.iter().find(|line| line.at >= self.asked_at);
        (is_late && self.digest.is_none()).then(|| {
            let why = message.map_or_else(String::new, |line| format!(": {}", line.title));
            Progress::Held(format!("held: the image was not found{why}"))
        })
    }
}

/// Reports whether a hold may end without a person.
const fn ends_by_itself(kind: HoldKind) -> bool {
    match kind {
        HoldKind::Scan
        | HoldKind::Snapshot
        | HoldKind::PreDeploymentTask
        | HoldKind::Retry
        | HoldKind::ActiveDeployment
        | HoldKind::Unsettled
        | HoldKind::Adoptions
        | HoldKind::Failure
        | HoldKind::Limit
        | HoldKind::Veto => true,
        HoldKind::Configuration
        | HoldKind::NoMatch
        | HoldKind::Platform
        | HoldKind::Promotion
        | HoldKind::Freeze
        | HoldKind::Approval
        | HoldKind::Quarantine
        | HoldKind::OlderVersion
        | HoldKind::Hotfix => false,
    }
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
        ReleaseResult::NotBlamed(cause) => Progress::Waiting(format!(
            "{tag} failed because of its environment, and is deployed again: {}",
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

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
