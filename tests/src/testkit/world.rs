//! The simulated world: an in-memory AWS with a virtual clock, in which real operations run.
//!
//! It implements the engine's three ports. Calls fail as a test says: throttled, with their answer lost
//! after they took effect, or with the function killed in the middle of them.

mod backups;
mod cloud;
mod codedeploy;
mod databases;
pub mod ecs;
mod executor;
mod ledger;
pub mod load;
mod logs;
mod monitoring;
mod one_off_tasks;
mod probes;
pub mod queue;
mod queues;
mod releases;
mod rewording;
mod state;
pub mod tasks;

use std::cell::{Ref, RefCell, RefMut};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Engine, Invocation, Observe, PauseCache};
use lamplighter::model::{Arn, Digest, Service};
use lamplighter::notify::Severity;
use lamplighter::policy::StackDefaults;
use lamplighter::{AwsError, Error};
use serde_json::{Value, json};

pub use state::{Deployed, End, Fault, Held, Pushed, State};

/// When every world begins.
pub const BEGINNING: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// A handle on one world; clones share it.
#[derive(Debug, Clone, Default)]
pub struct World(Rc<RefCell<State>>);

impl World {
    #[must_use]
    pub fn new() -> Self {
        let world = Self::default();
        world.state_mut().now = BEGINNING;
        world.state_mut().snapshots_allowed = 100;
        world
    }

