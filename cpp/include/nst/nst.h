// The whole library: load an extractor, stylize.
#pragma once

#include "nst/adam.h"
#include "nst/build_info.h"
#include "nst/errors.h"
#include "nst/extractor.h"
#include "nst/lbfgs.h"
#include "nst/losses.h"
#include "nst/objective.h"
#include "nst/stylizer.h"
