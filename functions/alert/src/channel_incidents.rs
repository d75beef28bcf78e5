//! Fires and resolves the incidents about the channels themselves.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Cause};
use lamplighter::notify::incident::IncidentId;
use lamplighter::notify::{Message, Notification, Source, console_link};
use lamplighter::ports::incidents::DispatcherState;

use crate::grouping::ingest_notification;
use crate::messages::{
    channel_broken_message, channel_recovered_message, secret_invalid_message, secret_valid_message,
};
use crate::rate_limit::{Route, due_notifications};

/// The condition that fires while the secret of the channels is invalid.
const SETTINGS_CONDITION: &str = "channels";
/// The time after which the other channels report a channel that accepts no messages.
const BROKEN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Reports the state of the channels, as of one time.
pub struct ChannelReporter<'a> {
    /// The target of the incidents.
    pub topic: &'a Arn,
    pub stack: &'a str,
    pub now: Timestamp,
}

impl ChannelReporter<'_> {
    /// Fires and resolves the incidents about the secret and about each channel. `problem` is what
    /// is wrong with the secret.
    pub fn update_incidents(
        &self,
        state: &mut DispatcherState,
        routes: &[Route],
        problem: Option<String>,
    ) {
        let mut notifications = Vec::new();
        notifications.extend(self.report_settings(state, problem));
        for route in routes {
            notifications.extend(self.report_channel(state, route));
        }
        for notification in &notifications {
            ingest_notification(state, notification);
        }
    }

    fn report_settings(
        &self,
        state: &DispatcherState,
        problem: Option<String>,
    ) -> Option<Notification> {
        let message = match (
            problem,
            self.has_open_incident(state, &Cause::ChannelSettings),
        ) {
            (Some(problem), false) => secret_invalid_message(&problem).fires(SETTINGS_CONDITION),
            (None, true) => secret_valid_message().clears(SETTINGS_CONDITION),
            (Some(_), true) | (None, false) => return None,
        };
        Some(self.build_notification(Source::ChannelSettings, message))
    }

    fn report_channel(&self, state: &mut DispatcherState, route: &Route) -> Option<Notification> {
        let name = &route.channel;
        let pending = due_notifications(state, route, self.now).len();
        let is_reported = self.has_open_incident(state, &Cause::Channel(name.clone()));
        let channel = state.channels.get_mut(name)?;
        // A channel without pending messages is not retried, so nothing would ever show that it
        // works again.
        channel.broken.take_if(|_| pending == 0);
        let message = match &channel.broken {
            Some((since, error))
                if !is_reported && self.now.duration_since(*since) >= BROKEN_AFTER =>
            {
                channel_broken_message(name, pending, *since, error).fires(name)
            }
            None if is_reported => channel_recovered_message(name).clears(name),
            Some(_) | None => return None,
        };
        Some(self.build_notification(Source::Channel(name.clone()), message))
    }

    /// Reports whether an incident about the channels has this cause and is not resolved.
    fn has_open_incident(&self, state: &DispatcherState, cause: &Cause) -> bool {
        state
            .incidents
            .get(&IncidentId::for_target(self.topic, cause))
            .is_some_and(|incident| incident.resolved_at.is_none())
    }

    fn build_notification(&self, source: Source, message: Message) -> Notification {
        Notification {
            runbook: None,
            message,
            at: self.now,
            source,
            target: self.topic.clone(),
            name: self.stack.to_owned(),
            app: None,
            stack: self.stack.to_owned(),
            link: console_link(self.topic),
            silenced_until: None,
        }
    }
}
