//! Measures that don't tell how many tasks are needed: utilizations that more tasks don't lower, idle tasks of a new revision,
//! requests that others get, tasks that can't be placed.

use std::collections::BTreeMap;

use e2e::testkit::world::World;
use e2e::testkit::world::load::Task;
use jiff::SignedDuration;
use lamplighter::model::{AlarmState, Arn, Deployment, Measure};
use proptest::prelude::*;
use rstest::rstest;
use scale::Scale;

fn service(world: &World, scale: &str) -> Arn {
    let arn = world.scaled("web", scale);
    world.alarms_on(&arn, 80.0, 10.0);
    arn
}

fn remove_load_balancer(world: &World, service: &Arn) {
    let mut state = world.state_mut();
    let service = state.services.get_mut(service).unwrap();
    service.target_groups.clear();
}

fn tasks(world: &World, service: &Arn) -> i32 {
    world.state().services[service].desired_count
}

fn sweep(world: &World) {
    world.sweep(&Scale).unwrap().unwrap();
}

/// A minute with this memory in every task, whatever their number.
fn minute_with_memory(world: &World, service: &Arn, rps: f64, memory: f64) {
    minute(
        world,
        service,
        rps,
        Task {
            idle_memory: memory,
            ..Task::default()
        },
    );
}

fn minute(world: &World, service: &Arn, rps: f64, task: Task) {
    for event in world.minute(service, rps, task) {
        world.invoke(&Scale, event).unwrap().unwrap();
    }
    sweep(world);
}

/// An alarm on memory as `enroll` creates it.
fn memory_alarm(world: &World, percent: f64) {
    let mut state = world.state_mut();
    let mut alarm = state
        .alarms
        .values()
        .find_map(|alarm| {
            alarm
                .alarm
                .clone()
                .filter(|alarm| alarm.name.ends_with("cpu-peak"))
        })
        .unwrap();
    alarm.name = alarm.name.replace("cpu-peak", "memory-peak");
    if let Measure::One(metric) = &mut alarm.measure {
        "MemoryUtilization".clone_into(&mut metric.name);
    }
    alarm.threshold = percent;
    state.put_alarm(&alarm, &BTreeMap::new());
}

fn count(world: &World, beginning: &str) -> usize {
    let titles = world.titles();
    titles
        .iter()
        .filter(|title| title.starts_with(beginning))
        .count()
}

/// Memory that every task needs whatever it does: one trial, a word, and no further task.
#[rstest]
fn memory_that_more_tasks_do_not_lower_adds_one_step(
    #[values(true, false)] is_balanced: bool,
    #[values(0.0, 0.3)] uneven: f64,
    #[values(82.0, 88.0)] memory: f64,
) {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 memory=80");
    memory_alarm(&world, 80.0);
    if !is_balanced {
        remove_load_balancer(&world, &arn);
    }
    for n in 0..180 {
        let rps = 12.0 * (1.0 + uneven * (f64::from(n * 7 % 10) / 9.0 - 0.5));
        minute_with_memory(&world, &arn, rps, memory + f64::from(n % 5) * 2.0);
        assert!(tasks(&world, &arn) <= 3, "{:?}", world.titles());
    }
    assert_eq!(
        count(&world, "memory 8") + count(&world, "memory 9"),
        1,
        "{:?}",
        world.titles()
    );
    // Memory falls by itself, and counts again.
    (0..10).for_each(|_| minute_with_memory(&world, &arn, 5.0, 50.0));
    assert_eq!(count(&world, "memory counts for scaling again"), 1);
    (0..30).for_each(|_| minute_with_memory(&world, &arn, 5.0, 50.0));
    assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
    let before = world.titles().len();
    (0..60).for_each(|_| minute_with_memory(&world, &arn, 5.0, 50.0));
    assert_eq!(world.titles().len(), before);
}

/// What one revision showed says nothing about the next.
#[test]
fn a_deployment_gives_memory_another_trial() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 memory=80");
    memory_alarm(&world, 80.0);
    (0..60).for_each(|_| minute_with_memory(&world, &arn, 5.0, 85.0));
    assert_eq!(tasks(&world, &arn), 3);
    {
        let mut state = world.state_mut();
        let now = state.now;
        let service = state.services.get_mut(&arn).unwrap();
        service.deployments = vec![Deployment {
            id: "ecs-svc/2".into(),
            status: "PRIMARY".into(),
            task_definition: String::new(),
            rollout_state: "COMPLETED".into(),
            created_at: Some(now),
            running_count: 3,
        }];
    }
    (0..40).for_each(|_| minute_with_memory(&world, &arn, 5.0, 85.0));
    assert_eq!(tasks(&world, &arn), 4, "{:?}", world.titles());
    assert_eq!(count(&world, "memory counts for scaling again"), 1);
    assert_eq!(count(&world, "memory 85 %"), 2);
}

