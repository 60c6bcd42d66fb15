//! The NVIDIA GPUs of this machine.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use crate::gpu::ComputeCapability;

/// What is there where NVIDIA's driver is.
const DRIVER: [&str; 2] = ["/proc/driver/nvidia/version", "/dev/dxg"];

/// The driver's own tool is asked, in a process of its own: the driver's library stays out of this
/// one, in which nothing of NVIDIA's can then fail.
const TOOL: &str = "nvidia-smi";
const QUESTION: [&str; 2] = [
    "--query-gpu=index,compute_cap,name",
    "--format=csv,noheader",
];

/// Longer than the tool takes to start a driver that nobody uses.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The variable that keeps programs from some of the GPUs.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gpu {
    pub index: u32,
    pub name: String,
    pub capability: ComputeCapability,
}

impl Gpu {
    /// The GPUs that workers of this process can use; found out once.
    pub(crate) fn present() -> &'static [Self] {
        static FOUND: LazyLock<Vec<Gpu>> = LazyLock::new(|| {
            if !DRIVER.iter().any(|path| Path::new(path).exists()) {
                return Vec::new();
            }
            let all = ask().map_or_else(Vec::new, |answer| parse(&answer));
            match std::env::var(VISIBLE) {
                Ok(list) => visible(all, &list),
                Err(_) => all,
            }
        });
        &FOUND
    }
}

/// How many NVIDIA GPUs workers of this process can use. CUDA counts them from zero. The first call
/// asks the driver's own tool, in a process of its own, where a driver is installed.
pub fn gpu_count() -> u32 {
    u32::try_from(Gpu::present().len()).unwrap_or(u32::MAX)
}

/// What the tool says; `None` where it is not there, fails or takes too long.
fn ask() -> Option<String> {
    let mut child = Command::new(TOOL)
        .args(QUESTION)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut answer = String::new();
        let read = output.read_to_string(&mut answer);
        // Nobody waits for it any more after the time limit.
        let _ = sender.send(read.map(|_| answer));
    });
    let answer = receiver.recv_timeout(TIME_LIMIT);
    if answer.is_err() {
        // It may have ended by itself meanwhile.
        let _ = child.kill();
    }
    let succeeded = child.wait().is_ok_and(|status| status.success());
    answer.ok()?.ok().filter(|_| succeeded)
}

/// One GPU a line: its index, its capability, its name.
fn parse(answer: &str) -> Vec<Gpu> {
    answer
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ',').map(str::trim);
            Some(Gpu {
                index: fields.next()?.parse().ok()?,
                capability: fields.next()?.parse().ok()?,
                name: fields.next()?.to_owned(),
            })
        })
        .collect()
}

/// Those that `list` leaves: indexes up to the first that names none. Identifiers of other kinds can
/// not be told apart here, so they leave all.
///
/// Source: CUDA programming guide, "CUDA environment variables".
fn visible(all: Vec<Gpu>, list: &str) -> Vec<Gpu> {
    let names = || list.split(',').map(str::trim);
    if names().any(|name| name.starts_with("GPU-") || name.starts_with("MIG-")) {
        return all;
    }
    names()
        .map_while(|name| {
            let index: u32 = name.parse().ok()?;
            all.iter().find(|gpu| gpu.index == index).cloned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "0, 9.0, NVIDIA H200\n1, 8.6, NVIDIA RTX A6000, rev. 2\n";

    #[test]
    fn each_line_is_a_gpu() {
        let gpus = parse(ANSWER);
        assert_eq!(gpus[0].capability, "9.0".parse().unwrap());
        assert_eq!(
            (gpus[1].index, &*gpus[1].name),
            (1, "NVIDIA RTX A6000, rev. 2")
        );
        assert_eq!(parse("No devices were found\n"), []);
        assert_eq!(parse("0, [N/A], NVIDIA\n"), []);
    }

    #[test]
    fn the_environment_leaves_some_of_them() {
        let indexes = |list| -> Vec<u32> {
            let left = visible(parse(ANSWER), list);
            left.into_iter().map(|gpu| gpu.index).collect()
        };
        assert_eq!(indexes("1,0"), [1, 0]);
        assert_eq!(indexes("1"), [1]);
        assert_eq!(indexes("0,-1,1"), [0]);
        assert!(indexes("").is_empty());
        assert_eq!(indexes("GPU-8932f937"), [0, 1]);
    }

    proptest! {
        #[test]
        fn any_answer_is_read(answer in "[0-9., \na-zA-Z\\[\\]]{0,80}", list in "[0-9,-]{0,8}") {
            let _ = visible(parse(&answer), &list);
        }
    }
}
