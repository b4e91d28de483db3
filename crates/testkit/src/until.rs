//! Waiting for what another process does and tells nobody: the one place where tests look again and again.

use std::time::{Duration, Instant};

/// Pause before the second look; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Looks until there is something, for at most `limit`, and gives it back.
///
/// # Panics
/// When there is nothing by then, with what `missing` says.
pub fn until<T>(
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
    missing: impl FnOnce() -> String,
) -> T {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "{}", missing());
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_until_there_is_something() {
        let mut looks = 0;
        let look = || {
            looks += 1;
            (looks == 3).then_some("found")
        };
        assert_eq!(
            until(Duration::from_secs(60), look, || unreachable!()),
            "found"
        );
    }

    #[test]
    #[should_panic(expected = "no such thing")]
    fn it_gives_up() {
        until(Duration::ZERO, || None::<()>, || "no such thing".into());
    }
}
