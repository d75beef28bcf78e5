//! The port to AWS: all reads, and the one way to change anything.
//!
//! It has two implementations: `lamplighter-aws` and the simulated world of the end-to-end
//! package.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::AwsError;
use crate::model::{
    Arn, CloudTrailEvent, CodeDeployTarget, CodeDeployment, ContainerInstance, CopyDestination,
    Database, Digest, ExistingAlarm, ExportTask, Image, ImageScan, ImageTag, InactiveSubscription,
    Load, LoadBalancerTarget, LoadQuery, LogDay, LogGroup, LogStream, ProbeResult, Quotas,
    Repository, ScalableTarget, Service, ServiceDeployment, Snapshot, Tagged, TargetGroup, Task,
    TaskDefinition, Traffic,
};
use crate::plan::Action;

/// The set of changes that an operation may make. Code outside of it is not linked into its
/// function.
pub trait Capability {}

/// No changes: the operation only reads.
#[derive(Debug)]
pub struct ReadOnly;

/// Deployments of services, and snapshots of databases before a deployment.
#[derive(Debug)]
pub struct DeployActions;

/// Changes of the revision that a service runs.
#[derive(Debug)]
pub struct RolloutActions;

/// Answers to deployment lifecycle hooks.
#[derive(Debug)]
pub struct HookActions;

/// Changes of desired counts, and of the bounds in Application Auto Scaling.
#[derive(Debug)]
pub struct ScaleActions;

/// Changes of alarms and dashboards.
#[derive(Debug)]
pub struct AlarmActions;

/// Changes of database snapshots.
#[derive(Debug)]
pub struct BackupActions;

/// Exports of log groups, and their retention.
#[derive(Debug)]
pub struct ArchiveActions;

/// Databases restored to test a backup.
#[derive(Debug)]
pub struct DrillActions;

/// Repairs of unhealthy services: restarts, rollbacks, more memory, other capacity.
#[derive(Debug)]
pub struct HealActions;

impl Capability for ReadOnly {}
impl Capability for DeployActions {}
impl Capability for RolloutActions {}
impl Capability for HookActions {}
impl Capability for ScaleActions {}
impl Capability for AlarmActions {}
impl Capability for BackupActions {}
impl Capability for DrillActions {}
impl Capability for ArchiveActions {}
impl Capability for HealActions {}

/// The snapshots to list.
#[derive(Debug, Clone, Copy)]
pub enum SnapshotFilter<'a> {
    All,
    /// The snapshots of one instance or cluster.
    OfSource(&'a Arn),
    /// One snapshot, by its own ARN.
    ByArn(&'a Arn),
}

/// The service or container instance whose tasks to list.
#[derive(Debug, Clone, Copy)]
pub enum TaskOwner<'a> {
    Service(&'a Arn),
    Instance(&'a Arn),
}

/// The tasks to list: running or starting ones, or those stopped within about the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskLifecycle {
    Running,
    Stopped,
}

/// A kind of resource that the tagging API can list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Service,
    /// Instances and clusters of RDS, Aurora and DocumentDB.
    Database,
    /// Databases, and the replication groups and serverless caches of ElastiCache.
    DatabaseOrCache,
    /// Clusters of ElastiCache.
    Cache,
    LogGroup,
}

/// AWS, as operations see it.
///
/// Every read asks AWS at the time of the call. Task definitions read by revision are an
/// exception, since a revision never changes.
pub trait Cloud {
    /// Lists all resources of a kind in this account and region that carry a tag key. Reads all
    /// pages. Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a page can't be read: a partial list is never returned.
    async fn list_tagged(&self, kind: ResourceKind, tag_key: &str)
    -> Result<Vec<Tagged>, AwsError>;

    /// Returns the services with these ARNs, without those that do not exist. Source:
    /// DescribeServices.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError>;

