//! A lane: the ring between the front and one model instance in a worker.
//!
//! The front writes submissions, the instance's thread answers each in order, so completion `n`
//! belongs to submission `n` and both share a slot number. The front never has more than
//! [`LANE_SLOTS`] under way, which is what makes overwriting a slot safe.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use rustix::thread::futex;
use serde::{Deserialize, Serialize};

use crate::protocol::byte_strings::Unbalanced;

/// Executions that can be under way in one lane.
pub const LANE_SLOTS: u32 = 64;
/// Bytes between two lanes.
pub const LANE_BYTES: usize = 8192;

/// One execution that the front asks for: where its descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Offset of the descriptor in the front's heap.
    pub offset: u64,
    /// Its length in 64-bit words.
    pub words: u32,
}

/// The answer to one submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// What the block holds.
    pub holds: Holds,
    /// Offset of the block in the worker's heap.
    pub offset: u64,
    /// Its length: words of a descriptor, bytes of anything else.
    pub length: u32,
    /// Monotonic times in nanoseconds.
    pub times: ExecutionTimes,
}

/// What a worker answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holds {
    /// The descriptor of the outputs.
    #[default]
    Outputs,
    /// The text of an error.
    Failure,
    /// What is wrong with the request: [`Refused`], in JSON.
    Refusal,
}

impl From<u32> for Holds {
    fn from(number: u32) -> Self {
        match number {
            0 => Self::Outputs,
            2 => Self::Refusal,
            _ => Self::Failure,
        }
    }
}

/// A request that a worker refuses for what it found in memory of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("input number {input} holds byte strings that do not add up: {unbalanced:?}")]
pub struct Refused {
    /// The worker's number of the input.
    pub input: u32,
    /// How its lengths do not add up.
    pub unbalanced: Unbalanced,
}

/// When a worker did what with one execution; monotonic clock, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecutionTimes {
    /// The instance's thread took the submission.
    pub start: u64,
    /// Inputs were ready.
    pub inputs_ready: u64,
    /// The framework had finished.
    pub computed: u64,
    /// Outputs were ready.
    pub end: u64,
}

/// Shared memory of one lane. All-zero memory is a valid, empty lane.
#[repr(C, align(64))]
pub struct Lane {
    /// Number of submissions written (front).
    submitted: Padded,
    /// Number of submissions taken (worker).
    started: Padded,
    /// Number of completions written (worker).
    completed: Padded,
    /// 1 while the instance's thread sleeps or is about to; the futex it sleeps on.
    asleep: Padded,
    submissions: [SubmissionSlot; LANE_SLOTS as usize],
    completions: [CompletionSlot; LANE_SLOTS as usize],
}

/// A counter on a cache line of its own: the two sides write different ones.
#[repr(C, align(64))]
struct Padded(AtomicU32);

#[repr(C)]
struct SubmissionSlot {
    offset: AtomicU64,
    words: AtomicU32,
}

#[repr(C)]
struct CompletionSlot {
    offset: AtomicU64,
    length: AtomicU32,
    holds: AtomicU32,
    start: AtomicU64,
    inputs_ready: AtomicU64,
    computed: AtomicU64,
    end: AtomicU64,
}

impl Lane {
    /// Makes the lane empty again. Only while no process uses it.
    pub fn reset(&self) {
        for counter in [
            &self.submitted,
            &self.started,
            &self.completed,
            &self.asleep,
        ] {
            counter.0.store(0, Ordering::SeqCst);
        }
    }

    /// Writes a submission (front). Returns true where the instance's thread sleeps and must be
    /// [woken](Self::wake). The caller keeps fewer than [`LANE_SLOTS`] under way.
    #[must_use = "a sleeping thread has to be woken"]
    pub fn submit(&self, submission: Submission) -> bool {
        let number = self.submitted.0.load(Ordering::Relaxed);
        let slot = &self.submissions[(number % LANE_SLOTS) as usize];
        slot.offset.store(submission.offset, Ordering::Relaxed);
        slot.words.store(submission.words, Ordering::Relaxed);
        self.submitted
            .0
            .store(number.wrapping_add(1), Ordering::Release);
        // Pairs with the fence in `next`: either we see the sleeper or it sees the submission.
        fence(Ordering::SeqCst);
        self.asleep.0.load(Ordering::Relaxed) == 1
    }

    /// Wakes the instance's thread, whether or not there is something to do.
    pub fn wake(&self) {
        if self.asleep.0.swap(0, Ordering::SeqCst) == 1 {
            futex::wake(&self.asleep.0, futex::Flags::empty(), 1).ok();
        }
    }

