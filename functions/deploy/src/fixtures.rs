//! States of one service for tests. They compose: `given().deploy("tag=latest").offers("latest", 7)`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::secret::{SecretChange, SecretChangeKind};
use lamplighter::model::{
    Arn, Deployment, Digest, Image, ImageScan, Platform, PlatformImage, Service, Tagged,
    TaskDefinition,
};
use lamplighter::policy::{LifecycleHook, StackDefaults};
use lamplighter::state::{Attempt, TargetState};
use lamplighter::{Event, Plan};
use serde_json::{Value, json};

use crate::{Deploy, EarlierStage, Observed, Offer, decide, select_container};

pub const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // Saturday, 2026-11-21T03:00:00Z
pub const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
pub const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";

/// Returns the digest of the nth image.
pub fn digest(n: u64) -> Digest {
    Digest::new(format!("sha256:{n:064x}"))
}

pub struct Given {
    pub tags: BTreeMap<String, String>,
    pub memory: TargetState,
    pub observed: Observed,
    pub event: Event,
    pub now: Timestamp,
}

/// shop/web runs `RC_1.4.1` (image 1), tracks `RC_x.x.x`, and is offered `RC_1.4.2` (image 2).
pub fn given() -> Given {
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let tags = BTreeMap::from([("lamplighter:managed".to_owned(), "true".to_owned())]);
    let service = Service {
        task_definition: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41".into(),
        deployments: vec![Deployment {
            id: "ecs-svc/1".into(),
            status: "PRIMARY".into(),
            task_definition: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41"
                .into(),
            rollout_state: "COMPLETED".into(),
            created_at: Some(NOW - SignedDuration::from_hours(24)),
            running_count: 0,
        }],
        ..Service::new_rolling(arn, 3)
    };
    let observed = Observed {
        service: Some(service),
        code_deployment: None,
        running: None,
        container: Err(String::new()),
        offer: Offer::NoTag(Vec::new()),
        approved: std::collections::BTreeMap::new(),
        approvals: None,
        approval_problems: Vec::new(),
        rejected: None,
        unpinned: None,
        is_unsettled: false,
        earlier_stage: None,
        group_services: None,
        scan: None,
        newest_revision: None,
        released: None,
        latest_template: None,
        unapplied_template: None,
        pre_deployment: None,
        before: None,
        databases: Vec::new(),
    };
    Given {
        tags,
        memory: TargetState::default(),
        observed,
        event: Event::scheduled_sweep("sweep"),
        now: NOW,
    }
    .deploy("tag=RC_x.x.x repo=shop/web")
    .running("RC_1.4.1", 1)
    .offers("RC_1.4.2", 2)
}

impl Given {
    pub fn tag(mut self, key: &str, value: impl Into<String>) -> Self {
        self.tags.insert(format!("lamplighter:{key}"), value.into());
        self
    }

    pub fn deploy(self, value: &str) -> Self {
        self.tag("deploy", value)
    }

    pub fn running(self, tag: &str, image: u64) -> Self {
        self.running_image(&format!("{HOST}/shop/web:{tag}@{}", digest(image)))
    }

    pub fn running_image(mut self, image: &str) -> Self {
        self.observed.running = Some(definition(41, image));
        self
    }

    pub fn offers(mut self, tag: &str, image: u64) -> Self {
        let image = Image {
            tag: tag.into(),
            digest: digest(image),
            platforms: None,
            commit: None,
        };
        self.observed.offer = Offer::Image {
            image,
            pushed_at: Some(self.now - SignedDuration::from_secs(12)),
        };
        self
    }

    pub fn offers_since(mut self, tag: &str, image: u64, pushed: SignedDuration) -> Self {
        self = self.offers(tag, image);
        if let Offer::Image { pushed_at, .. } = &mut self.observed.offer {
            *pushed_at = Some(self.now - pushed);
        }
        self
    }

