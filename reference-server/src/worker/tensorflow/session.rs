//! One session of TensorFlow: a model, prepared for execution.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use prost::Message;
use tempfile::TempDir;

use super::barrier;
use super::interface::{self, Buffer, Output};
use super::messages::ConfigProto;
use super::model_file::SAVED_MODEL;
use super::placement::Placement;
use super::runtime::Runtime;
use super::status::{Failure, Status};

/// A session with its graph. Several threads may run it at the same time.
pub(super) struct Session {
    pointer: NonNull<interface::Session>,
    graph: Graph,
    /// What stands in for the model's folder: operations may open files of it whenever they execute.
    _stand_in: Option<TempDir>,
}

// SAFETY: TensorFlow's sessions and graphs are made to be used from several threads.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

impl Session {
    /// Loads the SavedModel in `folder` and initialises its variables.
    pub(super) fn of_saved_model(
        runtime: &Arc<Runtime>,
        folder: &Path,
        tags: &[String],
        configuration: &ConfigProto,
        placement: Placement,
    ) -> Result<Self, Failure> {
        let stand_in = placement.stand_in(folder)?;
        let folder = stand_in.as_ref().map_or(folder, TempDir::path);
        let model = folder.join(SAVED_MODEL);
        let folder = c_string(folder.as_os_str().as_bytes())?;
        let tags = tags
            .iter()
            .map(|tag| c_string(tag.as_bytes()))
            .collect::<Result<Vec<_>, _>>()?;
        let tags: Vec<_> = tags.iter().map(|tag| tag.as_ptr()).collect();
        let status = Status::new(runtime);
        let options = Options::new(runtime, configuration)?;
        let graph = Graph::new(runtime);
        // SAFETY: all arguments are live and of the kind that the call asks for.
        let session = unsafe {
            barrier::tensorflow_barrier_load(
                runtime.interface.load_saved_model,
                options.pointer,
                folder.as_ptr(),
                tags.as_ptr(),
                count(tags.len()),
                graph.pointer,
                status.pointer(),
            )
        };
        status.check()?;
        if stand_in.is_some() {
            // It may be large, and a worker that is killed leaves its files. What remains are links.
            std::fs::remove_file(model).ok();
        }
        Self::new(session, graph, stand_in)
    }

    /// Imports a graph, the bytes of a `GraphDef`.
    pub(super) fn of_graph(
        runtime: &Arc<Runtime>,
        graph_def: &[u8],
        configuration: &ConfigProto,
        placement: Placement,
    ) -> Result<Self, Failure> {
        let device = placement.default_device();
        let device = device
            .map(|device| c_string(device.as_bytes()))
            .transpose()?;
        let status = Status::new(runtime);
        let options = Options::new(runtime, configuration)?;
        let graph = Graph::new(runtime);
        let content = Buffer {
            data: graph_def.as_ptr().cast(),
            length: graph_def.len(),
            deallocator: None,
        };
        // SAFETY: all arguments are live and of the kind that the calls ask for; the options of
        // the import are freed once.
        unsafe {
            let import = (runtime.interface.new_import_options)();
            if let Some(device) = &device {
                (runtime.interface.set_default_device)(import, device.as_ptr());
            }
            barrier::tensorflow_barrier_import(
                runtime.interface.import_graph_def,
                graph.pointer,
                &raw const content,
                import,
                status.pointer(),
            );
            (runtime.interface.delete_import_options)(import);
        }
        status.check()?;
        // SAFETY: as above.
        let session = unsafe {
            (runtime.interface.new_session)(graph.pointer, options.pointer, status.pointer())
        };
        status.check()?;
        Self::new(session, graph, None)
    }

