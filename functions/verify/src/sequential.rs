//! Sequential test of whether the new revision is worse than the old one. It is evaluated every
//! minute; its error rates hold however often that is.
//!
//! The two revisions carry traffic in the same minutes, so a shared cause (a slow database) counts
//! against neither. For each minute both tests multiply an *e-variable*: a bet that on average
//! gains nothing while its hypothesis holds. By Ville's inequality the product then exceeds `1/α`
//! with a probability of at most `α`, at whatever minute one stops.
//!
//! - *Worse*: bets against "the new one fails no more often than the old one".
//! - *No worse*: bets against "the new one fails more often, by at least the margin".
//!
//! Source: R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample tests
//! that allow for optional stopping", Journal of Statistical Planning and Inference 230 (2024),
//! <https://arxiv.org/abs/2106.02693>. The assumptions, and how both rates were tested, are in
//! `docs/releases.md`.

use serde::Serialize;

/// Maximum probability of rolling back a release that is no worse: half of it for errors, half for
/// latency.
pub const FALSE_ALARM_RATE: f64 = 0.01;
/// Maximum probability of passing a step with a release that is worse by at least the margin.
pub const MISS_RATE: f64 = 0.05;
/// The smallest increase of the error rate that counts, as a fraction of requests.
pub const MARGIN: f64 = 0.02;
/// Differences of error rates that the *worse* test bets on, each with a third of the stake.
const ERROR_BETS: [f64; 3] = [MARGIN, 0.1, 0.4];
/// Probabilities of a slow minute that the latency test bets on, each with half of the stake.
const SLOW_BETS: [f64; 2] = [0.7, 0.9];
/// Prior of the error rates as (errors, requests): half an error in fifty requests.
const PRIOR: (f64, f64) = (0.5, 50.0);
/// Requests of each revision that a minute needs for its latency to count.
const MIN_REQUESTS: f64 = 20.0;
/// A minute is slow if the new revision's p90 latency exceeds the old one's by this factor plus
/// this many seconds.
pub(crate) const SLOWDOWN_FACTOR: f64 = 1.5;
const MIN_SLOWDOWN_SECONDS: f64 = 0.02;

/// The metrics of one revision in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Minute {
    pub requests: f64,
    /// Requests answered with a 5xx status.
    pub errors: f64,
    /// Requests answered with any status.
    pub answers: f64,
    /// The 90th percentile of the latency in seconds, if known.
    pub p90: Option<f64>,
}

/// The current result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum ComparisonResult {
    /// Requests fail more often with the new revision.
    MoreErrors,
    /// Requests take longer with the new revision.
    Slower,
    /// Most requests to the new revision get no response.
    Unresponsive,
    /// The error rate is not higher by the margin.
    NoWorse,
    /// Not enough evidence yet; `minutes` are the estimated minutes left at the present rate, if it
    /// gains evidence at all.
    Inconclusive { minutes: Option<u32> },
}

/// The comparison of both revisions per minute; its totals appear in messages only.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    worse: [f64; ERROR_BETS.len()],
    no_worse: f64,
    slower: [f64; SLOW_BETS.len()],
    pub old: Minute,
    pub new: Minute,
    /// Minutes with comparable latency, and those of them in which the new revision was slower.
    pub compared_minutes: u32,
    pub slow_minutes: u32,
    minutes: u32,
    step_requests: f64,
    /// The old revision's totals before the traffic shift.
    baseline: Minute,
}

impl Comparison {
    /// Adds a minute of the old revision alone to the baseline that sets the bets. It is not
    /// evidence.
    pub fn learn_baseline(&mut self, old: Minute) {
        add_counts(&mut self.baseline, &clamp_counts(old));
    }

    /// Adds a minute of both revisions. `begun`: the minute belongs to the current step. Evidence
    /// against a release accumulates over all steps.
    pub fn add_minute(&mut self, old: Minute, new: Minute, begun: bool) {
        let old = clamp_counts(old);
        let new = clamp_counts(new);
        let rates = self.error_rates();
        for (bet, margin) in self.worse.iter_mut().zip(ERROR_BETS) {
            *bet += log_worse(&rates, margin, &old, &new);
        }
        if begun {
            self.no_worse += log_no_worse(&rates, &old, &new);
            self.minutes += 1;
            self.step_requests += new.requests;
        }
        if let (Some(before), Some(after)) = (old.p90, new.p90)
            && old.requests >= MIN_REQUESTS
            && new.requests >= MIN_REQUESTS
        {
            let slow = after > before * SLOWDOWN_FACTOR + MIN_SLOWDOWN_SECONDS;
            for (bet, chance) in self.slower.iter_mut().zip(SLOW_BETS) {
                *bet += (2.0 * if slow { chance } else { 1.0 - chance }).ln();
            }
            self.compared_minutes += 1;
            self.slow_minutes += u32::from(slow);
        }
        add_counts(&mut self.old, &old);
        add_counts(&mut self.new, &new);
    }

