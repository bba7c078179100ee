//! The sockets of a call, which its supervisor can shut down.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A socket as soon as there is one.
#[derive(Clone, Default)]
pub(super) struct SocketSlot(Arc<Mutex<Option<Arc<TcpStream>>>>);

impl SocketSlot {
    /// Sets the socket.
    pub(super) fn set(&self, socket: &Arc<TcpStream>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(socket));
    }

    /// Shuts the socket down, so that the thread that uses it comes back.
    pub(super) fn shut_down(&self) {
        if let Some(socket) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// The sockets of a call: the one of its work, and the one for tidying up after it.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    pub(super) work: SocketSlot,
    pub(super) tidying: SocketSlot,
    /// True if a command may have been sent.
    sent: Arc<AtomicBool>,
}

impl Sockets {
    /// Returns whether a command may have been sent.
    pub(super) fn may_have_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// Notes that a command is sent from here on.
    pub(super) fn note_command(&self) {
        self.sent.store(true, Ordering::Release);
    }
}
