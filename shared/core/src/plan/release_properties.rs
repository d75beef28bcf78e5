//! How the engine treats the actions of a release.

use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};
use crate::plan::releases::{RecordResult, ReleaseAction, ReleaseResult};

impl ActionProperties for ReleaseAction {
    fn describe(&self) -> String {
        match self {
            Self::Rollout(rollout) => {
                format!(
                    "roll out {} ({})",
                    rollout.tag,
                    rollout.digest.short_digest()
                )
            }
            Self::RestartTasks(_) => "restart the tasks".to_owned(),
            Self::Rollback(back) => {
                let revision = back.to.rsplit('/').next().unwrap_or_default();
                format!("roll back to {revision}")
            }
            Self::ContinueDeployment(resume) => {
                format!("continue the deployment of {}", resume.tag)
            }
            Self::RecordResult(RecordResult {
                tag,
                result,
                is_escalation,
                ..
            }) => match result {
                ReleaseResult::Verified { .. } => format!("record {tag} as verified"),
                ReleaseResult::Rejected { .. } if *is_escalation => {
                    format!("roll back to {tag} no more")
                }
                ReleaseResult::Rejected { .. } => format!("quarantine {tag}"),
                ReleaseResult::Superseded => format!("stop tracking {tag}"),
                ReleaseResult::NotBlamed { cause } => {
                    format!("try {tag} again later ({})", cause.describe())
                }
            },
            Self::AnswerCodeDeployHook(answer) if answer.passed => {
                format!("let {} proceed", answer.deployment)
            }
            Self::AnswerCodeDeployHook(answer) => format!("fail {}", answer.deployment),
            Self::PinRevision(pin) => format!(
                "register a revision with {} ({})",
                pin.version,
                pin.digest.short_digest()
            ),
            Self::RestoreStrategy(restore) => {
                format!("restore the strategy {}", restore.settings.strategy)
            }
            Self::RunPreDeploymentTask(run) => {
                format!("run {} before {}", run.family, run.tag)
            }
            Self::StopPreDeploymentTask(stop) => format!("stop {}", stop.family),
        }
    }

    fn stable_key(&self) -> String {
        match self {
            Self::Rollout(rollout) => format!("rollout:{}", rollout.digest),
            Self::RestartTasks(restart) if restart.heals => "restart".to_owned(),
            Self::RestartTasks(restart) => format!("restart:{}", restart.since),
            Self::Rollback(back) => format!("rollback:{}", back.to),
            Self::ContinueDeployment(resume) => format!("continue:{}", resume.deployment),
            Self::RecordResult(RecordResult { digest, result, .. }) => match result {
                ReleaseResult::Verified { .. } => format!("result:verified:{digest}"),
                ReleaseResult::Rejected { .. } => format!("result:rejected:{digest}"),
                ReleaseResult::Superseded => format!("result:superseded:{digest}"),
                ReleaseResult::NotBlamed { .. } => format!("result:not-blamed:{digest}"),
            },
            Self::AnswerCodeDeployHook(answer) => {
                format!("hook:{}:{}", answer.deployment, answer.passed)
            }
            Self::PinRevision(pin) => format!("pin:{}", pin.digest),
            Self::RestoreStrategy(restore) => {
                format!("strategy:{}", restore.settings.strategy.to_lowercase())
            }
            Self::RunPreDeploymentTask(run) => format!("before:{}", run.token),
            Self::StopPreDeploymentTask(stop) => format!("stop-before:{}", stop.task),
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::RecordResult(_)
            | Self::AnswerCodeDeployHook(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_) => true,
            Self::Rollout(_)
            | Self::RestartTasks(_)
            | Self::Rollback(_)
            | Self::ContinueDeployment(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::Rollout(rollout) => rollout.code_deploy.is_some(),
            Self::Rollback(back) => back.code_deploy.is_some(),
            Self::RestartTasks(_)
            | Self::ContinueDeployment(_)
            | Self::RecordResult(_)
            | Self::AnswerCodeDeployHook(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::RestartTasks(restart) => restart.shifts,
            Self::Rollout(_)
            | Self::Rollback(_)
            | Self::ContinueDeployment(_)
            | Self::RecordResult(_)
            | Self::AnswerCodeDeployHook(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::RestartTasks(restart) => restart.heals,
            Self::Rollback(_) => true,
            Self::Rollout(_)
            | Self::ContinueDeployment(_)
            | Self::RecordResult(_)
            | Self::AnswerCodeDeployHook(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::AnswerCodeDeployHook(_) => true,
            Self::Rollout(_)
            | Self::RestartTasks(_)
            | Self::Rollback(_)
            | Self::ContinueDeployment(_)
            | Self::RecordResult(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::Rollout(rollout) => ArbiterRule::Deployment {
                through_code_deploy: rollout.code_deploy.is_some(),
            },
            Self::RestartTasks(_) | Self::ContinueDeployment(_) => ArbiterRule::Deployment {
                through_code_deploy: false,
            },
            Self::Rollback(back) => ArbiterRule::Deployment {
                through_code_deploy: back.code_deploy.is_some(),
            },
            Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => ArbiterRule::ActiveTarget,
            Self::RecordResult(_) | Self::AnswerCodeDeployHook(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::Rollout(rollout) if rollout.is_adoption => LimitRule::Adoptions,
            Self::RunPreDeploymentTask(run) if run.is_adoption => LimitRule::Adoptions,
            // Counts nothing, but waits for what the rollout after it would wait for.
            Self::Rollout(_) | Self::RunPreDeploymentTask(_) => LimitRule::Rollouts,
            Self::RestartTasks(_) => LimitRule::Restarts,
            Self::Rollback(_)
            | Self::ContinueDeployment(_)
            | Self::RecordResult(_)
            | Self::AnswerCodeDeployHook(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::StopPreDeploymentTask(_) => LimitRule::PerRun,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::RestartTasks(restart) if restart.heals => Repair::Step,
            Self::Rollout(_)
            | Self::RestartTasks(_)
            | Self::ContinueDeployment(_)
            | Self::RecordResult(_)
            | Self::AnswerCodeDeployHook(_)
            | Self::PinRevision(_)
            | Self::RestoreStrategy(_)
            | Self::RunPreDeploymentTask(_)
            | Self::StopPreDeploymentTask(_) => Repair::No,
            Self::Rollback(_) => Repair::Rollback,
        }
    }
}
