//! The state of the simulated world: what AWS, the ledger and the people in it have.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use lamplighter::event::dead_letter::{DeadLetter, Recipient};
use lamplighter::model::{
    Arn, Certificate, CloudTrailEvent, CodeDeployment, ContainerInstance, Database, Deployment,
    Digest, ExistingAlarm, ExportTask, InactiveSubscription, Load, LoadBalancerTarget, LogGroup,
    LogStream, PlatformImage, ScalableTarget, Series, Service, ServiceDeployment, Snapshot,
    StrategySettings, Tagged, TargetGroup, Task, TaskDefinition, Traffic,
};
use lamplighter::notify::Notification;
use lamplighter::plan::RunCheckTask;
use lamplighter::ports::costs::DailyCost;
use lamplighter::ports::ledger::Record;
use lamplighter::state::TargetState;
use serde_json::{Value, json};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused before it takes effect.
    Throttled,
    /// It takes effect, and nobody hears of it.
    AnswerLost,
    /// The function is killed before it takes effect.
    Killed,
}

/// A target's state item.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub lease: Option<(String, Timestamp)>,
    pub fence: u64,
    pub memory: TargetState,
}

/// What a tag points at: an image, the platforms of an index, and since when.
pub type Pushed = (Digest, Option<Vec<PlatformImage>>, Timestamp);

