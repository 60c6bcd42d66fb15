//! What is asked of the server beside inferences.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::http::Method;
use prost::Message;
use proto::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse,
    CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse, ModelConfigRequest,
    ModelConfigResponse, ModelMetadataRequest, ModelMetadataResponse, ModelStatisticsRequest,
    ModelStatisticsResponse, ServerMetadataRequest, ServerMetadataResponse,
    SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse,
    SystemSharedMemoryUnregisterRequest, SystemSharedMemoryUnregisterResponse,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::connection::{Connection, Connector, Failure};
use super::endpoint::{Endpoint, Protocol};
use super::model::{Description, Model};
use super::request::{Request, RequestError, model_path};
use super::server_statistics::Statistics;
use super::shared_memory::gpu::DEVICE;
use super::shared_memory::{Memory, Region};
use super::tls::Tls;

/// A connection of its own for questions.
#[derive(Debug)]
pub struct Control {
    endpoint: Endpoint,
    model: String,
    version: Option<String>,
    connection: Connection,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be asked.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server refused or was gone.
    #[error("failed to ask {url} for {what}: {source}")]
    Failed {
        /// The server.
        url: String,
        /// What was asked for.
        what: &'static str,
        /// Why.
        source: Failure,
    },
    /// It answered something else.
    #[error("failed to read the answer of {url} on {what}: {reason}; does it speak KServe v2?")]
    Malformed {
        /// The server.
        url: String,
        /// What was asked for.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
struct ServerAnswer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct ModelAnswer {
    #[serde(default)]
    platform: String,
    inputs: Vec<TensorAnswer>,
    #[serde(default)]
    outputs: Vec<TensorAnswer>,
}

#[derive(Deserialize)]
struct TensorAnswer {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

#[derive(Deserialize)]
struct ConfigAnswer {
    #[serde(default)]
    max_batch_size: i64,
}

impl Control {
    /// Connects for questions about `model`.
    ///
    /// # Errors
    /// [`ControlError::Failed`].
    pub async fn connect(
        address: SocketAddr,
        endpoint: &Endpoint,
        tls: Option<Tls>,
        model: &str,
        version: Option<&str>,
    ) -> Result<Self, ControlError> {
        let connection = Connector::new(endpoint, address, tls).connect(0).await;
        Ok(Self {
            connection: connection.map_err(|source| ControlError::Failed {
                url: endpoint.to_string(),
                what: "anything",
                source,
            })?,
            endpoint: endpoint.clone(),
            model: model.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    /// The server's name and version in one text.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn server(&mut self) -> Result<String, ControlError> {
        let what = "its metadata";
        let (name, version) = match self.endpoint.protocol {
            Protocol::Http => {
                let answer: ServerAnswer = self.get("/v2", what).await?;
                (answer.name, answer.version)
            }
            Protocol::Grpc => {
                let request = ServerMetadataRequest {};
                let answer: ServerMetadataResponse =
                    self.call("ServerMetadata", &request, what).await?;
                (answer.name, answer.version)
            }
        };
        Ok(format!("{name} {version}").trim().to_owned())
    }

    /// What the server tells of the model; its configuration is an extension that a server may lack.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn model(&mut self) -> Result<Model, ControlError> {
        let what = "the model's metadata";
        let path = model_path(&self.model, self.version.as_deref());
        let config_path = format!("{path}/config");
        let (name, version) = (self.model.clone(), self.version.clone().unwrap_or_default());
        match self.endpoint.protocol {
            Protocol::Http => {
                let answer: ModelAnswer = self.get(&path, what).await?;
                let config = self.get::<ConfigAnswer>(&config_path, what).await;
                let description = |tensor: TensorAnswer| Description {
                    name: tensor.name,
                    datatype: tensor.datatype,
                    shape: tensor.shape,
                };
                Ok(Model {
                    platform: answer.platform,
                    inputs: answer.inputs.into_iter().map(description).collect(),
                    outputs: answer.outputs.into_iter().map(description).collect(),
                    max_batch_size: config.ok().map(|config| config.max_batch_size),
                })
            }
            Protocol::Grpc => {
                let request = ModelMetadataRequest {
                    name: name.clone(),
                    version: version.clone(),
                };
                let answer: ModelMetadataResponse =
                    self.call("ModelMetadata", &request, what).await?;
                let request = ModelConfigRequest { name, version };
                let config = self
                    .call::<ModelConfigResponse>("ModelConfig", &request, what)
                    .await;
                let descriptions =
                    |tensors: Vec<proto::inference::model_metadata_response::TensorMetadata>| {
                        let description =
                            |tensor: proto::inference::model_metadata_response::TensorMetadata| {
                                Description {
                                    name: tensor.name,
                                    datatype: tensor.datatype,
                                    shape: tensor.shape,
                                }
                            };
                        tensors.into_iter().map(description).collect()
                    };
                Ok(Model {
                    platform: answer.platform,
                    inputs: descriptions(answer.inputs),
                    outputs: descriptions(answer.outputs),
                    max_batch_size: config
                        .ok()
                        .and_then(|answer| answer.config)
                        .map(|config| i64::from(config.max_batch_size)),
                })
            }
        }
    }

    /// The model's statistics; `None` where the server keeps none, which is an extension.
    pub async fn statistics(&mut self) -> Option<Statistics> {
        let what = "statistics";
        match self.endpoint.protocol {
            Protocol::Http => {
                let path = model_path(&self.model, self.version.as_deref());
                let answer: serde_json::Value =
                    self.get(&format!("{path}/stats"), what).await.ok()?;
                Statistics::of_json(&answer)
            }
            Protocol::Grpc => {
                let request = ModelStatisticsRequest {
                    name: self.model.clone(),
                    version: self.version.clone().unwrap_or_default(),
                };
                let answer: ModelStatisticsResponse =
                    self.call("ModelStatistics", &request, what).await.ok()?;
                Statistics::of_message(&answer)
            }
        }
    }

    /// Registers a region.
    ///
    /// # Errors
    /// [`ControlError`]: the server is on another machine, or knows no shared memory, for two.
    pub async fn register(&mut self, region: &Region) -> Result<(), ControlError> {
        let what = "the registration of shared memory";
        let (name, byte_size) = (&region.name, region.byte_size);
        match (self.endpoint.protocol, &region.memory) {
            (Protocol::Http, memory) => {
                let body = match memory {
                    Memory::System(object) => {
                        json!({"key": object.key(), "offset": 0, "byte_size": byte_size})
                    }
                    Memory::Cuda(memory) => json!({
                        "raw_handle": {"b64": BASE64_STANDARD.encode(memory.handle())},
                        "device_id": DEVICE,
                        "byte_size": byte_size,
                    }),
                };
                let path = format!("{}/region/{name}/register", path_of(memory));
                let body = body.to_string().into_bytes();
                let request = Request::http(&self.endpoint, Method::POST, &path, body)?;
                self.exchange(&request, what).await?;
            }
            (Protocol::Grpc, Memory::System(object)) => {
                let request = SystemSharedMemoryRegisterRequest {
                    name: name.clone(),
                    key: object.key(),
                    offset: 0,
                    byte_size,
                };
                let _: SystemSharedMemoryRegisterResponse = self
                    .call("SystemSharedMemoryRegister", &request, what)
                    .await?;
            }
            (Protocol::Grpc, Memory::Cuda(memory)) => {
                let request = CudaSharedMemoryRegisterRequest {
                    name: name.clone(),
                    raw_handle: memory.handle().to_vec().into(),
                    device_id: DEVICE.into(),
                    byte_size,
                };
                let _: CudaSharedMemoryRegisterResponse = self
                    .call("CudaSharedMemoryRegister", &request, what)
                    .await?;
            }
        }
        Ok(())
    }

    /// Takes the registration back.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn unregister(&mut self, region: &Region) -> Result<(), ControlError> {
        let what = "the end of the registration of shared memory";
        let name = region.name.clone();
        match (self.endpoint.protocol, &region.memory) {
            (Protocol::Http, memory) => {
                let path = format!("{}/region/{name}/unregister", path_of(memory));
                let request = Request::http(&self.endpoint, Method::POST, &path, Vec::new())?;
                self.exchange(&request, what).await?;
            }
            (Protocol::Grpc, Memory::System(_)) => {
                let request = SystemSharedMemoryUnregisterRequest { name };
                let _: SystemSharedMemoryUnregisterResponse = self
                    .call("SystemSharedMemoryUnregister", &request, what)
                    .await?;
            }
            (Protocol::Grpc, Memory::Cuda(_)) => {
                let request = CudaSharedMemoryUnregisterRequest { name };
                let _: CudaSharedMemoryUnregisterResponse = self
                    .call("CudaSharedMemoryUnregister", &request, what)
                    .await?;
            }
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
        what: &'static str,
    ) -> Result<T, ControlError> {
        let request = Request::http(&self.endpoint, Method::GET, path, Vec::new())?;
        let body = self.exchange(&request, what).await?;
        serde_json::from_slice(&body).map_err(|error| self.malformed(what, &error))
    }

    async fn call<T: Message + Default>(
        &mut self,
        method: &str,
        message: &impl Message,
        what: &'static str,
    ) -> Result<T, ControlError> {
        let request = Request::grpc(&self.endpoint, method, message)?;
        let body = self.exchange(&request, what).await?;
        T::decode(body).map_err(|error| self.malformed(what, &error))
    }

    async fn exchange(
        &mut self,
        request: &Request,
        what: &'static str,
    ) -> Result<hyper::body::Bytes, ControlError> {
        let answer = self.connection.exchange(request, true).await;
        let answer = answer.map_err(|source| ControlError::Failed {
            url: self.endpoint.to_string(),
            what,
            source,
        })?;
        Ok(answer.body)
    }

    fn malformed(&self, what: &'static str, error: &dyn std::fmt::Display) -> ControlError {
        ControlError::Malformed {
            url: self.endpoint.to_string(),
            what,
            reason: error.to_string(),
        }
    }
}

/// The path of the regions of such memory.
fn path_of(memory: &Memory) -> &'static str {
    match memory {
        Memory::System(_) => "/v2/systemsharedmemory",
        Memory::Cuda(_) => "/v2/cudasharedmemory",
    }
}
