//! The implementation of [`Cloud`] over the real AWS. Clients are built on first use.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;

use aws_sdk_ecs::types::DeploymentConfiguration;
use aws_types::region::Region;

use jiff::Timestamp;

use super::capability::Execute;
use super::config::is_local;
use super::vault::Vault;
use super::{
    Config, autoscaling, check_tasks, cloudtrail, cloudwatch, codedeploy, deployments, drills, ecr,
    ecs, elasticache, elb, instances, logs, metrics, rds, snapshots, tagging, tasks, topic,
};
use crate::http;
use lamplighter::AwsError;
use lamplighter::model::{
    Arn, CloudTrailEvent, CodeDeployTarget, CodeDeployment, ContainerInstance, CopyDestination,
    Database, Digest, ExistingAlarm, ExportTask, Image, ImageScan, ImageTag, InactiveSubscription,
    Load, LoadBalancerTarget, LoadQuery, LogDay, LogGroup, LogStream, ProbeResult, Quotas,
    Repository, ScalableTarget, Service, ServiceDeployment, Snapshot, Tagged, TargetGroup, Task,
    TaskDefinition, Traffic,
};
use lamplighter::plan::{Action, IncreaseMemory, Rollout};
use lamplighter::policy::MANAGED;
use lamplighter::ports::capability::DeployActions;
use lamplighter::ports::{
    Alarms, Caches, ChangeHistory, CodeDeployments, Dashboards, Databases, Executor, Images,
    Instances, LoadBalancing, Logs, Metrics, Probes, ResourceKind, Scaling, Services,
    SnapshotFilter, TaggedResources, TaskLifecycle, TaskOwner, Tasks, Topics,
};

/// Maximum number of caches whose tags are read one by one.
const MAX_TAG_LOOKUPS: usize = 3;

/// Access to the function's account and region, limited to the capability `R` of an operation.
pub struct Aws<R = DeployActions> {
    config: Config,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    /// Clients by region, because an image may come from a registry in another region.
    ecr: RefCell<HashMap<String, aws_sdk_ecr::Client>>,
    tagging: OnceCell<aws_sdk_resourcegroupstagging::Client>,
    codedeploy: OnceCell<aws_sdk_codedeploy::Client>,
    cloudwatch: OnceCell<aws_sdk_cloudwatch::Client>,
    elb: OnceCell<aws_sdk_elasticloadbalancingv2::Client>,
    autoscaling: OnceCell<aws_sdk_applicationautoscaling::Client>,
    groups: OnceCell<aws_sdk_autoscaling::Client>,
    trail: OnceCell<aws_sdk_cloudtrail::Client>,
    rds: OnceCell<aws_sdk_rds::Client>,
    elasticache: OnceCell<aws_sdk_elasticache::Client>,
    sns: OnceCell<aws_sdk_sns::Client>,
    logs: OnceCell<aws_sdk_cloudwatchlogs::Client>,
    s3: OnceCell<aws_sdk_s3::Client>,
    vault: Vault,
    /// Cache of the target groups that have a load balancer, by ARN.
    target_groups: RefCell<BTreeMap<String, TargetGroup>>,
    /// Cache of task definitions by revision. A revision is immutable.
    revisions: RefCell<HashMap<String, TaskDefinition>>,
    /// Deployment configurations as last described, from which an update of one setting starts.
    configurations: RefCell<HashMap<Arn, Option<DeploymentConfiguration>>>,
    capability: PhantomData<R>,
}