/// Everything there is.
#[derive(Debug, Default)]
pub struct State {
    pub now: Timestamp,
    pub services: BTreeMap<Arn, Service>,
    pub tags: BTreeMap<Arn, BTreeMap<String, String>>,
    pub definitions: Vec<TaskDefinition>,
    /// By repository and tag.
    pub images: BTreeMap<(String, String), Pushed>,
    /// The commits that images name, by digest.
    pub commits: BTreeMap<Digest, String>,
    /// What is measured, by service.
    pub loads: BTreeMap<Arn, Load>,
    /// The queues, by name.
    pub queues: BTreeMap<String, super::queue::Queue>,
    /// What is measured besides, by the name of the metric and the target that a dimension names.
    pub measured: BTreeMap<(String, String), Series>,
    /// By name.
    pub alarms: BTreeMap<String, ExistingAlarm>,
    /// Bodies by name.
    pub dashboards: BTreeMap<String, String>,
    /// The messages of the dead-letter queue, and where they were sent again.
    pub dead_letters: VecDeque<DeadLetter>,
    pub sent_again: Vec<Recipient>,
    pub databases: BTreeMap<Arn, Database>,
    pub snapshots: BTreeMap<Arn, Snapshot>,
    /// Regions whose listings are refused.
    pub unreadable_regions: BTreeSet<String>,
    /// Latest times of the automated backups that are left of deleted databases, by resource ID.
    pub retained_backups: BTreeMap<String, Timestamp>,
    /// Where copies that have begun fail: regions, `vault`, or the name of one copy.
    pub failing_places: BTreeSet<String>,
    /// The copies that began at such a place.
    pub failing_copies: BTreeSet<Arn>,
    /// Since when snapshots have been copied.
    pub copying: BTreeMap<Arn, Timestamp>,
    /// Since when databases have been restored.
    pub restoring: BTreeMap<Arn, Timestamp>,
    /// When a cache was last restored from a snapshot.
    pub restored_from: BTreeMap<Arn, Timestamp>,
    /// Those that other accounts may restore from.
    pub shared: BTreeSet<Arn>,
    /// The quota of manual snapshots, for instances and for clusters.
    pub snapshots_allowed: u32,
    /// When addresses answer badly.
    pub unwell: Option<fn(Timestamp) -> bool>,
    /// Revisions that were deregistered.
    pub inactive: BTreeSet<String>,
    /// Images that were deleted from their repository.
    pub purged: BTreeSet<Digest>,
    /// What ECS says of a service.
    pub said: BTreeMap<Arn, Vec<String>>,
    /// By identifier.
    pub code_deployments: BTreeMap<String, Deployed>,
    /// Services whose deployment waits for a person.
    pub paused: BTreeSet<Arn>,
    /// Deployments that shift traffic, by ARN.
    pub shifting: BTreeMap<String, ServiceDeployment>,
    /// What went through target groups, by ARN.
    pub traffic: BTreeMap<String, Traffic>,
    /// Tasks that ECS remembers of a service.
    pub tasks: BTreeMap<Arn, Vec<Task>>,
    /// Targets by the ARN of their group.
    pub targets: BTreeMap<String, Vec<LoadBalancerTarget>>,
    pub instances: BTreeMap<Arn, ContainerInstance>,
    /// Auto Scaling groups by EC2 instance.
    pub groups: BTreeMap<String, String>,
    /// What CloudTrail knows, by resource.
    pub changes: BTreeMap<String, Vec<CloudTrailEvent>>,
    /// What containers wrote.
    pub written: BTreeMap<LogStream, Vec<String>>,
    /// Tasks that ran before releases, by their token.
    pub one_off_tasks: BTreeMap<String, OneOffTask>,
    /// How those tasks end, by the tag of their image; with the exit code 0 unless given.
    pub ends: BTreeMap<String, End>,
    /// Checks by what they were started by, and since when they run.
    pub probes: BTreeMap<String, (RunCheckTask, Timestamp)>,
    /// With what code checks end.
    pub exit_code: i32,
    /// Checks that were stopped.
    pub halted: Vec<String>,
    pub log_groups: BTreeMap<Arn, LogGroup>,
    /// Every export task, and when it began, in order.
    pub exports: Vec<(ExportTask, Timestamp)>,
    /// Keys of manifests.
    pub manifests: BTreeSet<String>,
    /// Addresses that get nothing: not confirmed, or unsubscribed.
    pub unreached: Vec<InactiveSubscription>,
    /// For how many seconds a target group drains, by ARN; 300 unless given.
    pub deregistration: BTreeMap<String, u64>,
    /// The service that a group of CodeDeploy deploys, by application and group; `None` if the group is missing.
    pub deployment_groups: BTreeMap<String, Option<String>>,
    /// By ARN.
    pub target_groups: BTreeMap<String, TargetGroup>,
    /// The events that were put on the bus.
    pub bus: Vec<Value>,
    /// The certificates of listeners.
    pub certificates: Vec<Certificate>,
    /// Texts for people in the stored target states are reworded.
    pub rewords: bool,
    /// What Application Auto Scaling scales.
    pub scalable: BTreeMap<Arn, ScalableTarget>,
    pub held: BTreeMap<Arn, Held>,
    pub journal: Vec<Record>,
    pub notices: Vec<Notification>,
    /// What was spent, by tag.
    pub spent: Vec<(String, DailyCost)>,
    /// Every call, in order: `UpdateService shop/web`.
    pub calls: Vec<String>,
    pub faults: VecDeque<(&'static str, Fault)>,
    pub(super) next_deployment: u32,
    pub(super) next_request: u32,
}

/// How a task that belongs to no service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its container exits with this code.
    Exits(i32),
    /// It runs until somebody stops it.
    Never,
    /// None of its containers runs, for this reason.
    NotStarted(&'static str),
}

/// A task that belongs to no service.
#[derive(Debug, Clone)]
pub struct OneOffTask {
    pub service: Arn,
    /// The ARN of its revision.
    pub revision: String,
    pub at: Timestamp,
    pub end: End,
    pub stopped_at: Option<Timestamp>,
}

/// A deployment, and what it is about.
#[derive(Debug, Clone)]
pub struct Deployed {
    pub deployment: CodeDeployment,
    pub service: Arn,
    pub revision: String,
    /// The lifecycle event that goes on.
    pub stage: String,
    /// Whom it asks on the way.
    pub ask: Option<String>,
    /// How its questions were answered.
    pub answers: Vec<bool>,
}

impl State {
    /// All resources of an AWS service that carry a tag key.
    #[must_use]
    pub fn tagged(&self, service: &str, key: &str) -> Vec<Tagged> {
        let carrying = self
            .tags
            .iter()
            .filter(|(arn, tags)| arn.service() == service && tags.contains_key(key));
        carrying
            .map(|(arn, tags)| Tagged {
                arn: arn.clone(),
                tags: tags.clone(),
            })
            .collect()
    }

