//! A guard against files that are cut off while they are mapped.
//!
//! A client can truncate the file of a shared-memory region whenever it likes, and an access to what
//! is gone is a bus error, in the middle of a framework's kernel as anywhere else. Looking at the size
//! before each use cannot rule that out, and copying everything would be the price of a request. So the
//! worker handles the signal: where the address lies in a [`Watched`] range, the rest of the range
//! becomes anonymous memory that reads as zeros, the range is marked, and the access goes on. Whoever
//! used the range looks at the mark afterwards and refuses what was computed.
//!
//! What remains: a library in the worker that takes the signal over and does not pass it on ends the
//! worker in that case, as any crash does, and the front replaces it.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Ranges that can be watched at a time.
const RANGES: usize = 8192;

/// One range, as the signal handler sees it.
struct Range {
    start: AtomicUsize,
    /// 0 while the range is not in use.
    end: AtomicUsize,
    is_damaged: AtomicBool,
}

static TABLE: [Range; RANGES] = [const {
    Range {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        is_damaged: AtomicBool::new(false),
    }
}; RANGES];

/// Places of [`TABLE`] that were in use at some time; all of them are in front of the others.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Places in front of [`USED`] that are not in use.
static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
/// What was done about the signal before.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(std::ptr::null_mut());

/// A mapped range of a file that may be cut off.
#[derive(Debug)]
pub struct Watched {
    place: usize,
}

impl Watched {
    /// Watches the mapping of `length` bytes at `start`, which is whole pages and stays mapped for the
    /// life of this value. `None` where too many ranges are watched.
    pub fn new(start: NonNull<u8>, length: usize) -> Option<Self> {
        install();
        let place = {
            let mut free = FREE.lock();
            match free.pop() {
                Some(place) => place,
                None => {
                    let place = USED.load(Ordering::Relaxed);
                    if place == RANGES {
                        return None;
                    }
                    USED.store(place + 1, Ordering::Release);
                    place
                }
            }
        };
        let range = &TABLE[place];
        let start = start.as_ptr() as usize;
        range.is_damaged.store(false, Ordering::Relaxed);
        range.start.store(start, Ordering::Relaxed);
        range.end.store(start + length, Ordering::Release);
        Some(Self { place })
    }

    /// Whether a part of the range that was accessed is no longer in the file. It stays so: nothing in
    /// the range can be relied on any more.
    pub fn is_damaged(&self) -> bool {
        TABLE[self.place].is_damaged.load(Ordering::Acquire)
    }

    /// Watches no more, so that the range can be unmapped.
    pub fn end(&self) {
        TABLE[self.place].end.store(0, Ordering::Release);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
        FREE.lock().push(self.place);
    }
}

/// Installs the handler, once in the life of the process.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: all-zero is a valid `sigaction`; the calls get valid pointers; the handler does
        // nothing that a signal handler may not.
        unsafe {
            let mut previous: Box<libc::sigaction> = Box::new(std::mem::zeroed());
            libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut *previous);
            // For ever: the handler may read it at any time.
            PREVIOUS.store(Box::into_raw(previous), Ordering::Release);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_bus_error as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    });
}

extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system calls this with a valid `info`.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    if code == libc::BUS_ADRERR && is_mended(address) {
        return;
    }
    pass_on(signal, info, context);
}

/// Puts memory in the place of what a watched file lacks from `address` on; false where no watched
/// range is concerned.
fn is_mended(address: usize) -> bool {
    let used = USED.load(Ordering::Acquire);
    let concerned = TABLE[..used].iter().find(|range| {
        let end = range.end.load(Ordering::Acquire);
        (range.start.load(Ordering::Relaxed)..end).contains(&address)
    });
    let Some(range) = concerned else {
        return false;
    };
    range.is_damaged.store(true, Ordering::Release);
    // Not asked of the system here: the size of a page of x86-64 is what it is.
    let page = address & !(PAGE_BYTES - 1);
    let end = range
        .end
        .load(Ordering::Acquire)
        .next_multiple_of(PAGE_BYTES);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the pages belong to a mapping that its owner gave to this module to watch, and which it
    // unmaps only after that; `mmap` is a plain system call.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::with_exposed_provenance_mut(page),
            end - page,
            protection,
            flags,
            -1,
            0,
        )
    };
    mapped != libc::MAP_FAILED
}

const PAGE_BYTES: usize = 4096;

/// Does what was done about the signal before this handler was there.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = PREVIOUS.load(Ordering::Acquire);
    // SAFETY: set before the handler was installed, and never freed.
    let previous = unsafe { &*previous };
    match previous.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // The access is made again when this returns, and then ends the process.
            // SAFETY: restores the system's own action.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: who installed it said that it is such a function.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: as above.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}
