//! Checks whether a stack works, and says what to do if it does not.

use comfy_table::{Cell, Color};
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::pluralize;
use lamplighter::policy::Mode;
use lamplighter::status::StackStatus;
use serde::Serialize;

use super::questions;
use crate::arguments::Output;
use crate::client::{Client, read_clock};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::health::{Health, Reading};
use crate::output::{ignore_closed, print};
use crate::render::{build_table, format_table};

/// The difference of two clocks from which signatures of AWS may fail soon: it refuses them after five minutes.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(2);
/// The version of this command.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    what: String,
    /// A remedy; empty if nothing is wrong.
    fix: String,
}

impl Check {
    fn passed(name: &'static str, what: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            what: what.into(),
            fix: String::new(),
        }
    }

    fn failed(name: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            what: what.into(),
            fix: fix.into(),
        }
    }
}

/// Runs all checks. Ends with [`Exit::Rejected`] if one fails.
///
/// # Errors
/// [`CommandError`] if the result can't be printed.
pub async fn check_stack(client: &Client, output: Output) -> Result<Exit, CommandError> {
    let mut checks = vec![Check::passed(
        "stack",
        format!("{} in {}", client.stack.name, client.stack.region),
    )];
    match questions::ask_status(client).await {
        Ok(status) => checks.extend(check_answer(&status, read_clock())),
        Err(error) => checks.push(Check::failed(
            "function",
            error.to_string(),
            "Without its function, the stack can't be asked for a status.",
        )),
    }
    checks.push(check_requests(client.stack.request_url.as_deref()));
    let health = Health::read(&client.configuration, &client.stack).await;
    checks.extend(check_health(&health));
    ignore_closed(print(output, &checks, || render(&checks)))?;
    let all_passed = checks.iter().all(|check| check.ok);
    Ok(if all_passed {
        Exit::Done
    } else {
        Exit::Rejected
    })
}

fn check_answer(status: &StackStatus, now: Timestamp) -> Vec<Check> {
    let version = if status.version == VERSION {
        Check::passed("version", format!("{VERSION}, as this command"))
    } else {
        Check::failed(
            "version",
            format!(
                "the stack runs {}, and this command is {VERSION}",
                status.version
            ),
            "Use the command of the stack's version.",
        )
    };
    let skew = now.duration_since(status.at).abs();
    let clock = if skew < MAX_SKEW {
        Check::passed("clock", "this machine and AWS agree")
    } else {
        Check::failed(
            "clock",
            format!("this machine differs from AWS by {} s", skew.as_secs()),
            "Set the clock: AWS refuses signatures that are five minutes off.",
        )
    };
    let mode = match status.mode {
        Mode::Act => Check::passed("mode", "act"),
        Mode::Observe => Check::failed(
            "mode",
            "observe: it decides and notifies, and changes nothing",
            "Set the stack parameter Mode to act once its messages are what you expect.",
        ),
        Mode::Off => Check::failed(
            "mode",
            "off: nothing is decided",
            "Set the stack parameter Mode to act or observe.",
        ),
    };
    let targets = if status.targets.is_empty() {
        Check::failed(
            "targets",
            "none: no resource has a tag of Lamplighter",
            "Tag a service, database or log group with lamplighter:managed = true.",
        )
    } else {
        Check::passed("targets", pluralize(status.targets.len(), "target"))
    };
    vec![version, clock, mode, targets]
}

fn check_requests(url: Option<&str>) -> Check {
    match url {
        Some(url) => Check::passed("requests", url),
        None => Check::failed(
            "requests",
            "the stack takes no requests",
            "Set the stack parameter RequestApi to yes (docs/requests.md).",
        ),
    }
}