impl<R> Aws<R> {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            ecs: OnceCell::new(),
            ecr: RefCell::default(),
            tagging: OnceCell::new(),
            codedeploy: OnceCell::new(),
            cloudwatch: OnceCell::new(),
            elb: OnceCell::new(),
            autoscaling: OnceCell::new(),
            groups: OnceCell::new(),
            trail: OnceCell::new(),
            rds: OnceCell::new(),
            elasticache: OnceCell::new(),
            sns: OnceCell::new(),
            logs: OnceCell::new(),
            s3: OnceCell::new(),
            vault: Vault::default(),
            target_groups: RefCell::default(),
            revisions: RefCell::default(),
            configurations: RefCell::default(),
            capability: PhantomData,
        }
    }

    /// Adds the vault of the stack; an empty role means that it has none.
    #[must_use]
    pub fn with_vault(self, role: &str, stack: &str) -> Self {
        Self {
            vault: Vault::new(role, stack),
            ..self
        }
    }

    /// Creates an adapter from prebuilt clients, for tests of single calls.
    #[must_use]
    pub fn from_clients(
        ecs: aws_sdk_ecs::Client,
        ecr: aws_sdk_ecr::Client,
        tagging: aws_sdk_resourcegroupstagging::Client,
    ) -> Self {
        let aws = Self::new(Config::builder().build());
        let _ = (aws.ecs.set(ecs), aws.tagging.set(tagging));
        let region = ecr
            .config()
            .region()
            .map(ToString::to_string)
            .unwrap_or_default();
        aws.ecr.borrow_mut().insert(region, ecr);
        aws
    }

    /// Adds prebuilt clients for metrics, load balancers, scaling and databases.
    #[must_use]
    pub fn with_monitoring_clients(
        self,
        cloudwatch: aws_sdk_cloudwatch::Client,
        elb: aws_sdk_elasticloadbalancingv2::Client,
        autoscaling: aws_sdk_applicationautoscaling::Client,
        rds: aws_sdk_rds::Client,
    ) -> Self {
        let _ = (
            self.cloudwatch.set(cloudwatch),
            self.elb.set(elb),
            self.autoscaling.set(autoscaling),
        );
        let _ = self.rds.set(rds);
        self
    }

    /// Adds a prebuilt client for ElastiCache.
    #[must_use]
    pub fn with_elasticache_client(self, elasticache: aws_sdk_elasticache::Client) -> Self {
        let _ = self.elasticache.set(elasticache);
        self
    }

    /// Adds a prebuilt client for CodeDeploy.
    #[must_use]
    pub fn with_codedeploy_client(self, codedeploy: aws_sdk_codedeploy::Client) -> Self {
        let _ = self.codedeploy.set(codedeploy);
        self
    }

    /// Adds prebuilt clients for EC2 Auto Scaling and CloudTrail.
    #[must_use]
    pub fn with_instance_clients(
        self,
        groups: aws_sdk_autoscaling::Client,
        trail: aws_sdk_cloudtrail::Client,
    ) -> Self {
        let _ = (self.groups.set(groups), self.trail.set(trail));
        self
    }

    /// Adds prebuilt clients for CloudWatch Logs and S3.
    #[must_use]
    pub fn with_log_clients(
        self,
        logs: aws_sdk_cloudwatchlogs::Client,
        s3: aws_sdk_s3::Client,
    ) -> Self {
        let _ = (self.logs.set(logs), self.s3.set(s3));
        self
    }

    pub(super) fn ecs_client(&self) -> &aws_sdk_ecs::Client {
        self.ecs
            .get_or_init(|| aws_sdk_ecs::Client::new(&self.config))
    }

    /// Returns the ECR client for the region of a repository.
    fn ecr_client(&self, repository: &Repository) -> aws_sdk_ecr::Client {
        let here = self.config.region().map(AsRef::as_ref).unwrap_or_default();
        let region = repository.region().unwrap_or(here);
        let mut clients = self.ecr.borrow_mut();
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_ecr::config::Builder::from(&self.config);
            aws_sdk_ecr::Client::from_conf(config.region(Region::new(region.to_owned())).build())
        });
        client.clone()
    }

    fn tagging_client(&self) -> &aws_sdk_resourcegroupstagging::Client {
        self.tagging
            .get_or_init(|| aws_sdk_resourcegroupstagging::Client::new(&self.config))
    }

    pub(super) fn codedeploy_client(&self) -> &aws_sdk_codedeploy::Client {
        self.codedeploy
            .get_or_init(|| aws_sdk_codedeploy::Client::new(&self.config))
    }

    pub(super) fn cloudwatch_client(&self) -> &aws_sdk_cloudwatch::Client {
        self.cloudwatch
            .get_or_init(|| aws_sdk_cloudwatch::Client::new(&self.config))
    }

    fn elb_client(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.elb
            .get_or_init(|| aws_sdk_elasticloadbalancingv2::Client::new(&self.config))
    }

    pub(super) fn rds_client(&self) -> &aws_sdk_rds::Client {
        self.rds
            .get_or_init(|| aws_sdk_rds::Client::new(&self.config))
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Returns the RDS client for the place of snapshot copies: another region or the vault.
    pub(super) fn rds_client_at(&self, place: &CopyDestination) -> aws_sdk_rds::Client {
        place.region().map_or_else(
            || self.vault.rds_client(&self.config).clone(),
            |region| self.rds_client_in(region),
        )
    }

    /// Returns the RDS client for the account and region of a snapshot.
    pub(super) fn rds_client_of(&self, snapshot: &Arn) -> aws_sdk_rds::Client {
        if snapshot.account_id() == self.vault.account() {
            return self.vault.rds_client(&self.config).clone();
        }
        self.rds_client_in(snapshot.region())
    }

    /// Returns the RDS client for a region.
    fn rds_client_in(&self, region: &str) -> aws_sdk_rds::Client {
        let here = self
            .rds_client()
            .config()
            .region()
            .map(AsRef::as_ref)
            .unwrap_or_default();
        if region.is_empty() || region == here {
            return self.rds_client().clone();
        }
        let config = aws_sdk_rds::config::Builder::from(&self.config);
        aws_sdk_rds::Client::from_conf(config.region(Region::new(region.to_owned())).build())
    }

    pub(super) fn elasticache_client(&self) -> &aws_sdk_elasticache::Client {
        self.elasticache
            .get_or_init(|| aws_sdk_elasticache::Client::new(&self.config))
    }

    pub(super) fn logs_client(&self) -> &aws_sdk_cloudwatchlogs::Client {
        self.logs
            .get_or_init(|| aws_sdk_cloudwatchlogs::Client::new(&self.config))
    }

    pub(super) fn s3_client(&self) -> &aws_sdk_s3::Client {
        self.s3
            .get_or_init(|| aws_sdk_s3::Client::new(&self.config))
    }

    pub(super) fn autoscaling_client(&self) -> &aws_sdk_autoscaling::Client {
        self.groups
            .get_or_init(|| aws_sdk_autoscaling::Client::new(&self.config))
    }

    fn cloudtrail_client(&self) -> &aws_sdk_cloudtrail::Client {
        self.trail
            .get_or_init(|| aws_sdk_cloudtrail::Client::new(&self.config))
    }

    pub(super) fn application_autoscaling_client(&self) -> &aws_sdk_applicationautoscaling::Client {
        self.autoscaling
            .get_or_init(|| aws_sdk_applicationautoscaling::Client::new(&self.config))
    }
}

