/*
 * The bridge is one translation unit: PyTorch's headers take most of the time to compile, so they
 * are read once.
 */

#include "execution.h"
#include "failure.h"
#include "module.h"
#include "operators.h"
#include "process.h"
