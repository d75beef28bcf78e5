//! A summary of many incidents in one message.

use jiff::Timestamp;
use lamplighter::notify::Severity;
use lamplighter::notify::incident::Incident;

use super::format::{format_label, format_time, truncate_subject};
use super::incident::RESOLVED_LABEL;
use crate::notification::NotificationKind;
use crate::pause;

/// The number of incidents that a summary lists by name.
pub const MAX_LISTED_INCIDENTS: usize = 40;

/// A summary of many incidents in one message.
#[derive(Debug, Clone)]
pub struct SummaryMessage<'a> {
    pub incidents: Vec<(&'a Incident, NotificationKind)>,
    pub stack: &'a str,
    /// The title of the pause of everything, while it lasts.
    pub pause: Option<&'a str>,
    pub now: Timestamp,
}

impl SummaryMessage<'_> {
    /// Returns one line of ASCII with the highest severity and the number of incidents.
    #[must_use]
    pub fn subject(&self) -> String {
        let severity = self
            .incidents
            .iter()
            .map(|(incident, _)| incident.severity)
            .max()
            .unwrap_or(Severity::Info);
        let count = self.incidents.len();
        truncate_subject(&format!(
            "{}{}: {count} incidents at once",
            format_label(Some(severity.as_str()), self.pause),
            self.stack
        ))
    }

    /// Returns one line per listed incident, the most severe first, and how many more there are.
    #[must_use]
    pub fn body(&self) -> String {
        let notice = self
            .pause_notice()
            .map_or_else(String::new, |notice| format!("{notice}\n\n"));
        format!(
            "{notice}{} incidents changed at once, more than the rate limit allows as single messages. The most severe come first:\n\n{}\n\n\
             Single messages resume when fewer incidents change. The journal has every change.\n\nstack {} · {}\n",
            self.incidents.len(),
            self.list(),
            self.stack,
            self.now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        )
    }

    /// Returns the notice that everything is paused, while it is.
    #[must_use]
    pub fn pause_notice(&self) -> Option<String> {
        self.pause.map(pause::format_notice)
    }

    /// Returns the listed incidents, one per line, and the number of the others.
    #[must_use]
    pub fn list(&self) -> String {
        let mut lines = self.incident_lines();
        let others = self.incidents.len().saturating_sub(lines.len());
        if others > 0 {
            lines.push(format!("and {others} more in the journal"));
        }
        lines.join("\n")
    }

    /// Returns one line for each of the first incidents.
    #[must_use]
    pub fn incident_lines(&self) -> Vec<String> {
        self.incidents
            .iter()
            .take(MAX_LISTED_INCIDENTS)
            .map(|(incident, kind)| describe_incident(incident, *kind))
            .collect()
    }
}

fn describe_incident(incident: &Incident, kind: NotificationKind) -> String {
    let is_resolved = kind == NotificationKind::Resolved;
    let line = if is_resolved {
        incident.lines.last()
    } else {
        incident.headline()
    };
    let label = if is_resolved {
        RESOLVED_LABEL
    } else {
        incident.severity.as_str()
    };
    let title = line.map(|line| line.title.as_str()).unwrap_or_default();
    format!(
        "[{label}] {}: {title} (since {})",
        incident.name,
        format_time(incident.since)
    )
}
