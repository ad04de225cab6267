#include "runtime/media/image_write.h"

#include <webp/encode.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr std::string_view kSoftware = "intelligenced";
// The signature and the first chunk, behind which text may stand.
constexpr size_t kPngHeaderBytes = 8 + 25;
constexpr int kMaxWebpSide = 16'383;

struct SourceWords {
  std::string_view word;
  std::string_view iptc;
};

SourceWords WordsOf(ImageSource source) {
  switch (source) {
    case ImageSource::kGenerated:
      break;
    case ImageSource::kComposite:
      return {"restyled", "compositeWithTrainedAlgorithmicMedia"};
    case ImageSource::kEnhanced:
      return {"resized", "algorithmicallyEnhanced"};
  }
  return {"generated", "trainedAlgorithmicMedia"};
}

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1) != 0 ? 0xEDB88320U ^ (value >> 1) : value >> 1;
    }
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc = kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
  }
  return ~crc;
}

std::string BigEndian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string LittleEndian(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

// iTXt: UTF-8, not compressed, of no language.
std::string PngText(std::string_view key, std::string_view value) {
  std::string content = "iTXt";
  content += key;
  content.append("\0\0\0\0\0", 5);
  content += value;
  return absl::StrCat(BigEndian(static_cast<uint32_t>(content.size() - 4)), content,
                      BigEndian(Crc32(content)));
}

std::string RiffChunk(std::string_view kind, std::string_view content) {
  std::string chunk =
      absl::StrCat(kind, LittleEndian(static_cast<uint32_t>(content.size()), 4), content);
  if (content.size() % 2 == 1) chunk.push_back('\0');
  return chunk;
}

std::string EscapeXml(std::string_view text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
  // What XML cannot hold.
  std::erase_if(escaped, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  return escaped;
}

}  // namespace

std::string OriginXmp(const ImageOrigin& origin) {
  std::string text = absl::StrCat(
      "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
      "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
      "<rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\""
      " xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\""
      " xmlns:intelligenced=\"urn:intelligenced:origin\""
      " Iptc4xmpExt:DigitalSourceType=\"http://cv.iptc.org/newscodes/digitalsourcetype/",
      WordsOf(origin.source).iptc, "\" xmp:CreatorTool=\"", kSoftware, "\"");
  absl::StrAppend(&text, " intelligenced:source=\"", WordsOf(origin.source).word, "\"");
  if (!origin.model.empty()) {
    absl::StrAppend(&text, " intelligenced:model=\"", EscapeXml(origin.model), "\"");
  }
  if (origin.seed.has_value()) absl::StrAppend(&text, " intelligenced:seed=\"", *origin.seed, "\"");
  absl::StrAppend(&text, "/></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>");
  return text;
}

absl::StatusOr<std::string> WritePng(const Image& image, const ImageOrigin& origin) {
  absl::StatusOr<std::string> file = EncodePng(image);
  if (!file.ok()) return file.status();
  std::string text =
      absl::StrCat(PngText("Software", kSoftware), PngText("Source", WordsOf(origin.source).word));
  if (!origin.model.empty()) text += PngText("Model", origin.model);
  if (origin.seed.has_value()) text += PngText("Seed", absl::StrCat(*origin.seed));
  text += PngText("XML:com.adobe.xmp", OriginXmp(origin));
  file->insert(kPngHeaderBytes, text);
  return file;
}

absl::StatusOr<std::string> WriteWebp(const Image& image, const ImageOrigin& origin) {
  if (image.width() > kMaxWebpSide || image.height() > kMaxWebpSide) {
    return MakeError(
        Reason::kInputTooLarge,
        absl::StrCat("A WebP picture has at most ", kMaxWebpSide, " pixels a side; ask for PNG."));
  }
  // The library takes colours.
  std::vector<uint8_t> colours;
  const uint8_t* pixels = image.data();
  size_t stride = image.stride();
  if (image.channels() == 1) {
    for (int y = 0; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) colours.insert(colours.end(), 3, image.row(y)[x]);
    }
    pixels = colours.data();
    stride = static_cast<size_t>(image.width()) * 3;
  }
  uint8_t* bytes = nullptr;
  const size_t size = WebPEncodeLosslessRGB(pixels, image.width(), image.height(),
                                            static_cast<int>(stride), &bytes);
  const std::unique_ptr<uint8_t, void (*)(void*)> owner(bytes, WebPFree);
  if (size < 12 || bytes == nullptr) {
    return MakeError(Reason::kMemoryInsufficient, "The picture cannot be written as WebP.");
  }
  // Behind "RIFF", the size and "WEBP" comes the picture's own chunk.
  const std::string_view picture(reinterpret_cast<const char*>(bytes) + 12, size - 12);
  constexpr char kHasXmp = 0x04;
  const std::string header =
      absl::StrCat(std::string(1, kHasXmp), std::string(3, '\0'),
                   LittleEndian(static_cast<uint32_t>(image.width() - 1), 3),
                   LittleEndian(static_cast<uint32_t>(image.height() - 1), 3));
  const std::string content = absl::StrCat("WEBP", RiffChunk("VP8X", header), picture,
                                           RiffChunk("XMP ", OriginXmp(origin)));
  return absl::StrCat("RIFF", LittleEndian(static_cast<uint32_t>(content.size()), 4), content);
}

}  // namespace intelligenced
