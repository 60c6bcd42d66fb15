//! A load test that is ready to measure.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Output;
use super::connection::{Answer, Connection, Connector, Failure};
use super::control::Control;
use super::data::Tensor;
use super::error::LoadTestError;
use super::expectation::Expectation;
use super::generator;
use super::model::Input;
use super::overhead;
use super::plan::Plan;
use super::record::Load;
use super::request::Request;
use super::shared_memory::{Memory, Region, SharedMemoryKind};
use super::tls::Tls;

/// A server and its model, requests to it, and what they are compared with.
pub struct LoadTest {
    /// What is put under load.
    pub load: Load,
    /// What is sent where.
    pub(super) target: Arc<generator::Target>,
    /// The connection for questions.
    pub(super) control: Control,
    /// The same for a server that does nothing.
    pub(super) null: Arc<generator::Target>,
    /// The model's inputs, as they are sent.
    pub(super) inputs: Vec<Input>,
    /// Where the tensors lie, if not in the requests.
    region: Option<Region>,
    /// The percentile that stability is judged by.
    pub(super) judged: f64,
}

impl LoadTest {
    /// Asks the server for what is needed, and sends each request once.
    ///
    /// # Errors
    /// [`LoadTestError`].
    pub async fn prepare(plan: &Plan) -> Result<Self, LoadTestError> {
        let endpoint = &plan.endpoint;
        let tls = Tls::new(endpoint, &plan.tls)?;
        let address = endpoint
            .resolve()
            .map_err(|source| LoadTestError::Resolve {
                url: endpoint.clone(),
                source,
            })?;
        let version = plan.version.as_deref();
        let control = Control::connect(address, endpoint, tls.clone(), &plan.model, version);
        let mut control = control.await?;
        let server = control.server().await?;
        let model = control.model().await?;
        let inputs = model.inputs(&plan.shapes, plan.batch_size)?;
        let tensors = plan.input_data.requests(&inputs, plan.seed)?;
        let expected = plan.expect.as_deref().map(Expectation::read).transpose();
        let expected = expected.map_err(LoadTestError::Expectation)?;
        let connection = Connector::new(endpoint, address, tls.clone())
            .connect(0)
            .await;
        let first = |source| LoadTestError::First {
            model: plan.model.clone(),
            source,
        };
        let mut connection = connection.map_err(first)?;
        let mut requests = Vec::new();
        let mut answers: Vec<Answer> = Vec::new();
        for tensors in &tensors {
            let request = Request::inference(endpoint, &plan.model, version, tensors)?;
            let answer = first_exchange(plan, &mut connection, &request).await?;
            let unreadable = |reason| LoadTestError::FirstAnswer {
                model: plan.model.clone(),
                reason,
            };
            let expectation = match (&expected, plan.validate) {
                (Some(expected), _) => Some(expected.clone()),
                (None, true) => {
                    Some(Expectation::first(endpoint.protocol, &answer).map_err(unreadable)?)
                }
                (None, false) => None,
            };
            requests.push((request, expectation));
            answers.push(answer);
        }
        let region = if let Some(kind) = plan.shared_memory {
            let shared = Self::share(
                plan,
                kind,
                &mut control,
                &mut connection,
                &tensors,
                &answers,
            );
            let (region, in_region) = shared.await?;
            requests.clear();
            answers.clear();
            for (request, answer) in in_region {
                requests.push((request, None));
                answers.push(answer);
            }
            Some(region)
        } else {
            None
        };
        let null = overhead::null_target(
            endpoint.protocol,
            requests[0].0.clone(),
            answers[0].body.clone(),
        );
        let null = null.await.map_err(LoadTestError::SetUp)?;
        let told = |input: &Input| format!("{} {} {:?}", input.name, input.data_type, input.shape);
        let load = Load {
            url: endpoint.to_string(),
            protocol: endpoint.protocol.name().to_owned(),
            server,
            model: plan.model.clone(),
            model_version: plan.version.clone(),
            platform: model.platform.clone(),
            inputs: inputs.iter().map(told).collect(),
            batch_size: model.takes_batches().then_some(plan.batch_size),
            input_data: plan.input_data.to_string(),
            requests: requests.len(),
            shared_memory: plan.shared_memory.map(|kind| kind.name().to_owned()),
            seed: plan.seed,
            target: plan.target.map(|target| target.to_string()),
            highest_rate: None,
            target_met: None,
        };
        Ok(Self {
            load,
            target: Arc::new(generator::Target {
                endpoint: endpoint.clone(),
                address,
                tls,
                requests,
                limit: plan.limit,
            }),
            control,
            null: Arc::new(null),
            inputs,
            region,
            judged: plan.target.map_or(0.5, |target| target.percentile),
        })
    }

    /// Puts the tensors of the requests into shared memory. Returns the requests as they are with
    /// that, and their answers.
    async fn share(
        plan: &Plan,
        kind: SharedMemoryKind,
        control: &mut Control,
        connection: &mut Connection,
        tensors: &[Vec<Tensor>],
        answers: &[Answer],
    ) -> Result<(Region, Vec<(Request, Answer)>), LoadTestError> {
        let decoded = answers.iter().map(|answer| {
            Output::decode(plan.endpoint.protocol, answer).map_err(|reason| {
                LoadTestError::FirstAnswer {
                    model: plan.model.clone(),
                    reason,
                }
            })
        });
        let outputs = decoded.collect::<Result<Vec<_>, _>>()?;
        let mut region = Region::new(kind, tensors, &outputs)?;
        control.register(&region).await?;
        if let Memory::System(object) = &mut region.memory {
            object.unlink();
        }
        match Self::try_region(plan, connection, &region, &outputs).await {
            Ok(requests) => Ok((region, requests)),
            Err(error) => {
                // The first error is the one to tell.
                let _ = control.unregister(&region).await;
                Err(error)
            }
        }
    }

    /// Sends each request of a region once. Where answers are to be compared, what came there is held
    /// against `outputs`; under load nobody looks at it.
    async fn try_region(
        plan: &Plan,
        connection: &mut Connection,
        region: &Region,
        outputs: &[Vec<Output>],
    ) -> Result<Vec<(Request, Answer)>, LoadTestError> {
        let mut requests = Vec::new();
        for (index, placed) in region.requests.iter().enumerate() {
            let version = plan.version.as_deref();
            let request =
                Request::inference_in_region(&plan.endpoint, &plan.model, version, placed)?;
            region.poison(index)?;
            let answer = first_exchange(plan, connection, &request).await?;
            if plan.validate {
                region.check(index, &outputs[index])?;
            }
            requests.push((request, answer));
        }
        Ok(requests)
    }

    /// Takes back what the server was given.
    pub async fn let_go(&mut self, limit: Duration) {
        if let Some(region) = &self.region {
            // The load test is over, whatever the answer is; the server has the memory for as long as
            // it lives then.
            let _ = tokio::time::timeout(limit, self.control.unregister(region)).await;
        }
    }
}

/// Sends a request before the load.
async fn first_exchange(
    plan: &Plan,
    connection: &mut Connection,
    request: &Request,
) -> Result<Answer, LoadTestError> {
    tokio::time::timeout(plan.limit, connection.exchange(request, true))
        .await
        .unwrap_or(Err(Failure::TimedOut(plan.limit)))
        .map_err(|source| LoadTestError::First {
            model: plan.model.clone(),
            source,
        })
}
