//! The actions in the simulated AWS.

use std::collections::BTreeMap;

use lamplighter::AwsError;
use lamplighter::event::detail::request::{DETAIL_TYPE, SOURCE};
use lamplighter::model::{Arn, ReleaseEvent, Request, RequestScope, SKIPPING_STRATEGY};
use lamplighter::plan::{
    Action, ApplyAlarms, ApplyDashboard, BackupAction, DrillAction, HealingAction, LogAction,
    MonitoringAction, ReleaseAction, RequestAction, Rollout, ScalingAction,
};
use lamplighter::ports::{Executor, Services};

use serde_json::json;

use super::{World, confirm_answer};

impl Executor for World {
    async fn execute(&self, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::Rollout(rollout)) => self.roll_out(rollout).await,
            Action::Release(ReleaseAction::RestartTasks(redeploy)) => {
                let answered = self
                    .call("UpdateService", &redeploy.service.display_name())
                    .await?;
                let definition = self.state().services[&redeploy.service]
                    .task_definition
                    .clone();
                self.state_mut().deploy(&redeploy.service, &definition);
                confirm_answer(answered, "UpdateService", &redeploy.service.display_name())?;
                Ok("accepted".to_owned())
            }
            Action::Release(ReleaseAction::Rollback(back)) if back.code_deploy.is_some() => {
                self.code_back(back).await
            }
            Action::Release(ReleaseAction::Rollback(back)) => {
                let call = if back.stop.is_some() {
                    "StopServiceDeployment"
                } else {
                    "UpdateService"
                };
                if back.skips.is_some() {
                    self.check_configurable(&back.service)?;
                }
                let answered = self.call(call, &back.service.display_name()).await?;
                if back.skips.is_some() {
                    self.state_mut()
                        .set_strategy(&back.service, SKIPPING_STRATEGY);
                }
                self.state_mut().deploy(&back.service, &back.to);
                confirm_answer(answered, call, &back.service.display_name())?;
                Ok("accepted".to_owned())
            }
            Action::Release(ReleaseAction::ContinueDeployment(go_on)) => self.go_on(go_on).await,
            Action::Release(ReleaseAction::AnswerCodeDeployHook(report)) => {
                self.report(report).await
            }
            Action::Release(ReleaseAction::RestoreStrategy(restore)) => {
                let name = restore.service.display_name();
                let answered = self.call("UpdateService", &name).await?;
                self.state_mut()
                    .set_strategy(&restore.service, &restore.settings.strategy);
                confirm_answer(answered, "UpdateService", &name)?;
                Ok("accepted".to_owned())
            }
            Action::Release(ReleaseAction::PinRevision(pin)) => {
                self.register(&pin.base, &pin.images, &pin.tags).await
            }
            Action::Release(ReleaseAction::RunPreDeploymentTask(run)) => self.run_before(run).await,
            Action::Release(ReleaseAction::StopPreDeploymentTask(stop)) => {
                self.stop_before(stop).await
            }
            Action::Release(ReleaseAction::RecordResult(_))
            | Action::Healing(HealingAction::CloseIncident(_)) => Ok("remembered".to_owned()),
            Action::Scaling(ScalingAction::SetDesiredCount(scale)) => {
                self.set_desired(&scale.service, scale.to).await
            }
            Action::Scaling(ScalingAction::SetMinCapacity(floor)) => {
                self.set_minimum(&floor.service, floor.to).await
            }
            Action::Monitoring(MonitoringAction::ApplyAlarms(alarms)) => {
                self.keep_alarms(alarms).await
            }
            Action::Monitoring(MonitoringAction::ApplyDashboard(dashboard)) => {
                self.keep_dashboard(dashboard).await
            }
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                self.take_snapshot(backup).await
            }
            Action::Backup(BackupAction::CopySnapshot(copy)) => self.copy_snapshot(copy).await,
            Action::Backup(BackupAction::DeleteSnapshot(expire)) => {
                self.delete_snapshot(expire).await
            }
            Action::Drill(DrillAction::RestoreForDrill(restore)) => self.restore(restore).await,
            Action::Drill(DrillAction::DeleteRestoredDatabase(remove)) => self.remove(remove).await,
            Action::Drill(DrillAction::MarkVerified(verify)) => self.verify(verify).await,
            Action::Drill(DrillAction::RunCheckTask(probe)) => self.run_probe(probe).await,
            Action::Drill(DrillAction::StopCheckTask(halt)) => self.halt(halt).await,
            Action::Log(LogAction::ExportLogs(export)) => self.export_logs(export).await,
            Action::Log(LogAction::WriteManifest(complete)) => self.write_manifest(complete).await,
            Action::Log(LogAction::SetRetention(retain)) => self.retain(retain).await,
            Action::Healing(HealingAction::ReplaceTask(replace)) => self.replace(replace).await,
            Action::Healing(HealingAction::ParkService(park)) => self.park(park).await,
            Action::Healing(HealingAction::IncreaseMemory(enlarge)) => self.enlarge(enlarge).await,
            Action::Healing(HealingAction::SwitchCapacityProvider(moving)) => {
                self.place(moving).await
            }
            Action::Healing(HealingAction::DrainInstance(drain)) => self.drain(drain).await,
            Action::Request(RequestAction::Record(request)) => self.pass_on(request).await,
            Action::Request(RequestAction::Redrive(_)) => self.redrive().await,
        }
    }

    async fn put_events(&self, events: &[ReleaseEvent]) -> Result<(), AwsError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let target = first.service.display_name();
        let answered = self.call("PutEvents", &target).await?;
        for event in events {
            self.state_mut().bus.push(json!({
                "version": "0", "id": "release", "source": SOURCE, "detail-type": event.kind.detail_type(),
                "account": "123456789012", "region": "eu-west-1", "time": event.at.to_string(),
                "resources": [event.service], "detail": event.detail(),
            }));
        }
        confirm_answer(answered, "PutEvents", &target)
    }
}

