// Small files of every format, written by the libraries themselves.
#ifndef INTELLIGENCED_TESTS_UNIT_MEDIA_IMAGE_FILES_H_
#define INTELLIGENCED_TESTS_UNIT_MEDIA_IMAGE_FILES_H_

#include <tiffio.h>
#include <turbojpeg.h>
#include <unistd.h>
#include <webp/encode.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "runtime/media/image.h"

namespace intelligenced {

// Red at the top left, green at the top right, blue at the bottom left, black at the bottom right.
inline Image FourColours(int width, int height) {
  Image image = *Image::Make(width, height, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool left = x < width / 2;
      const bool top = y < height / 2;
      uint8_t* const pixel = image.row(y) + static_cast<ptrdiff_t>(3) * x;
      pixel[0] = left && top ? 255 : 0;
      pixel[1] = !left && top ? 255 : 0;
      pixel[2] = left && !top ? 255 : 0;
    }
  }
  return image;
}

inline absl::Span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string JpegFile(const Image& image) {
  tjhandle handle = tj3Init(TJINIT_COMPRESS);
  tj3Set(handle, TJPARAM_QUALITY, 95);
  tj3Set(handle, TJPARAM_SUBSAMP, image.channels() == 1 ? TJSAMP_GRAY : TJSAMP_444);
  unsigned char* bytes = nullptr;
  size_t size = 0;
  tj3Compress8(handle, image.data(), image.width(), 0, image.height(),
               image.channels() == 1 ? TJPF_GRAY : TJPF_RGB, &bytes, &size);
  std::string file(reinterpret_cast<char*>(bytes), size);
  tj3Free(bytes);
  tj3Destroy(handle);
  return file;
}

// A JPEG file whose EXIF block says how to turn it.
inline std::string JpegFileTurned(const Image& image, char orientation) {
  std::string exif("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 25);
  exif += std::string(1, orientation) + std::string("\0\0\0\0\0\0", 6);
  const std::string file = JpegFile(image);
  const size_t length = exif.size() + 2;
  return file.substr(0, 2) + "\xff\xe1" + static_cast<char>(length >> 8) +
         static_cast<char>(length & 255) + exif + file.substr(2);
}

inline std::string WebpFile(const Image& image) {
  uint8_t* bytes = nullptr;
  const size_t size = WebPEncodeLosslessRGB(image.data(), image.width(), image.height(),
                                            static_cast<int>(image.row_bytes()), &bytes);
  std::string file(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  return file;
}

inline std::string BmpFile(const Image& image) {
  const auto little = [](uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(uint64_t{value} >> (8 * i) & 255);
    return text;
  };
  const auto stride = static_cast<uint32_t>((image.row_bytes() + 3) / 4 * 4);
  std::string pixels;
  for (int y = image.height() - 1; y >= 0; --y) {
    std::string row;
    for (int x = 0; x < image.width(); ++x) {
      const uint8_t* const pixel = image.row(y) + static_cast<ptrdiff_t>(3) * x;
      for (int c = 2; c >= 0; --c) row += static_cast<char>(pixel[c]);
    }
    row.resize(stride, '\0');
    pixels += row;
  }
  const auto size = static_cast<uint32_t>(54 + pixels.size());
  return "BM" + little(size, 4) + little(0, 4) + little(54, 4) + little(40, 4) +
         little(image.width(), 4) + little(image.height(), 4) + little(1, 2) + little(24, 2) +
         little(0, 4) + little(0, 4) + little(11811, 4) + little(11811, 4) + std::string(8, '\0') +
         pixels;
}

// libtiff writes files only.
inline std::string TiffFile(const Image& image, uint16_t orientation = ORIENTATION_TOPLEFT) {
  char path[] = "/tmp/intelligenced-tiff-XXXXXX";
  close(mkstemp(path));
  TIFF* const tiff = TIFFOpen(path, "w");
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, image.width());
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, image.height());
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, image.channels());
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC,
               image.channels() == 1 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, orientation);
  TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 300.0);
  TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
  for (int y = 0; y < image.height(); ++y) {
    TIFFWriteScanline(tiff, const_cast<uint8_t*>(image.row(y)), y, 0);
  }
  TIFFClose(tiff);
  std::ifstream in(path, std::ios::binary);
  std::string file(std::istreambuf_iterator<char>(in), {});
  unlink(path);
  return file;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_MEDIA_IMAGE_FILES_H_
