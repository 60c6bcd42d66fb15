//! What an op library registers, observed while it does so.
//!
//! ONNX Runtime has no call that lists custom ops. So an op library gets an `OrtApiBase` of ours,
//! whose `GetApi` hands out a copy of the runtime's table with the few functions that concern
//! custom op domains replaced: each notes what it sees and calls the runtime's own.
//!
//! The functions have no argument of ours, so what they note is process-wide. That is enough: a
//! process has one ONNX Runtime, and libraries register on the control thread, one at a time.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::ptr::NonNull;
use std::sync::{LazyLock, OnceLock};

use ort::sys::{
    OrtApi, OrtApiBase, OrtCustomOp, OrtCustomOpDomain, OrtSessionOptions, OrtStatusPtr,
};
use parking_lot::Mutex;

use super::custom_op::CustomOp;
use crate::worker::backend::RegisteredOp;

/// Most words of a table that are copied. ONNX Runtime 1.32 has about 430.
const MOST_SLOTS: usize = 4096;

/// What one call of `RegisterCustomOps` did.
#[derive(Debug, Default)]
pub(super) struct Registration {
    /// The ops of the domains that were added to the session options, each once.
    pub(super) ops: Vec<RegisteredOp>,
    /// The domains that were added, in order.
    pub(super) domains: Vec<String>,
    /// The structs of the ops, in order: one op may have several, for other element types.
    pub(super) structs: Vec<(RegisteredOp, CustomOp)>,
    /// The highest API level that was asked for.
    pub(super) requested_level: Option<u32>,
    /// The highest level that was asked for and refused.
    pub(super) refused_level: Option<u32>,
}

#[derive(Default)]
struct Observed {
    /// Every live domain by its address. Libraries usually keep theirs for ever and add it to each
    /// new session's options.
    domains: HashMap<usize, Domain>,
    /// Addresses of the domains that the current call added.
    added: Vec<usize>,
    requested_level: Option<u32>,
    refused_level: Option<u32>,
}

struct Domain {
    name: String,
    ops: Vec<(String, CustomOp)>,
}

static OBSERVED: LazyLock<Mutex<Observed>> = LazyLock::new(Mutex::default);

/// The runtime whose functions are called in the end.
struct Original {
    base: &'static OrtApiBase,
    api: &'static OrtApi,
    /// Called with (requested, offered) when a level is refused, before the library learns of it.
    on_refusal: Box<dyn Fn(u32) + Send + Sync>,
}

static ORIGINAL: OnceLock<Original> = OnceLock::new();

static BASE: OnceLock<OrtApiBase> = OnceLock::new();

/// Our tables by the address of the runtime's. They live as long as the process, because op
/// libraries keep the pointer in a global variable.
static TABLES: LazyLock<Mutex<HashMap<usize, usize>>> = LazyLock::new(Mutex::default);

/// The entry that op libraries get in place of `base`.
///
/// `on_refusal` is called with the level whenever a library asks for one that the runtime does not
/// offer. The first call in a process decides; a process has one ONNX Runtime.
pub(super) fn interpose(
    base: &'static OrtApiBase,
    api: &'static OrtApi,
    on_refusal: impl Fn(u32) + Send + Sync + 'static,
) -> &'static OrtApiBase {
    let original = ORIGINAL.get_or_init(|| Original {
        base,
        api,
        on_refusal: Box::new(on_refusal),
    });
    BASE.get_or_init(|| OrtApiBase {
        GetApi: get_api,
        GetVersionString: original.base.GetVersionString,
    })
}

/// Forgets what the previous call of `RegisterCustomOps` did. To be called before the next.
pub(super) fn begin() {
    let mut observed = OBSERVED.lock();
    observed.added.clear();
    observed.requested_level = None;
    observed.refused_level = None;
}

/// What was done since [`begin`].
pub(super) fn finish() -> Registration {
    let observed = OBSERVED.lock();
    let mut registration = Registration {
        requested_level: observed.requested_level,
        refused_level: observed.refused_level,
        ..Registration::default()
    };
    // Looked up now, not when the domain was added: ops may be put into a domain afterwards.
    for domain in observed
        .added
        .iter()
        .filter_map(|address| observed.domains.get(address))
    {
        registration.domains.push(domain.name.clone());
        for (name, custom_op) in &domain.ops {
            let op = RegisteredOp {
                domain: domain.name.clone(),
                name: name.clone(),
                version: String::new(),
            };
            registration.structs.push((op.clone(), *custom_op));
            // One op is registered once for each element type.
            if !registration.ops.contains(&op) {
                registration.ops.push(op);
            }
        }
    }
    registration
}

unsafe extern "system" fn get_api(level: u32) -> *const OrtApi {
    let Some(original) = ORIGINAL.get() else {
        return std::ptr::null();
    };
    // SAFETY: the runtime's own function takes any number.
    let table = unsafe { (original.base.GetApi)(level) };
    {
        let mut observed = OBSERVED.lock();
        observed.requested_level = observed.requested_level.max(Some(level));
        if table.is_null() {
            observed.refused_level = observed.refused_level.max(Some(level));
        }
    }
    let Some(table) = NonNull::new(table.cast_mut()) else {
        // A library that does not check for null is about to crash: note it now.
        (original.on_refusal)(level);
        return std::ptr::null();
    };
    let copy = *TABLES
        .lock()
        .entry(table.as_ptr() as usize)
        // SAFETY: the runtime returned the table.
        .or_insert_with(|| unsafe { copy_of(table) } as usize);
    copy as *const OrtApi
}

