//! Load in the simulated world: traffic becomes metrics, metrics move alarms, alarms speak.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, Arn, ExistingAlarm, Load, LoadQuery, Measure,
    ScalableTarget, Series, Service, Statistic, TargetGroup, TargetHealthCheck,
};
use serde_json::{Value, json};

use super::{State, World};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const SERVICE_AND_CLUSTER: [&str; 2] = ["ClusterName", "ServiceName"];

/// What one task of a service does with its requests.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// CPU utilisation that one request per second costs, in per cent of a task.
    pub cpu_per_rps: f64,
    /// CPU utilisation without any request.
    pub idle_cpu: f64,
    /// Memory utilisation that one request per second costs, in per cent of a task.
    pub memory_per_rps: f64,
    /// Memory utilisation without any request.
    pub idle_memory: f64,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            cpu_per_rps: 5.0,
            idle_cpu: 2.0,
            memory_per_rps: 0.0,
            idle_memory: 40.0,
        }
    }
}

impl World {
    /// Puts a service behind a load balancer and gives it bounds.
    pub fn scaled(&self, name: &str, scale: &str) -> Arn {
        let arn = self.service(name, &format!("shop/{name}"), "latest", "tag=latest");
        let group = format!(
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef"
        );
        let balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";
        let mut state = self.state_mut();
        let behind = TargetGroup {
            arn: group.clone(),
            load_balancers: vec![balancer.to_owned()],
            health_check: TargetHealthCheck::default(),
        };
        state.target_groups.insert(group.clone(), behind);
        let tags = state.tags.entry(arn.clone()).or_default();
        tags.remove("lamplighter:deploy");
        if !scale.is_empty() {
            tags.insert("lamplighter:scale".to_owned(), scale.to_owned());
        }
        if let Some(service) = state.services.get_mut(&arn) {
            service.target_groups.push(group);
        }
        drop(state);
        arn
    }

    /// The alarms of a service on CPU and on requests per second and task.
    pub fn alarms_on(&self, service: &Arn, cpu: f64, rps: f64) {
        self.cpu_alarm_on(service, cpu);
        self.requests_alarm_on(service, rps);
    }

    /// The alarm of a service on its CPU: three minutes.
    pub fn cpu_alarm_on(&self, service: &Arn, percent: f64) {
        let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
        let dimensions = [("ClusterName", cluster), ("ServiceName", name)];
        let alarm = Alarm {
            comparison: "GreaterThanOrEqualToThreshold".to_owned(),
            threshold: percent,
            minutes: 3,
            ..alarm(
                service,
                "cpu-peak",
                "AWS/ECS",
                "CPUUtilization",
                &dimensions,
            )
        };
        self.state_mut().put_alarm(&alarm, &BTreeMap::new());
    }

    /// The alarm of a service on the requests per second of its target group: one minute.
    pub fn requests_alarm_on(&self, service: &Arn, rps: f64) {
        let (_, name) = service.ecs_cluster_and_name().unwrap_or_default();
        let group = format!("targetgroup/{name}/0123456789abcdef");
        let dimensions = [("TargetGroup", group.as_str())];
        let (namespace, metric) = ("AWS/ApplicationELB", "RequestCountPerTarget");
        let alarm = Alarm {
            threshold: rps * 60.0,
            ..alarm(service, "requests", namespace, metric, &dimensions)
        };
        self.state_mut().put_alarm(&alarm, &BTreeMap::new());
    }

    /// A service under any ARN that has needed more tasks for a while.
    pub fn busy(&self, arn: &Arn) -> Arn {
        let model = self.scaled("model", "min=2 max=8 rps=10");
        let mut state = self.state_mut();
        let mut service = state
            .services
            .remove(&model)
            .unwrap_or_else(|| unreachable!("it was just made"));
        service.arn = arn.clone();
        state.services.insert(arn.clone(), service);
        let tags = state.tags.remove(&model).unwrap_or_default();
        state.tags.insert(arn.clone(), tags);
        let beginning = state.now;
        let minutes = (1..=15).map(|n| beginning - MINUTE * n);
        let load = Load {
            requests: Some(minutes.clone().map(|minute| (minute, 3_000.0)).collect()),
            cpu: minutes.map(|minute| (minute, 90.0)).collect(),
            ..Load::default()
        };
        state.loads.insert(arn.clone(), load);
        drop(state);
        arn.clone()
    }

    /// Registers a service with Application Auto Scaling.
    pub fn auto_scaled(&self, service: &Arn, min: u32, max: u32) {
        let target = ScalableTarget {
            service: service.clone(),
            min,
            max,
            scaling_in_suspended: false,
            scaling_out_suspended: false,
            scheduled_scaling_suspended: false,
        };
        self.state_mut().scalable.insert(service.clone(), target);
    }

    /// A minute passes under this traffic (requests a second): it is measured, tasks that were asked for at
    /// its beginning run at its end, and alarms are evaluated. Answers the events of alarms that changed.
    pub fn minute(&self, service: &Arn, rps: f64, task: Task) -> Vec<Value> {
        self.minute_of(&[(service.clone(), rps)], task)
    }

