//! One word for everything: `healthy` is only said when nothing else holds.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::model::{Arn, Database, Service, Tagged};
use crate::model::{Cause, Command, Digest, Request, RequestScope};
use crate::notify::Severity;
use crate::notify::incident::Incident;
use crate::notify::incident::Line;
use crate::plan::{DrillResult, Hold, HoldKind};
use crate::policy::Mode;
use crate::policy::StackDefaults;
use crate::state::{ActiveRollback, ActiveRollout, HealthIncident, Parked, ProbeStreak};
use crate::state::{RequestState, TargetState};

const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web";
const DATABASE: &str = "arn:aws:rds:eu-west-1:123456789012:db:orders";

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// All that a status is computed from, owned: at first a healthy service.
#[derive(Debug, Clone)]
struct Scene {
    tagged: Tagged,
    state: TargetState,
    service: Option<Service>,
    database: Option<Database>,
    incidents: Vec<Incident>,
    pauses: RequestState,
    defaults: StackDefaults,
}

impl Scene {
    fn service() -> Self {
        let arn = Arn::new(SERVICE);
        Self {
            tagged: Tagged {
                arn: arn.clone(),
                tags: [
                    ("lamplighter:managed", "true"),
                    ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
                ]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            },
            state: TargetState::default(),
            service: Some(Service::new_rolling(arn, 2)),
            database: None,
            incidents: Vec::new(),
            pauses: RequestState::default(),
            defaults: StackDefaults::default(),
        }
    }

    fn database() -> Self {
        let arn = Arn::new(DATABASE);
        let mut scene = Self::service();
        scene.tagged.arn = arn.clone();
        scene.service = None;
        scene.database = Some(Database {
            arn,
            status: "available".to_owned(),
            latest_restorable: Some(now()),
            ..Database::default()
        });
        scene
    }

    fn tag(&mut self, key: &str, value: &str) {
        let key = format!("lamplighter:{key}");
        self.tagged.tags.insert(key, value.to_owned());
    }

    fn hold(&mut self, kind: HoldKind) {
        self.state
            .track_hold("deploy", Some(Hold::new(kind, "held")), now());
    }

    fn incident(&mut self, severity: Severity) {
        let line = Line {
            at: now(),
            severity,
            source: "heal".to_owned(),
            title: "0/2 tasks running".to_owned(),
            action: String::new(),
            why: String::new(),
            next: String::new(),
            fires: Some("down".to_owned()),
        };
        self.incidents.push(Incident {
            target: self.tagged.arn.clone(),
            name: "shop/web".to_owned(),
            app: None,
            cause: Cause::Health,
            link: String::new(),
            runbook: None,
            since: now(),
            firing: BTreeMap::from([("down".to_owned(), now())]),
            resolved: BTreeMap::new(),
            was_firing: true,
            severity,
            lines: vec![line],
            line_count: 1,
            resolved_at: None,
            reopened_at: Vec::new(),
            log_group: None,
            acknowledged: None,
            offers: Vec::new(),
            is_managed: true,
            deliveries: BTreeMap::new(),
        });
    }

    fn assess(&self) -> TargetStatus {
        TargetStatus::assess(&StatusInputs {
            tagged: &self.tagged,
            state: &self.state,
            service: self.service.as_ref(),
            database: self.database.as_ref(),
            snapshots: &[],
            incidents: &self.incidents,
            pauses: &self.pauses,
            defaults: &self.defaults,
            now: now(),
        })
    }
}

fn pause(scope: RequestScope) -> Request {
    Request {
        id: "1".to_owned(),
        at: now(),
        by: "arn:aws:sts::123456789012:assumed-role/ops/alice".to_owned(),
        reason: "migration".to_owned(),
        until: None,
        scope,
        command: Command::Pause,
    }
}

fn rollout() -> ActiveRollout {
    ActiveRollout {
        digest: Digest::new("sha256:ab12".to_owned()),
        tag: "RC_1.4.2".to_owned(),
        base: "shop-web:1".to_owned(),
        previous: None,
        built_on: String::new(),
        template: None,
        at: now(),
        deployment: None,
        probe_streak: ProbeStreak::default(),
        progress: None,
    }
}

/// A change that makes a healthy service something else, and the condition that it leads to.
type Change = (Condition, fn(&mut Scene));

