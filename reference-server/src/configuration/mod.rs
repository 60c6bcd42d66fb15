//! Model configuration: parsed, validated, completed by what the model itself reports.
