// Every error that this library raises on purpose.
#pragma once

#include <stdexcept>

#include "nst/visibility.h"

namespace nst {

/// Base of all of them; what() says what was given, what is allowed and what to do.
class NST_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file is missing or cannot be read.
class NST_API FileError : public Error {
 public:
  using Error::Error;
};

/// A file can be read, but is not an exported extractor that this library can use.
class NST_API ExportError : public Error {
 public:
  using Error::Error;
};

/// An image has the wrong shape, numbers or size.
class NST_API ImageError : public Error {
 public:
  using Error::Error;
};

/// An option has an invalid value, or names a layer that the extractor does not have.
class NST_API OptionError : public Error {
 public:
  using Error::Error;
};

/// The objective gave NaN or infinity again and again, whatever was tried.
class NST_API NonFiniteError : public Error {
 public:
  using Error::Error;
};

}  // namespace nst
