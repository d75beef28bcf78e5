//! What backups and restores leave in the target state.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::model::{CopyDestination, Database};
use crate::plan::{Action, BackupAction, DrillAction};
use crate::state::backups::{BackupState, CopyPlace, CopySight, IdleTime, PolicyUse, SourceRecord};
use crate::state::target::TargetState;

/// Time for which a policy is remembered after another one replaced it.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(48);
/// Time for which a place is remembered after `copy=` ceased to name it.
const PLACE_REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24);

impl BackupState {
    /// Records whether the database is stopped. What counts is the time between two sightings since the recovery point.
    pub fn record_idle_time(
        &mut self,
        is_stopped: bool,
        recovery_point: Option<Timestamp>,
        now: Timestamp,
    ) {
        let known = self.idle.take();
        let known = known.filter(|idle| idle.recovery_point == recovery_point);
        let mut idle = known.unwrap_or_else(|| IdleTime {
            recovery_point,
            ..IdleTime::default()
        });
        if is_stopped {
            let since = idle.seen_at.unwrap_or(now);
            idle.seconds += now.duration_since(since).as_secs().max(0);
        }
        idle.seen_at = is_stopped.then_some(now);
        self.idle = Some(idle).filter(|idle| is_stopped || idle.seconds > 0);
    }

    /// Records the places to which backups are copied, and those that were dropped.
    pub fn record_places(&mut self, places: &BTreeSet<CopyDestination>, now: Timestamp) {
        self.places.retain(|place, known| {
            let is_dropped = !places.contains(place);
            if known.until.is_some() && !is_dropped {
                known.since = now;
            }
            known.until = known.until.or(Some(now)).filter(|_| is_dropped);
            known
                .until
                .is_none_or(|until| now.duration_since(until) < PLACE_REMEMBERED_FOR)
        });
        for place in places {
            let known = self.places.entry(place.clone());
            known.or_insert_with(|| CopyPlace {
                since: now,
                ..CopyPlace::default()
            });
        }
    }

    /// Records the database as it is seen, with the instances of a cluster. What is seen of it while it is being deleted is
    /// no longer what a restore needs.
    pub fn record_source(&mut self, database: &Database, members: &[Database]) {
        if database.is_being_deleted() {
            return;
        }
        let mut members: Vec<Database> = members.iter().map(Database::to_record).collect();
        members.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        let mut record = SourceRecord {
            database: database.to_record(),
            members,
        };
        match self.source.take() {
            Some(known) if known.database.identity() == record.database.identity() => {
                record.keep_unseen(*known);
            }
            Some(earlier) => {
                self.earlier = Some(earlier);
                for place in self.places.values_mut() {
                    place.earlier = place.newest.take().or(place.earlier.take());
                }
            }
            None => {}
        }
        self.source = Some(Box::new(record));
    }

    /// Records what is seen of the copies at a place.
    pub fn record_copies(&mut self, place: &CopyDestination, sight: CopySight, now: Timestamp) {
        let Some(known) = self.places.get_mut(place) else {
            return;
        };
        known.has_copies |= sight.has_copies;
        known.newest = sight.newest;
        if sight.has_failed {
            known.failing_since = known.failing_since.or(Some(now));
        } else if sight.is_complete {
            known.failing_since = None;
            known.refused_at = None;
        }
    }
}

impl SourceRecord {
    /// Takes over what AWS didn't show this time: the tags of a cache that is modified, and the instances of a cluster that
    /// could not be read.
    fn keep_unseen(&mut self, known: Self) {
        if self.database.tags.is_empty() {
            self.database.tags = known.database.tags;
        }
        if self.members.is_empty() {
            self.members = known.members;
        }
    }
}

impl TargetState {
    /// Records that an action failed, or that its outcome is unknown. The next decisions about
    /// backups and drills depend on it.
    pub fn record_failure(&mut self, action: &Action, at: Timestamp) {
        match action {
            Action::Backup(action) => match action {
                BackupAction::CreateSnapshot(_) => self.backups.snapshot_failed_at = Some(at),
                BackupAction::CopySnapshot(copy) => {
                    if let Some(place) = self.backups.places.get_mut(&copy.to) {
                        place.refused_at = Some(at);
                    }
                }
                BackupAction::DeleteSnapshot(_) => {}
            },
            Action::Drill(action) => match action {
                DrillAction::RestoreForDrill(_) => self.backups.restore_failed_at = Some(at),
                DrillAction::DeleteRestoredDatabase(_)
                | DrillAction::MarkVerified(_)
                | DrillAction::RunCheckTask(_)
                | DrillAction::StopCheckTask(_) => {}
            },
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => {}
        }
    }

    /// Records the retention policy of a database, as soon as it is noticed. `taken_under` is that of the newest backup: the one
    /// before, if nothing else is known of it.
    pub fn record_policy(&mut self, keep: &str, taken_under: Option<PolicyUse>, now: Timestamp) {
        let policies = &mut self.backups.policies;
        if policies.is_empty() {
            policies.extend(taken_under);
        }
        if policies.last().is_none_or(|last| last.keep != keep) {
            policies.push(PolicyUse {
                keep: keep.to_owned(),
                since: now,
            });
        }
        let ended = policies.iter().skip(1);
        let ended = ended.filter(|next| now.duration_since(next.since) > REMEMBERED_FOR);
        let count = ended.count();
        policies.drain(..count);
    }
}
