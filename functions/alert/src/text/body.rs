//! Renders the body of a message about one incident.

use lamplighter::notify::Severity;
use lamplighter::notify::incident::Line;
use lamplighter::policy;

use super::format::{format_duration, format_recent_time, format_time};
use super::incident::{IncidentMessage, has_tags};
use crate::notification::{NotificationKind, REPEAT_INTERVAL, find_rhythm, needs_reminders};

impl IncidentMessage<'_> {
    /// Returns the body: for each new line what Lamplighter does, why it happened and what a person
    /// can do; then duration, earlier lines, how to stop reminders, and links.
    #[must_use]
    pub fn body(&self) -> String {
        let mut parts: Vec<String> = self
            .lines_with_titles()
            .into_iter()
            .map(|(title, line)| {
                let explanation = format_explanation(line);
                format!("{}: {title}\n\n{explanation}", self.incident.name)
            })
            .collect();
        parts.extend(self.pause_notice());
        parts.extend(self.describe_duration());
        parts.extend(self.list_earlier_lines());
        parts.extend(self.acknowledge_hint());
        parts.extend(self.acknowledge_link().map(|(link, until)| {
            format!("To stop the reminders, open this link (valid until {until}):\n{link}")
        }));
        let links: Vec<String> = self
            .list_links()
            .into_iter()
            .map(|(label, link)| format!("{label}: {link}"))
            .collect();
        parts.push(links.join("\n"));
        format!("{}\n\n{}\n", parts.join("\n\n"), self.footer())
    }

    /// Describes how long the incident has been firing or was firing, where that is worth a line.
    #[must_use]
    pub fn describe_duration(&self) -> Option<String> {
        let incident = self.incident;
        let since = format_recent_time(incident.since, self.now);
        match self.kind {
            NotificationKind::Resolved => (incident.severity > Severity::Info).then(|| {
                let resolved_at = incident.resolved_at.unwrap_or(self.now);
                let duration = format_duration(resolved_at.duration_since(incident.since));
                format!("Duration: {duration}, since {since}.")
            }),
            NotificationKind::Reminder => {
                let duration = format_duration(self.now.duration_since(incident.since));
                Some(format!("Duration: {duration} so far, since {since}."))
            }
            NotificationKind::Flapping => find_rhythm(incident, self.now).map(|rhythm| {
                format!(
                    "It resolved and fired again {} times within {}. The next message follows after {} without a change.",
                    rhythm.list_returns(incident, self.now).len(),
                    format_duration(rhythm.within),
                    format_duration(rhythm.quiet_period)
                )
            }),
            NotificationKind::Firing => self.escalated_after.map(|after| {
                let after = format_duration(after);
                format!("Nobody has acknowledged this incident within {after}.")
            }),
            NotificationKind::Acknowledged => Some(
                "The reminders stop. You are still notified when it gets worse, changes or is resolved."
                    .to_owned(),
            ),
            NotificationKind::Info | NotificationKind::Updated => None,
        }
    }

    fn list_earlier_lines(&self) -> Option<String> {
        let lines: Vec<String> = self
            .earlier_lines()
            .into_iter()
            .map(|line| format!("{}  {}", format_time(line.at), line.title))
            .collect();
        (!lines.is_empty()).then(|| format!("Earlier:\n{}", lines.join("\n")))
    }

    /// Returns how to stop reminders with a tag, if reminders will follow.
    #[must_use]
    pub fn acknowledge_hint(&self) -> Option<String> {
        (self.has_reminders() && has_tags(&self.incident.target)).then(|| {
            format!(
                "To stop the reminders (every {}), set the tag {} = {}",
                format_duration(REPEAT_INTERVAL),
                policy::ACK,
                self.incident.occurrence_token()
            )
        })
    }

    /// Returns the link that stops reminders and its expiry, if reminders will follow.
    #[must_use]
    pub fn acknowledge_link(&self) -> Option<(String, String)> {
        let links = self.links.filter(|_| self.has_reminders())?;
        let (link, until) = links.create_link(
            &self.incident.occurrence_token(),
            &self.incident.name,
            self.now,
        );
        Some((link, format_time(until)))
    }

    /// Reports whether reminders will follow that a user can still stop.
    pub(super) fn has_reminders(&self) -> bool {
        self.incident.was_firing && needs_reminders(self.incident)
    }

    /// Returns the footer: severity, operation, application, time and stack.
    #[must_use]
    pub fn footer(&self) -> String {
        let app = self
            .incident
            .app
            .as_ref()
            .map(|app| format!(" · {app}"))
            .unwrap_or_default();
        let line = self.subject_line();
        let severity = line.map_or(Severity::Info, |line| line.severity);
        let source = line.map_or("alert", |line| line.source.as_str());
        let at = line
            .map_or(self.now, |line| line.at)
            .strftime("%Y-%m-%d %H:%M:%S UTC");
        format!(
            "{} · {source}{app} · {at} · stack {}",
            severity.as_str(),
            self.stack
        )
    }
}

/// Formats what Lamplighter does, the reason and the next step. A text without a next step, such as
/// the daily report, is shown as it is.
fn format_explanation(line: &Line) -> String {
    let mut parts = Vec::new();
    if !line.action.is_empty() {
        parts.push(line.action.clone());
    }
    if line.next.is_empty() {
        parts.extend((!line.why.is_empty()).then(|| line.why.clone()));
    } else {
        parts.push(format!("Why: {}", line.why));
        parts.push(format!("Next: {}", line.next));
    }
    parts.join("\n")
}
