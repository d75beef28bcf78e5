//! One turn at the desk: what has come is written down, and then each channel is told what is due.
//!
//! It is written down before anything is sent, so that a function killed in the middle loses nothing: the next turn, a
//! minute later at most, sends what was owed. A message may then come twice.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::notify::incident::{Id, Incident};
use lamplighter::notify::{Message, Notice};
use lamplighter::ports::incidents::{Changes, Desk, Incidents};
use lamplighter::ports::ledger::LedgerError;
use lamplighter::{AwsError, Error};
use lamplighter_aws::signed_link::Links;

use crate::due::{forgotten, mark};
use crate::gather::{age, take};
use crate::round::{Post, Route, cause, count, due_on, posts};
use crate::text::{Listing, Telling};

/// The longest that one message may take, with its pauses and a second call: `aws/config.rs`, `web.rs`.
const ONE_CALL: SignedDuration = SignedDuration::from_secs(20);
/// After so many refusals the rest waits for the next turn.
const REFUSALS: u32 = 3;
/// Left for writing down what was sent.
const WRITING: SignedDuration = SignedDuration::from_secs(5);
/// The cause of what is told about the channels' secret.
const CHANNELS: &str = "channels";
/// A channel that takes nothing for so long is told of by the others.
const BROKEN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untold {
    /// Not before so many seconds have passed.
    Rests(u32),
    Failed(AwsError),
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Letter<'a> {
    One(Telling<'a>),
    Many(Listing<'a>),
}

/// Where messages go.
pub trait Outlet {
    /// Finds out which channels there are. Answers what is wrong with those that are configured, if anything.
    async fn open(&self) -> Option<String>;

    /// What makes links that stop reminders, where there are any.
    fn links(&self) -> Option<&Links> {
        None
    }

    /// The channels there are.
    fn routes(&self) -> Vec<Route>;

    /// Sends one message, with a pause before it where the channel needs one. Answers the channel's own name of it.
    ///
    /// # Errors
    /// [`Untold`] where it was not taken.
    async fn send(&self, channel: &str, letter: &Letter<'_>) -> Result<Option<String>, Untold>;
}

/// The whole of the function, behind its door.
pub struct Alert<I, O> {
    pub incidents: I,
    pub outlet: O,
    pub stack: String,
    /// What is told about the channels themselves has this target.
    pub topic: Arn,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

impl<I: Incidents, O: Outlet> Alert<I, O> {
    /// Takes notices and tells what is due. Answers how many messages were sent; where somebody else is at the desk,
    /// they see to it.
    ///
    /// # Errors
    /// [`Error`] where the notices are not written down and must come again, or what was told is not.
    pub async fn turn(
        &self,
        notices: &[Notice],
        holder: &str,
        deadline: Timestamp,
    ) -> Result<usize, Error> {
        if !notices.is_empty() {
            self.incidents.add(notices, (self.clock)()).await?;
        }
        let mut sent = 0;
        loop {
            match self.incidents.take(holder, (self.clock)(), deadline).await {
                Ok(desk) => sent += self.sit(desk, deadline).await?,
                Err(LedgerError::Busy { .. }) => return Ok(sent),
                Err(LedgerError::Aws(error)) => return Err(error.into()),
            }
            // What came while nobody else could sit down.
            let left = deadline.duration_since((self.clock)());
            if left < ONE_CALL + WRITING || !self.incidents.has_new().await? {
                return Ok(sent);
            }
        }
    }

    async fn sit(&self, mut desk: Desk, deadline: Timestamp) -> Result<usize, Error> {
        let before = desk.incidents.clone();
        let inbox = std::mem::take(&mut desk.inbox);
        for notice in inbox.values() {
            take(&mut desk, notice);
        }
        let problem = self.outlet.open().await;
        let now = (self.clock)();
        age(&mut desk, now);
        self.own_notices(&mut desk, problem, now);
        for route in self.outlet.routes() {
            for (id, _) in due_on(&desk, &route, now) {
                let incident = desk.incidents.get_mut(&id);
                incident.map(|incident| incident.told.entry(route.channel.clone()).or_default());
            }
        }
        let taken = inbox.into_keys().collect();
        self.write(
            &desk,
            &before,
            Changes {
                taken,
                ..Changes::default()
            },
        )
        .await?;
        let mut sent = 0;
        for route in self.outlet.routes() {
            let before = desk.incidents.clone();
            sent += self.tell(&mut desk, &route, deadline).await;
            self.write(&desk, &before, Changes::default()).await?;
        }
        let forgotten = forgotten(&desk, now);
        desk.silences
            .retain(|_, (_, until)| until.is_some_and(|until| now < until));
        let changes = Changes {
            forgotten,
            ..Changes::default()
        };
        self.write(&desk, &desk.incidents, changes).await?;
        self.incidents
            .release(&desk)
            .await
            .map_err(|e| self.busy(e))?;
        Ok(sent)
    }

    fn busy(&self, error: LedgerError) -> Error {
        match error {
            LedgerError::Busy { holder, until } => Error::TargetBusy {
                target: self.stack.clone(),
                holder,
                until,
            },
            LedgerError::Aws(error) => error.into(),
        }
    }

    async fn write(
        &self,
        desk: &Desk,
        before: &BTreeMap<Id, Incident>,
        changes: Changes,
    ) -> Result<(), Error> {
        let is_new = |(id, incident): &(&Id, &Incident)| {
            before.get(id) != Some(incident) && !changes.forgotten.contains(id)
        };
        let written = desk
            .incidents
            .iter()
            .filter(is_new)
            .map(|(_, incident)| incident.clone())
            .collect();
        let changes = Changes { written, ..changes };
        self.incidents
            .write(desk, &changes, (self.clock)())
            .await
            .map_err(|e| self.busy(e))
    }

    /// Sends a channel what is due, until it is done, out of time or refused.
    async fn tell(&self, desk: &mut Desk, route: &Route, deadline: Timestamp) -> usize {
        let name = &route.channel;
        let (mut sent, mut refused) = (0, 0);
        for post in posts(desk, route, (self.clock)()) {
            let now = (self.clock)();
            if deadline.duration_since(now) < ONE_CALL + WRITING {
                break;
            }
            let outcome = match self.letter(desk, name, &post, now) {
                Some(letter) => self.outlet.send(name, &letter).await,
                None => continue,
            };
            let now = (self.clock)();
            let state = desk.channels.entry(name.clone()).or_default();
            match outcome {
                Ok(thread) => {
                    state.broken = None;
                    count(state, &post, now);
                    sent += 1;
                    note(desk, name, post, thread, now);
                }
                Err(Untold::Rests(seconds)) => {
                    state.rests_until = Some(now + SignedDuration::from_secs(seconds.into()));
                    break;
                }
                Err(Untold::Failed(error)) => {
                    tracing::error!(channel = name, error = %error, "a message was not taken");
                    let since = state.broken.as_ref().map_or(now, |(since, _)| *since);
                    state.broken = Some((since, error.to_string()));
                    refused += 1;
                    // One that it does not like must not keep back those behind it.
                    if !error.refused || refused == REFUSALS {
                        break;
                    }
                }
            }
        }
        sent
    }

    fn letter<'a>(
        &'a self,
        desk: &'a Desk,
        channel: &str,
        post: &Post,
        now: Timestamp,
    ) -> Option<Letter<'a>> {
        let stack = self.stack.as_str();
        Some(match post {
            Post::One(id, kind) => {
                let incident = desk.incidents.get(id)?;
                let known = incident.told.get(channel).map_or(0, |told| told.said);
                Letter::One(Telling {
                    incident,
                    kind: *kind,
                    known,
                    stack,
                    now,
                    links: self.outlet.links(),
                })
            }
            Post::Many(list) => {
                let incidents = list
                    .iter()
                    .filter_map(|(id, kind)| Some((desk.incidents.get(id)?, *kind)));
                Letter::Many(Listing {
                    incidents: incidents.collect(),
                    stack,
                    now,
                })
            }
        })
    }

    /// What is to be told about the channels themselves.
    fn own_notices(&self, desk: &mut Desk, problem: Option<String>, now: Timestamp) {
        let mut notices = Vec::new();
        let is_open = |desk: &Desk, cause: &str| {
            desk.incidents
                .get(&Id::of(&self.topic, cause))
                .is_some_and(|incident| incident.over.is_none())
        };
        match problem {
            Some(problem) if !is_open(desk, CHANNELS) => {
                notices.push(self.notice(CHANNELS, unreadable(&problem).begins(CHANNELS), now));
            }
            None if is_open(desk, CHANNELS) => {
                notices.push(self.notice(CHANNELS, readable().ends(CHANNELS), now))
            }
            Some(_) | None => {}
        }
        for route in self.outlet.routes() {
            let waits = !due_on(desk, &route, now).is_empty();
            let channel = route.channel;
            let is_told = is_open(desk, &cause(&channel));
            let Some(state) = desk.channels.get_mut(&channel) else {
                continue;
            };
            state.broken.take_if(|_| !waits);
            match &state.broken {
                Some((since, error)) if !is_told && now.duration_since(*since) >= BROKEN_AFTER => {
                    notices.push(self.notice(
                        &cause(&channel),
                        broken(&channel, *since, error).begins(&channel),
                        now,
                    ));
                }
                None if is_told => notices.push(self.notice(
                    &cause(&channel),
                    mended(&channel).ends(&channel),
                    now,
                )),
                Some(_) | None => {}
            }
        }
        for notice in &notices {
            take(desk, notice);
        }
    }

    fn notice(&self, channel: &str, message: Message, at: Timestamp) -> Notice {
        Notice {
            message,
            at,
            operation: channel.to_owned(),
            target: self.topic.clone(),
            name: self.stack.clone(),
            app: None,
            stack: self.stack.clone(),
            link: lamplighter::notify::console_link(&self.topic),
            silenced_until: None,
        }
    }
}

/// Notes that a message was sent, on all incidents that it was about.
fn note(desk: &mut Desk, channel: &str, post: Post, thread: Option<String>, now: Timestamp) {
    let (all, thread) = match post {
        Post::One(id, kind) => (vec![(id, kind)], thread),
        // A message about many is no thread of one of them.
        Post::Many(all) => (all, None),
    };
    for (id, kind) in all {
        if let Some(incident) = desk.incidents.get_mut(&id) {
            mark(incident, channel, kind, thread.clone(), now);
        }
    }
}

fn broken(channel: &str, since: Timestamp, error: &str) -> Message {
    Message::warning(format!("takes no messages by {channel}"))
        .why(format!("Since {} each one is refused: {error}", since.strftime("%Y-%m-%d %H:%M UTC")))
        .next("They are kept, and sent when it takes them again. See to the channel's secret, or take it out of it.")
}

fn mended(channel: &str) -> Message {
    Message::info(format!("takes messages by {channel} again"))
        .why("No message waits for it any more.")
        .next("Nothing to do.")
}

fn unreadable(problem: &str) -> Message {
    Message::warning("can't use its channels")
        .why(format!("The secret with the channels can't be used: {problem}."))
        .next("Correct the secret ChannelsSecret; it is read again every minute. Messages go by e-mail meanwhile.")
}

fn readable() -> Message {
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
            broken(
                "ops",
                since,
                "chat.postMessage ops: invalid_auth: Slack says so",
            ),
            mended("ops"),
            unreadable("channel ops: channel is missing"),
            readable(),
        ];
        insta::assert_snapshot!(messages.map(|message| message.to_string()).join("\n\n"));
    }
}
