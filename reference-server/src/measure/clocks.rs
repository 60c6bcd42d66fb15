//! Clocks, power limit and throttling of a GPU, by NVML.

use measure_protocol::{ClockEvents, DeviceRecord};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::{Device, Nvml};

use super::gpu::Gpu;

/// The file name that the driver always installs; the one without a number is for developers.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Reasons that a reader should know, with words for them. That a GPU is idle or follows the clocks
/// that were set for it is none.
const REASONS: [(ThrottleReasons, &str); 6] = [
    (ThrottleReasons::SW_POWER_CAP, "the power limit"),
    (ThrottleReasons::HW_SLOWDOWN, "a hardware slowdown"),
    (ThrottleReasons::SW_THERMAL_SLOWDOWN, "its temperature"),
    (
        ThrottleReasons::HW_THERMAL_SLOWDOWN,
        "its temperature (hardware)",
    ),
    (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "the power supply"),
    (ThrottleReasons::SYNC_BOOST, "another GPU of its group"),
];

/// NVML, for the one GPU that is measured.
pub(super) struct Clocks {
    nvml: Nvml,
    uuid: String,
}

/// The state of the clocks at one moment.
pub(super) struct ClockState {
    sm_mhz: u32,
    reasons: ThrottleReasons,
}

impl Clocks {
    /// NVML for `gpu`; `None` where it is not installed or does not know the GPU, which makes nothing
    /// fail: what it tells is left out then.
    pub(super) fn open(gpu: &Gpu) -> Option<Self> {
        let nvml = Nvml::builder().lib_path(LIBRARY.as_ref()).init();
        let clocks = Self {
            nvml: nvml
                .inspect_err(|error| tracing::warn!("NVML cannot be used: {error}"))
                .ok()?,
            uuid: gpu.uuid.clone(),
        };
        clocks.device().is_some().then_some(clocks)
    }

    fn device(&self) -> Option<Device<'_>> {
        self.nvml.device_by_uuid(self.uuid.as_str()).ok()
    }

    /// The clocks now.
    pub(super) fn now(&self) -> Option<ClockState> {
        let device = self.device()?;
        Some(ClockState {
            sm_mhz: device.clock_info(Clock::SM).ok()?,
            reasons: device
                .current_throttle_reasons()
                .unwrap_or(ThrottleReasons::empty()),
        })
    }
}

/// What happened to the clocks between two moments.
pub(super) fn between(before: &ClockState, after: &ClockState) -> ClockEvents {
    let reasons = before.reasons | after.reasons;
    ClockEvents {
        before_mhz: before.sm_mhz,
        after_mhz: after.sm_mhz,
        held_down_by: REASONS
            .into_iter()
            .filter(|(reason, _)| reasons.contains(*reason))
            .map(|(_, words)| words.to_owned())
            .collect(),
    }
}

/// The record of `gpu`, without what only NVML tells where that is not there.
pub(super) fn describe(gpu: &Gpu, clocks: Option<&Clocks>) -> DeviceRecord {
    let device = clocks.and_then(Clocks::device);
    let device = device.as_ref();
    DeviceRecord {
        name: gpu.name.clone(),
        uuid: gpu.uuid.clone(),
        driver: clocks.and_then(|clocks| clocks.nvml.sys_driver_version().ok()),
        sm_clock_mhz: device.and_then(|device| device.clock_info(Clock::SM).ok()),
        highest_sm_clock_mhz: device.and_then(|device| device.max_clock_info(Clock::SM).ok()),
        memory_clock_mhz: device.and_then(|device| device.clock_info(Clock::Memory).ok()),
        ecc: device.and_then(|device| Some(device.is_ecc_enabled().ok()?.currently_enabled)),
        power_limit_w: device.and_then(|device| Some(device.enforced_power_limit().ok()? / 1000)),
        cache_bytes: gpu.cache_bytes,
        memory_bytes: gpu.memory_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_slows_a_busy_gpu_down_is_told() {
        let state = |sm_mhz, reasons| ClockState { sm_mhz, reasons };
        let events = between(
            &state(1980, ThrottleReasons::GPU_IDLE),
            &state(
                1410,
                ThrottleReasons::SW_POWER_CAP | ThrottleReasons::SW_THERMAL_SLOWDOWN,
            ),
        );
        assert_eq!((events.before_mhz, events.after_mhz), (1980, 1410));
        assert_eq!(events.held_down_by, ["the power limit", "its temperature"]);
        let idle = ThrottleReasons::GPU_IDLE | ThrottleReasons::APPLICATIONS_CLOCKS_SETTING;
        assert!(
            between(&state(345, idle), &state(345, idle))
                .held_down_by
                .is_empty()
        );
    }
}
