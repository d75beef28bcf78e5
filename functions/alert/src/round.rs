//! Which messages one channel gets now: one for each incident, and a single one for all where there are too many.

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{Channel, Id, Incident};
use lamplighter::ports::incidents::Desk;

use crate::due::{Kind, due, withheld};

/// The window of the limit.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Between two messages that list many incidents.
const BETWEEN_LISTS: SignedDuration = SignedDuration::from_mins(5);
/// While so many incidents come that they are summed up, nothing else is sent.
const STORM: SignedDuration = SignedDuration::from_mins(15);

/// A way to people: how much it takes, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it is called; [`Channel`] is what is known of it.
    pub channel: String,
    /// Between two messages of one incident.
    pub interval: SignedDuration,
    /// The most messages a minute.
    pub a_minute: usize,
    /// The least that is told.
    pub from: Severity,
    /// Of which applications; of all where it is empty.
    pub apps: Vec<String>,
}

/// The cause of what is told of a channel itself.
#[must_use]
pub fn cause(channel: &str) -> String {
    format!("channel {channel}")
}

impl Route {
    /// Whether an incident is told this way. That a channel is broken is told by the others.
    fn takes(&self, incident: &Incident) -> bool {
        let of_app = |app: &String| self.apps.contains(app);
        let is_its = self.apps.is_empty() || incident.app.as_ref().is_some_and(of_app);
        is_its && incident.severity >= self.from && incident.cause != cause(&self.channel)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Post {
    One(Id, Kind),
    /// Many incidents in one message, the worst first.
    Many(Vec<(Id, Kind)>),
}

/// What a channel is to be sent now, the worst first.
#[must_use]
pub fn posts(desk: &Desk, route: &Route, now: Timestamp) -> Vec<Post> {
    let state = desk.channels.get(&route.channel);
    if state
        .and_then(|state| state.rests_until)
        .is_some_and(|until| now < until)
    {
        return Vec::new();
    }
    let mut all = due_on(desk, route, now);
    let room = route
        .a_minute
        .saturating_sub(state.map_or(0, |state| sent(state, now)));
    if room >= all.len() {
        return all
            .into_iter()
            .map(|(id, kind)| Post::One(id, kind))
            .collect();
    }
    let summed_up = state
        .and_then(|state| state.summed_up)
        .map(|at| now.duration_since(at));
    if room == 0 || summed_up.is_some_and(|ago| ago < BETWEEN_LISTS) {
        return Vec::new();
    }
    let alone = if summed_up.is_some_and(|ago| ago < STORM) {
        0
    } else {
        room - 1
    };
    let rest = all.split_off(alone);
    all.into_iter()
        .map(|(id, kind)| Post::One(id, kind))
        .chain([Post::Many(rest)])
        .collect()
}

/// The incidents that something is to be told of, the worst and oldest first.
#[must_use]
pub fn due_on(desk: &Desk, route: &Route, now: Timestamp) -> Vec<(Id, Kind)> {
    let mut all: Vec<_> = desk
        .incidents
        .iter()
        .filter(|(_, incident)| route.takes(incident))
        .filter_map(|(id, incident)| {
            Some((
                id,
                incident,
                due(incident, &route.channel, route.interval, now)?,
            ))
        })
        .filter(|(_, incident, _)| withheld(incident, desk, now).is_none())
        .collect();
    all.sort_by_key(|(_, incident, _)| (std::cmp::Reverse(incident.severity), incident.since));
    all.into_iter()
        .map(|(id, _, kind)| (id.clone(), kind))
        .collect()
}

fn sent(state: &Channel, now: Timestamp) -> usize {
    state
        .sent
        .iter()
        .filter(|at| now.duration_since(**at) < MINUTE)
        .count()
}

/// Notes that a message was sent.
pub fn count(state: &mut Channel, post: &Post, now: Timestamp) {
    state.sent.retain(|at| now.duration_since(*at) < MINUTE);
    state.sent.push(now);
    if matches!(post, Post::Many(_)) {
        state.summed_up = Some(now);
    }
}
