//! Whether a server gives back what it had on the GPUs.
//!
//! The driver lists the processes that use a GPU, with their memory: there the server's own are looked
//! for. In a container that list may be empty; then what is in use altogether is compared, which is
//! why no other case runs beside such a one.

use super::finding::Finding;
use super::steps::{PATIENCE, Stage, StepError, WORKER_PID, met, wait_until};
use crate::gpu_memory::{CONTEXT_AT_LEAST, GpuMemoryReader, Reading};
use crate::observation::{GpuMemory, Outcome, Phase};

/// Less than ten reloads lose where each loses one granule of CUDA's memory, and more than what a
/// driver's own bookkeeping changes by.
const GROWTH: u64 = 16 << 20;

/// What was noted of the memory in use on the GPUs.
#[derive(Debug, Default)]
pub struct GpuMemoryNotes {
    notes: Vec<GpuMemory>,
    /// What was in use before the load.
    before: Option<GpuMemory>,
    /// The worker of the model that was loaded.
    worker: Option<i32>,
    /// Whether the driver listed it.
    is_listed: bool,
}

impl GpuMemoryNotes {
    /// All notes, in order.
    pub fn into_inner(self) -> Vec<GpuMemory> {
        self.notes
    }

    /// Whether what was held when the model was loaded is free again in `reading`; `listed` says whether
    /// the driver lists a process of the server. `None`: there is nothing to compare with.
    fn is_given_back(&self, reading: &Reading, listed: bool) -> Option<bool> {
        if self.is_listed {
            return Some(!listed);
        }
        let before = self.before.as_ref()?;
        Some(reading.used <= before.used + CONTEXT_AT_LEAST)
    }

    /// The bytes in use before, and those in `after`: of the server where the driver lists it.
    fn growth(&self, after: &GpuMemory) -> Option<(u64, u64)> {
        let in_use = |note: &GpuMemory| {
            if self.is_listed {
                note.of_server
            } else {
                note.used
            }
        };
        Some((in_use(self.before.as_ref()?), in_use(after)))
    }
}

