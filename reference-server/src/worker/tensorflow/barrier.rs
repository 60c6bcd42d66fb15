//! Calls into TensorFlow in which code of op libraries runs, such that no C++ exception leaves
//! them: an uncaught one ends the process with its text on standard error
//! (`exception_barrier.c`).

use std::ffi::{c_char, c_int};

use super::interface::{
    Buffer, Graph, ImportGraphDef, ImportOptions, LoadSavedModel, Output, Session, SessionOptions,
    SessionRun, Status, Tensor,
};

unsafe extern "C" {
    /// `TF_SessionRun` without targets, options and metadata.
    pub(super) fn tensorflow_barrier_run(
        entry: SessionRun,
        session: *mut Session,
        inputs: *const Output,
        input_values: *const *mut Tensor,
        input_count: c_int,
        outputs: *const Output,
        output_values: *mut *mut Tensor,
        output_count: c_int,
        status: *mut Status,
    );

    /// `TF_LoadSessionFromSavedModel` without options of the run and without the meta graph.
    pub(super) fn tensorflow_barrier_load(
        entry: LoadSavedModel,
        options: *const SessionOptions,
        folder: *const c_char,
        tags: *const *const c_char,
        tag_count: c_int,
        graph: *mut Graph,
        status: *mut Status,
    ) -> *mut Session;

    /// `TF_GraphImportGraphDef`
    pub(super) fn tensorflow_barrier_import(
        entry: ImportGraphDef,
        graph: *mut Graph,
        graph_def: *const Buffer,
        options: *const ImportOptions,
        status: *mut Status,
    );
}
