//! Whether a deployment may go on. Pure: everything it knows is in its arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::model::Digest;
use lamplighter::notify::{Message, RELEASE};
use lamplighter::plan::{Action, HookStatus, Judge, Report, Step, Verdict};
use lamplighter::policy::Unclear;
use lamplighter::state::IN_A_ROW;
use lamplighter::state::Judging;

use crate::sequential::{Comparison, Finding};
use crate::survey::{Observed, Stage};
use crate::{LATER, Policy, SOON, words};

/// Decides for one deployment.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(judging) = &observed.judging else {
        return go_on("nobody waits for a judgement: it goes back, or is not known");
    };
    let plan = judge(Case {
        seen,
        observed,
        judging,
        now,
    });
    let (Some(execution), Some(status)) = (&judging.execution, plan.hook) else {
        return plan;
    };
    // CodeDeploy reads no answer; it is called.
    let passed = match status {
        HookStatus::InProgress { .. } => return Plan { hook: None, ..plan },
        status => status == HookStatus::Succeeded,
    };
    let (service, deployment) = (seen.target.arn.clone(), judging.deployment.clone());
    let report = Report {
        service,
        deployment,
        execution: execution.clone(),
        passed,
    };
    let step = Step {
        action: Action::Report(report),
        reason: plan.reason.clone(),
        message: None,
    };
    Plan {
        hook: None,
        steps: plan.steps.into_iter().chain([step]).collect(),
        ..plan
    }
}

fn judge(case: Case<'_>) -> Plan {
    let Case { seen, observed, .. } = case;
    if observed.stage == Stage::Back {
        return go_on("it goes back, and nothing stands in its way");
    }
    if !seen.policy.judges {
        return go_on("its tags do not let it be judged");
    }
    if case.judging.failed {
        return Plan::nothing("it was judged, and failed").answering(HookStatus::Failed);
    }
    if let Some(plan) = case.quarantined() {
        return plan;
    }
    match (observed.stage, &observed.comparison) {
        (Stage::Tested, _) if seen.policy.verify_test.is_some() => {
            case.looked_at("the test listener")
        }
        (Stage::Shifted, _) if !seen.policy.verify.is_empty() => case.looked_at("its addresses"),
        (Stage::Shifting(weight), Some(comparison)) => case.compared(weight, comparison),
        (Stage::Shifting(weight), None) => {
            case.unclear(words::not_comparable(&case.label(), weight))
        }
        (Stage::Unknown, _) => ask_again("CodeDeploy does not say yet at what it asks", SOON),
        _ => go_on("there is nothing to be judged in this stage"),
    }
}

fn go_on(reason: impl Into<String>) -> Plan {
    Plan::nothing(reason).answering(HookStatus::Succeeded)
}

fn ask_again(reason: impl Into<String>, call_back_delay: u32) -> Plan {
    Plan::nothing(reason).answering(HookStatus::InProgress { call_back_delay })
}

#[derive(Clone, Copy)]
struct Case<'a> {
    seen: Seen<'a, Policy>,
    observed: &'a Observed,
    judging: &'a Judging,
    now: Timestamp,
}

