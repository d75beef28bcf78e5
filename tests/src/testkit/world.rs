//! The simulated world: an in-memory AWS with a virtual clock, in which real operations run.
//!
//! It implements the engine's three ports. Calls fail as a test says: throttled, with their answer lost
//! after they took effect, or with the function killed in the middle of them.

mod cloud;
pub mod codedeploy;
mod databases;
pub mod ecs;
mod ledger;
pub mod load;
mod logs;
mod probes;
mod releases;
pub mod tasks;

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Engine, Invocation, Observe};
use lamplighter::model::{
    Arn, CloudTrailEvent, ContainerInstance, Database, Deployment, Digest, ExistingAlarm,
    ExportTask, InactiveSubscription, Load, LoadBalancerTarget, LogGroup, LogStream, PlatformImage,
    ScalableTarget, Service, ServiceDeployment, Snapshot, Tagged, TargetGroup, Task,
    TaskDefinition, Traffic,
};
use lamplighter::notify::Notification;
use lamplighter::plan::RunCheckTask;
use lamplighter::policy::StackDefaults;
use lamplighter::ports::costs::DailyCost;
use lamplighter::ports::ledger::Record;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Error};
use serde_json::{Value, json};

/// When every world begins.
pub const BEGINNING: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

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
    /// What is measured, by service.
    pub loads: BTreeMap<Arn, Load>,
    /// By name.
    pub alarms: BTreeMap<String, ExistingAlarm>,
    /// Bodies by name.
    pub dashboards: BTreeMap<String, String>,
    pub databases: BTreeMap<Arn, Database>,
    pub snapshots: BTreeMap<Arn, Snapshot>,
    /// Regions whose listings are refused.
    pub unreadable_regions: BTreeSet<String>,
    /// Since when snapshots have been copied.
    pub copying: BTreeMap<Arn, Timestamp>,
    /// Since when databases have been restored.
    pub restoring: BTreeMap<Arn, Timestamp>,
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
    pub code_deployments: BTreeMap<String, codedeploy::Deployed>,
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
    /// By ARN.
    pub target_groups: BTreeMap<String, TargetGroup>,
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
    next_deployment: u32,
    next_request: u32,
}

/// A handle on one world; clones share it.
#[derive(Debug, Clone, Default)]
pub struct World(Rc<RefCell<State>>);

impl World {
    #[must_use]
    pub fn new() -> Self {
        let world = Self::default();
        world.state_mut().now = BEGINNING;
        world.state_mut().snapshots_allowed = 100;
        world
    }

