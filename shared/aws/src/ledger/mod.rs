//! The ledger: one DynamoDB table.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | target ARN | `state` | `holder`, `lease_until` (ms), `fence`, `memory` (JSON), `watched`, `watchers`, `expires` |
//! | target ARN | time `#` event `#` operation `#` kind | one journal record: `day`, `record` (JSON), `expires` |
//!
//! `incidents.rs` stores the incidents in the same table, `used_links.rs` the used links.
//!
//! The index `by-day` (`day`, `sk`) lists the records of all targets in the order of their writes.
//! The index `watched` (`watched`, `pk`) is the watch list: the targets that a sweep must reconcile
//! again. `watched` is `yes` or absent, so that other targets are not in the index. `watchers`
//! names the operations.
//! `expires` (s) is the table's TTL attribute.

mod attributes;
mod incident_items;
mod incidents;
mod journal;
mod table;
mod targets;
mod used_links;

pub use table::DynamoLedger;
