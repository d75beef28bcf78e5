//! The engine: an event in, targets visited one by one, an answer for Lambda out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::arbiter::TargetState;
use crate::cloud::{Cloud, Reach};
use crate::delivery::{Delivery, Message};
use crate::detail::Detail;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::model::Tagged;
use crate::notice::Outbox;
use crate::plan::Action;
use crate::policy::{Mode, StackDefaults, TagError};
use crate::telemetry::{self, Counts};
use crate::visit::{self, Concluded, Round, VISIT};
use crate::{AwsError, Error, Event, Plan};

/// What one Lambda does, in as many words as it takes and no more. The engine does the rest.
pub trait Operation {
    /// The verb: `deploy`.
    const NAME: &'static str;
    /// What the operator wants, read from a target's tags.
    type Policy;
    /// What is read once for all targets of a run.
    type Survey;
    /// All that a decision needs to know.
    type Observed: Serialize;
    /// What of AWS it changes.
    type Reach: Reach;
    /// Visits whatever is not managed any more, to take away what it made for it. Otherwise it visits only what
    /// it watches.
    const TIDIES: bool = false;

    /// What it made is taken away whatever the target's tags say: paused, observed or unreadable.
    const TEARS_DOWN: bool = false;

    /// Which targets an event is about, by what AWS says now, and what is read for all of them at once.
    ///
    /// # Errors
    /// [`AwsError`] where AWS or the ledger can't be asked.
    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<Self::Survey>, AwsError>;

    /// Reads this operation's tag; `None` where the target has none.
    ///
    /// # Errors
    /// [`TagError`], of which a person is told once; nothing is done to the target.
    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self::Policy>, TagError>;

    /// What applies to a target that is not managed any more, whatever its other tags say.
    fn tidying(&self, _defaults: &StackDefaults) -> Option<Self::Policy> {
        None
    }

    /// Reads what AWS says now about one target, as far as the survey does not know it.
    ///
    /// # Errors
    /// [`AwsError`] where AWS can't be asked.
    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Self::Policy>,
        survey: &Self::Survey,
        cloud: &C,
    ) -> Result<Self::Observed, AwsError>;

    /// What should happen. No I/O, clock, environment or randomness: all it knows is in its arguments.
    fn decide(
        &self,
        seen: Seen<'_, Self::Policy>,
        observed: &Self::Observed,
        now: Timestamp,
    ) -> Plan;

    /// What the arbiter must know of the target.
    fn state(observed: &Self::Observed) -> TargetState;

    /// Whether an action shows in what is observed now.
    fn in_effect(action: &Action, observed: &Self::Observed) -> bool;

    /// Whether a target that somebody else holds is left to the next sweep: the event is one of many that say the same.
    #[must_use]
    fn leaves_busy(_event: &Event) -> bool {
        false
    }

    /// What of a target is measured, in seconds, beside what is decided: name and value.
    fn gauges(_observed: &Self::Observed, _now: Timestamp) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Forgets what AWS does not bear out any more.
    fn forget(_memory: &mut Memory, _observed: &Self::Observed) {}

    /// What Lambda is answered, where whoever invokes the function reads the answer and must find a certain form in it.
    ///
    /// # Errors
    /// What makes Lambda try again.
    fn reply(&self, _payload: &Value, result: Result<Value, Error>) -> Result<Value, Error> {
        result
    }

    /// Whether the sweep must come back to the target even if nothing speaks of it ([`Ledger::watched`]).
    fn watches(_seen: Seen<'_, Self::Policy>, _observed: &Self::Observed, _plan: &Plan) -> bool {
        false
    }
}

/// What an operation is given to find its targets.
#[derive(Debug)]
pub struct Search<'a, C, L> {
    pub event: &'a Event,
    pub now: Timestamp,
    pub defaults: &'a StackDefaults,
    pub cloud: &'a C,
    pub ledger: &'a L,
}

/// What an operation is given about one target.
#[derive(Debug)]
pub struct Seen<'a, P> {
    pub event: &'a Event,
    pub target: &'a Tagged,
    pub policy: &'a P,
    pub memory: &'a Memory,
}

