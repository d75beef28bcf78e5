//! The plan by which people bring a database or cache back.

use jiff::Timestamp;

use crate::model::{Arn, CopyDestination, Snapshot};
use crate::plan::DrillResult;
use crate::restore::losses::describe_losses;
use crate::restore::lost::LostDatabase;
use crate::restore::origin::{Origin, Place};
use crate::restore::step::RestoreStep;
use crate::restore::steps::list_steps;
use crate::state::{BackupState, CopyRecord};

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
    /// True for a backup of another database that had the name before.
    pub is_earlier: bool,
    pub steps: Vec<RestoreStep>,
    /// What does not come back, or comes back weaker.
    pub losses: Vec<String>,
}

impl RestorePlan {
    /// Plans how to bring a database back. `stack`: the stack whose snapshots count. `state`: what was recorded of its copies
    /// and drills.
    #[must_use]
    pub fn new(lost: &LostDatabase, stack: &str, state: &BackupState) -> Self {
        let own = list_origins(lost, stack, state);
        let own = own.map(|origin| build_way(lost, origin, false));
        let before = lost.to_earlier();
        let earlier = list_earlier_origins(lost, &before, stack, state);
        let earlier = earlier.map(|origin| build_way(&before, origin, true));
        let mut ways: Vec<RestoreWay> = own.chain(earlier).collect();
        // A backup here is restored sooner than one elsewhere.
        ways.sort_by_key(|way| {
            let place = way.origin.place();
            (
                way.is_earlier,
                std::cmp::Reverse(way.origin.time()),
                place != Place::Here,
            )
        });
        Self {
            database: lost.database.arn.clone(),
            engine: lost.database.engine.clone(),
            exists: lost.exists,
            ways,
            drill: state.last_drill.clone(),
        }
    }

    /// Returns the time of the newest data of this very database that can be brought back.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let own = self.ways.iter().filter(|way| !way.is_earlier);
        own.filter_map(|way| way.origin.time()).max()
    }
}

fn build_way(lost: &LostDatabase, origin: Origin, is_earlier: bool) -> RestoreWay {
    RestoreWay {
        steps: list_steps(lost, &origin),
        losses: describe_losses(lost, &origin, is_earlier),
        origin,
        is_earlier,
    }
}

/// Lists what the database can be restored from: its point-in-time recovery, its newest snapshot, its newest verified one, and
/// the newest copy at each place.
fn list_origins(
    lost: &LostDatabase,
    stack: &str,
    state: &BackupState,
) -> impl Iterator<Item = Origin> {
    let database = &lost.database;
    let point_in_time = if lost.exists {
        database
            .latest_restorable
            .map(|latest| Origin::PointInTime {
                source: database.arn.clone(),
                retained: None,
                latest,
            })
    } else {
        retained_origin(lost)
    };
    let own = lost
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.is_taken_by(stack, database));
    let copies = state
        .places
        .iter()
        .filter_map(|(place, known)| Some(copy_origin(place, known.newest.as_ref()?)));
    point_in_time
        .into_iter()
        .chain(select_snapshots(own))
        .chain(copies)
}

/// Lists what is left of earlier databases of this name.
fn list_earlier_origins(
    lost: &LostDatabase,
    before: &LostDatabase,
    stack: &str,
    state: &BackupState,
) -> impl Iterator<Item = Origin> {
    let database = &lost.database;
    let snapshots = lost.snapshots.iter().filter(move |snapshot| {
        snapshot.is_taken_for(stack, &database.arn) && !snapshot.belongs_to(database)
    });
    let copies = state
        .places
        .iter()
        .filter_map(|(place, known)| Some(copy_origin(place, known.earlier.as_ref()?)));
    let point_in_time = lost.exists.then(|| retained_origin(before));
    point_in_time
        .flatten()
        .into_iter()
        .chain(select_snapshots(snapshots))
        .chain(copies)
}

/// Returns the retained automated backups of a database that is gone.
fn retained_origin(gone: &LostDatabase) -> Option<Origin> {
    Some(Origin::PointInTime {
        source: gone.database.arn.clone(),
        retained: Some(gone.database.resource_id.clone()),
        latest: gone.retained?,
    })
}

/// Selects the newest snapshot and the newest verified one.
fn select_snapshots<'a>(
    snapshots: impl Iterator<Item = &'a Snapshot>,
) -> impl Iterator<Item = Origin> {
    let usable: Vec<&Snapshot> = snapshots
        .filter(|snapshot| snapshot.is_restorable())
        .collect();
    let newest = usable.iter().copied().max_by_key(|one| one.taken_at);
    let verified = usable.iter().copied().filter(|one| one.is_verified());
    let verified = verified
        .max_by_key(|one| one.taken_at)
        .filter(|verified| newest.is_none_or(|newest| newest.arn != verified.arn));
    newest.into_iter().chain(verified).map(Origin::of_snapshot)
}

fn copy_origin(place: &CopyDestination, copy: &CopyRecord) -> Origin {
    Origin::Snapshot {
        snapshot: Box::new(Snapshot {
            arn: copy.snapshot.clone(),
            taken_at: Some(copy.taken_at),
            engine_version: copy.engine_version.clone(),
            ..Snapshot::default()
        }),
        place: if place.is_vault() {
            Place::Vault
        } else {
            Place::OtherRegion
        },
    }
}
