//! The engine: an event in, targets reconciled one by one, an answer for Lambda out.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::engine::context::{Engine, Invocation};
use crate::engine::operation::{DiscoveryContext, Observe, Targets};
use crate::engine::reconcile::{RECONCILE_TIMEOUT, reconcile_target};
use crate::engine::reconciliation::{ReconcileResult, RunContext};
use crate::engine::telemetry::{self, Counts};
use crate::event::delivery::{Payload, QueueMessage};
use crate::event::detail::Detail;
use crate::model::Tagged;
use crate::notify::Outbox;
use crate::policy::Mode;
use crate::ports::Executor;

use crate::ports::ledger::Ledger;
use crate::{Error, Event};

impl<C: Executor, L: Ledger, O: Outbox> Engine<C, L, O> {
    /// Handles one payload: an event, or SQS or SNS records with events in them.
    ///
    /// # Errors
    /// [`Error`] if the event failed; Lambda then retries it, and finally sends it to the
    /// dead-letter queue. For SQS records the answer is `batchItemFailures` instead, so that only
    /// failed messages return.
    pub async fn handle_payload<Op: Observe<C, L>>(
        &self,
        op: &Op,
        payload: Value,
        run: &Invocation,
    ) -> Result<Value, Error> {
        let result = self.dispatch_payload(op, payload.clone(), run).await;
        op.build_response(&payload, result)
    }

    async fn dispatch_payload<Op: Observe<C, L>>(
        &self,
        op: &Op,
        payload: Value,
        run: &Invocation,
    ) -> Result<Value, Error> {
        if self.defaults.mode == Mode::Off {
            tracing::info!(
                operation = Op::FUNCTION.name(),
                "mode is off: nothing is decided"
            );
            return Ok(json!({"mode": "off"}));
        }
        match Payload::parse(payload)? {
            Payload::Direct(event) => self
                .handle_event(op, &event, run)
                .await
                .map(|targets| json!({"targets": targets})),
            Payload::Topic(events) => self.handle_topic(op, &events, run).await,
            Payload::Queue(messages) => Ok(self.handle_batch(op, messages, run).await),
        }
    }

