//! Notifications, journal records and log lines of a reconciliation, and its end.

use crate::Error;
use crate::engine::operation::Observe;
use crate::notify::{Message, Notification, Outbox, console_link};
use crate::plan::{Finding, Outcome, Plan};
use crate::policy;
use crate::ports::Executor;

use crate::ports::ledger::{Ledger, Record, RecordKind};

use crate::engine::messages::{acknowledgement_message, findings_message, silence_message};
use crate::engine::reconciliation::{Decision, Reconciliation, RunContext, map_ledger_error};

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Sends the notifications, writes the record and the target state, and releases the lease.
    /// Unsent notifications are kept in the target state, and sent first next time.
    pub(super) async fn finish(&mut self, record: Option<Record>) -> Result<(), Error> {
        let mut notices = std::mem::take(&mut self.lease.state.unsent);
        notices.append(&mut self.notices);
        let sent = if notices.is_empty() {
            Ok(())
        } else {
            self.engine.outbox.send(notices).await
        };
        let sent = sent.map_err(|unsent| {
            self.lease.state.keep_unsent(unsent.notices);
            unsent.error
        });
        let written = self
            .engine
            .ledger
            .write_outcome(&self.lease, record.as_ref())
            .await;
        written.map_err(|e| map_ledger_error(self.target, e))?;
        Ok(sent?)
    }

    pub(super) fn notify_plan(&mut self, plan: &Plan) {
        for message in plan.messages.clone() {
            self.notify_once(message);
        }
        if let Some(findings) = &plan.findings {
            self.notify_findings(findings);
        }
    }

    /// Notifies new findings, and forgets those that are gone. A silenced finding is notified
    /// after the silence.
    fn notify_findings(&mut self, findings: &[Finding]) {
        let known = |finding: &&Finding| self.lease.state.findings.contains_key(&finding.key);
        let (known, new): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(known);
        let told = findings_message(&new).is_some_and(|message| self.notify_once(message));
        let held = known.into_iter().chain(new.into_iter().filter(|_| told));
        self.lease.state.findings = held
            .map(|f| (f.key.clone(), f.message.title.clone()))
            .collect();
    }

    /// Queues a message. Returns false if people don't receive it: its target is silenced, it was
    /// sent within a day, or what it resolves was never sent.
    pub(super) fn notify_once(&mut self, message: Message) -> bool {
        let told = &self.lease.state.notified;
        let was_told =
            |over: &String| told.contains_key(over) || told.contains_key(&silenced_key(over));
        if !message.resolves.as_ref().is_none_or(was_told) {
            return false;
        }
        // A silenced message does not count as sent: it is sent after the silence, if it still
        // applies.
        let key = message.key.as_ref().map(|key| {
            if self.silenced.is_some() {
                silenced_key(key)
            } else {
                key.clone()
            }
        });
        let memory = &mut self.lease.state;
        if !memory.should_notify(key.as_deref(), self.now) {
            return false;
        }
        if let Some(over) = &message.resolves {
            memory.notified.remove(over);
            memory.notified.remove(&silenced_key(over));
        }
        if self.silenced.is_some() {
            self.muted.push(format!("(silenced) {}", message.title));
        }
        self.queue_notification(message);
        self.silenced.is_none()
    }

    /// Informs the alert function of a silence or an acknowledgement, so that it suppresses
    /// messages.
    pub(super) fn forward_silence_and_ack(&mut self) {
        let acknowledged =
            policy::find_acknowledgement(&self.target.tags).map(acknowledgement_message);
        for wish in self
            .silenced
            .map(silence_message)
            .into_iter()
            .chain(acknowledged)
        {
            if self
                .lease
                .state
                .should_notify(wish.key.as_deref(), self.now)
            {
                self.queue_notification(wish);
            }
        }
    }

    fn queue_notification(&mut self, message: Message) {
        let tags = &self.target.tags;
        self.notices.push(Notification {
            message,
            at: self.now,
            source: Op::FUNCTION.into(),
            name: self.target.arn.display_name(),
            app: policy::app_name(tags).map(str::to_owned),
            stack: self.engine.defaults.stack.clone(),
            link: console_link(&self.target.arn),
            silenced_until: self.silenced,
            target: self.target.arn.clone(),
        });
    }

    pub(super) fn notify_if_some(&mut self, message: Option<Message>) {
        if let Some(message) = message {
            self.notify_once(message);
        }
    }

    pub(super) fn build_record(
        &self,
        kind: RecordKind,
        decision: &Decision,
        outcomes: Vec<Outcome>,
    ) -> Record {
        let RunContext { event, run, .. } = self.round;
        let event_id = if event.id.is_empty() {
            &run.request_id
        } else {
            &event.id
        };
        Record {
            at: (self.engine.clock)(),
            kind,
            event_id: event_id.clone(),
            operation: Op::FUNCTION.name().to_owned(),
            target: self.target.arn.clone(),
            reason: decision.full_reason(),
            observed: decision.observed.clone(),
            // The intent already has the plan; the outcome need not repeat it.
            plan: (kind != RecordKind::Outcome && !decision.plan.is_empty())
                .then(|| decision.plan.clone()),
            outcomes,
            mode: if decision.observe_only {
                "observe"
            } else {
                "act"
            }
            .to_owned(),
            notified: match self.silenced {
                None => self
                    .notices
                    .iter()
                    .map(|notice| notice.message.title.clone())
                    .collect(),
                Some(_) => self.muted.clone(),
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub(super) fn log_decision(&self, reason: &str, actions: u32) {
        tracing::info!(
            operation = Op::FUNCTION.name(),
            target = self.target.arn.display_name(),
            event_id = self.round.event.id,
            actions,
            reason,
            "decided"
        );
    }
}

/// Returns the key that records a message as silenced.
fn silenced_key(key: &str) -> String {
    format!("muted:{key}")
}
