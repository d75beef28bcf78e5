//! Renders answers of the stack as text for people. Pure.

mod explanation;
mod lists;
mod status;
pub(crate) mod table;
pub(crate) mod time;
mod timeline;

pub use explanation::{describe_mode, format_line, render_explanation};
pub use lists::{list_incidents, render_findings, render_incidents, render_releases};
pub use status::render_status;
pub use table::{build_table, format_table};
pub use timeline::render_timeline;