impl World {
    /// As SQS does: a message that is received and not deleted appears again.
    async fn redrive(&self) -> Result<String, AwsError> {
        let letters = self.state().dead_letters.clone();
        for letter in letters {
            let Ok(recipient) = letter.find_recipient("lamplighter") else {
                continue;
            };
            let answered = self.call("Invoke", "dead letters").await?;
            self.state_mut().sent_again.push(recipient);
            confirm_answer(answered, "Invoke", "dead letters")?;
            self.call("DeleteMessage", "dead letters").await?;
            self.state_mut().dead_letters.retain(|one| *one != letter);
        }
        Ok("sent again".to_owned())
    }

    /// As EventBridge does: the event is put on the bus, for those that a rule invokes.
    async fn pass_on(&self, request: &Request) -> Result<String, AwsError> {
        let RequestScope::Target(target) = &request.scope else {
            return Ok("recorded".to_owned());
        };
        let answered = self.call("PutEvents", target).await?;
        let event = json!({"id": request.id, "source": SOURCE, "detail-type": DETAIL_TYPE, "resources": [target],
                           "time": self.state().now.to_string(), "detail": request});
        self.state_mut().bus.push(event);
        confirm_answer(answered, "PutEvents", target)?;
        Ok("passed on".to_owned())
    }

    async fn set_desired(&self, service: &Arn, count: u32) -> Result<String, AwsError> {
        let answered = self.call("UpdateService", &service.display_name()).await?;
        if let Some(service) = self.state_mut().services.get_mut(service) {
            service.desired_count = i32::try_from(count).unwrap_or(i32::MAX);
        }
        confirm_answer(answered, "UpdateService", &service.display_name())?;
        Ok(format!("desired count {count}"))
    }

