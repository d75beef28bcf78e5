//! Stores new notifications, then sends each channel what is due.
//!
//! Pending messages are stored before anything is sent, so a function that is killed loses nothing.
//! The next invocation, at most a minute later, sends them. A message may therefore arrive twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Error;
use lamplighter::model::Arn;
use lamplighter::notify::Notification;
use lamplighter::notify::incident::{Incident, IncidentId};
use lamplighter::ports::incidents::{Changes, DispatcherState, IncidentStore};
use lamplighter::ports::ledger::LedgerError;

use crate::channel_incidents::ChannelReporter;
use crate::delivery::{Sender, has_time_to_send};
use crate::expiry::{expire_conditions, list_expired_incidents};
use crate::grouping::ingest_notification;
use crate::notifier::Notifier;
use crate::rate_limit::{Route, due_notifications};

/// The `alert` function without its Lambda entry point.
pub struct Alert<I, N> {
    pub incidents: I,
    pub notifier: N,
    pub stack: String,
    /// The target of incidents about the channels themselves.
    pub topic: Arn,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

impl<I: IncidentStore, N: Notifier> Alert<I, N> {
    /// Stores notifications and sends what is due. Returns the number of messages sent. If another
    /// invocation holds the lock, that one sends them.
    ///
    /// # Errors
    /// [`Error`] if the notifications could not be stored and must be redelivered, or the sent messages
    /// could not be recorded.
    pub async fn dispatch_notifications(
        &self,
        notifications: &[Notification],
        holder: &str,
        deadline: Timestamp,
    ) -> Result<usize, Error> {
        if !notifications.is_empty() {
            self.incidents
                .add_notifications(notifications, (self.clock)())
                .await?;
        }
        let mut sent = 0;
        loop {
            match self
                .incidents
                .acquire_lease(holder, (self.clock)(), deadline)
                .await
            {
                Ok(state) => sent += self.process_batch(state, deadline).await?,
                Err(LedgerError::Busy { .. }) => return Ok(sent),
                Err(LedgerError::Aws(error)) => return Err(error.into()),
            }
            // Notifications may have arrived while this invocation held the lock. Their own
            // invocations found it busy and left them to this one.
            if !has_time_to_send((self.clock)(), deadline)
                || !self.incidents.has_inbox_items().await?
            {
                return Ok(sent);
            }
        }
    }

    async fn process_batch(
        &self,
        mut state: DispatcherState,
        deadline: Timestamp,
    ) -> Result<usize, Error> {
        let now = self.ingest_inbox(&mut state).await?;
        let mut sent = 0;
        for route in self.notifier.routes() {
            let before = state.incidents.clone();
            sent += self
                .sender(deadline)
                .send_due_messages(&mut state, &route)
                .await;
            self.write_changes(&state, &before, Changes::default())
                .await?;
        }
        self.drop_expired(&mut state, now).await?;
        self.incidents
            .release_lease(&state)
            .await
            .map_err(|error| self.convert_ledger_error(error))?;
        Ok(sent)
    }

    /// Turns the inbox into incidents and stores them with the messages that are pending now.
    /// Returns the time for which it determined the pending messages.
    async fn ingest_inbox(&self, state: &mut DispatcherState) -> Result<Timestamp, Error> {
        let before = state.incidents.clone();
        let inbox = std::mem::take(&mut state.inbox);
        for notification in inbox.values() {
            ingest_notification(state, notification);
        }
        let problem = self.notifier.load_channels().await;
        let routes = self.notifier.routes();
        let now = (self.clock)();
        expire_conditions(state, now);
        self.channel_reporter(now)
            .update_incidents(state, &routes, problem);
        mark_pending(state, &routes, now);
        let changes = Changes {
            ingested: inbox.into_keys().collect(),
            ..Changes::default()
        };
        self.write_changes(state, &before, changes).await?;
        Ok(now)
    }

    async fn drop_expired(&self, state: &mut DispatcherState, now: Timestamp) -> Result<(), Error> {
        let changes = Changes {
            expired: list_expired_incidents(state, now),
            ..Changes::default()
        };
        state
            .silences
            .retain(|_, (_, until)| until.is_some_and(|until| now < until));
        self.write_changes(state, &state.incidents, changes).await
    }

    /// Writes the incidents that differ from `before`, and further changes.
    async fn write_changes(
        &self,
        state: &DispatcherState,
        before: &BTreeMap<IncidentId, Incident>,
        changes: Changes,
    ) -> Result<(), Error> {
        let written = state
            .incidents
            .iter()
            .filter(|(id, incident)| {
                before.get(id) != Some(incident) && !changes.expired.contains(id)
            })
            .map(|(_, incident)| incident.clone())
            .collect();
        let changes = Changes { written, ..changes };
        self.incidents
            .write_changes(state, &changes, (self.clock)())
            .await
            .map_err(|error| self.convert_ledger_error(error))
    }

    fn convert_ledger_error(&self, error: LedgerError) -> Error {
        match error {
            LedgerError::Busy { holder, until } => Error::TargetBusy {
                target: self.stack.clone(),
                holder,
                until,
            },
            LedgerError::Aws(error) => error.into(),
        }
    }

    fn sender(&self, deadline: Timestamp) -> Sender<'_, N> {
        Sender {
            notifier: &self.notifier,
            stack: &self.stack,
            topic: &self.topic,
            clock: &self.clock,
            deadline,
        }
    }

    fn channel_reporter(&self, now: Timestamp) -> ChannelReporter<'_> {
        ChannelReporter {
            topic: &self.topic,
            stack: &self.stack,
            now,
        }
    }
}

/// Adds an unsent delivery to each incident that a channel must send, so that it stays due whatever
/// happens to this invocation.
pub fn mark_pending(state: &mut DispatcherState, routes: &[Route], now: Timestamp) {
    for route in routes {
        for (id, kind) in due_notifications(state, route, now) {
            if let Some(incident) = state.incidents.get_mut(&id) {
                // What still fires at night may be over by morning, and is then no news.
                if !incident.firing.is_empty() && route.keeps_quiet(incident, kind, now) {
                    continue;
                }
                incident
                    .deliveries
                    .entry(route.channel.clone())
                    .or_default();
            }
        }
    }
}