impl<R: Execute> Aws<R> {
    pub(super) async fn execute_rollout(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let revision = match &rollout.registered {
            Some(arn) => arn.clone(),
            None => self.register_revision(rollout).await?,
        };
        let label = revision.rsplit('/').next().unwrap_or_default();
        if let Some(group) = &rollout.code_deploy {
            let deployment = codedeploy::create_deployment(
                self.codedeploy_client(),
                group,
                &revision,
                rollout.ask.as_deref(),
            )
            .await?;
            return Ok(format!("{deployment} of {label}"));
        }
        let configuration = match &rollout.shift {
            Some(shift) => Some(deployments::with_traffic_shift(
                self.deployment_configuration(&rollout.service).await?,
                shift,
            )),
            None if rollout.enable_circuit_breaker => Some(ecs::with_circuit_breaker(
                self.deployment_configuration(&rollout.service).await?,
            )),
            None => None,
        };
        let deployment = ecs::update_service(
            self.ecs_client(),
            &rollout.service,
            &revision,
            configuration,
        )
        .await?;
        Ok(format!("{deployment} of {label}"))
    }

    async fn register_revision(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let base = self.describe_task_definition(&rollout.base).await?;
        let request = base.build_request_with_images(&rollout.images);
        ecs::register_task_definition(
            self.ecs_client(),
            request,
            &base.tags,
            &rollout.tags,
            base.family(),
        )
        .await
    }

