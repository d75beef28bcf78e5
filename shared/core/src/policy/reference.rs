//! The one table of tags: the keys that the parsers accept, and what docs/tags.md says about them.

use crate::model::tag_keys::{
    ACK, APP, APPROVE, BACKUP, DEPLOY, FREEZE, HEAL, LOGS, MANAGED, SCALE, SCHEDULE, SILENCE,
};

/// A tag that an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagReference {
    pub key: &'static str,
    /// The kinds of resources that the tag is read on.
    pub on: &'static str,
    pub summary: &'static str,
    /// A valid value, which every error message repeats.
    pub example: &'static str,
    /// Values besides `key=value` pairs: a word and its meaning.
    pub words: &'static [(&'static str, &'static str)],
    /// The `key=value` pairs that the parser accepts.
    pub pairs: &'static [PairReference],
}

/// A `key=value` pair of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairReference {
    /// The key. One that ends in a dot is the continuation of the pair before it: `verify.2`.
    pub key: &'static str,
    /// The values that are accepted.
    pub values: &'static str,
    /// The value that applies without the pair; empty if there is none.
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn pair(
    key: &'static str,
    values: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> PairReference {
    PairReference {
        key,
        values,
        default,
        meaning,
    }
}

impl TagReference {
    /// Returns the keys that the parser of this tag accepts.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.pairs.iter().map(|pair| pair.key)
    }
}

/// All tags that an operator may set, in the order of docs/tags.md.
pub const TAGS: [&TagReference; 12] = [
    &MANAGED_TAG,
    &APP_TAG,
    &DEPLOY_TAG,
    &APPROVE_TAG,
    &FREEZE_TAG,
    &SCALE_TAG,
    &SCHEDULE_TAG,
    &HEAL_TAG,
    &BACKUP_TAG,
    &LOGS_TAG,
    &SILENCE_TAG,
    &ACK_TAG,
];

pub const MANAGED_TAG: TagReference = TagReference {
    key: MANAGED,
    on: "service, database, cache, log group",
    summary: "Says whether Lamplighter may act on the resource. Without it, Lamplighter changes nothing.",
    example: "true",
    words: &[
        ("true", "Manage the resource."),
        ("observe", "Dry run: decide and notify, but change nothing."),
        (
            "paused",
            "Ignore the resource. Hooks are still answered and temporary resources deleted.",
        ),
    ],
    pairs: &[],
};

pub const APP_TAG: TagReference = TagReference {
    key: APP,
    on: "service, database, cache",
    summary: "Names the application. Services and databases of one application depend on each other, share a dashboard and are reported together.",
    example: "shop",
    words: &[("shop", "The name of the application.")],
    pairs: &[],
};

