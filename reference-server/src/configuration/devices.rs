//! On which devices a model's instances execute: `instance_group`.

use proto::inference::{ModelInstanceGroup, model_instance_group::Kind};
use serde::{Deserialize, Serialize};

/// Where one instance of a model executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// `KIND_CPU`.
    Cpu,
    /// `KIND_GPU`: the GPU of that number, as CUDA counts those that the process may use.
    Gpu(u32),
    /// `KIND_MODEL`: as the model itself says.
    OfModel,
    /// `KIND_AUTO` where there is a GPU: the first one if the runtime can use it, else the CPU.
    Auto,
}

impl Device {
    /// The GPU's number, where it is known to be one.
    pub fn gpu(self) -> Option<u32> {
        match self {
            Self::Gpu(number) => Some(number),
            Self::Cpu | Self::OfModel | Self::Auto => None,
        }
    }
}

/// The devices of the instances of `groups`, on a machine with `gpus` GPUs. A group on the GPU has
/// `count` instances on each of its GPUs, and is on all of them where it names none. Where the machine
/// has none it is on the first one nevertheless: a worker knows all that its runtime lacks.
pub(super) fn of_groups(groups: &[ModelInstanceGroup], gpus: u32) -> Vec<Device> {
    let of_group = |group: &ModelInstanceGroup| -> Vec<Device> {
        let count = usize::try_from(group.count).unwrap_or(0).max(1);
        let devices: Vec<Device> = match group.kind() {
            Kind::Cpu => vec![Device::Cpu],
            Kind::Model => vec![Device::OfModel],
            Kind::Auto if gpus > 0 => vec![Device::Auto],
            Kind::Auto => vec![Device::Cpu],
            Kind::Gpu if group.gpus.is_empty() => (0..gpus.max(1)).map(Device::Gpu).collect(),
            Kind::Gpu => {
                let numbers = group.gpus.iter();
                let numbers = numbers.filter_map(|number| u32::try_from(*number).ok());
                numbers.map(Device::Gpu).collect()
            }
        };
        let of_each = |device| std::iter::repeat_n(device, count);
        devices.into_iter().flat_map(of_each).collect()
    };
    groups.iter().flat_map(of_group).collect()
}

/// What is wrong with the kind and the GPUs of a group, as the end of a sentence about it; wording as
/// Triton's where Triton has the check.
pub(super) fn fault(group: &ModelInstanceGroup, gpus: u32) -> Option<String> {
    match Kind::try_from(group.kind) {
        Ok(Kind::Gpu) => {
            let exists = |number: &i32| {
                u32::try_from(*number).is_ok_and(|number| gpus == 0 || number < gpus)
            };
            let unknown = group.gpus.iter().find(|number| !exists(number))?;
            Some(format!(
                "specifies invalid or unsupported gpu id {unknown}; the machine has {gpus}, counted \
                 from 0"
            ))
        }
        Ok(kind) if !group.gpus.is_empty() => Some(format!(
            "has kind {} but specifies one or more GPUs",
            kind.as_str_name()
        )),
        Ok(_) => None,
        Err(_) => Some(format!("has unexpected kind {}", group.kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(kind: Kind, count: i32, gpus: &[i32]) -> ModelInstanceGroup {
        ModelInstanceGroup {
            kind: kind.into(),
            count,
            gpus: gpus.to_vec(),
            ..ModelInstanceGroup::default()
        }
    }

    #[test]
    fn a_group_has_its_count_on_each_gpu() {
        let groups = [
            group(Kind::Gpu, 2, &[1]),
            group(Kind::Gpu, 1, &[]),
            group(Kind::Cpu, 1, &[]),
        ];
        assert_eq!(
            of_groups(&groups, 2),
            [
                Device::Gpu(1),
                Device::Gpu(1),
                Device::Gpu(0),
                Device::Gpu(1),
                Device::Cpu
            ]
        );
    }

    #[test]
    fn the_kind_is_open_only_where_there_is_a_gpu() {
        let groups = [group(Kind::Auto, 1, &[]), group(Kind::Model, 1, &[])];
        assert_eq!(of_groups(&groups, 0), [Device::Cpu, Device::OfModel]);
        assert_eq!(of_groups(&groups, 1), [Device::Auto, Device::OfModel]);
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused() {
        assert!(fault(&group(Kind::Gpu, 1, &[-1]), 0).is_some());
        assert!(fault(&group(Kind::Gpu, 1, &[1]), 1).is_some());
        assert!(fault(&group(Kind::Gpu, 1, &[-1]), 1).is_some());
        assert!(fault(&group(Kind::Auto, 1, &[0]), 1).is_some());
        assert_eq!(fault(&group(Kind::Gpu, 1, &[0]), 1), None);
        assert_eq!(fault(&group(Kind::Gpu, 1, &[]), 1), None);
    }

    #[test]
    fn where_there_is_no_gpu_the_worker_tells_what_is_missing() {
        assert_eq!(fault(&group(Kind::Gpu, 1, &[3]), 0), None);
        let groups = [group(Kind::Gpu, 1, &[]), group(Kind::Gpu, 1, &[3])];
        assert_eq!(of_groups(&groups, 0), [Device::Gpu(0), Device::Gpu(3)]);
    }
}
