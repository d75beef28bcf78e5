//! The real `scale` with services that work through a queue, and with windows in which a service may stop.

use e2e::testkit::world::load::Task;
use e2e::testkit::world::{Fault, World};
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::notify::Severity;
use proptest::prelude::*;
use rstest::rstest;
use scale::Scale;

const QUEUE: &str = "jobs";
/// Messages that one task finishes in a minute.
const RATE: f64 = 60.0;

/// A worker of the queue with this tag.
fn worker(scale: &str) -> (World, Arn) {
    let world = World::new();
    let arn = world.worker("worker", scale, QUEUE, RATE);
    (world, arn)
}

fn tasks(world: &World, service: &Arn) -> i32 {
    world.state().services[service].desired_count
}

fn waiting(world: &World) -> f64 {
    world.state().queues[QUEUE].waiting
}

/// So many minutes with so many messages each; `scale` looks after each.
fn work(world: &World, service: &Arn, sent: f64, minutes: u32) {
    for _ in 0..minutes {
        world.work_a_minute(service, QUEUE, sent);
        world.sweep(&Scale).unwrap().unwrap();
    }
}

fn told(world: &World, severity: Severity) -> Vec<String> {
    let state = world.state();
    let notices = state.notices.iter();
    notices
        .filter(|notice| notice.message.severity == severity)
        .map(|notice| notice.message.title.clone())
        .collect()
}

#[test]
fn an_idle_worker_stops_and_starts_with_the_first_message() {
    let (world, arn) = worker("min=0 max=20 queue=jobs latency=60s");
    work(&world, &arn, 30.0, 20);
    assert_eq!(tasks(&world, &arn), 1);
    work(&world, &arn, 0.0, 17);
    assert_eq!(tasks(&world, &arn), 0, "{:?}", world.titles());
    // Nothing runs, and nothing is asked of CloudWatch's old data.
    work(&world, &arn, 0.0, 60);
    assert_eq!(tasks(&world, &arn), 0);
    assert_eq!(told(&world, Severity::Warning), Vec::<String>::new());
    // CloudWatch reports nothing of a queue that was idle for hours. The queue itself does.
    world
        .state_mut()
        .queues
        .get_mut(QUEUE)
        .unwrap()
        .is_unmeasured = true;
    work(&world, &arn, 3.0, 1);
    assert_eq!(tasks(&world, &arn), 1, "{:?}", world.titles());
    let titles = told(&world, Severity::Info);
    assert_eq!(
        titles,
        ["stopped - nothing to do", "started again with 1 task"]
    );
}

/// A burst is worked off within its latency, apart from the time until tasks run, and the workers go again.
#[rstest]
#[case::known_rate(true)]
#[case::first_burst(false)]
fn a_burst_is_worked_off(#[case] is_rate_known: bool) {
    let (world, arn) = worker("min=1 max=20 queue=jobs latency=2m");
    if is_rate_known {
        work(&world, &arn, 2.0 * RATE, 10);
    }
    work(&world, &arn, 1_800.0, 1);
    let mut minutes = 0;
    while waiting(&world) >= 1.0 && minutes < 60 {
        work(&world, &arn, 0.0, 1);
        minutes += 1;
    }
    let bound = if is_rate_known { 6 } else { 12 };
    assert!(minutes <= bound, "{minutes} minutes: {:?}", world.titles());
    work(&world, &arn, 0.0, 40);
    assert_eq!(tasks(&world, &arn), 1);
}

/// Steady work needs the tasks that keep up with it, not more.
#[rstest]
#[case(30.0, 1, 0.0)]
#[case(150.0, 3, 0.0)]
#[case(150.0, 3, 8.0)]
#[case(590.0, 10, 0.0)]
#[case(590.0, 10, 40.0)]
fn steady_work_has_as_many_tasks_as_it_needs(
    #[case] sent: f64,
    #[case] needed: i32,
    #[case] residue: f64,
) {
    let (world, arn) = worker("min=1 max=20 queue=jobs latency=60s");
    world.state_mut().queues.get_mut(QUEUE).unwrap().residue = residue;
    work(&world, &arn, sent, 90);
    let count = tasks(&world, &arn);
    assert!(
        (needed..=needed + 2).contains(&count),
        "{count} for {needed}: {:?}",
        world.titles()
    );
    assert!(waiting(&world) <= sent, "{} wait", waiting(&world));
}