    #[must_use]
    pub fn state(&self) -> Ref<'_, State> {
        self.0.borrow()
    }

    #[must_use]
    pub fn state_mut(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    pub fn advance(&self, time: SignedDuration) {
        self.state_mut().now += time;
    }

    /// The next call of this name fails in this way.
    pub fn inject_fault(&self, call: &'static str, fault: Fault) {
        self.state_mut().faults.push_back((call, fault));
    }

    /// Makes a service with one container, on X86_64, settled on `repository:tag`.
    pub fn service(&self, name: &str, repository: &str, tag: &str, deploy: &str) -> Arn {
        let arn = Arn::new(format!(
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}"
        ));
        let mut state = self.state_mut();
        let definition = state.register(
            &format!("shop-{name}"),
            &format!("{HOST}/{repository}:{tag}"),
        );
        let service = Service::new_rolling(arn.clone(), 2);
        state.services.insert(arn.clone(), service);
        state.deploy(&arn, &definition);
        state.settle(&arn);
        let tags = [
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", deploy),
        ];
        state.tags.insert(
            arn.clone(),
            tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        arn
    }

    /// `shop/web`, on `shop/web:RC_1.0.0`, which follows `RC_x.x.x`.
    pub fn web(&self) -> Arn {
        self.service("web", "shop/web", "RC_1.0.0", "tag=RC_x.x.x repo=shop/web")
    }

    /// The titles of all notices so far that are not muted.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        let state = self.state();
        let heard = state
            .notices
            .iter()
            .filter(|notice| notice.silenced_until.is_none());
        heard.map(|notice| notice.message.title.clone()).collect()
    }

    /// Whether nothing is left to do: every intent has an outcome, and every lease was freed or has expired, as that of a
    /// killed function does.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let state = self.state();
        let is_free = |lease: &Option<(String, Timestamp)>| {
            lease.as_ref().is_none_or(|(_, until)| *until <= state.now)
        };
        let mut held = state.held.values();
        held.all(|held| is_free(&held.lease) && held.memory.pending.is_empty())
    }

    /// The minutes from a time until the first notification of at least this severity.
    #[must_use]
    pub fn minutes_until_word(&self, from: Timestamp, severity: Severity) -> Option<i64> {
        let state = self.state();
        let mut later = state.notices.iter().filter(|notice| notice.at >= from);
        later
            .find(|notice| notice.message.severity >= severity)
            .map(|notice| notice.at.duration_since(from).as_mins())
    }

    /// A minute in which this is measured. Answers the events of alarms that change.
    pub fn measure_minute(&self, metric: &str, target: &str, value: f64) -> Vec<Value> {
        let mut state = self.state_mut();
        let minute = state.now;
        let key = (metric.to_owned(), target.to_owned());
        state.measured.entry(key).or_default().insert(minute, value);
        state.now += SignedDuration::from_mins(1);
        state.evaluate_alarms()
    }

    /// This is measured in each of the next minutes.
    pub fn measure_ahead(&self, metric: &str, target: &str, value: f64, minutes: u32) {
        let mut state = self.state_mut();
        let begin = state.now;
        let series = state
            .measured
            .entry((metric.to_owned(), target.to_owned()))
            .or_default();
        series.extend((0..minutes).map(|n| (begin + SignedDuration::from_mins(n.into()), value)));
    }

    /// How often a call was made.
    #[must_use]
    pub fn count(&self, call: &str) -> usize {
        self.state()
            .calls
            .iter()
            .filter(|made| made.starts_with(call))
            .count()
    }

    /// Pushes an image and answers the event of it.
    pub fn push(&self, repository: &str, tag: &str, content: u64) -> Value {
        let mut state = self.state_mut();
        let digest = Digest::new(format!("sha256:{content:064x}"));
        let now = state.now;
        state.images.insert(
            (repository.to_owned(), tag.to_owned()),
            (digest.clone(), None, now),
        );
        json!({
            "version": "0", "id": format!("push-{repository}-{tag}-{content}"), "detail-type": "ECR Image Action",
            "source": "aws.ecr", "account": "123456789012", "time": now.to_string(), "region": "eu-west-1", "resources": [],
            "detail": {
                "action-type": "PUSH", "result": "SUCCESS", "repository-name": repository,
                "image-tag": tag, "image-digest": digest.as_str(),
                "manifest-media-type": "application/vnd.oci.image.index.v1+json",
            }
        })
    }

    /// Runs one invocation. `None` where the function was killed.
    ///
    /// # Panics
    /// Where there is no runtime to run it in.
    pub fn invoke<Op: Observe<World, World>>(
        &self,
        op: &Op,
        payload: Value,
    ) -> Option<Result<Value, Error>> {
        self.invoke_with(op, payload, StackDefaults::default())
    }

    /// Runs one invocation under other defaults. `None` where the function was killed.
    ///
    /// # Panics
    /// Where there is no runtime to run it in.
    pub fn invoke_with<Op: Observe<World, World>>(
        &self,
        op: &Op,
        payload: Value,
        defaults: StackDefaults,
    ) -> Option<Result<Value, Error>> {
        let clock = self.clone();
        let engine = Engine {
            cloud: self.clone(),
            ledger: self.clone(),
            outbox: self.clone(),
            defaults,
            clock: Box::new(move || clock.state().now),
            metrics: |_| {},
            pauses: PauseCache::default(),
        };
        let (request_id, deadline) = {
            let mut state = self.state_mut();
            state.next_request += 1;
            (
                format!("request-{}", state.next_request),
                state.now + SignedDuration::from_mins(5),
            )
        };
        let run = Invocation {
            request_id,
            function_arn: String::new(),
            deadline,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            // Nothing here ever waits, so a future that is not ready was killed.
            let mut handled = pin!(engine.handle_payload(op, payload, &run));
            poll_fn(|context| {
                Poll::Ready(match handled.as_mut().poll(context) {
                    Poll::Ready(result) => Some(result),
                    Poll::Pending => None,
                })
            })
            .await
        })
    }

    /// Runs what is not an operation, to its end.
    ///
    /// # Panics
    /// Where no runtime can be made.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(work)
    }

    /// Runs the operation's sweep.
    pub fn sweep<Op: Observe<World, World>>(&self, op: &Op) -> Option<Result<Value, Error>> {
        self.invoke(op, sweep())
    }

    /// The image of a service's newest deployment.
    #[must_use]
    pub fn image_of(&self, service: &Arn) -> String {
        let state = self.state();
        let arn = &state.services[service].task_definition;
        let definition = state.definitions.iter().find(|d| d.arn() == arn);
        definition
            .and_then(|d| d.containers().next().map(|c| c.image.to_owned()))
            .unwrap_or_default()
    }

    /// Notes a call and meets what was ordered for it.
    async fn call(&self, call: &'static str, target: &str) -> Result<bool, AwsError> {
        let fault = {
            let mut state = self.state_mut();
            state.calls.push(format!("{call} {target}"));
            let at = state.faults.iter().position(|(name, _)| *name == call);
            at.and_then(|at| state.faults.remove(at))
                .map(|(_, fault)| fault)
        };
        match fault {
            None => Ok(true),
            Some(Fault::AnswerLost) => Ok(false),
            Some(Fault::Throttled) => {
                Err(error(call, target, "ThrottlingException", "Rate exceeded"))
            }
            Some(Fault::Killed) => {
                std::future::pending::<()>().await;
                Ok(true)
            }
        }
    }

    /// As many calls as a list of this length fills pages.
    async fn pages(
        &self,
        call: &'static str,
        about: &str,
        items: usize,
        per_page: usize,
    ) -> Result<(), AwsError> {
        for _ in 0..items.div_ceil(per_page).max(1) {
            self.call(call, about).await?;
        }
        Ok(())
    }
}

/// The event of a schedule.
#[must_use]
pub fn sweep() -> Value {
    json!({"version": "0", "id": "sweep", "detail-type": "Scheduled Event", "source": "aws.events",
           "account": "123456789012", "region": "eu-west-1", "detail": {}})
}

fn error(call: &'static str, target: &str, code: &str, message: &str) -> AwsError {
    let refused = code != "Timeout";
    AwsError {
        call,
        target: target.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        refused,
    }
}

fn confirm_answer(was: bool, call: &'static str, target: &str) -> Result<(), AwsError> {
    if was {
        Ok(())
    } else {
        Err(error(call, target, "Timeout", "no answer came"))
    }
}
