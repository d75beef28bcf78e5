//! Plays the past of services under Lamplighter: what it would have done in the last days. It only reads, and needs no stack.
//!
//! The real operation decides, minute by minute, on an AWS in memory that remembers what CloudWatch does. The work that was done
//! then is shared by the tasks that would have run. What CloudWatch has forgotten is unknown and counts nowhere.

mod minutes;
mod page;
mod past;
mod play;
mod price;
mod read;
mod records;
mod render;
mod replay;
mod report;
mod select;
mod service;
mod tasks;

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::ports::capability::ReadOnly;
use lamplighter_aws::Aws;

use crate::arguments::{Output, PreviewArguments};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::failure::describe_aws_error;
use crate::init::list_service_arns;
use crate::output::print;

pub use minutes::{Minutes, Period};
pub use page::render_page;
pub use past::{Origin, Past, ServicePast, Skipped};
pub use play::{Played, play};
pub use read::{Reads, Subject, read_past};
pub use render::render_preview;
pub use replay::Conditions;
pub use report::{Report, ServiceReport, Usage};
pub use select::{Selection, select_services};

const IF_DENIED: &str =
    "Use a role that may read the account, such as one with the policy ReadOnlyAccess";
const SECONDS_PER_MINUTE: i64 = 60;
/// For a time that is further back, CloudWatch answers no value of single minutes at all. It keeps them for 15 days, of which some
/// are left for the time that reading takes.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const REMEMBERED: SignedDuration = SignedDuration::from_hours(15 * 24 - 2);
/// Minutes after its end until CloudWatch has the values of a minute.
const METRIC_DELAY: usize = 1;
/// Minutes that a decision looks back.
const LEAD: usize = 17;

/// Plays the last days of one service, or of all.
///
/// # Errors
/// [`CommandError`] if the account can't be read, there is no such service, or a tag has a mistake.
pub async fn run(
    arguments: &PreviewArguments,
    configuration: &SdkConfig,
    output: Output,
) -> Result<Exit, CommandError> {
    let days = SignedDuration::from_hours(i64::from(arguments.days) * 24);
    let period = Period::before(now(), days.min(REMEMBERED));
    let startup = arguments.startup.as_secs() + SECONDS_PER_MINUTE - 1;
    let conditions = Conditions {
        metric_delay: METRIC_DELAY,
        lead: LEAD,
        startup: usize::try_from(startup / SECONDS_PER_MINUTE).unwrap_or(usize::MAX),
    };
    let cloud: Aws<ReadOnly> = Aws::new(configuration.clone());
    let arns = list_service_arns(configuration).await?;
    let report = preview(&cloud, &arns, arguments, period, conditions).await?;
    print(output, &report, || render_preview(&report))?;
    if let Some(file) = &arguments.html {
        let written = std::fs::write(file, render_page(&report)?);
        written.map_err(|error| CommandError::Machine(format!("{}: {error}", file.display())))?;
    }
    Ok(Exit::Done)
}

/// Reads and plays the past of these services, or of the one that the arguments name.
///
/// # Errors
/// [`CommandError`] as in [`run`].
pub async fn preview<C: Reads>(
    cloud: &C,
    arns: &[Arn],
    arguments: &PreviewArguments,
    period: Period,
    conditions: Conditions,
) -> Result<Report, CommandError> {
    let fail = |error| describe_aws_error(&error, IF_DENIED);
    let services = cloud.describe_services(arns).await.map_err(fail)?;
    let selection = select_services(services, arguments)?;
    let total = selection.subjects.len();
    let past = read_past(cloud, selection.subjects, period, |read| {
        // A single service is read at once.
        if total > 1 {
            anstream::eprintln!("read {read} of {total} services");
        }
    });
    let (past, unread) = past.await.map_err(fail)?;
    let played = play(past, conditions).await;
    let played = played.map_err(|error| CommandError::Machine(error.to_string()))?;
    let skipped: Vec<Skipped> = selection.skipped.into_iter().chain(unread).collect();
    Ok(Report::new(&played, period, conditions.startup, skipped))
}

#[expect(clippy::disallowed_methods, reason = "a preview ends now")]
fn now() -> Timestamp {
    Timestamp::now()
}
