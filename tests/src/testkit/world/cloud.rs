//! The simulated AWS.

use lamplighter::AwsError;
use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{
    AlarmState, Arn, CloudTrailEvent, CodeDeployTarget, CodeDeployment, ContainerInstance,
    CopyDestination, Database, Digest, ExistingAlarm, ExportTask, Image, ImageScan, ImageTag,
    InactiveSubscription, Load, LoadBalancerTarget, LoadQuery, LogDay, LogGroup, LogStream,
    ProbeResult, Quotas, Repository, ScalableTarget, Service, ServiceDeployment, Snapshot, Tagged,
    TargetGroup, Task, TaskDefinition, Traffic,
};
use lamplighter::plan::{
    Action, ApplyAlarms, ApplyDashboard, BackupAction, DrillAction, HealingAction, LogAction,
    MonitoringAction, ReleaseAction, Rollout, ScalingAction,
};
use lamplighter::policy::TARGET;
use lamplighter::ports::{
    Alarms, Caches, ChangeHistory, CodeDeployments, Dashboards, Databases, Executor, Images,
    Instances, LoadBalancing, Logs, Metrics, Probes, ResourceKind, Scaling, Services,
    SnapshotFilter, TaggedResources, TaskLifecycle, TaskOwner, Tasks, Topics,
};

use super::codedeploy::Deployed;
use super::{World, error, heard};

impl TaggedResources for World {
    async fn list_tagged(
        &self,
        kind: ResourceKind,
        tag_key: &str,
    ) -> Result<Vec<Tagged>, AwsError> {
        let service = match kind {
            ResourceKind::Service => "ecs",
            ResourceKind::Database => "rds",
            ResourceKind::DatabaseOrCache => "rds elasticache",
            ResourceKind::Cache => "elasticache",
            ResourceKind::LogGroup => "logs",
        };
        let found: Vec<Tagged> = service
            .split(' ')
            .flat_map(|service| self.state().tagged(service, tag_key))
            .collect();
        self.pages("GetResources", tag_key, found.len(), 100)
            .await?;
        Ok(found)
    }
}

impl Services for World {
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        for chunk in arns.chunks(10) {
            self.call(
                "DescribeServices",
                &chunk
                    .iter()
                    .map(Arn::display_name)
                    .collect::<Vec<_>>()
                    .join(", "),
            )
            .await?;
        }
        let state = self.state();
        let with_tags = |service: &Service| Service {
            tags: state.tags.get(&service.arn).cloned().unwrap_or_default(),
            ..service.clone()
        };
        Ok(arns
            .iter()
            .filter_map(|arn| state.services.get(arn).map(with_tags))
            .collect())
    }

    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        self.call("DescribeTaskDefinition", arn).await?;
        let found = self
            .state()
            .definitions
            .iter()
            .find(|d| d.arn() == arn)
            .cloned();
        found.ok_or_else(|| {
            error(
                "DescribeTaskDefinition",
                arn,
                "ClientException",
                "Unable to describe task definition.",
            )
        })
    }

    async fn is_revision_active(&self, revision: &str) -> Result<bool, AwsError> {
        self.call("DescribeTaskDefinition", revision).await?;
        let state = self.state();
        Ok(state.definitions.iter().any(|d| d.arn() == revision)
            && !state.inactive.contains(revision))
    }

    async fn service_events(&self, service: &Arn, _: Timestamp) -> Result<Vec<String>, AwsError> {
        self.call("DescribeServices", &service.display_name())
            .await?;
        Ok(self.state().said.get(service).cloned().unwrap_or_default())
    }

    async fn find_active_deployment(
        &self,
        service: &Arn,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        self.call("ListServiceDeployments", &service.display_name())
            .await?;
        let found = self.state().deployment(service);
        if found.is_some() {
            self.call("DescribeServiceDeployments", &service.display_name())
                .await?;
            self.call("DescribeServiceRevisions", &service.display_name())
                .await?;
        }
        Ok(found)
    }

    async fn describe_service_deployment(
        &self,
        arn: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        self.call("DescribeServiceDeployments", arn).await?;
        self.call("DescribeServiceRevisions", arn).await?;
        Ok(self.state().shifting.get(arn).cloned())
    }

    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        self.call("DescribeTaskDefinition", family).await?;
        let found = self
            .state()
            .definitions
            .iter()
            .rev()
            .find(|d| d.family() == family)
            .cloned();
        found.ok_or_else(|| {
            error(
                "DescribeTaskDefinition",
                family,
                "ClientException",
                "Unable to describe task definition.",
            )
        })
    }
}

