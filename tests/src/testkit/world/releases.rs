//! Deployments of services as ECS carries them out, in the simulated world.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{
    Arn, Deployment, Digest, Series, Service, ServiceDeployment, ServiceRevision, Traffic,
};
use lamplighter::state::ActiveRollout;
use lamplighter::state::ProbeStreak;

use lamplighter::AwsError;
use lamplighter::plan::ContinueDeployment;

use super::{State, World, confirm_answer};

impl State {
    /// The deployment of a service that is moving, if one is.
    pub(super) fn deployment(&self, service: &Arn) -> Option<ServiceDeployment> {
        let service = self.services.get(service)?;
        let primary = service
            .primary_deployment()
            .filter(|primary| primary.rollout_state == "IN_PROGRESS")?;
        let revision = |deployment: &Deployment| ServiceRevision {
            arn: format!("revision/{}", deployment.id),
            task_definition: deployment.task_definition.clone(),
            target_groups: Vec::new(),
            weight: None,
        };
        let before = service
            .deployments
            .iter()
            .find(|other| other.rollout_state == "COMPLETED");
        Some(ServiceDeployment {
            arn: format!("service-deployment/{}", primary.id),
            status: "IN_PROGRESS".to_owned(),
            paused: self
                .paused
                .contains(&service.arn)
                .then(|| "ecs-pause-1".to_owned()),
            from: before.map(revision),
            to: revision(primary),
            ..ServiceDeployment::default()
        })
    }

    /// What went through a target group, in whole minutes.
    pub(super) fn through(&self, group: &str, from: Timestamp, to: Timestamp) -> Traffic {
        let Some(all) = self.traffic.get(group) else {
            return Traffic::default();
        };
        let within = |series: &Series| {
            let complete = |at: &Timestamp| *at >= from && *at + SignedDuration::from_mins(1) <= to;
            series
                .iter()
                .filter(|(at, _)| complete(at))
                .map(|(at, value)| (*at, *value))
                .collect()
        };
        Traffic {
            requests: within(&all.requests),
            errors: within(&all.errors),
            p90: within(&all.p90),
            answers: within(&all.answers),
        }
    }
}

impl World {
    /// A service that exists and is managed, and of which `rollout` follows something.
    pub fn followed(&self, arn: &Arn) {
        let mut state = self.state_mut();
        state
            .services
            .entry(arn.clone())
            .or_insert_with(|| Service::new_rolling(arn.clone(), 2));
        let tags = state.tags.entry(arn.clone()).or_default();
        tags.insert("lamplighter:managed".to_owned(), "true".to_owned());
        tags.insert("lamplighter:deploy".to_owned(), "tag=latest".to_owned());
        let (digest, tag) = (Digest::new("sha256:ab"), "latest".to_owned());
        let (base, at) = ("shop-web:1".to_owned(), state.now);
        let memory = &mut state.held.entry(arn.clone()).or_default().memory;
        memory.releases.active_rollout = Some(ActiveRollout {
            digest,
            tag,
            base,
            at,
            deployment: None,
            probe_streak: ProbeStreak::default(),
            progress: None,
            previous: None,
            built_on: String::new(),
            template: None,
        });
        memory.set_requeue("rollout", true);
    }

    pub(super) async fn go_on(&self, go_on: &ContinueDeployment) -> Result<String, AwsError> {
        let answered = self
            .call("ContinueServiceDeployment", &go_on.deployment)
            .await?;
        self.state_mut().paused.remove(&go_on.service);
        confirm_answer(answered, "ContinueServiceDeployment", &go_on.deployment)?;
        Ok("it goes on".to_owned())
    }
}
