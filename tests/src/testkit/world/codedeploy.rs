//! CodeDeploy in the simulated world: one deployment of a service at a time, moved on by the test.

use lamplighter::AwsError;
use lamplighter::model::{Arn, CodeDeployment, DeploymentController};
use lamplighter::plan::{AnswerCodeDeployHook, Rollback};

use super::{Deployed, State, World, confirm_answer, error};

impl World {
    /// Lets CodeDeploy deploy a service.
    ///
    /// # Panics
    /// Where there is no such service.
    pub fn by_code_deploy(&self, service: &Arn) {
        let mut state = self.state_mut();
        let of = state.services.get_mut(service).expect("a service");
        of.deployment_controller = DeploymentController::CodeDeploy;
        of.reached = Some(("web".to_owned(), 8080));
        of.deployments.clear();
        of.task_sets = 1;
        let revision = of.task_definition.clone();
        let id = state.begin(service, &revision, None);
        state.moves_on(&id, "Succeeded");
    }

    /// The newest deployment of a service gets another identifier, and is in progress.
    ///
    /// # Panics
    /// Where there is none.
    pub fn renames_code_deployment(&self, service: &Arn, id: &str) {
        let mut state = self.state_mut();
        let (_, mut deployed) = state.code_deployments.pop_last().expect("a deployment");
        id.clone_into(&mut deployed.deployment.id);
        "InProgress".clone_into(&mut deployed.deployment.status);
        state.code_deployments.insert(id.to_owned(), deployed);
        state
            .services
            .get_mut(service)
            .expect("a service")
            .code_deployments = vec![id.to_owned()];
    }

    pub(super) async fn code_deploy(
        &self,
        service: &Arn,
        revision: &str,
        ask: Option<&str>,
    ) -> Result<String, AwsError> {
        let call = "CreateDeployment";
        let answered = self.call(call, &service.display_name()).await?;
        let running = self
            .state()
            .code_deployments
            .values()
            .any(|d| d.service == *service && !d.deployment.is_finished());
        if running {
            let code = "DeploymentLimitExceededException";
            return Err(error(
                call,
                &service.display_name(),
                code,
                "The group already has an active deployment",
            ));
        }
        let id = self.state_mut().begin(service, revision, ask);
        confirm_answer(answered, call, &service.display_name())?;
        Ok(format!("{id} of {revision}"))
    }

    pub(super) async fn code_back(&self, back: &Rollback) -> Result<String, AwsError> {
        let Some(id) = &back.stop else {
            return self.code_deploy(&back.service, &back.to, None).await;
        };
        let answered = self.call("StopDeployment", id).await?;
        self.state_mut().moves_on(id, "Stopped");
        confirm_answer(answered, "StopDeployment", id)?;
        Ok("stopped".to_owned())
    }

    pub(super) async fn report(&self, report: &AnswerCodeDeployHook) -> Result<String, AwsError> {
        let call = "PutLifecycleEventHookExecutionStatus";
        let answered = self.call(call, &report.deployment).await?;
        if let Some(deployed) = self
            .state_mut()
            .code_deployments
            .get_mut(&report.deployment)
        {
            deployed.answers.push(report.passed);
        }
        if !report.passed {
            self.state_mut().moves_on(&report.deployment, "Failed");
        }
        confirm_answer(answered, call, &report.deployment)?;
        Ok("told".to_owned())
    }
}

impl State {
    fn begin(&mut self, service: &Arn, revision: &str, ask: Option<&str>) -> String {
        let id = format!("d-{:09}", self.code_deployments.len() + 1);
        let deployment = CodeDeployment {
            id: id.clone(),
            application: "shop".to_owned(),
            group: "web".to_owned(),
            status: "InProgress".to_owned(),
            configuration: "CodeDeployDefault.ECSAllAtOnce".to_owned(),
            ..CodeDeployment::default()
        };
        let (service, revision) = (service.clone(), revision.to_owned());
        let (stage, ask) = ("Install".to_owned(), ask.map(str::to_owned));
        let deployed = Deployed {
            deployment,
            service,
            revision,
            stage,
            ask,
            answers: Vec::new(),
        };
        self.code_deployments.insert(id.clone(), deployed);
        self.shows(&id);
        id
    }

    /// A deployment ends so, or comes to a lifecycle event.
    ///
    /// # Panics
    /// Where there is no such deployment.
    pub fn moves_on(&mut self, id: &str, to: &str) {
        let deployed = self.code_deployments.get_mut(id).expect("a deployment");
        if ["Succeeded", "Failed", "Stopped"].contains(&to) {
            to.clone_into(&mut deployed.deployment.status);
        } else {
            to.clone_into(&mut deployed.stage);
        }
        self.shows(id);
    }

    /// The newest deployment of all.
    ///
    /// # Panics
    /// Where there was none.
    #[must_use]
    pub fn newest_code_deployment(&self) -> Deployed {
        self.code_deployments
            .values()
            .next_back()
            .expect("a deployment")
            .clone()
    }

    /// What ECS shows of a deployment: a second task set while it goes on.
    fn shows(&mut self, id: &str) {
        let deployed = self.code_deployments[id].clone();
        let Some(service) = self.services.get_mut(&deployed.service) else {
            return;
        };
        service.code_deployments.retain(|known| known != id);
        match deployed.deployment.status.as_str() {
            "Succeeded" => {
                service.task_definition = deployed.revision;
                service.code_deployments = vec![id.to_owned()];
                service.task_sets = 1;
            }
            "Failed" | "Stopped" => service.task_sets = 1,
            _ => {
                service.code_deployments.push(id.to_owned());
                service.task_sets = 2;
            }
        }
    }
}
