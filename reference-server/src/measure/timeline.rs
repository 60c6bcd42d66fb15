//! Which activity of the GPU belongs to which execution.

use measure_protocol::{DeviceTime, KernelUse};

use super::cupti::record::{Activity, What};

/// What the GPU did from the beginning of each execution to that of the next. `begins` are the times
/// at which executions began, ascending, on the clock of `activities`, and come with the number of
/// their model; what came before the first is passed over. Between two executions the caller gives the
/// GPU neither a kernel nor a copy, so that an end of each execution is not needed, and the two clocks
/// that these times come from may differ by as long as an input takes to get to the GPU.
///
/// Returns the times execution by execution, and the kernels of each of `models` models, the most
/// time-consuming first.
pub(super) fn assign(
    activities: &[Activity],
    begins: &[(u64, u32)],
    models: usize,
) -> (Vec<DeviceTime>, Vec<Vec<KernelUse>>) {
    let mut times = vec![DeviceTime::default(); begins.len()];
    let mut kernels: Vec<Vec<KernelUse>> = vec![Vec::new(); models];
    for activity in activities {
        let behind = begins.partition_point(|(begin, _)| *begin <= activity.start);
        let Some(execution) = behind.checked_sub(1) else {
            continue;
        };
        let time = &mut times[execution];
        match &activity.what {
            What::Kernel(name) => {
                time.kernels += activity.duration;
                time.launches += 1;
                let used = &mut kernels[begins[execution].1 as usize];
                match used.iter_mut().find(|kernel| kernel.name == *name) {
                    Some(kernel) => {
                        kernel.launches += 1;
                        kernel.time += activity.duration;
                    }
                    None => used.push(KernelUse {
                        name: name.clone(),
                        launches: 1,
                        time: activity.duration,
                    }),
                }
            }
            What::Copy { .. } => time.copies += activity.duration,
        }
    }
    for used in &mut kernels {
        used.sort_by_key(|kernel| std::cmp::Reverse(kernel.time));
    }
    (times, kernels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(start: u64, duration: u64, name: &str) -> Activity {
        Activity {
            start,
            duration,
            what: What::Kernel(name.to_owned()),
        }
    }

    #[test]
    fn each_activity_goes_to_the_execution_that_it_began_in() {
        let copy = Activity {
            start: 110,
            duration: 7,
            what: What::Copy {
                bytes: 64,
                within_device: false,
            },
        };
        let activities = [
            kernel(90, 1000, "before"),
            copy,
            kernel(120, 5, "own"),
            kernel(210, 3, "first"),
            kernel(214, 4, "second"),
            kernel(300, 6, "own"),
        ];
        let begins = [(100, 0), (200, 1), (300, 0)];
        let (times, kernels) = assign(&activities, &begins, 2);
        let time = |kernels, launches, copies| DeviceTime {
            kernels,
            launches,
            copies,
        };
        assert_eq!(times, [time(5, 1, 7), time(7, 2, 0), time(6, 1, 0)]);
        let names = |model: usize| -> Vec<(&str, u32, u64)> {
            kernels[model]
                .iter()
                .map(|kernel| (kernel.name.as_str(), kernel.launches, kernel.time))
                .collect()
        };
        assert_eq!(names(0), [("own", 2, 11)]);
        assert_eq!(names(1), [("second", 1, 4), ("first", 1, 3)]);
    }
}
