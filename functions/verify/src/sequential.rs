//! Is the new revision worse than the old one? Asked again every minute, with error rates that hold however often it is
//! asked.
//!
//! The two revisions carry traffic in the same minutes, so what hits both (a slow database) speaks against neither. For
//! each minute both tests multiply an *e-variable*: a bet that on average gains nothing where its hypothesis holds. By
//! Ville's inequality the product then exceeds `1/α` with a chance of at most `α`, at whatever minute one stops.
//!
//! - *Worse*: bets against "the new one fails no more often than the old one".
//! - *No worse*: bets against "the new one fails more often by the margin, at least".
//!
//! Source: R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional
//! stopping", Journal of Statistical Planning and Inference 230 (2024), <https://arxiv.org/abs/2106.02693>. What is
//! assumed, and how both rates were tried, is in `docs/releases.md`.

use serde::Serialize;

/// How often a release that is no worse is taken back, at most: half of it for errors, half for latency.
pub const FALSE_ALARMS: f64 = 0.01;
/// How often a step with a release that is worse by the margin or more is passed, at most.
pub const MISSES: f64 = 0.05;
/// Of a hundred requests so many more must fail that it counts.
pub const MARGIN: f64 = 0.02;
/// Differences of error rates that *worse* bets on, each with a third of the stake.
const BETS: [f64; 3] = [MARGIN, 0.1, 0.4];
/// Chances of a slow minute that latency bets on, each with half of the stake.
const SLOW_BETS: [f64; 2] = [0.7, 0.9];
/// What is thought of error rates before the first request: half an error in fifty requests.
const PRIOR: (f64, f64) = (0.5, 50.0);
/// Requests of each revision that a minute must have for its latency to count.
const LEAST: f64 = 20.0;
/// A minute is slow where nine tenths of requests to the new revision take half as long again, and this many seconds.
const SLOWER: f64 = 1.5;
const SECONDS: f64 = 0.02;

/// What one revision did in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Minute {
    pub requests: f64,
    /// Of these, answered with a status of 5xx.
    pub errors: f64,
    /// Of the requests, answered at all, by whatever status.
    pub answers: f64,
    /// Seconds that nine of ten requests took at most, where that is known.
    pub p90: Option<f64>,
}

/// How far a comparison has come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Finding {
    /// Requests fail more often with the new revision.
    MoreErrors,
    /// Requests take longer with the new revision.
    Slower,
    /// Most requests to the new revision get no answer.
    Hangs,
    /// Not worse by the margin.
    NoWorse,
    /// Not enough evidence yet; so many minutes more at the present rate, where there is one.
    Unclear { minutes: Option<u32> },
}

/// Both revisions, minute by minute; totals are for people.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    worse: [f64; BETS.len()],
    no_worse: f64,
    slower: [f64; SLOW_BETS.len()],
    pub old: Minute,
    pub new: Minute,
    /// Minutes that were compared, and those of them in which the new one was slower.
    pub compared: u32,
    pub slow: u32,
    minutes: u32,
    in_step: f64,
    /// What the old revision did before there was anything to compare it with.
    before: Minute,
}

impl Comparison {
    /// Takes a minute of the old revision alone for what to bet on; it is evidence of nothing.
    pub fn learn(&mut self, old: Minute) {
        add_up(&mut self.before, &plausible(old));
    }

    /// Adds a minute. `begun`: it belongs to the step that is judged; the evidence against a release is that of all steps.
    pub fn add(&mut self, old: Minute, new: Minute, begun: bool) {
        let (old, new) = (plausible(old), plausible(new));
        let rates = self.rates();
        for (bet, margin) in self.worse.iter_mut().zip(BETS) {
            *bet += log_worse(&rates, margin, &old, &new);
        }
        if begun {
            self.no_worse += log_no_worse(&rates, &old, &new);
            self.minutes += 1;
            self.in_step += new.requests;
        }
        if let (Some(before), Some(after)) = (old.p90, new.p90)
            && old.requests >= LEAST
            && new.requests >= LEAST
        {
            let slow = after > before * SLOWER + SECONDS;
            for (bet, chance) in self.slower.iter_mut().zip(SLOW_BETS) {
                *bet += (2.0 * if slow { chance } else { 1.0 - chance }).ln();
            }
            self.compared += 1;
            self.slow += u32::from(slow);
        }
        add_up(&mut self.old, &old);
        add_up(&mut self.new, &new);
    }

