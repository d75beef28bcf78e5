//! Random histories in the simulated world: what holds in the end, whatever happened.

use deploy::Deploy;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::Value;

/// Things that happen to one service, in any order.
#[derive(Debug, Clone)]
enum Happening {
    Push { minor: u64 },
    Duplicate { of: usize },
    Sweep,
    Settle,
    Fault(&'static str, Fault),
    Wait,
}

fn happening() -> impl Strategy<Value = Happening> {
    let calls = prop::sample::select(vec![
        "RegisterTaskDefinition",
        "UpdateService",
        "Intend",
        "Conclude",
        "GetResources",
    ]);
    let faults = prop::sample::select(vec![Fault::Throttled, Fault::AnswerLost, Fault::Killed]);
    prop_oneof![
        3 => (1_u64..20).prop_map(|minor| Happening::Push { minor }),
        2 => (0_usize..8).prop_map(|of| Happening::Duplicate { of }),
        2 => Just(Happening::Sweep),
        1 => Just(Happening::Settle),
        1 => (calls, faults).prop_map(|(call, fault)| Happening::Fault(call, fault)),
        2 => Just(Happening::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Lost, repeated and reordered events, throttled calls, lost answers and killed functions: in the end
    /// the service runs the newest image, never went backwards, and nothing is left to do.
    #[test]
    fn whatever_happens_it_ends_with_the_newest(history in prop::collection::vec(happening(), 1..30)) {
        let world = World::new();
        let arn = world.web();
        let mut pushes: Vec<Value> = Vec::new();
        let mut newest = 0;
        let mut reached = 0;
        for happening in history {
            match happening {
                Happening::Push { minor } => {
                    pushes.push(world.push("shop/web", &format!("RC_1.{minor}.0"), minor));
                    newest = newest.max(minor);
                    let _ = world.invoke(&Deploy, pushes[pushes.len() - 1].clone());
                }
                Happening::Duplicate { of } if !pushes.is_empty() => {
                    let _ = world.invoke(&Deploy, pushes[of % pushes.len()].clone());
                }
                Happening::Sweep => drop(world.sweep(&Deploy)),
                Happening::Settle => world.state_mut().settle(&arn),
                Happening::Fault(call, fault) => world.inject_fault(call, fault),
                Happening::Wait | Happening::Duplicate { .. } => world.advance(SignedDuration::from_mins(20)),
            }
            let runs = minor_of(&world.image_of(&arn));
            prop_assert!(runs >= reached, "went from {reached} back to {runs}");
            reached = runs;
        }
        world.state_mut().faults.clear();
        world.advance(SignedDuration::from_hours(2));
        prop_assert!(world.sweep(&Deploy).unwrap().is_ok());
        prop_assert_eq!(minor_of(&world.image_of(&arn)), newest);
        let calls = world.state().calls.len();
        world.sweep(&Deploy).unwrap().unwrap();
        prop_assert!(!world.state().calls[calls..].iter().any(|call| call.starts_with("UpdateService")), "it did not settle");
        prop_assert!(world.is_settled());
    }
}

fn minor_of(image: &str) -> u64 {
    let tag = image.split("RC_1.").nth(1).unwrap_or("0");
    tag.split('.')
        .next()
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(0)
}
