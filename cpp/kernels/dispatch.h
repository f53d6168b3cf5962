// The table of kernels. They are compiled once for every instruction set; the best table that the processor can run is
// chosen when the program runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nst::detail {

/// What is done to the result of a convolution while it is in registers, in this order; null leaves a step out.
template <typename T>
struct Epilogue {
  const float* bias = nullptr;     ///< one for each channel
  bool relu = false;               ///< negative results become zero
  const uint8_t* signs = nullptr;  ///< the result is zero where a bit of SignBits is
  const T* add = nullptr;          ///< a map that is added; it may be the output itself
  uint8_t* kept = nullptr;         ///< SignBits of the result, to be written
};

/// One image to convolve, as layers/winograd_convolution.cpp describes it. T is float, or uint16_t for the bits of
/// bfloat16.
template <typename T>
struct WinogradProblem {
  const T* input;
  int64_t height, width, across, inputs, outputs;
  const T* const* kernel;  ///< by panel of outputs: 36 matrices with a gap behind each
  Epilogue<T> epilogue;
  T* output;
};

/// The tiles from `first` on; the scratch has room for (count, 36, inputs) of T and (count, 36, panel) of float, with a
/// gap behind every tile.
template <typename T>
using WinogradTiles = void (*)(const WinogradProblem<T>&, int64_t first, int64_t count, T* rows, float* products);

/// Two rows of a map to one row of the pooled map; `width` counts the positions of the latter. `takers` says which of
/// its four inputs every pooled number's gradient goes to, a bit for each; null where nobody wants to know.
template <typename T>
using PoolRow = void (*)(const T* above, const T* below, int64_t width, int64_t channels, bool average, bool relu,
                         T* out, uint8_t* takers);

/// The gradient of PoolRow, each input's times `share`; `add_above` and `add_below` are added, where they are not null.
/// They may be the outputs themselves.
template <typename T>
using PoolRowBackward = void (*)(const T* gradient, const uint8_t* takers, const T* add_above, const T* add_below,
                                 int64_t width, int64_t channels, float share, T* out_above, T* out_below);

/// Bit i % 8 of byte i / 8 becomes one where map[i] is positive.
template <typename T>
using SignBits = void (*)(const T* map, int64_t count, uint8_t* signs);

/// out = (a bit of SignBits ? out : 0) + add; signs or add may be null.
template <typename T>
using MaskAdd = void (*)(const uint8_t* signs, const T* add, int64_t count, T* out);

/// Σ (a - b)².
template <typename T>
using SquaredError = double (*)(const T* a, const T* b, int64_t count);

/// out = (a - b) factor.
template <typename T>
using ScaledDifference = void (*)(const T* a, const T* b, int64_t count, float factor, T* out);

/// sums (channels) += every one of `count` positions, each times its factor, unless that is null.
template <typename T>
using AddPositions = void (*)(const T* map, const float* factors, int64_t count, int64_t channels, float* sums);

/// Adds the inner products of a row with each of the others to `sums`, all of `count` numbers.
using RowProducts = void (*)(const float* row, const float* const* other, int64_t others, int64_t count, double* sums);

/// out = Σ factors[r] rows[r] over `height` rows of `count` numbers that are `apart` from each other.
using CombineRows = void (*)(const float* rows, int64_t apart, const float* factors, int64_t height, int64_t count,
                             float* out);

/// A row of a convolution that reads few channels, see few_channels.inc.
template <typename T>
using FewChannelRow = void (*)(const T* input, int64_t height, int64_t width, int64_t inputs, int64_t y,
                               const float* kernel, int64_t outputs, const float* bias, bool relu, float* lines,
                               T* out);

/// What every position of a gradient adds to its neighbours, see few_channels.inc.
template <typename T>
using FewChannelParts = void (*)(const T* gradient, int64_t count, int64_t outputs, const void* kernel, int64_t padded,
                                 float* widened, float* parts);

/// A row of the gradient of the input, from three rows of parts.
using FewChannelGather = void (*)(const float* const* rows, int64_t width, int64_t inputs, int64_t padded, float* out);

/// Matrix kernels for one type of number, all null where the processor cannot multiply that type.
template <typename T>
struct MatrixKernels {
  int64_t step;  ///< rows that pack() interleaves
  /// A block of weights (9, panel of K, panel of C) to its part of 36 matrices (inputs / step, panel, step) with a gap
  /// behind each. Inputs whose index leaves the same rest when divided by the step are neighbours. Of the convolution,
  /// whose inputs are the C, or, transposed, of its gradient, whose inputs are the K.
  void (*winograd_weights)(const T* block, bool transposed, int64_t inputs, T* packed);
  WinogradTiles<T> winograd_tiles;
  /// (rows, width) to panels (width / panel, rows / step, panel, step), each row times its factor, unless that is null.
  void (*pack)(const T* matrix, const float* factors, int64_t rows, int64_t width, T* packed);
  /// The panels on and above the diagonal of c (width, width) += aᵀ b, both (depth, width), packed.
  void (*add_gram)(const T* a, const T* b, int64_t depth, int64_t width, float* c);
  /// out (rows, width) = a (rows, depth) b + bias, where b (depth, width) is packed and the bias may be null.
  void (*gemm)(const T* a, int64_t rows, int64_t depth, const T* b, int64_t width, const float* bias, T* out);
};

/// All kernels for one type of number.
template <typename T>
struct TypeKernels {
  MatrixKernels<T> matrix;
  FewChannelRow<T> few_channel_row;
  FewChannelParts<T> few_channel_parts;
  FewChannelGather few_channel_gather;
  PoolRow<T> pool_row;
  PoolRowBackward<T> pool_row_backward;
  SignBits<T> sign_bits;
  MaskAdd<T> mask_add;
  SquaredError<T> squared_error;
  ScaledDifference<T> scaled_difference;
  AddPositions<T> add_positions;
};

struct KernelTable {
  const char* isa;
  int64_t panel;  ///< columns of a matrix that are handled together; channels must be a multiple
  int64_t gap;    ///< numbers behind every matrix and every tile in the scratch of Winograd
  TypeKernels<float> fp32;
  TypeKernels<uint16_t> bf16;  ///< bfloat16, by its bits
  RowProducts row_products;
  CombineRows combine_rows;
};

/// The fastest table that this processor can run, or the one that the environment variable NST_ISA names.
///
/// Throws std::runtime_error: this processor has none of the name in NST_ISA.
const KernelTable& kernels();

/// The names of all tables that this processor can run, the fastest first.
std::vector<std::string> instruction_sets();

}  // namespace nst::detail
