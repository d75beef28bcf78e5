//! Scaling decision for one service. Pure: all inputs are arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::Service;
use lamplighter::plan::{Action, ScalingAction, SetDesiredCount};
use lamplighter::policy::{ScalePolicy, ScheduleWindow};
use lamplighter::state::TargetState;

use crate::Policy;
use crate::auto_scaling;
use crate::demand::{Demand, Need, round_up_tasks};
use crate::messages;
use crate::observation::{HISTORY, Observed};
use crate::peak;

/// Relative deviation of the need from the count that is ignored unless it is sustained. Equals the
/// default of Kubernetes.
/// Source: <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
const TOLERANCE: f64 = 0.1;
/// Tasks that may be added within a minute even if doubling the count would add fewer.
const MIN_STEP: u32 = 4;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Decides the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    if service.status != "ACTIVE" {
        return Plan::nothing(format!("the service is {}", service.status));
    }
    if service.scheduling_strategy == "DAEMON" {
        return Plan::notify(messages::daemon_service());
    }
    let Some(scale) = &context.policy.scale else {
        let raised = observed.scalable.as_ref().zip(context.state.scaling.raised);
        let restored = raised.map(|(scalable, raised)| {
            auto_scaling::restore_min_capacity(service, scalable, raised.before)
        });
        return restored.unwrap_or_else(|| peak::report_peak(context, service, &observed.load));
    };
    if service.desired_count == 0 {
        return Plan::nothing("a desired count of 0 is left alone");
    }
    let demand = Demand::from_load(scale, &observed.load, service, context.state, now);
    let floor = MinTasks::for_time(scale, &context.policy.windows, now);
    let case = Decision {
        service,
        scale,
        floor,
        demand,
        memory: context.state,
        now,
    };
    let mut plan = match &observed.scalable {
        Some(scalable) => auto_scaling::decide(&case, scalable),
        None => case.decide(),
    };
    plan.messages.extend(messages::no_data(&case));
    plan
}

/// Minimum number of tasks, and the schedule window that requires it.
#[derive(Debug, Clone, PartialEq)]
pub struct MinTasks<'a> {
    pub tasks: u32,
    pub window: Option<&'a ScheduleWindow>,
}

impl<'a> MinTasks<'a> {
    fn for_time(scale: &ScalePolicy, windows: &'a [ScheduleWindow], now: Timestamp) -> Self {
        let open = windows
            .iter()
            .filter(|w| w.min > scale.min && w.is_open(now))
            .max_by_key(|w| w.min);
        Self {
            tasks: open.map_or(scale.min, |window| window.min.min(scale.max)),
            window: open,
        }
    }
}

/// Inputs of the decision for one service.
pub struct Decision<'a> {
    pub service: &'a Service,
    pub scale: &'a ScalePolicy,
    pub floor: MinTasks<'a>,
    pub demand: Demand,
    pub memory: &'a TargetState,
    pub now: Timestamp,
}