    /// As they look before a minute begins.
    fn rates(&self) -> Rates {
        let mut old = self.before;
        add_up(&mut old, &self.old);
        let mut both = old;
        add_up(&mut both, &self.new);
        let rate = |sum: &Minute| (sum.errors + PRIOR.0) / (sum.requests + PRIOR.1);
        Rates {
            old: rate(&old),
            both: rate(&both),
        }
    }

    #[must_use]
    pub fn finding(&self) -> Finding {
        let against = (2.0 / FALSE_ALARMS).ln();
        if mean(&self.worse) >= against {
            Finding::MoreErrors
        } else if mean(&self.slower) >= against {
            Finding::Slower
        } else if self.hangs() {
            Finding::Hangs
        } else if self.no_worse >= (1.0 / MISSES).ln() {
            Finding::NoWorse
        } else {
            Finding::Unclear {
                minutes: self.minutes_left(),
            }
        }
    }

    /// Requests to the new revision in a minute of this step.
    #[must_use]
    pub fn new_per_minute(&self) -> f64 {
        self.in_step / f64::from(self.minutes.max(1))
    }

    /// No error, and no answer either: at the edges of a minute a few requests are on their way, never half of them.
    fn hangs(&self) -> bool {
        let answered = |sum: &Minute| sum.answers / sum.requests.max(1.0);
        self.minutes > 1
            && self.new.requests >= LEAST
            && answered(&self.new) < 0.5
            && answered(&self.old) > 0.9
    }

    fn minutes_left(&self) -> Option<u32> {
        let missing = (1.0 / MISSES).ln() - self.no_worse;
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

/// Metrics come late and in parts: never more errors than requests.
fn plausible(minute: Minute) -> Minute {
    let requests = minute.requests.max(minute.errors).max(0.0).round();
    Minute {
        requests,
        errors: minute.errors.max(0.0).round(),
        ..minute
    }
}

/// The logarithm of the mean of what these are the logarithms of.
#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn mean(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + (logs.iter().map(|log| (log - most).exp()).sum::<f64>() / logs.len() as f64).ln()
}

/// Error rates of the old revision, and of both together.
struct Rates {
    old: f64,
    both: f64,
}

fn add_up(sum: &mut Minute, minute: &Minute) {
    sum.requests += minute.requests;
    sum.errors += minute.errors;
    sum.answers += minute.answers;
}

/// The logarithm of how much likelier errors are at `rate` than at `null`.
fn gain(minute: &Minute, rate: f64, null: f64) -> f64 {
    let good = minute.requests - minute.errors;
    minute.errors * (rate / null).ln() + good * ((1.0 - rate) / (1.0 - null)).ln()
}

/// Against "no more often", bets on the old rate and on one that is higher by `margin`. The null is where both have the
/// same rate: their mean, weighted by requests.
fn log_worse(rates: &Rates, margin: f64, old: &Minute, new: &Minute) -> f64 {
    let all = old.requests + new.requests;
    if all <= 0.0 {
        return 0.0;
    }
    let high = (rates.old + margin).min(0.99);
    let low = rates.old.min(high);
    let null = (old.requests * low + new.requests * high) / all;
    gain(old, low, null) + gain(new, high, null)
}

/// Against "more often by the margin", bets on one rate for both. The null is the pair of rates, the margin apart, that
/// is nearest to it.
fn log_no_worse(rates: &Rates, old: &Minute, new: &Minute) -> f64 {
    if old.requests <= 0.0 || new.requests <= 0.0 {
        // There is always a rate of the other one that explains all.
        return 0.0;
    }
    let rate = rates.both.min(0.99 - MARGIN);
    // The derivative of the divergence from a pair (low, low + margin): rises with `low`, and is zero at the nearest one.
    let slope = |p: f64| (p - rate) / (p * (1.0 - p));
    let (mut below, mut above) = ((rate - MARGIN).max(0.0), rate);
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        if old.requests * slope(middle) + new.requests * slope(middle + MARGIN) < 0.0 {
            below = middle;
        } else {
            above = middle;
        }
    }
    gain(old, rate, above) + gain(new, rate, above + MARGIN)
}
