//! Work that takes milliseconds within a task.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs work that computes for long, so that the other tasks of this worker go on elsewhere meanwhile. Costs a change of
/// threads: not for what is done in microseconds. Where there is one thread only, or none of a runtime, the work is just done.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    let several = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if several {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn works_with_one_thread_and_without_a_runtime() {
        assert_eq!(aside(|| 1), 1);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        assert_eq!(runtime.block_on(async { aside(|| 2) }), 2);
    }

    #[test]
    fn the_only_worker_stays_free() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .expect("a runtime");
        let (done, wait) = mpsc::channel();
        let long = runtime.spawn(async move { aside(|| wait.recv()) });
        // Would never run beside a task that holds the worker.
        runtime.spawn(async move { done.send(3) });
        assert_eq!(runtime.block_on(long).expect("ends"), Ok(3));
    }
}
