//! The simulated ledger and notice queue, with the rules of the DynamoDB one.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::ledger::{Lease, Ledger, LedgerError, Record};
use lamplighter::model::Arn;
use lamplighter::notice::{Notice, Outbox, Unsent};

use super::{State, World, error, heard};

impl Ledger for World {
    async fn acquire(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError> {
        self.call("Acquire", &target.name()).await?;
        let mut state = self.state_mut();
        let held = state.held.entry(target.clone()).or_default();
        if let Some((holder, until)) = held.lease.as_ref().filter(|(_, until)| *until >= now) {
            return Err(LedgerError::Busy { holder: holder.clone(), until: until.to_string() });
        }
        held.lease = Some((holder.to_owned(), until));
        held.fence += 1;
        Ok(Lease { target: target.clone(), fence: held.fence, until, memory: held.memory.clone() })
    }

    async fn watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError> {
        self.call("Watched", "all").await?;
        let state = self.state();
        let watched = state.held.iter().filter(|(_, held)| held.memory.watched.contains(operation));
        Ok(watched.map(|(arn, _)| arn.clone()).collect())
    }

    async fn intend(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError> {
        let heard_of = self.call("Intend", &lease.target.name()).await?;
        self.state_mut().write(lease, Some(record), false)?;
        Ok(heard(heard_of, "Intend", &lease.target.name())?)
    }

    async fn conclude(&self, lease: &Lease, record: Option<&Record>) -> Result<(), LedgerError> {
        let heard_of = self.call("Conclude", &lease.target.name()).await?;
        self.state_mut().write(lease, record, true)?;
        Ok(heard(heard_of, "Conclude", &lease.target.name())?)
    }
}

impl State {
    fn write(&mut self, lease: &Lease, record: Option<&Record>, free: bool) -> Result<(), AwsError> {
        let held = self.held.entry(lease.target.clone()).or_default();
        if held.fence != lease.fence {
            return Err(error("Write", &lease.target.name(), "TransactionCanceledException", "the fence has risen"));
        }
        held.memory = lease.memory.clone();
        if free {
            held.lease = None;
        }
        self.journal.extend(record.cloned());
        Ok(())
    }
}

impl Outbox for World {
    async fn send(&self, notices: Vec<Notice>) -> Result<(), Unsent> {
        let heard_of = match self.call("SendMessageBatch", "notices").await {
            Ok(heard_of) => heard_of,
            Err(error) => return Err(Unsent { notices, error }),
        };
        self.state_mut().notices.extend(notices.iter().cloned());
        heard(heard_of, "SendMessageBatch", "notices").map_err(|error| Unsent { notices, error })
    }
}