/// Workers that finish nothing aren't helped by more of them.
#[test]
fn a_stuck_queue_adds_no_tasks_and_is_told() {
    let (world, arn) = worker("min=1 max=20 queue=jobs latency=60s");
    work(&world, &arn, 120.0, 15);
    let before = tasks(&world, &arn);
    world.state_mut().queues.get_mut(QUEUE).unwrap().rate = 0.0;
    work(&world, &arn, 120.0, 40);
    assert!(
        tasks(&world, &arn) <= before + 5,
        "{} after {before}",
        tasks(&world, &arn)
    );
    let warnings = told(&world, Severity::Warning);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].ends_with("messages wait in queue jobs, and none is finished"),
        "{warnings:?}"
    );
    world.state_mut().queues.get_mut(QUEUE).unwrap().rate = RATE;
    work(&world, &arn, 0.0, 5);
    let titles = told(&world, Severity::Info);
    let is_end = |title: &String| title == "queue jobs: messages are finished again";
    assert!(titles.iter().any(is_end), "{titles:?}");
}

/// More tasks don't help a FIFO queue of one message group.
#[test]
fn tasks_that_finish_no_more_are_not_added_for_ever() {
    let (world, arn) = worker("min=1 max=20 queue=jobs.fifo latency=60s");
    let queue = world.state().queues[QUEUE].clone();
    world
        .state_mut()
        .queues
        .insert("jobs.fifo".to_owned(), queue);
    world
        .state_mut()
        .queues
        .get_mut("jobs.fifo")
        .unwrap()
        .is_one_group = true;
    for _ in 0..120 {
        world.work_a_minute(&arn, "jobs.fifo", 100.0);
        world.sweep(&Scale).unwrap().unwrap();
    }
    assert!(tasks(&world, &arn) <= 8, "{}", tasks(&world, &arn));
    let warnings = told(&world, Severity::Warning);
    let about = |warning: &&String| {
        warning.starts_with("more tasks finish no more messages of queue jobs.fifo")
    };
    assert_eq!(warnings.iter().filter(about).count(), 1, "{warnings:?}");
    for _ in 0..300 {
        world.work_a_minute(&arn, "jobs.fifo", 0.0);
        world.sweep(&Scale).unwrap().unwrap();
    }
    assert_eq!(tasks(&world, &arn), 1);
    let ends = told(&world, Severity::Info);
    let is_end = |title: &String| title == "queue jobs.fifo: messages no longer pile up";
    assert!(ends.iter().any(is_end), "{ends:?}");
}

/// Late metrics are not zero load.
#[test]
fn metrics_that_are_late_take_no_task_away() {
    let (world, arn) = worker("min=1 max=20 queue=jobs latency=60m");
    work(&world, &arn, 590.0, 60);
    let before = tasks(&world, &arn);
    assert!(before >= 8, "{before}");
    {
        let mut state = world.state_mut();
        state.queues.get_mut(QUEUE).unwrap().is_unmeasured = true;
        state.loads.clear();
    }
    for _ in 0..30 {
        world.work_a_minute(&arn, QUEUE, 590.0);
        world.state_mut().loads.clear();
        world.sweep(&Scale).unwrap().unwrap();
    }
    assert!(tasks(&world, &arn) >= before, "{}", tasks(&world, &arn));
}

/// Jobs of half an hour: a worker with one in hand isn't stopped, however many there are.
#[test]
fn long_jobs_are_not_killed_and_not_called_stuck() {
    let (world, arn) = worker("min=0 max=20 queue=jobs latency=60m");
    {
        let mut state = world.state_mut();
        let queue = state.queues.get_mut(QUEUE).unwrap();
        (queue.rate, queue.visibility_timeout) = (0.1, 1_800);
    }
    work(&world, &arn, 1.0, 60);
    let count = tasks(&world, &arn);
    assert!(count >= 5, "{count}: {:?}", world.titles());
    {
        let mut state = world.state_mut();
        let queue = state.queues.get_mut(QUEUE).unwrap();
        (queue.waiting, queue.in_progress) = (0.0, u64::try_from(count).unwrap());
    }
    work(&world, &arn, 0.0, 60);
    assert_eq!(tasks(&world, &arn), count);
    assert_eq!(told(&world, Severity::Warning), Vec::<String>::new());
    world.state_mut().queues.get_mut(QUEUE).unwrap().in_progress = 0;
    work(&world, &arn, 0.0, 20);
    assert_eq!(tasks(&world, &arn), 0);
}

/// What an idle worker uses of CPU and memory is no work.
#[rstest]
#[case("min=0 max=20 queue=jobs cpu=70")]
#[case("min=0 max=20 queue=jobs memory=80")]
fn an_idle_worker_stops_whatever_else_it_is_scaled_by(#[case] scale: &str) {
    let (world, arn) = worker(scale);
    work(&world, &arn, 30.0, 20);
    work(&world, &arn, 0.0, 40);
    assert_eq!(tasks(&world, &arn), 0, "{:?}", world.sweep(&Scale));
}

