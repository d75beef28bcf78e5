//! One service while its past is played: tasks that start, what they would have measured, and alarms that would have fired.

use jiff::Timestamp;
use lamplighter::model::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, ExistingAlarm, Load, LoadQuery, Service,
};

use super::minutes::{Minutes, Period};
use super::past::ServicePast;

/// A service under Lamplighter.
#[derive(Debug, Clone)]
pub struct PlayedService {
    pub past: ServicePast,
    /// What DescribeServices would have answered in the present minute.
    pub service: Service,
    /// Tasks that start, with the minute from which they serve.
    starting: Vec<(usize, u32)>,
    /// Tasks that served, by minute; unknown where the past is.
    pub running: Minutes,
    /// Tasks that reported: none does while none runs.
    tasks: Minutes,
    /// Average CPU utilization, in percent.
    pub cpu: Minutes,
    pub alarms: Vec<PlayedAlarm>,
    /// How often the desired count changed.
    pub changes: usize,
}

/// An alarm that Lamplighter would have created.
#[derive(Debug, Clone)]
pub struct PlayedAlarm {
    pub alarm: Alarm,
    pub state: AlarmState,
    /// The first minute of each time in ALARM, and the first one after it.
    pub firings: Vec<(usize, usize)>,
}

impl PlayedService {
    /// Begins with the tasks that ran.
    #[must_use]
    pub fn new(past: ServicePast, alarms: Vec<Alarm>, period: Period) -> Self {
        let first = (0..period.minutes).find_map(|minute| past.tasks.get(minute));
        let first = first.map_or(past.service.desired_count, |tasks| {
            i32::try_from(round(tasks)).unwrap_or(i32::MAX)
        });
        let service = Service {
            desired_count: first.max(1),
            running_count: first.max(1),
            pending_count: 0,
            // Neither the rollouts nor the problems of today are part of the past.
            deployments: Vec::new(),
            task_sets: 0,
            code_deployments: Vec::new(),
            ..past.service.clone()
        };
        let alarms = alarms.into_iter().map(|alarm| PlayedAlarm {
            alarm,
            state: AlarmState::InsufficientData,
            firings: Vec::new(),
        });
        Self {
            past,
            service,
            starting: Vec::new(),
            running: Minutes::default(),
            tasks: Minutes::default(),
            cpu: Minutes::default(),
            alarms: alarms.collect(),
            changes: 0,
        }
    }

    /// Sets the desired count. Tasks that are added serve from the minute `ready` on. Those that start are stopped first, and others
    /// serve until the minute ends.
    pub fn set_desired(&mut self, to: u32, ready: usize) {
        let before = self.service.desired_count.unsigned_abs();
        if to == before {
            return;
        }
        self.changes += 1;
        if to > before {
            self.starting.push((ready, to - before));
        }
        let mut surplus = before.saturating_sub(to);
        while let Some((_, count)) = self.starting.last_mut().filter(|_| surplus > 0) {
            let stopped = surplus.min(*count);
            *count -= stopped;
            surplus -= stopped;
            if *count == 0 {
                self.starting.pop();
            }
        }
        self.service.desired_count = i32::try_from(to).unwrap_or(i32::MAX);
        self.count_pending();
    }

    /// Tasks that are ready serve from this minute on.
    pub fn begin_minute(&mut self, minute: usize) {
        let ready = self.starting.iter().filter(|(at, _)| *at <= minute);
        let ready: u32 = ready.map(|(_, count)| count).sum();
        self.starting.retain(|(at, _)| *at > minute);
        let ready = i32::try_from(ready).unwrap_or(i32::MAX);
        self.service.running_count = self.service.running_count.saturating_add(ready);
        self.count_pending();
    }

    fn count_pending(&mut self) {
        self.service.pending_count = self.service.desired_count - self.service.running_count;
    }

