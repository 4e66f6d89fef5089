//! Work that runs guest code outside of the fleet, once: on a thread of its own, with the stack that the engine
//! asks for. It is not for ticks.

use std::io;
use std::thread::Builder;

use tokio::sync::oneshot;

use crate::launch::Node;

/// Native stack for the node's own calls below the guest's.
const NODE_STACK_BYTES: usize = 2 << 20;

/// Does `work` on a thread of its own and waits for it.
///
/// # Errors
/// When the thread cannot be made, or breaks down.
pub(crate) async fn on_guest_stack<T: Send + 'static>(
    node: &Node,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    let stack_bytes = node.engine.0.native_stack_bytes().saturating_add(NODE_STACK_BYTES);
    let body = move || {
        // Who waits may have left.
        let _ = sender.send(work());
    };
    Builder::new().name("arrival".to_owned()).stack_size(stack_bytes).spawn(body)?;
    done.await.map_err(|_| io::Error::other("the thread broke down"))
}
