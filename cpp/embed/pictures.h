// PNG and JPEG files to tensors and back.
//
// With libpng's simplified interface and TurboJPEG: the reference readers of the two formats, maintained and patched
// in every distribution, each with an interface of a few calls. That the library itself reads no files is on purpose.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

/// Read a PNG or JPEG file, by its first bytes. Transparency is composited over white. Unlike in Python, EXIF rotation
/// and colour profiles are not applied.
///
/// Returns (1, 3, H, W), RGB in [0, 1].
/// Throws std::runtime_error: missing, damaged or of another kind.
at::Tensor read_picture(const std::string& path);

/// Check, before any work, that write_png() could write there. Throws std::runtime_error: no PNG, or no such folder.
void check_output(const std::string& path);

/// Write (1, 3, H, W) in [0, 1] as PNG with 8 bits. Throws std::runtime_error: the file cannot be written.
void write_png(const std::string& path, const at::Tensor& image);

/// Make the longer side at most `size` pixels, antialiased, or exactly that with `enlarge`. image: (1, 3, H, W).
at::Tensor fit(const at::Tensor& image, int64_t size, bool enlarge = false);