/// Somebody looks into a worker that was stopped: it runs on for two hours.
#[test]
fn a_worker_that_a_person_starts_runs_on_for_a_while() {
    let (world, arn) = worker("min=0 max=20 queue=jobs");
    work(&world, &arn, 0.0, 40);
    assert_eq!(tasks(&world, &arn), 0);
    set_count(&world, &arn, 1);
    work(&world, &arn, 0.0, 115);
    assert_eq!(tasks(&world, &arn), 1);
    work(&world, &arn, 0.0, 10);
    assert_eq!(tasks(&world, &arn), 0);
}

/// A message that is delayed starts nothing before it can be received.
#[test]
fn a_delayed_message_starts_nothing_before_its_time() {
    let (world, arn) = worker("min=0 max=20 queue=jobs");
    work(&world, &arn, 0.0, 40);
    {
        let mut state = world.state_mut();
        let now = state.now;
        let queue = state.queues.get_mut(QUEUE).unwrap();
        queue.delayed = 1;
        queue
            .measured
            .sent
            .insert(now - SignedDuration::from_mins(1), 1.0);
    }
    world.sweep(&Scale).unwrap().unwrap();
    assert_eq!(tasks(&world, &arn), 0);
}

#[test]
fn a_queue_that_does_not_exist_changes_nothing_and_is_told_until_it_does() {
    let (world, arn) = worker("min=1 max=20 queue=job");
    work(&world, &arn, 600.0, 10);
    assert_eq!(tasks(&world, &arn), 2);
    assert_eq!(
        told(&world, Severity::Warning),
        ["2 tasks kept - no queue job"]
    );
    work(&world, &arn, 600.0, 30);
    assert_eq!(told(&world, Severity::Warning).len(), 1);
    let queue = world.state().queues[QUEUE].clone();
    world.state_mut().queues.insert("job".to_owned(), queue);
    world.sweep(&Scale).unwrap().unwrap();
    let titles = told(&world, Severity::Info);
    assert!(
        titles.contains(&"queue job: found".to_owned()),
        "{titles:?}"
    );
}

/// A worker that has a message in hand for half an hour is not stopped.
#[test]
fn a_worker_is_not_stopped_while_it_has_a_message_in_hand() {
    let (world, arn) = worker("min=0 max=20 queue=jobs");
    work(&world, &arn, 30.0, 5);
    world.state_mut().queues.get_mut(QUEUE).unwrap().in_progress = 1;
    work(&world, &arn, 0.0, 40);
    assert_eq!(tasks(&world, &arn), 1);
    world.state_mut().queues.get_mut(QUEUE).unwrap().in_progress = 0;
    work(&world, &arn, 0.0, 1);
    assert_eq!(tasks(&world, &arn), 0);
}

/// What a person stopped stays stopped, whatever waits.
#[test]
fn a_worker_that_a_person_stopped_stays_stopped() {
    let (world, arn) = worker("min=0 max=20 queue=jobs");
    work(&world, &arn, 30.0, 5);
    stop_by_hand(&world, &arn);
    work(&world, &arn, 600.0, 30);
    assert_eq!(tasks(&world, &arn), 0);
}

/// Somebody sets the desired count.
fn set_count(world: &World, service: &Arn, count: i32) {
    let mut state = world.state_mut();
    state.services.get_mut(service).unwrap().desired_count = count;
}

fn stop_by_hand(world: &World, service: &Arn) {
    let mut state = world.state_mut();
    let service = state.services.get_mut(service).unwrap();
    (service.desired_count, service.running_count) = (0, 0);
}

#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::killed(Fault::Killed)]
#[case::answer_lost(Fault::AnswerLost)]
fn a_failed_call_only_delays_the_start(#[case] fault: Fault) {
    for call in ["GetQueueAttributes", "UpdateService", "Conclude"] {
        let (world, arn) = worker("min=0 max=20 queue=jobs");
        work(&world, &arn, 0.0, 20);
        assert_eq!(tasks(&world, &arn), 0);
        world.inject_fault(call, fault);
        for _ in 0..4 {
            world.work_a_minute(&arn, QUEUE, 5.0);
            let _ = world.sweep(&Scale);
        }
        assert!(tasks(&world, &arn) >= 1, "{call}");
    }
}

/// A web service with a window in which it may stop: Saturday and Sunday. The simulated clock starts on a Saturday at 03:00.
fn with_weekend() -> (World, Arn) {
    let world = World::new();
    let arn = world.scaled("web", "min=2 max=8");
    let tag = ("lamplighter:schedule", "sat-sun 04:00-24:00 min=0");
    let mut state = world.state_mut();
    let tags = state.tags.entry(arn.clone()).or_default();
    tags.insert(tag.0.to_owned(), tag.1.to_owned());
    drop(state);
    (world, arn)
}

