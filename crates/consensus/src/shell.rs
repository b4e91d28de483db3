//! The threads around a [`Driver`]: each waits for its queue and carries its contents to a value that does the work.
//!
//! Owns: which thread does what. Must never learn: what the work is.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::core::{Outgoing, Violation};
use crate::disk::Disk;
use crate::driver::{ApplySide, Driver, Input, Job, LogSide, Outputs, SnapshotJob, Work};
use crate::inbox::Inbox;
use crate::machine::{StateMachine, Transport};
use crate::snapshot::SnapshotFile;

/// What lies in a queue of a thread that may be told to end.
pub(crate) enum Item<T> {
    Do(T),
    Stop,
}

/// A queue's contents without its end; whether that stood in it.
fn taken<T>(items: &mut VecDeque<Item<T>>) -> (Vec<T>, bool) {
    let mut stop = false;
    let work = items.drain(..).filter_map(|item| match item {
        Item::Do(work) => Some(work),
        Item::Stop => {
            stop = true;
            None
        }
    });
    (work.collect(), stop)
}

/// Tells what became of a snapshot exactly once: that it failed, when whoever carried it went without a word. A follower that
/// nobody reports on would never be sent anything again.
struct Report<F: FnMut(bool)>(Option<F>);

impl<F: FnMut(bool)> Report<F> {
    fn tell(&mut self, arrived: bool) {
        if let Some(mut tell) = self.0.take() {
            tell(arrived);
        }
    }
}

impl<F: FnMut(bool)> Drop for Report<F> {
    fn drop(&mut self) {
        self.tell(false);
    }
}

/// The queues of a server's threads.
pub(crate) struct Queues<O> {
    pub(crate) inputs: Arc<Inbox<Input<O>>>,
    pub(crate) work: Arc<Inbox<Item<Work<O>>>>,
    /// `None` for a server without a way to others: its log is written where it is polled.
    pub(crate) jobs: Option<Arc<Inbox<Item<Job>>>>,
}

impl<O> Clone for Queues<O> {
    fn clone(&self) -> Self {
        Queues {
            inputs: self.inputs.clone(),
            work: self.work.clone(),
            jobs: self.jobs.clone(),
        }
    }
}

/// The engine's thread.
struct Shell<S: StateMachine> {
    driver: Driver<S>,
    queues: Queues<S::Outcome>,
    transport: Option<Arc<dyn Transport>>,
    disk: Option<Arc<dyn Disk>>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts the threads.
///
/// # Errors
/// When there are no more threads to be had.
pub(crate) fn start<S: StateMachine>(
    driver: Driver<S>,
    queues: Queues<S::Outcome>,
    transport: Option<Arc<dyn Transport>>,
    disk: Option<Arc<dyn Disk>>,
) -> io::Result<()> {
    let mut threads = Vec::new();
    let (side, own) = (driver.apply_side(), queues.clone());
    threads.push(spawn("raft-apply", move || serve_machine(&side, &own))?);
    if let Some(jobs) = queues.jobs.clone() {
        let (side, inputs) = (driver.log_side(), queues.inputs.clone());
        threads.push(spawn("raft-log", move || serve_log(&side, &jobs, &inputs))?);
    }
    let shell = Shell {
        driver,
        queues,
        transport,
        disk,
        threads,
    };
    spawn("raft-engine", move || shell.run())?;
    Ok(())
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(body)
}

fn serve_log<O>(side: &LogSide, jobs: &Inbox<Item<Job>>, inputs: &Inbox<Input<O>>) {
    let mut items = VecDeque::new();
    loop {
        jobs.take(&mut items, None);
        let (work, stop) = taken(&mut items);
        inputs.push(side.run(work.into_iter()));
        if stop {
            return;
        }
    }
}

fn serve_machine<S: StateMachine>(side: &ApplySide<S>, queues: &Queues<S::Outcome>) {
    let mut items = VecDeque::new();
    loop {
        queues.work.take(&mut items, None);
        let (work, stop) = taken(&mut items);
        match side.run(Instant::now(), work.into_iter()) {
            Ok((done, snapshot)) => {
                if let Some(job) = snapshot {
                    write_snapshot(job, queues.inputs.clone());
                }
                queues.inputs.push(done);
            }
            Err(violation) => {
                drop(queues.work.close());
                return queues.inputs.push(Input::Stopped(violation.0));
            }
        }
        if stop {
            return drop(queues.work.close());
        }
    }
}

fn write_snapshot<O: Send + 'static>(job: SnapshotJob, inputs: Arc<Inbox<Input<O>>>) {
    let told = inputs.clone();
    let write = move || told.push(Input::SnapshotEnded(job.run()));
    if spawn("raft-snapshot", write).is_err() {
        inputs.push(Input::SnapshotEnded(None));
    }
}

