//! `RegisterCustomOps`, the function that ONNX Runtime looks for in an op library.

use std::{
    ffi::CStr,
    hint::black_box,
    ptr,
    sync::{Mutex, OnceLock, PoisonError},
};

use half::f16;
use ort_sys::{
    OrtApi, OrtApiBase, OrtCustomOp, OrtCustomOpDomain, OrtSessionOptions, OrtStatusPtr,
};

use crate::{
    bias_gelu::{BiasGelu, is_without_bias},
    configuration, device,
    interface::{Api, Result, call},
    kernel::{definition, guarded},
    layout::{self, Configuration, op_bit},
    modulo::Modulo,
    rms_norm::RmsNorm,
    select_above::SelectAbove,
};

/// Every level has the functions that make a status.
const LOWEST_LEVEL: u32 = 1;

/// One operator struct for each operator, element type and kind of device, beside the operator's bit.
type Definitions = Vec<(u8, OrtCustomOp)>;

/// Whether a definition is one for GPUs.
const CPU: bool = false;
const GPU: bool = true;

/// Adds the library's operators to a session's options. Sessions may share the operators and may
/// be created at the same time.
///
/// # Safety
/// Both pointers are those that ONNX Runtime hands over.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RegisterCustomOps(
    options: *mut OrtSessionOptions,
    base: *const OrtApiBase,
) -> OrtStatusPtr {
    // SAFETY: the base is valid, and the other pointer is the one that was handed over.
    unsafe {
        let table = ((*base).GetApi)(configuration::read().api_level);
        register(options, base, table)
    }
}

/// As [`RegisterCustomOps`], of a library with an entry point of its own, which has asked for the
/// function table already; null where the runtime lacks the level.
///
/// # Safety
/// The pointers are those that ONNX Runtime hands over.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn sample_ops_register(
    options: *mut OrtSessionOptions,
    base: *const OrtApiBase,
    table: *const OrtApi,
) -> OrtStatusPtr {
    // SAFETY: by this function's contract.
    unsafe { register(options, base, table) }
}

/// What both entry points do. It has no name for others: a call by one that is exported would reach
/// the library of the same name that was mapped first.
///
/// # Safety
/// As [`sample_ops_register`].
unsafe fn register(
    options: *mut OrtSessionOptions,
    base: *const OrtApiBase,
    table: *const OrtApi,
) -> OrtStatusPtr {
    let configuration = configuration::read();
    // SAFETY: the base is valid, and the lowest level is in every runtime.
    let lowest = unsafe { ((*base).GetApi)(LOWEST_LEVEL) };
    if table.is_null() && configuration.fault != layout::FAULT_UNCHECKED_API {
        // SAFETY: the lowest level is not null, and the version is a constant string.
        let (lowest, version) = unsafe {
            (
                Api::new(lowest),
                CStr::from_ptr(((*base).GetVersionString)()),
            )
        };
        return lowest.status(&format_args!(
            "the op library needs level {} of ONNX Runtime's C interface, which ONNX Runtime {} does not have; \
             use a newer runtime, or build the library for an older level",
            configuration.api_level,
            version.to_string_lossy()
        ));
    }
    // SAFETY: the table is not null, or the fault is to use it although it is: then the process
    // gets SIGSEGV at the first use. The compiler does not get to know.
    let api = unsafe { Api::new(black_box(table)) };
    guarded(api, c"RegisterCustomOps", || {
        if configuration.fault == layout::FAULT_REGISTRATION_FAILS {
            return Err("the op library refuses to register, as it was asked to".to_owned());
        }
        let domain = domain(api, &configuration)?;
        // SAFETY: the options are valid, and the domain lives as long as the library.
        unsafe { call!(api, AddCustomOpDomain(options, domain)) }
    })
}

/// The library's domain in this runtime. It is created once and never released: sessions refer to
/// it, and no call says when the last of them is gone.
fn domain(api: Api, configuration: &Configuration) -> Result<*mut OrtCustomOpDomain> {
    /// Address of a function table, and of the domain that was created with it.
    static DOMAINS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

    let mut domains = DOMAINS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = api.table().addr();
    if let Some(&(_, domain)) = domains.iter().find(|(table, _)| *table == key) {
        return Ok(ptr::with_exposed_provenance_mut(domain));
    }
    let name = configuration::c_string(&configuration.domain);
    let mut domain = ptr::null_mut();
    // SAFETY: the name is copied. The operator structs are statics of this library.
    unsafe {
        call!(api, CreateCustomOpDomain(name.as_ptr(), &mut domain))?;
        for (bit, definition) in definitions(configuration.api_level) {
            if configuration.ops & bit != 0 {
                call!(api, CustomOpDomain_Add(domain, definition))?;
            }
        }
    }
    domains.push((key, domain.expose_provenance()));
    Ok(domain)
}

fn definitions(level: u32) -> &'static [(u8, OrtCustomOp)] {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    const BIAS_GELU: u8 = op_bit(0);
    const RMS_NORM: u8 = op_bit(1);
    const MODULO: u8 = op_bit(2);
    const SELECT_ABOVE: u8 = op_bit(3);

    DEFINITIONS.get_or_init(|| {
        let mut definitions = vec![
            (BIAS_GELU, definition::<BiasGelu<f32>, CPU>(level)),
            (BIAS_GELU, definition::<BiasGelu<f16>, CPU>(level)),
            (RMS_NORM, definition::<RmsNorm<f32>, CPU>(level)),
            (RMS_NORM, definition::<RmsNorm<f16>, CPU>(level)),
            (MODULO, definition::<Modulo<f32>, CPU>(level)),
            (MODULO, definition::<Modulo<f16>, CPU>(level)),
            (MODULO, definition::<Modulo<i32>, CPU>(level)),
            (MODULO, definition::<Modulo<i64>, CPU>(level)),
            (SELECT_ABOVE, definition::<SelectAbove<f32>, CPU>(level)),
            (SELECT_ABOVE, definition::<SelectAbove<f16>, CPU>(level)),
        ];
        if device::launches().is_some() {
            definitions.extend([
                (RMS_NORM, definition::<RmsNorm<f32>, GPU>(level)),
                (RMS_NORM, definition::<RmsNorm<f16>, GPU>(level)),
                (MODULO, definition::<Modulo<f32>, GPU>(level)),
                (MODULO, definition::<Modulo<f16>, GPU>(level)),
                (MODULO, definition::<Modulo<i32>, GPU>(level)),
                (MODULO, definition::<Modulo<i64>, GPU>(level)),
                (SELECT_ABOVE, definition::<SelectAbove<f32>, GPU>(level)),
                (SELECT_ABOVE, definition::<SelectAbove<f16>, GPU>(level)),
            ]);
            // There is no kernel without a bias: the CPU's is used.
            if !is_without_bias() {
                definitions.extend([
                    (BIAS_GELU, definition::<BiasGelu<f32>, GPU>(level)),
                    (BIAS_GELU, definition::<BiasGelu<f16>, GPU>(level)),
                ]);
            }
        }
        definitions
    })
}
