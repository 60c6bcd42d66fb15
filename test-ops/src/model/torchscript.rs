//! TorchScript's file format, as far as the sample models need it: a zip archive with the code of a
//! module, the module's attributes as a pickle, and the data of its tensors.

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
};

use runtimes::Framework;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Model, ModelError, ParameterSource, pickle::Pickle};
use crate::{DataType, Op, Tensor};

/// The folder that everything in the archive lies in.
const FOLDER: &str = "model";
/// The module's class.
const CLASS: &str = "SampleModel";
/// Version of the format: 3 is read by every PyTorch since 1.6.
const VERSION: &str = "3\n";
/// Tensors lie at multiples of this, so that a reader can map them.
const ALIGNMENT: u16 = 64;

/// The bytes of a `model.pt`.
pub(super) fn encode(model: &Model) -> Result<Vec<u8>, ModelError> {
    let constant = match model.parameter_source {
        ParameterSource::Input => None,
        ParameterSource::Constant => Some((model.parameter_name(), model.constant_parameter())),
    };
    archive(&methods(model), constant.as_slice()).map_err(|error| ModelError::Inexpressible {
        model: model.name.clone(),
        format: model.format,
        reason: error.to_string(),
    })
}

/// The bytes of a `model.pt` with these methods, written as TorchScript writes them, such as
/// `def forward(self, x: Tensor) -> Tensor:` with its body, indented from the left margin on.
///
/// # Panics
/// When there is no memory for it.
pub fn torch_script(methods: &str) -> Vec<u8> {
    torch_script_with_buffers(methods, &[])
}

/// As [`torch_script`], of a module with these buffers, which its methods may set.
///
/// # Panics
/// When there is no memory for it.
pub fn torch_script_with_buffers(methods: &str, buffers: &[(&str, Tensor)]) -> Vec<u8> {
    archive(methods, buffers).expect("an archive in memory is written")
}

/// The archive of a module with these methods and buffers.
fn archive(methods: &str, buffers: &[(&str, Tensor)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, content: &[u8]| -> zip::result::ZipResult<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(ALIGNMENT);
        archive.start_file(format!("{FOLDER}/{name}"), options)?;
        Ok(archive.write_all(content)?)
    };
    add("data.pkl", &module(buffers))?;
    add("code/__torch__.py", class(methods, buffers).as_bytes())?;
    for (number, (_, buffer)) in buffers.iter().enumerate() {
        add(&format!("data/{number}"), &buffer.to_bytes())?;
    }
    add("constants.pkl", &Pickle::new().empty_tuple().finish())?;
    add("version", VERSION.as_bytes())?;
    add("byteorder", b"little")?;
    Ok(archive.finish()?.into_inner())
}

/// The module object with its attributes, which are those that the class declares.
fn module(buffers: &[(&str, Tensor)]) -> Vec<u8> {
    Pickle::new()
        .global("__torch__", CLASS)
        .object(|state| {
            buffers
                .iter()
                .enumerate()
                .fold(state, |state, (number, (name, buffer))| {
                    tensor(state.text(name), number, buffer)
                })
                .text("training")
                .no()
                .text("_is_full_backward_hook")
                .none()
        })
        .finish()
}

/// The tensor whose elements are the archive's record `data/<number>`.
fn tensor(pickle: Pickle, number: usize, tensor: &Tensor) -> Pickle {
    let storage = match tensor.data_type {
        DataType::Fp32 => "FloatStorage",
        DataType::Fp16 => "HalfStorage",
        DataType::Int32 => "IntStorage",
        DataType::Int64 => "LongStorage",
    };
    let extents: Vec<i64> = tensor.shape.iter().map(|&extent| extent as i64).collect();
    let strides: Vec<i64> = (1..=extents.len())
        .map(|axis| extents[axis..].iter().product())
        .collect();
    pickle
        .global("torch._utils", "_rebuild_tensor_v2")
        .tuple(|arguments| {
            arguments
                .tuple(|identity| {
                    identity
                        .text("storage")
                        .global("torch", storage)
                        .text(&number.to_string())
                        .text("cpu")
                        .integer(tensor.values.len() as i64)
                })
                .persistent()
                .integer(0)
                .integers(&extents)
                .integers(&strides)
                .no()
                .global("collections", "OrderedDict")
                .empty_tuple()
                .call()
        })
        .call()
}

/// The module's class.
fn class(methods: &str, buffers: &[(&str, Tensor)]) -> String {
    let names: String = buffers
        .iter()
        .map(|(name, _)| format!("\"{name}\", "))
        .collect();
    let declarations: String = buffers
        .iter()
        .map(|(name, _)| format!("  {name} : Tensor\n"))
        .collect();
    let methods: String = methods.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "class {CLASS}(Module):\n  __parameters__ = []\n  __buffers__ = [{names}]\n{declarations}  \
         training : bool\n  _is_full_backward_hook : Optional[bool]\n{methods}"
    )
}

