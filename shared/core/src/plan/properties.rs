//! The properties that every action has. The compiler asks for each of them when an action is added.

/// The properties of an action.
///
/// The trait has no default methods and its implementations match exhaustively, so that a new action
/// fails to compile until each property is answered.
pub trait ActionProperties {
    /// Describes the action for people: `roll out RC_1.4.2 (sha256:ab12cd34)`. Nothing is decided by it.
    fn describe(&self) -> String;

    /// Returns the key that identifies this action among actions of its kind, at any time.
    /// Notifications about it are deduplicated by this key.
    fn stable_key(&self) -> String;

    /// Reports whether the engine may leave the action to the next sweep if AWS throttles it.
    fn is_deferrable(&self) -> bool;

    /// Reports whether a later reconciliation retries the action if AWS rejects it as too early.
    fn is_retriable_later(&self) -> bool;

    /// Reports whether the deployment that the action starts shifts traffic step by step and may pause.
    fn shifts_traffic(&self) -> bool;

    /// Reports whether the action is a step of healing a service.
    fn is_healing(&self) -> bool;

    /// Reports whether the action deletes temporary resources, answers a waiting caller or only updates
    /// the target state. Such an action runs whatever the tags of the target say.
    fn is_cleanup(&self) -> bool;

    /// Returns the rule by which the arbiter allows or vetoes the action.
    fn arbiter_rule(&self) -> ArbiterRule;

    /// Returns the limit that the action counts against.
    fn limit_rule(&self) -> LimitRule;

    /// Returns how the action repairs an unhealthy service, if it does.
    fn repair(&self) -> Repair;
}

/// The rule by which the arbiter allows or vetoes an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArbiterRule {
    /// Allowed in every state of the target.
    Always,
    /// Allowed if the target is active.
    ActiveTarget,
    /// Allowed on an active service that ECS deploys, or that CodeDeploy deploys if the action goes
    /// through CodeDeploy.
    Deployment { through_code_deploy: bool },
    /// Allowed unless the service is parked. A scale-in also waits for rollouts and restarts.
    TaskCount { scales_in: bool },
}

/// The limit that an action counts against, besides the number of actions in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitRule {
    /// None, not even the number of actions in a run.
    Unlimited,
    /// The number of actions in a run alone.
    PerRun,
    /// Changes of the number of tasks within an hour.
    Scalings,
    /// Rollouts and restarts of a service within an hour.
    Restarts,
    /// Rollouts of a service within an hour. Restarts don't count, because a rollout may fix what they did not.
    Rollouts,
    /// The first rollout of a service that nobody pushed or requested: few of them are in progress in the whole fleet.
    Adoptions,
}

/// How an action repairs an unhealthy service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It does not.
    No,
    /// It rolls the service back.
    Rollback,
    /// It is another step, such as a restart.
    Step,
}
