//! [`Cloud`] over the real AWS. Clients are built when they are first used.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;

use aws_sdk_ecs::types::DeploymentConfiguration;
use aws_types::region::Region;

use jiff::Timestamp;

use super::capability::Performs;
use super::config::is_local;
use super::vault::Vault;
use super::{
    Config, autoscaling, caches, cloudtrail, cloudwatch, codedeploy, deployments, drills, ecr, ecs,
    elb, instances, logs, metrics, probes, rds, snapshots, tagging, tasks, topic,
};
use crate::http;
use lamplighter::AwsError;
use lamplighter::model::{
    Answer, Arn, Change, CodeDeployment, CodeTarget, ContainerInstance, Database, Digest,
    ExportTask, HasAlarm, Image, Load, LoadQuery, LogDay, LogGroup, LogStream, Place, Quotas,
    Repository, ScalableTarget, Scan, Service, ServiceDeployment, Snapshot, TagInRepository,
    Tagged, Target, TargetGroup, Task, TaskDefinition, Traffic, Unreached,
};
use lamplighter::plan::{Action, Enlarge, Rollout};
use lamplighter::policy::MANAGED;
use lamplighter::ports::cloud::{Cloud, Kind, Lifecycle, Services, TasksOf, Which};

/// Resources whose tags are asked for one by one.
const FEW: usize = 3;

/// The account and region of the function, as far as an operation reaches.
pub struct Aws<R = Services> {
    config: Config,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    /// By region: an image may come from a registry in another one.
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
    /// Target groups behind a load balancer, by ARN.
    target_groups: RefCell<BTreeMap<String, TargetGroup>>,
    /// Task definitions by revision, which never change.
    revisions: RefCell<HashMap<String, TaskDefinition>>,
    /// Deployment configurations as last described: what an update of one setting starts from.
    configurations: RefCell<HashMap<Arn, Option<DeploymentConfiguration>>>,
    reach: PhantomData<R>,
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
            reach: PhantomData,
        }
    }

    /// The same with a vault, if the stack has one.
    #[must_use]
    pub fn with_vault(self, role: &str, stack: &str) -> Self {
        Self {
            vault: Vault::new(role, stack),
            ..self
        }
    }

    /// With clients made elsewhere, for tests of one call at a time.
    #[must_use]
    pub fn with_clients(
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

    /// The same with clients of what services are watched and bounded by.
    #[must_use]
    pub fn and_clients(
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

    /// The same with a client of what keeps caches.
    #[must_use]
    pub fn and_caches(self, elasticache: aws_sdk_elasticache::Client) -> Self {
        let _ = self.elasticache.set(elasticache);
        self
    }

    /// The same with a client of what deploys some services.
    #[must_use]
    pub fn and_codedeploy(self, codedeploy: aws_sdk_codedeploy::Client) -> Self {
        let _ = self.codedeploy.set(codedeploy);
        self
    }

    /// The same with clients of what instances are made by and changes are found in.
    #[must_use]
    pub fn and_groups(
        self,
        groups: aws_sdk_autoscaling::Client,
        trail: aws_sdk_cloudtrail::Client,
    ) -> Self {
        let _ = (self.groups.set(groups), self.trail.set(trail));
        self
    }

    /// The same with clients of what keeps logs.
    #[must_use]
    pub fn and_logs(self, logs: aws_sdk_cloudwatchlogs::Client, s3: aws_sdk_s3::Client) -> Self {
        let _ = (self.logs.set(logs), self.s3.set(s3));
        self
    }

    pub(super) fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.ecs
            .get_or_init(|| aws_sdk_ecs::Client::new(&self.config))
    }

    /// The client for the region that a registry is in.
    fn ecr(&self, repository: &Repository) -> aws_sdk_ecr::Client {
        let here = self.config.region().map(AsRef::as_ref).unwrap_or_default();
        let region = repository.region().unwrap_or(here);
        let mut clients = self.ecr.borrow_mut();
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_ecr::config::Builder::from(&self.config);
            aws_sdk_ecr::Client::from_conf(config.region(Region::new(region.to_owned())).build())
        });
        client.clone()
    }

    fn tagging(&self) -> &aws_sdk_resourcegroupstagging::Client {
        self.tagging
            .get_or_init(|| aws_sdk_resourcegroupstagging::Client::new(&self.config))
    }

    pub(super) fn codedeploy(&self) -> &aws_sdk_codedeploy::Client {
        self.codedeploy
            .get_or_init(|| aws_sdk_codedeploy::Client::new(&self.config))
    }

    pub(super) fn cloudwatch(&self) -> &aws_sdk_cloudwatch::Client {
        self.cloudwatch
            .get_or_init(|| aws_sdk_cloudwatch::Client::new(&self.config))
    }

    fn elb(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.elb
            .get_or_init(|| aws_sdk_elasticloadbalancingv2::Client::new(&self.config))
    }

    pub(super) fn rds(&self) -> &aws_sdk_rds::Client {
        self.rds
            .get_or_init(|| aws_sdk_rds::Client::new(&self.config))
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The client for where copies are.
    pub(super) fn rds_at(&self, place: &Place) -> aws_sdk_rds::Client {
        place.region().map_or_else(
            || self.vault.rds(&self.config).clone(),
            |region| self.rds_in(region),
        )
    }

    /// The client for where a snapshot is.
    pub(super) fn rds_of(&self, snapshot: &Arn) -> aws_sdk_rds::Client {
        if snapshot.account() == self.vault.account() {
            return self.vault.rds(&self.config).clone();
        }
        self.rds_in(snapshot.region())
    }

    /// The client for a region; clients share what they are made of.
    fn rds_in(&self, region: &str) -> aws_sdk_rds::Client {
        let here = self
            .rds()
            .config()
            .region()
            .map(AsRef::as_ref)
            .unwrap_or_default();
        if region.is_empty() || region == here {
            return self.rds().clone();
        }
        let config = aws_sdk_rds::config::Builder::from(&self.config);
        aws_sdk_rds::Client::from_conf(config.region(Region::new(region.to_owned())).build())
    }

    pub(super) fn elasticache(&self) -> &aws_sdk_elasticache::Client {
        self.elasticache
            .get_or_init(|| aws_sdk_elasticache::Client::new(&self.config))
    }

    pub(super) fn logs(&self) -> &aws_sdk_cloudwatchlogs::Client {
        self.logs
            .get_or_init(|| aws_sdk_cloudwatchlogs::Client::new(&self.config))
    }

    pub(super) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3
            .get_or_init(|| aws_sdk_s3::Client::new(&self.config))
    }

    pub(super) fn groups(&self) -> &aws_sdk_autoscaling::Client {
        self.groups
            .get_or_init(|| aws_sdk_autoscaling::Client::new(&self.config))
    }

    fn trail(&self) -> &aws_sdk_cloudtrail::Client {
        self.trail
            .get_or_init(|| aws_sdk_cloudtrail::Client::new(&self.config))
    }

    pub(super) fn autoscaling(&self) -> &aws_sdk_applicationautoscaling::Client {
        self.autoscaling
            .get_or_init(|| aws_sdk_applicationautoscaling::Client::new(&self.config))
    }
}