/// A leak is called one, with its slope and its end.
#[test]
fn a_leak_is_named() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 memory=70");
    memory_alarm(&world, 70.0);
    for n in 0..110 {
        minute_with_memory(&world, &arn, 5.0, 60.0 + f64::from(n) * 0.3);
    }
    assert!(tasks(&world, &arn) <= 4, "{:?}", world.titles());
    let sent: Vec<String> = {
        let state = world.state();
        let notices = state.notices.iter();
        notices
            .map(|notice| format!("{:?}", notice.message))
            .collect()
    };
    let leak = sent.iter().find(|text| text.contains("leak"));
    assert!(
        leak.is_some_and(|text| text.contains("memory rises by 0.3 % a minute, and is used up in")),
        "{sent:#?}"
    );
}

/// Tasks that are busy without requests: more of them are busy, too.
#[test]
fn a_busy_loop_stops_adding_tasks() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 rps=10 cpu=70");
    let busy = Task {
        idle_cpu: 85.0,
        cpu_per_rps: 1.0,
        ..Task::default()
    };
    (0..15).for_each(|_| minute(&world, &arn, 5.0, Task::default()));
    (0..120).for_each(|_| minute(&world, &arn, 5.0, busy));
    let stays = tasks(&world, &arn);
    assert!(stays < 20, "{stays}: {:?}", world.titles());
    assert_eq!(count(&world, "CPU 8"), 1, "{:?}", world.titles());
    (0..60).for_each(|_| minute(&world, &arn, 5.0, busy));
    assert_eq!(tasks(&world, &arn), stays);
    // Requests still count.
    (0..20).for_each(|_| minute(&world, &arn, 250.0, busy));
    assert_eq!(tasks(&world, &arn), 20);
    (0..60).for_each(|_| minute(&world, &arn, 5.0, Task::default()));
    assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
}

/// Requests that become more expensive later are load, although there are no more of them.
#[test]
fn cpu_that_rises_after_its_verdict_adds_tasks() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 rps=10 cpu=70");
    let busy = |cost: f64| Task {
        idle_cpu: 80.0,
        cpu_per_rps: cost,
        ..Task::default()
    };
    (0..15).for_each(|_| minute(&world, &arn, 5.0, Task::default()));
    (0..60).for_each(|_| minute(&world, &arn, 5.0, busy(1.0)));
    let kept = tasks(&world, &arn);
    assert_eq!(count(&world, "CPU 8"), 1, "{:?}", world.titles());
    let costly = Task {
        cpu_per_rps: 300.0,
        ..Task::default()
    };
    (0..30).for_each(|_| minute(&world, &arn, 5.0, costly));
    assert!(tasks(&world, &arn) > kept, "{kept}: {:?}", world.titles());
    assert_eq!(count(&world, "CPU counts for scaling again"), 1);
}

/// The target `cpu=100` that the warning about a busy loop leads to asks for no further task.
#[test]
fn full_cpu_is_no_overload_where_it_is_the_target() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 rps=10 cpu=100");
    for n in 0..60 {
        let busy = Task {
            idle_cpu: 96.0 + f64::from(n % 5),
            ..Task::default()
        };
        minute(&world, &arn, 5.0, busy);
        assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
    }
}

/// A job that uses all CPU for one minute doubles nothing.
#[test]
fn one_minute_of_full_cpu_doubles_nothing() {
    let world = World::new();
    let arn = service(&world, "min=4 max=40 rps=off cpu=70");
    let busy = |percent: f64| Task {
        idle_cpu: percent,
        ..Task::default()
    };
    for n in 0..120 {
        let percent = if n % 60 == 30 { 99.0 } else { 40.0 };
        minute(&world, &arn, 5.0, busy(percent));
        assert!(tasks(&world, &arn) <= 6, "{:?}", world.titles());
    }
}

/// Tasks that start use all CPU for some minutes: they double once, and not each time that more of them start.
#[test]
fn slow_starters_double_once() {
    let world = World::new();
    let arn = service(&world, "min=4 max=200 rps=off cpu=70");
    let load = |percent: f64| Task {
        idle_cpu: percent,
        ..Task::default()
    };
    (0..20).for_each(|_| minute(&world, &arn, 5.0, load(40.0)));
    (0..5).for_each(|_| minute(&world, &arn, 5.0, load(100.0)));
    assert!(
        tasks(&world, &arn) <= 12,
        "{} {:?}",
        tasks(&world, &arn),
        world.titles()
    );
}

