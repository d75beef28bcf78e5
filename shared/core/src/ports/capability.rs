//! What an operation may change: a marker for each set of actions, so that nothing else is linked into its function.

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

/// Records of requests, which are passed on as events.
#[derive(Debug)]
pub struct RequestActions;

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
impl Capability for RequestActions {}