    /// Measures the minute that ends: the tasks share the work that was done then.
    pub fn end_minute(&mut self, minute: usize) {
        let running = f64::from(self.service.running_count);
        let is_known = self.past.is_known(minute);
        let used = self.past.used_cpu(minute);
        // Without a task nothing reports.
        let is_measured = used.is_some() && running > 0.0;
        let limit = self.past.cpu_limit.unwrap_or(f64::INFINITY);
        let cpu = used.filter(|_| is_measured);
        self.running.push(is_known.then_some(running));
        self.tasks.push(is_measured.then_some(running));
        self.cpu
            .push(cpu.map(|used| (used / running * 100.0).min(limit)));
        let desired = self.service.desired_count;
        self.service.running_count = self.service.running_count.min(desired);
    }

    /// Moves the alarms by the minutes up to `newest`, in the minute `now`.
    pub fn evaluate_alarms(&mut self, newest: usize, now: usize, period: Period) {
        let mut alarms = std::mem::take(&mut self.alarms);
        for alarm in &mut alarms {
            let length =
                usize::try_from(alarm.alarm.minutes * alarm.alarm.period).unwrap_or_default();
            let first = (newest + 1).saturating_sub(length);
            // Of a service that did not run yet, or whose past is forgotten, no alarm knows anything.
            if !(first..=newest).all(|minute| self.past.is_known(minute)) {
                alarm.state = AlarmState::InsufficientData;
                continue;
            }
            let state = alarm
                .alarm
                .find_state(period.start_of(newest), |metric, at| {
                    self.read_metric(metric, period.minute_at(at)?)
                });
            alarm.enter(state, now);
        }
        self.alarms = alarms;
    }

    /// Returns a metric in a minute as it would have been: fewer tasks would have done more each.
    fn read_metric(&self, metric: &AlarmMetric, minute: usize) -> Option<f64> {
        let is_average = metric.statistic == lamplighter::model::Statistic::Average;
        match metric.name.as_str() {
            "CPUUtilization" if is_average => self.cpu.get(minute),
            "RequestCountPerTarget" => {
                let recorded = self.past.read_metric(metric, minute)?;
                let before = self.past.tasks.get(minute)?;
                Some(recorded * before / self.tasks.get(minute)?)
            }
            _ => self.past.read_metric(metric, minute),
        }
    }

    /// Returns the load between two times as CloudWatch would have answered it.
    #[must_use]
    pub fn read_load(
        &self,
        query: &LoadQuery,
        period: Period,
        from: Timestamp,
        to: Timestamp,
    ) -> Load {
        let read = |minutes: &Minutes| minutes.read(period, from, to);
        let tasks = read(&self.tasks);
        let requests = self
            .past
            .requests
            .as_ref()
            .filter(|_| !query.target_groups.is_empty());
        let requests = requests.map(read);
        let per_target = requests
            .iter()
            .flatten()
            .filter_map(|(at, requests)| Some((*at, requests / tasks.get(at)?)));
        Load {
            requests_per_target: per_target.collect(),
            cpu: read(&self.cpu),
            memory: read(&self.past.memory),
            requests,
            tasks,
            ..Load::default()
        }
    }
}

impl PlayedAlarm {
    fn enter(&mut self, state: AlarmState, now: usize) {
        match (self.state, state) {
            (AlarmState::Alarm, AlarmState::Alarm) => {
                if let Some((_, end)) = self.firings.last_mut() {
                    *end = now + 1;
                }
            }
            (_, AlarmState::Alarm) => self.firings.push((now, now + 1)),
            (_, AlarmState::Ok | AlarmState::InsufficientData) => {}
        }
        self.state = state;
    }

    /// Returns the alarm as DescribeAlarms answers it.
    #[must_use]
    pub fn describe(&self) -> ExistingAlarm {
        ExistingAlarm {
            name: self.alarm.name.clone(),
            arn: String::new(),
            state: self.state,
            state_since: None,
            state_reason: String::new(),
            description: self.alarm.description.clone(),
            actions: AlarmTopics::default(),
            alarm: Some(self.alarm.clone()),
        }
    }
}

/// Rounds a number of tasks.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a service has a few thousand tasks at most"
)]
#[must_use]
pub fn round(tasks: f64) -> u32 {
    tasks.round().max(0.0) as u32
}
