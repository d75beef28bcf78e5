//! Deployments of services as ECS carries them out, in the simulated world.

use lamplighter::model::{Arn, Deployment, ServiceDeployment, ServiceRevision};

use super::State;

impl State {
    /// The deployment of a service that is moving, if one is.
    pub(super) fn deployment(&self, service: &Arn) -> Option<ServiceDeployment> {
        let service = self.services.get(service)?;
        let primary = service.primary().filter(|primary| primary.rollout_state == "IN_PROGRESS")?;
        let revision = |deployment: &Deployment| ServiceRevision {
            arn: format!("revision/{}", deployment.id),
            task_definition: deployment.task_definition.clone(),
            target_groups: Vec::new(),
        };
        let before = service.deployments.iter().find(|other| other.rollout_state == "COMPLETED");
        Some(ServiceDeployment {
            arn: format!("service-deployment/{}", primary.id),
            status: "IN_PROGRESS".to_owned(),
            from: before.map(revision),
            to: revision(primary),
            ..ServiceDeployment::default()
        })
    }
}
