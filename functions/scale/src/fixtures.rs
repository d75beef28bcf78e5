//! States of one service for tests. They compose: `given().runs(2).requests(37.2)`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::model::{
    Arn, Deployment, Load, QueueLoad, ScalableTarget, Series, Service, Tagged,
};
use lamplighter::plan::{Action, ScalingAction};
use lamplighter::policy::StackDefaults;
use lamplighter::state::{Scaling, SetByOthers, Surge, TargetState};
use lamplighter::{Event, Plan};
use serde_json::Value;

use crate::{Observed, Scale, decide};

pub const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // Saturday, 2026-11-21T03:00:00Z

pub struct Given {
    pub tags: BTreeMap<String, String>,
    pub memory: TargetState,
    pub observed: Observed,
    pub event: Event,
}

/// shop/web: 2 of 2 tasks, min 2, max 8, 10 requests a second each, idle for the last 15 minutes.
pub fn given() -> Given {
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let service = Service {
        task_definition: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41".into(),
        deployments: vec![Deployment {
            id: "ecs-svc/1".into(),
            status: "PRIMARY".into(),
            task_definition: String::new(),
            rollout_state: "COMPLETED".into(),
            created_at: Some(NOW - SignedDuration::from_hours(24)),
            running_count: 0,
        }],
        ..Service::new_rolling(arn, 2)
    };
    let observed = Observed {
        service: Some(service),
        load: Load::default(),
        scalable: None,
    };
    let tags = BTreeMap::from([("lamplighter:managed".to_owned(), "true".to_owned())]);
    Given {
        tags,
        memory: TargetState::default(),
        observed,
        event: Event::scheduled_sweep("sweep"),
    }
    .tag("scale", "min=2 max=8 rps=10 cpu=80")
    .requests(0.0)
    .cpu(10.0)
}

/// The last 15 minutes, all with one value.
pub fn flat(value: f64) -> Series {
    (1..=15)
        .map(|n| (NOW - SignedDuration::from_mins(n), value))
        .collect()
}

impl Given {
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags
            .insert(format!("lamplighter:{key}"), value.to_owned());
        self
    }

    pub fn untag(mut self, key: &str) -> Self {
        self.tags.remove(&format!("lamplighter:{key}"));
        self
    }

    pub fn service(&mut self) -> &mut Service {
        self.observed.service.as_mut().unwrap()
    }

    /// Desired and running.
    pub fn runs(mut self, count: u32) -> Self {
        let count = i32::try_from(count).unwrap();
        let service = self.service();
        (service.desired_count, service.running_count) = (count, count);
        let since = NOW - SignedDuration::from_hours(2);
        let count = count.unsigned_abs();
        self.memory.scaling.set_by_others = Some(SetByOthers { count, since });
        self
    }

    /// Requests per second, all the time.
    pub fn requests(mut self, rps: f64) -> Self {
        self.observed.load.requests = Some(flat(rps * 60.0));
        self
    }

    pub fn cpu(mut self, percent: f64) -> Self {
        self.observed.load.cpu = flat(percent);
        self
    }

    /// Requests per second in the minute that ended some minutes ago.
    pub fn requests_at(mut self, minutes_ago: i64, rps: f64) -> Self {
        let series = self.observed.load.requests.get_or_insert_default();
        series.insert(NOW - SignedDuration::from_mins(minutes_ago), rps * 60.0);
        self
    }

    pub fn cpu_at(mut self, minutes_ago: i64, percent: f64) -> Self {
        self.observed
            .load
            .cpu
            .insert(NOW - SignedDuration::from_mins(minutes_ago), percent);
        self
    }

    pub fn scaled(mut self, seconds_ago: i64, from: u32, to: u32) -> Self {
        let at = NOW - SignedDuration::from_secs(seconds_ago);
        self.memory.scaling.scalings.push(Scaling { at, from, to });
        self
    }

    pub fn surge(mut self, minutes_ago: i64, base: u32, count: u32) -> Self {
        let since = NOW - SignedDuration::from_mins(minutes_ago);
        self.memory.scaling.surge = Some(Surge {
            since,
            base,
            peak: count,
            count,
            at: since,
            task_seconds: 0,
        });
        self
    }

    pub fn auto_scaled(mut self, min: u32, max: u32) -> Self {
        self.observed.scalable = Some(ScalableTarget {
            service: self.service().arn.clone(),
            min,
            max,
            scaling_in_suspended: false,
            scaling_out_suspended: false,
            scheduled_scaling_suspended: false,
        });
        self
    }

    pub fn event(mut self, event: Value) -> Self {
        self.event = Event::parse(event).unwrap();
        self
    }

    pub fn decided(&self) -> Plan {
        let policy = Scale
            .parse_policy(&self.tags, &StackDefaults::default())
            .unwrap()
            .unwrap();
        let target = Tagged {
            arn: self.observed.service.as_ref().unwrap().arn.clone(),
            tags: self.tags.clone(),
        };
        let mut memory = self.memory.clone();
        Scale::prune_state(&mut memory, &self.observed, NOW);
        let context = TargetContext {
            event: &self.event,
            target: &target,
            policy: &policy,
            state: &memory,
        };
        decide(context, &self.observed, NOW)
    }

    /// The count that is set; `None` where it stays.
    pub fn count(&self) -> Option<u32> {
        match &self.decided().steps[..] {
            [] => None,
            [step] => match &step.action {
                Action::Scaling(ScalingAction::SetDesiredCount(scale)) => Some(scale.to),
                other => panic!("{other:?}"),
            },
            several => panic!("{several:?}"),
        }
    }

    /// The minimum that is set, and whether that restores it.
    pub fn floor(&self) -> Option<(u32, bool)> {
        match &self.decided().steps[..] {
            [] => None,
            [step] => match &step.action {
                Action::Scaling(ScalingAction::SetMinCapacity(floor)) => {
                    Some((floor.to, floor.restores))
                }
                other => panic!("{other:?}"),
            },
            several => panic!("{several:?}"),
        }
    }

    /// A worker of the queue `jobs`, with what SQS and CloudWatch know of it.
    pub fn works(mut self, queue: QueueLoad) -> Self {
        self.observed.load.queue = Some(queue);
        self.observed.load.requests = None;
        self.tag("scale", "min=0 max=20 queue=jobs latency=60s")
    }

    /// Lamplighter stopped it two hours ago.
    pub fn stopped(mut self) -> Self {
        self.memory.scaling.stopped_since = Some(NOW - SignedDuration::from_hours(2));
        self.runs(0)
    }

    pub fn titles(&self) -> Vec<String> {
        let plan = self.decided();
        let done = plan.steps.into_iter().filter_map(|step| step.message);
        done.chain(plan.messages)
            .map(|message| message.title)
            .collect()
    }
}
