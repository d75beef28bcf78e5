//! The simulated ledger and notice queue, with the rules of the DynamoDB one.

use alert::grouping::ingest_notification;
use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::incident::Incident;
use lamplighter::notify::{Notification, Outbox, Unsent};
use lamplighter::ports::costs::{Costs, DailyCost};
use lamplighter::ports::incidents::DispatcherState;
use lamplighter::ports::ledger::{JournalReader, Lease, Ledger, LedgerError, Record, StateReader};
use lamplighter::state::TargetState;

use super::rewording::reword_state;
use super::{State, World, confirm_answer, error};

impl Ledger for World {
    async fn acquire_lease(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError> {
        self.call("Acquire", &target.display_name()).await?;
        let mut state = self.state_mut();
        let held = state.held.entry(target.clone()).or_default();
        if let Some((holder, until)) = held.lease.as_ref().filter(|(_, until)| *until >= now) {
            return Err(LedgerError::Busy {
                holder: holder.clone(),
                until: until.to_string(),
            });
        }
        held.lease = Some((holder.to_owned(), until));
        held.fence += 1;
        Ok(Lease {
            target: target.clone(),
            fence: held.fence,
            until,
            state: held.memory.clone(),
        })
    }

    async fn list_watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError> {
        self.call("Watched", "all").await?;
        let state = self.state();
        let watched = state
            .held
            .iter()
            .filter(|(_, held)| held.memory.watched.contains(operation));
        Ok(watched.map(|(arn, _)| arn.clone()).collect())
    }

    async fn write_intent(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError> {
        let answered = self.call("Intend", &lease.target.display_name()).await?;
        self.state_mut().write(lease, Some(record), false)?;
        Ok(confirm_answer(
            answered,
            "Intend",
            &lease.target.display_name(),
        )?)
    }

    async fn write_outcome(
        &self,
        lease: &Lease,
        record: Option<&Record>,
    ) -> Result<(), LedgerError> {
        let answered = self.call("Conclude", &lease.target.display_name()).await?;
        self.state_mut().write(lease, record, true)?;
        Ok(confirm_answer(
            answered,
            "Conclude",
            &lease.target.display_name(),
        )?)
    }
}

impl JournalReader for World {
    async fn list_records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Record>, AwsError> {
        self.call("Query", "by-day").await?;
        Ok(self
            .state()
            .journal
            .iter()
            .filter(|record| (from..=to).contains(&record.at))
            .cloned()
            .collect())
    }

    /// What `alert` would have made of the notices.
    async fn list_incidents(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Incident>, AwsError> {
        self.call("Query", "incidents").await?;
        let mut desk = DispatcherState::default();
        for notice in &self.state().notices {
            ingest_notification(&mut desk, notice);
        }
        let all = desk.incidents.into_values();
        Ok(all
            .filter(|incident| {
                incident.since < to && incident.resolved_at.is_none_or(|over| over >= from)
            })
            .collect())
    }
}

impl StateReader for World {
    async fn read_state(&self, target: &Arn) -> Result<TargetState, AwsError> {
        self.call("GetItem", &target.display_name()).await?;
        Ok(self
            .state()
            .held
            .get(target)
            .map(|held| held.memory.clone())
            .unwrap_or_default())
    }
}

impl Costs for World {
    async fn list_costs(
        &self,
        tag: &str,
        value: Option<&str>,
        from: Date,
        to: Date,
    ) -> Result<Vec<DailyCost>, AwsError> {
        self.call("GetCostAndUsage", tag).await?;
        let state = self.state();
        let asked = |(of, spent): &&(String, DailyCost)| {
            of == tag
                && value.is_none_or(|value| spent.tag_value == value)
                && (from..to).contains(&spent.day)
        };
        let spent = state.spent.iter().filter(asked);
        Ok(spent.map(|(_, spent)| spent.clone()).collect())
    }
}

impl State {
    fn write(
        &mut self,
        lease: &Lease,
        record: Option<&Record>,
        free: bool,
    ) -> Result<(), AwsError> {
        let held = self.held.entry(lease.target.clone()).or_default();
        if held.fence != lease.fence {
            return Err(error(
                "Write",
                &lease.target.display_name(),
                "TransactionCanceledException",
                "the fence has risen",
            ));
        }
        held.memory = lease.state.clone();
        if self.rewords {
            reword_state(&mut held.memory);
        }
        if free {
            held.lease = None;
        }
        self.journal.extend(record.cloned());
        Ok(())
    }
}

impl Outbox for World {
    async fn send(&self, notices: Vec<Notification>) -> Result<(), Unsent> {
        let answered = match self.call("SendMessageBatch", "notices").await {
            Ok(answered) => answered,
            Err(error) => return Err(Unsent { notices, error }),
        };
        self.state_mut().notices.extend(notices.iter().cloned());
        confirm_answer(answered, "SendMessageBatch", "notices")
            .map_err(|error| Unsent { notices, error })
    }
}
