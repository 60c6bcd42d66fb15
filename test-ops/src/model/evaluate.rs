use super::{Model, ParameterSource};
use crate::{Op, Tensor, reference};

/// Runs the model's nodes by the reference maths.
pub(super) fn evaluate(model: &Model, inputs: &[Tensor], signatures: &[(&str, u8)]) -> Vec<Tensor> {
    assert_eq!(
        inputs.len(),
        model.inputs().len(),
        "inputs of model {}",
        model.name
    );
    let x = &inputs[0];
    let parameter = match model.parameter_source {
        _ if model.without_bias => {
            let row = x.shape.last().copied().unwrap_or(1);
            Tensor::new(x.data_type, &[row], vec![0.0; row])
        }
        ParameterSource::Input => inputs[1].clone(),
        ParameterSource::Constant => model.constant_parameter(),
    };
    let result = match model.op {
        Op::BiasGelu => reference::bias_gelu(&x.values, &parameter.values, model.approximation),
        Op::RmsNorm => reference::rms_norm(&x.values, &parameter.values, f64::from(model.epsilon)),
        Op::Modulo => reference::modulo(&x.values, &parameter.values, !x.data_type.is_float()),
        Op::SelectAbove => reference::select_above(&x.values, parameter.values[0]),
    };
    let shape = match model.op {
        Op::SelectAbove => vec![result.len()],
        _ => x.shape.clone(),
    };
    model
        .domains
        .iter()
        .map(|domain| {
            let signature = signatures
                .iter()
                .find(|(name, _)| name == domain)
                .map_or(0.0, |&(_, signature)| f64::from(signature));
            // A library rounds its result before it adds its signature.
            let values = result
                .iter()
                .map(|&value| x.data_type.round(value) + signature)
                .collect();
            Tensor::new(x.data_type, &shape, values)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataType;

    #[test]
    fn without_a_bias_it_is_zero() {
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 2],
            ParameterSource::Input,
        );
        let x = Tensor::new(DataType::Fp32, &[2, 2], vec![-1.0, 0.0, 0.5, 2.0]);
        let zero = Tensor::new(DataType::Fp32, &[2], vec![0.0, 0.0]);
        let with_bias = model.expected(&[x.clone(), zero], &[]);
        assert_eq!(model.without_bias().expected(&[x], &[]), with_bias);
    }

    #[test]
    fn each_domain_adds_its_signature() {
        let model = Model::new(
            Op::SelectAbove,
            DataType::Fp32,
            &[-1],
            ParameterSource::Input,
        )
        .with_domains(&["a", "b"]);
        let inputs = [
            Tensor::new(DataType::Fp32, &[3], vec![1.0, 5.0, 3.0]),
            Tensor::new(DataType::Fp32, &[1], vec![2.0]),
        ];
        let outputs = model.expected(&inputs, &[("b", 100)]);
        assert_eq!(outputs[0].values, [5.0, 3.0]);
        assert_eq!(outputs[1].values, [105.0, 103.0]);
        assert_eq!(outputs[1].shape, [2]);
    }
}
