//! Finds memory that rises while the load doesn't.

use lamplighter::model::Series;

/// Minutes of memory that show a leak.
const LEAK_MINUTES: f64 = 10.0;
/// The rise over them, in percentage points, that is more than noise.
const LEAK_RISE: f64 = 1.5;

/// Returns by how many percentage points a utilization rises in a minute, by the line of least squares through the last minutes;
/// `None` unless it clearly rises.
pub fn measure_rise(series: &Series) -> Option<f64> {
    let points: Vec<(f64, f64)> = (0..).map(f64::from).zip(series.values().copied()).collect();
    let count = u32::try_from(points.len()).map(f64::from).ok()?;
    if count < LEAK_MINUTES {
        return None;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        let terms = points.iter().map(|(x, y)| of(x - x_mean, y - y_mean));
        terms.sum()
    };
    let slope = sum(&|x, y| x * y) / sum(&|x, _| x * x);
    let residual = sum(&|x, y| (y - slope * x).powi(2)) / count;
    let rise = slope * count;
    (rise >= LEAK_RISE && rise > residual.sqrt() * 3.0).then_some(slope)
}