    /// The same for several services at once.
    pub fn minute_of(&self, traffic: &[(Arn, f64)], task: Task) -> Vec<Value> {
        let mut state = self.state_mut();
        let begun = state.now;
        for (arn, rps) in traffic {
            state.measure(arn, *rps, task, begun);
        }
        state.now += MINUTE;
        for service in state.services.values_mut() {
            service.running_count = service.desired_count;
        }
        state.evaluate(begun)
    }
}

/// An alarm as `enroll` creates it, for one minute above zero.
fn alarm(
    service: &Arn,
    kind: &str,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
) -> Alarm {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    let dimensions = dimensions.iter();
    Alarm {
        name: format!("lamplighter/{cluster}/{name}/{kind}"),
        description: String::new(),
        measure: Measure::One(AlarmMetric {
            namespace: namespace.to_owned(),
            name: metric.to_owned(),
            dimensions: dimensions
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            statistic: Statistic::Average,
        }),
        comparison: "GreaterThanThreshold".to_owned(),
        threshold: 0.0,
        minutes: 1,
        period: 1,
        missing_data: "notBreaching".to_owned(),
        actions: AlarmTopics::default(),
    }
}

impl State {
    fn measure(&mut self, arn: &Arn, rps: f64, task: Task, minute: Timestamp) {
        let running = f64::from(self.services[arn].running_count.max(1));
        let per_target = rps / self.targets_beside(arn).max(1.0);
        let load = self.loads.entry(arn.clone()).or_default();
        let requests = load.requests.get_or_insert_default();
        // A load balancer reports no minute without requests.
        if rps > 0.0 {
            requests.insert(minute, rps * 60.0);
            load.requests_per_target.insert(minute, per_target * 60.0);
        }
        let utilization = |idle: f64, cost: f64| (idle + per_target * cost).min(100.0);
        load.cpu
            .insert(minute, utilization(task.idle_cpu, task.cpu_per_rps));
        load.memory
            .insert(minute, utilization(task.idle_memory, task.memory_per_rps));
        load.tasks.insert(minute, running);
    }

    /// The targets in the target groups of a service: its tasks, and those of others that are registered there.
    fn targets_beside(&self, arn: &Arn) -> f64 {
        let groups = &self.services[arn].target_groups;
        let is_beside = |other: &&Service| {
            let mut theirs = other.target_groups.iter();
            other.arn == *arn || theirs.any(|group| groups.contains(group))
        };
        let beside = self.services.values().filter(is_beside);
        beside.map(|service| f64::from(service.running_count)).sum()
    }

    /// What GetMetricData answers.
    pub(super) fn measured(&self, query: &LoadQuery, from: Timestamp, to: Timestamp) -> Load {
        let queue = query.queue.as_ref().map(|name| {
            let queue = self.queues.get(name);
            queue.map(|queue| queue.load(from, to)).unwrap_or_default()
        });
        let Some(all) = self.loads.get(&query.service) else {
            return Load {
                requests: (!query.target_groups.is_empty()).then(Series::new),
                queue,
                ..Load::default()
            };
        };
        let within = |series: &Series| -> Series {
            series
                .iter()
                .filter(|(time, _)| (from..to).contains(*time))
                .map(|(t, v)| (*t, *v))
                .collect()
        };
        let counted = !query.target_groups.is_empty();
        Load {
            queue,
            requests: counted.then(|| within(all.requests.as_ref().unwrap_or(&Series::new()))),
            requests_per_target: within(&all.requests_per_target),
            cpu: within(&all.cpu),
            memory: within(&all.memory),
            tasks: within(&all.tasks),
            busiest_cpu: if query.busiest {
                within(&all.busiest_cpu)
            } else {
                Series::new()
            },
            busiest_memory: if query.busiest {
                within(&all.busiest_memory)
            } else {
                Series::new()
            },
        }
    }

    /// Makes an alarm or changes it; its state and its tags stay.
    pub fn put_alarm(&mut self, alarm: &Alarm, tags: &BTreeMap<String, String>) {
        let arn = format!(
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{}",
            alarm.name
        );
        let before = self.alarms.get(&alarm.name);
        if before.is_none() {
            self.tags.insert(Arn::new(arn.clone()), tags.clone());
        }
        let state = before.map_or(AlarmState::InsufficientData, |before| before.state);
        let state_since = before.map_or(Some(self.now), |before| before.state_since);
        let has = ExistingAlarm {
            name: alarm.name.clone(),
            arn,
            state,
            state_since,
            state_reason: String::new(),
            description: alarm.description.clone(),
            actions: alarm.actions.clone(),
            alarm: Some(alarm.clone()),
        };
        self.alarms.insert(alarm.name.clone(), has);
    }

