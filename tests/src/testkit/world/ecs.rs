//! ECS as it carries deployments out, minute by minute: tasks that start, crash and flap within the bounds of min and max
//! per cent, the circuit breaker, and a canary whose hook is asked at every step.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/canary-deployment.html>

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::SignedDuration;
use lamplighter::engine::Observe;
use lamplighter::model::{
    Arn, ImageRef, Service, ServiceDeployment, ServiceRevision, TargetGroup, TargetHealthCheck,
};
use serde_json::{Value, json};

use super::World;

/// How the tasks of an image behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Behaviour {
    /// Of a thousand requests one fails.
    Good,
    /// It never becomes healthy.
    Crashes,
    /// It is healthy for a minute, and crashes.
    Flaps,
    /// It is healthy, and of ten requests one fails.
    Errs,
}

/// What ECS knows of one service's deployment.
#[derive(Debug, Default)]
struct Progress {
    deployment: String,
    healthy: i32,
    failures: i32,
    /// Minutes at the step of a canary, and which.
    minutes: u32,
    step: usize,
}

/// ECS, for one service with two target groups.
pub struct Ecs {
    world: World,
    service: Arn,
    /// By tag.
    images: BTreeMap<String, Behaviour>,
    progress: Progress,
    dice: Rng,
    per_minute: f64,
}

/// Stage, share of the traffic, and minutes that ECS waits there.
const CANARY: [(&str, f64, u32); 4] = [
    ("PRE_SCALE_UP", 0.0, 0),
    ("PRODUCTION_TRAFFIC_SHIFT", 5.0, 10),
    ("PRODUCTION_TRAFFIC_SHIFT", 100.0, 0),
    ("POST_PRODUCTION_TRAFFIC_SHIFT", 100.0, 5),
];

/// Without a bake time.
const AT_ONCE: [(&str, f64, u32); 3] = [
    ("PRE_SCALE_UP", 0.0, 0),
    ("PRODUCTION_TRAFFIC_SHIFT", 100.0, 0),
    ("POST_PRODUCTION_TRAFFIC_SHIFT", 100.0, 0),
];

impl Ecs {
    /// `per_minute`: requests to the service.
    #[must_use]
    pub fn new(world: &World, service: &Arn, per_minute: f64, seed: u64) -> Self {
        for side in ["old", "new"] {
            let balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";
            let group = TargetGroup {
                arn: group(side),
                load_balancers: vec![balancer.to_owned()],
                health_check: TargetHealthCheck::default(),
            };
            world
                .state_mut()
                .target_groups
                .insert(group.arn.clone(), group);
        }
        let (world, service, dice) = (world.clone(), service.clone(), Rng::with_seed(seed));
        Self {
            world,
            service,
            images: BTreeMap::new(),
            progress: Progress::default(),
            dice,
            per_minute,
        }
    }

    pub fn image(&mut self, tag: &str, behaviour: Behaviour) {
        self.images.insert(tag.to_owned(), behaviour);
    }

    fn described(&self) -> Service {
        self.world.state().services[&self.service].clone()
    }

    fn behaviour(&self) -> Behaviour {
        let tag = ImageRef::parse(&self.world.image_of(&self.service))
            .tag
            .unwrap_or_default();
        self.images.get(&tag).copied().unwrap_or(Behaviour::Good)
    }

    /// A minute of ECS, and of the requests that come meanwhile. `verify`: who answers its hooks.
    pub fn minute<Op: Observe<World, World>>(&mut self, verify: &Op) {
        let service = self.described();
        let Some(primary) = service
            .primary_deployment()
            .filter(|primary| primary.rollout_state == "IN_PROGRESS")
            .cloned()
        else {
            return;
        };
        if self.progress.deployment != primary.id {
            self.progress = Progress {
                deployment: primary.id,
                ..Progress::default()
            };
        }
        self.tasks(&service);
        if self.progress.healthy < service.desired_count {
            if self.trips(&service) {
                self.world.state_mut().roll_back(&self.service);
            }
            return;
        }
        if service.shifts_traffic() {
            self.shift(verify);
        } else {
            self.world.state_mut().settle(&self.service);
        }
    }

    /// New tasks are started as far as max per cent allows, and old ones stopped as far as min per cent does.
    fn tasks(&mut self, service: &Service) {
        let desired = service.desired_count;
        let bound = |percent: Option<i32>, default: i32| percent.unwrap_or(default) * desired;
        let (least, most) = (
            (bound(service.minimum_healthy_percent, 100) + 99) / 100,
            bound(service.maximum_percent, 200) / 100,
        );
        // As many old ones still run as are needed to have the least with those that are healthy.
        let old = if service.shifts_traffic() {
            0
        } else {
            (least - self.progress.healthy).max(0)
        };
        let room = (most - old - self.progress.healthy).clamp(0, desired - self.progress.healthy);
        match self.behaviour() {
            Behaviour::Good | Behaviour::Errs => self.progress.healthy += room,
            Behaviour::Crashes => self.progress.failures += room,
            Behaviour::Flaps => {
                // Those of the minute before crash while others come up.
                self.progress.failures += room.max(1);
                if service.circuit_breaker.reset_on_healthy_task {
                    self.progress.failures = 0;
                }
            }
        }
    }