/// Memory that arrives late ends no incident.
#[test]
fn late_memory_ends_nothing() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 memory=80");
    memory_alarm(&world, 80.0);
    (0..60).for_each(|_| minute_with_memory(&world, &arn, 5.0, 86.0));
    assert_eq!(count(&world, "memory 86 %"), 1, "{:?}", world.titles());
    for _ in 0..20 {
        {
            let mut state = world.state_mut();
            state.loads.get_mut(&arn).unwrap().memory.clear();
        }
        sweep(&world);
        world.state_mut().now += SignedDuration::from_mins(1);
    }
    assert_eq!(
        count(&world, "memory counts for scaling again"),
        0,
        "{:?}",
        world.titles()
    );
}

/// Tasks at their limit hide how much load waits: they are no busy loop.
#[test]
fn an_overload_is_followed_to_its_end() {
    let world = World::new();
    let arn = service(&world, "min=2 max=40 rps=off cpu=70");
    let heavy = Task {
        cpu_per_rps: 10.0,
        ..Task::default()
    };
    (0..15).for_each(|_| minute(&world, &arn, 5.0, heavy));
    (0..40).for_each(|_| minute(&world, &arn, 180.0, heavy));
    assert!(tasks(&world, &arn) >= 26, "{:?}", world.titles());
    assert_eq!(count(&world, "CPU "), 0, "{:?}", world.titles());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Memory that load and tasks decide is always followed, and never called anything else.
    #[test]
    fn memory_that_follows_load_is_followed(
        idle in 5.0..45.0_f64,
        cost in 2.0..6.0_f64,
        loads in prop::collection::vec((5.0..120.0_f64, 10_u32..40), 2..6),
        is_balanced in any::<bool>(),
        uneven in 0.0..0.4_f64,
    ) {
        let world = World::new();
        let arn = service(&world, "min=2 max=60 rps=off cpu=90 memory=80");
        memory_alarm(&world, 80.0);
        if !is_balanced {
            remove_load_balancer(&world, &arn);
        }
        let task = Task { idle_memory: idle, memory_per_rps: cost, cpu_per_rps: 2.0, ..Task::default() };
        for (rps, times) in loads {
            (0..times).for_each(|n| {
                let rps = rps * (1.0 + uneven * (f64::from(n * 7 % 10) / 9.0 - 0.5));
                minute(&world, &arn, rps, task);
            });
            (0..30).for_each(|_| minute(&world, &arn, rps, task));
            let count = f64::from(tasks(&world, &arn));
            let memory = idle + rps / count * cost;
            prop_assert!(memory <= 80.0 * 1.1, "{memory} % on {count}: {:?}", world.titles());
        }
        prop_assert_eq!(count(&world, "memory "), 0, "{:?}", world.titles());
    }

    /// Whatever memory and CPU do, a service that nobody calls is at its minimum after 30 minutes.
    #[test]
    fn no_load_reaches_the_minimum_whatever_memory_does(
        memory in 30.0..99.0_f64,
        rps in 5.0..150.0_f64,
        busy in 10_u32..60,
    ) {
        let world = World::new();
        let arn = service(&world, "min=2 max=20 memory=80");
        memory_alarm(&world, 80.0);
        (0..busy).for_each(|_| minute_with_memory(&world, &arn, rps, memory));
        (0..30).for_each(|_| minute_with_memory(&world, &arn, 0.0, memory));
        prop_assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
    }

    /// The same if a metric is missing: another one shows that metrics arrive.
    #[test]
    fn no_load_reaches_the_minimum_whatever_is_missing(
        rps in 5.0..150.0_f64,
        missing in 1_usize..15,
        scale in prop::sample::select(vec!["rps=10 memory=80", "rps=off cpu=70 memory=80", "cpu=70"]),
    ) {
        let world = World::new();
        let arn = service(&world, &format!("min=2 max=20 {scale}"));
        (0..20).for_each(|_| minute(&world, &arn, rps, Task::default()));
        for _ in 0..30 {
            let events = world.minute(&arn, 0.0, Task::default());
            if let Some(load) = world.state_mut().loads.get_mut(&arn) {
                let series = [&mut load.cpu, &mut load.memory, &mut load.tasks, &mut load.requests_per_target];
                for (n, series) in series.into_iter().enumerate() {
                    if missing & (1 << n) != 0 {
                        series.pop_last();
                    }
                }
            }
            for event in events {
                world.invoke(&Scale, event).unwrap().unwrap();
            }
            sweep(&world);
        }
        // Without any other metric, nothing shows that metrics arrive.
        if missing & 7 != 7 {
            prop_assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
        }
    }
}

