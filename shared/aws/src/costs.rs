//! AWS Cost Explorer: costs by tag and service. Each page of results costs one cent.

use std::cell::OnceCell;
use std::time::Duration;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Expression, Granularity, GroupDefinition, GroupDefinitionType, ResultByTime,
    TagValues,
};
use aws_smithy_types::timeout::TimeoutConfig;
use jiff::civil::Date;

use super::Config;
use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::ports::costs::{Costs, DailyCost};

const CALL: &str = "GetCostAndUsage";
const METRIC: &str = "UnblendedCost";
/// Maximum time of one attempt, and of all attempts of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(45);

/// The costs that AWS bills, read from Cost Explorer.
pub struct CostExplorer {
    config: Config,
    client: OnceCell<Client>,
}

impl CostExplorer {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            client: OnceCell::new(),
        }
    }
}

/// Cost Explorer takes longer than other services to answer.
fn build_client(config: &Config) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let builder = aws_sdk_costexplorer::config::Builder::from(config);
    Client::from_conf(builder.timeout_config(timeouts).build())
}

impl Costs for CostExplorer {
    async fn list_costs(
        &self,
        tag: &str,
        value: Option<&str>,
        from: Date,
        to: Date,
    ) -> Result<Vec<DailyCost>, AwsError> {
        let client = self.client.get_or_init(|| build_client(&self.config));
        let span = DateInterval::builder()
            .start(from.to_string())
            .end(to.to_string())
            .build();
        let span = span.map_err(|e| incomplete_response(CALL, tag, &e.to_string()))?;
        let filter = value.map(|value| tag_filter(tag, value));
        let mut costs = Vec::new();
        let mut page = None;
        loop {
            let answer = client
                .get_cost_and_usage()
                .time_period(span.clone())
                .granularity(Granularity::Daily)
                .metrics(METRIC)
                .set_filter(filter.clone())
                .group_by(grouping(GroupDefinitionType::Tag, tag))
                .group_by(grouping(GroupDefinitionType::Dimension, "SERVICE"))
                .set_next_page_token(page)
                .send()
                .await
                .map_err(|e| aws_error(CALL, tag, &e))?;
            for day in answer.results_by_time() {
                costs.extend(
                    convert_day(day, tag)
                        .ok_or_else(|| incomplete_response(CALL, tag, "readable amounts"))?,
                );
            }
            page = answer.next_page_token;
            if page.is_none() {
                return Ok(costs);
            }
        }
    }
}

fn tag_filter(tag: &str, value: &str) -> Expression {
    let values = TagValues::builder().key(tag).values(value).build();
    Expression::builder().tags(values).build()
}

fn grouping(kind: GroupDefinitionType, key: &str) -> GroupDefinition {
    GroupDefinition::builder().r#type(kind).key(key).build()
}

/// Converts the groups of one day; returns `None` if a group or an amount is unreadable.
///
/// The keys of a group are `tag$value` and the service.
fn convert_day(day: &ResultByTime, tag: &str) -> Option<Vec<DailyCost>> {
    let date: Date = day.time_period()?.start().parse().ok()?;
    day.groups()
        .iter()
        .map(|group| {
            let [tag_value, service] = group.keys() else {
                return None;
            };
            let metric = group.metrics()?.get(METRIC)?;
            Some(DailyCost {
                day: date,
                tag_value: tag_value
                    .strip_prefix(tag)?
                    .trim_start_matches('$')
                    .to_owned(),
                service: service.clone(),
                amount: metric.amount()?.parse().ok()?,
                unit: metric.unit().unwrap_or("USD").to_owned(),
            })
        })
        .collect()
}
