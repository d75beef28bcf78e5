//! How a visit is told, journalled and logged, and how it ends.

use crate::Error;
use crate::engine::operation::Operation;
use crate::notify::{Message, Notice, Outbox, console_link};
use crate::plan::{Finding, Outcome, Plan};
use crate::policy;
use crate::ports::cloud::Cloud;
use crate::ports::ledger::{Kind, Ledger, Record};

use crate::engine::messages::{acknowledged, found, silenced};
use crate::engine::reconciliation::{Decision, Round, Visit, ledger_error};

impl<Op: Operation, C: Cloud, L: Ledger, O: Outbox> Visit<'_, Op, C, L, O> {
    /// Hands the notices over, writes the record and the memory, and frees the target. Notices that are
    /// not taken are remembered and go first next time.
    pub(super) async fn conclude(&mut self, record: Option<Record>) -> Result<(), Error> {
        let mut notices = std::mem::take(&mut self.lease.memory.unsent);
        notices.append(&mut self.notices);
        let sent = if notices.is_empty() {
            Ok(())
        } else {
            self.engine.outbox.send(notices).await
        };
        let sent = sent.map_err(|unsent| {
            self.lease.memory.keep_unsent(unsent.notices);
            unsent.error
        });
        let written = self
            .engine
            .ledger
            .conclude(&self.lease, record.as_ref())
            .await;
        written.map_err(|e| ledger_error(self.target, e))?;
        Ok(sent?)
    }

    pub(super) fn tell_all(&mut self, plan: &Plan) {
        for message in plan.messages.clone() {
            self.tell(message);
        }
        if let Some(findings) = &plan.findings {
            self.tell_findings(findings);
        }
    }

    /// Tells findings that are new, and forgets those that are gone. What is muted is told when it is not any
    /// more.
    fn tell_findings(&mut self, findings: &[Finding]) {
        let known = |finding: &&Finding| self.lease.memory.findings.contains_key(&finding.key);
        let (known, new): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(known);
        let told = found(&new).is_some_and(|message| self.tell(message));
        let held = known.into_iter().chain(new.into_iter().filter(|_| told));
        self.lease.memory.findings = held
            .map(|f| (f.key.clone(), f.message.title.clone()))
            .collect();
    }

    /// Puts a message among those to be told. Answers whether people hear it: not if it is muted, or was told within
    /// a day.
    pub(super) fn tell(&mut self, message: Message) -> bool {
        let told = &self.lease.memory.told;
        let was_told = |over: &String| told.contains_key(over) || told.contains_key(&muted(over));
        if !message.resolves.as_ref().is_none_or(was_told) {
            return false;
        }
        // Muted is not told: people hear of it when the silence ends, if it still holds.
        let key = message.key.as_ref().map(|key| {
            if self.silenced.is_some() {
                muted(key)
            } else {
                key.clone()
            }
        });
        let memory = &mut self.lease.memory;
        if !memory.tell_once(key.as_deref(), self.now) {
            return false;
        }
        if let Some(over) = &message.resolves {
            memory.told.remove(over);
            memory.told.remove(&muted(over));
        }
        if self.silenced.is_some() {
            self.muted.push(format!("(silenced) {}", message.title));
        }
        self.notify(message);
        self.silenced.is_none()
    }

    /// Whoever tells people must know that they want to hear nothing of the target, or look at it already.
    pub(super) fn tell_wishes(&mut self) {
        let acknowledged = policy::acknowledged(&self.target.tags).map(acknowledged);
        for wish in self.silenced.map(silenced).into_iter().chain(acknowledged) {
            if self.lease.memory.tell_once(wish.key.as_deref(), self.now) {
                self.notify(wish);
            }
        }
    }

    fn notify(&mut self, message: Message) {
        let tags = &self.target.tags;
        self.notices.push(Notice {
            message,
            at: self.now,
            operation: Op::NAME.to_owned(),
            name: self.target.arn.name(),
            app: policy::app(tags).map(str::to_owned),
            stack: self.engine.defaults.stack.clone(),
            link: console_link(&self.target.arn),
            silenced_until: self.silenced,
            target: self.target.arn.clone(),
        });
    }

    pub(super) fn tell_if_any(&mut self, message: Option<Message>) {
        if let Some(message) = message {
            self.tell(message);
        }
    }

    pub(super) fn record(&self, kind: Kind, decision: &Decision, outcomes: Vec<Outcome>) -> Record {
        let Round { event, run, .. } = self.round;
        let event_id = if event.id.is_empty() {
            &run.request_id
        } else {
            &event.id
        };
        Record {
            at: (self.engine.clock)(),
            kind,
            event_id: event_id.clone(),
            operation: Op::NAME.to_owned(),
            target: self.target.arn.clone(),
            reason: decision.reason(),
            observed: decision.observed.clone(),
            // The intent has the plan; the outcome need not repeat it.
            plan: (kind != Kind::Outcome && !decision.plan.is_empty())
                .then(|| decision.plan.clone()),
            outcomes,
            mode: if decision.observe_only {
                "observe"
            } else {
                "act"
            }
            .to_owned(),
            told: match self.silenced {
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

    pub(super) fn log(&self, reason: &str, actions: u32) {
        tracing::info!(
            operation = Op::NAME,
            target = self.target.arn.name(),
            event_id = self.round.event.id,
            actions,
            reason,
            "decided"
        );
    }
}

/// Under which a message that is muted is remembered.
fn muted(key: &str) -> String {
    format!("muted:{key}")
}