    pub fn for_platforms(mut self, platforms: &[(&str, &str)]) -> Self {
        if let Offer::Image { image, .. } = &mut self.observed.offer {
            let platform = |(os, architecture): &(&str, &str)| PlatformImage {
                platform: Platform {
                    os: (*os).into(),
                    architecture: (*architecture).into(),
                },
                digest: Digest::new(format!("sha256:of-{architecture}")),
            };
            image.platforms = Some(platforms.iter().map(platform).collect());
        }
        self
    }

    pub fn offer(mut self, offer: Offer) -> Self {
        self.observed.offer = offer;
        self
    }

    pub fn scanned(mut self, scan: ImageScan) -> Self {
        self.observed.scan = Some(scan);
        self
    }

    pub fn service(mut self, change: impl FnOnce(&mut Service)) -> Self {
        self.observed.service.iter_mut().next().map(change);
        self
    }

    pub fn rolling(self) -> Self {
        self.service(|s| s.deployments[0].rollout_state = "IN_PROGRESS".into())
    }

    pub fn quarantined(mut self, image: u64, reason: &str) -> Self {
        self.memory
            .releases
            .quarantined
            .insert(digest(image), reason.into());
        self
    }

    /// Records a rollout of this image, so long ago.
    pub fn rolled_out(mut self, image: u64, ago: SignedDuration) -> Self {
        let attempt = Attempt {
            at: self.now - ago,
            digest: Some(digest(image)),
            tag: None,
            approved: false,
            commit: None,
            finished: true,
        };
        self.memory.releases.attempts.push(attempt);
        self.memory.releases.current = Some(digest(image));
        self
    }

    /// Gives the newest revision of the family this image.
    pub fn newest_revision(mut self, image: &str) -> Self {
        self.observed.newest_revision = Some(definition(42, image));
        self
    }

    /// Sets what was released in the service that comes before.
    pub fn after(mut self, stage: EarlierStage) -> Self {
        self.observed.earlier_stage = Some(stage);
        self
    }

    /// Makes the event a rotation of this secret, so long ago.
    pub fn rotated(mut self, secret_arn: &str, ago: SignedDuration) -> Self {
        self.event.detail = Detail::SecretChange(SecretChange {
            arn: secret_arn.into(),
            kind: SecretChangeKind::Rotation,
        });
        self.event.time = Some(self.now - ago);
        self
    }

    pub fn decide(mut self) -> Plan {
        let hook = Some(LifecycleHook {
            function: "verify".into(),
            role: "role".into(),
        });
        let defaults = StackDefaults {
            hook,
            ..StackDefaults::default()
        };
        let policy = Deploy.parse_policy(&self.tags, &defaults).unwrap().unwrap();
        let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
        if let Some(running) = &self.observed.running {
            self.observed.container = select_container(&policy.deploy, running, &arn);
        }
        let target = Tagged {
            arn,
            tags: self.tags,
        };
        let context = TargetContext {
            event: &self.event,
            target: &target,
            policy: &policy,
            state: &self.memory,
        };
        decide(context, &self.observed, self.now)
    }
}

fn definition(revision: u32, image: &str) -> TaskDefinition {
    let Value::Object(document) = json!({
        "taskDefinitionArn": format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:{revision}"),
        "family": "shop-web", "revision": revision, "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [
            {"name": "web", "image": image, "secrets": [{"name": "P", "valueFrom": format!("{SECRET}:password::")}]},
            {"name": "proxy", "image": "envoy:1"}
        ]
    }) else {
        unreachable!("an object")
    };
    TaskDefinition {
        document,
        tags: BTreeMap::new(),
    }
}

/// A canary service behind load balancers that can route to two revisions.
pub fn two_groups(strategy: &str) -> Given {
    given()
        .service(|service| {
            service.shifting.is_possible = true;
            service.strategy = "CANARY".into();
            service.shifting.hooks = ["verify".to_owned()].into();
        })
        .deploy(&format!("tag=RC_x.x.x repo=shop/web {strategy}"))
}
