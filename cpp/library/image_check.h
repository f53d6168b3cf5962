// What an image must be.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "nst/errors.h"

namespace nst::detail {

/// Throw ImageError unless an image, "content image" for instance, has the shape (1, 3, H, W).
inline void check_image(const std::string& name, const at::Tensor& image) {
  if (!image.defined() || image.dim() != 4 || image.size(0) != 1 || image.size(1) != 3)
    throw ImageError("the " + name + " must have the shape (1, 3, H, W)" +
                     (image.defined() ? c10::str(", not ", image.sizes()) : ", not be undefined"));
}

}  // namespace nst::detail