impl<R: Performs> Aws<R> {
    pub(super) async fn roll_out(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let revision = match &rollout.registered {
            Some(arn) => arn.clone(),
            None => self.register(rollout).await?,
        };
        let label = revision.rsplit('/').next().unwrap_or_default();
        if let Some(group) = &rollout.code_deploy {
            let deployment =
                codedeploy::create(self.codedeploy(), group, &revision, rollout.ask.as_deref())
                    .await?;
            return Ok(format!("{deployment} of {label}"));
        }
        let configuration = match &rollout.shift {
            Some(shift) => Some(deployments::with_shift(
                self.configuration(&rollout.service).await?,
                shift,
            )),
            None if rollout.enable_circuit_breaker => Some(ecs::with_circuit_breaker(
                self.configuration(&rollout.service).await?,
            )),
            None => None,
        };
        let deployment =
            ecs::update_service(self.ecs(), &rollout.service, &revision, configuration).await?;
        Ok(format!("{deployment} of {label}"))
    }

    async fn register(&self, rollout: &Rollout) -> Result<String, AwsError> {
        let base = self.task_definition(&rollout.base).await?;
        let request = base.with_images(&rollout.images);
        ecs::register_task_definition(
            self.ecs(),
            request,
            &base.tags,
            &rollout.tags,
            base.family(),
        )
        .await
    }

    pub(super) async fn enlarge(&self, enlarge: &Enlarge) -> Result<String, AwsError> {
        let base = self.task_definition(&enlarge.base).await?;
        let request = base.with_sizes(&enlarge.sizes);
        let tags = (&base.tags, &enlarge.tags);
        let revision =
            ecs::register_task_definition(self.ecs(), request, tags.0, tags.1, base.family())
                .await?;
        let deployment = ecs::update_service(self.ecs(), &enlarge.service, &revision, None).await?;
        Ok(format!(
            "{deployment} of {}",
            revision.rsplit('/').next().unwrap_or_default()
        ))
    }

