//! Messages of `decide` that need more than one line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::policy::{self, FindingSeverity};

use crate::SelectedContainer;

pub fn container_not_found(problem: &str) -> Message {
    Message::warning(format!(
        "tag {} does not fit the service; nothing is done",
        policy::DEPLOY
    ))
    .why(problem)
    .next("Correct the tag; the next sweep goes on.")
    .deduplicated_by(format!("subject:{problem}"))
}

pub fn unsupported_controller(service: &Service, what: &str) -> Message {
    let controller = service.deployment_controller.as_str();
    Message::warning(format!("can't roll out {what}"))
        .why(format!(
            "Its deployment controller is {controller}, which is not supported yet."
        ))
        .next("Roll it out as before, or give the service the ECS deployment controller.")
        .deduplicated_by(format!("controller:{controller}"))
}

pub fn repository_not_found(subject: &SelectedContainer) -> Message {
    let name = &subject.repository.name;
    Message::warning(format!("there is no repository {name}; nothing is done"))
        .why(format!(
            "ECR knows no {name} in {}.",
            subject.repository.host
        ))
        .next(format!(
            "Correct repo= in the tag {}, or create the repository.",
            policy::DEPLOY
        ))
        .deduplicated_by(format!("repository:{name}"))
}

/// Formats the number of scan findings at or above a severity: `2 CRITICAL, 5 HIGH`.
pub fn format_findings(level: FindingSeverity, counts: &BTreeMap<String, u32>) -> String {
    let found = level.self_and_worse().filter_map(|severity| {
        let n = counts.get(severity.as_str()).copied().filter(|n| *n > 0)?;
        Some(format!("{n} {}", severity.as_str()))
    });
    found.collect::<Vec<_>>().join(", ")
}

/// Formats the age of a time: `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.
pub fn format_age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
