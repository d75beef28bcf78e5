//! The tag of alarms.

use super::entry::{TagReference, pair};
use crate::model::tag_keys::ALARMS;

pub const ALARMS_TAG: TagReference = TagReference {
    key: ALARMS,
    on: "service, database, cache",
    summary: "Sets the bounds of alarms, switches further ones on and others off. The alarms that are on without the tag are listed in [scaling.md](scaling.md#alarms). May be continued in `lamplighter:alarms.2`.",
    example: "errors=2 latency=800ms off=memory-peak",
    words: &[],
    pairs: &[
        pair(
            "off",
            "kinds of alarms, joined by `+`",
            "",
            "No alarms of these kinds. Those that scaling starts from stay on.",
        ),
        pair(
            "errors",
            "percent",
            "2",
            "Service: requests it answers with HTTP 5xx (`errors-5xx`).",
        ),
        pair(
            "errors-count",
            "1 to 1000000",
            "5",
            "Service: fewer errors in five minutes fire neither `errors-5xx` nor `balancer-5xx`.",
        ),
        pair(
            "balancer-errors",
            "percent",
            "off",
            "Service: requests that the load balancer itself answers with HTTP 5xx (`balancer-5xx`). It counts per load balancer, which services may share.",
        ),
        pair(
            "latency",
            "`1ms` to `10m`",
            "off",
            "Service: 99th percentile of the response time (`latency-p99`).",
        ),
        pair(
            "unhealthy",
            "1 to 1000000",
            "1",
            "Service: unhealthy targets (`unhealthy-targets`).",
        ),
        pair(
            "busiest",
            "percent",
            "off",
            "Service: CPU of the busiest task (`busiest-task`).",
        ),
        pair(
            "cpu",
            "percent",
            "`CpuPeak`",
            "Average CPU (`cpu-peak`). For a scaled service, `cpu=` in `lamplighter:scale`.",
        ),
        pair(
            "memory",
            "percent",
            "90",
            "Service, cache: average memory (`memory-peak`). For a service that is scaled by memory, `memory=` in `lamplighter:scale`.",
        ),
        pair(
            "storage",
            "percent",
            "10",
            "Database: free share of the allocated storage (`free-storage`).",
        ),
        pair(
            "connections",
            "1 to 1000000",
            "four fifths of the class's default",
            "Database: connections (`connections`).",
        ),
        pair(
            "lag",
            "`1ms` to `10m`",
            "60s, in a cluster 1s",
            "Database: delay of a replica (`replica-lag`).",
        ),
        pair(
            "free-memory",
            "MiB",
            "a twentieth of the class's memory",
            "Database: free memory (`free-memory`).",
        ),
        pair(
            "credits",
            "1 to 1000000",
            "off",
            "Database of a T class: CPU credits that are left (`cpu-credits`).",
        ),
        pair(
            "acu",
            "percent",
            "90 for Aurora Serverless v2",
            "Database: used share of the maximum capacity units (`acu-peak`).",
        ),
        pair(
            "burst",
            "percent",
            "off",
            "Database on gp2 storage: burst credits that are left (`burst-balance`).",
        ),
        pair(
            "io",
            "percent",
            "off",
            "Database instance: I/O credits that are left (`io-balance`).",
        ),
        pair(
            "read-latency",
            "`1ms` to `10m`",
            "off",
            "Database: average time of a read (`read-latency`).",
        ),
        pair(
            "write-latency",
            "`1ms` to `10m`",
            "off",
            "Database: average time of a write (`write-latency`).",
        ),
        pair(
            "evictions",
            "1 to 1000000",
            "off",
            "Cache: evicted keys per minute (`evictions`).",
        ),
    ],
};