const CHANGES: [Change; 20] = [
    (Condition::Critical, |scene| {
        scene.incident(Severity::Critical);
    }),
    (Condition::Warning, |scene| {
        scene.incident(Severity::Warning);
    }),
    (Condition::Misconfigured, |scene| {
        scene.tag("deploy", "tagg=RC_x.x.x");
    }),
    (Condition::Misconfigured, |scene| {
        scene.tag("managed", "yes");
    }),
    (Condition::Misconfigured, |scene| {
        scene.tag("deplay", "tag=RC_x.x.x");
    }),
    (Condition::Misconfigured, |scene| {
        scene.hold(HoldKind::Configuration);
    }),
    (Condition::Held, |scene| scene.hold(HoldKind::Approval)),
    (Condition::Held, |scene| scene.hold(HoldKind::Limit)),
    (Condition::Recovering, |scene| {
        scene.state.health.incident = Some(HealthIncident::new(now()));
    }),
    (Condition::Recovering, |scene| {
        scene.state.health.parked = Some(Parked {
            before: 4,
            to: 1,
            revision: "shop-web:2".to_owned(),
            at: now(),
        });
    }),
    (Condition::Changing, |scene| {
        scene.state.releases.active_rollout = Some(rollout());
    }),
    (Condition::Changing, |scene| {
        scene.state.releases.active_rollback = Some(ActiveRollback {
            to: None,
            at: now(),
        });
    }),
    (Condition::Paused, |scene| scene.tag("managed", "paused")),
    (Condition::Paused, |scene| {
        scene.pauses.pauses.push(pause(RequestScope::Everything));
    }),
    (Condition::NotManaged, |scene| {
        drop(scene.tagged.tags.remove("lamplighter:managed"));
    }),
    (Condition::Observed, |scene| scene.tag("managed", "observe")),
    (Condition::Silenced, |scene| {
        scene.tag("silence", "until=2026-11-22T03:00Z");
    }),
    (Condition::AtRisk, |scene| {
        let title = "has no alarm".to_owned();
        scene.state.findings.insert("no-alarm".to_owned(), title);
    }),
    // A release explains that tasks are missing, and a desired count of 0 takes it back.
    (Condition::Recovering, |scene| {
        if let Some(service) = &mut scene.service {
            service.running_count = 1;
        }
    }),
    (Condition::Stopped, |scene| {
        if let Some(service) = &mut scene.service {
            service.desired_count = 0;
            service.running_count = 0;
        }
    }),
];

#[test]
fn a_service_without_anything_else_is_healthy() {
    let status = Scene::service().assess();
    assert_eq!(status.condition, Condition::Healthy);
    assert_eq!(status.describe(now()), []);
    assert_eq!(Scene::database().assess().condition, Condition::Healthy);
}

#[test]
fn each_change_leads_to_its_condition_and_is_described() {
    for (expected, change) in CHANGES {
        let mut scene = Scene::service();
        change(&mut scene);
        let status = scene.assess();
        assert_eq!(status.condition, expected, "{status:?}");
        assert!(
            !status.describe(now()).is_empty(),
            "{expected:?} says nothing"
        );
    }
}

proptest! {
    /// Whatever comes together, the status is the worst of it: nothing is healthy beside it, and nothing hides it. Only
    /// holds end with a pause or an unreadable tag, because nothing evaluates them then.
    #[test]
    fn the_status_is_the_worst_of_what_holds(chosen in prop::collection::btree_set(0..CHANGES.len() - 2, 1..5)) {
        let mut scene = Scene::service();
        let changes: Vec<&Change> = chosen.iter().filter_map(|n| CHANGES.get(*n)).collect();
        for (_, change) in &changes {
            change(&mut scene);
        }
        let status = scene.assess();
        prop_assert_ne!(status.condition, Condition::Healthy);
        for (alone, _) in changes {
            let is_hold = *alone == Condition::Held || *alone == Condition::Misconfigured;
            let is_mode = matches!(alone, Condition::Paused | Condition::NotManaged | Condition::Observed);
            // Several changes of the tag `managed` leave the last of them.
            if !is_hold && !is_mode {
                prop_assert!(status.condition <= *alone, "{:?} hides {alone:?}", status.condition);
            }
        }
        if status.mode.is_evaluated() && !status.reported_holds().is_empty() {
            prop_assert!(status.condition <= Condition::Held);
        }
        if !status.mistakes.is_empty() {
            prop_assert!(status.condition <= Condition::Misconfigured);
        }
    }
}

