//! Classification, trace and log settings, and restricted calls over gRPC.

use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::log_settings_request::{SettingValue, setting_value};
use proto::inference::log_settings_response::setting_value::ParameterChoice as Told;
use proto::inference::trace_setting_request::SettingValue as TraceValue;
use proto::inference::{
    LogSettingsRequest, RepositoryIndexRequest, ServerLiveRequest, TraceSettingRequest,
    TraceSettingResponse,
};
use tonic::{Code, Request, Status};

use crate::client::{Client, assert_refused};
use crate::request::{one_input, parameter, wanted};
use crate::support::samples::Samples;
use crate::support::server::Server;

#[test]
fn the_largest_elements_come_in_place_of_an_output() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let mut row = [0.0_f32; 16];
    row[3] = 90.0;
    let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut request = one_input("small", "FP32", &[1, 16], bytes);
    let mut output = wanted("y");
    let two = parameter(ParameterChoice::Int64Param(2));
    output.parameters.insert("classification".into(), two);
    request.outputs = vec![output];
    let response = client.infer(request).unwrap();
    assert_eq!(response.outputs[0].datatype, "BYTES");
    assert_eq!(response.outputs[0].shape, [2]);
    let first = &response.raw_output_contents[0];
    let length = u32::from_le_bytes(first[..4].try_into().unwrap()) as usize;
    let first = std::str::from_utf8(&first[4..][..length]).unwrap();
    assert!(first.ends_with(":3"), "{first}");
}

fn trace(
    client: &Client,
    model: &str,
    settings: &[(&str, &[&str])],
) -> Result<TraceSettingResponse, Status> {
    let settings = settings.iter().map(|(name, values)| {
        let value = values.iter().map(|value| (*value).to_owned()).collect();
        ((*name).to_owned(), TraceValue { value })
    });
    let request = TraceSettingRequest {
        settings: settings.collect(),
        model_name: model.into(),
    };
    client.call(async |service| service.trace_setting(request).await)
}

#[test]
fn settings_are_checked_and_told() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let told = trace(&client, "", &[("trace_rate", &["5"])]).unwrap();
    assert_eq!(told.settings["trace_rate"].value, ["5"]);
    assert_eq!(told.settings["trace_level"].value, ["OFF"]);
    assert_eq!(told.settings.len(), 6);
    let told = trace(&client, "small", &[]).unwrap();
    assert_eq!(told.settings["trace_rate"].value, ["5"]);
    let told = trace(&client, "", &[("trace_rate", &[])]).unwrap();
    assert_eq!(told.settings["trace_rate"].value, ["1000"]);
    for (model, name, values, code, expected) in [
        (
            "nobody",
            "trace_rate",
            &["1"][..],
            Code::InvalidArgument,
            "unknown model : nobody",
        ),
        (
            "",
            "trace_rate",
            &["1", "2"],
            Code::InvalidArgument,
            "expect only 1 value",
        ),
        (
            "",
            "trace_rate",
            &["x"],
            Code::InvalidArgument,
            "Unable to parse 'trace_rate'",
        ),
        (
            "",
            "trace_level",
            &["TIMESTAMPS"],
            Code::InvalidArgument,
            "trace file name",
        ),
        (
            "",
            "trace_file",
            &["x"],
            Code::Unimplemented,
            "through network protocol",
        ),
    ] {
        assert_refused(trace(&client, model, &[(name, values)]), code, &[expected]);
    }

    let log = |name: &str, value: setting_value::ParameterChoice| {
        let value = SettingValue {
            parameter_choice: Some(value),
        };
        let request = LogSettingsRequest {
            settings: [(name.to_owned(), value)].into(),
        };
        client.call(async |service| service.log_settings(request).await)
    };
    let told = log(
        "log_verbose_level",
        setting_value::ParameterChoice::Uint32Param(1),
    )
    .unwrap();
    let told = told.settings["log_verbose_level"].parameter_choice.clone();
    assert_eq!(told, Some(Told::Uint32Param(1)));
    assert_refused(
        log(
            "log_format",
            setting_value::ParameterChoice::StringParam("x".into()),
        ),
        Code::InvalidArgument,
        &["invalid argument for log_format, got: x"],
    );
    assert_refused(
        log(
            "log_file",
            setting_value::ParameterChoice::StringParam("x".into()),
        ),
        Code::Unimplemented,
        &["log file location can not be updated"],
    );
}

#[test]
fn restricted_calls_take_their_header() {
    let samples = Samples::with_small();
    let flags = ["--grpc-restricted-protocol=model-repository,health:admin=secret"];
    let server = Server::start(samples.root(), &flags);
    let client = Client::connect(&server);
    let index = |value: Option<&'static str>| {
        let mut request = Request::new(RepositoryIndexRequest::default());
        if let Some(value) = value {
            let value = value.parse().unwrap();
            request
                .metadata_mut()
                .insert("triton-grpc-protocol-admin", value);
        }
        client.call(async |service| service.repository_index(request).await)
    };
    let expected = "This protocol is restricted, expecting header 'triton-grpc-protocol-admin'";
    for wrong in [None, Some("other")] {
        assert_refused(index(wrong), Code::Unavailable, &[expected]);
    }
    assert_eq!(index(Some("secret")).unwrap().models.len(), 1);
    let live = client.call(async |service| service.server_live(ServerLiveRequest {}).await);
    assert_refused(live, Code::Unavailable, &[expected]);
    let health = client.call_health(async |service| {
        service
            .check(proto::health::HealthCheckRequest::default())
            .await
    });
    assert_refused(health, Code::Unavailable, &[expected]);
    // The others are open.
    client
        .infer(one_input("small", "FP32", &[1, 16], vec![0; 64]))
        .unwrap();
}
