//! Renders the subject and the body of a message for small screens.

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{Incident, Line};
use lamplighter::policy;
use lamplighter_aws::signed_link::LinkSigner;

use crate::notification::NotificationKind;

/// The longest subject, in characters: SNS refuses 100 and more.
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_LENGTH: usize = 99;
/// The number of earlier lines that a message lists.
const MAX_EARLIER_LINES: usize = 10;
/// The number of new lines that a message shows in full.
const MAX_NEW_LINES: usize = 4;
/// The number of incidents that a summary lists by name.
pub const MAX_LISTED_INCIDENTS: usize = 40;

/// A message about one incident.
#[derive(Debug, Clone, Copy)]
pub struct IncidentMessage<'a> {
    pub incident: &'a Incident,
    pub kind: NotificationKind,
    /// The number of lines that the channel has sent before.
    pub sent_lines: u32,
    pub stack: &'a str,
    pub now: Timestamp,
    /// The signer of links that stop reminders, if links are configured.
    pub links: Option<&'a LinkSigner>,
}

/// A summary of many incidents in one message.
#[derive(Debug, Clone)]
pub struct SummaryMessage<'a> {
    pub incidents: Vec<(&'a Incident, NotificationKind)>,
    pub stack: &'a str,
    pub now: Timestamp,
}

impl<'a> IncidentMessage<'a> {
    /// Returns the topic of this message in one line, without the target's name.
    #[must_use]
    pub fn title(&self) -> String {
        let title = self
            .subject_line()
            .map(|line| line.title.as_str())
            .unwrap_or_default();
        match self.kind {
            NotificationKind::Reminder => format!("still: {title}"),
            NotificationKind::Flaps => format!("comes and goes: {title}"),
            NotificationKind::Firing
            | NotificationKind::Info
            | NotificationKind::Updated
            | NotificationKind::Resolved => title.to_owned(),
        }
    }

