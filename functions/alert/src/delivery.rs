//! Sends a channel what is due, and records what it accepted.

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::incident::Channel;
use lamplighter::ports::incidents::DispatcherState;

use crate::notification::mark_notified;
use crate::notifier::{Notifier, Outgoing, SendError};
use crate::pause::find_pause_of_everything;
use crate::rate_limit::{Delivery, Route, plan_deliveries, record_delivery};
use crate::text::{IncidentMessage, SummaryMessage};

/// The longest time that sending one message takes, with pauses and one retry: `aws/config.rs`,
/// `http.rs`.
const MAX_SEND_DURATION: SignedDuration = SignedDuration::from_secs(20);
/// The time reserved for storing what was sent.
const WRITE_RESERVE: SignedDuration = SignedDuration::from_secs(5);
/// The number of refused messages after which a channel waits for the next invocation.
const MAX_REFUSALS: u32 = 3;

/// Reports whether another message can be sent and recorded before the deadline.
#[must_use]
pub fn has_time_to_send(now: Timestamp, deadline: Timestamp) -> bool {
    deadline.duration_since(now) >= MAX_SEND_DURATION + WRITE_RESERVE
}

/// Sends the messages of one invocation.
pub struct Sender<'a, N> {
    pub notifier: &'a N,
    pub stack: &'a str,
    /// The topic of the stack.
    pub topic: &'a Arn,
    pub clock: &'a dyn Fn() -> Timestamp,
    pub deadline: Timestamp,
}

impl<N: Notifier> Sender<'_, N> {
    /// Sends a channel what is due, until nothing is left, time runs out or the channel refuses too
    /// often. Returns the number of messages sent.
    pub async fn send_due_messages(&self, state: &mut DispatcherState, route: &Route) -> usize {
        let name = &route.channel;
        let mut sent = 0;
        let mut refused = 0;
        for delivery in plan_deliveries(state, route, (self.clock)()) {
            let now = (self.clock)();
            if !has_time_to_send(now, self.deadline) {
                break;
            }
            let Some(message) = self.build_outgoing(state, route, &delivery, now) else {
                continue;
            };
            let result = self.notifier.send(name, &message).await;
            let now = (self.clock)();
            let channel = state.channels.entry(name.clone()).or_default();
            match result {
                Ok(thread) => {
                    channel.broken = None;
                    record_delivery(channel, &delivery, now);
                    sent += 1;
                    mark_delivered(state, route, delivery, thread, now);
                }
                Err(SendError::RateLimited(seconds)) => {
                    channel.rate_limited_until =
                        Some(now + SignedDuration::from_secs(seconds.into()));
                    break;
                }
                Err(SendError::Failed(error)) => {
                    mark_broken(channel, name, &error, now);
                    refused += 1;
                    // A message that the channel refuses must not block those after it.
                    if !error.refused || refused == MAX_REFUSALS {
                        break;
                    }
                }
            }
        }
        sent
    }

    /// Returns the message of a delivery; `None` if its incident no longer exists.
    fn build_outgoing<'a>(
        &'a self,
        state: &'a DispatcherState,
        route: &Route,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Option<Outgoing<'a>> {
        let pause = find_pause_of_everything(&state.incidents, self.topic);
        Some(match delivery {
            Delivery::Single(id, kind) => {
                let incident = state.incidents.get(id)?;
                let is_pause = incident.target.is_all_targets();
                Outgoing::Single(IncidentMessage {
                    incident,
                    kind: *kind,
                    sent_lines: incident
                        .deliveries
                        .get(&route.channel)
                        .map_or(0, |delivery| delivery.sent_lines),
                    stack: self.stack,
                    pause: pause.filter(|_| !is_pause),
                    escalated_after: route.escalates_after,
                    now,
                    links: self.notifier.links(),
                    has_buttons: route.has_buttons,
                })
            }
            Delivery::Summary(list) => Outgoing::Summary(SummaryMessage {
                incidents: list
                    .iter()
                    .filter_map(|(id, kind)| Some((state.incidents.get(id)?, *kind)))
                    .collect(),
                stack: self.stack,
                pause,
                now,
            }),
        })
    }
}

/// Records a failed message: since when the channel fails, and its last error.
fn mark_broken(channel: &mut Channel, name: &str, error: &AwsError, now: Timestamp) {
    tracing::error!(channel = name, error = %error, "a message was not delivered");
    let since = channel.broken.as_ref().map_or(now, |(since, _)| *since);
    channel.broken = Some((since, error.to_string()));
}

/// Records a sent message on every incident that it covers. An incident that has escalated and is over escalates anew if it
/// returns.
fn mark_delivered(
    state: &mut DispatcherState,
    route: &Route,
    delivery: Delivery,
    thread: Option<String>,
    now: Timestamp,
) {
    // A summary belongs to no incident's thread.
    let (list, thread) = match delivery {
        Delivery::Single(id, kind) => (vec![(id, kind)], thread),
        Delivery::Summary(list) => (list, None),
    };
    for (id, kind) in list {
        let Some(incident) = state.incidents.get_mut(&id) else {
            continue;
        };
        mark_notified(incident, &route.channel, kind, thread.clone(), now);
        if route.escalates_after.is_some() {
            incident
                .deliveries
                .retain(|channel, delivery| *channel != route.channel || !delivery.resolved);
        }
    }
}
