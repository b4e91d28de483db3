//! Rooms: trees of named tasks. No task outlives its room, and closing a room names those that would.

use parking_lot::Mutex;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// Tasks that did not end within the time given; they have been aborted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("tasks still running when their room closed: {}", .0.join(", "))]
pub struct Stragglers(pub Vec<String>);

struct Task {
    name: &'static str,
    abort: Option<AbortHandle>,
}

#[derive(Default)]
struct Tasks {
    running: Vec<Option<Task>>,
    free: Vec<usize>,
    children: Vec<Weak<Inner>>,
}

impl Tasks {
    fn enter(&mut self, name: &'static str) -> usize {
        let task = Some(Task { name, abort: None });
        match self.free.pop() {
            Some(place) => {
                self.running[place] = task;
                place
            }
            None => {
                self.running.push(task);
                self.running.len() - 1
            }
        }
    }

    fn count(&self) -> usize {
        self.running.len() - self.free.len()
    }
}

struct Inner {
    name: String,
    runtime: Handle,
    closing: watch::Sender<bool>,
    tasks: Mutex<Tasks>,
    left: Notify,
}

/// A place for tasks. Cheap to clone; clones are the same room.
#[derive(Clone)]
pub struct Room(Arc<Inner>);

/// Frees a task's place when its future ends, is aborted or panics.
struct Place {
    room: Arc<Inner>,
    index: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tasks = self.room.tasks.lock();
        if let Some(task) = tasks.running.get_mut(self.index) {
            *task = None;
            tasks.free.push(self.index);
        }
        drop(tasks);
        self.room.left.notify_waiters();
    }
}

// Written as futures, not as `async` blocks: a block keeps what it captured beside what it awaits, so that each of these two
// would double the memory of every task.
pin_project! {
    /// A task that is dropped when its room closes.
    struct UntilClosing<T, C> {
        #[pin]
        task: T,
        #[pin]
        closing: C,
    }
}

impl<T: Future<Output = ()>, C: Future<Output = ()>> Future for UntilClosing<T, C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.closing.poll(context).is_ready() {
            return Poll::Ready(());
        }
        this.task.poll(context)
    }
}

pin_project! {
    /// A task in its place, which is freed behind it.
    struct Placed<T> {
        #[pin]
        task: T,
        place: Place,
    }
}

impl<T: Future<Output = ()>> Future for Placed<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.project().task.poll(context)
    }
}

impl Room {
    /// A root room whose tasks run on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(name: &str) -> Self {
        Self::on(name, Handle::current())
    }

    fn on(name: &str, runtime: Handle) -> Self {
        Self(Arc::new(Inner {
            name: name.to_string(),
            runtime,
            closing: watch::channel(false).0,
            tasks: Mutex::default(),
            left: Notify::new(),
        }))
    }

    /// A room inside this one: it closes with it, or earlier by itself.
    pub fn child(&self, name: &str) -> Self {
        let child = Self::on(&format!("{}/{name}", self.0.name), self.0.runtime.clone());
        let mut tasks = self.0.tasks.lock();
        tasks.children.retain(|c| c.strong_count() > 0);
        tasks.children.push(Arc::downgrade(&child.0));
        drop(tasks);
        if self.is_closing() {
            child.begin_close();
        }
        child
    }

    /// The path of names from the root.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs `task` until it ends or the room closes; closing drops it at its next await.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing();
        self.spawn_to_end(name, UntilClosing { task, closing });
    }

    /// Runs `task` to its own end: it has to watch [`Room::closing`] itself. For what must not stop half-way.
    pub fn spawn_to_end(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let index = self.0.tasks.lock().enter(name);
        let place = Place {
            room: self.0.clone(),
            index,
        };
        let handle = self.0.runtime.spawn(Placed { task, place });
        if let Some(Some(task)) = self.0.tasks.lock().running.get_mut(index) {
            // The place may already belong to a later task of the same room; aborting that one instead of nothing is
            // avoided by comparing the name and that no handle is there yet.
            if task.name == name && task.abort.is_none() && !handle.is_finished() {
                task.abort = Some(handle.abort_handle());
            }
        }
    }

    /// Runs blocking work on a thread made for that; it counts as a task of this room.
    pub fn spawn_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        let index = self.0.tasks.lock().enter(name);
        let place = Place {
            room: self.0.clone(),
            index,
        };
        self.0.runtime.spawn_blocking(move || {
            let _place = place;
            work();
        });
    }

    /// Resolves when the room begins to close.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut closing = self.0.closing.subscribe();
        async move {
            // The sender lives in the room; without it there is nothing left to run for.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// Whether the room is closing or closed.
    pub fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Tasks running here and in the rooms below.
    pub fn tasks(&self) -> usize {
        let mut sum = 0;
        self.visit(&mut |room| sum += room.0.tasks.lock().count());
        sum
    }

    /// Tells every task here and below to end, without waiting.
    pub fn begin_close(&self) {
        self.visit(&mut |room| {
            room.0.closing.send_replace(true);
        });
    }

    /// Closes the room and those below: tasks get `limit` of real time to end.
    ///
    /// # Errors
    /// The names (`room/task`) of those that did not; they are aborted.
    pub async fn close(&self, limit: Duration) -> Result<(), Stragglers> {
        self.begin_close();
        let _ = tokio::time::timeout(limit, self.emptied()).await;
        let mut names = Vec::new();
        self.visit(&mut |room| {
            for task in room.0.tasks.lock().running.iter().flatten() {
                names.push(format!("{}/{}", room.0.name, task.name));
                if let Some(abort) = &task.abort {
                    abort.abort();
                }
            }
        });
        if names.is_empty() {
            Ok(())
        } else {
            Err(Stragglers(names))
        }
    }

    async fn emptied(&self) {
        let mut rooms = Vec::new();
        self.visit(&mut |room| rooms.push(room.clone()));
        for room in rooms {
            loop {
                let left = room.0.left.notified();
                tokio::pin!(left);
                left.as_mut().enable();
                if room.0.tasks.lock().count() == 0 {
                    break;
                }
                left.await;
            }
        }
    }

    fn visit(&self, f: &mut dyn FnMut(&Room)) {
        f(self);
        let children: Vec<Room> = self
            .0
            .tasks
            .lock()
            .children
            .iter()
            .filter_map(Weak::upgrade)
            .map(Room)
            .collect();
        for child in children {
            child.visit(f);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_is_kept_once() {
        let room = Room::new("r");
        let large = [7u8; 4096];
        let task = async move {
            tokio::task::yield_now().await;
            assert_eq!(large[0], 7);
        };
        let own = size_of_val(&task);
        let closing = room.closing();
        let whole = size_of_val(&UntilClosing { task, closing }) + size_of::<Place>();
        assert!(whole < own + 1024, "{whole} bytes around {own}");
    }
}
