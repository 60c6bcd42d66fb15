//! Suites of cases for op libraries: arrangements, expectations, how a case is run and judged.
