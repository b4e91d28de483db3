//! A bounded queue of lines before a place that may be slow, and the thread that writes them: who logs never waits for who
//! reads.

use super::line::{Level, Line};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Bytes of lines that may wait before one place; further lines are dropped, counted and told of. One line of any length
/// is taken while nothing waits.
pub const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Bytes that a waiting line costs beside its text.
const LINE_COST: usize = 64;

/// Where lines end.
pub(super) trait Sink: Send + 'static {
    /// Writes one line with its newline, however long that takes; `false` when it is lost.
    fn write(&mut self, level: Level, text: &[u8]) -> bool;
}

/// What the queue asks of the log around it.
pub(super) trait Losses: Send + Sync + 'static {
    /// That many lines will never be written.
    fn count(&self, lines: u64);
    /// The line that tells of them, where they would have stood.
    fn notice(&self, lines: u64) -> Waiting;
}

/// A rendered line.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) level: Level,
    pub(super) text: Arc<[u8]>,
}

impl Waiting {
    pub(super) fn of(line: &Line, json: bool) -> Self {
        Self {
            level: line.level,
            text: line.render(json).into(),
        }
    }

    fn cost(&self) -> usize {
        self.text.len() + LINE_COST
    }
}

#[derive(Default)]
struct State {
    lines: VecDeque<Waiting>,
    /// Cost of the lines, and of the one that is being written.
    bytes: usize,
    /// Lines dropped that no notice has told of.
    untold: u64,
    /// Whether a line is with the sink.
    writing: bool,
    /// Whether the thread ends when nothing waits.
    closed: bool,
}

impl State {
    fn push(&mut self, line: Waiting) {
        self.bytes += line.cost();
        self.lines.push_back(line);
    }

    fn is_idle(&self) -> bool {
        self.lines.is_empty() && !self.writing && self.untold == 0
    }
}

struct Shared {
    state: Mutex<State>,
    /// There is something to write, or nothing will come any more.
    filled: Condvar,
    /// Everything is written.
    idle: Condvar,
    losses: Arc<dyn Losses>,
}

/// The near end of the queue. Dropped, it lets the thread write what waits and end.
pub(super) struct Queue(Arc<Shared>);

impl Queue {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine has no thread left.
    pub(super) fn start(mut sink: impl Sink, losses: Arc<dyn Losses>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            idle: Condvar::new(),
            losses,
        });
        let writer = shared.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run(&mut sink))?;
        Ok(Self(shared))
    }

    /// Puts a line at the end, or drops it. Never waits for the sink.
    pub(super) fn push(&self, line: Waiting) {
        let mut state = self.0.state.lock();
        // Once lines are lost, room is made for many before one is taken: else every other line would be a notice.
        let max = if state.untold > 0 {
            QUEUE_BYTES_MAX / 2
        } else {
            QUEUE_BYTES_MAX
        };
        if state.bytes > 0 && state.bytes + line.cost() > max {
            state.untold += 1;
            drop(state);
            self.0.losses.count(1);
            return;
        }
        if state.untold > 0 {
            let untold = std::mem::take(&mut state.untold);
            state.push(self.0.losses.notice(untold));
        }
        state.push(line);
        drop(state);
        self.0.filled.notify_one();
    }

    /// Waits until everything is written, at most until then; whether it is.
    pub(super) fn flush(&self, until: Instant) -> bool {
        let mut state = self.0.state.lock();
        while !state.is_idle() {
            if self.0.idle.wait_until(&mut state, until).timed_out() {
                return state.is_idle();
            }
        }
        true
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.filled.notify_one();
    }
}

impl Shared {
    fn run(&self, sink: &mut dyn Sink) {
        while let Some(line) = self.next() {
            let written = sink.write(line.level, &line.text);
            let mut state = self.state.lock();
            state.bytes -= line.cost();
            state.writing = false;
            if state.is_idle() {
                self.idle.notify_all();
            }
            drop(state);
            if !written {
                self.losses.count(1);
            }
        }
    }

    /// The next line; `None` when the log is gone and nothing waits.
    fn next(&self) -> Option<Waiting> {
        let mut state = self.state.lock();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.writing = true;
                return Some(line);
            }
            // It flows again, and no later line has told of the gap.
            if state.untold > 0 {
                let untold = std::mem::take(&mut state.untold);
                state.push(self.losses.notice(untold));
                continue;
            }
            if state.closed {
                return None;
            }
            self.filled.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    /// Longer than anything here takes on a loaded machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Writes one line for every permit; without permits it blocks, as a full pipe does.
    struct Pipe {
        permits: mpsc::Receiver<()>,
        written: mpsc::Sender<String>,
    }

