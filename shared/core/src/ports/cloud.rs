//! The port to AWS: what is read, and the one way anything is changed.
//!
//! Two implementations exist: `aws/` and the simulated world of the end-to-end package.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::AwsError;
use crate::model::{
    Answer, Arn, Change, CodeDeployment, CodeTarget, ContainerInstance, Database, Digest,
    ExportTask, HasAlarm, Image, Load, LoadQuery, LogDay, LogGroup, LogStream, Place, Quotas,
    Repository, ScalableTarget, Scan, Service, ServiceDeployment, Snapshot, TagInRepository,
    Tagged, Target, TargetGroup, Task, TaskDefinition, Traffic, Unreached,
};
use crate::plan::Action;

/// What of AWS an operation changes. The code for what is beyond it is not even linked into its function.
pub trait Reach {}

/// Nothing: it only reads.
#[derive(Debug)]
pub struct ReadOnly;

/// What services run, and snapshots of databases before they run something else.
#[derive(Debug)]
pub struct Services;

/// Which revision services run.
#[derive(Debug)]
pub struct Revisions;

/// What deployments that ask are answered.
#[derive(Debug)]
pub struct Verdicts;

/// How many tasks services have, and the bounds that Application Auto Scaling keeps them in.
#[derive(Debug)]
pub struct ServicesAndBounds;

/// Alarms and dashboards.
#[derive(Debug)]
pub struct Watching;

/// Snapshots of databases.
#[derive(Debug)]
pub struct Snapshots;

/// Exports of logs, and how long log groups keep them.
#[derive(Debug)]
pub struct Logs;

/// Databases that are restored to prove a backup.
#[derive(Debug)]
pub struct Drills;

/// What a service that is not well needs: other tasks, another revision, more memory, other capacity.
#[derive(Debug)]
pub struct Remedies;

impl Reach for ReadOnly {}
impl Reach for Services {}
impl Reach for Revisions {}
impl Reach for Verdicts {}
impl Reach for ServicesAndBounds {}
impl Reach for Watching {}
impl Reach for Snapshots {}
impl Reach for Drills {}
impl Reach for Logs {}
impl Reach for Remedies {}

/// Which snapshots are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    /// Of one instance or cluster.
    Of(&'a Arn),
    /// One by its own ARN.
    This(&'a Arn),
}

/// Whose tasks are asked for.
#[derive(Debug, Clone, Copy)]
pub enum TasksOf<'a> {
    Service(&'a Arn),
    Instance(&'a Arn),
}

/// Which of them: those that run or are to, or those that stopped within about the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    Running,
    Stopped,
}

/// What the tagging API can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Service,
    /// Instances and clusters of RDS, Aurora and DocumentDB.
    Database,
    /// These, and replication groups and serverless caches of ElastiCache.
    DatabaseOrCache,
    /// Clusters of ElastiCache.
    Cache,
    LogGroup,
}

/// AWS, as operations see it. Every read asks AWS now, except for task definitions named by revision,
/// which never change.
pub trait Cloud {
    /// All resources of a kind in this account and region that carry a tag key, all pages.
    /// Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] where a page can't be read: a part of the list is never taken for the whole.
    async fn tagged(&self, kind: Kind, tag_key: &str) -> Result<Vec<Tagged>, AwsError>;

    /// The services with these ARNs; those that do not exist are left out. Source: DescribeServices.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError>;

    /// What ECS says happened to a service since a time, the newest first, without what repeats. Source:
    /// DescribeServices, which knows the last hundred events.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn happened(&self, service: &Arn, since: Timestamp) -> Result<Vec<String>, AwsError>;

    /// The newest deployment of a service that is not over. Sources: ListServiceDeployments,
    /// DescribeServiceDeployments, DescribeServiceRevisions.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn deployment(&self, service: &Arn) -> Result<Option<ServiceDeployment>, AwsError>;

    /// One by its ARN; `None` where ECS does not know it. Sources: DescribeServiceDeployments, DescribeServiceRevisions.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn deployment_of(&self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError>;

    /// A deployment of CodeDeploy; `None` where that does not know it. Source: GetDeployment.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError>;

    /// The service that a CodeDeploy deployment is of, and where it stands. Sources: ListDeploymentTargets,
    /// GetDeploymentTarget.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn code_target(&self, id: &str) -> Result<Option<CodeTarget>, AwsError>;

    /// What went through each of these target groups, in their order, from a time on. The minute that has only begun is
    /// left out. Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; a metric without data is no error.
    async fn traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError>;

    /// Tasks of a service or on an instance, all pages. Sources: ListTasks, DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn tasks(&self, of: TasksOf<'_>, which: Lifecycle) -> Result<Vec<Task>, AwsError>;

    /// The targets of these target groups, as their health checks see them; a group that is gone has none. Source:
    /// DescribeTargetHealth.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn target_health(&self, groups: &[String]) -> Result<Vec<Target>, AwsError>;

    /// The container instances with these ARNs, which are of one cluster; those that are gone are left out. Source:
    /// DescribeContainerInstances.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError>;

    /// The name of the Auto Scaling group that an EC2 instance is of. Source: DescribeAutoScalingInstances.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; that it is of none is no error.
    async fn scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError>;

    /// The active container instances of a cluster that ECS does not hear of now, all pages; of how many, where they are
    /// several. Source: ListContainerInstances.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn silent_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError>;

    /// What was done to a resource, by its name or ARN, since a time, the newest first. Source: LookupEvents of
    /// CloudTrail, which knows the last 90 days of this region.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn changes(&self, resource: &str, since: Timestamp) -> Result<Vec<Change>, AwsError>;

