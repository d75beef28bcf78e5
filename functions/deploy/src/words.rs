//! What `decide` tells people, where it needs more than a line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::policy::{self, FindingSeverity};

use crate::Subject;

pub fn no_subject(problem: &str) -> Message {
    Message::warning(format!(
        "tag {} does not fit the service; nothing is done",
        policy::DEPLOY
    ))
    .why(problem)
    .next("Correct the tag; the next sweep goes on.")
    .once(format!("subject:{problem}"))
}

pub fn unsupported(service: &Service, what: &str) -> Message {
    let controller = service.deployment_controller.as_str();
    Message::warning(format!("can't roll out {what}"))
        .why(format!(
            "Its deployment controller is {controller}, which is not supported yet."
        ))
        .next("Roll it out as before, or give the service the ECS deployment controller.")
        .once(format!("controller:{controller}"))
}

pub fn no_repository(subject: &Subject) -> Message {
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
        .once(format!("repository:{name}"))
}

/// `2 CRITICAL, 5 HIGH`: what is at or above a level.
pub fn findings(level: FindingSeverity, counts: &BTreeMap<String, u32>) -> String {
    let found = level.and_worse().filter_map(|severity| {
        let n = counts.get(severity.as_str()).copied().filter(|n| *n > 0)?;
        Some(format!("{n} {}", severity.as_str()))
    });
    found.collect::<Vec<_>>().join(", ")
}

/// `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