impl CodeDeployments for World {
    async fn describe_code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError> {
        self.call("GetDeployment", id).await?;
        Ok(self
            .state()
            .code_deployments
            .get(id)
            .map(|deployed| deployed.deployment.clone()))
    }

    async fn find_code_deploy_target(
        &self,
        id: &str,
    ) -> Result<Option<CodeDeployTarget>, AwsError> {
        self.call("ListDeploymentTargets", id).await?;
        self.call("GetDeploymentTarget", id).await?;
        let target = |deployed: &Deployed| CodeDeployTarget {
            service: deployed.service.clone(),
            stage: deployed.stage.clone(),
        };
        Ok(self.state().code_deployments.get(id).map(target))
    }
}

impl Images for World {
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError> {
        self.call("BatchGetImage", &format!("{}@{digest}", repository.name))
            .await?;
        Ok(!self.state().purged.contains(digest))
    }

    async fn find_image(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<Image>, AwsError> {
        self.call("BatchGetImage", &format!("{}:{tag}", repository.name))
            .await?;
        let state = self.state();
        let found = state.images.get(&(repository.name.clone(), tag.to_owned()));
        Ok(found.map(|(digest, platforms, _)| Image {
            tag: tag.to_owned(),
            digest: digest.clone(),
            platforms: platforms.clone(),
        }))
    }

    async fn image_tags(&self, repository: &Repository) -> Result<Vec<ImageTag>, AwsError> {
        self.call("DescribeImages", &repository.name).await?;
        let state = self.state();
        let tags = state
            .images
            .iter()
            .filter(|((name, _), _)| *name == repository.name);
        Ok(tags
            .map(|((_, tag), (digest, _, at))| ImageTag {
                tag: tag.clone(),
                digest: digest.clone(),
                pushed_at: Some(*at),
            })
            .collect())
    }

    async fn image_scan(&self, repository: &Repository, _: &Digest) -> Result<ImageScan, AwsError> {
        self.call("DescribeImageScanFindings", &repository.name)
            .await?;
        Ok(ImageScan::Unavailable("it was never scanned".to_owned()))
    }
}

impl Tasks for World {
    async fn list_tasks(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError> {
        self.tasks_of(of, which).await
    }

    async fn find_check_task(&self, _: &str, token: &str) -> Result<Option<Task>, AwsError> {
        self.call("ListTasks", token).await?;
        Ok(self.state().probe(token))
    }
}

impl Instances for World {
    async fn describe_instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError> {
        self.call(
            "DescribeContainerInstances",
            &format!("{} instances", arns.len()),
        )
        .await?;
        Ok(arns
            .iter()
            .filter_map(|arn| self.state().instances.get(arn).cloned())
            .collect())
    }

    async fn find_auto_scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError> {
        self.call("DescribeAutoScalingInstances", ec2).await?;
        Ok(self.state().groups.get(ec2).cloned())
    }