    /// Registers a revision as somebody would by hand, and answers its ARN.
    pub fn register(&mut self, family: &str, image: &str) -> String {
        let Value::Object(document) = json!({
            "family": family, "cpu": "256",
            "containerDefinitions": [{"name": "web", "image": image}],
        }) else {
            unreachable!("an object")
        };
        self.register_document(document, BTreeMap::new())
    }

    pub(super) fn register_document(
        &mut self,
        mut document: serde_json::Map<String, Value>,
        tags: BTreeMap<String, String>,
    ) -> String {
        let family = document["family"].as_str().unwrap_or_default().to_owned();
        let revision = 1 + self
            .definitions
            .iter()
            .filter(|d| d.family() == family)
            .count();
        let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{family}:{revision}");
        document.insert("taskDefinitionArn".to_owned(), json!(arn));
        document.insert("revision".to_owned(), json!(revision));
        document.insert("registeredAt".to_owned(), json!(self.now.as_second()));
        document.insert(
            "registeredBy".to_owned(),
            json!("arn:aws:sts::123456789012:assumed-role/terraform/ci"),
        );
        self.definitions.push(TaskDefinition { document, tags });
        arn
    }

    /// Lets the containers of a family read a secret.
    ///
    /// # Panics
    /// Where there is no such family.
    pub fn read_secret(&mut self, family: &str, secret_arn: &str) {
        let definition = self
            .definitions
            .iter_mut()
            .find(|d| d.family() == family)
            .expect("a family");
        definition.document["containerDefinitions"][0]["secrets"] =
            json!([{"name": "S", "valueFrom": secret_arn}]);
    }

    /// Starts a rolling deployment.
    ///
    /// # Panics
    /// Where there is no such service.
    pub fn deploy(&mut self, service: &Arn, definition: &str) {
        self.next_deployment += 1;
        let deployment = Deployment {
            id: format!("ecs-svc/{}", self.next_deployment),
            status: "PRIMARY".to_owned(),
            task_definition: definition.to_owned(),
            rollout_state: "IN_PROGRESS".to_owned(),
            created_at: Some(self.now),
            running_count: 0,
        };
        let service = self.services.get_mut(service).expect("a service");
        for older in &mut service.deployments {
            "ACTIVE".clone_into(&mut older.status);
        }
        definition.clone_into(&mut service.task_definition);
        service.deployments.insert(0, deployment);
    }

    /// The rollout in progress completes.
    ///
    /// # Panics
    /// Where there is no such service.
    pub fn settle(&mut self, service: &Arn) {
        let service = self.services.get_mut(service).expect("a service");
        service.deployments.truncate(1);
        "COMPLETED".clone_into(&mut service.deployments[0].rollout_state);
    }

    /// Gives a service another strategy, with ECS's own settings.
    pub fn set_strategy(&mut self, service: &Arn, strategy: &str) {
        let Some(service) = self.services.get_mut(service) else {
            return;
        };
        strategy.clone_into(&mut service.strategy);
        service.shifting.settings = match strategy {
            "CANARY" | "LINEAR" => Some(StrategySettings {
                strategy: strategy.to_owned(),
                share: 500,
                step_minutes: 10,
                bake_minutes: 5,
            }),
            _ => None,
        };
    }

    /// The tasks of a rollout in progress run, and it completes.
    pub fn finish_rollout(&mut self, service: &Arn) {
        if let Some(service) = self.services.get_mut(service) {
            service.deployments.truncate(1);
            for deployment in &mut service.deployments {
                "COMPLETED".clone_into(&mut deployment.rollout_state);
                deployment.running_count = service.running_count;
            }
        }
    }

    /// The rollout in progress fails and the circuit breaker goes back to the one before.
    ///
    /// # Panics
    /// Where there is nothing to go back to.
    pub fn roll_back(&mut self, service: &Arn) {
        let service = self.services.get_mut(service).expect("a service");
        service.deployments.remove(0);
        let previous = &mut service.deployments[0];
        "PRIMARY".clone_into(&mut previous.status);
        service
            .task_definition
            .clone_from(&previous.task_definition);
    }
}
