//! The target states and notifications of a past that is played. Its only writer holds every lease.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::{Notification, Outbox, Unsent};
use lamplighter::ports::ledger::{Lease, Ledger, LedgerError, Record, StateReader};
use lamplighter::state::TargetState;

use super::replay::Replay;

impl StateReader for Replay {
    async fn read_state(&self, target: &Arn) -> Result<TargetState, AwsError> {
        Ok(self
            .0
            .borrow()
            .states
            .get(target)
            .cloned()
            .unwrap_or_default())
    }
}

impl Ledger for Replay {
    async fn acquire_lease(
        &self,
        target: &Arn,
        _: &str,
        _: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError> {
        Ok(Lease {
            target: target.clone(),
            fence: 1,
            until,
            state: self.read_state(target).await?,
        })
    }

    async fn list_watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError> {
        let stage = self.0.borrow();
        let watched = stage
            .states
            .iter()
            .filter(|(_, state)| state.watched.contains(operation));
        Ok(watched.map(|(arn, _)| arn.clone()).collect())
    }

    async fn write_intent(&self, lease: &Lease, _: &Record) -> Result<(), LedgerError> {
        let mut stage = self.0.borrow_mut();
        stage
            .states
            .insert(lease.target.clone(), lease.state.clone());
        Ok(())
    }

    async fn write_outcome(&self, lease: &Lease, _: Option<&Record>) -> Result<(), LedgerError> {
        let mut stage = self.0.borrow_mut();
        stage
            .states
            .insert(lease.target.clone(), lease.state.clone());
        Ok(())
    }
}

impl Outbox for Replay {
    async fn send(&self, notices: Vec<Notification>) -> Result<(), Unsent> {
        self.0.borrow_mut().notifications.extend(notices);
        Ok(())
    }
}
