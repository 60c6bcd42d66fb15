//! The JSON part of the answer to an inference request.

use super::{
    DataType, RequestError,
    error::{write_json, write_json_string},
    json_tensor,
};

/// What the JSON part of a response tells.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The request's id, echoed; left out where it is absent or empty.
    pub id: Option<&'a str>,
    /// Name of the model that answered.
    pub model: &'a str,
    /// Version of the model that answered.
    pub version: i64,
    /// Parameters of the response; left out where there are none.
    pub parameters: &'a [(&'a str, ParameterValue<'a>)],
    /// The outputs in the order in which they are listed.
    pub outputs: &'a [ResponseOutput<'a>],
}

/// Value of a response parameter.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum ParameterValue<'a> {
    /// A truth value.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'a str),
}

/// One output of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseOutput<'a> {
    /// Tensor name.
    pub name: &'a str,
    /// Element type.
    pub data_type: DataType,
    /// Shape as the client sees it.
    pub shape: &'a [i64],
    /// Where the elements are.
    pub data: OutputData<'a>,
}

/// Where the elements of an output are.
#[derive(Clone, Copy, Debug)]
pub enum OutputData<'a> {
    /// In the JSON part: these bytes are written as numbers or strings.
    Json(&'a [u8]),
    /// In the binary section, which has this many bytes of it. The caller sends the sections
    /// behind the JSON part in the order of the outputs.
    Binary(usize),
    /// In shared memory; the response tells name, type and shape only.
    SharedMemory,
}

/// Appends the JSON part of a response to `out`. Fields and their order are Triton's.
///
/// # Errors
/// 400 where an output cannot be sent in JSON, 500 where its bytes do not fit its data type; `out`
/// then holds a part of the text.
pub fn write_header(out: &mut Vec<u8>, response: &Response<'_>) -> Result<(), RequestError> {
    out.reserve(128 + 96 * response.outputs.len());
    out.push(b'{');
    if let Some(id) = response.id.filter(|id| !id.is_empty()) {
        out.extend_from_slice(b"\"id\":");
        write_json_string(out, id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"model_name\":");
    write_json_string(out, response.model);
    out.extend_from_slice(b",\"model_version\":\"");
    write_json(out, &response.version);
    out.push(b'"');
    if !response.parameters.is_empty() {
        out.extend_from_slice(b",\"parameters\":{");
        for (index, (name, value)) in response.parameters.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_json_string(out, name);
            out.push(b':');
            write_json(out, value);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b",\"outputs\":[");
    for (index, output) in response.outputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_output(out, output)?;
    }
    out.extend_from_slice(b"]}");
    Ok(())
}

fn write_output(out: &mut Vec<u8>, output: &ResponseOutput<'_>) -> Result<(), RequestError> {
    out.extend_from_slice(b"{\"name\":");
    write_json_string(out, output.name);
    out.extend_from_slice(b",\"datatype\":\"");
    out.extend_from_slice(output.data_type.name().as_bytes());
    out.extend_from_slice(b"\",\"shape\":[");
    for (index, dim) in output.shape.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_json(out, dim);
    }
    out.push(b']');
    match output.data {
        OutputData::Json(bytes) => {
            out.extend_from_slice(b",\"data\":");
            json_tensor::encode(out, output.data_type, bytes, output.name)?;
        }
        OutputData::Binary(size) => {
            out.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
            write_json(out, &size);
            out.push(b'}');
        }
        OutputData::SharedMemory => {}
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_tritons_order() {
        let response = Response {
            id: Some("a\"b"),
            model: "m",
            version: 3,
            parameters: &[
                ("last", ParameterValue::Bool(true)),
                ("n", ParameterValue::Integer(-1)),
                ("t", ParameterValue::Text("x")),
            ],
            outputs: &[
                ResponseOutput {
                    name: "Y",
                    data_type: DataType::Fp32,
                    shape: &[1, 16],
                    data: OutputData::Binary(64),
                },
                ResponseOutput {
                    name: "Z",
                    data_type: DataType::Int16,
                    shape: &[2],
                    data: OutputData::Json(&[1, 0, 255, 255]),
                },
                ResponseOutput {
                    name: "S",
                    data_type: DataType::Bool,
                    shape: &[],
                    data: OutputData::SharedMemory,
                },
            ],
        };
        let mut out = Vec::new();
        write_header(&mut out, &response).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"id":"a\"b","model_name":"m","model_version":"3","#,
                r#""parameters":{"last":true,"n":-1,"t":"x"},"outputs":["#,
                r#"{"name":"Y","datatype":"FP32","shape":[1,16],"parameters":{"binary_data_size":64}},"#,
                r#"{"name":"Z","datatype":"INT16","shape":[2],"data":[1,-1]},"#,
                r#"{"name":"S","datatype":"BOOL","shape":[]}]}"#
            )
        );
    }

    #[test]
    fn an_output_that_json_cannot_carry_is_an_error() {
        let response = Response {
            id: None,
            model: "m",
            version: 1,
            parameters: &[],
            outputs: &[ResponseOutput {
                name: "Y",
                data_type: DataType::Fp16,
                shape: &[1],
                data: OutputData::Json(&[0, 0]),
            }],
        };
        assert_eq!(
            write_header(&mut Vec::new(), &response)
                .unwrap_err()
                .status(),
            400
        );
    }
}
