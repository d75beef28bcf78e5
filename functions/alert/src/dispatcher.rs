//! Stores new notifications, then sends each channel what is due.
//!
//! Pending messages are stored before anything is sent, so a function that is killed loses nothing.
//! The next invocation, at most a minute later, sends them. A message may therefore arrive twice.

use lamplighter::model::Cause;
use lamplighter::notify::Source;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::notify::incident::{Incident, IncidentId};
use lamplighter::notify::{Message, Notification};
use lamplighter::ports::incidents::{Changes, DispatcherState, IncidentStore};
use lamplighter::ports::ledger::LedgerError;
use lamplighter::{AwsError, Error};
use lamplighter_aws::signed_link::LinkSigner;

use crate::grouping::{expire_conditions, ingest_notification};
use crate::notification::{list_expired_incidents, mark_notified};
use crate::rate_limit::{Delivery, Route, due_notifications, plan_deliveries, record_delivery};
use crate::text::{IncidentMessage, SummaryMessage};

/// The longest time that sending one message takes, with pauses and one retry: `aws/config.rs`,
/// `http.rs`.
const MAX_SEND_DURATION: SignedDuration = SignedDuration::from_secs(20);
/// The number of refused messages after which a channel waits for the next invocation.
const MAX_REFUSALS: u32 = 3;
/// The time reserved for storing what was sent.
const WRITE_RESERVE: SignedDuration = SignedDuration::from_secs(5);
/// The cause of an incident about the secret with the channels.
/// The condition that fires while the secret of the channels is invalid.
const SETTINGS_CONDITION: &str = "channels";
/// The time after which the other channels report a channel that accepts no messages.
const BROKEN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// The reason why a channel did not accept a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The channel limits the rate: retry after this many seconds.
    RateLimited(u32),
    Failed(AwsError),
}

