//! All that a page is made of, as AWS and the ledger say it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database, Snapshot, Tagged};
use lamplighter::notify::incident::Incident;
use lamplighter::policy::{APP, MANAGED, StackDefaults};
use lamplighter::ports::cloud::{Cloud, Kind, Which};
use lamplighter::ports::costs::Spent;
use lamplighter::ports::ledger::{History, Record};
use lamplighter::state::Memory;

use crate::Window;

#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The journal of the day.
    pub records: Vec<Record>,
    pub incidents: Vec<Incident>,
    /// All that is managed, and what is remembered of it.
    pub services: Vec<(Tagged, Memory)>,
    pub databases: Vec<(Tagged, Memory)>,
    /// What AWS says of these databases, and all snapshots.
    pub described: Vec<Database>,
    pub snapshots: Vec<Snapshot>,
    /// What each application cost, and the stack itself, in the days before the end of the page; `None` where nobody asks,
    /// or why it is not known.
    pub costs: Option<Result<Costs, String>>,
}

/// Eight days of costs: the last one and the seven before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    pub last: Date,
    pub by_app: Vec<Spent>,
    pub own: Vec<Spent>,
}

/// The tag by which CloudFormation marks what is of a stack.
const OF_STACK: &str = "aws:cloudformation:stack-name";

impl Found {
    /// Reads all of it.
    ///
    /// # Errors
    /// [`AwsError`] for the first thing that can't be read: a page with something left out would lie.
    pub async fn read<C: Cloud, L: History, M: lamplighter::ports::costs::Costs>(
        (cloud, ledger, costs): (&C, &L, &M),
        window: &Window,
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Self, AwsError> {
        let services = remembered(ledger, cloud.tagged(Kind::Service, MANAGED).await?).await?;
        let databases =
            remembered(ledger, cloud.tagged(Kind::DatabaseOrCache, MANAGED).await?).await?;
        let arns: Vec<Arn> = databases
            .iter()
            .map(|(tagged, _)| tagged.arn.clone())
            .collect();
        let (caches, instances): (Vec<Arn>, Vec<Arn>) = arns.into_iter().partition(Arn::is_cache);
        let (mut described, mut snapshots) = (Vec::new(), Vec::new());
        if !instances.is_empty() {
            described.extend(cloud.databases(&instances).await?);
            snapshots.extend(cloud.snapshots(None, Which::All).await?);
        }
        if !caches.is_empty() {
            described.extend(cloud.caches(&caches).await?);
            snapshots.extend(cloud.cache_snapshots(Which::All).await?);
        }
        Ok(Self {
            records: ledger.records(window.from, window.to.min(now)).await?,
            incidents: ledger.incidents(window.from, window.to.min(now)).await?,
            services,
            databases,
            described,
            snapshots,
            costs: if defaults.costs {
                Some(spent(costs, &defaults.stack, window.to.min(now)).await)
            } else {
                None
            },
        })
    }
}

/// Costs are good to know: that they are not there is said, and the rest of the page is told.
async fn spent<M: lamplighter::ports::costs::Costs>(
    costs: &M,
    stack: &str,
    end: Timestamp,
) -> Result<Costs, String> {
    let today = end.to_zoned(TimeZone::UTC).date();
    let from = today.saturating_sub(8.days());
    let by = async |tag: &str, value| {
        costs
            .spent(tag, value, from, today)
            .await
            .map_err(|error| error.code)
    };
    let (by_app, own) = (by(APP, None).await?, by(OF_STACK, Some(stack)).await?);
    Ok(Costs {
        last: today.saturating_sub(1.day()),
        by_app,
        own,
    })
}

async fn remembered<L: History>(
    ledger: &L,
    all: Vec<Tagged>,
) -> Result<Vec<(Tagged, Memory)>, AwsError> {
    let mut both = Vec::new();
    for tagged in all {
        let memory = ledger.memory(&tagged.arn).await?;
        both.push((tagged, memory));
    }
    both.sort_by_key(|(tagged, _)| tagged.arn.name());
    Ok(both)
}
