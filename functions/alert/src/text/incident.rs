//! A message about one incident: its title, its severity and the lines that it shows.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::notify::incident::{Incident, Line};
use lamplighter::notify::{Offer, Severity, dashboard_link, logs_link};
use lamplighter_aws::signed_link::LinkSigner;

use super::format::{format_label, truncate_subject};
use crate::notification::NotificationKind;
use crate::pause;

/// The number of earlier lines that a message lists.
const MAX_EARLIER_LINES: usize = 10;
/// The number of new lines that a message shows in full.
const MAX_NEW_LINES: usize = 4;
/// The label of a resolved incident, in the place of its severity.
pub const RESOLVED_LABEL: &str = "RESOLVED";

/// A message about one incident.
#[derive(Debug, Clone, Copy)]
pub struct IncidentMessage<'a> {
    pub incident: &'a Incident,
    pub kind: NotificationKind,
    /// The number of lines that the channel has sent before.
    pub sent_lines: u32,
    pub stack: &'a str,
    /// The title of the pause of everything, while it lasts.
    pub pause: Option<&'a str>,
    /// The time within which nobody acknowledged the incident, if the channel only gets such incidents.
    pub escalated_after: Option<SignedDuration>,
    pub now: Timestamp,
    /// The signer of links that stop reminders, if links are configured.
    pub links: Option<&'a LinkSigner>,
    /// Buttons of Slack reach Lamplighter.
    pub has_buttons: bool,
}

/// Reports whether a target is a service, database or cache, whose tags Lamplighter reads in each sweep.
pub(super) fn has_tags(target: &Arn) -> bool {
    target.ecs_cluster_and_name().is_some() || target.database_kind().is_some()
}

/// Reports whether a target is of a kind that requests can be about: a service, database, cache or log group.
fn can_be_silenced(target: &Arn) -> bool {
    has_tags(target) || target.service() == "logs"
}

impl<'a> IncidentMessage<'a> {
    /// Returns one line of ASCII, at most 99 characters, that begins with the severity of a warning
    /// or critical message.
    #[must_use]
    pub fn subject(&self) -> String {
        let label = format_label(self.severity_label(), self.pause);
        truncate_subject(&format!("{label}{}: {}", self.incident.name, self.title()))
    }

    /// Returns the notice that everything is paused, while it is.
    #[must_use]
    pub fn pause_notice(&self) -> Option<String> {
        self.pause.map(pause::format_notice)
    }

    /// Returns the topic of this message in one line, without the target's name.
    #[must_use]
    pub fn title(&self) -> String {
        let title = self
            .subject_line()
            .map(|line| line.title.as_str())
            .unwrap_or_default();
        match self.kind {
            NotificationKind::Reminder => format!("reminder: {title}"),
            NotificationKind::Flapping => format!("flapping: {title}"),
            NotificationKind::Acknowledged => {
                self.incident.acknowledged.clone().unwrap_or_default()
            }
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
                return (self.incident.severity > Severity::Info).then_some(RESOLVED_LABEL);
            }
            NotificationKind::Acknowledged => Severity::Info,
            NotificationKind::Info => self
                .subject_line()
                .map_or(Severity::Info, |line| line.severity),
            NotificationKind::Firing
            | NotificationKind::Updated
            | NotificationKind::Reminder
            | NotificationKind::Flapping => self
                .incident
                .headline()
                .map_or(self.incident.severity, |line| line.severity),
        };
        (severity > Severity::Info).then(|| severity.as_str())
    }

    /// Returns the new lines to show in full, the most severe first.
    #[must_use]
    pub fn new_lines(&self) -> Vec<&'a Line> {
        let mut lines: Vec<&Line> = match self.kind {
            NotificationKind::Reminder | NotificationKind::Flapping => {
                self.incident.headline().into_iter().collect()
            }
            NotificationKind::Acknowledged => Vec::new(),
            NotificationKind::Firing
            | NotificationKind::Info
            | NotificationKind::Updated
            | NotificationKind::Resolved => self.unsent_lines().iter().collect(),
        };
        // For a resolved incident the resolution comes first; of equally severe lines, the newest.
        lines.reverse();
        if self.kind == NotificationKind::Resolved {
            lines.sort_by_key(|line| line.severity);
        } else {
            lines.sort_by_key(|line| Reverse(line.severity));
        }
        lines.truncate(MAX_NEW_LINES);
        lines
    }

    /// Returns the lines to show in full with their titles. The first one has the title of the
    /// message.
    #[must_use]
    pub fn lines_with_titles(&self) -> Vec<(String, &'a Line)> {
        let mut titled = Vec::new();
        for line in self.new_lines() {
            let title = if titled.is_empty() {
                self.title()
            } else {
                line.title.clone()
            };
            titled.push((title, line));
        }
        titled
    }

    /// Returns the lines that are not shown in full, the oldest first.
    #[must_use]
    pub fn earlier_lines(&self) -> Vec<&'a Line> {
        let shown = self.new_lines();
        let mut earlier: Vec<&Line> = self
            .incident
            .lines
            .iter()
            .filter(|line| !shown.contains(line))
            .collect();
        let surplus = earlier.len().saturating_sub(MAX_EARLIER_LINES);
        earlier.drain(..surplus);
        earlier
    }

    /// Lists the labels and addresses of the pages about the incident: what to do first.
    #[must_use]
    pub fn list_links(&self) -> Vec<(&'static str, String)> {
        let incident = self.incident;
        let at = self.subject_line().map_or(self.now, |line| line.at);
        let logs = logs_link(&incident.target, incident.log_group.as_deref(), at);
        let app = incident.app.as_ref().filter(|_| incident.is_managed);
        let links = [
            ("Runbook", incident.runbook.clone()),
            ("Logs", logs),
            (
                "Dashboard",
                app.map(|app| dashboard_link(&incident.target, app)),
            ),
            ("Console", Some(incident.link.clone())),
        ];
        links
            .into_iter()
            .filter_map(|(label, link)| Some((label, link?)))
            .collect()
    }

    /// Lists what a reader can do about the incident with a button, the first thing first.
    #[must_use]
    pub fn list_offers(&self) -> Vec<Offer> {
        if !self.has_buttons {
            return Vec::new();
        }
        let incident = self.incident;
        let acknowledge = self
            .has_reminders()
            .then(|| Offer::Acknowledge(incident.occurrence_token()));
        let mut offers: Vec<Offer> = acknowledge.into_iter().collect();
        if incident.is_managed {
            offers.extend(incident.offers.iter().cloned());
            let is_open = incident.was_firing
                && incident.resolved_at.is_none()
                && can_be_silenced(&incident.target);
            offers
                .extend((is_open && incident.severity > Severity::Info).then_some(Offer::Silence));
        }
        offers
    }

    /// Returns the line that the subject and the footer are about.
    #[must_use]
    pub fn subject_line(&self) -> Option<&'a Line> {
        self.new_lines()
            .first()
            .copied()
            .or_else(|| self.incident.lines.last())
    }

    /// Returns the lines that the channel has not sent; the last line if it has sent all of them.
    fn unsent_lines(&self) -> &'a [Line] {
        let lines = &self.incident.lines;
        let unsent = usize::try_from(self.incident.line_count.saturating_sub(self.sent_lines))
            .unwrap_or_default();
        lines
            .get(lines.len().saturating_sub(unsent.max(1))..)
            .unwrap_or_default()
    }
}
