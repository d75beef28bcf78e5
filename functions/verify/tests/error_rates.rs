//! The stated error rates, measured with 10,000 simulated releases a case.

use rstest::rstest;
use verify::sequential::{
    Comparison, ComparisonResult, FALSE_ALARM_RATE, MARGIN, MISS_RATE, Minute,
};

const RUNS: u32 = 10_000;
/// The share of requests that the canary gets.
const CANARY: f64 = 0.05;
const MINUTES: u32 = 60;
/// Minutes with the old revision alone, before the traffic shift.
const HISTORY: u32 = 5;

struct Dice(fastrand::Rng);

impl Dice {
    fn new() -> Self {
        Self(fastrand::Rng::with_seed(7))
    }

    fn roll(&mut self) -> f64 {
        self.0.f64()
    }

    /// Draws the number of successes among `n` trials with this chance each, from one success to the
    /// next by the geometric distribution.
    fn successes(&mut self, n: f64, chance: f64) -> f64 {
        if chance <= 0.0 {
            return 0.0;
        }
        let (mut happened, mut at) = (0.0, 0.0);
        loop {
            at += 1.0 + ((1.0 - self.roll()).ln() / (1.0 - chance).ln()).floor();
            if at > n {
                return happened;
            }
            happened += 1.0;
        }
    }

    /// Draws the requests of a minute from the Poisson distribution; large means as a sum of small
    /// ones.
    fn arrivals(&mut self, mut mean: f64) -> f64 {
        let mut sum = 0.0;
        while mean > 30.0 {
            sum += self.arrivals(30.0);
            mean -= 30.0;
        }
        let (limit, mut product) = ((-mean).exp(), self.roll());
        while product > limit {
            sum += 1.0;
            product *= self.roll();
        }
        sum
    }

    fn minute(&mut self, per_minute: f64, errors: f64) -> Minute {
        let requests = self.arrivals(per_minute);
        Minute {
            requests,
            errors: self.successes(requests, errors),
            answers: requests,
            p90: None,
        }
    }
}

/// Returns the shares of releases that are rejected and passed, evaluated every minute. The rest is
/// inconclusive.
fn share(per_second: f64, old: f64, new: f64) -> (f64, f64) {
    let mut dice = Dice::new();
    let (mut rejected, mut passed) = (0_u32, 0_u32);
    for _ in 0..RUNS {
        let mut comparison = Comparison::default();
        for _ in 0..HISTORY {
            comparison.learn_baseline(dice.minute(per_second * 60.0, old));
        }
        for _ in 0..MINUTES {
            let before = dice.minute(per_second * 60.0 * (1.0 - CANARY), old);
            comparison.add_minute(before, dice.minute(per_second * 60.0 * CANARY, new), true);
            match comparison.current_result() {
                ComparisonResult::Inconclusive { .. } => continue,
                ComparisonResult::NoWorse => passed += 1,
                ComparisonResult::MoreErrors
                | ComparisonResult::Slower
                | ComparisonResult::Unresponsive => rejected += 1,
            }
            break;
        }
    }
    (
        f64::from(rejected) / f64::from(RUNS),
        f64::from(passed) / f64::from(RUNS),
    )
}

#[rstest]
fn a_release_that_is_no_worse_is_rejected_no_more_often_than_stated(
    #[values(0.5, 5.0, 50.0)] per_second: f64,
    #[values(0.0, 0.001, 0.01, 0.05, 0.3)] errors: f64,
) {
    let (rejected, passed) = share(per_second, errors, errors);
    eprintln!(
        "{per_second} requests a second, {errors} errors: {rejected} rejected, {passed} passed"
    );
    assert!(rejected <= FALSE_ALARM_RATE / 2.0, "{rejected}");
}

#[rstest]
fn a_release_that_is_worse_by_the_margin_is_passed_no_more_often_than_stated(
    #[values(0.5, 5.0, 50.0)] per_second: f64,
    #[values(0.0, 0.001, 0.01, 0.05, 0.3)] errors: f64,
) {
    let (rejected, passed) = share(per_second, errors, errors + MARGIN);
    eprintln!(
        "{per_second} requests a second, {errors} errors and the margin: {rejected} rejected, {passed} passed"
    );
    assert!(passed <= MISS_RATE, "{passed}");
}

/// Plain differences are found soon.
#[rstest]
#[case::every_request(1.0, 0.999)]
#[case::one_in_three(0.33, 0.999)]
#[case::one_in_ten(0.1, 0.99)]
fn a_release_that_is_plainly_worse_is_rejected(#[case] errors: f64, #[case] at_least: f64) {
    let (rejected, passed) = share(5.0, 0.001, errors);
    eprintln!("5 requests a second, {errors} errors: {rejected} rejected, {passed} passed");
    assert!(rejected >= at_least, "{rejected}");
}
