//! Attributes of plugins.

use std::fmt;

/// An attribute that a plugin's creator lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginField {
    /// Its name.
    pub(super) name: String,
    /// A number of TensorRT's `PluginFieldType`, of which later versions have more.
    pub(super) kind: i32,
}

/// `epsilon: float32`; the name alone where the creator leaves the type open.
impl fmt::Display for PluginField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            0 => "float16",
            1 => "float32",
            2 => "float64",
            3 => "int8",
            4 => "int16",
            5 => "int32",
            6 => "char",
            7 => "dims",
            8 => return f.write_str(&self.name),
            9 => "bfloat16",
            10 => "int64",
            11 => "float8",
            12 => "int4",
            13 => "float4",
            other => return write!(f, "{}: type number {other}", self.name),
        };
        write!(f, "{}: {kind}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_or_numbered_or_left_out() {
        let told = |kind| {
            let name = "axis".to_owned();
            PluginField { name, kind }.to_string()
        };
        assert_eq!(told(5), "axis: int32");
        assert_eq!(told(8), "axis");
        assert_eq!(told(99), "axis: type number 99");
    }
}
