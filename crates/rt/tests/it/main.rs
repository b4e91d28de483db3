//! Wheel against a sorted list, rooms against their promises.

use proptest::prelude::*;
use rt::{Room, Time, Wheel};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Clone, Debug)]
enum Step {
    Set(u64),
    Cancel(usize),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let far = prop_oneof![0..200u64, 0..10_000u64, 0..10_000_000u64, 0..(1u64 << 37)];
    prop_oneof![
        4 => far.clone().prop_map(Step::Set),
        1 => any::<usize>().prop_map(Step::Cancel),
        2 => far.prop_map(Step::Advance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn wheel_fires_as_a_sorted_list_does(start in 0..(1u64 << 40), steps in prop::collection::vec(step(), 1..120)) {
        let mut wheel = Wheel::new(start);
        let mut now = start;
        let mut list: BTreeMap<usize, u64> = BTreeMap::new();
        let mut keys = Vec::new();
        for step in steps {
            match step {
                Step::Set(wait) => {
                    let id = keys.len();
                    keys.push(wheel.set(now + wait, id));
                    list.insert(id, now + wait.clamp(1, (1 << 36) - 1));
                }
                Step::Cancel(n) if !keys.is_empty() => {
                    let id = n % keys.len();
                    prop_assert_eq!(wheel.cancel(keys[id]).is_some(), list.remove(&id).is_some());
                }
                Step::Cancel(_) => {}
                Step::Advance(by) => {
                    now += by;
                    let mut fired = Vec::new();
                    wheel.advance(now, |id| fired.push(id));
                    let ticks: Vec<u64> = fired.iter().map(|id| list[id]).collect();
                    prop_assert!(ticks.is_sorted());
                    prop_assert!(ticks.iter().all(|at| *at <= now));
                    for id in fired {
                        list.remove(&id);
                    }
                    prop_assert!(list.values().all(|at| *at > now));
                }
            }
            prop_assert_eq!(wheel.len(), list.len());
            let earliest = list.values().min().copied();
            prop_assert_eq!(wheel.next().is_some(), earliest.is_some());
            if let (Some(next), Some(earliest)) = (wheel.next(), earliest) {
                prop_assert!(next <= earliest, "next {next} earliest {earliest}");
                prop_assert!(next > now, "next {next} now {now}");
            }
        }
    }
}

#[tokio::test]
async fn manual_time_fires_in_order_and_forgets_the_cancelled() {
    let time = Time::manual();
    let fired = Arc::new(parking_lot::Mutex::new(Vec::new()));
    for n in [30u64, 10, 20] {
        let fired = fired.clone();
        time.call_at(time.now() + Duration::from_secs(n), move || {
            fired.lock().push(n)
        });
    }
    let never = time.call_at(time.now() + Duration::from_secs(15), || panic!("cancelled"));
    assert!(time.cancel(never));
    assert!(!time.cancel(never));
    time.advance(Duration::from_secs(20));
    assert_eq!(*fired.lock(), [10, 20]);
    let sleep = time.sleep(Duration::from_secs(10));
    let turned = time.clone();
    let ((), ()) = tokio::join!(
        sleep,
        async move { turned.advance(Duration::from_secs(10)) }
    );
    assert_eq!(*fired.lock(), [10, 20, 30]);
    assert_eq!(time.pending(), 0);
}

#[tokio::test]
async fn real_time_wakes_sleepers_and_earlier_timers_first() {
    let room = Room::new("test");
    let time = Time::real(&room);
    let start = time.now();
    let late = time.sleep(Duration::from_secs(3600));
    tokio::select! {
        () = late => panic!("an hour has not passed"),
        () = time.sleep(Duration::from_millis(5)) => {}
    }
    assert!(time.now().since(start) >= Duration::from_millis(5));
    room.close(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn closing_a_room_ends_its_tasks_and_names_stragglers() {
    let root = Room::new("root");
    let child = root.child("child");
    let ended = Arc::new(AtomicUsize::new(0));
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    for room in [&root, &child] {
        let count = Count(ended.clone());
        room.spawn("waits forever", async move {
            let _count = count;
            std::future::pending::<()>().await;
        });
    }
    assert_eq!(root.tasks(), 2);
    root.close(Duration::from_secs(10)).await.unwrap();
    assert_eq!(ended.load(Ordering::SeqCst), 2);
    assert!(child.is_closing());

    let stubborn = Room::new("stubborn");
    stubborn.spawn_to_end("deaf", std::future::pending());
    let stragglers = stubborn.close(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(stragglers.0, ["stubborn/deaf"]);

    // A room that is closed takes no new work.
    let late = Arc::new(AtomicUsize::new(0));
    let count = Count(late.clone());
    root.child("late").spawn("too late", async move {
        let _count = count;
        std::future::pending::<()>().await;
    });
    root.close(Duration::from_secs(10)).await.unwrap();
    assert_eq!(late.load(Ordering::SeqCst), 1);
}
