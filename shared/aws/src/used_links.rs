//! Used links in the ledger's table: `pk` is `links`, `sk` is the link's signature, `expires`.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::error::aws_error;
use super::ledger::{AttributeMap, DynamoLedger, number_value};
use lamplighter::AwsError;

const PARTITION: &str = "links";

impl DynamoLedger {
    /// Reports whether a link was used already.
    ///
    /// # Errors
    /// [`AwsError`] if the table can't be read.
    pub async fn is_link_used(&self, seal: &str) -> Result<bool, AwsError> {
        let get = self
            .client()
            .get_item()
            .table_name(self.table_name())
            .set_key(Some(link_key(seal)))
            .consistent_read(true);
        let answer = get
            .send()
            .await
            .map_err(|e| aws_error("GetItem", PARTITION, &e))?;
        Ok(answer.item.is_some())
    }

    /// Records that a link was used, until the link expires.
    ///
    /// # Errors
    /// [`AwsError`] if the record was not written.
    pub async fn mark_link_used(&self, seal: &str, until: Timestamp) -> Result<(), AwsError> {
        let mut item = link_key(seal);
        item.insert("expires".to_owned(), number_value(until.as_second()));
        let put = self
            .client()
            .put_item()
            .table_name(self.table_name())
            .set_item(Some(item));
        put.send()
            .await
            .map_err(|e| aws_error("PutItem", PARTITION, &e))?;
        Ok(())
    }
}

fn link_key(seal: &str) -> AttributeMap {
    AttributeMap::from([
        ("pk".to_owned(), AttributeValue::S(PARTITION.to_owned())),
        ("sk".to_owned(), AttributeValue::S(seal.to_owned())),
    ])
}
