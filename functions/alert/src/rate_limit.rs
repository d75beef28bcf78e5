//! Decides which messages a channel gets now: one per incident, or a summary where the rate limit
//! is reached.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Cause;
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{Channel, Incident, IncidentId, Line};
use lamplighter::policy::{TimeWindow, frozen_until};
use lamplighter::ports::incidents::DispatcherState;

use crate::notification::{
    NotificationKind, due_kind, has_unsent_acknowledgement, needs_reminders,
};
use crate::suppression::suppression_reason;

/// The window of the rate limit.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// The time between two summaries.
const SUMMARY_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// The time after a summary within which only summaries are sent while the rate limit is reached.
const SUMMARY_ONLY_PERIOD: SignedDuration = SignedDuration::from_mins(15);

/// The limits and filters of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The name of the channel; [`Channel`] is its stored state.
    pub channel: String,
    /// The time between two messages about one incident.
    pub interval: SignedDuration,
    /// The rate limit, in messages per minute.
    pub messages_per_minute: usize,
    /// The lowest severity that is sent.
    pub min_severity: Severity,
    /// The applications whose incidents are sent; all of them if empty.
    pub apps: Vec<String>,
    /// The time after which an incident that nobody acknowledged is sent; `None` sends it at once.
    pub escalates_after: Option<SignedDuration>,
    /// The times in which only critical incidents and resolutions are sent. Everything else waits for their end.
    pub quiet: Vec<TimeWindow>,
    /// Readers see who acknowledged an incident.
    pub shows_acknowledgements: bool,
    /// Its messages have buttons that reach Lamplighter.
    pub has_buttons: bool,
}

impl Route {
    /// Reports whether this channel accepts an incident. Other channels report that this one is
    /// broken.
    fn accepts_incident(&self, incident: &Incident, now: Timestamp) -> bool {
        let is_of_app = self.apps.is_empty()
            || incident
                .app
                .as_ref()
                .is_some_and(|app| self.apps.contains(app));
        is_of_app
            && (incident.severity >= self.min_severity || self.has_open_alert(incident))
            && incident.cause != Cause::Channel(self.channel.clone())
            && self.has_waited(incident, now)
    }

    /// Reports whether an incident has escalated to this channel and isn't over, or asks for someone for so long without an
    /// acknowledgement that it does now.
    fn has_waited(&self, incident: &Incident, now: Timestamp) -> bool {
        let Some(after) = self.escalates_after else {
            return true;
        };
        let has_escalated = self
            .find_urgent_since(incident)
            .is_some_and(|since| now.duration_since(since) >= after);
        incident.deliveries.contains_key(&self.channel)
            || has_escalated && needs_reminders(incident)
    }

    /// Returns since when the incident asks for someone, at the severity of this channel. Its oldest lines may be gone.
    fn find_urgent_since(&self, incident: &Incident) -> Option<Timestamp> {
        let last_return = incident.reopened_at.last().copied();
        let fires_since = last_return.max(Some(incident.since))?;
        let least = self.min_severity.max(Severity::Warning);
        let is_firing = |line: &&Line| {
            let condition = line.fires.as_ref();
            condition.is_some_and(|condition| incident.firing.contains_key(condition))
        };
        let lines = incident.lines.iter();
        lines
            .filter(|line| line.at >= fires_since && line.severity >= least)
            .filter(is_firing)
            .map(|line| line.at)
            .min()
    }

    /// Reports whether a notification waits for the end of the quiet hours.
    #[must_use]
    pub fn keeps_quiet(&self, incident: &Incident, kind: NotificationKind, now: Timestamp) -> bool {
        incident.severity < Severity::Critical
            && kind != NotificationKind::Resolved
            && kind != NotificationKind::Acknowledged
            && frozen_until(&self.quiet, now).is_some()
    }

    /// Returns the notification that an incident was acknowledged, if this channel shows that and hasn't.
    fn due_acknowledgement(&self, incident: &Incident) -> Option<NotificationKind> {
        (self.shows_acknowledgements && has_unsent_acknowledgement(incident, &self.channel))
            .then_some(NotificationKind::Acknowledged)
    }

    /// Reports whether this channel has sent an alert about the incident, and not yet its resolution.
    fn has_open_alert(&self, incident: &Incident) -> bool {
        incident
            .deliveries
            .get(&self.channel)
            .is_some_and(|delivery| {
                delivery.open_severity >= Some(self.min_severity) && !delivery.resolved
            })
    }
}