impl<P> Clone for Seen<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Seen<'_, P> {}

/// The targets of an event, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets<S> {
    /// With what was read for all of them at once.
    These(Vec<Tagged>, S),
    None(String),
}

impl<S> Targets<S> {
    /// An event that `operation` does nothing about.
    #[must_use]
    pub fn not_for(operation: &str, detail: &Detail) -> Self {
        Self::None(match detail {
            Detail::Other {
                source,
                detail_type,
            } => {
                format!("\"{detail_type}\" from {source} is nothing {operation} acts on")
            }
            _ => format!("it is nothing {operation} acts on"),
        })
    }
}

/// An operation's world: AWS, the ledger, the notice queue, the stack's defaults, clock and metrics.
pub struct Engine<C, L, O> {
    pub cloud: C,
    pub ledger: L,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// Where metric records go, a line each.
    pub metrics: fn(&str),
}

/// One invocation, as Lambda describes it.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    /// When Lambda ends the function.
    pub deadline: Timestamp,
}

impl<C: Cloud, L: Ledger, O: Outbox> Engine<C, L, O> {
    /// Handles one payload: an event, or SQS or SNS records with events in them.
    ///
    /// # Errors
    /// [`Error`]; Lambda's retries and the dead-letter queue are what happens next. For SQS records the
    /// answer is `batchItemFailures` instead, so that only what failed comes again.
    pub async fn handle<Op: Operation>(
        &self,
        op: &Op,
        payload: Value,
        run: &Invocation,
    ) -> Result<Value, Error> {
        let result = self.deliver(op, payload.clone(), run).await;
        op.reply(&payload, result)
    }

    async fn deliver<Op: Operation>(
        &self,
        op: &Op,
        payload: Value,
        run: &Invocation,
    ) -> Result<Value, Error> {
        if self.defaults.mode == Mode::Off {
            tracing::info!(operation = Op::NAME, "mode is off: nothing is decided");
            return Ok(json!({"mode": "off"}));
        }
        match Delivery::parse(payload)? {
            Delivery::Direct(event) => self
                .event(op, &event, run)
                .await
                .map(|targets| json!({"targets": targets})),
            Delivery::Topic(events) => self.all(op, &events, run).await,
            Delivery::Queue(messages) => Ok(self.batch(op, messages, run).await),
        }
    }