    async fn disconnected_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError> {
        self.call("ListContainerInstances", cluster).await?;
        let state = self.state();
        let active = state.instances.values().filter(|instance| {
            instance
                .arn
                .container_instance()
                .is_some_and(|(of, _)| of == cluster)
                && instance.status == "ACTIVE"
        });
        let (silent, heard): (Vec<_>, Vec<_>) =
            active.partition(|instance| !instance.agent_connected);
        let all = silent.len() + if silent.len() > 1 { heard.len() } else { 0 };
        Ok((
            silent
                .into_iter()
                .map(|instance| instance.arn.clone())
                .collect(),
            all,
        ))
    }
}

impl LoadBalancing for World {
    async fn describe_target_health(
        &self,
        groups: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError> {
        for group in groups {
            self.call("DescribeTargetHealth", group).await?;
        }
        Ok(groups
            .iter()
            .flat_map(|group| self.state().targets.get(group).cloned().unwrap_or_default())
            .collect())
    }

    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        for chunk in arns.chunks(20) {
            self.call("DescribeTargetGroups", &chunk.join(", ")).await?;
        }
        let state = self.state();
        Ok(arns
            .iter()
            .filter_map(|arn| Some((arn.clone(), state.target_groups.get(arn)?.clone())))
            .collect())
    }
}

impl Metrics for World {
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError> {
        self.call("GetMetricData", &format!("{} groups", groups.len()))
            .await?;
        Ok(groups
            .iter()
            .map(|group| self.state().through(&group.arn, from, to))
            .collect())
    }

    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError> {
        for chunk in queries.chunks(125) {
            self.call("GetMetricData", &format!("{} services", chunk.len()))
                .await?;
        }
        Ok(queries
            .iter()
            .map(|query| self.state().measured(query, from, to))
            .collect())
    }
}

impl Scaling for World {
    async fn describe_scalable_targets(
        &self,
        services: &[Arn],
    ) -> Result<Vec<ScalableTarget>, AwsError> {
        for chunk in services.chunks(50) {
            self.call(
                "DescribeScalableTargets",
                &format!("{} services", chunk.len()),
            )
            .await?;
        }
        Ok(services
            .iter()
            .filter_map(|arn| self.state().scalable.get(arn).cloned())
            .collect())
    }
}

impl Alarms for World {
    async fn list_own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
        let mut found = self.state().tagged("cloudwatch", TARGET);
        found.retain(|alarm| of.is_none_or(|of| alarm.tags[TARGET] == of.as_str()));
        self.pages("GetResources", TARGET, found.len(), 100).await?;
        Ok(found)
    }

    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        self.call("ListTagsForResource", arn).await?;
        Ok(self
            .state()
            .tags
            .get(&Arn::new(arn))
            .cloned()
            .unwrap_or_default())
    }

    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError> {
        let wanted = |alarm: &&ExistingAlarm| {
            alarm.name.starts_with(prefix) && (!in_alarm || alarm.state == AlarmState::Alarm)
        };
        let found: Vec<ExistingAlarm> = self
            .state()
            .alarms
            .values()
            .filter(wanted)
            .cloned()
            .collect();
        self.pages("DescribeAlarms", prefix, found.len(), 100)
            .await?;
        Ok(found)
    }
}

impl Dashboards for World {
    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, AwsError> {
        self.call("GetDashboard", name).await?;
        Ok(self.state().dashboards.get(name).cloned())
    }

    async fn list_dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        self.call("ListDashboards", prefix).await?;
        Ok(self
            .state()
            .dashboards
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }
}

impl Topics for World {
    async fn unconfirmed_subscriptions(
        &self,
        topic: &str,
    ) -> Result<Vec<InactiveSubscription>, AwsError> {
        self.call("ListSubscriptionsByTopic", topic).await?;
        Ok(self.state().unreached.clone())
    }
}