    /// Half of the tasks, at least three, at most 200.
    fn trips(&self, service: &Service) -> bool {
        let threshold = ((service.desired_count + 1) / 2).clamp(3, 200);
        let breaker = service.circuit_breaker;
        breaker.enable
            && breaker.rollback
            && !service.shifts_traffic()
            && self.progress.failures >= threshold
    }

    /// One question, and the next step where it is answered and its time is over.
    fn shift<Op: Observe<World, World>>(&mut self, verify: &Op) {
        let steps: &[(&str, f64, u32)] = match self.described().strategy.as_str() {
            "BLUE_GREEN" => &AT_ONCE,
            _ => &CANARY,
        };
        let Some((stage, weight, wait)) = steps.get(self.progress.step).copied() else {
            self.world.state_mut().settle(&self.service);
            return;
        };
        self.show(weight);
        self.requests(weight);
        if self.progress.minutes == 0 {
            let weights = if stage.starts_with("PRODUCTION") {
                json!({"new": weight, "old": 100.0 - weight})
            } else {
                json!({})
            };
            match self.ask(verify, stage, &weights).as_str() {
                "SUCCEEDED" => {}
                "FAILED" => {
                    self.world.state_mut().roll_back(&self.service);
                    return;
                }
                _ => return,
            }
        }
        self.progress.minutes += 1;
        if self.progress.minutes > wait {
            self.progress.minutes = 0;
            self.progress.step += 1;
        }
    }

    fn arn(&self) -> String {
        format!("service-deployment/{}", self.progress.deployment)
    }

    /// What DescribeServiceDeployments answers.
    fn show(&self, weight: f64) {
        let service = self.described();
        let before = service
            .deployments
            .iter()
            .find(|other| other.rollout_state == "COMPLETED");
        let revision = |side: &str, definition: &str, weight: f64| ServiceRevision {
            arn: side.to_owned(),
            task_definition: definition.to_owned(),
            target_groups: vec![group(side)],
            weight: Some(weight),
        };
        let deployment = ServiceDeployment {
            arn: self.arn(),
            status: "IN_PROGRESS".to_owned(),
            from: before.map(|before| revision("old", &before.task_definition, 100.0 - weight)),
            to: revision("new", &service.task_definition, weight),
            ..ServiceDeployment::default()
        };
        self.world
            .state_mut()
            .shifting
            .insert(self.arn(), deployment);
    }

    fn requests(&mut self, weight: f64) {
        let errors = |behaviour: Behaviour| {
            if behaviour == Behaviour::Errs {
                0.1
            } else {
                0.001
            }
        };
        let sides = [
            ("old", 100.0 - weight, errors(Behaviour::Good)),
            ("new", weight, errors(self.behaviour())),
        ];
        for (side, share, chance) in sides {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a few thousand"
            )]
            let requests = (self.per_minute * share / 100.0).round() as u32;
            let failed = (0..requests).filter(|_| self.dice.f64() < chance).count();
            let mut state = self.world.state_mut();
            let now = state.now;
            let traffic = state.traffic.entry(group(side)).or_default();
            // A minute that is over by the time of the next question.
            let minute = now - SignedDuration::from_mins(1);
            traffic.requests.insert(minute, f64::from(requests));
            traffic.answers.insert(minute, f64::from(requests));
            traffic
                .errors
                .insert(minute, f64::from(u32::try_from(failed).unwrap_or(u32::MAX)));
        }
    }

    fn ask<Op: Observe<World, World>>(&self, verify: &Op, stage: &str, weights: &Value) -> String {
        let call = json!({
            "executionId": "e", "lifecycleStage": stage, "resourceArn": self.arn(),
            "executionDetails": {
                "serviceArn": self.service.as_str(), "targetServiceRevisionArn": "new",
                "testTrafficWeights": {}, "productionTrafficWeights": weights,
            },
        });
        let answer = self.world.invoke(verify, call);
        // A function that is killed answers nothing, and ECS takes the deployment back.
        let answer = answer.map_or(json!({"hookStatus": "FAILED"}), Result::unwrap_or_default);
        answer["hookStatus"].as_str().unwrap_or("FAILED").to_owned()
    }
}

fn group(side: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{side}/0123456789abcdef"
    )
}
