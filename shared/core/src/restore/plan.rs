//! The plan by which people bring a database or cache back.

use jiff::Timestamp;

use crate::model::{Arn, Snapshot};
use crate::plan::DrillResult;
use crate::restore::losses::describe_losses;
use crate::restore::lost::LostDatabase;
use crate::restore::origin::{Origin, Place};
use crate::restore::step::RestoreStep;
use crate::restore::steps::list_steps;
use crate::state::BackupState;

/// All ways in which a database can be brought back, the one with the newest data first.
#[derive(Debug, Clone, PartialEq)]
pub struct RestorePlan {
    pub database: Arn,
    pub engine: String,
    pub exists: bool,
    pub ways: Vec<RestoreWay>,
    /// The result of the last drill.
    pub drill: Option<DrillResult>,
}

/// One way to bring a database back.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreWay {
    pub origin: Origin,
    pub steps: Vec<RestoreStep>,
    /// What does not come back, or comes back weaker.
    pub losses: Vec<String>,
}

impl RestorePlan {
    /// Plans how to bring a database back. `stack`: the stack whose snapshots count. `state`: what was recorded of its copies
    /// and drills.
    #[must_use]
    pub fn new(lost: &LostDatabase, stack: &str, state: &BackupState) -> Self {
        let mut ways: Vec<RestoreWay> = list_origins(lost, stack, state)
            .into_iter()
            .map(|origin| build_way(lost, origin))
            .collect();
        // A backup here is restored sooner than one elsewhere.
        ways.sort_by_key(|way| {
            let place = way.origin.place();
            (std::cmp::Reverse(way.origin.time()), place != Place::Here)
        });
        Self {
            database: lost.database.arn.clone(),
            engine: lost.database.engine.clone(),
            exists: lost.exists,
            ways,
            drill: state.last_drill.clone(),
        }
    }

    /// Returns the time of the newest data that can be brought back.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.ways.iter().filter_map(|way| way.origin.time()).max()
    }
}

fn build_way(lost: &LostDatabase, origin: Origin) -> RestoreWay {
    RestoreWay {
        steps: list_steps(lost, &origin),
        losses: describe_losses(lost, &origin),
        origin,
    }
}

/// Lists what the database can be restored from: its point-in-time recovery, its newest snapshot, its newest verified one, and
/// the newest copy at each place.
fn list_origins(lost: &LostDatabase, stack: &str, state: &BackupState) -> Vec<Origin> {
    let database = &lost.database;
    let point_in_time = database
        .latest_restorable
        .filter(|_| lost.exists)
        .map(|latest| Origin::PointInTime {
            source: database.arn.clone(),
            latest,
        });
    let usable: Vec<&Snapshot> = lost
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.is_restorable() && snapshot.is_taken_by(stack, database))
        .collect();
    let newest = usable.iter().max_by_key(|snapshot| snapshot.taken_at);
    let verified = usable
        .iter()
        .filter(|snapshot| snapshot.is_verified())
        .max_by_key(|snapshot| snapshot.taken_at)
        .filter(|verified| newest.is_none_or(|newest| newest.arn != verified.arn));
    let here = newest.into_iter().chain(verified);
    let here = here.map(|snapshot| Origin::of_snapshot(snapshot));
    let copies = state.places.iter().filter_map(|(place, known)| {
        let copy = known.newest.as_ref()?;
        Some(Origin::Snapshot {
            arn: copy.snapshot.clone(),
            taken_at: Some(copy.taken_at),
            is_verified: false,
            place: if place.is_vault() {
                Place::Vault
            } else {
                Place::OtherRegion
            },
        })
    });
    point_in_time
        .into_iter()
        .chain(here)
        .chain(copies)
        .collect()
}