impl Stage<'_> {
    pub(super) fn note_gpu_memory(&mut self) -> Result<(), StepError> {
        let reading = self.read_gpu_memory(&reader()?)?;
        let moment = if self.reached == Phase::Unload {
            "after the first unload"
        } else {
            "before the load"
        };
        let note = self.keep(&reading, moment);
        self.gpu_memory.before = Some(note);
        Ok(())
    }

    pub(super) fn holds_gpu_memory(&mut self, model: &str) -> Result<(), StepError> {
        let reading = self.read_gpu_memory(&reader()?)?;
        let worker = self.parameter(model, WORKER_PID)?;
        let note = self.keep(&reading, "with the model loaded");
        let pid = worker.parse().ok();
        let is_listed = pid.is_some_and(|pid| reading.lists(pid));
        self.gpu_memory.worker = pid;
        self.gpu_memory.is_listed = is_listed;
        let before = self.gpu_memory.before.as_ref();
        let grown = before.is_some_and(|before| note.used > before.used + CONTEXT_AT_LEAST);
        // Where nothing was noted before, and nobody is listed, there is nothing to compare with.
        met(is_listed || grown || before.is_none(), || {
            format!(
                "the driver does not list process {worker}, the worker of model '{model}', among the \
                 users of a GPU, and no more memory is in use than before its load ({} bytes, {} \
                 before): the model does not run on a GPU, or the memory cannot be told here",
                note.used,
                before.map_or(0, |before| before.used)
            )
        })
    }

    pub(super) fn gives_gpu_memory_back(&mut self) -> Result<(), StepError> {
        let reader = reader()?;
        let mut last = self.read_gpu_memory(&reader)?;
        let mut given_back = None;
        wait_until(PATIENCE, || {
            if let Ok(reading) = reader.read() {
                last = reading;
            }
            let listed = !self.listed(&last).is_empty();
            given_back = self.gpu_memory.is_given_back(&last, listed);
            given_back != Some(false)
        });
        let note = self.keep(&last, "after the unload");
        self.reach(Phase::Unload);
        match given_back {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => return Err(nothing_noted()),
        }
        let worker = self.gpu_memory.worker;
        let alive = worker.is_some_and(|pid| self.server.processes().contains(&pid));
        Err(StepError::Found(Finding::new(
            Outcome::StillLoaded,
            Phase::Unload,
            format!(
                "after the unload of its last model the server has memory of a GPU: {} bytes are in \
                 use, of those {} by its processes {:?}; {}",
                note.used,
                note.of_server,
                self.listed(&last),
                if alive {
                    "the worker lives on, and keeps its CUDA context and what the framework caches"
                } else {
                    "the worker has ended"
                }
            ),
        )))
    }

    pub(super) fn holds_no_more_gpu_memory(&mut self) -> Result<(), StepError> {
        let reading = self.read_gpu_memory(&reader()?)?;
        let note = self.keep(&reading, "after the last unload");
        let worker = self.gpu_memory.worker.ok_or_else(nothing_noted)?;
        // A new process would have nothing of what the old one kept.
        if !self.server.processes().contains(&worker) {
            return Err(StepError::Found(Finding::new(
                Outcome::WorkerCrashed,
                Phase::Unload,
                format!(
                    "process {worker}, the worker, is gone: it did not survive a load or an unload of \
                     the model; the server's log says why"
                ),
            )));
        }
        let (before, after) = self.gpu_memory.growth(&note).ok_or_else(nothing_noted)?;
        if after <= before + GROWTH {
            return Ok(());
        }
        Err(StepError::Found(Finding::new(
            Outcome::StillLoaded,
            Phase::Unload,
            format!(
                "the memory of GPUs in use grew from {before} to {after} bytes while the model was \
                 loaded, run and unloaded again and again: something of it is not given back"
            ),
        )))
    }

    /// The server's processes that the driver lists.
    fn listed(&self, reading: &Reading) -> Vec<i32> {
        let mut pids = self.server.processes();
        // One that has ended may stay on the list for a moment.
        pids.extend(self.gpu_memory.worker);
        pids.sort_unstable();
        pids.dedup();
        pids.retain(|&pid| reading.lists(pid));
        pids
    }

    fn read_gpu_memory(&self, reader: &GpuMemoryReader) -> Result<Reading, StepError> {
        reader.read().map_err(unreadable)
    }

    /// Notes a reading, for the evidence.
    fn keep(&mut self, reading: &Reading, moment: &str) -> GpuMemory {
        let note = reading.note(moment, &self.server.processes());
        self.gpu_memory.notes.push(note.clone());
        note
    }
}

fn nothing_noted() -> StepError {
    StepError::Unmet("the memory in use before was not noted".to_owned())
}

fn reader() -> Result<GpuMemoryReader, StepError> {
    GpuMemoryReader::open().map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> StepError {
    StepError::Unmet(format!(
        "NVIDIA's management library does not tell the memory of the GPUs: {error}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(is_listed: bool) -> GpuMemoryNotes {
        let before = GpuMemory {
            used: 1 << 30,
            of_server: 1 << 20,
            ..GpuMemory::default()
        };
        GpuMemoryNotes {
            before: Some(before),
            is_listed,
            ..GpuMemoryNotes::default()
        }
    }

    fn reading(used: u64) -> Reading {
        Reading {
            used,
            ..Reading::default()
        }
    }

    #[test]
    fn a_listed_worker_must_be_gone_whatever_others_use() {
        let others_use_more = reading(8 << 30);
        let notes = notes(true);
        assert_eq!(notes.is_given_back(&others_use_more, false), Some(true));
        assert_eq!(notes.is_given_back(&reading(0), true), Some(false));
    }

    #[test]
    fn a_hidden_worker_must_leave_less_than_a_context_behind() {
        let notes = notes(false);
        let used = |more: u64| notes.is_given_back(&reading((1 << 30) + more), false);
        assert_eq!((used(1 << 20), used(64 << 20)), (Some(true), Some(false)));
        let nothing = GpuMemoryNotes::default();
        assert_eq!(nothing.is_given_back(&reading(0), false), None);
    }

    #[test]
    fn growth_is_the_servers_own_where_it_can_be_told() {
        let after = GpuMemory {
            used: 4 << 30,
            of_server: 3 << 20,
            ..GpuMemory::default()
        };
        assert_eq!(notes(true).growth(&after), Some((1 << 20, 3 << 20)));
        assert_eq!(notes(false).growth(&after), Some((1 << 30, 4 << 30)));
    }
}