    async fn configuration(
        &self,
        service: &Arn,
    ) -> Result<Option<DeploymentConfiguration>, AwsError> {
        if !self.configurations.borrow().contains_key(service) {
            self.services(std::slice::from_ref(service)).await?;
        }
        Ok(self.configurations.borrow().get(service).cloned().flatten())
    }
}

impl<R: Performs> Cloud for Aws<R> {
    async fn tagged(&self, kind: Kind, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
        tagging::tagged(self.tagging(), kind, tag_key).await
    }

    async fn services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        let described = ecs::describe_services(self.ecs(), arns).await?;
        let mut configurations = self.configurations.borrow_mut();
        let remembered = described.into_iter().map(|(service, configuration)| {
            configurations.insert(service.arn.clone(), configuration);
            service
        });
        Ok(remembered.collect())
    }

    async fn happened(&self, service: &Arn, since: Timestamp) -> Result<Vec<String>, AwsError> {
        ecs::happened(self.ecs(), service, since).await
    }

    async fn deployment(&self, service: &Arn) -> Result<Option<ServiceDeployment>, AwsError> {
        deployments::newest(self.ecs(), service).await
    }

    async fn deployment_of(&self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        deployments::describe(self.ecs(), arn).await
    }

    async fn code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError> {
        codedeploy::deployment(self.codedeploy(), id).await
    }

    async fn code_target(&self, id: &str) -> Result<Option<CodeTarget>, AwsError> {
        codedeploy::target(self.codedeploy(), id).await
    }

    async fn traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError> {
        metrics::traffic(self.cloudwatch(), groups, from, to).await
    }

    async fn tasks(&self, of: TasksOf<'_>, which: Lifecycle) -> Result<Vec<Task>, AwsError> {
        tasks::of(self.ecs(), of, which).await
    }

    async fn target_health(&self, groups: &[String]) -> Result<Vec<Target>, AwsError> {
        elb::target_health(self.elb(), groups).await
    }

    async fn instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError> {
        instances::describe(self.ecs(), arns).await
    }

    async fn scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError> {
        instances::group(self.groups(), ec2).await
    }

    async fn silent_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError> {
        instances::silent(self.ecs(), cluster).await
    }

    async fn changes(&self, resource: &str, since: Timestamp) -> Result<Vec<Change>, AwsError> {
        cloudtrail::changes(self.trail(), resource, since).await
    }

    async fn last_lines(&self, stream: &LogStream, most: usize) -> Result<Vec<String>, AwsError> {
        tasks::last_lines(self.logs(), stream, most).await
    }

    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError> {
        ecr::has_image(&self.ecr(repository), repository, digest).await
    }

    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        if let Some(known) = self.revisions.borrow().get(arn) {
            return Ok(known.clone());
        }
        let definition = ecs::describe_task_definition(self.ecs(), arn).await?;
        self.revisions
            .borrow_mut()
            .insert(arn.to_owned(), definition.clone());
        Ok(definition)
    }

    async fn is_active(&self, revision: &str) -> Result<bool, AwsError> {
        match ecs::describe_task_definition(self.ecs(), revision).await {
            Ok(definition) => Ok(definition
                .document
                .get("status")
                .is_some_and(|status| status == "ACTIVE")),
            Err(error) if error.code == "ClientException" => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn newest_task_definition(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        ecs::describe_task_definition(self.ecs(), family).await
    }

    async fn image(&self, repository: &Repository, tag: &str) -> Result<Option<Image>, AwsError> {
        ecr::image(&self.ecr(repository), repository, tag).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<TagInRepository>, AwsError> {
        ecr::tags(&self.ecr(repository), repository).await
    }

    async fn scan(&self, repository: &Repository, digest: &Digest) -> Result<Scan, AwsError> {
        ecr::scan(&self.ecr(repository), repository, digest).await
    }

    async fn own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
        tagging::own_alarms(self.tagging(), of).await
    }

    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        cloudwatch::alarm_tags(self.cloudwatch(), arn).await
    }

    async fn databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        rds::databases(self.rds(), arns).await
    }

    async fn unreached(&self, topic: &str) -> Result<Vec<Unreached>, AwsError> {
        let client = self
            .sns
            .get_or_init(|| aws_sdk_sns::Client::new(&self.config));
        topic::unreached(client, topic).await
    }

    async fn target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        let known = |arn: &&String| self.target_groups.borrow().contains_key(*arn);
        let unknown: Vec<String> = arns.iter().filter(|arn| !known(arn)).cloned().collect();
        let mut found = BTreeMap::new();
        for group in elb::target_groups(self.elb(), &unknown).await? {
            // One that is not in use yet may be put behind a load balancer at any time.
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

    async fn loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError> {
        metrics::loads(self.cloudwatch(), queries, from, to).await
    }

    async fn alarms(&self, prefix: &str, in_alarm: bool) -> Result<Vec<HasAlarm>, AwsError> {
        cloudwatch::alarms(self.cloudwatch(), prefix, in_alarm).await
    }

    async fn scalable_targets(&self, services: &[Arn]) -> Result<Vec<ScalableTarget>, AwsError> {
        autoscaling::scalable_targets(self.autoscaling(), services).await
    }

    async fn dashboard(&self, name: &str) -> Result<Option<String>, AwsError> {
        cloudwatch::dashboard(self.cloudwatch(), name).await
    }

    async fn dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        cloudwatch::dashboards(self.cloudwatch(), prefix).await
    }

    async fn snapshots(
        &self,
        place: Option<&Place>,
        which: Which<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        match place {
            Some(place) => snapshots::snapshots(&self.rds_at(place), which).await,
            None => snapshots::snapshots(self.rds(), which).await,
        }
    }

    async fn caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        let mut found = caches::caches(self.elasticache(), arns).await?;
        if found.len() <= FEW {
            for cache in &mut found {
                cache.tags = caches::tags(self.elasticache(), &cache.arn).await?;
            }
        } else {
            let mut tags =
                tags_of(tagging::tagged(self.tagging(), Kind::DatabaseOrCache, MANAGED).await?);
            for cache in &mut found {
                cache.tags = tags.remove(&cache.arn).unwrap_or_default();
            }
        }
        Ok(found)
    }

    async fn cache_snapshots(&self, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
        let mut found = caches::snapshots(self.elasticache(), which).await?;
        if !found.is_empty() {
            let mut tags = tags_of(tagging::cache_snapshots(self.tagging()).await?);
            for snapshot in &mut found {
                snapshot.tags = tags.remove(&snapshot.arn).unwrap_or_default();
            }
        }
        Ok(found)
    }

    async fn snapshot_quotas(&self) -> Result<Quotas, AwsError> {
        snapshots::quotas(self.rds()).await
    }

    async fn smallest_class(
        &self,
        engine: &str,
        version: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError> {
        drills::smallest_class(self.rds(), engine, version, multi_az).await
    }

    async fn probe(&self, cluster: &str, token: &str) -> Result<Option<Task>, AwsError> {
        probes::find(self.ecs(), cluster, token).await
    }

    async fn is_shared(&self, snapshot: &Arn) -> Result<bool, AwsError> {
        snapshots::is_shared(self.rds(), snapshot, self.vault.account()).await
    }

    async fn log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError> {
        logs::log_groups(self.logs(), arns).await
    }

    async fn running_exports(&self) -> Result<Vec<ExportTask>, AwsError> {
        logs::running_exports(self.logs()).await
    }

    async fn export(&self, id: &str) -> Result<Option<ExportTask>, AwsError> {
        logs::task(self.logs(), id).await
    }

    async fn is_complete(&self, day: &LogDay) -> Result<bool, AwsError> {
        logs::is_complete(self.s3(), day).await
    }

    async fn answer(&self, url: &str, expect: Option<&str>) -> Answer {
        let (asked, expected) = (url.to_owned(), expect.map(str::to_owned));
        let asking =
            tokio::task::spawn_blocking(move || http::ask(&asked, expected.as_deref(), is_local()));
        let failed = |error: tokio::task::JoinError| Answer {
            url: url.to_owned(),
            problem: Some(error.to_string()),
        };
        asking.await.unwrap_or_else(failed)
    }

    async fn perform(&self, action: &Action) -> Result<String, AwsError> {
        R::perform(self, action).await
    }
}

/// By ARN, of resources whose own listing has no tags.
fn tags_of(listing: Vec<Tagged>) -> BTreeMap<Arn, BTreeMap<String, String>> {
    listing
        .into_iter()
        .map(|resource| (resource.arn, resource.tags))
        .collect()
}
