//! Used links in the ledger's table: `pk` is `links`, `sk` is the link's signature, `expires`.

use jiff::Timestamp;

use super::attributes::{AttributeMap, build_key, number_value};
use super::table::DynamoLedger;
use crate::error::aws_error;
use lamplighter::AwsError;

const PARTITION: &str = "links";

impl DynamoLedger {
    /// Reports whether a link was used already.
    ///
    /// # Errors
    /// [`AwsError`] if the table can't be read.
    pub async fn is_link_used(&self, signature: &str) -> Result<bool, AwsError> {
        let get = self
            .client()
            .get_item()
            .table_name(self.table_name())
            .set_key(Some(link_key(signature)))
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
    pub async fn mark_link_used(&self, signature: &str, until: Timestamp) -> Result<(), AwsError> {
        let mut item = link_key(signature);
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

fn link_key(signature: &str) -> AttributeMap {
    build_key(PARTITION, signature)
}