/// A message as it is handed to a channel.
#[derive(Debug, Clone)]
pub enum Outgoing<'a> {
    Single(IncidentMessage<'a>),
    Summary(SummaryMessage<'a>),
}

/// The channels that messages are sent to.
pub trait Notifier {
    /// Loads the configured channels. Returns what is wrong with their configuration, if anything.
    async fn load_channels(&self) -> Option<String>;

    /// Returns the signer of links that stop reminders, if links are configured.
    fn links(&self) -> Option<&LinkSigner> {
        None
    }

    /// Returns the channels with their limits and filters.
    fn routes(&self) -> Vec<Route>;

    /// Sends one message, after a pause where the channel needs one. Returns the identifier of the
    /// channel's thread, if it has threads.
    ///
    /// # Errors
    /// [`SendError`] if the channel did not accept it.
    async fn send(&self, channel: &str, letter: &Outgoing<'_>)
    -> Result<Option<String>, SendError>;
}

/// The `alert` function without its Lambda entry point.
pub struct Alert<I, O> {
    pub incidents: I,
    pub notifier: O,
    pub stack: String,
    /// The target of incidents about the channels themselves.
    pub topic: Arn,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

impl<I: IncidentStore, O: Notifier> Alert<I, O> {
    /// Stores notifications and sends what is due. Returns the number of messages sent. If another
    /// invocation holds the lock, that one sends them.
    ///
    /// # Errors
    /// [`Error`] if the notifications could not be stored and must come again, or the sent messages
    /// could not be recorded.
    pub async fn dispatch_notifications(
        &self,
        notices: &[Notification],
        holder: &str,
        deadline: Timestamp,
    ) -> Result<usize, Error> {
        if !notices.is_empty() {
            self.incidents
                .add_notifications(notices, (self.clock)())
                .await?;
        }
        let mut sent = 0;
        loop {
            match self
                .incidents
                .acquire_lease(holder, (self.clock)(), deadline)
                .await
            {
                Ok(desk) => sent += self.process_batch(desk, deadline).await?,
                Err(LedgerError::Busy { .. }) => return Ok(sent),
                Err(LedgerError::Aws(error)) => return Err(error.into()),
            }
            // Notifications may have arrived while this invocation held the lock.
            let left = deadline.duration_since((self.clock)());
            if left < MAX_SEND_DURATION + WRITE_RESERVE || !self.incidents.has_inbox_items().await?
            {
                return Ok(sent);
            }
        }
    }

    async fn process_batch(
        &self,
        mut desk: DispatcherState,
        deadline: Timestamp,
    ) -> Result<usize, Error> {
        let before = desk.incidents.clone();
        let inbox = std::mem::take(&mut desk.inbox);
        for notice in inbox.values() {
            ingest_notification(&mut desk, notice);
        }
        let problem = self.notifier.load_channels().await;
        let now = (self.clock)();
        expire_conditions(&mut desk, now);
        self.update_channel_incidents(&mut desk, problem, now);
        for route in self.notifier.routes() {
            for (id, _) in due_notifications(&desk, &route, now) {
                let incident = desk.incidents.get_mut(&id);
                incident.map(|incident| {
                    incident
                        .deliveries
                        .entry(route.channel.clone())
                        .or_default()
                });
            }
        }
        let taken = inbox.into_keys().collect();
        self.write_changes(
            &desk,
            &before,
            Changes {
                ingested: taken,
                ..Changes::default()
            },
        )
        .await?;
        let mut sent = 0;
        for route in self.notifier.routes() {
            let before = desk.incidents.clone();
            sent += self.send_deliveries(&mut desk, &route, deadline).await;
            self.write_changes(&desk, &before, Changes::default())
                .await?;
        }
        let forgotten = list_expired_incidents(&desk, now);
        desk.silences
            .retain(|_, (_, until)| until.is_some_and(|until| now < until));
        let changes = Changes {
            expired: forgotten,
            ..Changes::default()
        };
        self.write_changes(&desk, &desk.incidents, changes).await?;
        self.incidents
            .release_lease(&desk)
            .await
            .map_err(|e| self.convert_ledger_error(e))?;
        Ok(sent)
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

    async fn write_changes(
        &self,
        desk: &DispatcherState,
        before: &BTreeMap<IncidentId, Incident>,
        changes: Changes,
    ) -> Result<(), Error> {
        let is_new = |(id, incident): &(&IncidentId, &Incident)| {
            before.get(id) != Some(incident) && !changes.expired.contains(id)
        };
        let written = desk
            .incidents
            .iter()
            .filter(is_new)
            .map(|(_, incident)| incident.clone())
            .collect();
        let changes = Changes { written, ..changes };
        self.incidents
            .write_changes(desk, &changes, (self.clock)())
            .await
            .map_err(|e| self.convert_ledger_error(e))
    }

    /// Sends a channel what is due, until nothing is left, time runs out or the channel refuses too
    /// often. Returns the number of messages sent.
    async fn send_deliveries(
        &self,
        desk: &mut DispatcherState,
        route: &Route,
        deadline: Timestamp,
    ) -> usize {
        let name = &route.channel;
        let (mut sent, mut refused) = (0, 0);
        for post in plan_deliveries(desk, route, (self.clock)()) {
            let now = (self.clock)();
            if deadline.duration_since(now) < MAX_SEND_DURATION + WRITE_RESERVE {
                break;
            }
            let outcome = match self.build_outgoing(desk, name, &post, now) {
                Some(letter) => self.notifier.send(name, &letter).await,
                None => continue,
            };
            let now = (self.clock)();
            let state = desk.channels.entry(name.clone()).or_default();
            match outcome {
                Ok(thread) => {
                    state.broken = None;
                    record_delivery(state, &post, now);
                    sent += 1;
                    mark_delivered(desk, name, post, thread, now);
                }
                Err(SendError::RateLimited(seconds)) => {
                    state.rate_limited_until =
                        Some(now + SignedDuration::from_secs(seconds.into()));
                    break;
                }
                Err(SendError::Failed(error)) => {
                    tracing::error!(channel = name, error = %error, "a message was not taken");
                    let since = state.broken.as_ref().map_or(now, |(since, _)| *since);
                    state.broken = Some((since, error.to_string()));
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

    fn build_outgoing<'a>(
        &'a self,
        desk: &'a DispatcherState,
        channel: &str,
        post: &Delivery,
        now: Timestamp,
    ) -> Option<Outgoing<'a>> {
        let stack = self.stack.as_str();
        Some(match post {
            Delivery::Single(id, kind) => {
                let incident = desk.incidents.get(id)?;
                let known = incident.deliveries.get(channel).map_or(0, |told| told.said);
                Outgoing::Single(IncidentMessage {
                    incident,
                    kind: *kind,
                    sent_lines: known,
                    stack,
                    now,
                    links: self.notifier.links(),
                })
            }
            Delivery::Summary(list) => {
                let incidents = list
                    .iter()
                    .filter_map(|(id, kind)| Some((desk.incidents.get(id)?, *kind)));
                Outgoing::Summary(SummaryMessage {
                    incidents: incidents.collect(),
                    stack,
                    now,
                })
            }
        })
    }

    /// Fires and resolves the incidents about the channels themselves.
    fn update_channel_incidents(
        &self,
        desk: &mut DispatcherState,
        problem: Option<String>,
        now: Timestamp,
    ) {
        let mut notices = Vec::new();
        match problem {
            Some(problem) if !self.has_open_incident(desk, &Cause::ChannelSettings) => {
                notices.push(self.build_notification(
                    Source::ChannelSettings,
                    secret_invalid_message(&problem).fires(SETTINGS_CONDITION),
                    now,
                ));
            }
            None if self.has_open_incident(desk, &Cause::ChannelSettings) => {
                notices.push(self.build_notification(
                    Source::ChannelSettings,
                    secret_valid_message().clears(SETTINGS_CONDITION),
                    now,
                ))
            }
            Some(_) | None => {}
        }
        for route in self.notifier.routes() {
            let waits = !due_notifications(desk, &route, now).is_empty();
            let channel = route.channel;
            let is_told = self.has_open_incident(desk, &Cause::Channel(channel.clone()));
            let Some(state) = desk.channels.get_mut(&channel) else {
                continue;
            };
            state.broken.take_if(|_| !waits);
            match &state.broken {
                Some((since, error)) if !is_told && now.duration_since(*since) >= BROKEN_AFTER => {
                    notices.push(self.build_notification(
                        Source::Channel(channel.clone()),
                        channel_broken_message(&channel, *since, error).fires(&channel),
                        now,
                    ));
                }
                None if is_told => notices.push(self.build_notification(
                    Source::Channel(channel.clone()),
                    channel_recovered_message(&channel).clears(&channel),
                    now,
                )),
                Some(_) | None => {}
            }
        }
        for notice in &notices {
            ingest_notification(desk, notice);
        }
    }

    /// Reports whether an incident about the channels has this cause and is not resolved.
    fn has_open_incident(&self, desk: &DispatcherState, cause: &Cause) -> bool {
        desk.incidents
            .get(&IncidentId::for_target(&self.topic, cause))
            .is_some_and(|incident| incident.resolved_at.is_none())
    }

    fn build_notification(&self, source: Source, message: Message, at: Timestamp) -> Notification {
        Notification {
            message,
            at,
            source,
            target: self.topic.clone(),
            name: self.stack.clone(),
            app: None,
            stack: self.stack.clone(),
            link: lamplighter::notify::console_link(&self.topic),
            silenced_until: None,
        }
    }
}

/// Records a sent message on every incident that it covers.
fn mark_delivered(
    desk: &mut DispatcherState,
    channel: &str,
    post: Delivery,
    thread: Option<String>,
    now: Timestamp,
) {
    let (all, thread) = match post {
        Delivery::Single(id, kind) => (vec![(id, kind)], thread),
        // A summary belongs to no incident's thread.
        Delivery::Summary(all) => (all, None),
    };
    for (id, kind) in all {
        if let Some(incident) = desk.incidents.get_mut(&id) {
            mark_notified(incident, channel, kind, thread.clone(), now);
        }
    }
}

fn channel_broken_message(channel: &str, since: Timestamp, error: &str) -> Message {
    Message::warning(format!("takes no messages by {channel}"))
        .why(format!("Since {} each one is refused: {error}", since.strftime("%Y-%m-%d %H:%M UTC")))
        .next("They are kept, and sent when it takes them again. See to the channel's secret, or take it out of it.")
}

fn channel_recovered_message(channel: &str) -> Message {
    Message::info(format!("takes messages by {channel} again"))
        .why("No message waits for it any more.")
        .next("Nothing to do.")
}

fn secret_invalid_message(problem: &str) -> Message {
    Message::warning("can't use its channels")
        .why(format!("The secret with the channels can't be used: {problem}."))
        .next("Correct the secret ChannelsSecret; it is read again every minute. Messages go by e-mail meanwhile.")
}

fn secret_valid_message() -> Message {
    Message::info("can use its channels again")
        .why("The secret with the channels can be used.")
        .next("Nothing to do.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_about_the_channels() {
        let since = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
        let messages = [
            channel_broken_message(
                "ops",
                since,
                "chat.postMessage ops: invalid_auth: Slack says so",
            ),
            channel_recovered_message("ops"),
            secret_invalid_message("channel ops: channel is missing"),
            secret_valid_message(),
        ];
        insta::assert_snapshot!(messages.map(|message| message.to_string()).join("\n\n"));
    }
}
