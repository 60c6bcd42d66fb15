//! A server process with all its descendants, as `/proc` shows them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use procfs::process::{MMapPath, Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// One process of a family. Its start time tells it from a later process with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Process id.
    pub pid: i32,
    /// Start, in clock ticks since the machine's boot.
    pub started: u64,
}

/// Memory of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Process id.
    pub pid: i32,
    /// Resident set, in bytes: everything that is in physical memory, shared pages included.
    pub resident: u64,
    /// Proportional set, in bytes: shared pages count by the number of processes that share them.
    pub proportional: u64,
}

/// The processes that descend from `root` or belong to the session that it leads, `root` first
/// where it is alive. A process that nobody has waited for yet is not alive.
pub fn members(root: i32) -> Vec<Member> {
    let Ok(processes) = all_processes() else {
        return Vec::new();
    };
    let mut alive = HashMap::new();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let mut pending = vec![root];
    for stat in processes
        .flatten()
        .filter_map(|process| process.stat().ok())
    {
        children.entry(stat.ppid).or_default().push(stat.pid);
        // A worker whose parent died has another parent now, and is still in the session.
        if stat.session == root {
            pending.push(stat.pid);
        }
        if !matches!(stat.state, 'Z' | 'X') {
            alive.insert(
                stat.pid,
                Member {
                    pid: stat.pid,
                    started: stat.starttime,
                },
            );
        }
    }
    let mut seen = HashSet::new();
    let mut members = Vec::new();
    pending.reverse();
    pending.push(root);
    while let Some(pid) = pending.pop() {
        if seen.insert(pid) {
            members.extend(alive.get(&pid));
            pending.extend(children.get(&pid).into_iter().flatten());
        }
    }
    members
}

/// Whether `member` is still alive.
pub fn is_alive(member: Member) -> bool {
    Process::new(member.pid)
        .and_then(|process| process.stat())
        .is_ok_and(|stat| stat.starttime == member.started && !matches!(stat.state, 'Z' | 'X'))
}

/// Kills `member` with SIGKILL where it is still alive.
pub fn kill(member: Member) {
    if let Some(pid) = Pid::from_raw(member.pid)
        && is_alive(member)
    {
        // It may have ended meanwhile, which is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The files that `pid` has mapped, each once. A file that was deleted or replaced since it was
/// mapped is listed under the path it had.
pub fn mapped_files(pid: i32) -> BTreeSet<PathBuf> {
    let Ok(maps) = Process::new(pid).and_then(|process| process.maps()) else {
        return BTreeSet::new();
    };
    maps.into_iter()
        .filter_map(|map| match map.pathname {
            MMapPath::Path(path) => Some(without_deleted_mark(path)),
            _ => None,
        })
        .collect()
}

/// The kernel appends a mark to the path of a mapped file that is no longer there.
fn without_deleted_mark(path: PathBuf) -> PathBuf {
    match path
        .to_str()
        .and_then(|text| text.strip_suffix(" (deleted)"))
    {
        Some(stripped) => Path::new(stripped).to_owned(),
        None => path,
    }
}

/// Memory of `pid`; `None` where it is gone.
pub fn memory(pid: i32) -> Option<MemoryUse> {
    let process = Process::new(pid).ok()?;
    let resident = process.status().ok()?.vmrss? * 1024;
    let proportional = process
        .smaps_rollup()
        .ok()
        .and_then(|rollup| {
            let maps = rollup.memory_map_rollup;
            maps.into_iter().next()?.extension.map.get("Pss").copied()
        })
        .unwrap_or(resident);
    Some(MemoryUse {
        pid,
        resident,
        proportional,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_itself_its_executable_and_some_memory() {
        let pid = std::process::id() as i32;
        let family = members(pid);
        assert_eq!(family.first().map(|member| member.pid), Some(pid));
        assert!(family.iter().all(|&member| is_alive(member)));
        let executable = std::env::current_exe().unwrap();
        assert!(mapped_files(pid).contains(&executable));
        let memory = memory(pid).unwrap();
        assert!(memory.resident > 1 << 20, "{memory:?}");
        assert!(
            memory.proportional > 0 && memory.proportional <= memory.resident,
            "{memory:?}"
        );
    }

    #[test]
    fn a_later_process_with_the_same_id_is_another_one() {
        let me = members(std::process::id() as i32)[0];
        assert!(!is_alive(Member {
            started: me.started + 1,
            ..me
        }));
    }

    #[test]
    fn the_mark_of_a_deleted_file_is_removed() {
        assert_eq!(
            without_deleted_mark("/a/b.so (deleted)".into()),
            Path::new("/a/b.so")
        );
        assert_eq!(without_deleted_mark("/a/b.so".into()), Path::new("/a/b.so"));
    }
}
