//! Decides which messages a channel gets now: one per incident, or a summary where the rate limit
//! is reached.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Cause;
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{Channel, Incident, IncidentId};
use lamplighter::ports::incidents::DispatcherState;

use crate::notification::{NotificationKind, due_kind, suppression_reason};

/// The window of the rate limit.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// The time between two summaries.
const SUMMARY_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// The time after a summary within which only summaries are sent while the rate limit is reached.
const SUMMARY_ONLY_PERIOD: SignedDuration = SignedDuration::from_mins(15);

/// The limits and filters of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl Route {
    /// Reports whether this channel accepts an incident. Other channels report that this one is
    /// broken.
    fn accepts_incident(&self, incident: &Incident) -> bool {
        let of_app = |app: &String| self.apps.contains(app);
        let is_its = self.apps.is_empty() || incident.app.as_ref().is_some_and(of_app);
        is_its
            && incident.severity >= self.min_severity
            && incident.cause != Cause::Channel(self.channel.clone())
    }
}

/// A message to send: about one incident, or a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Single(IncidentId, NotificationKind),
    /// A summary of many incidents, the most severe first.
    Summary(Vec<(IncidentId, NotificationKind)>),
}

/// Returns the messages that a channel must send now, the most severe first.
#[must_use]
pub fn plan_deliveries(desk: &DispatcherState, route: &Route, now: Timestamp) -> Vec<Delivery> {
    let state = desk.channels.get(&route.channel);
    if state
        .and_then(|state| state.rate_limited_until)
        .is_some_and(|until| now < until)
    {
        return Vec::new();
    }
    let mut all = due_notifications(desk, route, now);
    let room = route
        .messages_per_minute
        .saturating_sub(state.map_or(0, |state| count_recent_messages(state, now)));
    if room >= all.len() {
        return all
            .into_iter()
            .map(|(id, kind)| Delivery::Single(id, kind))
            .collect();
    }
    let summed_up = state
        .and_then(|state| state.summarized_at)
        .map(|at| now.duration_since(at));
    if room == 0 || summed_up.is_some_and(|ago| ago < SUMMARY_INTERVAL) {
        return Vec::new();
    }
    let alone = if summed_up.is_some_and(|ago| ago < SUMMARY_ONLY_PERIOD) {
        0
    } else {
        room - 1
    };
    let rest = all.split_off(alone);
    all.into_iter()
        .map(|(id, kind)| Delivery::Single(id, kind))
        .chain([Delivery::Summary(rest)])
        .collect()
}

/// Returns the incidents with a notification due on a channel, the most severe and oldest first.
#[must_use]
pub fn due_notifications(
    desk: &DispatcherState,
    route: &Route,
    now: Timestamp,
) -> Vec<(IncidentId, NotificationKind)> {
    let mut all: Vec<_> = desk
        .incidents
        .iter()
        .filter(|(_, incident)| route.accepts_incident(incident))
        .filter_map(|(id, incident)| {
            Some((
                id,
                incident,
                due_kind(incident, &route.channel, route.interval, now)?,
            ))
        })
        .filter(|(_, incident, _)| suppression_reason(incident, desk, now).is_none())
        .collect();
    all.sort_by_key(|(_, incident, _)| (std::cmp::Reverse(incident.severity), incident.since));
    all.into_iter()
        .map(|(id, _, kind)| (id.clone(), kind))
        .collect()
}

fn count_recent_messages(state: &Channel, now: Timestamp) -> usize {
    state
        .sent
        .iter()
        .filter(|at| now.duration_since(**at) < MINUTE)
        .count()
}

/// Counts a sent message against the channel's rate limit.
pub fn record_delivery(state: &mut Channel, post: &Delivery, now: Timestamp) {
    state.sent.retain(|at| now.duration_since(*at) < MINUTE);
    state.sent.push(now);
    if matches!(post, Delivery::Summary(_)) {
        state.summarized_at = Some(now);
    }
}