    async fn handle_topic<Op: Observe<C, L>>(
        &self,
        op: &Op,
        events: &[Event],
        run: &Invocation,
    ) -> Result<Value, Error> {
        let mut first = None;
        for event in events {
            if let Err(error) = self.handle_event(op, event, run).await {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(json!({"events": events.len()})), Err)
    }

    async fn handle_batch<Op: Observe<C, L>>(
        &self,
        op: &Op,
        messages: Vec<QueueMessage>,
        run: &Invocation,
    ) -> Value {
        let mut failures = Vec::new();
        for QueueMessage { message_id, event } in messages {
            let result = match event {
                Ok(event) => self.handle_event(op, &event, run).await.map(drop),
                Err(malformed) => Err(malformed.into()),
            };
            if let Err(error) = result {
                telemetry::log_failed_message(&message_id, &error);
                failures.push(json!({"itemIdentifier": message_id}));
            }
        }
        json!({"batchItemFailures": failures})
    }

    /// Reconciles every target of one event, even if some of them fail.
    async fn handle_event<Op: Observe<C, L>>(
        &self,
        op: &Op,
        event: &Event,
        run: &Invocation,
    ) -> Result<Vec<Value>, Error> {
        let started = (self.clock)();
        let mut counts = Counts::default();
        let result = self.reconcile_targets(op, event, run, &mut counts).await;
        let now = (self.clock)();
        if result.is_err() {
            counts.failures = counts.failures.max(1);
        }
        let record = telemetry::build_emf_record(
            Op::FUNCTION.name(),
            &self.defaults.stack,
            counts,
            now.duration_since(started),
            now,
        );
        (self.metrics)(&record.to_string());
        result
    }

    async fn reconcile_targets<Op: Observe<C, L>>(
        &self,
        op: &Op,
        event: &Event,
        run: &Invocation,
        counts: &mut Counts,
    ) -> Result<Vec<Value>, Error> {
        let discovery = DiscoveryContext {
            event,
            now: (self.clock)(),
            defaults: &self.defaults,
            cloud: &self.cloud,
            ledger: &self.ledger,
        };
        let (mut targets, prefetched) = match op.find_targets(discovery).await? {
            Targets::Found(targets, prefetched) => (targets, prefetched),
            Targets::Skipped(reason) => {
                tracing::info!(
                    operation = Op::FUNCTION.name(),
                    event_id = event.id,
                    reason,
                    "no target"
                );
                return Ok(vec![json!({"reason": reason})]);
            }
        };
        if matches!(event.detail, Detail::Sweep) {
            rotate_targets(&mut targets, (self.clock)());
        }
        let mut answers = Vec::new();
        let mut errors = Vec::new();
        let round = RunContext {
            op,
            event,
            prefetched: &prefetched,
            run,
        };
        for target in &targets {
            match self.reconcile_in_time(round, target, counts).await {
                Ok(ReconcileResult { reason, hook: None }) => {
                    answers.push(json!({"target": target.arn.display_name(), "reason": reason}));
                }
                Ok(ReconcileResult { reason, hook }) => {
                    answers
                        .push(json!({"target": target.arn.display_name(), "reason": reason, "hook": hook}));
                }
                Err(error) => errors.push((target, error)),
            }
        }
        if Op::skips_locked(event) {
            let (busy, others) = errors
                .into_iter()
                .partition(|(_, error)| matches!(error, Error::TargetBusy { .. }));
            let busy: Vec<(&Tagged, Error)> = busy;
            answers.extend(busy.iter().map(
                |(target, error)| json!({"target": target.arn.display_name(), "left": error.to_string()}),
            ));
            errors = others;
        }
        counts.failures = u32::try_from(errors.len()).unwrap_or(u32::MAX);
        if matches!(event.detail, Detail::Sweep) {
            // The next sweep is the retry. Targets without time left or with a lock held by
            // another function are retried at once. If the ledger can't be written, no
            // notification can be recorded either, so the invocation fails.
            let again =
                |error: &Error| matches!(error, Error::OutOfTime { .. } | Error::TargetBusy { .. });
            let waits = |error: &Error| !again(error) && !error.is_ledger_failure();
            let failed = errors.iter().filter(|(_, error)| waits(error));
            answers.extend(failed.map(
                |(target, error)| json!({"target": target.arn.display_name(), "error": error.to_string()}),
            ));
            errors.retain(|(_, error)| !waits(error));
        }
        into_result(answers, errors, targets.len())
    }

    async fn reconcile_in_time<Op: Observe<C, L>>(
        &self,
        round: RunContext<'_, Op>,
        target: &Tagged,
        counts: &mut Counts,
    ) -> Result<ReconcileResult, Error> {
        let left = round.run.deadline.duration_since((self.clock)());
        if left < SignedDuration::try_from(RECONCILE_TIMEOUT).unwrap_or(SignedDuration::MAX) {
            return Err(Error::OutOfTime {
                target: target.arn.display_name(),
                seconds: RECONCILE_TIMEOUT.as_secs(),
            });
        }
        let concluded = reconcile_target(self, round, target, counts).await?;
        counts.decisions += 1;
        Ok(concluded)
    }
}

/// Rotates the targets by the minute, so that sweeps which are cut short don't always skip the
/// same ones.
fn rotate_targets(targets: &mut [Tagged], now: Timestamp) {
    let minute = usize::try_from(now.as_second() / 60).unwrap_or_default();
    if let Some(first) = minute.checked_rem(targets.len()) {
        targets.rotate_left(first);
    }
}

/// Combines the errors of targets: a single one is returned as it is, several become one that
/// names each.
fn into_result(
    answers: Vec<Value>,
    mut errors: Vec<(&Tagged, Error)>,
    total: usize,
) -> Result<Vec<Value>, Error> {
    if errors.len() > 1 {
        let failures = errors
            .iter()
            .map(|(target, error)| format!("{}: {error}", target.arn.display_name()))
            .collect();
        return Err(Error::Targets { total, failures });
    }
    errors.pop().map_or(Ok(answers), |(_, error)| Err(error))
}