    /// The last lines that a container wrote, the newest last; none where it wrote nothing. Source: GetLogEvents.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn last_lines(&self, stream: &LogStream, most: usize) -> Result<Vec<String>, AwsError>;

    /// Whether a repository still has an image. Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it, a missing repository included.
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError>;

    /// A task definition by its ARN. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError>;

    /// Whether a revision exists and can be rolled out, now. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; that there is none is no error.
    async fn is_active(&self, revision: &str) -> Result<bool, AwsError>;

    /// The newest ACTIVE revision of a family. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn newest_task_definition(&self, family: &str) -> Result<TaskDefinition, AwsError>;

    /// What a tag points at now, `None` where the repository has no such tag. Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it, a missing repository included.
    async fn image(&self, repository: &Repository, tag: &str) -> Result<Option<Image>, AwsError>;

    /// All tags of a repository, all pages. Source: DescribeImages.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn tags(&self, repository: &Repository) -> Result<Vec<TagInRepository>, AwsError>;

    /// The result of an image's scan. Source: DescribeImageScanFindings.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; an image that was never scanned is no error.
    async fn scan(&self, repository: &Repository, digest: &Digest) -> Result<Scan, AwsError>;

    /// The alarms that carry the tag of their target (`lamplighter:target`), of one target or of all; all
    /// pages. May lag what was made by minutes. Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError>;

    /// The tags of one alarm, now. Source: ListTagsForResource.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError>;

    /// The databases with these ARNs; those that do not exist are left out. Source: DescribeDBInstances and
    /// DescribeDBClusters, which know RDS, Aurora and DocumentDB.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Addresses that were subscribed to a topic and hear nothing. Source: ListSubscriptionsByTopic.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn unreached(&self, topic: &str) -> Result<Vec<Unreached>, AwsError>;

    /// These target groups, as far as they exist, by ARN. Source: DescribeTargetGroups; what stands behind a
    /// load balancer is remembered for as long as the function lives.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError>;

    /// What was measured of each service from a time on, in the order of the queries, up to 500 metrics a
    /// call. The minute that has only begun is left out. Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; a metric without data is no error.
    async fn loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError>;

    /// The metric alarms whose name begins so, all pages; those in ALARM alone where asked for.
    /// Source: DescribeAlarms.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn alarms(&self, prefix: &str, in_alarm: bool) -> Result<Vec<HasAlarm>, AwsError>;

    /// Those of these services that Application Auto Scaling scales. Source: DescribeScalableTargets.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn scalable_targets(&self, services: &[Arn]) -> Result<Vec<ScalableTarget>, AwsError>;

    /// The body of a dashboard, `None` where there is none of this name. Source: GetDashboard.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn dashboard(&self, name: &str) -> Result<Option<String>, AwsError>;

    /// The names of the dashboards that begin so, all pages. Source: ListDashboards.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError>;

    /// Manual snapshots at a place, `None` for this account and region, all pages. Sources: DescribeDBSnapshots, DescribeDBClusterSnapshots.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; that there is none is no error.
    async fn snapshots(
        &self,
        place: Option<&Place>,
        which: Which<'_>,
    ) -> Result<Vec<Snapshot>, AwsError>;

    /// The replication groups and serverless caches with these ARNs; those that do not exist are left out.
    /// Where many are asked for, their tags lag by minutes, and are none where they are not managed. Sources:
    /// DescribeReplicationGroups, DescribeServerlessCaches, ListTagsForResource, GetResources.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Manual snapshots of caches in this region, all pages. Their tags lag by minutes. Sources: DescribeSnapshots,
    /// DescribeServerlessCacheSnapshots, GetResources.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; that there is none is no error.
    async fn cache_snapshots(&self, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError>;

    /// How many manual snapshots there are and may be. Source: DescribeAccountAttributes.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn snapshot_quotas(&self) -> Result<Quotas, AwsError>;

    /// The smallest class in which this version of an engine is offered, as an instance or, where it says so, as a
    /// Multi-AZ DB cluster; `None` where there is none.
    /// Source: DescribeOrderableDBInstanceOptions.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn smallest_class(
        &self,
        engine: &str,
        version: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError>;

    /// The newest task of a cluster that was started by this, as far as ECS remembers it. Sources: ListTasks,
    /// DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn probe(&self, cluster: &str, token: &str) -> Result<Option<Task>, AwsError>;

    /// Whether other accounts than the vault's may restore from a snapshot; one that is gone is not shared.
    /// Sources: DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn is_shared(&self, snapshot: &Arn) -> Result<bool, AwsError>;

    /// The log groups with these ARNs; those that do not exist are left out. Source: DescribeLogGroups.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError>;

    /// The export tasks of this account and region that are not over, whoever began them; AWS runs one at a time.
    /// Source: DescribeExportTasks.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn running_exports(&self) -> Result<Vec<ExportTask>, AwsError>;

    /// An export task by its identifier; `None` where AWS has forgotten it. Source: DescribeExportTasks.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn export(&self, id: &str) -> Result<Option<ExportTask>, AwsError>;

    /// Whether the manifest of a day is there, which is written last. Source: HeadObject.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it, a missing bucket included.
    async fn is_complete(&self, day: &LogDay) -> Result<bool, AwsError>;

    /// What an address that a user named answers now, whatever that is: `web`.
    async fn answer(&self, url: &str, expect: Option<&str>) -> Answer;

    /// Carries out one action and says what AWS answered.
    ///
    /// # Errors
    /// [`AwsError`] where it failed or its end is not known.
    async fn perform(&self, action: &Action) -> Result<String, AwsError>;
}
