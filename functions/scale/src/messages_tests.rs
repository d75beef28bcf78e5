//! Every message of `scale`, as people read it. A change of a text is a change of its snapshot.

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::{Backlog, Load, QueueLoad, QueueProblem};
use lamplighter::notify::Message;
use lamplighter::state::{LoadLevel, SetByOthers, Unresponsive, Utilization};
use serde_json::json;

use crate::fixtures::{Given, NOW, flat, given};
use crate::messages;

fn render_all(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Returns all messages of a plan.
fn all_messages(plan: Plan) -> Vec<Message> {
    plan.steps
        .into_iter()
        .filter_map(|step| step.message)
        .chain(plan.messages)
        .collect()
}

fn suspended() -> Given {
    let mut given = given().requests(37.2).auto_scaled(2, 8);
    given
        .observed
        .scalable
        .as_mut()
        .unwrap()
        .scaling_out_suspended = true;
    given
}

fn peak() -> Given {
    given().untag("scale").cpu(93.0).event(json!({
        "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
        "resources": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/cpu-peak"],
        "detail": {
            "alarmName": "lamplighter/shop/web/cpu-peak",
            "state": {"value": "ALARM", "reason": "Threshold Crossed: 3 datapoints were greater than the threshold (80.0)."}
        }
    }))
}

fn without_data() -> Given {
    let mut given = given();
    given.observed.load.cpu = flat(0.0).into_iter().take(0).collect();
    given
}

fn without_any_data() -> Given {
    let mut given = given().runs(4);
    given.observed.load = Load::default();
    given
}

fn measured_again() -> Given {
    let mut given = given();
    let told = (messages::LOAD_UNKNOWN.to_owned(), NOW);
    given.memory.notified.extend([told]);
    given
}

fn backlog(waiting: u64) -> QueueLoad {
    QueueLoad {
        backlog: Some(Backlog {
            waiting,
            ..Backlog::default()
        }),
        ..QueueLoad::default()
    }
}

fn problem(problem: QueueProblem) -> QueueLoad {
    QueueLoad {
        problem: Some(problem),
        ..QueueLoad::default()
    }
}

/// A queue whose messages wait, and nobody finishes one.
fn stuck() -> Given {
    let load = QueueLoad {
        waiting: flat(340.0),
        deleted: flat(0.0),
        age: flat(1_260.0),
        ..backlog(340)
    };
    let mut given = given().runs(4).works(load);
    given.observed.load.tasks = flat(4.0);
    given
}

/// Tasks were added, and no more messages are finished.
fn without_gain() -> Given {
    let load = QueueLoad {
        waiting: flat(340.0),
        deleted: flat(60.0),
        ..backlog(340)
    };
    let mut given = given().runs(4).scaled(480, 2, 4).works(load);
    given.observed.load.tasks = flat(4.0);
    given
}

fn told(mut given: Given, keys: &[&str]) -> Given {
    let keys = keys.iter().map(|key| ((*key).to_owned(), NOW));
    given.memory.notified.extend(keys);
    given
}

/// Every situation of a service with a queue, or with a window in which it may stop.
fn about_queues() -> Vec<Given> {
    let mut rated = given().runs(2).works(backlog(900));
    rated.memory.scaling.task_rate = Some(42.5);
    let window = "sat 02:00-05:00 UTC min=0";
    vec![
        rated,
        given().runs(1).works(backlog(0)),
        given().works(backlog(12)).stopped(),
        given().works(problem(QueueProblem::Missing)),
        given().works(problem(QueueProblem::Refused(
            "GetQueueAttributes jobs: AccessDenied: not authorized".to_owned(),
        ))),
        stuck(),
        without_gain(),
        told(
            given().works(backlog(3)),
            &["no-queue", "queue-stuck", "queue-no-gain"],
        ),
        told(given(), &["no-queue"]),
        given().cpu(2.0).tag("schedule", window),
        given().stopped().untag("scale"),
    ]
}

/// The load of some tasks, some minutes ago.
fn level(minutes_ago: i64, tasks: u32, percent: f64) -> LoadLevel {
    LoadLevel {
        at: NOW - SignedDuration::from_mins(minutes_ago),
        tasks,
        cpu: Some(percent),
        used_cpu: Some(percent * f64::from(tasks)),
        memory: Some(percent),
        highest_cpu: Some(percent),
        highest_memory: Some(percent),
        requests: Some(300.0),
    }
}

/// Added tasks lowered neither CPU nor memory, which rises on.
fn unresponsive() -> Given {
    let scale = "min=2 max=8 rps=10 cpu=70 memory=80";
    let mut given = given().runs(3).tag("scale", scale).requests(5.0).cpu(84.0);
    let rising = (1..=15).map(|n| {
        (
            NOW - SignedDuration::from_mins(i64::from(n)),
            90.0 - 0.3 * f64::from(n),
        )
    });
    given.observed.load.memory = rising.collect();
    for metric in [Utilization::Cpu, Utilization::Memory] {
        given.memory.scaling.unresponsive.push(Unresponsive {
            metric,
            before: level(30, 2, 85.0),
            after: level(10, 3, 84.0),
        });
    }
    given
}

/// Somebody set six tasks, of which the load needs two.
fn set_by_others() -> Given {
    let mut given = given().runs(6);
    let since = NOW - SignedDuration::from_mins(10);
    given.memory.scaling.set_by_others = Some(SetByOthers { count: 6, since });
    given
}

/// CPU decides, and shows how many requests a task serves.
fn without_rps() -> Given {
    let scale = "min=2 max=8 cpu=70";
    given().tag("scale", scale).requests(40.0).cpu(90.0)
}

/// Two targets for each task of the service.
fn shared() -> Given {
    let mut given = given().requests(20.0);
    given.observed.load.tasks = flat(2.0);
    given.observed.load.requests_per_target = flat(300.0);
    given
}

#[test]
fn every_message() {
    let plans = vec![
        given().requests(37.2),
        given().runs(8).requests(137.2).surge(40, 2, 8),
        given().runs(4).surge(40, 2, 4),
        given().runs(9),
        without_data(),
        without_any_data(),
        measured_again(),
        given()
            .runs(8)
            .requests(75.0)
            .tag("schedule", "sat 02:00-05:00 UTC max=3"),
        given().requests(37.2).auto_scaled(2, 8),
        given().requests(137.2).auto_scaled(8, 8).runs(8),
        suspended(),
        given()
            .tag("scale", "min=2 max=8 rps=10 autoscaling=notify")
            .requests(37.2)
            .auto_scaled(2, 8),
        peak(),
        unresponsive(),
        told(given(), &["cpu-unresponsive", "memory-unresponsive"]),
        shared(),
        set_by_others(),
        without_rps(),
    ];
    let mut messages: Vec<Message> = plans
        .into_iter()
        .chain(about_queues())
        .flat_map(|given| all_messages(given.decided()))
        .collect();
    messages.push(messages::daemon_service());
    let scalable = given().auto_scaled(4, 8).observed.scalable.unwrap();
    messages.push(messages::min_capacity_restored(
        &scalable,
        2,
        "the last 10 minutes needed at most 2 tasks, the minimum is 2",
    ));
    insta::assert_snapshot!(render_all(&messages));
}
