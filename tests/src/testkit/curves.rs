//! Load over hours, and how well followers of it do at equal cost: the real `scale` in the simulated world, target tracking and
//! step scaling of Application Auto Scaling, the Kubernetes HPA, and a floor that is learned from earlier days.
//!
//! `cargo curves` prints the tables and draws the charts.

#![allow(clippy::cast_precision_loss, reason = "a few thousand minutes")]

mod baselines;
pub mod chart;
mod comparison;
mod ours;
mod shapes;
mod simulation;
mod table;
mod traces;

pub use comparison::{Baseline, Comparison, Frontier, Reading};
pub use ours::Ours;
pub use shapes::{Curve, curves};
pub use simulation::{Conditions, Followed, Measure, follow, needed};
pub use table::build_table;
pub use traces::read_traces;

/// Requests per second that one task serves.
pub const RPS: f64 = 10.0;
pub const MIN: u32 = 2;
pub const MAX: u32 = 40;