/// Copies the runtime's table and puts our functions into the copy.
///
/// # Safety
/// `table` is a table of the mapped runtime.
unsafe fn copy_of(table: NonNull<OrtApi>) -> *mut OrtApi {
    let declared = size_of::<OrtApi>().div_ceil(size_of::<usize>());
    // The runtime's table is longer than the level that we were compiled for declares, and nothing
    // tells its length; a library of a newer level uses all of it. So everything up to the end of
    // the mapping that holds the table is copied, up to a maximum: what lies behind the table is
    // constant data that nobody looks at.
    let slots = slots_to_end_of_mapping(table.as_ptr() as usize)
        .unwrap_or(declared)
        .clamp(declared, MOST_SLOTS);
    let mut words = Vec::<usize>::with_capacity(slots);
    // SAFETY: `slots` words from the table's start are mapped and readable: either they are what
    // the table declares, or they lie within its mapping. They are pointers or constants, so any
    // value is a valid `usize`.
    unsafe {
        std::ptr::copy_nonoverlapping(table.as_ptr().cast::<usize>(), words.as_mut_ptr(), slots);
        words.set_len(slots);
    }
    let copy = words.leak().as_mut_ptr().cast::<OrtApi>();
    // SAFETY: the allocation holds at least the declared table, at its alignment, and is ours.
    unsafe {
        (*copy).CreateCustomOpDomain = create_custom_op_domain;
        (*copy).CustomOpDomain_Add = custom_op_domain_add;
        (*copy).AddCustomOpDomain = add_custom_op_domain;
        (*copy).ReleaseCustomOpDomain = release_custom_op_domain;
    }
    copy
}

fn slots_to_end_of_mapping(address: usize) -> Option<usize> {
    let address = address as u64;
    let maps = procfs::process::Process::myself().ok()?.maps().ok()?;
    let mapping = maps
        .into_iter()
        .find(|map| map.address.0 <= address && address < map.address.1)?;
    usize::try_from(mapping.address.1 - address)
        .ok()
        .map(|bytes| bytes / size_of::<usize>())
}

fn original() -> &'static OrtApi {
    // A library has our functions only from our table, and that only from `get_api`.
    ORIGINAL
        .get()
        .expect("our table is handed out after the runtime is known")
        .api
}

unsafe extern "system" fn create_custom_op_domain(
    name: *const c_char,
    out: *mut *mut OrtCustomOpDomain,
) -> OrtStatusPtr {
    // SAFETY: the library's own arguments, passed on.
    let status = unsafe { (original().CreateCustomOpDomain)(name, out) };
    if status.0.is_null() && !name.is_null() && !out.is_null() {
        // SAFETY: the call succeeded, so `name` is a C string and `out` holds the domain.
        let (name, domain) = unsafe { (CStr::from_ptr(name), *out) };
        let domain_is_new = Domain {
            name: name.to_string_lossy().into_owned(),
            ops: Vec::new(),
        };
        // An address may be used again after its domain was released behind our back.
        OBSERVED
            .lock()
            .domains
            .insert(domain as usize, domain_is_new);
    }
    status
}

unsafe extern "system" fn custom_op_domain_add(
    domain: *mut OrtCustomOpDomain,
    op: *const OrtCustomOp,
) -> OrtStatusPtr {
    // SAFETY: the library's own arguments, passed on.
    let status = unsafe { (original().CustomOpDomain_Add)(domain, op) };
    if status.0.is_null() {
        // SAFETY: ONNX Runtime accepted the op, so it is a live `OrtCustomOp`.
        let named = CustomOp::at(op).and_then(|op| Some((unsafe { op.name() }?, op)));
        if let Some(named) = named
            && let Some(domain) = OBSERVED.lock().domains.get_mut(&(domain as usize))
        {
            domain.ops.push(named);
        }
    }
    status
}

unsafe extern "system" fn add_custom_op_domain(
    options: *mut OrtSessionOptions,
    domain: *mut OrtCustomOpDomain,
) -> OrtStatusPtr {
    // SAFETY: the library's own arguments, passed on.
    let status = unsafe { (original().AddCustomOpDomain)(options, domain) };
    if status.0.is_null() {
        OBSERVED.lock().added.push(domain as usize);
    }
    status
}

unsafe extern "system" fn release_custom_op_domain(domain: *mut OrtCustomOpDomain) {
    OBSERVED.lock().domains.remove(&(domain as usize));
    // SAFETY: the library's own argument, passed on.
    unsafe { (original().ReleaseCustomOpDomain)(domain) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_stays_within_the_mapping() {
        static CONSTANT: [usize; 8] = [7; 8];
        let slots = slots_to_end_of_mapping(CONSTANT.as_ptr() as usize).unwrap();
        assert!(slots >= CONSTANT.len());
        assert_eq!(slots_to_end_of_mapping(8), None);
    }
}
