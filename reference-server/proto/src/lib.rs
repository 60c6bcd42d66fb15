//! Model configuration messages with Triton's public names and field numbers.