    pub(super) async fn increase_memory(
        &self,
        enlarge: &IncreaseMemory,
    ) -> Result<String, AwsError> {
        let base = self.describe_task_definition(&enlarge.base).await?;
        let request = base.build_request_with_sizes(&enlarge.sizes);
        let tags = (&base.tags, &enlarge.tags);
        let revision = ecs::register_task_definition(
            self.ecs_client(),
            request,
            tags.0,
            tags.1,
            base.family(),
        )
        .await?;
        let deployment =
            ecs::update_service(self.ecs_client(), &enlarge.service, &revision, None).await?;
        Ok(format!(
            "{deployment} of {}",
            revision.rsplit('/').next().unwrap_or_default()
        ))
    }

    async fn deployment_configuration(
        &self,
        service: &Arn,
    ) -> Result<Option<DeploymentConfiguration>, AwsError> {
        if !self.configurations.borrow().contains_key(service) {
            self.describe_services(std::slice::from_ref(service))
                .await?;
        }
        Ok(self.configurations.borrow().get(service).cloned().flatten())
    }
}

impl<R: Execute> TaggedResources for Aws<R> {
    async fn list_tagged(
        &self,
        kind: ResourceKind,
        tag_key: &str,
    ) -> Result<Vec<Tagged>, AwsError> {
        tagging::list_tagged(self.tagging_client(), kind, tag_key).await
    }
}

impl<R: Execute> Services for Aws<R> {
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        let described = ecs::describe_services(self.ecs_client(), arns).await?;
        let mut configurations = self.configurations.borrow_mut();
        let remembered = described.into_iter().map(|(service, configuration)| {
            configurations.insert(service.arn.clone(), configuration);
            service
        });
        Ok(remembered.collect())
    }

    async fn service_events(
        &self,
        service: &Arn,
        since: Timestamp,
    ) -> Result<Vec<String>, AwsError> {
        ecs::list_service_events(self.ecs_client(), service, since).await
    }

    async fn find_active_deployment(
        &self,
        service: &Arn,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        deployments::find_active_deployment(self.ecs_client(), service).await
    }

    async fn describe_service_deployment(
        &self,
        arn: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        deployments::describe_deployment(self.ecs_client(), arn).await
    }

    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        if let Some(known) = self.revisions.borrow().get(arn) {
            return Ok(known.clone());
        }
        let definition = ecs::describe_task_definition(self.ecs_client(), arn).await?;
        self.revisions
            .borrow_mut()
            .insert(arn.to_owned(), definition.clone());
        Ok(definition)
    }

    async fn is_revision_active(&self, revision: &str) -> Result<bool, AwsError> {
        match ecs::describe_task_definition(self.ecs_client(), revision).await {
            Ok(definition) => Ok(definition
                .document
                .get("status")
                .is_some_and(|status| status == "ACTIVE")),
            Err(error) if error.code == "ClientException" => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        ecs::describe_task_definition(self.ecs_client(), family).await
    }
}

impl<R: Execute> CodeDeployments for Aws<R> {
    async fn describe_code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError> {
        codedeploy::describe_deployment(self.codedeploy_client(), id).await
    }

    async fn find_code_deploy_target(
        &self,
        id: &str,
    ) -> Result<Option<CodeDeployTarget>, AwsError> {
        codedeploy::find_target(self.codedeploy_client(), id).await
    }
}

impl<R: Execute> Images for Aws<R> {
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError> {
        ecr::has_image(&self.ecr_client(repository), repository, digest).await
    }

