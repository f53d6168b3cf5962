#include "pictures.h"

#include <ATen/Functions.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

// (H, W, 3) bytes to (1, 3, H, W) in [0, 1]
at::Tensor to_tensor(const Bytes& pixels, int64_t height, int64_t width) {
  const auto view = at::from_blob(const_cast<unsigned char*>(pixels.data()), {height, width, 3}, at::kByte);
  return view.to(at::kFloat).div_(255).permute({2, 0, 1}).unsqueeze(0).contiguous();
}

at::Tensor read_jpeg(const std::string& path, const Bytes& file) {
  const std::unique_ptr<void, int (*)(tjhandle)> reader(tjInitDecompress(), tjDestroy);
  int width = 0, height = 0, sampling = 0, colours = 0;
  // A warning, of stray bytes for instance, comes with a picture; other programs show it too.
  const auto failed = [&](int code) { return code && tjGetErrorCode(reader.get()) == TJERR_FATAL; };
  if (failed(tjDecompressHeader3(reader.get(), file.data(), file.size(), &width, &height, &sampling, &colours)))
    throw std::runtime_error("'" + path + "' is no JPEG that can be read: " + tjGetErrorStr2(reader.get()));
  Bytes pixels(3ul * width * height);
  if (failed(tjDecompress2(reader.get(), file.data(), file.size(), pixels.data(), width, 0, height, TJPF_RGB, 0)))
    throw std::runtime_error("'" + path + "' is damaged: " + tjGetErrorStr2(reader.get()));
  return to_tensor(pixels, height, width);
}

at::Tensor read_png(const std::string& path, const Bytes& file) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&png, file.data(), file.size()))
    throw std::runtime_error("'" + path + "' is no PNG that can be read: " + png.message);
  png.format = PNG_FORMAT_RGB;
  Bytes pixels(PNG_IMAGE_SIZE(png));
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&png, &white, pixels.data(), 0, nullptr))
    throw std::runtime_error("'" + path + "' is damaged: " + png.message);
  return to_tensor(pixels, png.height, png.width);
}

}  // namespace

at::Tensor read_picture(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("the image '" + path + "' cannot be opened; does it exist?");
  const Bytes file{std::istreambuf_iterator<char>(stream), {}};
  if (file.size() > 8 && png_sig_cmp(file.data(), 0, 8) == 0) return read_png(path, file);
  if (file.size() > 2 && file[0] == 0xff && file[1] == 0xd8) return read_jpeg(path, file);
  throw std::runtime_error("'" + path + "' is neither PNG nor JPEG");
}

void check_output(const std::string& path) {
  const std::filesystem::path file(path), folder = file.parent_path();
  if (file.extension() != ".png")
    throw std::runtime_error("the output is written as PNG; name a file that ends in .png");
  if (!folder.empty() && !std::filesystem::is_directory(folder))
    throw std::runtime_error("the folder '" + folder.string() + "' does not exist; make it first");
}

void write_png(const std::string& path, const at::Tensor& image) {
  const auto pixels = image[0].permute({1, 2, 0}).mul(255).round_().clamp_(0, 255).to(at::kByte).contiguous();
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.height = static_cast<png_uint_32>(pixels.size(0));
  png.width = static_cast<png_uint_32>(pixels.size(1));
  png.format = PNG_FORMAT_RGB;
  if (!png_image_write_to_file(&png, path.c_str(), 0, pixels.const_data_ptr<uint8_t>(), 0, nullptr))
    throw std::runtime_error("'" + path + "' cannot be written: " + png.message);
}

at::Tensor fit(const at::Tensor& image, int64_t size, bool enlarge) {
  const auto height = image.size(2), width = image.size(3), longest = std::max(height, width);
  if (longest == size || (longest < size && !enlarge)) return image;
  const auto scaled = [&](int64_t side) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(side * size) / static_cast<double>(longest)));
  };
  return at::_upsample_bicubic2d_aa(image, {scaled(height), scaled(width)}, false, std::nullopt, std::nullopt)
      .clamp_(0, 1);
}
