//! Work on several threads that waits for the disk most of its time: the file system makes one of many
//! syncs that come together. Nothing here knows what the work is.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

/// Threads at most. More of them wait for the same syncs, but cost their start.
pub(crate) const THREADS_MAX: usize = 16;

/// The results of `work` for each of `items`, in no particular order.
pub(crate) fn for_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut results = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(work(item));
        }
        results
    };
    thread::scope(|scope| {
        let helpers = (1..items.len().min(THREADS_MAX)).map_while(|_| {
            // Where there is no thread to be had, those that are there do more.
            Builder::new().spawn_scoped(scope, take).ok()
        });
        let helpers: Vec<_> = helpers.collect();
        let mut results = take();
        for helper in helpers {
            results.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        results
    })
}
