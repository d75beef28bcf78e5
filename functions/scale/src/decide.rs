//! What should happen to one service. Pure: everything it knows is in its arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::model::Service;
use lamplighter::plan::{Action, Scale};
use lamplighter::policy::{ScalePolicy, ScheduleWindow};
use lamplighter::state::Memory;

use crate::Policy;
use crate::auto;
use crate::demand::{Demand, Need, whole};
use crate::peak;
use crate::survey::{HISTORY, Observed};
use crate::words;

/// A need this far from the count, in parts of it, moves nothing unless it lasts. Kubernetes' default.
/// Source: <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
const TOLERANCE: f64 = 0.1;
/// Tasks that may always be added within a minute, where doubling would be less.
const STEP: u32 = 4;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Decides for one service.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    if service.status != "ACTIVE" {
        return Plan::nothing(format!("the service is {}", service.status));
    }
    if service.scheduling_strategy == "DAEMON" {
        return Plan::tell(words::daemon());
    }
    let Some(scale) = &seen.policy.scale else {
        let raised = observed.scalable.as_ref().zip(seen.memory.raised);
        let restored =
            raised.map(|(scalable, raised)| auto::restore(service, scalable, raised.before));
        return restored.unwrap_or_else(|| peak::told(seen, service, &observed.load));
    };
    if service.desired_count == 0 {
        return Plan::nothing("a desired count of 0 is left alone");
    }
    let demand = Demand::of(scale, &observed.load, service, seen.memory, now);
    let floor = Floor::of(scale, &seen.policy.windows, now);
    let case = Case {
        service,
        scale,
        floor,
        demand,
        memory: seen.memory,
        now,
    };
    let mut plan = match &observed.scalable {
        Some(scalable) => auto::decide(&case, scalable),
        None => case.decide(),
    };
    plan.messages.extend(words::no_data(&case));
    plan
}

/// The least number of tasks, and which window asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor<'a> {
    pub tasks: u32,
    pub window: Option<&'a ScheduleWindow>,
}

impl<'a> Floor<'a> {
    fn of(scale: &ScalePolicy, windows: &'a [ScheduleWindow], now: Timestamp) -> Self {
        let open = windows
            .iter()
            .filter(|w| w.min > scale.min && w.holds(now))
            .max_by_key(|w| w.min);
        Self {
            tasks: open.map_or(scale.min, |window| window.min.min(scale.max)),
            window: open,
        }
    }
}

/// One service and all that speaks about its count.
pub struct Case<'a> {
    pub service: &'a Service,
    pub scale: &'a ScalePolicy,
    pub floor: Floor<'a>,
    pub demand: Demand,
    pub memory: &'a Memory,
    pub now: Timestamp,
}

impl Case<'_> {
    #[must_use]
    pub fn desired(&self) -> u32 {
        self.service.desired_count.unsigned_abs()
    }

    fn decide(&self) -> Plan {
        let (desired, floor) = (self.desired(), self.floor.tasks);
        let out = self.out(desired, self.scale.max);
        match &out {
            Some((to, need)) if *to > desired && *to >= floor => self.grow(*to, need),
            _ if desired < floor => self.to(floor, words::floor_reason(self)),
            _ if desired > self.scale.max => {
                self.to(self.scale.max, format!("max {}", self.scale.max))
            }
            Some((_, need)) => {
                let mut plan = Plan::nothing(words::stays(self, need));
                plan.messages
                    .extend(words::at_maximum(self, self.scale.max, need));
                plan
            }
            None => self.shrink(),
        }
    }

    /// The count that the load asks for, and why: at once where it is clearly more, and where it is a little
    /// more for three minutes. Without the latter a load that rises slowly is followed too late.
    pub fn out(&self, count: u32, max: u32) -> Option<(u32, &Need)> {
        let above =
            |need: &&Need, tolerance: f64| need.tasks > f64::from(count) * (1.0 + tolerance) + 1e-9;
        let need = self
            .demand
            .now
            .as_ref()
            .filter(|need| above(need, TOLERANCE));
        let need = need.or_else(|| self.demand.lasting.as_ref().filter(|need| above(need, 0.0)))?;
        Some((need.whole().min(self.step_out(count)).min(max), need))
    }

    /// At most double or four more than a minute ago.
    fn step_out(&self, count: u32) -> u32 {
        let within_a_minute = |at: Timestamp| self.now.duration_since(at) < MINUTE;
        let recent = self
            .memory
            .scalings
            .iter()
            .find(|s| within_a_minute(s.at) && s.to > s.from);
        let before = recent.map_or(count, |scaling| scaling.from);
        before.saturating_mul(2).max(before.saturating_add(STEP))
    }

    /// The count that would have carried all of the last 15 minutes, if that is clearly less; why not otherwise.
    pub fn enough(&self, count: u32, floor: u32) -> Result<u32, String> {
        let began = self
            .service
            .primary()
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
            .map_err(|missing| words::keeps(count, missing))?;
        let wanted = whole(*peak).max(floor);
        if wanted >= count || *peak >= f64::from(count) * (1.0 - TOLERANCE) {
            return Err(words::needed(count, *peak, floor));
        }
        Ok(wanted)
    }

    fn grow(&self, to: u32, need: &Need) -> Plan {
        let mut plan = self.to(to, words::growth(to, self.scale.max, need));
        if to == self.scale.max {
            plan.messages.extend(words::at_maximum(self, to, need));
        }
        plan
    }

    /// To what was enough, at most by half, at most once a minute.
    fn shrink(&self) -> Plan {
        let desired = self.desired();
        let wanted = match self.enough(desired, self.floor.tasks) {
            Ok(wanted) => wanted,
            Err(reason) => return Plan::nothing(reason),
        };
        let recent = self
            .memory
            .scalings
            .iter()
            .any(|scaling| self.now.duration_since(scaling.at) < MINUTE);
        if recent {
            return Plan::nothing(format!(
                "{desired} tasks: the count was changed less than a minute ago"
            ));
        }
        let to = wanted.max(desired.div_ceil(2));
        self.to(to, words::decline(self, wanted))
    }

    fn to(&self, to: u32, reason: String) -> Plan {
        let from = self.desired();
        let base = self
            .memory
            .surge
            .map_or(from.max(self.scale.min), |surge| surge.base);
        let action = Action::Scale(Scale {
            service: self.service.arn.clone(),
            from,
            to,
            base,
        });
        let message = words::scaled(self, to, &reason);
        Plan::act(action, reason, message)
    }
}
