//! Requests over HTTP with binary tensors.

use std::time::Duration;

use anyhow::Context;
use runtimes::Framework;
use suites::client::{Encoding, InferenceRequest, NamedTensor};
use suites::server::ServerProcess;
use test_ops::Model;

use super::experiment::Tensor;
use super::kernel::{Place, RequestCase};
use super::testbed::{Control, Testbed};
use crate::measurement::{Answer, JSON_LENGTH_HEADER, LoadGenerator, PreparedRequest, Subject};

/// How long a round generates load: the engine looks at the samples after each.
const ROUND: Duration = Duration::from_millis(100);

/// A request and what must come back.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub request: PreparedRequest,
    expected: Vec<NamedTensor>,
}

impl Exchange {
    /// A request of `rows` rows to `model` and the answer by the reference maths.
    #[must_use]
    pub fn new(model: &Model, rows: usize) -> Self {
        let inputs = model.sample_inputs(rows, 1);
        let named = |names: Vec<test_ops::TensorSpec>, tensors: Vec<test_ops::Tensor>| {
            let pairs = names.into_iter().zip(tensors);
            pairs
                .map(|(spec, tensor)| NamedTensor {
                    name: spec.name,
                    tensor,
                })
                .collect::<Vec<_>>()
        };
        let expected = named(model.outputs(), model.expected(&inputs, &[]));
        let InferenceRequest {
            body,
            header_length,
        } = InferenceRequest::new(&named(model.inputs(), inputs), Encoding::Binary);
        let mut headers = vec![(
            "Content-Type".to_owned(),
            "application/octet-stream".to_owned(),
        )];
        headers.extend(
            header_length.map(|length| (JSON_LENGTH_HEADER.to_owned(), length.to_string())),
        );
        let path = format!("/v2/models/{}/infer", model.name);
        Self {
            request: PreparedRequest {
                path,
                headers,
                body: body.into(),
            },
            expected,
        }
    }

    /// Checks that an answer has the right values, so that nothing is measured that is wrong.
    ///
    /// # Errors
    /// Where it has not.
    pub fn check(&self, answer: &Answer) -> anyhow::Result<()> {
        let path = &self.request.path;
        let decoded = suites::client::Answer::decode(&answer.body, answer.json_length)
            .with_context(|| format!("failed to read the answer to {path}"))?;
        for expected in &self.expected {
            let found = decoded
                .outputs
                .iter()
                .find(|output| output.name == expected.name);
            let found =
                found.with_context(|| format!("{path} answered without '{}'", expected.name))?;
            found.tensor.compare(&expected.tensor).with_context(|| {
                format!("{path} answered with wrong values in '{}'", expected.name)
            })?;
        }
        Ok(())
    }
}

/// A server with one model, and what it answered to the exchange.
#[derive(Debug)]
pub struct Served {
    _server: ServerProcess,
    generator: LoadGenerator,
    exchange: Exchange,
}

/// A round is a tenth of a second of load on a server of its own.
pub fn serving(
    testbed: &Testbed,
    framework: Framework,
    tensor: Tensor,
    concurrency: u32,
) -> anyhow::Result<Served> {
    serve(
        testbed,
        &Testbed::model(framework, tensor),
        Place::Cpu,
        1,
        concurrency,
    )
}

/// The same for a model that is executed in process too, on the CPU or the first GPU.
pub fn requests(testbed: &Testbed, request: RequestCase) -> anyhow::Result<Served> {
    let RequestCase {
        case, concurrency, ..
    } = request;
    let rows = usize::try_from(case.rows).unwrap_or(usize::MAX);
    serve(
        testbed,
        &case.executed_model(),
        case.place,
        rows,
        concurrency,
    )
}

fn serve(
    testbed: &Testbed,
    model: &Model,
    place: Place,
    rows: usize,
    concurrency: u32,
) -> anyhow::Result<Served> {
    let framework = model.format.framework();
    let repository = testbed.repository(
        &format!("serving-{framework}-{place:?}-{}", model.name),
        std::slice::from_ref(model),
        place,
    )?;
    let (server, _) =
        testbed.start(&testbed.command(framework, &repository, Control::AllAtStart)?)?;
    let exchange = Exchange::new(model, rows);
    let mut generator = LoadGenerator::connect(server.http_address(), concurrency)?;
    exchange.check(&generator.once(&exchange.request)?)?;
    Ok(Served {
        _server: server,
        generator,
        exchange,
    })
}

impl Subject for Served {
    fn round(&mut self) -> anyhow::Result<Vec<f64>> {
        Ok(self.generator.run(&self.exchange.request, ROUND)?)
    }
}

/// The same against a null server that answers with as many bytes as a server would.
pub fn null_serving(tensor: Tensor, concurrency: u32) -> anyhow::Result<impl Subject> {
    let exchange = Exchange::new(&Testbed::model(Framework::OnnxRuntime, tensor), 1);
    let bytes: usize = exchange
        .expected
        .iter()
        .map(|output| output.tensor.to_bytes().len())
        .sum();
    let mut generator = LoadGenerator::connect_null(vec![0; bytes].into(), concurrency)?;
    Ok(move || Ok(generator.run(&exchange.request, ROUND)?))
}