    /// The next submission (worker), `None` where none has come.
    pub fn take(&self) -> Option<Submission> {
        let number = self.started.0.load(Ordering::Relaxed);
        if number == self.submitted.0.load(Ordering::Acquire) {
            return None;
        }
        let slot = &self.submissions[(number % LANE_SLOTS) as usize];
        let submission = Submission {
            offset: slot.offset.load(Ordering::Relaxed),
            words: slot.words.load(Ordering::Relaxed),
        };
        self.started
            .0
            .store(number.wrapping_add(1), Ordering::Release);
        Some(submission)
    }

    /// Whether there is something to take (worker).
    pub fn has_submission(&self) -> bool {
        self.started.0.load(Ordering::Relaxed) != self.submitted.0.load(Ordering::Acquire)
    }

    /// Sleeps (worker) until there may be something to take; also returns at times without.
    pub fn wait(&self) {
        self.asleep.0.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.started.0.load(Ordering::Relaxed) != self.submitted.0.load(Ordering::Relaxed) {
            self.asleep.0.store(0, Ordering::Relaxed);
            return;
        }
        // Waking for nothing once a minute costs nothing and bounds what a lost wake could cost.
        let timeout = rustix::fs::Timespec::try_from(Duration::from_secs(60))
            .expect("a minute fits a timespec");
        futex::wait(&self.asleep.0, futex::Flags::empty(), 1, Some(&timeout)).ok();
        self.asleep.0.store(0, Ordering::Relaxed);
    }

    /// Writes the completion of the oldest unanswered submission (worker).
    pub fn complete(&self, completion: Completion) {
        let number = self.completed.0.load(Ordering::Relaxed);
        let slot = &self.completions[(number % LANE_SLOTS) as usize];
        slot.offset.store(completion.offset, Ordering::Relaxed);
        slot.length.store(completion.length, Ordering::Relaxed);
        slot.holds.store(completion.holds as u32, Ordering::Relaxed);
        slot.start.store(completion.times.start, Ordering::Relaxed);
        slot.inputs_ready
            .store(completion.times.inputs_ready, Ordering::Relaxed);
        slot.computed
            .store(completion.times.computed, Ordering::Relaxed);
        slot.end.store(completion.times.end, Ordering::Relaxed);
        self.completed
            .0
            .store(number.wrapping_add(1), Ordering::Release);
    }

    /// Completion number `number` (front), `None` where it has not come. Numbers count from 0
    /// after [`reset`](Self::reset) and wrap.
    pub fn completion(&self, number: u32) -> Option<Completion> {
        if number == self.completed.0.load(Ordering::Acquire) {
            return None;
        }
        let slot = &self.completions[(number % LANE_SLOTS) as usize];
        Some(Completion {
            holds: slot.holds.load(Ordering::Relaxed).into(),
            offset: slot.offset.load(Ordering::Relaxed),
            length: slot.length.load(Ordering::Relaxed),
            times: ExecutionTimes {
                start: slot.start.load(Ordering::Relaxed),
                inputs_ready: slot.inputs_ready.load(Ordering::Relaxed),
                computed: slot.computed.load(Ordering::Relaxed),
                end: slot.end.load(Ordering::Relaxed),
            },
        })
    }

    /// Number of submissions that the instance's thread has taken (front, after a death).
    pub fn started(&self) -> u32 {
        self.started.0.load(Ordering::Acquire)
    }
}

/// The monotonic clock in nanoseconds; the same clock in every process.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::region::Region;

    #[test]
    fn every_submission_is_answered_once_and_in_order_across_threads() {
        let region = Region::create().unwrap();
        let lane = region.lane(5);
        const ROUNDS: u32 = 20_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let submission = loop {
                        match lane.take() {
                            Some(submission) => break submission,
                            None => lane.wait(),
                        }
                    };
                    lane.complete(Completion {
                        offset: submission.offset + 1,
                        length: submission.words,
                        ..Completion::default()
                    });
                }
            });
            let mut sent = 0;
            let mut reaped = 0;
            while reaped < ROUNDS {
                while sent < ROUNDS && sent - reaped < LANE_SLOTS {
                    let asleep = lane.submit(Submission {
                        offset: u64::from(sent),
                        words: sent,
                    });
                    if asleep {
                        lane.wake();
                    }
                    sent += 1;
                }
                while let Some(completion) = lane.completion(reaped) {
                    assert_eq!(completion.offset, u64::from(reaped) + 1);
                    assert_eq!(completion.length, reaped);
                    reaped += 1;
                }
                std::hint::spin_loop();
            }
        });
        assert_eq!(lane.started(), ROUNDS);
        assert!(lane.take().is_none());
    }

    #[test]
    fn an_empty_lane_has_nothing() {
        let region = Region::create().unwrap();
        let lane = region.lane(0);
        assert!(lane.take().is_none());
        assert!(lane.completion(0).is_none());
        assert!(!lane.submit(Submission {
            offset: 7,
            words: 1,
        }));
        lane.reset();
        assert!(lane.take().is_none());
    }
}
