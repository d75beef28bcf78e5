//! The engine: an event in, targets reconciled one by one, an answer for Lambda out.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::engine::context::{Engine, Invocation};
use crate::engine::operation::{Operation, Search, Targets};
use crate::engine::reconcile::{VISIT, visit};
use crate::engine::reconciliation::{Concluded, Round};
use crate::engine::telemetry::{self, Counts};
use crate::event::delivery::{Delivery, Message};
use crate::event::detail::Detail;
use crate::model::Tagged;
use crate::notify::Outbox;
use crate::policy::Mode;
use crate::ports::cloud::Cloud;
use crate::ports::ledger::Ledger;
use crate::{Error, Event};

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
        let concluded = visit(self, round, target, counts).await?;
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