impl<S: StateMachine> Shell<S> {
    /// Runs until shutdown. After a violation or a panic of the engine this server takes part no more: everything
    /// waiting is answered, the reason stands in the status, and whoever carries the process ends it.
    fn run(mut self) {
        let served = catch_unwind(AssertUnwindSafe(|| self.serve()));
        let reason = match served {
            Ok(Ok(asked)) => return self.close(asked),
            Ok(Err(violation)) => violation.to_string(),
            Err(_) => "the consensus engine panicked".to_owned(),
        };
        self.driver.end(reason);
        let asked = self.serve().unwrap_or_default();
        self.close(asked);
    }

    /// Until somebody asks to end: who is to be told.
    fn serve(&mut self) -> Result<Option<tokio::sync::oneshot::Sender<()>>, Violation> {
        let (mut inputs, mut out) = (VecDeque::new(), Outputs::default());
        loop {
            self.driver.poll(Instant::now(), &mut inputs, &mut out)?;
            self.hand_on(&mut out);
            if let Some(asked) = self.driver.closing() {
                return Ok(asked);
            }
            self.queues.inputs.take(&mut inputs, self.driver.wake_at());
        }
    }

    /// Messages first: a leader's appends leave beside its own write.
    fn hand_on(&mut self, out: &mut Outputs<S::Outcome>) {
        for message in out.messages.drain(..) {
            self.send(message);
        }
        if let Some(transport) = &self.transport {
            for peer in out.disconnects.drain(..) {
                transport.disconnect(peer);
            }
        }
        if let Some(jobs) = &self.queues.jobs {
            for job in out.jobs.drain(..) {
                let bytes = job.bytes();
                jobs.push_weighed(Item::Do(job), bytes);
            }
        }
        for work in out.work.drain(..) {
            let bytes = work.bytes();
            self.queues.work.push_weighed(Item::Do(work), bytes);
        }
        for job in out.snapshots.drain(..) {
            write_snapshot(job, self.queues.inputs.clone());
        }
    }

    fn send(&self, message: Outgoing) {
        let Some(transport) = &self.transport else {
            return;
        };
        let Some(position) = message.snapshot else {
            return transport.send(message.to, message.bytes);
        };
        let (to, inputs) = (message.to, self.queues.inputs.clone());
        let mut report = Report(Some(move |arrived| {
            inputs.push(Input::SnapshotSent(to, arrived));
        }));
        let opened = self
            .disk
            .as_ref()
            .and_then(|disk| SnapshotFile::open(&**disk, position).ok());
        if let Some(file) = opened {
            let done = Box::new(move |arrived| report.tell(arrived));
            transport.send_snapshot(to, message.bytes, file, done);
        }
    }

    /// Answers what waits, closes the log in order, waits for the other threads.
    fn close(mut self, asked: Option<tokio::sync::oneshot::Sender<()>>) {
        drop(self.queues.inputs.close());
        let seal = self.driver.close();
        match &self.queues.jobs {
            Some(jobs) => {
                let items = seal.into_iter().map(Item::Do).chain([Item::Stop]);
                items.for_each(|item| jobs.push(item));
            }
            None => drop(self.driver.log_side().run::<S::Outcome>(seal.into_iter())),
        }
        self.queues.work.push(Item::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(asked) = asked {
            let _ = asked.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn what_became_of_a_snapshot_is_told_once_even_by_who_goes_without_a_word() {
        let (sender, told) = std::sync::mpsc::channel();
        let report = || {
            let sender = sender.clone();
            Report(Some(move |arrived| sender.send(arrived).unwrap()))
        };
        drop(report());
        report().tell(true);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [false, true]);
    }
}
