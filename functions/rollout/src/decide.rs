//! How a rollout ended, and what follows from it. Pure: everything it knows is in its arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::Seen;
use lamplighter::model::{HasAlarm, Service};
use lamplighter::plan::{Action, Continue, GoBack, Judge, Verdict};
use lamplighter::policy;
use lamplighter::state::IN_A_ROW;
use lamplighter::state::{Following, Memory};
use lamplighter::{Operation, Plan};
use serde::Serialize;

use crate::survey::Observed;
use crate::{Follow, Policy, code_deploy, words};

/// How long DescribeServices may still show the state of before an update.
pub(crate) const SETTLING: SignedDuration = SignedDuration::from_mins(2);

/// How far a rollout has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Stage {
    /// It is moving, and has time.
    #[default]
    Moving,
    /// It waits for a person before traffic is shifted to it.
    Paused,
    /// All tasks run it.
    Live,
    /// It has not ended in its time.
    Stuck,
    /// It is completed, and does not answer as it should.
    Refuted,
    /// It is completed, and an alarm has begun to speak against it.
    Failing,
    /// ECS gave it up and left it where it is.
    GivenUp,
    /// The service is back at what ran before.
    Back,
    /// The service runs something else that is newer.
    Superseded,
}

impl Stage {
    /// There is something to be told about why.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(
            self,
            Self::Stuck | Self::GivenUp | Self::Back | Self::Refuted | Self::Failing
        )
    }

    #[must_use]
    pub fn needs_way_back(self) -> bool {
        matches!(
            self,
            Self::Stuck | Self::GivenUp | Self::Refuted | Self::Failing
        )
    }
}

/// How far what is followed has come. `runs_it`: the newest deployment has its image. `failed`: ECS says that a deployment
/// has failed since. `deadline` in seconds.
#[must_use]
pub fn stage(
    service: &Service,
    following: &Following,
    runs_it: bool,
    failed: bool,
    deadline: Option<u64>,
    now: Timestamp,
) -> Stage {
    let age = now.duration_since(following.at);
    let Some(deadline) = deadline else {
        return Stage::Superseded;
    };
    let Some(primary) = service.primary() else {
        return Stage::Moving;
    };
    if runs_it {
        let late = u64::try_from(age.as_secs()).is_ok_and(|age| age >= deadline);
        return match primary.rollout_state.as_str() {
            "COMPLETED" => Stage::Live,
            "FAILED" => Stage::GivenUp,
            // Of a service behind a Classic Load Balancer ECS tells no state.
            "" if age >= SETTLING && is_alone(service) => Stage::Live,
            _ if late => Stage::Stuck,
            _ => Stage::Moving,
        };
    }
    let is_older = primary
        .created_at
        .is_some_and(|created| created < following.at);
    match primary.task_definition == following.base || is_older {
        true if age < SETTLING && !failed => Stage::Moving,
        true => Stage::Back,
        false => Stage::Superseded,
    }
}

/// All tasks are of the newest deployment.
fn is_alone(service: &Service) -> bool {
    service.deployments.len() == 1 && service.running_count >= service.desired_count
}

/// An alarm that was on before can't judge what came after.
#[must_use]
pub fn speaks_against(alarm: &HasAlarm, following: &Following) -> bool {
    // It may be told in whole seconds.
    alarm
        .state_since
        .is_some_and(|since| since + SignedDuration::from_secs(1) >= following.at)
}

/// Decides for one service.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    let Some(following) = &seen.memory.following else {
        return returning(seen, service, observed);
    };
    let case = Case {
        service,
        following,
        observed,
        memory: seen.memory,
        now,
    };
    match observed.stage {
        Stage::Moving => {
            let minutes = now.duration_since(following.at).as_mins();
            Plan::nothing(format!(
                "{} is rolled out since {minutes} min",
                following.tag
            ))
        }
        Stage::Paused => case.paused(seen),
        Stage::Live => case
            .looked_at()
            .or_else(|| case.bake(seen))
            .unwrap_or_else(|| {
                let verdict = Verdict::Passed {
                    revision: service.task_definition.clone(),
                };
                let message = words::live(service, following, &observed.alarms, now);
                let reason = message.title.clone();
                Plan::act(case.judge(verdict), reason, message)
            }),
        Stage::Superseded => Plan::act(
            case.judge(Verdict::Superseded),
            format!(
                "{} is not followed any more: something newer runs, or the service is not ours",
                following.tag
            ),
            words::superseded(following, &seen.memory.told),
        ),
        // Whatever was rolled out would have failed.
        Stage::Back if !observed.down.is_empty() => {
            let message = words::back_while_down(service, following, &observed.down);
            Plan::act(
                case.judge(Verdict::Superseded),
                message.title.clone(),
                message,
            )
        }
        Stage::Back => {
            let reason = format!("it went back on {}", now.strftime("%F %H:%M UTC"));
            let message = words::went_back(service, following, observed, case.approval_is_spent());
            Plan::act(
                case.judge(Verdict::Failed { reason }),
                message.title.clone(),
                message,
            )
        }
        Stage::Stuck | Stage::GivenUp | Stage::Refuted | Stage::Failing => case.go_back(),
    }
}