#[rstest]
#[case::no_recovery_point("keep=7d", None, Condition::Unprotected)]
#[case::no_backup_wanted("", None, Condition::Healthy)]
#[case::protected("keep=7d", Some(now()), Condition::Healthy)]
fn a_database_is_unprotected_without_a_recovery_point(
    #[case] backup: &str,
    #[case] latest: Option<Timestamp>,
    #[case] expected: Condition,
) {
    let mut scene = Scene::database();
    if !backup.is_empty() {
        scene.tag("backup", backup);
    }
    if let Some(database) = &mut scene.database {
        database.latest_restorable = latest;
    }
    assert_eq!(scene.assess().condition, expected);
}

/// A member is backed up with its cluster, and a drill that failed says nothing once none is scheduled.
#[test]
fn what_nothing_would_change_is_not_unprotected() {
    let mut scene = Scene::database();
    scene.tag("backup", "keep=7d drill=weekly");
    let database = scene.database.as_mut().unwrap();
    (database.latest_restorable, database.cluster) = (None, Some("orders".to_owned()));
    assert_eq!(scene.assess().condition, Condition::Healthy);
    let mut scene = Scene::database();
    scene.state.backups.last_drill = Some(DrillResult {
        snapshot: Arn::new(DATABASE),
        began: now(),
        took: 600,
        checked: None,
        passed: false,
    });
    scene.tag("backup", "keep=7d drill=weekly");
    assert_eq!(scene.assess().condition, Condition::Unprotected);
    scene.tag("backup", "keep=7d");
    assert_eq!(scene.assess().condition, Condition::Healthy);
}

#[rstest]
#[case("storage-full", Condition::Critical)]
#[case("incompatible-restore", Condition::Critical)]
#[case("backing-up", Condition::Changing)]
#[case("stopped", Condition::Stopped)]
fn a_database_is_what_aws_says_of_it(#[case] status: &str, #[case] expected: Condition) {
    let mut scene = Scene::database();
    scene.database.as_mut().unwrap().status = status.to_owned();
    assert_eq!(scene.assess().condition, expected);
}

/// Who reads the status must see whether a person stopped a service, or nothing is to do.
#[test]
fn a_service_that_lamplighter_stopped_says_so() {
    let mut scene = Scene::service();
    scene.state.scaling.stopped_since = Some(now());
    let service = scene.service.as_mut().unwrap();
    (service.desired_count, service.running_count) = (0, 0);
    let status = scene.assess();
    assert_eq!(status.condition, Condition::Stopped);
    let lines = status.describe(now());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].what.starts_with("stopped by Lamplighter since"),
        "{lines:?}"
    );
}

/// Nothing evaluates the hold of an operation whose tag is gone.
#[test]
fn a_hold_ends_with_the_tag_of_its_operation() {
    let mut scene = Scene::service();
    scene.hold(HoldKind::Limit);
    assert_eq!(scene.assess().condition, Condition::Held);
    scene.tagged.tags.remove("lamplighter:deploy");
    assert_eq!(scene.assess().condition, Condition::Healthy);
}

#[test]
fn what_aws_does_not_describe_is_absent() {
    let mut scene = Scene::service();
    scene.service = None;
    assert_eq!(scene.assess().condition, Condition::Absent);
}

#[test]
fn a_stack_that_observes_or_is_off_is_seen_on_each_target() {
    for (mode, expected) in [
        (Mode::Observe, Condition::Observed),
        (Mode::Off, Condition::Paused),
    ] {
        let mut scene = Scene::service();
        scene.defaults.mode = mode;
        assert_eq!(scene.assess().condition, expected);
    }
}

/// A hold says since when it lasts, and what ends it: the time, if that is known.
#[test]
fn each_hold_says_what_ends_it() {
    for kind in HoldKind::ALL {
        let mut scene = Scene::service();
        scene.hold(kind);
        let lines = scene.assess().describe(now());
        let is_reported = kind != HoldKind::Veto;
        assert_eq!(!lines.is_empty(), is_reported, "{kind:?}");
        assert!(lines.iter().all(|line| line.next.starts_with("Ends with ")));
        let timed = Hold {
            until: Some(now() + SignedDuration::from_hours(30)),
            ..Hold::new(kind, "held")
        };
        scene.state.track_hold("deploy", Some(timed), now());
        for line in scene.assess().describe(now()) {
            assert_eq!(line.next, "Until 2026-11-22 09:00 UTC.", "{kind:?}");
            assert!(line.what.ends_with("(since 03:00 UTC)"), "{line:?}");
        }
    }
}

#[test]
fn conditions_are_parsed_by_their_labels() {
    for condition in Condition::ALL {
        assert_eq!(Condition::parse(condition.label()), Some(condition));
    }
    assert_eq!(Condition::parse("well"), None);
    assert!(Condition::ALL.is_sorted());
}