    /// Moves every alarm to the state that its last minutes ask for, up to the newest one. Returns the events of those that changed.
    pub fn evaluate(&mut self, newest: Timestamp) -> Vec<Value> {
        let mut events = Vec::new();
        let mut alarms = std::mem::take(&mut self.alarms);
        for has in alarms.values_mut() {
            let Some(alarm) = has.alarm.clone() else {
                continue;
            };
            let state = alarm.find_state(newest, |metric, minute| {
                self.value_of_metric(metric, minute)
            });
            if state != has.state {
                events.push(changed(has, &alarm, state, self.now));
                has.state = state;
                has.state_since = Some(self.now);
            }
        }
        self.alarms = alarms;
        events
    }

    fn value(&self, measure: &Measure, minute: Timestamp) -> Option<f64> {
        let values: Vec<Option<f64>> = measure
            .metrics()
            .into_iter()
            .map(|metric| self.value_of_metric(metric, minute))
            .collect();
        measure.evaluate(&values)
    }

    fn value_of_metric(&self, metric: &AlarmMetric, minute: Timestamp) -> Option<f64> {
        self.value_besides(metric, minute)
            .or_else(|| self.value_of_load(metric, minute))
            .or_else(|| self.healthy_targets(metric))
    }

    /// Every running task is a healthy target, unless a test measures something else.
    fn healthy_targets(&self, metric: &AlarmMetric) -> Option<f64> {
        let group = metric.dimensions.get("TargetGroup")?;
        let behind = |arns: &[String]| arns.iter().any(|arn| arn.ends_with(group.as_str()));
        let service = self
            .services
            .values()
            .find(|service| behind(&service.target_groups))?;
        (metric.name == "HealthyHostCount" && service.running_count > 0)
            .then(|| f64::from(service.running_count))
    }

    fn value_of_load(&self, metric: &AlarmMetric, minute: Timestamp) -> Option<f64> {
        let of = |service: &Arn| {
            let (cluster, name) = service.ecs_cluster_and_name()?;
            let [c, s] = SERVICE_AND_CLUSTER
                .map(|dimension| metric.dimensions.get(dimension).map(String::as_str));
            (c == Some(cluster) && s == Some(name)).then_some(())
        };
        let behind = |service: &Arn| {
            let groups = &self.services.get(service)?.target_groups;
            let group = metric.dimensions.get("TargetGroup")?;
            groups
                .iter()
                .any(|arn| arn.ends_with(group.as_str()))
                .then_some(())
        };
        let (arn, load) = self
            .loads
            .iter()
            .find(|(arn, _)| of(arn).is_some() || behind(arn).is_some())?;
        match metric.name.as_str() {
            "CPUUtilization" => load.cpu.get(&minute).copied(),
            "MemoryUtilization" => load.memory.get(&minute).copied(),
            "RequestCountPerTarget" => {
                let running = f64::from(self.services[arn].running_count.max(1));
                let requests = || Some(load.requests.as_ref()?.get(&minute)? / running);
                let recorded = load.requests_per_target.get(&minute).copied();
                recorded.or_else(requests)
            }
            _ => None,
        }
    }

    /// A value of a metric that tests put there.
    fn value_besides(&self, metric: &AlarmMetric, minute: Timestamp) -> Option<f64> {
        let dimensions = metric.dimensions.values();
        dimensions
            .filter_map(|target| self.measured.get(&(metric.name.clone(), target.clone())))
            .find_map(|series| series.get(&minute).copied())
    }

    /// What an alarm measures, as GetMetricData answers it.
    pub(super) fn measure_of(&self, measure: &Measure, from: Timestamp, to: Timestamp) -> Series {
        let second = from.as_second();
        let first = (0..).map(|n| second - second.rem_euclid(60) + n * 60);
        first
            .take_while(|at| *at < to.as_second())
            .filter_map(|at| Timestamp::from_second(at).ok())
            .filter_map(|minute| Some((minute, self.value(measure, minute)?)))
            .collect()
    }

    /// Moves alarms by what is measured now, and answers the events of those that changed.
    pub fn evaluate_alarms(&mut self) -> Vec<Value> {
        let newest = self.now - MINUTE;
        self.evaluate(newest)
    }
}

fn changed(has: &ExistingAlarm, alarm: &Alarm, state: AlarmState, now: Timestamp) -> Value {
    let at = now.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    let metrics = alarm.measure.metrics().into_iter().map(|metric| {
        json!({"id": "m1", "returnData": true, "metricStat": {"period": 60, "stat": metric.statistic.as_str(),
            "metric": {"namespace": metric.namespace, "name": metric.name, "dimensions": metric.dimensions}}})
    });
    json!({
        "version": "0", "id": format!("{}@{at}", has.name), "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch", "account": "123456789012", "time": now.to_string(), "region": "eu-west-1",
        "resources": [has.arn],
        "detail": {
            "alarmName": has.name,
            "state": {"value": state.as_str(), "reason": "Threshold Crossed", "timestamp": at},
            "previousState": {"value": has.state.as_str()},
            "configuration": {"metrics": metrics.collect::<Vec<_>>()},
        },
    })
}
