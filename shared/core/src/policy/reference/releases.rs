//! The tags of releases.

use super::entry::{TagReference, pair};
use crate::model::tag_keys::{APPROVE, DEPLOY, FREEZE};

pub const DEPLOY_TAG: TagReference = TagReference {
    key: DEPLOY,
    on: "service",
    summary: "Deploys the newest image whose tag matches, pinned by digest. AWS allows 256 characters in a value: `lamplighter:deploy.2` and so on continue it.",
    example: "tag=RC_x.x.x repo=shop/web",
    words: &[],
    pairs: &[
        pair(
            "tag",
            "`latest`, `RC_x.x.x`, `main-x`",
            "",
            "The image tags to track. A word `x` stands for a number, and so does an `x` after `v`, `r` or `RC`: `vx.x.x`. The highest version wins, and Lamplighter never downgrades. A tag without a number is tracked by digest.",
        ),
        pair(
            "semver",
            "`2.x`, `1.4`, `1.4.2`",
            "",
            "Instead of `tag=`: a range of semantic versions, with or without a leading `v`. `1.4` is every 1.4.x, and `1.4.2` is itself.",
        ),
        pair(
            "newest",
            "`main-@`, `sha-@`",
            "",
            "Instead of `tag=`: the matching tag that was pushed last. `@` stands for any text, such as a commit hash or a time.",
        ),
        pair(
            "pre",
            "`yes`, `no`",
            "no",
            "Whether pre-releases such as 1.5.0-rc.1 match `semver=`.",
        ),
        pair(
            "repo",
            "name or address of an ECR repository",
            "that of the running image",
            "The repository to track. Naming it saves AWS calls. A name such as `shop/web` is in the registry of the service; an address names another account or region.",
        ),
        pair(
            "container",
            "container names, joined by `+`",
            "those of the repository",
            "The containers to update. Without it, all containers that run the same image of the repository change together, such as a web server and its migrations.",
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
            "Holds every image until `lamplighter:approve` names it. With `strategy=`, the image is tested first and held before production traffic shifts.",
        ),
        pair(
            "after",
            "`cluster/service`",
            "",
            "Deploys only images that are verified in this other service of the account and region, such as `staging/web`.",
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
            "before",
            "family of a task definition",
            "",
            "Runs one task of this family with the new image before the service changes, such as `shop-migrate` for database migrations. Exit code 0 goes on, anything else rejects the release. Tag the task definition `lamplighter:managed = true`.",
        ),
        pair(
            "before-limit",
            "`1m` to `12h`",
            "30m",
            "The longest time that this task may run. After it the task is stopped and the release rejected.",
        ),
        pair(
            "base",
            "`running`, `latest`",
            "running",
            "The revision that a release is built on: the one that runs, or the newest of its family that Lamplighter did not register. `latest` fits templates that register revisions and leave the service alone (`ignore_changes` on `task_definition`).",
        ),
        pair(
            "restart",
            "`rotation`, `secrets`, `no`",
            "rotation",
            "When tasks are restarted for the secrets that they read: after a rotation, or after every new value of a secret or of a Parameter Store parameter.",
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
            "The longest time without progress of a rollout before it is rolled back, in addition to the health check grace period.",
        ),
        pair(
            "bake",
            "up to `12h`",
            "none",
            "The time after completion in which the service's alarms about errors and unhealthy targets still reject the release.",
        ),
        pair(
            "alarms",
            "names of alarms, joined by `+`",
            "",
            "CloudWatch alarms of your own that reject the release during `bake=`, beside those of Lamplighter. Needs `bake=`.",
        ),
        pair(
            "strategy",
            "`canary`, `linear`, `blue-green`",
            "that of the service",
            "Shifts traffic in this way and compares each step with the version it replaces. Needs Service Connect, or a load balancer with an alternate target group.",
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
    summary: "Approves one image: under `approve=yes`, or to deploy a quarantined or older one once more.",
    example: "RC_1.4.2",
    words: &[(
        "image",
        "A tag such as `RC_1.4.2`, the digest as the notification names it, or at least 8 of its digits.",
    )],
    pairs: &[],
};

pub const FREEZE_TAG: TagReference = TagReference {
    key: FREEZE,
    on: "service",
    summary: "Holds new images in this window. The newest push is deployed when it ends. Rollbacks are not held. `lamplighter:freeze.2` and so on add windows.",
    example: "fri 16:00 - mon 08:00 Europe/Rome",
    words: &[
        (
            "fri 16:00 - mon 08:00 Europe/Rome",
            "Every week, from, to, and the time zone (UTC if absent).",
        ),
        (
            "daily 22:00 - 06:00",
            "Every night. `mon-fri 09:00-10:00` is each of these days.",
        ),
        (
            "2026-12-20 - 2027-01-06",
            "From the beginning of the first day to the end of the last. `2026-12-20 16:00 - 2027-01-06 08:00` has times.",
        ),
    ],
    pairs: &[],
};
