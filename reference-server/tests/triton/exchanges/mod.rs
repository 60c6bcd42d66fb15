//! The requests, by subject, in the order in which they are sent: some change the servers.

mod health;
mod inference;
mod model_files;
mod regions;
mod repository;
mod settings;
mod streams;

use crate::exchange::Exchange;
use crate::server_pair::ModelFile;
use crate::shared_memory::Object;

/// All of them. `object` is shared memory of [`OBJECT_SIZE`](regions::OBJECT_SIZE) bytes, `model_file` what
/// the server that is asked makes a model of.
pub fn all(object: &Object, model_file: &ModelFile) -> Vec<Exchange> {
    [
        health::exchanges(),
        inference::over_http(),
        inference::over_grpc(),
        streams::exchanges(),
        regions::exchanges(object),
        settings::exchanges(),
        repository::exchanges(),
        model_files::exchanges(model_file),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub use regions::OBJECT_SIZE;