impl Case<'_> {
    fn label(&self) -> String {
        let image = self.observed.image.as_ref();
        image.map_or_else(
            || "the new revision".to_owned(),
            |(tag, digest)| format!("{tag} ({})", digest.short()),
        )
    }

    /// A digest that failed before is not let in by another door. What is rolled out from here was approved.
    fn quarantined(&self) -> Option<Plan> {
        let (_, digest) = self.observed.image.as_ref()?;
        let reason = self.seen.memory.quarantined.get(digest)?;
        let is_ours = self
            .seen
            .memory
            .following
            .as_ref()
            .is_some_and(|following| following.digest == *digest);
        (!is_ours).then(|| {
            let message = words::quarantined(&self.label(), digest, reason);
            Plan::tell(message).answering(HookStatus::Failed)
        })
    }

    /// Whether the time for this step is over.
    fn is_late(&self) -> bool {
        let waited = self.now.duration_since(self.judging.step_since).as_secs();
        u64::try_from(waited).is_ok_and(|waited| waited >= self.seen.policy.step)
    }

    fn looked_at(&self, place: &str) -> Plan {
        let looks = &self.judging.looks;
        if looks.is_confirmed() {
            return go_on(format!(
                "{} has answered well {IN_A_ROW} times in a row at {place}",
                self.label()
            ));
        }
        if looks.is_refuted() {
            return self.fail(
                words::refuted(&self.label(), place, looks),
                &format!("it did not answer well at {place}"),
            );
        }
        if looks.is_unclear() || self.is_late() {
            return self.unclear(words::now_and_then(&self.label(), place, looks));
        }
        ask_again(
            format!(
                "{} has answered well {} times of {IN_A_ROW} in a row at {place}",
                self.label(),
                looks.good
            ),
            SOON,
        )
    }

    fn compared(&self, weight: f64, comparison: &Comparison) -> Plan {
        let counts = words::counts(comparison);
        match comparison.finding() {
            Finding::MoreErrors => self.fail(
                words::more_errors(&self.label(), weight, comparison),
                &format!("it failed more often at {weight} %"),
            ),
            Finding::Slower => self.fail(
                words::slower(&self.label(), weight, comparison),
                &format!("it was slower at {weight} %"),
            ),
            Finding::Hangs => self.fail(
                words::hangs(&self.label(), weight, comparison),
                &format!("it did not answer at {weight} %"),
            ),
            Finding::NoWorse => go_on(format!(
                "{} is no worse at {weight} %: {counts}",
                self.label()
            )),
            Finding::Unclear { minutes } if self.is_late() => self.unclear(words::not_enough(
                &self.label(),
                weight,
                comparison,
                minutes,
            )),
            Finding::Unclear { minutes } => {
                let left = minutes
                    .map(|minutes| format!("; about {minutes} min more at this rate"))
                    .unwrap_or_default();
                ask_again(
                    format!(
                        "not enough evidence yet about {} at {weight} %: {counts}{left}",
                        self.label()
                    ),
                    LATER,
                )
            }
        }
    }

    /// ECS takes it back, and it is not rolled out again.
    fn fail(&self, message: Message, because: &str) -> Plan {
        // Of CodeDeploy nobody else tells that it is over.
        let message = message.ends(RELEASE);
        let Some((tag, digest)) = self.observed.image.clone() else {
            let once = format!("failed:{}:{}", self.judging.deployment, self.judging.step);
            return Plan::tell(
                message
                    .next("Traffic goes back to the old revision.")
                    .once(once),
            )
            .answering(HookStatus::Failed);
        };
        let reason = format!("{because} on {}", self.now.strftime("%F %H:%M UTC"));
        let message = message.next(words::again(
            &digest,
            self.seen.memory.approval_is_spent(&digest),
        ));
        self.judge(tag, digest, Verdict::Failed { reason }, message)
            .answering(HookStatus::Failed)
    }

    fn judge(&self, tag: String, digest: Digest, verdict: Verdict, message: Message) -> Plan {
        let judge = Judge {
            service: self.seen.target.arn.clone(),
            digest,
            tag,
            verdict,
        };
        Plan::act(Action::Judge(judge), message.title.clone(), message)
    }

    fn unclear(&self, message: Message) -> Plan {
        if self.seen.policy.unclear == Unclear::GoBack {
            let title = format!("{}: going back", message.title);
            return self.fail(
                Message { title, ..message },
                "nobody could say whether it is well",
            );
        }
        let step = format!("unclear:{}:{}", self.judging.deployment, self.judging.step);
        let message = message
            .next("It goes on; with unclear=back in the tag it would go back.")
            .once(step);
        Plan::tell(message).answering(HookStatus::Succeeded)
    }
}