/// So many minutes under so many requests a second. A service without tasks measures nothing.
fn serve(world: &World, service: &Arn, rps: f64, minutes: usize) {
    for _ in 0..minutes {
        if tasks(world, service) > 0 {
            world.minute(service, rps, Task::default());
        } else {
            world.advance(SignedDuration::from_mins(1));
            world
                .state_mut()
                .services
                .get_mut(service)
                .unwrap()
                .running_count = 0;
        }
        world.sweep(&Scale).unwrap().unwrap();
    }
}

#[test]
fn a_service_stops_in_its_window_and_runs_again_at_its_end() {
    let (world, arn) = with_weekend();
    let start = world.state().now;
    assert_eq!(start.to_string(), "2026-11-21T03:00:00Z");
    serve(&world, &arn, 0.0, 59);
    assert_eq!(tasks(&world, &arn), 2);
    serve(&world, &arn, 0.0, 3);
    assert_eq!(tasks(&world, &arn), 0, "{:?}", world.titles());
    serve(&world, &arn, 0.0, 20 * 60 - 5);
    assert_eq!(tasks(&world, &arn), 0);
    // Between the windows of both days, it runs.
    serve(&world, &arn, 0.0, 6);
    assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
    assert_eq!(told(&world, Severity::Warning), Vec::<String>::new());
}

#[test]
fn a_service_that_is_called_does_not_stop_in_its_window() {
    let (world, arn) = with_weekend();
    serve(&world, &arn, 1.0, 120);
    assert_eq!(tasks(&world, &arn), 2);
    serve(&world, &arn, 0.0, 17);
    assert_eq!(tasks(&world, &arn), 0);
}

/// Somebody needs it on a Saturday: it runs on for two hours, whatever the window says.
#[test]
fn what_a_person_starts_in_the_window_runs_on_for_a_while() {
    let (world, arn) = with_weekend();
    serve(&world, &arn, 0.0, 70);
    assert_eq!(tasks(&world, &arn), 0);
    set_count(&world, &arn, 2);
    serve(&world, &arn, 0.0, 110);
    assert_eq!(tasks(&world, &arn), 2);
    serve(&world, &arn, 0.0, 15);
    assert_eq!(tasks(&world, &arn), 0, "{:?}", world.titles());
}

/// A second window that wants tasks holds the service, even if it wants no more than the tag.
#[test]
fn a_second_window_that_wants_tasks_holds_the_service() {
    let (world, arn) = with_weekend();
    let window = ("lamplighter:schedule.2", "sat 06:00-08:00 min=1");
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(&arn).unwrap();
    tags.insert(window.0.to_owned(), window.1.to_owned());
    drop(state);
    serve(&world, &arn, 0.0, 120);
    assert_eq!(tasks(&world, &arn), 0);
    serve(&world, &arn, 0.0, 65);
    assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
    serve(&world, &arn, 0.0, 120);
    assert_eq!(tasks(&world, &arn), 0);
}

#[test]
fn a_service_that_loses_its_tag_while_stopped_is_told() {
    let (world, arn) = with_weekend();
    serve(&world, &arn, 0.0, 70);
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .retain(|key, _| key == "lamplighter:managed");
    world.sweep(&Scale).unwrap().unwrap();
    assert_eq!(
        told(&world, Severity::Warning),
        ["0 tasks desired - no longer scaled"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever arrives and whoever acts: the bounds hold, what waits is worked off, and an idle worker stops.
    #[test]
    fn bounds_hold_and_work_is_done(
        loads in prop::collection::vec((0.0..1_500.0_f64, 1..30_u32), 1..6),
        min in 0..3_u32,
        rate in 5.0..400.0_f64,
    ) {
        let world = World::new();
        let scale = format!("min={min} max=12 queue=jobs latency=2m");
        let arn = world.worker("worker", &scale, QUEUE, rate);
        let start: Timestamp = world.state().now;
        for (sent, minutes) in loads {
            work(&world, &arn, sent, minutes);
            let count = tasks(&world, &arn);
            prop_assert!((0..=12).contains(&count));
        }
        // Nothing more arrives: the backlog ends at the latest when twelve tasks have worked it off.
        let longest = waiting(&world) / (12.0 * rate) + 40.0;
        let mut minutes = 0.0;
        while waiting(&world) >= 1.0 && minutes < longest {
            work(&world, &arn, 0.0, 1);
            minutes += 1.0;
        }
        prop_assert!(waiting(&world) < 1.0, "{} wait after {minutes} minutes", waiting(&world));
        work(&world, &arn, 0.0, 60);
        prop_assert_eq!(tasks(&world, &arn), i32::try_from(min).unwrap(), "since {}: {:?}", start, world.titles());
    }
}