    async fn all<Op: Operation>(
        &self,
        op: &Op,
        events: &[Event],
        run: &Invocation,
    ) -> Result<Value, Error> {
        let mut first = None;
        for event in events {
            if let Err(error) = self.event(op, event, run).await {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(json!({"events": events.len()})), Err)
    }

    async fn batch<Op: Operation>(
        &self,
        op: &Op,
        messages: Vec<Message>,
        run: &Invocation,
    ) -> Value {
        let mut failures = Vec::new();
        for Message { message_id, event } in messages {
            let result = match event {
                Ok(event) => self.event(op, &event, run).await.map(drop),
                Err(malformed) => Err(malformed.into()),
            };
            if let Err(error) = result {
                telemetry::message_failed(&message_id, &error);
                failures.push(json!({"itemIdentifier": message_id}));
            }
        }
        json!({"batchItemFailures": failures})
    }

    /// Visits every target of one event, all of them even if some fail.
    async fn event<Op: Operation>(
        &self,
        op: &Op,
        event: &Event,
        run: &Invocation,
    ) -> Result<Vec<Value>, Error> {
        let started = (self.clock)();
        let mut counts = Counts::default();
        let result = self.visit_all(op, event, run, &mut counts).await;
        let now = (self.clock)();
        if result.is_err() {
            counts.failures = counts.failures.max(1);
        }
        let record = telemetry::emf(
            Op::NAME,
            &self.defaults.stack,
            counts,
            now.duration_since(started),
            now,
        );
        (self.metrics)(&record.to_string());
        result
    }

    async fn visit_all<Op: Operation>(
        &self,
        op: &Op,
        event: &Event,
        run: &Invocation,
        counts: &mut Counts,
    ) -> Result<Vec<Value>, Error> {
        let search = Search {
            event,
            now: (self.clock)(),
            defaults: &self.defaults,
            cloud: &self.cloud,
            ledger: &self.ledger,
        };
        let (mut targets, survey) = match op.targets(search).await? {
            Targets::These(targets, survey) => (targets, survey),
            Targets::None(reason) => {
                tracing::info!(
                    operation = Op::NAME,
                    event_id = event.id,
                    reason,
                    "no target"
                );
                return Ok(vec![json!({"reason": reason})]);
            }
        };
        if matches!(event.detail, Detail::Sweep) {
            turn(&mut targets, (self.clock)());
        }
        let mut answers = Vec::new();
        let mut errors = Vec::new();
        let round = Round {
            op,
            event,
            survey: &survey,
            run,
        };
        for target in &targets {
            match self.target(round, target, counts).await {
                Ok(Concluded { reason, hook: None }) => {
                    answers.push(json!({"target": target.arn.name(), "reason": reason}));
                }
                Ok(Concluded { reason, hook }) => {
                    answers
                        .push(json!({"target": target.arn.name(), "reason": reason, "hook": hook}));
                }
                Err(error) => errors.push((target, error)),
            }
        }
        if Op::leaves_busy(event) {
            let (busy, others) = errors
                .into_iter()
                .partition(|(_, error)| matches!(error, Error::TargetBusy { .. }));
            let busy: Vec<(&Tagged, Error)> = busy;
            answers.extend(busy.iter().map(
                |(target, error)| json!({"target": target.arn.name(), "left": error.to_string()}),
            ));
            errors = others;
        }
        counts.failures = u32::try_from(errors.len()).unwrap_or(u32::MAX);
        if matches!(event.detail, Detail::Sweep) {
            // The next sweep is the retry. What there was no time for, or what another function held, comes again at
            // once, and that the ledger can't be written is nothing that a message could be told of.
            let again =
                |error: &Error| matches!(error, Error::OutOfTime { .. } | Error::TargetBusy { .. });
            let waits = |error: &Error| !again(error) && !error.is_of_ledger();
            let failed = errors.iter().filter(|(_, error)| waits(error));
            answers.extend(failed.map(
                |(target, error)| json!({"target": target.arn.name(), "error": error.to_string()}),
            ));
            errors.retain(|(_, error)| !waits(error));
        }
        into_result(answers, errors, targets.len())
    }

    async fn target<Op: Operation>(
        &self,
        round: Round<'_, Op>,
        target: &Tagged,
        counts: &mut Counts,
    ) -> Result<Concluded, Error> {
        let left = round.run.deadline.duration_since((self.clock)());
        if left < SignedDuration::try_from(VISIT).unwrap_or(SignedDuration::MAX) {
            return Err(Error::OutOfTime {
                target: target.arn.name(),
                seconds: VISIT.as_secs(),
            });
        }
        let concluded = visit::visit(self, round, target, counts).await?;
        counts.decisions += 1;
        Ok(concluded)
    }
}

/// Every sweep begins with another target, so that one which is cut short does not leave out the same ones
/// each time.
fn turn(targets: &mut [Tagged], now: Timestamp) {
    let minute = usize::try_from(now.as_second() / 60).unwrap_or_default();
    if let Some(first) = minute.checked_rem(targets.len()) {
        targets.rotate_left(first);
    }
}

/// One target's error is the invocation's; several become one that names each.
fn into_result(
    answers: Vec<Value>,
    mut errors: Vec<(&Tagged, Error)>,
    total: usize,
) -> Result<Vec<Value>, Error> {
    if errors.len() > 1 {
        let failures = errors
            .iter()
            .map(|(target, error)| format!("{}: {error}", target.arn.name()))
            .collect();
        return Err(Error::Targets { total, failures });
    }
    errors.pop().map_or(Ok(answers), |(_, error)| Err(error))
}
