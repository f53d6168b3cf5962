// What the tests share: doctest, and the numbers that make_fixtures.py wrote.
#pragma once

#include <ATen/ATen.h>

// Torch's logging has a macro of this name.
#undef CHECK
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>

using Tensors = std::map<std::string, at::Tensor>;

/// A file in the folder of fixtures, which the environment variable NST_FIXTURES names.
std::filesystem::path fixture(const std::string& name);

/// The tensors of a file that torch.save wrote from a dict.
Tensors tensors(const std::string& name);

/// Largest difference, relative to the largest value of `expected`.
double difference(const at::Tensor& found, const at::Tensor& expected);

/// What is said by the exception that `run` throws; its type must be Error. Empty where it throws none.
template <typename Error, typename Run>
std::string message(const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Whether a text has another in it.
inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