/// A message to send: about one incident, or a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Single(IncidentId, NotificationKind),
    /// A summary of many incidents, the most severe first.
    Summary(Vec<(IncidentId, NotificationKind)>),
}

impl Delivery {
    fn single((id, kind): (IncidentId, NotificationKind)) -> Self {
        Self::Single(id, kind)
    }
}

/// Returns the messages that a channel must send now, the most severe first.
#[must_use]
pub fn plan_deliveries(state: &DispatcherState, route: &Route, now: Timestamp) -> Vec<Delivery> {
    let channel = state.channels.get(&route.channel);
    if channel
        .and_then(|channel| channel.rate_limited_until)
        .is_some_and(|until| now < until)
    {
        return Vec::new();
    }
    let mut due = due_notifications(state, route, now);
    due.retain(|(id, kind)| {
        let incident = state.incidents.get(id);
        !incident.is_some_and(|incident| route.keeps_quiet(incident, *kind, now))
    });
    // They displace nothing, and a summary can't say who acknowledged what.
    let (acknowledgements, due): (Vec<_>, Vec<_>) = due
        .into_iter()
        .partition(|(_, kind)| *kind == NotificationKind::Acknowledged);
    let recent = channel.map_or(0, |channel| count_recent_messages(channel, now));
    let capacity = route.messages_per_minute.saturating_sub(recent);
    if capacity >= due.len() {
        let all = due.into_iter().chain(acknowledgements);
        return all.take(capacity).map(Delivery::single).collect();
    }
    let since_summary = channel
        .and_then(|channel| channel.summarized_at)
        .map(|at| now.duration_since(at));
    summarize_surplus(due, capacity, since_summary)
}

/// Returns the most severe notifications as single messages and a summary of the rest, as one
/// message of the capacity. While summaries go on, the summary holds all of them.
fn summarize_surplus(
    mut due: Vec<(IncidentId, NotificationKind)>,
    capacity: usize,
    since_summary: Option<SignedDuration>,
) -> Vec<Delivery> {
    if capacity == 0 || since_summary.is_some_and(|ago| ago < SUMMARY_INTERVAL) {
        return Vec::new();
    }
    let singles = if since_summary.is_some_and(|ago| ago < SUMMARY_ONLY_PERIOD) {
        0
    } else {
        capacity - 1
    };
    let surplus = due.split_off(singles);
    due.into_iter()
        .map(Delivery::single)
        .chain([Delivery::Summary(surplus)])
        .collect()
}

/// Returns the incidents with a notification due on a channel, the most severe and oldest first.
#[must_use]
pub fn due_notifications(
    state: &DispatcherState,
    route: &Route,
    now: Timestamp,
) -> Vec<(IncidentId, NotificationKind)> {
    let mut due = Vec::new();
    for (id, incident) in &state.incidents {
        if !route.accepts_incident(incident, now) {
            continue;
        }
        let kind = if incident.severity < route.min_severity {
            // It returned less severe than the channel wants: its alert is over.
            Some(NotificationKind::Resolved)
        } else {
            due_kind(incident, &route.channel, route.interval, now)
        };
        let news = kind.filter(|_| suppression_reason(incident, state, now).is_none());
        // Whoever is paged hears who works on it, also if other news are held back.
        let acknowledged = route.due_acknowledgement(incident);
        let is_quiet = news.is_some_and(|kind| route.keeps_quiet(incident, kind, now));
        let kind = if is_quiet {
            acknowledged.or(news)
        } else {
            news.or(acknowledged)
        };
        due.extend(kind.map(|kind| (id, incident, kind)));
    }
    due.sort_by_key(|(_, incident, _)| (Reverse(incident.severity), incident.since));
    due.into_iter()
        .map(|(id, _, kind)| (id.clone(), kind))
        .collect()
}

fn count_recent_messages(channel: &Channel, now: Timestamp) -> usize {
    channel
        .sent
        .iter()
        .filter(|at| now.duration_since(**at) < MINUTE)
        .count()
}

/// Counts a sent message against the channel's rate limit.
pub fn record_delivery(channel: &mut Channel, delivery: &Delivery, now: Timestamp) {
    channel.sent.retain(|at| now.duration_since(*at) < MINUTE);
    channel.sent.push(now);
    match delivery {
        Delivery::Single(..) => {}
        Delivery::Summary(_) => channel.summarized_at = Some(now),
    }
}