/// `forward`, which calls one operator a domain.
fn methods(model: &Model) -> String {
    let parameter = model.parameter_name();
    let arguments: String = model
        .inputs()
        .iter()
        .map(|input| format!(",\n    {}: Tensor", input.name))
        .collect();
    let count = model.domains.len();
    let result = match count {
        1 => "Tensor".to_owned(),
        _ => format!("Tuple[{}]", vec!["Tensor"; count].join(", ")),
    };
    let mut text = format!("def forward(self: __torch__.{CLASS}{arguments}) -> {result}:\n");
    let mut line = |line: String| {
        writeln!(text, "  {line}").expect("writing to a string does not fail");
    };
    if model.parameter_source == ParameterSource::Constant {
        line(format!("{parameter} = self.{parameter}"));
    }
    if model.composed {
        line(format!("y0 = {}", composition(model)));
        line("return y0".to_owned());
        return text;
    }
    for (index, domain) in model.domains.iter().enumerate() {
        let op = model
            .operator(Framework::PyTorch, domain)
            .replace("::", ".");
        let attribute = match model.op {
            Op::BiasGelu => format!(", \"{}\"", model.approximation.name()),
            Op::RmsNorm => format!(", {:?}", f64::from(model.epsilon)),
            Op::Modulo | Op::SelectAbove => String::new(),
        };
        let operands = model.operands().join(", ");
        line(format!("y{index} = ops.{op}({operands}{attribute})"));
    }
    let results: Vec<String> = (0..count).map(|index| format!("y{index}")).collect();
    line(match results.as_slice() {
        [result] => format!("return {result}"),
        _ => format!("return ({})", results.join(", ")),
    });
    text
}

/// The function by PyTorch's own operators, as an expression.
fn composition(model: &Model) -> String {
    let parameter = model.parameter_name();
    match model.op {
        // In this version of the format it has no attribute yet.
        Op::BiasGelu => format!("torch.gelu(torch.add(x, {parameter}))"),
        Op::RmsNorm => format!(
            "torch.rms_norm(x, {:?}, {parameter}, {:?})",
            model.parameter_dims(),
            f64::from(model.epsilon)
        ),
        Op::Modulo => format!("torch.remainder(x, {parameter})"),
        Op::SelectAbove => format!("torch.masked_select(x, torch.gt(x, {parameter}))"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn read(model: &Model) -> Vec<(String, u64, Vec<u8>)> {
        let bytes = encode(model).expect("a model");
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip archive");
        (0..archive.len())
            .map(|index| {
                let mut file = archive.by_index(index).expect("a member");
                assert_eq!(file.compression(), CompressionMethod::Stored);
                let mut content = Vec::new();
                file.read_to_end(&mut content).expect("its content");
                let start = file.data_start().expect("its place");
                let name = file.name().expect("its name").into_owned();
                (name, start, content)
            })
            .collect()
    }

    fn model(op: Op, source: ParameterSource) -> Model {
        Model::new(op, DataType::Fp16, &[-1, 8], source).in_format(Framework::PyTorch)
    }

    #[test]
    fn a_constant_is_an_aligned_record_and_an_attribute() {
        let model = model(Op::RmsNorm, ParameterSource::Constant).with_epsilon(0.25);
        let members = read(&model);
        let names: Vec<&str> = members.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "model/data.pkl",
                "model/code/__torch__.py",
                "model/data/0",
                "model/constants.pkl",
                "model/version",
                "model/byteorder",
            ]
        );
        assert!(members.iter().all(|(_, start, _)| start % 64 == 0));
        assert_eq!(members[2].2.len(), 16);
        assert_eq!(
            String::from_utf8_lossy(&members[1].2),
            "class SampleModel(Module):\n\
             \x20 __parameters__ = []\n\
             \x20 __buffers__ = [\"weight\", ]\n\
             \x20 weight : Tensor\n\
             \x20 training : bool\n\
             \x20 _is_full_backward_hook : Optional[bool]\n\
             \x20 def forward(self: __torch__.SampleModel,\n\
             \x20     x: Tensor) -> Tensor:\n\
             \x20   weight = self.weight\n\
             \x20   y0 = ops.custom_ops.rms_norm(x, weight, 0.25)\n\
             \x20   return y0\n"
        );
    }

    #[test]
    fn several_domains_return_a_tuple() {
        let model = model(Op::BiasGelu, ParameterSource::Input).with_domains(&["a.ops", "b.ops"]);
        let members = read(&model);
        assert!(members.iter().all(|(name, ..)| !name.contains("data/0")));
        let code = String::from_utf8_lossy(&members[1].2).into_owned();
        for part in [
            "bias: Tensor) -> Tuple[Tensor, Tensor]:",
            "y0 = ops.a_ops.bias_gelu(x, bias, \"none\")",
            "y1 = ops.b_ops.bias_gelu(x, bias, \"none\")",
            "return (y0, y1)",
        ] {
            assert!(code.contains(part), "{code}");
        }
    }

    #[test]
    fn an_operator_is_called_by_its_name_without_the_overload() {
        let model = model(Op::Modulo, ParameterSource::Input)
            .with_domains(&["aten"])
            .with_operator_name("remainder.Tensor");
        let code = String::from_utf8_lossy(&read(&model)[1].2).into_owned();
        assert!(code.contains("ops.aten.remainder(x, divisor)"), "{code}");
        let model = self::model(Op::BiasGelu, ParameterSource::Input).without_bias();
        let code = String::from_utf8_lossy(&read(&model)[1].2).into_owned();
        assert!(
            code.contains("ops.custom_ops.bias_gelu(x, \"none\")"),
            "{code}"
        );
    }

    #[test]
    fn the_same_model_is_the_same_file() {
        let model = model(Op::BiasGelu, ParameterSource::Constant);
        assert_eq!(encode(&model).unwrap(), encode(&model).unwrap());
    }
}