impl Decision<'_> {
    #[must_use]
    pub fn desired_count(&self) -> u32 {
        self.service.desired_count.unsigned_abs()
    }

    fn decide(&self) -> Plan {
        let (desired, floor) = (self.desired_count(), self.floor.tasks);
        let out = self.scale_out_target(desired, self.scale.max);
        match &out {
            Some((to, need)) if *to > desired && *to >= floor => self.scale_out(*to, need),
            _ if desired < floor => {
                self.set_desired_count(floor, messages::describe_min_tasks(self))
            }
            _ if desired > self.scale.max => {
                self.set_desired_count(self.scale.max, format!("max {}", self.scale.max))
            }
            Some((_, need)) => {
                let mut plan = Plan::nothing(messages::describe_unchanged(self, need));
                plan.messages
                    .extend(messages::max_tasks_reached(self, self.scale.max, need));
                plan
            }
            None => self.scale_in(),
        }
    }

    /// Returns the task count that the load requires, with the need it is based on.
    ///
    /// Scales out at once if the need exceeds the tolerance. A smaller excess counts after three
    /// minutes; otherwise a slowly rising load would be followed too late.
    pub fn scale_out_target(&self, count: u32, max: u32) -> Option<(u32, &Need)> {
        let above =
            |need: &&Need, tolerance: f64| need.tasks > f64::from(count) * (1.0 + tolerance) + 1e-9;
        let need = self
            .demand
            .now
            .as_ref()
            .filter(|need| above(need, TOLERANCE));
        let need = need.or_else(|| {
            self.demand
                .sustained
                .as_ref()
                .filter(|need| above(need, 0.0))
        })?;
        Some((
            need.required_tasks()
                .min(self.scale_out_limit(count))
                .min(max),
            need,
        ))
    }

    /// Returns the largest allowed count: double, or four more than, the count of a minute ago.
    fn scale_out_limit(&self, count: u32) -> u32 {
        let within_a_minute = |at: Timestamp| self.now.duration_since(at) < MINUTE;
        let recent = self
            .memory
            .scaling
            .scalings
            .iter()
            .find(|s| within_a_minute(s.at) && s.to > s.from);
        let before = recent.map_or(count, |scaling| scaling.from);
        before
            .saturating_mul(2)
            .max(before.saturating_add(MIN_STEP))
    }

    /// Returns the count that would have carried the load of the last 15 minutes.
    ///
    /// # Errors
    /// The reason for keeping the count, if that count isn't clearly lower.
    pub fn scale_in_target(&self, count: u32, floor: u32) -> Result<u32, String> {
        let began = self
            .service
            .primary_deployment()
            .and_then(|deployment| deployment.created_at);
        if began.is_some_and(|began| self.now.duration_since(began) < HISTORY) {
            return Err(format!(
                "{count} tasks: a deployment began less than {} min ago",
                HISTORY.as_mins()
            ));
        }
        let peak = self
            .demand
            .peak
            .as_ref()
            .map_err(|missing| messages::describe_missing_data(count, missing))?;
        let wanted = round_up_tasks(*peak).max(floor);
        if wanted >= count || *peak >= f64::from(count) * (1.0 - TOLERANCE) {
            return Err(messages::describe_peak(count, *peak, floor));
        }
        Ok(wanted)
    }

    fn scale_out(&self, to: u32, need: &Need) -> Plan {
        let mut plan =
            self.set_desired_count(to, messages::describe_scale_out(to, self.scale.max, need));
        if to == self.scale.max {
            plan.messages
                .extend(messages::max_tasks_reached(self, to, need));
        }
        plan
    }

    /// Scales in towards the sufficient count: at most by half, and at most once a minute.
    fn scale_in(&self) -> Plan {
        let desired = self.desired_count();
        let wanted = match self.scale_in_target(desired, self.floor.tasks) {
            Ok(wanted) => wanted,
            Err(reason) => return Plan::nothing(reason),
        };
        let recent = self
            .memory
            .scaling
            .scalings
            .iter()
            .any(|scaling| self.now.duration_since(scaling.at) < MINUTE);
        if recent {
            return Plan::nothing(format!(
                "{desired} tasks: the count was changed less than a minute ago"
            ));
        }
        let to = wanted.max(desired.div_ceil(2));
        self.set_desired_count(to, messages::describe_scale_in(self, wanted))
    }

    fn set_desired_count(&self, to: u32, reason: String) -> Plan {
        let from = self.desired_count();
        let base = self
            .memory
            .scaling
            .surge
            .map_or(from.max(self.scale.min), |surge| surge.base);
        let action = Action::Scaling(ScalingAction::SetDesiredCount(SetDesiredCount {
            service: self.service.arn.clone(),
            from,
            to,
            base,
        }));
        let message = messages::count_changed(self, to, &reason);
        Plan::single_step(action, reason, message)
    }
}
