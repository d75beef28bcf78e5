//! The hook that is to be answered, and the deployment behind it.

use lamplighter::AwsError;
use lamplighter::event::detail::hook::{CodeDeployHook, HookCall};
use lamplighter::model::{Arn, CodeDeployTarget, ServiceDeployment, ServiceRevision};
use lamplighter::state::TargetState;

use crate::reads::Reads;
use crate::stage::HookStage;

/// The source of the hook that is to be answered.
#[derive(Debug, Clone)]
pub enum HookRequest {
    Ecs(HookCall),
    /// A CodeDeploy hook, and the deployment target that it concerns.
    CodeDeploy(CodeDeployHook, CodeDeployTarget),
    /// An earlier CodeDeploy hook that is still open.
    Pending,
}

/// A deployment whose hook is open.
pub struct HookedDeployment {
    pub deployment: String,
    /// The execution identifier of the CodeDeploy hook; `None` for ECS.
    pub execution: Option<String>,
    pub stage: HookStage,
    pub old: Option<ServiceRevision>,
    pub new: ServiceRevision,
}

impl HookRequest {
    /// Reports whether the hook is open since an earlier invocation.
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Pending => true,
            Self::Ecs(_) | Self::CodeDeploy(..) => false,
        }
    }

    /// Returns the deployment whose hook is open; `None` if there is none, it is unknown or it has
    /// ended.
    pub async fn find_deployment<C: Reads>(
        &self,
        state: &TargetState,
        service: &Arn,
        cloud: &C,
    ) -> Result<Option<HookedDeployment>, AwsError> {
        match self {
            Self::Ecs(call) => {
                let deployment = match &call.deployment {
                    Some(arn) => cloud.describe_service_deployment(arn).await?,
                    None => cloud.find_active_deployment(service).await?,
                };
                Ok(deployment.map(|deployment| HookedDeployment::from_ecs(call, deployment)))
            }
            Self::CodeDeploy(call, target) => {
                let execution = &call.lifecycle_event_hook_execution_id;
                let target = Some(target.clone());
                find_code_deployment(&call.deployment_id, execution, target, cloud).await
            }
            Self::Pending => {
                let Some((id, execution)) = pending_hook(state) else {
                    return Ok(None);
                };
                let target = cloud.find_code_deploy_target(id).await?;
                find_code_deployment(id, execution, target, cloud).await
            }
        }
    }
}

/// Returns deployment and execution of the open CodeDeploy hook in the target state.
fn pending_hook(state: &TargetState) -> Option<(&str, &str)> {
    let verdict = state.releases.pending_verdict.as_ref()?;
    Some((&verdict.deployment, verdict.execution.as_deref()?))
}

/// Returns an unfinished CodeDeploy deployment in the stage of its target.
async fn find_code_deployment<C: Reads>(
    id: &str,
    execution: &str,
    target: Option<CodeDeployTarget>,
    cloud: &C,
) -> Result<Option<HookedDeployment>, AwsError> {
    let deployment = cloud
        .describe_code_deployment(id)
        .await?
        .filter(|deployment| !deployment.is_finished());
    Ok(deployment
        .zip(target)
        .map(|(deployment, target)| HookedDeployment {
            stage: HookStage::from_code_deploy(&deployment, &target),
            deployment: deployment.id,
            execution: Some(execution.to_owned()),
            old: None,
            new: ServiceRevision::default(),
        }))
}

impl HookedDeployment {
    fn from_ecs(call: &HookCall, deployment: ServiceDeployment) -> Self {
        Self {
            stage: HookStage::from_ecs(call, &deployment),
            deployment: deployment.arn,
            execution: None,
            old: deployment.from,
            new: deployment.to,
        }
    }

    /// Reports whether the deployment is Lamplighter's rollback, or a restart of the running
    /// revision. Neither is verified as a release.
    pub fn is_rollback_or_restart(&self, state: &TargetState) -> bool {
        let new = &self.new.task_definition;
        let is_restart = self
            .old
            .as_ref()
            .is_some_and(|old| !new.is_empty() && old.task_definition == *new);
        is_restart
            || state
                .releases
                .active_rollback
                .as_ref()
                .is_some_and(|rollback| rollback.to.as_ref() == Some(new))
    }
}
