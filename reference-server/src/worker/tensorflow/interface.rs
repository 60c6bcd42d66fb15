//! The functions of TensorFlow's C API that are used, found in the mapped library by name.
//!
//! Numbers that name a type or an error are plain integers here: a newer runtime knows more of
//! them than any list.

use std::ffi::{c_char, c_int, c_void};

use libloading::os::unix::Library;

macro_rules! opaque {
    ($($(#[$attribute:meta])* $name:ident)*) => {$(
        $(#[$attribute])*
        #[repr(C)]
        pub(super) struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque! {
    /// `TF_Status`
    Status
    /// `TF_Graph`
    Graph
    /// `TF_Operation`
    Operation
    /// `TF_Session`
    Session
    /// `TF_SessionOptions`
    SessionOptions
    /// `TF_ImportGraphDefOptions`
    ImportOptions
    /// `TF_DeviceList`
    DeviceList
    /// `TF_Tensor`
    Tensor
    /// `TF_Library`
    LibraryHandle
}

/// `TF_Buffer`: bytes, usually a protobuf message.
#[repr(C)]
pub(super) struct Buffer {
    /// Where they are.
    pub(super) data: *const c_void,
    /// How many.
    pub(super) length: usize,
    /// Frees them.
    pub(super) deallocator: Option<unsafe extern "C" fn(*mut c_void, usize)>,
}

/// `TF_Output`: one result of one operation of a graph.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// The operation.
    pub(super) operation: *mut Operation,
    /// Number of the result.
    pub(super) index: c_int,
}

/// `TF_TString`, an element of a string tensor; 24 bytes that only the functions below read.
#[repr(C)]
pub(super) struct TString {
    _words: [u64; 3],
}

/// What is called when a tensor no longer needs the memory that it was given.
pub(super) type Deallocator = unsafe extern "C" fn(*mut c_void, usize, *mut c_void);

/// `TF_SessionRun`
pub(super) type SessionRun = unsafe extern "C" fn(
    *mut Session,
    *const Buffer,
    *const Output,
    *const *mut Tensor,
    c_int,
    *const Output,
    *mut *mut Tensor,
    c_int,
    *const *const Operation,
    c_int,
    *mut Buffer,
    *mut Status,
);

/// `TF_LoadSessionFromSavedModel`
pub(super) type LoadSavedModel = unsafe extern "C" fn(
    *const SessionOptions,
    *const Buffer,
    *const c_char,
    *const *const c_char,
    c_int,
    *mut Graph,
    *mut Buffer,
    *mut Status,
) -> *mut Session;

/// `TF_GraphImportGraphDef`
pub(super) type ImportGraphDef =
    unsafe extern "C" fn(*mut Graph, *const Buffer, *const ImportOptions, *mut Status);

/// `TF_LoadLibrary`
pub(super) type LoadLibrary =
    unsafe extern "C" fn(*mut c_char, *const Status) -> *mut LibraryHandle;

macro_rules! interface {
    ($($field:ident = $symbol:literal: $type:ty;)*) => {
        /// Pointers into the mapped library.
        pub(super) struct Interface {
            $(
                #[doc = concat!("`", $symbol, "`")]
                pub(super) $field: $type,
            )*
        }

        impl Interface {
            /// Finds all functions in `library`.
            ///
            /// # Errors
            /// The name of the first that the library does not export.
            pub(super) fn of(library: &Library) -> Result<Self, &'static str> {
                Ok(Self {$(
                    // SAFETY: the type is the one that TensorFlow's headers declare for the name.
                    $field: *unsafe { library.get::<$type>(concat!($symbol, "\0").as_bytes()) }
                        .map_err(|_| $symbol)?,
                )*})
            }
        }
    };
}

interface! {
    version = "TF_Version": unsafe extern "C" fn() -> *const c_char;
    new_status = "TF_NewStatus": unsafe extern "C" fn() -> *mut Status;
    delete_status = "TF_DeleteStatus": unsafe extern "C" fn(*mut Status);
    get_code = "TF_GetCode": unsafe extern "C" fn(*const Status) -> c_int;
    message = "TF_Message": unsafe extern "C" fn(*const Status) -> *const c_char;
    delete_buffer = "TF_DeleteBuffer": unsafe extern "C" fn(*mut Buffer);
    load_library = "TF_LoadLibrary": LoadLibrary;
    get_op_list = "TF_GetOpList": unsafe extern "C" fn(*mut LibraryHandle) -> Buffer;
    get_all_op_list = "TF_GetAllOpList": unsafe extern "C" fn() -> *mut Buffer;
    get_all_registered_kernels = "TF_GetAllRegisteredKernels":
        unsafe extern "C" fn(*mut Status) -> *mut Buffer;
    get_registered_kernels_for_op = "TF_GetRegisteredKernelsForOp":
        unsafe extern "C" fn(*const c_char, *mut Status) -> *mut Buffer;
    new_graph = "TF_NewGraph": unsafe extern "C" fn() -> *mut Graph;
    delete_graph = "TF_DeleteGraph": unsafe extern "C" fn(*mut Graph);
    new_import_options = "TF_NewImportGraphDefOptions":
        unsafe extern "C" fn() -> *mut ImportOptions;
    delete_import_options = "TF_DeleteImportGraphDefOptions":
        unsafe extern "C" fn(*mut ImportOptions);
    set_default_device = "TF_ImportGraphDefOptionsSetDefaultDevice":
        unsafe extern "C" fn(*mut ImportOptions, *const c_char);
    import_graph_def = "TF_GraphImportGraphDef": ImportGraphDef;
    operation_by_name = "TF_GraphOperationByName":
        unsafe extern "C" fn(*mut Graph, *const c_char) -> *mut Operation;
    operation_num_outputs = "TF_OperationNumOutputs": unsafe extern "C" fn(*mut Operation) -> c_int;
    operation_output_type = "TF_OperationOutputType": unsafe extern "C" fn(Output) -> c_int;
    tensor_num_dims = "TF_GraphGetTensorNumDims":
        unsafe extern "C" fn(*mut Graph, Output, *mut Status) -> c_int;
    tensor_shape = "TF_GraphGetTensorShape":
        unsafe extern "C" fn(*mut Graph, Output, *mut i64, c_int, *mut Status);
    new_session_options = "TF_NewSessionOptions": unsafe extern "C" fn() -> *mut SessionOptions;
    delete_session_options = "TF_DeleteSessionOptions": unsafe extern "C" fn(*mut SessionOptions);
    set_config = "TF_SetConfig":
        unsafe extern "C" fn(*mut SessionOptions, *const c_void, usize, *mut Status);
    new_session = "TF_NewSession":
        unsafe extern "C" fn(*mut Graph, *const SessionOptions, *mut Status) -> *mut Session;
    load_saved_model = "TF_LoadSessionFromSavedModel": LoadSavedModel;
    close_session = "TF_CloseSession": unsafe extern "C" fn(*mut Session, *mut Status);
    delete_session = "TF_DeleteSession": unsafe extern "C" fn(*mut Session, *mut Status);
    list_devices = "TF_SessionListDevices":
        unsafe extern "C" fn(*mut Session, *mut Status) -> *mut DeviceList;
    delete_device_list = "TF_DeleteDeviceList": unsafe extern "C" fn(*mut DeviceList);
    device_list_count = "TF_DeviceListCount": unsafe extern "C" fn(*const DeviceList) -> c_int;
    device_list_name = "TF_DeviceListName":
        unsafe extern "C" fn(*const DeviceList, c_int, *mut Status) -> *const c_char;
    session_run = "TF_SessionRun": SessionRun;
    new_tensor = "TF_NewTensor": unsafe extern "C" fn(
        c_int,
        *const i64,
        c_int,
        *mut c_void,
        usize,
        Deallocator,
        *mut c_void,
    ) -> *mut Tensor;
    allocate_tensor = "TF_AllocateTensor":
        unsafe extern "C" fn(c_int, *const i64, c_int, usize) -> *mut Tensor;
    delete_tensor = "TF_DeleteTensor": unsafe extern "C" fn(*mut Tensor);
    tensor_type = "TF_TensorType": unsafe extern "C" fn(*const Tensor) -> c_int;
    num_dims = "TF_NumDims": unsafe extern "C" fn(*const Tensor) -> c_int;
    dim = "TF_Dim": unsafe extern "C" fn(*const Tensor, c_int) -> i64;
    tensor_byte_size = "TF_TensorByteSize": unsafe extern "C" fn(*const Tensor) -> usize;
    tensor_data = "TF_TensorData": unsafe extern "C" fn(*const Tensor) -> *mut c_void;
    string_init = "TF_StringInit": unsafe extern "C" fn(*mut TString);
    string_copy = "TF_StringCopy": unsafe extern "C" fn(*mut TString, *const c_char, usize);
    string_data = "TF_StringGetDataPointer": unsafe extern "C" fn(*const TString) -> *const c_char;
    string_dealloc = "TF_StringDealloc": unsafe extern "C" fn(*mut TString);
    string_size = "TF_StringGetSize": unsafe extern "C" fn(*const TString) -> usize;
}