pub const DEPLOY_TAG: TagReference = TagReference {
    key: DEPLOY,
    on: "service",
    summary: "Deploys the newest image whose tag matches, pinned by digest.",
    example: "tag=RC_x.x.x repo=shop/web",
    words: &[],
    pairs: &[
        pair(
            "tag",
            "`latest`, `RC_x.x.x`, `main-x`",
            "",
            "The image tags to track. A segment `x` stands for a number: the highest version wins, and Lamplighter never downgrades. A tag without `x` is tracked by digest.",
        ),
        pair(
            "semver",
            "`2.x`, `1.4.x`",
            "",
            "Instead of `tag=`: a range of semantic versions, with or without a leading `v`. Pre-releases don't match.",
        ),
        pair(
            "repo",
            "name of an ECR repository",
            "that of the running image",
            "The repository to track. Naming it saves AWS calls.",
        ),
        pair(
            "container",
            "container name",
            "the only match",
            "The container to update. Required if several containers use the repository.",
        ),
        pair(
            "verify",
            "http or https URL",
            "",
            "Probes this URL once the rollout has completed: three successes in a row (2xx within 5 s) verify the release, three failures in a row roll it back.",
        ),
        pair(
            "verify.",
            "http or https URL",
            "",
            "Further URLs, up to five in all: `verify.2=…`.",
        ),
        pair(
            "expect",
            "text",
            "",
            "Text that every response must contain.",
        ),
        pair(
            "scan",
            "`low`, `medium`, `high`, `critical`",
            "",
            "Holds an image whose scan has findings of this severity or worse, or is not finished.",
        ),
        pair(
            "approve",
            "`yes`, `no`",
            "no",
            "Holds every image until `lamplighter:approve` names its digest. With `strategy=`, the image is tested first and held before production traffic shifts.",
        ),
        pair(
            "snapshot",
            "`yes`, `no`",
            "no",
            "Takes a snapshot of the databases with the same `lamplighter:app` before the rollout.",
        ),
        pair(
            "snapshot-limit",
            "`1m` to `12h`",
            "30m",
            "The longest wait for that snapshot. After it the rollout goes on without, with a warning.",
        ),
        pair(
            "breaker",
            "`on`, `off`",
            "on",
            "Keeps the ECS deployment circuit breaker enabled, with rollback.",
        ),
        pair(
            "deadline",
            "`2m` to `12h`",
            "15m",
            "The longest duration of a rollout before it is rolled back.",
        ),
        pair(
            "bake",
            "up to `12h`",
            "none",
            "The time after completion in which the service's alarms about errors and unhealthy targets still reject the release.",
        ),
        pair(
            "strategy",
            "`canary`, `linear`, `blue-green`",
            "that of the service",
            "Shifts traffic in this way and compares each step with the version it replaces. Needs a load balancer with an alternate target group.",
        ),
        pair(
            "verify-test",
            "http or https URL",
            "",
            "Probes this URL behind the test listener, before production traffic shifts.",
        ),
        pair(
            "inconclusive",
            "`keep`, `rollback`",
            "keep",
            "What happens to a release whose checks are inconclusive: it stays with a notification, or is rolled back.",
        ),
        pair(
            "group",
            "`application/deployment-group`",
            "as ECS reports it",
            "The CodeDeploy application and deployment group.",
        ),
    ],
};

pub const APPROVE_TAG: TagReference = TagReference {
    key: APPROVE,
    on: "service",
    summary: "Approves one image digest: under `approve=yes`, or to deploy a quarantined image once more.",
    example: "sha256:…",
    words: &[("sha256:…", "The digest as the notification names it.")],
    pairs: &[],
};

pub const FREEZE_TAG: TagReference = TagReference {
    key: FREEZE,
    on: "service",
    summary: "Holds new images in this weekly window. The newest push is deployed when it ends. Rollbacks are not held.",
    example: "fri 16:00 - mon 08:00 Europe/Rome",
    words: &[(
        "fri 16:00 - mon 08:00 Europe/Rome",
        "From, to, and the time zone (UTC if absent).",
    )],
    pairs: &[],
};

pub const SCALE_TAG: TagReference = TagReference {
    key: SCALE,
    on: "service",
    summary: "Scales the number of tasks with the load, within bounds.",
    example: "min=2 max=20 rps=10 cpu=70",
    words: &[],
    pairs: &[
        pair("min", "1 to 5000", "1", "The fewest tasks."),
        pair("max", "1 to 5000", "", "The most tasks. Required."),
        pair(
            "rps",
            "1 to 1000000",
            "`RequestsPerSecond`",
            "Requests per second that one task serves.",
        ),
        pair(
            "cpu",
            "1 to 100",
            "`CpuPeak`",
            "Target of the average CPU utilization, in percent.",
        ),
        pair(
            "memory",
            "1 to 100",
            "ignored",
            "Target of the average memory utilization, in percent.",
        ),
        pair(
            "autoscaling",
            "`raise`, `notify`",
            "raise",
            "For a service that Application Auto Scaling scales too: raise its minimum capacity while the load needs more, or only notify.",
        ),
    ],
};

pub const SCHEDULE_TAG: TagReference = TagReference {
    key: SCHEDULE,
    on: "service",
    summary: "Runs at least so many tasks in a weekly window. Further windows stand in `lamplighter:schedule.2`, `.3` and so on. Needs `lamplighter:scale`.",
    example: "mon-fri 05:00-10:00 Europe/Rome min=6",
    words: &[(
        "mon-fri 05:00-10:00 Europe/Rome min=6",
        "Days, times, time zone (UTC if absent) and the number of tasks.",
    )],
    pairs: &[],
};