    #[must_use]
    pub fn state(&self) -> Ref<'_, State> {
        self.0.borrow()
    }

    #[must_use]
    pub fn state_mut(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    pub fn pass(&self, time: SignedDuration) {
        self.state_mut().now += time;
    }

    /// The next call of this name fails in this way.
    pub fn fault(&self, call: &'static str, fault: Fault) {
        self.state_mut().faults.push_back((call, fault));
    }

    /// Makes a service with one container, on X86_64, settled on `repository:tag`.
    pub fn service(&self, name: &str, repository: &str, tag: &str, deploy: &str) -> Arn {
        let arn = Arn::new(format!(
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}"
        ));
        let mut state = self.state_mut();
        let definition = state.register(
            &format!("shop-{name}"),
            &format!("{HOST}/{repository}:{tag}"),
        );
        let service = Service::new_rolling(arn.clone(), 2);
        state.services.insert(arn.clone(), service);
        state.deploy(&arn, &definition);
        state.settle(&arn);
        let tags = [
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", deploy),
        ];
        state.tags.insert(
            arn.clone(),
            tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        arn
    }

    /// `shop/web`, on `shop/web:RC_1.0.0`, which follows `RC_x.x.x`.
    pub fn web(&self) -> Arn {
        self.service("web", "shop/web", "RC_1.0.0", "tag=RC_x.x.x repo=shop/web")
    }

    /// The titles of all notices so far that are not muted.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        let state = self.state();
        let heard = state
            .notices
            .iter()
            .filter(|notice| notice.silenced_until.is_none());
        heard.map(|notice| notice.message.title.clone()).collect()
    }

    /// How often a call was made.
    #[must_use]
    pub fn count(&self, call: &str) -> usize {
        self.state()
            .calls
            .iter()
            .filter(|made| made.starts_with(call))
            .count()
    }

    /// Pushes an image and answers the event of it.
    pub fn push(&self, repository: &str, tag: &str, content: u64) -> Value {
        let mut state = self.state_mut();
        let digest = Digest::new(format!("sha256:{content:064x}"));
        let now = state.now;
        state.images.insert(
            (repository.to_owned(), tag.to_owned()),
            (digest.clone(), None, now),
        );
        json!({
            "version": "0", "id": format!("push-{repository}-{tag}-{content}"), "detail-type": "ECR Image Action",
            "source": "aws.ecr", "account": "123456789012", "time": now.to_string(), "region": "eu-west-1", "resources": [],
            "detail": {
                "action-type": "PUSH", "result": "SUCCESS", "repository-name": repository,
                "image-tag": tag, "image-digest": digest.as_str(),
                "manifest-media-type": "application/vnd.oci.image.index.v1+json",
            }
        })
    }

    /// Runs one invocation. `None` where the function was killed.
    ///
    /// # Panics
    /// Where there is no runtime to run it in.
    pub fn invoke<Op: Observe<World, World>>(
        &self,
        op: &Op,
        payload: Value,
    ) -> Option<Result<Value, Error>> {
        self.invoke_with(op, payload, StackDefaults::default())
    }

    /// Runs one invocation under other defaults. `None` where the function was killed.
    ///
    /// # Panics
    /// Where there is no runtime to run it in.
    pub fn invoke_with<Op: Observe<World, World>>(
        &self,
        op: &Op,
        payload: Value,
        defaults: StackDefaults,
    ) -> Option<Result<Value, Error>> {
        let clock = self.clone();
        let engine = Engine {
            cloud: self.clone(),
            ledger: self.clone(),
            outbox: self.clone(),
            defaults,
            clock: Box::new(move || clock.state().now),
            metrics: |_| {},
        };
        let (request_id, deadline) = {
            let mut state = self.state_mut();
            state.next_request += 1;
            (
                format!("request-{}", state.next_request),
                state.now + SignedDuration::from_mins(5),
            )
        };
        let run = Invocation {
            request_id,
            deadline,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            // Nothing here ever waits, so a future that is not ready was killed.
            let mut handled = pin!(engine.handle_payload(op, payload, &run));
            poll_fn(|context| {
                Poll::Ready(match handled.as_mut().poll(context) {
                    Poll::Ready(result) => Some(result),
                    Poll::Pending => None,
                })
            })
            .await
        })
    }

    /// Runs the operation's sweep.
    pub fn sweep<Op: Observe<World, World>>(&self, op: &Op) -> Option<Result<Value, Error>> {
        self.invoke(op, sweep())
    }

    /// The image of a service's newest deployment.
    #[must_use]
    pub fn image_of(&self, service: &Arn) -> String {
        let state = self.state();
        let arn = &state.services[service].task_definition;
        let definition = state.definitions.iter().find(|d| d.arn() == arn);
        definition
            .and_then(|d| d.containers().next().map(|c| c.image.to_owned()))
            .unwrap_or_default()
    }

    /// Notes a call and meets what was ordered for it.
    async fn call(&self, call: &'static str, target: &str) -> Result<bool, AwsError> {
        let fault = {
            let mut state = self.state_mut();
            state.calls.push(format!("{call} {target}"));
            let at = state.faults.iter().position(|(name, _)| *name == call);
            at.and_then(|at| state.faults.remove(at))
                .map(|(_, fault)| fault)
        };
        match fault {
            None => Ok(true),
            Some(Fault::AnswerLost) => Ok(false),
            Some(Fault::Throttled) => {
                Err(error(call, target, "ThrottlingException", "Rate exceeded"))
            }
            Some(Fault::Killed) => {
                std::future::pending::<()>().await;
                Ok(true)
            }
        }
    }
}

/// The event of a schedule.
#[must_use]
pub fn sweep() -> Value {
    json!({"version": "0", "id": "sweep", "detail-type": "Scheduled Event", "source": "aws.events",
           "account": "123456789012", "region": "eu-west-1", "detail": {}})
}

fn error(call: &'static str, target: &str, code: &str, message: &str) -> AwsError {
    let refused = code != "Timeout";
    AwsError {
        call,
        target: target.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        refused,
    }
}

fn heard(was: bool, call: &'static str, target: &str) -> Result<(), AwsError> {
    if was {
        Ok(())
    } else {
        Err(error(call, target, "Timeout", "no answer came"))
    }
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

    fn register_document(
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