/// A way back waits for nobody, and neither does a restart.
fn returning(seen: Seen<'_, Policy>, service: &Service, observed: &Observed) -> Plan {
    let Some(way) = &seen.memory.returning else {
        return Plan::nothing("no rollout is followed");
    };
    let tag = match &way.to {
        Some(to) => format!(
            "the way back to {}",
            to.rsplit('/').next().unwrap_or_default()
        ),
        None => "the restart".to_owned(),
    };
    match observed.pause.clone() {
        Some((deployment, hook)) => {
            let reason = format!("{tag} waits for nobody");
            let go_on = Continue {
                service: service.arn.clone(),
                deployment,
                hook,
                digest: None,
                tag,
            };
            Plan::act(Action::Continue(go_on), reason, None)
        }
        None => Plan::nothing(format!("{tag} goes on")),
    }
}

struct Case<'a> {
    memory: &'a Memory,
    service: &'a Service,
    following: &'a Following,
    observed: &'a Observed,
    now: Timestamp,
}

impl Case<'_> {
    fn approval_is_spent(&self) -> bool {
        self.memory.approval_is_spent(&self.following.digest)
    }

    fn judge(&self, verdict: Verdict) -> Action {
        let Following { digest, tag, .. } = self.following.clone();
        Action::Judge(Judge {
            service: self.service.arn.clone(),
            digest,
            tag,
            verdict,
        })
    }

    /// What is to be found out still at its addresses; `None` where there are none, or they answer well.
    fn looked_at(&self) -> Option<Plan> {
        let looks = self
            .observed
            .looks
            .as_ref()
            .filter(|looks| !looks.is_confirmed())?;
        if looks.is_unclear() {
            let message = words::unclear(self.following, looks);
            return Some(Plan::act(
                self.judge(Verdict::Superseded),
                message.title.clone(),
                message,
            ));
        }
        let (tag, good) = (&self.following.tag, looks.good);
        Some(Plan::nothing(format!(
            "{tag} is completed, and has answered well {good} times of {IN_A_ROW} in a row"
        )))
    }

    /// How long alarms still have to speak; `None` where that is over.
    fn bake(&self, seen: Seen<'_, Policy>) -> Option<Plan> {
        let key = format!("the bake of {}", self.following.digest);
        let baked = self.now.duration_since(
            seen.memory
                .waits_since(Follow::NAME, &key)
                .unwrap_or(self.now),
        );
        if u64::try_from(baked.as_secs()).is_ok_and(|baked| baked >= seen.policy.bake) {
            return None;
        }
        let (tag, minutes) = (&self.following.tag, seen.policy.bake / 60);
        let mut plan = Plan::nothing(format!(
            "{tag} is completed; alarms have {minutes} min to speak against it"
        ));
        plan.waits_for = Some(key);
        Some(plan)
    }

    fn paused(&self, seen: Seen<'_, Policy>) -> Plan {
        let Following { digest, tag, .. } = self.following.clone();
        let Some((deployment, hook)) = self.observed.pause.clone() else {
            return Plan::nothing(format!("{tag} waits, and ECS does not say for what"));
        };
        if policy::approved(&seen.target.tags) != Some(digest.as_str()) {
            return Plan::tell(words::waits_for_approval(
                self.following,
                seen.policy.approve,
            ));
        }
        let message = words::goes_on(self.following);
        let go_on = Continue {
            service: self.service.arn.clone(),
            deployment,
            hook,
            digest: Some(digest),
            tag,
        };
        Plan::act(Action::Continue(go_on), message.title.clone(), message)
    }

    fn go_back(&self) -> Plan {
        let minutes = self.now.duration_since(self.following.at).as_mins();
        let guilty = self
            .observed
            .alarms
            .iter()
            .find(|alarm| speaks_against(alarm, self.following));
        let (what, why) = match (self.observed.stage, guilty) {
            (_, Some(alarm)) => (words::RAISED_ALARM, words::alarmed(alarm, self.observed)),
            (Stage::Refuted, None) => (words::ANSWERS_BADLY, words::refuted(self.observed)),
            (Stage::Stuck, None) => (words::HUNG, words::late(minutes, self.observed)),
            _ => (words::FAILED, words::late(minutes, self.observed)),
        };
        if !self.observed.down.is_empty() {
            return Plan::tell(words::depends(
                self.following,
                what,
                &why,
                &self.observed.down,
            ));
        }
        let Some(to) = &self.observed.way_back else {
            return Plan::tell(words::no_way_back(self.following, what, &why));
        };
        let Following { digest, tag, .. } = self.following.clone();
        let reason = format!("it {what} on {}", self.now.strftime("%F %H:%M UTC"));
        let message = words::goes_back(self.following, what, to, &why, self.approval_is_spent());
        let (service, stop) = (
            self.service.arn.clone(),
            self.observed.can_take_back.clone(),
        );
        let code_deploy = self
            .observed
            .code_deployment
            .as_ref()
            .and_then(|deployment| code_deploy::group(deployment, self.service));
        let back = GoBack {
            service,
            to: to.revision.clone(),
            stop,
            code_deploy,
            digest,
            tag,
            reason,
        };
        Plan::act(Action::GoBack(back), message.title.clone(), message)
    }
}
