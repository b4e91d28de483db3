//! The binary under a service manager: what it is told, in which order.

use crate::agent::Agent;
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Longest wait for a word.
const LIMIT: Duration = Duration::from_secs(60);

fn hear(manager: &UnixDatagram) -> String {
    let mut word = [0; 64];
    let len = manager.recv(&mut word).expect("the manager is told");
    String::from_utf8_lossy(&word[..len]).into_owned()
}

/// The next word that is no sign of life.
fn news(manager: &UnixDatagram) -> String {
    loop {
        let word = hear(manager);
        if word != "WATCHDOG=1" {
            return word;
        }
    }
}

#[test]
fn a_service_manager_hears_of_start_reload_and_end_and_that_it_lives() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let mut agent = Agent::start(
        home.path(),
        &[
            ("NOTIFY_SOCKET", socket),
            ("WATCHDOG_USEC", "100000".into()),
        ],
    );
    assert_eq!(hear(&manager), "READY=1");
    for _ in 0..3 {
        assert_eq!(hear(&manager), "WATCHDOG=1");
    }
    agent.signal(Signal::SIGHUP);
    assert_eq!(news(&manager), "RELOADING=1");
    assert_eq!(news(&manager), "READY=1");
    agent.signal(Signal::SIGTERM);
    assert_eq!(news(&manager), "STOPPING=1");
    agent.wait();
}