    fn new(
        session: *mut interface::Session,
        graph: Graph,
        stand_in: Option<TempDir>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            pointer: NonNull::new(session)
                .ok_or_else(|| Failure::invalid("TensorFlow gave no session and no reason"))?,
            graph,
            _stand_in: stand_in,
        })
    }

    /// The devices that it has, such as `/job:localhost/replica:0/task:0/device:GPU:0`.
    pub(super) fn devices(&self) -> Result<Vec<String>, Failure> {
        let interface = &self.runtime().interface;
        let status = Status::new(self.runtime());
        // SAFETY: the session is live; the list is read before it is deleted, once.
        unsafe {
            let list = (interface.list_devices)(self.pointer(), status.pointer());
            status.check()?;
            let names = (0..(interface.device_list_count)(list)).filter_map(|index| {
                let name = (interface.device_list_name)(list, index, status.pointer());
                (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
            });
            let names = names.collect();
            (interface.delete_device_list)(list);
            Ok(names)
        }
    }

    /// The runtime that it belongs to.
    pub(super) fn runtime(&self) -> &Arc<Runtime> {
        &self.graph.runtime
    }

    /// For a run.
    pub(super) fn pointer(&self) -> *mut interface::Session {
        self.pointer.as_ptr()
    }

    /// Result number `index` of the operation `name`, if there is one.
    pub(super) fn output(&self, name: &str, index: i32) -> Option<Output> {
        let name = CString::new(name).ok()?;
        let interface = &self.runtime().interface;
        // SAFETY: the graph is live; an operation belongs to it.
        let (operation, results) = unsafe {
            let operation = (interface.operation_by_name)(self.graph.pointer, name.as_ptr());
            if operation.is_null() {
                return None;
            }
            (operation, (interface.operation_num_outputs)(operation))
        };
        (0..results)
            .contains(&index)
            .then_some(Output { operation, index })
    }

    /// Element type and dimensions (−1: open) of a result; no dimensions where their number is
    /// not known either.
    pub(super) fn describe(&self, output: Output) -> Result<(i32, Option<Vec<i64>>), Failure> {
        let interface = &self.runtime().interface;
        let status = Status::new(self.runtime());
        // SAFETY: the output is one of this graph; `dims` has as many places as told.
        unsafe {
            let data_type = (interface.operation_output_type)(output);
            let rank = (interface.tensor_num_dims)(self.graph.pointer, output, status.pointer());
            status.check()?;
            let Ok(places) = usize::try_from(rank) else {
                return Ok((data_type, None));
            };
            let mut dims = vec![-1_i64; places];
            (interface.tensor_shape)(
                self.graph.pointer,
                output,
                dims.as_mut_ptr(),
                rank,
                status.pointer(),
            );
            status.check()?;
            Ok((data_type, Some(dims)))
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let runtime = self.runtime().clone();
        let status = Status::new(&runtime);
        // SAFETY: the session is ours; nothing uses it any more. What it reports is of no use.
        unsafe {
            (runtime.interface.close_session)(self.pointer(), status.pointer());
            (runtime.interface.delete_session)(self.pointer(), status.pointer());
        }
    }
}

struct Graph {
    pointer: *mut interface::Graph,
    runtime: Arc<Runtime>,
}

impl Graph {
    fn new(runtime: &Arc<Runtime>) -> Self {
        Self {
            // SAFETY: the function takes nothing.
            pointer: unsafe { (runtime.interface.new_graph)() },
            runtime: runtime.clone(),
        }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: the graph is ours; a session that uses it has its own reference.
        unsafe { (self.runtime.interface.delete_graph)(self.pointer) };
    }
}

struct Options {
    pointer: *mut interface::SessionOptions,
    runtime: Arc<Runtime>,
}

impl Options {
    fn new(runtime: &Arc<Runtime>, configuration: &ConfigProto) -> Result<Self, Failure> {
        let status = Status::new(runtime);
        let content = configuration.encode_to_vec();
        let options = Self {
            // SAFETY: the function takes nothing.
            pointer: unsafe { (runtime.interface.new_session_options)() },
            runtime: runtime.clone(),
        };
        // SAFETY: options and content are live; the content is copied.
        unsafe {
            (runtime.interface.set_config)(
                options.pointer,
                content.as_ptr().cast(),
                content.len(),
                status.pointer(),
            );
        }
        status.check()?;
        Ok(options)
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the options are ours.
        unsafe { (self.runtime.interface.delete_session_options)(self.pointer) };
    }
}

fn c_string(bytes: &[u8]) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| {
        Failure::invalid(format!(
            "'{}' holds a zero byte",
            String::from_utf8_lossy(bytes)
        ))
    })
}

/// A number of things as the C API takes it; more than fit do not occur.
pub(super) fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