    /// Returns the estimated error rates before the next minute is added.
    fn error_rates(&self) -> ErrorRates {
        let mut old = self.baseline;
        add_counts(&mut old, &self.old);
        let mut both = old;
        add_counts(&mut both, &self.new);
        ErrorRates {
            old: estimate_error_rate(&old),
            both: estimate_error_rate(&both),
        }
    }

    #[must_use]
    pub fn current_result(&self) -> ComparisonResult {
        let against = (2.0 / FALSE_ALARM_RATE).ln();
        if log_mean_exp(&self.worse) >= against {
            ComparisonResult::MoreErrors
        } else if log_mean_exp(&self.slower) >= against {
            ComparisonResult::Slower
        } else if self.is_unresponsive() {
            ComparisonResult::Unresponsive
        } else if self.no_worse >= (1.0 / MISS_RATE).ln() {
            ComparisonResult::NoWorse
        } else {
            ComparisonResult::Inconclusive {
                minutes: self.minutes_left(),
            }
        }
    }

    /// Returns the new revision's requests per minute in the current step.
    #[must_use]
    pub fn new_per_minute(&self) -> f64 {
        self.step_requests / f64::from(self.minutes.max(1))
    }

    /// Reports whether most requests to the new revision get neither a response nor an error. A few
    /// are always in flight at the edges of a minute, but never half.
    fn is_unresponsive(&self) -> bool {
        self.minutes > 1
            && self.new.requests >= MIN_REQUESTS
            && share_of_answers(&self.new) < 0.5
            && share_of_answers(&self.old) > 0.9
    }

    fn minutes_left(&self) -> Option<u32> {
        let missing = (1.0 / MISS_RATE).ln() - self.no_worse;
        let gained = self.no_worse / f64::from(self.minutes);
        let minutes = (missing / gained).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a day"
        )]
        (gained > 0.0 && minutes <= 1_440.0).then_some(minutes as u32)
    }
}

/// Returns the share of requests with a response.
fn share_of_answers(sum: &Minute) -> f64 {
    sum.answers / sum.requests.max(1.0)
}

/// Estimates the error rate from counts and the prior.
fn estimate_error_rate(sum: &Minute) -> f64 {
    (sum.errors + PRIOR.0) / (sum.requests + PRIOR.1)
}

/// Corrects late or partial metrics, so that errors never exceed requests.
fn clamp_counts(minute: Minute) -> Minute {
    let requests = minute.requests.max(minute.errors).max(0.0).round();
    Minute {
        requests,
        errors: minute.errors.max(0.0).round(),
        ..minute
    }
}

/// Returns the logarithm of the mean of the exponentials of `logs`.
#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn log_mean_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + (logs.iter().map(|log| (log - most).exp()).sum::<f64>() / logs.len() as f64).ln()
}

/// The error rates of the old revision, and of both together.
struct ErrorRates {
    old: f64,
    both: f64,
}

fn add_counts(sum: &mut Minute, minute: &Minute) {
    sum.requests += minute.requests;
    sum.errors += minute.errors;
    sum.answers += minute.answers;
}

/// Returns the log-likelihood ratio of the errors at `rate` against `null`.
fn log_likelihood_ratio(minute: &Minute, rate: f64, null: f64) -> f64 {
    let good = minute.requests - minute.errors;
    minute.errors * (rate / null).ln() + good * ((1.0 - rate) / (1.0 - null)).ln()
}

/// Returns the log e-value against "no more often": it bets on the old rate for the old revision,
/// and on a rate higher by `margin` for the new one. The null is their mean for both, weighted by
/// requests.
fn log_worse(rates: &ErrorRates, margin: f64, old: &Minute, new: &Minute) -> f64 {
    let all = old.requests + new.requests;
    if all <= 0.0 {
        return 0.0;
    }
    let high = (rates.old + margin).min(0.99);
    let low = rates.old.min(high);
    let null = (old.requests * low + new.requests * high) / all;
    log_likelihood_ratio(old, low, null) + log_likelihood_ratio(new, high, null)
}

/// Returns the log e-value against "more often by the margin": it bets on one rate for both
/// revisions. The null is the nearest pair of rates that are the margin apart.
fn log_no_worse(rates: &ErrorRates, old: &Minute, new: &Minute) -> f64 {
    if old.requests <= 0.0 || new.requests <= 0.0 {
        // Some rate of the other revision always explains everything.
        return 0.0;
    }
    let rate = rates.both.min(0.99 - MARGIN);
    let mut below = (rate - MARGIN).max(0.0);
    let mut above = rate;
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        // The derivative of the divergence from a pair (low, low + margin). It rises with `low`,
        // and is zero at the nearest pair.
        let slope = old.requests * divergence_slope(middle, rate)
            + new.requests * divergence_slope(middle + MARGIN, rate);
        if slope < 0.0 {
            below = middle;
        } else {
            above = middle;
        }
    }
    log_likelihood_ratio(old, rate, above) + log_likelihood_ratio(new, rate, above + MARGIN)
}

/// Returns the derivative, with respect to `p`, of the divergence of a rate `p` from `rate`.
fn divergence_slope(p: f64, rate: f64) -> f64 {
    (p - rate) / (p * (1.0 - p))
}