impl Databases for World {
    async fn describe_databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        self.pages("DescribeDBInstances", "all", arns.len(), 100)
            .await?;
        let state = self.state();
        Ok(arns.iter().filter_map(|arn| state.described(arn)).collect())
    }

    async fn list_snapshots(
        &self,
        place: Option<&CopyDestination>,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let place = place.map_or("eu-west-1", |place| place.region().unwrap_or("vault"));
        if self.state().unreadable_regions.contains(place) {
            return Err(error(
                "DescribeDBSnapshots",
                "all",
                "AuthFailure",
                "the region is not enabled",
            ));
        }
        let mut found = self.state().snapshots_of(place, which);
        found.retain(|snapshot| snapshot.arn.service() == "rds");
        self.pages("DescribeDBSnapshots", "manual", found.len(), 100)
            .await?;
        Ok(found)
    }

    async fn get_snapshot_quotas(&self) -> Result<Quotas, AwsError> {
        self.call("DescribeAccountAttributes", "RDS").await?;
        Ok(self.state().quotas())
    }

    async fn find_smallest_class(
        &self,
        engine: &str,
        _: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError> {
        self.call("DescribeOrderableDBInstanceOptions", engine)
            .await?;
        Ok(Some(
            if multi_az {
                "db.c6gd.medium"
            } else {
                "db.t4g.medium"
            }
            .to_owned(),
        ))
    }

    async fn is_snapshot_shared(&self, snapshot: &Arn) -> Result<bool, AwsError> {
        self.call("DescribeDBSnapshotAttributes", &snapshot.display_name())
            .await?;
        Ok(self.state().shared.contains(snapshot))
    }
}

impl Caches for World {
    async fn describe_caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        self.pages("DescribeReplicationGroups", "all", arns.len(), 50)
            .await?;
        let state = self.state();
        Ok(arns.iter().filter_map(|arn| state.described(arn)).collect())
    }

    async fn list_cache_snapshots(
        &self,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let mut found = self.state().snapshots_of("eu-west-1", which);
        found.retain(|snapshot| snapshot.arn.service() == "elasticache");
        self.pages("DescribeSnapshots", "manual", found.len(), 50)
            .await?;
        Ok(found)
    }
}

impl Logs for World {
    async fn last_log_lines(&self, stream: &LogStream, _: usize) -> Result<Vec<String>, AwsError> {
        self.call("GetLogEvents", &stream.name).await?;
        Ok(self
            .state()
            .written
            .get(stream)
            .cloned()
            .unwrap_or_default())
    }

    async fn describe_log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError> {
        self.pages("DescribeLogGroups", "tagged", arns.len(), 50)
            .await?;
        Ok(arns
            .iter()
            .filter_map(|arn| self.state().log_groups.get(arn).cloned())
            .collect())
    }

    async fn running_export_tasks(&self) -> Result<Vec<ExportTask>, AwsError> {
        self.call("DescribeExportTasks", "RUNNING").await?;
        Ok(self.state().running_exports())
    }

    async fn find_export_task(&self, id: &str) -> Result<Option<ExportTask>, AwsError> {
        self.call("DescribeExportTasks", id).await?;
        Ok(self.state().export(id))
    }

    async fn is_export_complete(&self, day: &LogDay) -> Result<bool, AwsError> {
        self.call("HeadObject", &day.manifest_key()).await?;
        Ok(self.state().manifests.contains(&day.manifest_key()))
    }
}

impl ChangeHistory for World {
    async fn cloudtrail_events(
        &self,
        resource: &str,
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError> {
        self.call("LookupEvents", resource).await?;
        let mut found = self
            .state()
            .changes
            .get(resource)
            .cloned()
            .unwrap_or_default();
        found.retain(|change| change.at >= since);
        Ok(found)
    }
}

impl Probes for World {
    async fn probe_url(&self, url: &str, _: Option<&str>) -> ProbeResult {
        let _ = self.call("Ask", url).await;
        let now = self.state().now;
        let problem = self
            .state()
            .unwell
            .as_ref()
            .filter(|unwell| unwell(now))
            .map(|_| "HTTP 503".to_owned());
        ProbeResult {
            url: url.to_owned(),
            problem,
        }
    }
}

impl Executor for World {
    async fn execute(&self, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(ReleaseAction::Rollout(rollout)) => self.roll_out(rollout).await,
            Action::Release(ReleaseAction::RestartTasks(redeploy)) => {
                let heard_of = self
                    .call("UpdateService", &redeploy.service.display_name())
                    .await?;
                let definition = self.state().services[&redeploy.service]
                    .task_definition
                    .clone();
                self.state_mut().deploy(&redeploy.service, &definition);
                heard(heard_of, "UpdateService", &redeploy.service.display_name())?;
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
                let heard_of = self.call(call, &back.service.display_name()).await?;
                self.state_mut().deploy(&back.service, &back.to);
                heard(heard_of, call, &back.service.display_name())?;
                Ok("accepted".to_owned())
            }
            Action::Release(ReleaseAction::ContinueDeployment(go_on)) => self.go_on(go_on).await,
            Action::Release(ReleaseAction::AnswerCodeDeployHook(report)) => {
                self.report(report).await
            }
            Action::Release(ReleaseAction::RecordVerdict(_))
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
        }
    }
}

