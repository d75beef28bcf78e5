//! `digest`: sends the daily report of actions and their reasons, backup ages and open incidents.
//!
//! It only reads: the journal, the incidents, the target states and the backups. The report is one
//! notification and takes the way of all others, so every configured channel can receive it.

// The function runs one invocation at a time on one thread, so futures need not be `Send`.
#![allow(async_fn_in_trait)]

mod duration;
mod handler;
mod html;
pub mod inputs;
mod lines;
mod pages;
mod query;
mod reads;
pub mod report;
mod restore;
pub mod text;
pub mod widget;
mod window;

use std::rc::Rc;

use lamplighter::engine::Invocation;
use lamplighter::ports::capability::ReadOnly;
use lamplighter_aws::lambda;
use lamplighter_aws::{Aws, CostExplorer, DynamoLedger, NotificationQueue, build_sdk_config};

pub use handler::Digest;
pub use window::Window;

/// Runs the Lambda function; `main` only calls it.
///
/// # Errors
/// [`lambda::Failure`] if the process cannot start.
pub fn serve() -> Result<(), lambda::StartupError> {
    lambda::serve_handler(|defaults| {
        defaults.require_parts(&["table", "notices", "topic"])?;
        let config = build_sdk_config()?;
        let digest = Rc::new(Digest {
            cloud: Aws::<ReadOnly>::new(config.clone()),
            ledger: DynamoLedger::new(config.clone(), &defaults.table),
            costs: CostExplorer::new(config.clone()),
            outbox: NotificationQueue::new(config, &defaults.notices),
            defaults,
            clock: Box::new(lambda::read_clock),
        });
        Ok(move |payload, run: Invocation| {
            let digest = Rc::clone(&digest);
            async move { digest.handle_request(&payload, &run.function_arn).await }
        })
    })
}
