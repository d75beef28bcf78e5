//! Links that were used, in the ledger's table: `pk` `links`, `sk` the link's seal, `expires`.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::failure::failure;
use super::ledger::{DynamoLedger, Item, number};
use lamplighter::AwsError;

const LINKS: &str = "links";

impl DynamoLedger {
    /// Whether a link was used.
    ///
    /// # Errors
    /// [`AwsError`] where nobody knows.
    pub async fn is_used(&self, seal: &str) -> Result<bool, AwsError> {
        let get = self
            .client()
            .get_item()
            .table_name(self.table())
            .set_key(Some(key(seal)))
            .consistent_read(true);
        let answer = get
            .send()
            .await
            .map_err(|e| failure("GetItem", LINKS, &e))?;
        Ok(answer.item.is_some())
    }

    /// Remembers that a link was used, until it is too old to be used.
    ///
    /// # Errors
    /// [`AwsError`] where it is not remembered.
    pub async fn use_up(&self, seal: &str, until: Timestamp) -> Result<(), AwsError> {
        let mut item = key(seal);
        item.insert("expires".to_owned(), number(until.as_second()));
        let put = self
            .client()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item));
        put.send()
            .await
            .map_err(|e| failure("PutItem", LINKS, &e))?;
        Ok(())
    }
}

fn key(seal: &str) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(LINKS.to_owned())),
        ("sk".to_owned(), AttributeValue::S(seal.to_owned())),
    ])
}