    /// As RegisterScalableTarget does: the desired count is raised to the minimum at once.
    async fn set_minimum(&self, service: &Arn, min: u32) -> Result<String, AwsError> {
        let answered = self
            .call("RegisterScalableTarget", &service.display_name())
            .await?;
        let mut state = self.state_mut();
        if let Some(target) = state.scalable.get_mut(service) {
            target.min = min;
        }
        if let Some(service) = state.services.get_mut(service) {
            service.desired_count = service
                .desired_count
                .max(i32::try_from(min).unwrap_or(i32::MAX));
        }
        drop(state);
        confirm_answer(answered, "RegisterScalableTarget", &service.display_name())?;
        Ok(format!("minimum {min}"))
    }

    async fn keep_alarms(&self, alarms: &ApplyAlarms) -> Result<String, AwsError> {
        for alarm in &alarms.put {
            let answered = self.call("PutMetricAlarm", &alarm.name).await?;
            self.state_mut().put_alarm(alarm, &alarms.tags);
            confirm_answer(answered, "PutMetricAlarm", &alarm.name)?;
        }
        for chunk in alarms.delete.chunks(100) {
            let answered = self.call("DeleteAlarms", &chunk.join(", ")).await?;
            for name in chunk {
                let mut state = self.state_mut();
                if let Some(alarm) = state.alarms.remove(name) {
                    state.tags.remove(&Arn::new(alarm.arn));
                }
            }
            confirm_answer(answered, "DeleteAlarms", &chunk.join(", "))?;
        }
        Ok("kept".to_owned())
    }

    async fn keep_dashboard(&self, dashboard: &ApplyDashboard) -> Result<String, AwsError> {
        let call = if dashboard.body.is_some() {
            "PutDashboard"
        } else {
            "DeleteDashboards"
        };
        let answered = self.call(call, &dashboard.name).await?;
        match &dashboard.body {
            Some(body) => drop(
                self.state_mut()
                    .dashboards
                    .insert(dashboard.name.clone(), body.clone()),
            ),
            None => drop(self.state_mut().dashboards.remove(&dashboard.name)),
        }
        confirm_answer(answered, call, &dashboard.name)?;
        Ok("kept".to_owned())
    }

    async fn roll_out(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let revision = match &rollout.registered {
            Some(arn) => arn.clone(),
            None => {
                self.register(&rollout.base, &rollout.images, &rollout.tags)
                    .await?
            }
        };
        let name = rollout.service.display_name();
        if rollout.code_deploy.is_some() {
            return self
                .code_deploy(&rollout.service, &revision, rollout.ask.as_deref())
                .await;
        }
        if rollout.shift.is_some() || rollout.enable_circuit_breaker {
            self.check_configurable(&rollout.service)?;
        }
        let answered = self.call("UpdateService", &name).await?;
        self.state_mut().deploy(&rollout.service, &revision);
        confirm_answer(answered, "UpdateService", &name)?;
        Ok("accepted".to_owned())
    }

    /// Refuses to change the deployment configuration of a service of Express Mode, as ECS does.
    fn check_configurable(&self, service: &Arn) -> Result<(), AwsError> {
        if !self.state().services[service].is_express {
            return Ok(());
        }
        Err(AwsError {
            call: "UpdateService",
            target: service.display_name(),
            code: "InvalidParameterException".to_owned(),
            message: "the deployment configuration of an Express Mode service".to_owned(),
            refused: true,
        })
    }

    /// As the adapter does: the revision has the tags of its base too.
    pub(super) async fn register(
        &self,
        base: &str,
        images: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        let base = self.describe_task_definition(base).await?;
        let answered = self.call("RegisterTaskDefinition", base.family()).await?;
        let mut all = base.tags.clone();
        all.extend(tags.clone());
        let arn = self
            .state_mut()
            .register_document(base.build_request_with_images(images), all);
        confirm_answer(answered, "RegisterTaskDefinition", base.family())?;
        Ok(arn)
    }
}