impl World {
    /// As many calls as a list of this length fills pages.
    async fn pages(
        &self,
        call: &'static str,
        about: &str,
        items: usize,
        per_page: usize,
    ) -> Result<(), AwsError> {
        for _ in 0..items.div_ceil(per_page).max(1) {
            self.call(call, about).await?;
        }
        Ok(())
    }

    async fn set_desired(&self, service: &Arn, count: u32) -> Result<String, AwsError> {
        let heard_of = self.call("UpdateService", &service.display_name()).await?;
        if let Some(service) = self.state_mut().services.get_mut(service) {
            service.desired_count = i32::try_from(count).unwrap_or(i32::MAX);
        }
        heard(heard_of, "UpdateService", &service.display_name())?;
        Ok(format!("desired count {count}"))
    }

    /// As RegisterScalableTarget does: the desired count is raised to the minimum at once.
    async fn set_minimum(&self, service: &Arn, min: u32) -> Result<String, AwsError> {
        let heard_of = self
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
        heard(heard_of, "RegisterScalableTarget", &service.display_name())?;
        Ok(format!("minimum {min}"))
    }

    async fn keep_alarms(&self, alarms: &ApplyAlarms) -> Result<String, AwsError> {
        for alarm in &alarms.put {
            let heard_of = self.call("PutMetricAlarm", &alarm.name).await?;
            self.state_mut().put_alarm(alarm, &alarms.tags);
            heard(heard_of, "PutMetricAlarm", &alarm.name)?;
        }
        for chunk in alarms.delete.chunks(100) {
            let heard_of = self.call("DeleteAlarms", &chunk.join(", ")).await?;
            for name in chunk {
                let mut state = self.state_mut();
                if let Some(alarm) = state.alarms.remove(name) {
                    state.tags.remove(&Arn::new(alarm.arn));
                }
            }
            heard(heard_of, "DeleteAlarms", &chunk.join(", "))?;
        }
        Ok("kept".to_owned())
    }

    async fn keep_dashboard(&self, dashboard: &ApplyDashboard) -> Result<String, AwsError> {
        let call = if dashboard.body.is_some() {
            "PutDashboard"
        } else {
            "DeleteDashboards"
        };
        let heard_of = self.call(call, &dashboard.name).await?;
        match &dashboard.body {
            Some(body) => drop(
                self.state_mut()
                    .dashboards
                    .insert(dashboard.name.clone(), body.clone()),
            ),
            None => drop(self.state_mut().dashboards.remove(&dashboard.name)),
        }
        heard(heard_of, call, &dashboard.name)?;
        Ok("kept".to_owned())
    }

    async fn roll_out(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let revision = match &rollout.registered {
            Some(arn) => arn.clone(),
            None => self.register(rollout).await?,
        };
        let name = rollout.service.display_name();
        if rollout.code_deploy.is_some() {
            return self
                .code_deploy(&rollout.service, &revision, rollout.ask.as_deref())
                .await;
        }
        let heard_of = self.call("UpdateService", &name).await?;
        self.state_mut().deploy(&rollout.service, &revision);
        heard(heard_of, "UpdateService", &name)?;
        Ok("accepted".to_owned())
    }

    async fn register(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let base = self.describe_task_definition(&rollout.base).await?;
        let heard_of = self.call("RegisterTaskDefinition", base.family()).await?;
        let arn = self.state_mut().register_document(
            base.build_request_with_images(&rollout.images),
            rollout.tags.clone(),
        );
        heard(heard_of, "RegisterTaskDefinition", base.family())?;
        Ok(arn)
    }
}