    impl Sink for Pipe {
        fn write(&mut self, _: Level, text: &[u8]) -> bool {
            // Without the test there is nobody to write for.
            let _ = self.permits.recv();
            self.written
                .send(String::from_utf8_lossy(text).into_owned())
                .is_ok()
        }
    }

    #[derive(Default)]
    struct Tally(AtomicU64);

    impl Losses for Tally {
        fn count(&self, lines: u64) {
            self.0.fetch_add(lines, Ordering::SeqCst);
        }

        fn notice(&self, lines: u64) -> Waiting {
            line(&format!("lost {lines}"))
        }
    }

    fn line(text: &str) -> Waiting {
        Waiting {
            level: Level::Info,
            text: text.as_bytes().into(),
        }
    }

    fn soon() -> Instant {
        Instant::now() + PATIENCE
    }

    struct Bench {
        queue: Queue,
        tally: Arc<Tally>,
        permits: mpsc::Sender<()>,
        written: mpsc::Receiver<String>,
    }

    fn bench() -> Bench {
        let (permits, permitted) = mpsc::channel();
        let (writes, written) = mpsc::channel();
        let tally = Arc::new(Tally::default());
        let pipe = Pipe {
            permits: permitted,
            written: writes,
        };
        Bench {
            queue: Queue::start(pipe, tally.clone()).unwrap(),
            tally,
            permits,
            written,
        }
    }

    #[test]
    fn a_full_pipe_holds_nobody_and_the_gap_is_told_where_it_is() {
        let bench = bench();
        let text = "x".repeat(1000 - LINE_COST);
        let room = QUEUE_BYTES_MAX / 1000;
        for at in 0..room + 500 {
            bench.queue.push(line(&format!("{at:05}{}", &text[5..])));
        }
        let lost = bench.tally.0.load(Ordering::SeqCst);
        assert_eq!(lost, 500, "what is beyond the bound is dropped");
        assert!(!bench.queue.flush(Instant::now()), "nothing was written");
        // The reader comes back and takes more than half: the next line finds a place, behind the notice.
        for at in 0..room / 2 + 10 {
            bench.permits.send(()).unwrap();
            let got = bench.written.recv_timeout(PATIENCE).unwrap();
            assert!(got.starts_with(&format!("{at:05}")), "{got}");
        }
        bench.queue.push(line("after"));
        (0..room).for_each(|_| bench.permits.send(()).unwrap());
        assert!(bench.queue.flush(soon()));
        let rest: Vec<String> = bench.written.try_iter().collect();
        assert_eq!(rest.len(), room - (room / 2 + 10) + 2);
        assert_eq!(rest[rest.len() - 2..], ["lost 500", "after"]);
        assert!(rest.is_sorted_by_key(|text| text.starts_with(['l', 'a'])));
    }

    #[test]
    fn the_gap_is_told_though_nothing_more_is_logged() {
        let bench = bench();
        let big = "x".repeat(QUEUE_BYTES_MAX / 2);
        (0..5).for_each(|_| bench.queue.push(line(&big)));
        (0..10).for_each(|_| bench.permits.send(()).unwrap());
        assert!(bench.queue.flush(soon()));
        let all: Vec<String> = bench.written.try_iter().collect();
        assert_eq!(all.last().unwrap(), "lost 4");
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn one_line_beyond_the_bound_is_taken_when_nothing_waits() {
        let bench = bench();
        bench.queue.push(line(&"x".repeat(2 * QUEUE_BYTES_MAX)));
        bench.permits.send(()).unwrap();
        assert!(bench.queue.flush(soon()));
        assert_eq!(bench.tally.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn what_waits_is_written_though_the_log_is_gone() {
        let bench = bench();
        bench.queue.push(line("a"));
        bench.queue.push(line("b"));
        drop(bench.queue);
        (0..2).for_each(|_| bench.permits.send(()).unwrap());
        assert_eq!(bench.written.recv_timeout(PATIENCE).unwrap(), "a");
        assert_eq!(bench.written.recv_timeout(PATIENCE).unwrap(), "b");
        assert!(bench.written.recv_timeout(PATIENCE).is_err(), "it ends");
    }
}
