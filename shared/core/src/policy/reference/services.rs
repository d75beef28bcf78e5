//! The tags of running services.

use super::entry::{TagReference, pair};
use crate::model::tag_keys::{HEAL, SCALE, SCHEDULE};

pub const SCALE_TAG: TagReference = TagReference {
    key: SCALE,
    on: "service",
    summary: "Scales the number of tasks with the load, within bounds.",
    example: "min=2 max=20 rps=10 cpu=70",
    words: &[],
    pairs: &[
        pair(
            "min",
            "0 to 5000",
            "1",
            "The fewest tasks; 0 only with `queue=`.",
        ),
        pair("max", "1 to 5000", "", "The most tasks. Required."),
        pair(
            "rps",
            "1 to 1000000, off",
            "`RequestsPerSecond`",
            "Requests per second that one task serves. Without it, or with `off`, CPU and memory decide.",
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
            "headroom",
            "0 to 400",
            "0",
            "Tasks kept beside those that requests and CPU need, in percent of them. Not with `queue=`.",
        ),
        pair(
            "queue",
            "name of an SQS queue",
            "",
            "The queue that the service works through, in its account and region. CPU and requests count only if `cpu=` and `rps=` are given as well.",
        ),
        pair(
            "latency",
            "`1s` to `24h`",
            "60s",
            "How long a message of the queue may wait.",
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
    summary: "Sets other bounds of the task count in a window: by week, by day, over midnight or once. Further windows stand in `lamplighter:schedule.2`, `.3` and so on. Needs `lamplighter:scale`.",
    example: "mon-fri 05:00-10:00 Europe/Rome min=6",
    words: &[(
        "mon-fri 05:00-10:00 Europe/Rome min=6",
        "Days, times, time zone (UTC if absent), and the least (`min=`) or most (`max=`) tasks. `min=0` stops a service without load.",
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
