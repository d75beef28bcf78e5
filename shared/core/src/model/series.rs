//! Values over time.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Values of one metric by the start of each minute. A minute without data is absent.
pub type Series = BTreeMap<Timestamp, f64>;
