//! Sample op libraries and their models: sources, reference maths, builder.
