//! CPU kernels of the sample ops: one source of the maths for every framework.
