//! The table of the ledger, and leases on its items.

use std::cell::OnceCell;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use super::attributes::{
    AttributeMap, integer_attribute, number_value, string_attribute, string_value,
};
use crate::Config;
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::ports::ledger::LedgerError;

/// The ledger in one DynamoDB table.
pub struct DynamoLedger {
    config: Config,
    table: String,
    client: OnceCell<Client>,
}

impl DynamoLedger {
    #[must_use]
    pub fn new(config: Config, table: impl Into<String>) -> Self {
        Self {
            config,
            table: table.into(),
            client: OnceCell::new(),
        }
    }

    /// Creates a ledger with a prebuilt client, for tests of single calls.
    #[must_use]
    pub fn with_client(client: Client, table: impl Into<String>) -> Self {
        Self {
            config: Config::builder().build(),
            table: table.into(),
            client: OnceCell::from(client),
        }
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    pub(super) fn table_name(&self) -> &str {
        &self.table
    }

    /// Leases an item to a holder and returns the item with its new `fence`.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while another holder's lease has not expired.
    pub(super) async fn lease_item(
        &self,
        key: AttributeMap,
        target: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<AttributeMap, LedgerError> {
        // The holder contains the time: an SDK retry after a lost response finds its own lease, but
        // another delivery of the same request does not.
        let holder = format!("{holder} since {now}");
        let answer = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET holder = :holder, lease_until = :until ADD fence :one")
            .condition_expression(
                "attribute_not_exists(holder) OR lease_until < :now OR holder = :holder",
            )
            .expression_attribute_values(":holder", string_value(holder))
            .expression_attribute_values(":until", number_value(until.as_millisecond()))
            .expression_attribute_values(":now", number_value(now.as_millisecond()))
            .expression_attribute_values(":one", number_value(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(answer
            .map_err(|error| lease_error(target, &error))?
            .attributes
            .unwrap_or_default())
    }
}

/// Converts the error of a lease request: held by another holder, or a failed call.
fn lease_error(target: &str, error: &SdkError<UpdateItemError>) -> LedgerError {
    let held = match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.as_ref(),
        // The holder is just writing. The SDK does not retry this.
        // Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
        Some(UpdateItemError::TransactionConflictException(_)) => None,
        _ => return aws_error("UpdateItem", target, error).into(),
    };
    let holder = held
        .and_then(|item| string_attribute(item, "holder"))
        .unwrap_or("another invocation")
        .to_owned();
    let until = held
        .and_then(|item| integer_attribute(item, "lease_until"))
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    LedgerError::Busy {
        holder,
        until: until.map_or("its lease ends".to_owned(), |t| t.to_string()),
    }
}

/// Returns the error for a transaction item that the SDK did not build.
pub fn build_error(target: &str, error: &impl std::fmt::Display) -> AwsError {
    AwsError {
        call: "TransactWriteItems",
        target: target.to_owned(),
        code: "RequestError".to_owned(),
        message: error.to_string(),
        refused: true,
    }
}