    async fn find_image(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<Image>, AwsError> {
        ecr::find_image(&self.ecr_client(repository), repository, tag).await
    }

    async fn image_tags(&self, repository: &Repository) -> Result<Vec<ImageTag>, AwsError> {
        ecr::list_tags(&self.ecr_client(repository), repository).await
    }

    async fn image_scan(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ImageScan, AwsError> {
        ecr::describe_scan(&self.ecr_client(repository), repository, digest).await
    }
}

impl<R: Execute> Tasks for Aws<R> {
    async fn list_tasks(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError> {
        tasks::list_tasks(self.ecs_client(), of, which).await
    }

    async fn find_check_task(&self, cluster: &str, token: &str) -> Result<Option<Task>, AwsError> {
        check_tasks::find_check_task(self.ecs_client(), cluster, token).await
    }
}

impl<R: Execute> Instances for Aws<R> {
    async fn describe_instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError> {
        instances::describe_instances(self.ecs_client(), arns).await
    }

    async fn find_auto_scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError> {
        instances::find_auto_scaling_group(self.autoscaling_client(), ec2).await
    }

    async fn disconnected_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError> {
        instances::list_disconnected(self.ecs_client(), cluster).await
    }
}

impl<R: Execute> LoadBalancing for Aws<R> {
    async fn describe_target_health(
        &self,
        groups: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError> {
        elb::describe_target_health(self.elb_client(), groups).await
    }

    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        let known = |arn: &&String| self.target_groups.borrow().contains_key(*arn);
        let unknown: Vec<String> = arns.iter().filter(|arn| !known(arn)).cloned().collect();
        let mut found = BTreeMap::new();
        for group in elb::describe_target_groups(self.elb_client(), &unknown).await? {
            // Don't cache unused groups: they may get a load balancer at any time.
            if !group.load_balancers.is_empty() {
                self.target_groups
                    .borrow_mut()
                    .insert(group.arn.clone(), group.clone());
            }
            found.insert(group.arn.clone(), group);
        }
        let known = self.target_groups.borrow();
        found.extend(
            arns.iter()
                .filter_map(|arn| Some((arn.clone(), known.get(arn)?.clone()))),
        );
        Ok(found)
    }
}

impl<R: Execute> Metrics for Aws<R> {
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError> {
        metrics::read_traffic(self.cloudwatch_client(), groups, from, to).await
    }

    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError> {
        metrics::read_loads(self.cloudwatch_client(), queries, from, to).await
    }
}

impl<R: Execute> Scaling for Aws<R> {
    async fn describe_scalable_targets(
        &self,
        services: &[Arn],
    ) -> Result<Vec<ScalableTarget>, AwsError> {
        autoscaling::describe_scalable_targets(self.application_autoscaling_client(), services)
            .await
    }
}

impl<R: Execute> Alarms for Aws<R> {
    async fn list_own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
        tagging::list_own_alarms(self.tagging_client(), of).await
    }

    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        cloudwatch::list_alarm_tags(self.cloudwatch_client(), arn).await
    }

    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError> {
        cloudwatch::describe_alarms(self.cloudwatch_client(), prefix, in_alarm).await
    }
}

impl<R: Execute> Dashboards for Aws<R> {
    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, AwsError> {
        cloudwatch::get_dashboard(self.cloudwatch_client(), name).await
    }

    async fn list_dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        cloudwatch::list_dashboards(self.cloudwatch_client(), prefix).await
    }
}

impl<R: Execute> Topics for Aws<R> {
    async fn unconfirmed_subscriptions(
        &self,
        topic: &str,
    ) -> Result<Vec<InactiveSubscription>, AwsError> {
        let client = self
            .sns
            .get_or_init(|| aws_sdk_sns::Client::new(&self.config));
        topic::list_unconfirmed(client, topic).await
    }
}