    /// Returns the event messages of a service since a time, newest first, without repetitions.
    /// ECS keeps the last hundred. Source: DescribeServices.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn service_events(
        &self,
        service: &Arn,
        since: Timestamp,
    ) -> Result<Vec<String>, AwsError>;

    /// Returns the newest unfinished deployment of a service. Sources: ListServiceDeployments,
    /// DescribeServiceDeployments, DescribeServiceRevisions.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn find_active_deployment(
        &self,
        service: &Arn,
    ) -> Result<Option<ServiceDeployment>, AwsError>;

    /// Returns a service deployment by its ARN, or `None` if ECS does not know it.
    /// Sources: DescribeServiceDeployments, DescribeServiceRevisions.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_service_deployment(
        &self,
        arn: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError>;

    /// Returns a CodeDeploy deployment, or `None` if CodeDeploy does not know it. Source:
    /// GetDeployment.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError>;

    /// Returns the service of a CodeDeploy deployment and the state of that deployment.
    /// Sources: ListDeploymentTargets, GetDeploymentTarget.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn find_code_deploy_target(&self, id: &str)
    -> Result<Option<CodeDeployTarget>, AwsError>;

    /// Returns the traffic of each of these target groups between two times, in the same order.
    /// Leaves out the current, incomplete minute. Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a metric without data is no error.
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError>;

    /// Lists tasks of a service or on a container instance. Reads all pages.
    /// Sources: ListTasks, DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn list_tasks(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError>;

    /// Returns the targets of these target groups with their health. A deleted group has none.
    /// Source: DescribeTargetHealth.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_target_health(
        &self,
        groups: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError>;

    /// Returns the container instances with these ARNs, without those that do not exist.
    /// All of them must belong to one cluster. Source: DescribeContainerInstances.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError>;

    /// Returns the name of the Auto Scaling group of an EC2 instance, or `None` if it has none.
    /// Source: DescribeAutoScalingInstances.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_auto_scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError>;

    /// Lists the active container instances of a cluster whose agent is disconnected. Reads all
    /// pages. If several are disconnected, the number beside the list counts all active instances
    /// of the cluster; otherwise it counts the disconnected ones. Source: ListContainerInstances.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn disconnected_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError>;

    /// Lists the changes of a resource, by its name or ARN, since a time, newest first.
    /// CloudTrail keeps the last 90 days of this region. Source: LookupEvents.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn cloudtrail_events(
        &self,
        resource: &str,
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError>;

    /// Returns up to `most` of a container's last log lines, newest last. Source: GetLogEvents.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a container without output is no error.
    async fn last_log_lines(
        &self,
        stream: &LogStream,
        most: usize,
    ) -> Result<Vec<String>, AwsError>;

    /// Reports whether a repository still has an image. Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails, or if the repository does not exist.
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError>;

    /// Returns a task definition by its ARN. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError>;

    /// Reports whether a revision exists and is ACTIVE. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a missing revision is no error.
    async fn is_revision_active(&self, revision: &str) -> Result<bool, AwsError>;

    /// Returns the newest ACTIVE revision of a family. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError>;

    /// Returns the image behind a tag, or `None` if the repository has no such tag.
    /// Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails, or if the repository does not exist.
    async fn find_image(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<Image>, AwsError>;

    /// Lists all tags of a repository. Reads all pages. Source: DescribeImages.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn image_tags(&self, repository: &Repository) -> Result<Vec<ImageTag>, AwsError>;

    /// Returns the result of an image scan. Source: DescribeImageScanFindings.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; an image that was never scanned is no error.
    async fn image_scan(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ImageScan, AwsError>;

    /// Lists our alarms, which carry the tag `lamplighter:target`, of one target or of all. Reads
    /// all pages. The list may lag changes by minutes. Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn list_own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError>;

    /// Returns the current tags of one alarm. Source: ListTagsForResource.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError>;

    /// Returns the databases with these ARNs, without those that do not exist. Covers RDS, Aurora
    /// and DocumentDB. Sources: DescribeDBInstances, DescribeDBClusters.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Lists the subscriptions of a topic that receive no messages. Source:
    /// ListSubscriptionsByTopic.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn unconfirmed_subscriptions(
        &self,
        topic: &str,
    ) -> Result<Vec<InactiveSubscription>, AwsError>;

    /// Returns those of these target groups that exist, by ARN. Source: DescribeTargetGroups.
    ///
    /// The target groups of a load balancer are cached for as long as the function lives.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError>;

    /// Returns the metrics of each service between two times, in the order of the queries.
    /// Leaves out the current, incomplete minute. Asks for up to 500 metrics a call.
    /// Source: GetMetricData.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails; a metric without data is no error.
    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError>;

    /// Lists the metric alarms whose name starts with a prefix. Reads all pages.
    /// With `in_alarm`, only those in ALARM. Source: DescribeAlarms.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError>;

    /// Returns the scalable targets in Application Auto Scaling of these services.
    /// Source: DescribeScalableTargets.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_scalable_targets(
        &self,
        services: &[Arn],
    ) -> Result<Vec<ScalableTarget>, AwsError>;

    /// Returns the body of a dashboard, or `None` if no dashboard has this name. Source:
    /// GetDashboard.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, AwsError>;

    /// Lists the names of the dashboards that start with a prefix. Reads all pages.
    /// Source: ListDashboards.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn list_dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError>;

    /// Lists manual database snapshots at a place; `None` is this account and region. Reads all
    /// pages. Sources: DescribeDBSnapshots, DescribeDBClusterSnapshots.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails; an empty result is no error.
    async fn list_snapshots(
        &self,
        place: Option<&CopyDestination>,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError>;

    /// Returns the replication groups and serverless caches with these ARNs, without those that do
    /// not exist. If many are requested, tags lag by minutes and are empty for unmanaged caches.
    /// Sources: DescribeReplicationGroups, DescribeServerlessCaches, ListTagsForResource,
    /// GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Lists manual snapshots of caches in this region. Reads all pages. Tags lag by minutes.
    /// Sources: DescribeSnapshots, DescribeServerlessCacheSnapshots, GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails; an empty result is no error.
    async fn list_cache_snapshots(
        &self,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError>;

    /// Returns the number of manual snapshots and its quota. Source: DescribeAccountAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn get_snapshot_quotas(&self) -> Result<Quotas, AwsError>;

    /// Returns the smallest instance class that offers this engine version, or `None` if none
    /// does. With `multi_az`, looks for classes of Multi-AZ DB clusters. Source:
    /// DescribeOrderableDBInstanceOptions.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_smallest_class(
        &self,
        engine: &str,
        version: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError>;

    /// Returns the newest task of a cluster that was started with this token, as long as ECS keeps
    /// it. Sources: ListTasks, DescribeTasks.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn find_check_task(&self, cluster: &str, token: &str) -> Result<Option<Task>, AwsError>;

    /// Reports whether accounts other than the vault account may restore a snapshot.
    /// A deleted snapshot is not shared.
    /// Sources: DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn is_snapshot_shared(&self, snapshot: &Arn) -> Result<bool, AwsError>;

    /// Returns the log groups with these ARNs, without those that do not exist.
    /// Source: DescribeLogGroups.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError>;

    /// Lists the unfinished export tasks of this account and region, including those of other
    /// tools. AWS runs one at a time. Source: DescribeExportTasks.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn running_export_tasks(&self) -> Result<Vec<ExportTask>, AwsError>;

    /// Returns an export task by its identifier, or `None` if AWS no longer knows it.
    /// Source: DescribeExportTasks.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_export_task(&self, id: &str) -> Result<Option<ExportTask>, AwsError>;

    /// Reports whether a day of logs has its manifest, which is written last. Source: HeadObject.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails, or if the bucket does not exist.
    async fn is_export_complete(&self, day: &LogDay) -> Result<bool, AwsError>;

    /// Sends one request to a user-supplied URL and returns the answer, or why there was none
    /// (`http`).
    async fn probe_url(&self, url: &str, expect: Option<&str>) -> ProbeResult;

    /// Executes one action and returns the answer of AWS.
    ///
    /// # Errors
    /// [`AwsError`] if the action failed, or if its outcome is unknown.
    async fn execute(&self, action: &Action) -> Result<String, AwsError>;
}