pub const HEAL_TAG: TagReference = TagReference {
    key: HEAL,
    on: "service",
    summary: "Says how far healing may go. `on` without the tag.",
    example: "on steps=3 memory=+25",
    words: &[
        (
            "on",
            "Restart or roll back with exponential back-off, then escalate.",
        ),
        ("notify", "Notify, but change nothing."),
        ("off", "Ignore the health of the service."),
    ],
    pairs: &[
        pair(
            "steps",
            "1 to 10",
            "3",
            "Healing steps before an escalation.",
        ),
        pair(
            "memory",
            "`+1` to `+100`",
            "no increase",
            "Percentage by which memory is raised once, after a task ran out of memory.",
        ),
        pair(
            "crash",
            "`retry`, `park`",
            "retry",
            "What happens to a crash loop that healing can't stop: ECS keeps restarting the tasks, or the service is parked at the fewest tasks allowed, never zero.",
        ),
        pair(
            "spot-fallback",
            "`yes`, `no`",
            "no",
            "Moves tasks to on-demand capacity while Spot capacity is unavailable.",
        ),
    ],
};

pub const BACKUP_TAG: TagReference = TagReference {
    key: BACKUP,
    on: "database, cache",
    summary: "Takes snapshots, rotates them and proves them by restore drills.",
    example: "at=03:00 keep=7d",
    words: &[],
    pairs: &[
        pair(
            "at",
            "`00:00` to `23:59`",
            "`BackupAt`",
            "The time of the daily snapshot.",
        ),
        pair(
            "every",
            "`1h` or longer",
            "",
            "Instead of `at=`: the interval of snapshots, counted from midnight UTC.",
        ),
        pair(
            "tz",
            "time zone such as `Europe/Rome`",
            "UTC",
            "The time zone of `at=` and of days, weeks and months.",
        ),
        pair(
            "keep",
            "`24h+7d+4w+12m`",
            "`RetentionDays`",
            "Retention by tier: hours, days, weeks, months.",
        ),
        pair(
            "rpo",
            "duration such as `1h`",
            "the interval and a quarter",
            "The largest age of the recovery point before a critical notification.",
        ),
        pair(
            "copy",
            "regions and `vault`, joined by `+`",
            "",
            "Copies every snapshot to these regions, or to the vault account.",
        ),
        pair(
            "copy-key",
            "KMS key",
            "the RDS key there",
            "The key at the destination for encrypted snapshots.",
        ),
        pair(
            "drill",
            "`daily`, `weekly`, `monthly`",
            "",
            "Restores the newest snapshot to a temporary database, checks it, times it and deletes it.",
        ),
        pair(
            "drill-group",
            "security group `sg-…`",
            "that of the stack",
            "The security group of the temporary database.",
        ),
        pair(
            "check-task",
            "family or `family:revision`",
            "",
            "The ECS task that checks the restored database.",
        ),
        pair(
            "rto",
            "duration such as `2h`",
            "",
            "The longest restore, with its check, before a warning.",
        ),
    ],
};

pub const LOGS_TAG: TagReference = TagReference {
    key: LOGS,
    on: "log group",
    summary: "Exports each day of a log group to the stack's bucket, and sets its retention.",
    example: "export keep=7d",
    words: &[("export", "Export every day at noon UTC of the next one.")],
    pairs: &[
        pair(
            "keep",
            "`7d`, `30d`, `90d`, `365d`",
            "7d",
            "Retention of the exports in the bucket.",
        ),
        pair(
            "retain",
            "days such as `7d`",
            "unchanged",
            "Retention of the log group in CloudWatch Logs.",
        ),
    ],
};

pub const SILENCE_TAG: TagReference = TagReference {
    key: SILENCE,
    on: "service, database, cache, log group",
    summary: "Silences notifications about the resource until a time. Actions go on, and an incident that still fires afterwards is sent then.",
    example: "until=2026-12-01T08:00Z",
    words: &[],
    pairs: &[pair(
        "until",
        "time with its zone",
        "",
        "The end of the silence. Required.",
    )],
};

pub const ACK_TAG: TagReference = TagReference {
    key: ACK,
    on: "service, database, cache, log group",
    summary: "Acknowledges one incident: no more reminders of it.",
    example: "4b1d0c8ff6a7-1763694720",
    words: &[(
        "4b1d0c8ff6a7-1763694720",
        "The identifier of the incident as the notification names it.",
    )],
    pairs: &[],
};
