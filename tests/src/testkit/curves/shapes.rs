//! Curves of load, in requests per second by the minute.

/// A curve and where its shape comes from.
#[derive(Debug, Clone)]
pub struct Curve {
    pub name: String,
    pub about: String,
    pub rps: Vec<f64>,
}

/// Requests to a web server of NASA by the hour of the day, July 1 to 27, 1995, local time: the shape of a day.
/// Collected by J. Dumoulin; the trace page says that it may be freely redistributed.
/// Source: <https://ita.ee.lbl.gov/html/contrib/NASA-HTTP.html>, counted by the hour.
const NASA: [u32; 24] = [
    60_912, 51_980, 44_318, 36_196, 31_355, 31_003, 34_167, 52_401, 81_207, 97_228, 101_952,
    112_150, 118_580, 118_909, 122_479, 121_200, 118_037, 97_609, 79_282, 71_776, 69_809, 71_922,
    70_759, 69_362,
];

/// Requests to a load balancer, mean by the hour of the day over two weeks of April 2014.
/// Source: <https://github.com/numenta/NAB>, `realAWSCloudwatch/elb_request_count_8c0756.csv`, MIT.
const ELB: [u32; 24] = [
    569, 616, 527, 519, 508, 476, 422, 443, 451, 454, 471, 454, 613, 686, 745, 752, 751, 946, 763,
    853, 919, 776, 555, 574,
];

/// All curves.
pub fn curves() -> Vec<Curve> {
    let day = by_the_hour(&NASA, 150.0);
    let burst = |n: usize, rps: f64| {
        if (300..340).contains(&n) {
            rps.max(110.0)
        } else {
            rps
        }
    };
    let plain =
        |value: fn(usize) -> f64, minutes: usize| (0..minutes).map(value).collect::<Vec<f64>>();
    vec![
        Curve {
            name: "day with a burst".to_owned(),
            about: "NASA's web server by the hour (1995), noise of 8 %, and a made-up burst from 05:00 to 05:40".to_owned(),
            rps: noisy(day.iter().enumerate().map(|(n, rps)| burst(n, *rps)), 0.08),
        },
        Curve {
            name: "load balancer".to_owned(),
            about: "an ELB by the hour (2014, NAB), noise of 8 %".to_owned(),
            rps: noisy(by_the_hour(&ELB, 200.0).into_iter(), 0.08),
        },
        Curve {
            name: "spike".to_owned(),
            about: "5 requests a second, 150 for ten minutes, 5 again".to_owned(),
            rps: plain(|n| if (30..40).contains(&n) { 150.0 } else { 5.0 }, 120),
        },
        Curve {
            name: "ramp".to_owned(),
            about: "from 10 to 300 within an hour and back".to_owned(),
            rps: plain(
                |n| 10.0 + 290.0 * (1.0 - (n.abs_diff(60) as f64 / 60.0).min(1.0)),
                180,
            ),
        },
        Curve {
            name: "flapping".to_owned(),
            about: "between 17 and 24 every four minutes, around what two tasks serve".to_owned(),
            rps: plain(|n| if n / 4 % 2 == 0 { 17.0 } else { 24.0 }, 120),
        },
        Curve {
            name: "step".to_owned(),
            about: "from 15 to 85, and it stays".to_owned(),
            rps: plain(|n| if n < 30 { 15.0 } else { 85.0 }, 120),
        },
    ]
}

/// A day of minutes between hourly values, the highest of which is `peak`.
fn by_the_hour(hours: &[u32; 24], peak: f64) -> Vec<f64> {
    let highest = f64::from(hours.iter().copied().max().unwrap_or(1));
    let hour = |n: usize| f64::from(hours[n % 24]) / highest * peak;
    let minute = |n: usize| {
        let part = (n % 60) as f64 / 60.0;
        hour(n / 60) * (1.0 - part) + hour(n / 60 + 1) * part
    };
    (0..1_440).map(minute).collect()
}

/// Every value moved by up to a part of it; the same each time.
fn noisy(values: impl Iterator<Item = f64>, part: f64) -> Vec<f64> {
    let mut state = 0x2026_1121_u32;
    let mut between = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24) * 2.0 - 1.0
    };
    values
        .map(|value| value * (1.0 + part * between()))
        .collect()
}
