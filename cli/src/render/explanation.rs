//! The explanation of one target.

use std::fmt::Write as _;

use lamplighter::notify::incident::Line;
use lamplighter::status::{BackupStatus, TargetDetail, TargetMode};

use super::status::format_status_line;
use super::time::{format_age, format_time};
use crate::lint::explain_tags;

/// Renders what a target is, why, what happens next, what its tags do, and what was said about it.
#[must_use]
pub fn render_explanation(detail: &TargetDetail) -> String {
    let status = &detail.status;
    let mut text = format!("{} is {}\n", status.name, status.condition.label());
    let _ = writeln!(text, "{}", status.target);
    let mut facts = list_facts(detail);
    facts.push(describe_mode(&status.mode));
    for fact in facts {
        let _ = writeln!(text, "  {fact}");
    }
    let lines = status.describe(detail.at);
    let lines: Vec<String> = lines.iter().map(format_status_line).collect();
    let nothing = "Nothing is wrong, and nothing is in progress.".to_owned();
    push_section(
        &mut text,
        "Now",
        if lines.is_empty() {
            vec![nothing]
        } else {
            lines
        },
    );
    push_section(&mut text, "Findings", status.findings.clone());
    push_section(
        &mut text,
        "Tags",
        explain_tags(&status.target, &detail.tags),
    );
    let messages = detail.messages.iter().map(|line| {
        format!(
            "{}  [{}] {}",
            format_time(line.at),
            line.severity.as_str(),
            line.title
        )
    });
    push_section(&mut text, "Messages of the last day", messages.collect());
    text
}

fn push_section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {}", line.replace('\n', "\n  "));
    }
}

fn list_facts(detail: &TargetDetail) -> Vec<String> {
    let status = &detail.status;
    let version = status.version.iter().map(|version| {
        let digest = version
            .digest
            .iter()
            .map(|digest| format!(", {}", digest.short_digest()));
        let digest: String = digest.collect();
        format!("runs {} ({}{digest})", version.label(), version.revision)
    });
    let tasks = status.tasks.iter().map(|tasks| {
        let bounds = tasks
            .bounds
            .map(|(min, max)| format!(", {min} to {max} by its tag"));
        format!(
            "{}/{} tasks{}",
            tasks.running,
            tasks.desired,
            bounds.unwrap_or_default()
        )
    });
    let pending = describe_pending(detail);
    let backups = status.backups.iter();
    let backups = backups.flat_map(|backups| describe_backups(backups, detail));
    let last = status.last_action.iter().map(|action| {
        format!(
            "last action: {}, {} ago",
            action.what,
            format_age(action.at, detail.at)
        )
    });
    version
        .chain(tasks)
        .chain(pending)
        .chain(backups)
        .chain(last)
        .collect()
}

/// Describes the request to release an image that does not run yet.
fn describe_pending(detail: &TargetDetail) -> Option<String> {
    let release = detail.release_request.as_ref()?;
    let version = detail.status.version.as_ref();
    let running = version.and_then(|version| version.digest.as_ref());
    if release.is_used || release.digest.as_ref() == running {
        return None;
    }
    let request = &release.request;
    Some(format!(
        "{} asked to {} {} ago: {}",
        request.caller_name(),
        request.command,
        format_age(request.at, detail.at),
        request.reason
    ))
}

fn describe_backups(backups: &BackupStatus, detail: &TargetDetail) -> Vec<String> {
    let age = |at| format_age(at, detail.at);
    let newest = backups.newest.map_or_else(
        || "no backup".to_owned(),
        |at| format!("{} backups, the newest {} old", backups.count, age(at)),
    );
    let point = backups
        .recovery_point
        .map(|at| format!("recovery point {} old", age(at)));
    let drill = backups.drilled.as_ref().map(|drill| {
        let result = if drill.passed { "passed" } else { "failed" };
        format!("last drill {result} {} ago", age(drill.began))
    });
    std::iter::once(newest).chain(point).chain(drill).collect()
}

/// Says what Lamplighter may do with a target.
#[must_use]
pub fn describe_mode(mode: &TargetMode) -> String {
    match mode {
        TargetMode::Acting => "Lamplighter acts on it".to_owned(),
        TargetMode::Observing => "Lamplighter observes it, and changes nothing".to_owned(),
        TargetMode::Paused(pause) => pause.clone(),
        TargetMode::Off => "the stack is switched off".to_owned(),
        TargetMode::NotManaged => "it is not managed".to_owned(),
        TargetMode::Misconfigured => "its tag lamplighter:managed can't be read".to_owned(),
    }
}

/// Formats a line of an incident with its explanation.
#[must_use]
pub fn format_line(line: &Line) -> String {
    let parts = [&line.title, &line.action, &line.why, &line.next];
    let parts: Vec<&str> = parts
        .into_iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("\n  ")
}
