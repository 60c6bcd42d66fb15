//! `inference.GRPCInferenceService`: each call is handed to what all protocols share.

use std::sync::Arc;

use proto::inference::grpc_inference_service_server::GrpcInferenceService;
use proto::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse,
    CudaSharedMemoryStatusRequest, CudaSharedMemoryStatusResponse,
    CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse, LogSettingsRequest,
    LogSettingsResponse, ModelConfigRequest, ModelConfigResponse, ModelInferRequest,
    ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStatisticsRequest, ModelStatisticsResponse, RepositoryIndexRequest,
    RepositoryIndexResponse, RepositoryModelLoadRequest, RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest, RepositoryModelUnloadResponse, ServerLiveRequest,
    ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse, SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse,
    SystemSharedMemoryStatusRequest, SystemSharedMemoryStatusResponse,
    SystemSharedMemoryUnregisterRequest, SystemSharedMemoryUnregisterResponse, TraceSettingRequest,
    TraceSettingResponse,
};
use tonic::{Request, Response, Status, Streaming};

use super::model::version;
use super::status::refusal;
use super::stream::{self, Responses};
use super::{infer, model, repository, settings, shared_memory};
use crate::front::service::Service;
use crate::front::shared_memory::registry::Kind;
use crate::ipc::lane::monotonic_ns;
use crate::protocol::{ErrorKind, RequestError};

/// Metadata with which a client asks for a stream to end with the status of its first error.
const ENDS_WITH_ERROR: &str = "triton_grpc_error";

/// See the module.
pub struct InferenceService {
    service: Arc<Service>,
}

impl InferenceService {
    /// Calls are served from `service`.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

/// An answer to a call.
type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(outcome: Result<T, RequestError>) -> Answer<T> {
    outcome.map(Response::new).map_err(refusal)
}

#[tonic::async_trait]
impl GrpcInferenceService for InferenceService {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Answer<ServerLiveResponse> {
        answer(Ok(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Answer<ServerReadyResponse> {
        let ready = self.service.ready();
        answer(Ok(ServerReadyResponse { ready }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answer<ModelReadyResponse> {
        let request = request.get_ref();
        let found = self
            .service
            .repository
            .find(&request.name, version(&request.version));
        answer(match found {
            Ok(_) => Ok(ModelReadyResponse { ready: true }),
            Err(error) if error.kind == ErrorKind::NotFound => {
                Ok(ModelReadyResponse { ready: false })
            }
            Err(error) => Err(error),
        })
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Answer<ServerMetadataResponse> {
        answer(Ok(model::server_metadata(self.service.metadata())))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Answer<ModelMetadataResponse> {
        let request = request.get_ref();
        let told = self
            .service
            .model_metadata(&request.name, version(&request.version));
        answer(told.map(model::model_metadata))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Answer<ModelInferResponse> {
        let arrived = monotonic_ns();
        let message = request.into_inner();
        answer(infer::infer(&self.service, &message, arrived).await)
    }

    type ModelStreamInferStream = Responses;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Answer<Responses> {
        let ends_with_error = request
            .metadata()
            .get(ENDS_WITH_ERROR)
            .is_some_and(|value| value.as_bytes() == b"true");
        let requests = request.into_inner();
        answer(Ok(stream::responses(
            self.service.clone(),
            requests,
            ends_with_error,
        )))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Answer<ModelConfigResponse> {
        let request = request.get_ref();
        let served = self
            .service
            .repository
            .find(&request.name, version(&request.version));
        answer(served.map(|served| ModelConfigResponse {
            config: Some(served.configuration_message()),
        }))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answer<ModelStatisticsResponse> {
        let request = request.get_ref();
        let name = (!request.name.is_empty()).then_some(request.name.as_str());
        let told = self.service.statistics(name, version(&request.version));
        answer(told.map(|told| ModelStatisticsResponse {
            model_stats: told.into_iter().map(model::model_statistics).collect(),
        }))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answer<RepositoryIndexResponse> {
        answer(repository::index(&self.service, request.get_ref()))
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Answer<RepositoryModelLoadResponse> {
        let loaded = repository::load(&self.service, request.into_inner()).await;
        answer(loaded.map(|()| RepositoryModelLoadResponse {}))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Answer<RepositoryModelUnloadResponse> {
        let unloaded = repository::unload(&self.service, request.into_inner()).await;
        answer(unloaded.map(|()| RepositoryModelUnloadResponse {}))
    }

    async fn system_shared_memory_status(
        &self,
        request: Request<SystemSharedMemoryStatusRequest>,
    ) -> Answer<SystemSharedMemoryStatusResponse> {
        let name = &request.get_ref().name;
        answer(shared_memory::system_status(&self.service, name))
    }

    async fn system_shared_memory_register(
        &self,
        request: Request<SystemSharedMemoryRegisterRequest>,
    ) -> Answer<SystemSharedMemoryRegisterResponse> {
        let registered = shared_memory::register_system(&self.service, request.into_inner());
        answer(registered.map(|()| SystemSharedMemoryRegisterResponse {}))
    }

    async fn system_shared_memory_unregister(
        &self,
        request: Request<SystemSharedMemoryUnregisterRequest>,
    ) -> Answer<SystemSharedMemoryUnregisterResponse> {
        let name = shared_memory::named(&request.get_ref().name);
        self.service.shared_memory.unregister(name, Kind::System);
        answer(Ok(SystemSharedMemoryUnregisterResponse {}))
    }

    async fn cuda_shared_memory_status(
        &self,
        request: Request<CudaSharedMemoryStatusRequest>,
    ) -> Answer<CudaSharedMemoryStatusResponse> {
        let name = &request.get_ref().name;
        answer(shared_memory::cuda_status(&self.service, name))
    }

    async fn cuda_shared_memory_register(
        &self,
        request: Request<CudaSharedMemoryRegisterRequest>,
    ) -> Answer<CudaSharedMemoryRegisterResponse> {
        let registered = shared_memory::register_cuda(&self.service, request.get_ref()).await;
        answer(registered.map(|()| CudaSharedMemoryRegisterResponse {}))
    }

    async fn cuda_shared_memory_unregister(
        &self,
        request: Request<CudaSharedMemoryUnregisterRequest>,
    ) -> Answer<CudaSharedMemoryUnregisterResponse> {
        shared_memory::unregister_cuda(&self.service, request.into_inner().name).await;
        answer(Ok(CudaSharedMemoryUnregisterResponse {}))
    }

    async fn trace_setting(
        &self,
        request: Request<TraceSettingRequest>,
    ) -> Answer<TraceSettingResponse> {
        answer(settings::trace(&self.service, request.into_inner()))
    }

    async fn log_settings(
        &self,
        request: Request<LogSettingsRequest>,
    ) -> Answer<LogSettingsResponse> {
        answer(settings::log(&self.service, request.into_inner()))
    }
}
