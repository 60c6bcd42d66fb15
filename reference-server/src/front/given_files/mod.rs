//! Model files that come with a load request.
//!
//! A load request may carry the files of a model, each by its [path](FilePath) in the model's folder. They are
//! written into a folder of the server's own that nobody else may enter, and the model is loaded from there
//! instead of from its repository. [`GivenFiles`] is such a folder; it is gone with the last version that was
//! loaded from it, and all of them with the server.

mod path;
mod root;

pub use path::{FilePath, FilePathError, ModelNameError, check_model_name};
pub use root::{GivenFiles, GivenFilesError, GivenFilesRoot};