fn check_health(health: &Health) -> Vec<Check> {
    let alarms = check_reading("alarms", &health.firing_alarms, |firing| {
        if firing.is_empty() {
            return Check::passed("alarms", "none of the stack's own fires");
        }
        let fix = "Each names a sweep that did not run, or a function that fails: read its description and the logs.";
        Check::failed("alarms", format!("in ALARM: {}", firing.join(", ")), fix)
    });
    let dead_letters = check_reading("dead letters", &health.dead_letters, |count| match count {
        0 => Check::passed("dead letters", "none"),
        count => Check::failed(
            "dead letters",
            format!("{count} events failed all retries"),
            "Read them in the queue of the output DeadLettersUrl, mend the cause, then: lamplighter redrive",
        ),
    });
    let subscriptions = check_reading("subscriptions", &health.subscriptions, |subscriptions| {
        let waiting = subscriptions.waiting.join(", ");
        if subscriptions.confirmed == 0 && waiting.is_empty() {
            let fix =
                "Subscribe an address to the topic, or set ChannelsSecret (docs/notifications.md).";
            return Check::failed("subscriptions", "nobody subscribed to the topic", fix);
        }
        if waiting.is_empty() {
            let count = pluralize(subscriptions.confirmed, "address");
            return Check::passed("subscriptions", format!("{count} confirmed"));
        }
        let what = format!("not confirmed: {waiting}");
        Check::failed(
            "subscriptions",
            what,
            "Open the link in the mail of AWS Notifications.",
        )
    });
    vec![alarms, dead_letters, subscriptions]
}

/// Judges what was read, or says why it was not.
fn check_reading<T>(
    name: &'static str,
    reading: &Reading<T>,
    judge: impl FnOnce(&T) -> Check,
) -> Check {
    match reading {
        Ok(value) => judge(value),
        Err(unread) => Check::failed(
            name,
            format!("not checked: {}", unread.problem),
            unread.fix.clone(),
        ),
    }
}

fn render(checks: &[Check]) -> String {
    let mut table = build_table(&["CHECK", "", "WHAT", "FIX"]);
    for check in checks {
        let result = if check.ok {
            Cell::new("ok").fg(Color::Green)
        } else {
            Cell::new("look").fg(Color::Yellow)
        };
        table.add_row(vec![
            Cell::new(check.name),
            result,
            Cell::new(&check.what),
            Cell::new(&check.fix),
        ]);
    }
    format_table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Subscriptions, Unread};

    fn health() -> Health {
        Health {
            firing_alarms: Ok(Vec::new()),
            dead_letters: Ok(0),
            subscriptions: Ok(Subscriptions {
                confirmed: 1,
                waiting: Vec::new(),
            }),
        }
    }

    fn failed(checks: &[Check]) -> Vec<&'static str> {
        let failed = checks.iter().filter(|check| !check.ok);
        failed.map(|check| check.name).collect()
    }

    #[test]
    fn a_healthy_stack_passes() {
        assert_eq!(failed(&check_health(&health())), Vec::<&str>::new());
    }

    #[test]
    fn each_problem_is_named_with_its_fix() {
        let broken = Health {
            firing_alarms: Ok(vec!["lamplighter-silent-scale".to_owned()]),
            dead_letters: Ok(3),
            subscriptions: Err(Unread {
                problem: "AccessDenied: no".to_owned(),
                fix: "Allow sns:ListSubscriptionsByTopic to see it.".to_owned(),
            }),
        };
        let checks = check_health(&broken);
        assert_eq!(failed(&checks), ["alarms", "dead letters", "subscriptions"]);
        assert!(checks.iter().all(|check| !check.fix.is_empty()));
        assert_eq!(
            checks[2].fix,
            "Allow sns:ListSubscriptionsByTopic to see it."
        );
    }

    #[test]
    fn a_stack_of_another_version_with_another_clock_is_told() {
        let at: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let status = StackStatus {
            stack: "lamplighter".to_owned(),
            version: "0.1.0".to_owned(),
            mode: Mode::Observe,
            at,
            requests: Vec::new(),
            targets: Vec::new(),
            other_incidents: Vec::new(),
        };
        let checks = check_answer(&status, at + SignedDuration::from_mins(4));
        assert_eq!(failed(&checks), ["version", "clock", "mode", "targets"]);
    }
}