/// During a blue/green deployment four tasks at their limit beside four idle ones are four too few.
#[rstest]
#[case::one_minute_metrics(1.0)]
#[case::twenty_second_metrics(3.0)]
fn idle_tasks_of_a_new_revision_hide_no_load(#[case] values: f64) {
    let world = World::new();
    let arn = service(&world, "min=4 max=20 rps=off cpu=80");
    for n in 0..40 {
        let is_shifting = n >= 25;
        {
            let mut state = world.state_mut();
            let now = state.now;
            let service = state.services.get_mut(&arn).unwrap();
            service.strategy = "BLUE_GREEN".to_owned();
            let desired = service.desired_count.max(4);
            service.desired_count = desired;
            service.running_count = if is_shifting { 4 + desired } else { desired };
            let state_name = if is_shifting {
                "IN_PROGRESS"
            } else {
                "COMPLETED"
            };
            service.deployments = vec![Deployment {
                id: "ecs-svc/2".into(),
                status: "PRIMARY".into(),
                task_definition: String::new(),
                rollout_state: state_name.into(),
                created_at: Some(
                    now - SignedDuration::from_mins(if is_shifting { n - 25 } else { 60 }),
                ),
                running_count: desired,
            }];
            let running = f64::from(service.running_count);
            let load = state.loads.entry(arn.clone()).or_default();
            load.requests = None;
            let percent = if is_shifting {
                4.0 * 95.0 / running
            } else {
                60.0
            };
            load.cpu.insert(now, percent);
            load.tasks.insert(now, running * values);
            state.now += SignedDuration::from_mins(1);
        }
        for alarm in world.state_mut().alarms.values_mut() {
            alarm.state = AlarmState::Alarm;
        }
        sweep(&world);
        if !is_shifting {
            assert_eq!(tasks(&world, &arn), 4, "{:?}", world.titles());
        }
    }
    assert_eq!(tasks(&world, &arn), 5, "{:?}", world.titles());
}

/// Two services on one target group run the tasks that the load needs, and not twice as many.
#[rstest]
#[case::one_minute_metrics(1.0)]
#[case::twenty_second_metrics(3.0)]
fn the_load_of_a_shared_target_group_counts_once(#[case] values: f64) {
    let world = World::new();
    let web = service(&world, "min=2 max=20 rps=10");
    let other = world.scaled("other", "min=2 max=20 rps=10");
    world.alarms_on(&other, 80.0, 10.0);
    {
        let mut state = world.state_mut();
        let groups = state.services[&web].target_groups.clone();
        state.services.get_mut(&other).unwrap().target_groups = groups;
    }
    let both = |rps: f64| [(web.clone(), rps), (other.clone(), rps)];
    let pass = |rps: f64, times: usize| {
        for _ in 0..times {
            let events = world.minute_of(&both(rps), Task::default());
            for load in world.state_mut().loads.values_mut() {
                if let Some(mut newest) = load.tasks.last_entry() {
                    *newest.get_mut() *= values;
                }
            }
            for event in events {
                world.invoke(&Scale, event).unwrap().unwrap();
            }
            sweep(&world);
        }
    };
    pass(20.0, 20);
    pass(60.0, 60);
    let sum = tasks(&world, &web) + tasks(&world, &other);
    assert!((6..=7).contains(&sum), "{sum}: {:?}", world.titles());
    assert!(
        count(&world, "50 % of the requests counted - target group shared") >= 1,
        "{:?}",
        world.titles()
    );
    pass(10.0, 40);
    assert_eq!(tasks(&world, &web) + tasks(&world, &other), 4);
}

/// Two of eight tasks run, and are busy to the limit: the six that can't be placed are still wanted.
#[test]
fn tasks_that_cannot_be_placed_are_still_wanted() {
    let world = World::new();
    let arn = service(&world, "min=2 max=20 rps=off cpu=70");
    (0..20).for_each(|_| minute(&world, &arn, 80.0, Task::default()));
    let wanted = tasks(&world, &arn);
    assert!(wanted >= 6, "{wanted}");
    for _ in 0..60 {
        {
            let mut state = world.state_mut();
            let now = state.now;
            state.services.get_mut(&arn).unwrap().running_count = 2;
            let load = state.loads.get_mut(&arn).unwrap();
            load.cpu.insert(now, 99.0);
            load.tasks.insert(now, 2.0);
            state.now += SignedDuration::from_mins(1);
        }
        sweep(&world);
        assert!(tasks(&world, &arn) >= wanted, "{:?}", world.titles());
    }
}