impl<R: Execute> Databases for Aws<R> {
    async fn describe_databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        rds::describe_databases(self.rds_client(), arns).await
    }

    async fn list_snapshots(
        &self,
        place: Option<&CopyDestination>,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        match place {
            Some(place) => snapshots::list_snapshots(&self.rds_client_at(place), which).await,
            None => snapshots::list_snapshots(self.rds_client(), which).await,
        }
    }

    async fn get_snapshot_quotas(&self) -> Result<Quotas, AwsError> {
        snapshots::read_quotas(self.rds_client()).await
    }

    async fn find_smallest_class(
        &self,
        engine: &str,
        version: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError> {
        drills::find_smallest_class(self.rds_client(), engine, version, multi_az).await
    }

    async fn is_snapshot_shared(&self, snapshot: &Arn) -> Result<bool, AwsError> {
        snapshots::is_shared(self.rds_client(), snapshot, self.vault.account()).await
    }
}

impl<R: Execute> Caches for Aws<R> {
    async fn describe_caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        let mut found = elasticache::describe_caches(self.elasticache_client(), arns).await?;
        if found.len() <= MAX_TAG_LOOKUPS {
            for cache in &mut found {
                cache.tags = elasticache::list_tags(self.elasticache_client(), &cache.arn).await?;
            }
        } else {
            let mut tags = tags_by_arn(
                tagging::list_tagged(
                    self.tagging_client(),
                    ResourceKind::DatabaseOrCache,
                    MANAGED,
                )
                .await?,
            );
            for cache in &mut found {
                cache.tags = tags.remove(&cache.arn).unwrap_or_default();
            }
        }
        Ok(found)
    }

    async fn list_cache_snapshots(
        &self,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let mut found = elasticache::list_snapshots(self.elasticache_client(), which).await?;
        if !found.is_empty() {
            let mut tags = tags_by_arn(tagging::list_cache_snapshots(self.tagging_client()).await?);
            for snapshot in &mut found {
                snapshot.tags = tags.remove(&snapshot.arn).unwrap_or_default();
            }
        }
        Ok(found)
    }
}

impl<R: Execute> Logs for Aws<R> {
    async fn last_log_lines(
        &self,
        stream: &LogStream,
        most: usize,
    ) -> Result<Vec<String>, AwsError> {
        tasks::read_last_lines(self.logs_client(), stream, most).await
    }

    async fn describe_log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError> {
        logs::describe_log_groups(self.logs_client(), arns).await
    }

    async fn running_export_tasks(&self) -> Result<Vec<ExportTask>, AwsError> {
        logs::list_running_exports(self.logs_client()).await
    }

    async fn find_export_task(&self, id: &str) -> Result<Option<ExportTask>, AwsError> {
        logs::find_export_task(self.logs_client(), id).await
    }

    async fn is_export_complete(&self, day: &LogDay) -> Result<bool, AwsError> {
        logs::is_export_complete(self.s3_client(), day).await
    }
}

impl<R: Execute> ChangeHistory for Aws<R> {
    async fn cloudtrail_events(
        &self,
        resource: &str,
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError> {
        cloudtrail::lookup_changes(self.cloudtrail_client(), resource, since).await
    }
}

impl<R: Execute> Probes for Aws<R> {
    async fn probe_url(&self, url: &str, expect: Option<&str>) -> ProbeResult {
        let (asked, expected) = (url.to_owned(), expect.map(str::to_owned));
        let asking = tokio::task::spawn_blocking(move || {
            http::probe_url(&asked, expected.as_deref(), is_local())
        });
        let failed = |error: tokio::task::JoinError| ProbeResult {
            url: url.to_owned(),
            problem: Some(error.to_string()),
        };
        asking.await.unwrap_or_else(failed)
    }
}

impl<R: Execute> Executor for Aws<R> {
    async fn execute(&self, action: &Action) -> Result<String, AwsError> {
        R::execute(self, action).await
    }
}

/// Indexes tags by ARN, for resources whose own listing has no tags.
fn tags_by_arn(listing: Vec<Tagged>) -> BTreeMap<Arn, BTreeMap<String, String>> {
    listing
        .into_iter()
        .map(|resource| (resource.arn, resource.tags))
        .collect()
}