    /// Returns the label of the subject, such as `CRITICAL`; `None` for an informational message.
    #[must_use]
    pub fn severity_label(&self) -> Option<&'static str> {
        let severity = match self.kind {
            NotificationKind::Resolved => {
                return (self.incident.severity > Severity::Info).then_some("over");
            }
            NotificationKind::Info => self
                .subject_line()
                .map_or(Severity::Info, |line| line.severity),
            NotificationKind::Firing
            | NotificationKind::Updated
            | NotificationKind::Reminder
            | NotificationKind::Flaps => self
                .incident
                .headline()
                .map_or(self.incident.severity, |line| line.severity),
        };
        (severity > Severity::Info).then(|| severity.as_str())
    }

    /// Returns the new lines to show in full, the most severe first.
    #[must_use]
    pub fn new_lines(&self) -> Vec<&'a Line> {
        let mut fresh: Vec<&Line> = match self.kind {
            NotificationKind::Reminder | NotificationKind::Flaps => {
                self.incident.headline().into_iter().collect()
            }
            NotificationKind::Firing
            | NotificationKind::Info
            | NotificationKind::Updated
            | NotificationKind::Resolved => self.unsent_lines().iter().collect(),
        };
        // For a resolved incident the resolution comes first; of equally severe lines, the newest.
        fresh.reverse();
        if self.kind != NotificationKind::Resolved {
            fresh.sort_by_key(|line| std::cmp::Reverse(line.severity));
        }
        fresh.truncate(MAX_NEW_LINES);
        fresh
    }

    fn subject_line(&self) -> Option<&'a Line> {
        self.new_lines()
            .first()
            .copied()
            .or_else(|| self.incident.lines.last())
    }

    fn unsent_lines(&self) -> &'a [Line] {
        let lines = &self.incident.lines;
        let fresh = usize::try_from(self.incident.line_count.saturating_sub(self.sent_lines))
            .unwrap_or_default();
        lines
            .get(lines.len().saturating_sub(fresh.max(1))..)
            .unwrap_or_default()
    }

    /// Returns the lines that are not shown in full, the oldest first.
    #[must_use]
    pub fn earlier_lines(&self) -> Vec<&'a Line> {
        let news = self.new_lines();
        let rest: Vec<&Line> = self
            .incident
            .lines
            .iter()
            .filter(|line| !news.contains(line))
            .collect();
        rest.iter()
            .skip(rest.len().saturating_sub(MAX_EARLIER_LINES))
            .copied()
            .collect()
    }

    /// Describes how long the incident has been firing or was firing, where that is worth a line.
    #[must_use]
    pub fn describe_duration(&self) -> Option<String> {
        let (since, count) = (
            format_time(self.incident.since),
            self.incident.reopened_at.len(),
        );
        match self.kind {
            NotificationKind::Resolved if self.incident.severity > Severity::Info => {
                let over = self.incident.resolved_at.unwrap_or(self.now);
                Some(format!(
                    "It lasted {}, since {since}.",
                    format_duration(over.duration_since(self.incident.since))
                ))
            }
            NotificationKind::Reminder => Some(format!(
                "It has lasted {}, since {since}.",
                format_duration(self.now.duration_since(self.incident.since))
            )),
            NotificationKind::Flaps => Some(format!(
                "It was over and came back {count} times within an hour. No more is told until it has been calm for 30 min."
            )),
            NotificationKind::Firing
            | NotificationKind::Info
            | NotificationKind::Updated
            | NotificationKind::Resolved => None,
        }
    }

    /// Reports whether reminders will follow that a user can still stop.
    fn has_reminders(&self) -> bool {
        let incident = self.incident;
        let is_bad = incident.was_firing
            && incident.resolved_at.is_none()
            && incident.severity > Severity::Info;
        is_bad && !incident.acknowledged
    }

    /// Returns how to stop reminders with a tag, if reminders will follow.
    #[must_use]
    pub fn acknowledge_hint(&self) -> Option<String> {
        let incident = self.incident;
        let has_tags = incident.target.ecs_cluster_and_name().is_some()
            || incident.target.database_kind().is_some();
        (self.has_reminders() && has_tags).then(|| {
            format!(
                "You are reminded every 4 h. Not any more with the tag {} = {}",
                policy::ACK,
                incident.occurrence_token()
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

    /// Returns the footer: severity, operation, application, time and stack.
    #[must_use]
    pub fn footer(&self) -> String {
        let line = self.subject_line();
        let app = self
            .incident
            .app
            .as_ref()
            .map(|app| format!(" of {app}"))
            .unwrap_or_default();
        let (severity, operation, at) = line.map_or((Severity::Info, "alert", self.now), |line| {
            (line.severity, line.source.as_str(), line.at)
        });
        let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        format!(
            "{} · {operation}{app} · {at} · stack {}",
            severity.as_str(),
            self.stack
        )
    }

    /// Returns one line of ASCII, at most 99 characters, that begins with the severity of a warning
    /// or critical message.
    #[must_use]
    pub fn subject(&self) -> String {
        let mark = self
            .severity_label()
            .map(|mark| format!("[{mark}] "))
            .unwrap_or_default();
        truncate_subject(&format!("{mark}{}: {}", self.incident.name, self.title()))
    }

    /// Returns the body: what happened, why, what happens next, earlier lines and links.
    #[must_use]
    pub fn body(&self) -> String {
        let mut parts = Vec::new();
        for (n, line) in self.new_lines().into_iter().enumerate() {
            let title = if n == 0 {
                self.title()
            } else {
                line.title.clone()
            };
            parts.push(format!(
                "{}: {title}\n\n{}",
                self.incident.name,
                format_explanation(line)
            ));
        }
        parts.extend(self.describe_duration());
        let earlier: Vec<String> = self
            .earlier_lines()
            .into_iter()
            .map(|line| format!("{}  {}", format_time(line.at), line.title))
            .collect();
        if !earlier.is_empty() {
            parts.push(format!("What was told before:\n{}", earlier.join("\n")));
        }
        parts.extend(self.acknowledge_hint());
        parts
            .extend(self.acknowledge_link().map(|(link, until)| {
                format!("No more reminders of this (until {until}):\n{link}")
            }));
        parts.push(self.incident.link.clone());
        format!("{}\n\n{}\n", parts.join("\n\n"), self.footer())
    }
}

impl SummaryMessage<'_> {
    /// Returns one line of ASCII with the highest severity and the number of incidents.
    #[must_use]
    pub fn subject(&self) -> String {
        let worst = self
            .incidents
            .iter()
            .map(|(incident, _)| incident.severity)
            .max()
            .unwrap_or(Severity::Info);
        let count = self.incidents.len();
        truncate_subject(&format!(
            "[{}] {}: {count} incidents at once",
            worst.as_str(),
            self.stack
        ))
    }

    /// Returns one line per listed incident, the most severe first, and how many more there are.
    #[must_use]
    pub fn body(&self) -> String {
        let rest = self.incidents.len().saturating_sub(MAX_LISTED_INCIDENTS);
        let rest = if rest > 0 {
            format!("\nand {rest} more, which the journal has")
        } else {
            String::new()
        };
        format!(
            "{} incidents have something new, more than are told one by one. The worst first:\n\n{}{rest}\n\nWhat comes of \
             each is told by itself when there are fewer. All of it is in the journal.\n\nstack {} · {}\n",
            self.incidents.len(),
            self.incident_lines().join("\n"),
            self.stack,
            self.now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        )
    }

    /// Returns one line for each of the first incidents.
    #[must_use]
    pub fn incident_lines(&self) -> Vec<String> {
        let lines = self
            .incidents
            .iter()
            .take(MAX_LISTED_INCIDENTS)
            .map(|(incident, kind)| {
                let line = if *kind == NotificationKind::Resolved {
                    incident.lines.last()
                } else {
                    incident.headline()
                };
                let mark = if *kind == NotificationKind::Resolved {
                    "over"
                } else {
                    incident.severity.as_str()
                };
                let title = line.map(|line| line.title.as_str()).unwrap_or_default();
                format!(
                    "[{mark}] {}: {title} (since {})",
                    incident.name,
                    format_time(incident.since)
                )
            });
        lines.collect()
    }
}

/// Formats reason and next step. A text without a next step is shown as it is.
fn format_explanation(line: &Line) -> String {
    if line.next.is_empty() {
        line.why.clone()
    } else {
        format!("Why: {}\nNext: {}", line.why, line.next)
    }
}

fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Formats a duration: `40 s`, `14 min`, `5 h 20 min`, `3 days`.
#[must_use]
pub fn format_duration(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", span.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, _) if hours >= 48 => format!("{} days", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn truncate_subject(text: &str) -> String {
    let text = to_ascii(text);
    if text.len() <= SUBJECT_LENGTH {
        return text;
    }
    let kept: String = text.chars().take(SUBJECT_LENGTH - 3).collect();
    format!("{}...", kept.trim_end())
}

/// Replaces dashes, quotes and arithmetic signs by ASCII, line breaks by blanks and everything else
/// by `?`.
fn to_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '—' | '–' => ascii.push('-'),
            '→' => ascii.push_str("->"),
            '÷' => ascii.push('/'),
            '×' => ascii.push('x'),
            '’' | '‘' => ascii.push('\''),
            '“' | '”' => ascii.push('"'),
            c if c.is_ascii_graphic() => ascii.push(c),
            c if c.is_whitespace() || c.is_control() => ascii.push(' '),
            _ => ascii.push('?'),
        }
    }
    ascii
}
